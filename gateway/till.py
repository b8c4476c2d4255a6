"""The till: what a request may still cost its key is asked before it goes out, and paid and recorded after it has ended.

Limits are reserved by estimate (`bus/limits.py`); the estimate of an answer is what the caller allows (`max_tokens`), else what
this key's answers have been of late. What a newcomer would get wrong: a durable job ends in another process, so its charge
travels with it (`Job.reserved`) and is put right there.
"""

from typing import Any

import msgspec

from bus.limits import Hold, Limits
from gateway.records import Records
from schemas.events import Done, Failed
from schemas.job import Job
from schemas.operations import OPERATIONS
from schemas.problem import Problem
from schemas.provider import ApiKey
from schemas.rows import Accounts, Bill

TYPICAL = 256.0
"""Tokens of an answer, before a key's first one is known."""
_MEDIA = frozenset(name for name, operation in OPERATIONS.items() if operation.media)
"""Nobody knows beforehand what these cost in tokens, if they cost any; what they did cost is charged at their end."""
FROM_CACHE = Bill(0.0, False, True)


class Till:
    """One gateway's."""

    def __init__(self, limits: Limits, accounts: Accounts, records: Records) -> None:
        self.limits, self.accounts, self.records = limits, accounts, records
        self._typical: dict[str, float] = {}

    def applies(self, key: ApiKey | None) -> bool:
        return key is not None and self.limits.applies(key)

    async def admit(self, key: ApiKey, job: Job, asked: Any) -> tuple[Job, Hold]:
        """Charge the key. Raises `Problem`: RATE_LIMITED, QUOTA (both 429, with the time to wait), UNAVAILABLE."""
        tokens_in, tokens_out = (0, 0) if job.op in _MEDIA else (len(job.body) // 4 + 1, self._answer(key, job, asked))
        cost = self.accounts.estimate(job, tokens_in, tokens_out) if key.budget_day or key.budget_month else 0.0
        try:
            hold = await self.limits.admit(key, tokens_in + tokens_out, cost)
        except Problem as problem:
            if self.records.counts is not None:
                self.records.counts.refuse(str(problem.code))
            raise
        return (msgspec.structs.replace(job, reserved=hold.micros) if job.durable else job), hold

    def close(self, job: Job, end: Done | Failed, hold: Hold | None = None, cached: bool = False) -> None:
        """A live call has ended: record it, and charge what it really was."""
        bill = self.records.add(job, end, FROM_CACHE if cached else None)
        if hold is None:
            return
        usage = end.usage
        if cached:
            hold.settle(0, 0.0)
            return
        if usage.tokens_out:
            old = self._typical.get(job.key, TYPICAL)
            if len(self._typical) > 10_000:
                self._typical.clear()
            self._typical[job.key] = old + 0.1 * (usage.tokens_out - old)
        hold.settle(usage.tokens_in + usage.tokens_out, bill.cost)

    def _answer(self, key: ApiKey, job: Job, asked: Any) -> int:
        """Tokens that the answer may have."""
        if job.op == "embeddings":
            return 0
        allowed = getattr(asked, "max_completion_tokens", None) or getattr(asked, "max_tokens", None)
        return int(allowed or self._typical.get(key.id, TYPICAL)) * (getattr(asked, "n", None) or 1)
