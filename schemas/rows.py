"""From a job and its end to its row of the archive. Pure, so that gateway and worker write the same row.

`finished` is a parameter and not the clock: a row written again by recovery must equal the first one. Times may come
from two hosts, so a difference below zero is a clock's fault and counts as 0. Bodies are cut at 2 MB each, for a row has
to fit into one message.
"""

from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from schemas.callback import CallbackRequest
from schemas.discretion import DISCREET, Discretion
from schemas.events import Attempt, Done, Failed
from schemas.job import Job
from schemas.log import RequestLog
from schemas.problem import Code
from schemas.status import status_of


class _Taken(msgspec.Struct, frozen=True):
    """What `agents/callbacks.py` says of a callback that was taken."""

    status: int | None = None


_encode_json = msgspec.json.Encoder().encode
_decode_callback = msgspec.json.Decoder(CallbackRequest).decode
_decode_taken = msgspec.json.Decoder(_Taken).decode
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
    job: Job,
    end: Done | Failed,
    *,
    finished: float,
    discretion: Discretion = DISCREET,
    again: bool = False,
    bill: Bill = UNKNOWN,
) -> RequestLog:
    """The archive's row. `finished`: Unix seconds. `discretion`: what of it may be written. Never raises."""
    bodies = discretion.bodies_of(job.key)
    fault = end.fault if isinstance(end, Failed) else None
    target, attempts = _delivery(job, end, end.attempts or job.trail)
    last = attempts[-1] if attempts else _NOBODY
    begun = attempts[0].started if attempts else job.first_run
    usage = end.usage
    made = RequestLog(
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
        target=target,
    )
    return discretion.veiled(made)


def _delivery(job: Job, end: Done | Failed, attempts: tuple[Attempt, ...]) -> tuple[str, tuple[Attempt, ...]]:
    """Of a callback: the host it goes to, and the attempts with the status of the try that was taken."""
    if job.op != "callback":
        return "", attempts
    try:
        host = urlsplit(_decode_callback(job.body).target.url).hostname or ""
    except (msgspec.MsgspecError, ValueError):
        host = ""
    if isinstance(end, Done) and attempts:
        try:
            status = _decode_taken(end.body).status
        except msgspec.MsgspecError:
            status = None
        attempts = (*attempts[:-1], msgspec.structs.replace(attempts[-1], status=status))
    return host[:253], attempts


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
