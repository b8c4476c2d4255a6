"""What follows a failure: try again, where and when, or stop. Pure: the table of codes and the schedules are all there is.

A job may be tried again until it has spoken: after the first delta a failure is final, for the caller has heard half an
answer. A live job waits only while its caller would; a durable one until its deadline.
"""

import msgspec

from schemas.events import Attempt
from schemas.problem import Code, Fault

LIVE_ATTEMPTS = 4
DURABLE_ATTEMPTS = 12
LIVE_PATIENCE = 30.0
"""Seconds a live job waits for a cooling queue."""
BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between tries of a durable job when no other provider is left. The last one repeats."""
CALLBACKS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds between deliveries: the schedule of Standard Webhooks 1.0, over about three days."""

ELSEWHERE = frozenset(
    {
        Code.PROVIDER_AUTH,
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_ERROR,
        Code.PROVIDER_UNREACHABLE,
        Code.PROVIDER_TIMEOUT,
        Code.PROVIDER_GARBLED,
        Code.UNAVAILABLE,
        Code.NO_PROVIDER,
    }
)
"""Failures that say nothing about the request itself."""


class Again(msgspec.Struct, frozen=True):
    """Try again. `elsewhere`: on a queue that has not failed this job; `after`: seconds to wait if there is none."""

    elsewhere: bool
    after: float | None
    """None: only if another queue can take it now."""
    model_only: bool = False
    """The next model of its chain only: every provider of this one would refuse it."""


def verdict(
    op: str, fault: Fault, trail: tuple[Attempt, ...], durable: bool, chain: tuple[str, ...] = ()
) -> Again | None:
    """`trail` holds all tries so far, this one included; `chain` the models that are left. None: the failure is final."""
    if op == "callback":
        return _callback(fault, len(trail))
    if fault.code not in ELSEWHERE and not (fault.code is Code.PROVIDER_REFUSED and fault.provider_status == 404):
        if fault.code is Code.PROVIDER_REFUSED and chain and len(trail) < DURABLE_ATTEMPTS:
            return Again(True, None, True)  # too long for this model, or against its rules: the next may take it
        return None
    limited = fault.code is Code.PROVIDER_RATE_LIMITED
    counted = sum(1 for attempt in trail if attempt.code != Code.PROVIDER_RATE_LIMITED)
    if counted >= (DURABLE_ATTEMPTS if durable else LIVE_ATTEMPTS) or len(trail) > 200:
        return None
    if durable:
        if fault.code is Code.PROVIDER_REFUSED:
            return Again(True, None)
        return Again(True, fault.retry_after or BACKOFF[min(max(1, counted), len(BACKOFF)) - 1])
    if limited and (fault.retry_after or 1.0) <= LIVE_PATIENCE:
        return Again(True, fault.retry_after or 1.0)
    return Again(True, None)


def _callback(fault: Fault, tries: int) -> Again | None:
    final = fault.code in (Code.INVALID_REQUEST, Code.FORBIDDEN, Code.NOT_FOUND) or fault.provider_status == 410
    if final or tries > len(CALLBACKS):
        return None
    return Again(False, max(CALLBACKS[tries - 1], fault.retry_after or 0.0))


def cooldown(fault: Fault, failures: int) -> float:
    """Seconds the provider is left alone after its `failures`th failure in a row. 0: not at all.

    One lone 500 does not stop a provider; one refused connection does for a moment, for the next would fail the same way.
    """
    match fault.code:
        case Code.PROVIDER_RATE_LIMITED:
            return fault.retry_after or min(30.0, 0.5 * 2.0 ** min(failures, 6))
        case Code.PROVIDER_AUTH:
            return 30.0
        case Code.PROVIDER_UNREACHABLE:
            return min(15.0, 0.5 * 2.0 ** min(failures - 1, 5))
        case Code.PROVIDER_ERROR | Code.PROVIDER_TIMEOUT | Code.PROVIDER_GARBLED:
            if fault.retry_after:
                return fault.retry_after
            return min(30.0, 2.0 ** min(failures - 3, 5)) if failures >= 3 else 0.0
        case _:
            return 0.0
