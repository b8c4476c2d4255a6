"""Counters that NATS keeps: totals in a stream that adds (`Nats-Incr`), each change exactly once.

What a newcomer would get wrong: a publish whose answer was lost may have counted. It is repeated under the same message id,
and the stream, which remembers ids for two minutes, says that it knows it; but then it does not say the total.
"""

import asyncio
import contextlib
import time
from typing import Any

import msgspec

from bus.connection import Bus
from bus.wire import Message
from schemas.problem import Code, Problem

RESOLVE_SECONDS = 90.0
"""How long an unanswered change is followed up, within the stream's memory of message ids."""


class _Total(msgspec.Struct):
    val: str = ""
    duplicate: bool = False
    error: Any = None


_decode = msgspec.json.Decoder(_Total).decode


class Counters:
    """The totals in the stream."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._names = 0

    async def add(self, subject: str, amount: int, *, name: str = "", timeout: float = 5.0) -> int:
        """The total with `amount` in it, added exactly once. Raises `Problem(UNAVAILABLE)`; it may be added all the same."""
        headers = {"Nats-Incr": f"{amount:+d}", "Nats-Msg-Id": name or self.name()}
        until = time.monotonic() + timeout
        while True:
            with contextlib.suppress(Problem):
                left = max(0.05, min(2.0, until - time.monotonic()))
                message = await self.bus.ask(subject, b"", left, headers)
                total = _decode(message.data)
                if total.error is None and total.val:
                    return int(total.val)
                if total.duplicate:  # an earlier try was stored, and its answer lost
                    return await self.total(subject)
            if time.monotonic() >= until:
                raise Problem(
                    Code.UNAVAILABLE, "The limits of this key can't be checked now; try again.", retry_after=2
                )
            await asyncio.sleep(0.1)

    async def total(self, subject: str) -> int:
        """The total now; 0: nobody has counted. Raises `Problem(UNAVAILABLE)`."""
        stream = stream_of(subject)
        message: Message = await self.bus.ask(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"", 2.0)
        if message.status == "404":
            return 0
        return int(_decode(message.data).val or 0)

    def name(self) -> str:
        """A fresh message id."""
        self._names += 1
        return f"{self.bus.inbox()[0]}.{self._names}"

    async def surely(self, subject: str, amount: int, name: str = "") -> None:
        """Add it in the background, through whatever happens to the connection."""
        if not amount:
            return
        name = name or self.name()
        with contextlib.suppress(Problem):
            await self.add(subject, amount, name=name, timeout=RESOLVE_SECONDS)


def stream_of(subject: str) -> str:
    """The stream that holds the counter."""
    return "COUNT_MINUTE" if subject.split(".")[1] in ("req", "tok") else "COUNT"
