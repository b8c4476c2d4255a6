"""Health checks: while nobody asks a provider for anything, ask for something that spends no tokens.

Traffic is the better check, so there is none while there is some. One bad answer may be chance; two take the provider off line
and the first good one brings it back. A refusal or a 429 is a sign of life: many servers know no list of models.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from schemas.problem import Code, Problem

if TYPE_CHECKING:
    from bus.worker import Worker

log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]
SOONER = 5.0
"""Seconds between two checks while something is wrong."""
UNFIT = frozenset({Code.PROVIDER_UNREACHABLE, Code.PROVIDER_TIMEOUT, Code.PROVIDER_ERROR, Code.PROVIDER_AUTH})
"""What a check must meet with for the provider to count as away."""


async def watch(worker: "Worker", check: Check) -> None:
    """Check every `check_seconds` while the provider is idle or cools, until cancelled."""
    every, bad, seen = worker.provider.check_seconds, 0, -1
    while True:
        await asyncio.sleep(min(every, SOONER) if worker.offline or bad else every)
        served, seen = worker.done != seen, worker.done
        if not worker.idle or (served and not worker.cooling_until and not worker.offline):
            continue
        reason = await _fault(worker, check)
        bad = bad + 1 if reason else 0
        if not reason or bad >= 2:
            worker.set_offline(reason)


async def _fault(worker: "Worker", check: Check) -> str:
    """Why the provider is not fit; empty: it is."""
    try:
        async with asyncio.timeout(worker.provider.check_timeout):
            await check()
    except TimeoutError:
        return f"its health check got no answer in {worker.provider.check_timeout:g} s"
    except Problem as problem:
        return str(problem) if problem.code in UNFIT else ""
    except Exception:
        log.exception("provider.check_failed", provider=worker.provider.name)
    return ""
