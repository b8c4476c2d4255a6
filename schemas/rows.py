"""From a job and its end to its row of the archive. Pure, so that gateway and worker write the same row.

`finished` is a parameter and not the clock: a row written again by recovery must equal the first one. Times may come
from two hosts, so a difference below zero is a clock's fault and counts as 0. Bodies are cut at 2 MB each, for a row has
to fit into one message.
"""

from typing import Any, Protocol

import msgspec

from schemas.events import Attempt, Done, Failed
from schemas.job import Job
from schemas.log import RequestLog
from schemas.problem import Code
from schemas.status import status_of

_encode_json = msgspec.json.Encoder().encode
_LONGEST = 2_000_000
"""Bytes of a body that a row keeps: request and response must pass NATS's 8 MB together."""
_NOBODY = Attempt(0, "", "", "", 0.0, 0.0)


class Bill(msgspec.Struct, frozen=True):
    """What a request has cost, for its row. `cached`: the answer came from the response cache."""

    cost: float | None = None
    estimated: bool = False
    cached: bool = False


UNKNOWN = Bill()


class Accounts(Protocol):
    """Who knows what requests cost (`ops/pricing.py`); gateway and workers are handed one."""

    def bill(self, job: Job, end: Done | Failed) -> Bill:
        """What it cost."""

    def estimate(self, job: Job, tokens_in: int, tokens_out: int) -> float:
        """USD that it will cost, roughly."""

    async def settle(self, job: Job, bill: Bill) -> None:
        """A durable job has ended: put right what its key's budget was charged."""


class NoAccounts:
    """Where nobody counts money."""

    def bill(self, job: Job, end: Done | Failed) -> Bill:
        return UNKNOWN

    def estimate(self, job: Job, tokens_in: int, tokens_out: int) -> float:
        return 0.0

    async def settle(self, job: Job, bill: Bill) -> None:
        return


NO_ACCOUNTS = NoAccounts()


def row(
    job: Job, end: Done | Failed, *, finished: float, bodies: bool, again: bool = False, bill: Bill = UNKNOWN
) -> RequestLog:
    """The archive's row. `finished`: Unix seconds. `bodies`: keep request and response text. Never raises."""
    fault = end.fault if isinstance(end, Failed) else None
    attempts = end.attempts or job.trail
    last = attempts[-1] if attempts else _NOBODY
    begun = attempts[0].started if attempts else job.first_run
    usage = end.usage
    return RequestLog(
        job=job.id,
        created=job.created,
        tenant=job.tenant,
        key=job.key,
        op=job.op,
        style=str(job.style),
        stream=job.stream,
        model=job.asked or job.model,
        outcome=outcome(fault.code if fault else None),
        status=status_of(fault) if fault else 200,
        queue=last.queue,
        provider=end.provider or last.provider,
        agent=last.agent,
        attempts=len(attempts),
        error=str(fault.code) if fault else None,
        message=fault.message if fault else None,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        tokens_reasoning=usage.tokens_reasoning,
        estimated=usage.estimated,
        first_ms=_ms(job.created, end.first),
        wait_ms=_ms(job.created, begun),
        total_ms=_ms(job.created, finished) or 0.0,
        ref=job.ref,
        tag=job.tag,
        client=job.client,
        user_agent=job.user_agent,
        request=_text(job.body) if bodies else None,
        response=_text(end.body) if bodies and isinstance(end, Done) else None,
        trail=_trail(attempts),
        parent=job.parent,
        again=again,
        cost=bill.cost,
        cost_estimated=bill.estimated,
        cached=bill.cached,
        served=end.model or (job.model if job.asked else ""),
        tokens_written=usage.tokens_written,
        run=job.run,
    )


def outcome(code: Code | None) -> str:
    """done, failed or cancelled, as the column says it. None: no fault."""
    if code is None:
        return "done"
    return "cancelled" if code is Code.CANCELLED else "failed"


def _ms(since: float, until: float) -> float | None:
    """Milliseconds between two Unix times; None when the second never came (0)."""
    return round(max(0.0, until - since) * 1000, 3) if until else None


def _text(body: bytes) -> str:
    return body[:_LONGEST].decode("utf-8", "replace")


def _trail(attempts: tuple[Attempt, ...]) -> str:
    if not attempts:
        return ""
    told: list[dict[str, Any]] = [{name: getattr(a, name) for name in a.__struct_fields__} for a in attempts]
    return _encode_json(told).decode()
