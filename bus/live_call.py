"""The line of one live job, as its gateway holds it: events come in from the bus, the answer takes them out.

What a newcomer would get wrong: core NATS is at most once, so the deltas are numbered; and a reader that does not keep up must
not fill our memory, so it is let go.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from bus.router import Route
from schemas.events import Alive, Delta, Done, Event, Failed
from schemas.job import Job
from schemas.problem import Code, Fault

if TYPE_CHECKING:
    from bus.lines import Lines

BACKLOG = 4 * 1024 * 1024
"""Bytes of events that wait for a slow reader before its call is given up."""


class LiveCall:
    """The line of one live job: `await call.next()` until it gives `Done` or `Failed`. Always `close()` it."""

    __slots__ = (
        "_bytes", "_events", "_lines", "_waiter", "ended", "gone_since", "heard", "job", "next_chunk", "queue", "sent", "tap",
        "token", "trail",
    )  # fmt: skip

    def __init__(self, lines: "Lines", job: Job, choice: Route) -> None:
        self._lines, self.job, self.queue, self.trail = lines, job, choice.queue, choice.trail
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self.sent = time.monotonic()
        self.heard = 0.0
        self.gone_since = 0.0
        self.next_chunk = 0
        self.token = ""
        self.tap: Callable[[Event | None], None] | None = None
        """Hears every event that the reader will hear; None when the call was given up."""
        self.ended = False

    async def next(self) -> Event:
        """The next `Progress`, `Delta`, `Done` or `Failed`. After the last two there is nothing more."""
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        event = self._events.popleft()
        if type(event) is Delta:
            self._bytes -= sum(map(len, event.chunks))
        return event

    def ready(self) -> bool:
        """Whether `next` would answer at once: all that is ready goes into one write."""
        return bool(self._events)

    def push(self, event: Event) -> None:
        self.heard = time.monotonic()
        kind = type(event)
        if kind is Alive and event.queue:  # type: ignore[union-attr]
            self._lines.moved(self, event.queue)  # type: ignore[union-attr]
            self.sent, self.heard, self.gone_since = self.heard, 0.0, 0.0
        if self.ended or kind is Alive:
            return
        if kind is Delta:
            event = self._checked(event)  # type: ignore[arg-type]
        elif kind is Done or kind is Failed:
            self.ended = True
        self._events.append(event)
        if self.tap is not None:
            self.tap(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _checked(self, delta: Delta) -> Event:
        """Core NATS is at most once: a hole in the numbers is lost data, and a reader too slow is let go."""
        self._bytes += sum(map(len, delta.chunks))
        fault = None
        if delta.n != self.next_chunk:
            fault = Fault(Code.STREAM_BROKEN, "Part of the stream was lost on the way; please try again.")
        elif self._bytes > BACKLOG:
            fault = Fault(Code.STREAM_BROKEN, "The stream was ended: it was read too slowly.")
        self.next_chunk = delta.n + len(delta.chunks)
        if fault is None:
            return delta
        self.ended = True
        self.stop()
        return Failed(fault)

    def stop(self) -> None:
        """Take it back, and hear its end all the same: the agent's last word tells what it has cost."""
        self._lines.stop(self)

    def fail(self, fault: Fault) -> None:
        """End the call from our side: the reader hears it, the agent is told."""
        if not self.ended:
            self.stop()
            self.push(Failed(fault))

    def cancel(self) -> None:
        """The caller has hung up: stop the provider's call. Harmless after the end."""
        if not self.ended:
            self.ended = True
            self.stop()

    def close(self) -> None:
        self.cancel()
        if self.tap is not None:
            self.tap(None)
        self._lines.forget(self)
