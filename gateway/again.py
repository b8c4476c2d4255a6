"""A durable response's stream told again from its events, to whoever comes: `starting_after` goes on behind a number.

The events are kept for 15 minutes; who comes later hears the whole result at once. What a newcomer would get wrong: an attempt
that was lost may have spoken before the one that succeeded, so deltas that begin anew are left out, and the last event has the
whole truth.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from bus.desk import Desk
from gateway.dialects._dialect import COMMENT
from gateway.dialects._words import pieces_of
from gateway.dialects.responses_stream import ResponseTeller
from schemas.events import Delta, Done, Event, Failed
from schemas.job import Job
from schemas.provider import ApiKey

QUIET_SECONDS = 15.0


async def told_again(desk: Desk, key: ApiKey, job: Job, after: int = -1) -> AsyncGenerator[bytes, None]:
    """The server-sent events with a number above `after`, and a comment whenever nothing has come for a while."""
    events = desk.follow(key, job.id)
    story = Story(job, after)
    if begun := story.begun():
        yield begun
    following: asyncio.Future[tuple[int, Event]] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({following}, timeout=QUIET_SECONDS)
            if not done:
                yield COMMENT
                continue
            _, event = following.result()
            following = None
            if isinstance(event, Done) and not event.body:  # too large for an event
                event = Done((await desk.result(key, job.id)).result, event.usage)
            if told := story.heard(event):
                yield told
    except StopAsyncIteration:
        return
    finally:
        if following is not None:
            following.cancel()
        await _closed(events)


class Story:
    """The same events, with the same numbers, for each reader."""

    def __init__(self, job: Job, after: int) -> None:
        self._teller, self._after, self._next = ResponseTeller(job), after, 0

    def begun(self) -> bytes:
        self._teller.begin(None)
        return self._out()

    def heard(self, event: Event) -> bytes:
        match event:
            case Delta(chunks, n) if n == self._next:
                self._next += len(chunks)
                self._teller.take(chunks)
            case Done():
                if not self._next:
                    self._teller.take(pieces_of(event.body))
                self._teller.finish(event)
            case Failed(fault):
                self._teller.fail(fault)
        return self._out()

    def _out(self) -> bytes:
        return b"".join(event for number, event in self._teller.numbered() if number > self._after)


async def _closed(events: AsyncIterator[tuple[int, Event]]) -> None:
    if isinstance(events, AsyncGenerator):
        await events.aclose()
