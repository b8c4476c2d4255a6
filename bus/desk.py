"""The desk where callers ask after their durable jobs: look, wait, follow, cancel. A job belongs to its key.

A job of another key is answered exactly like one that does not exist, so ids tell nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator

from bus import subjects
from bus.connection import Bus
from bus.dispatch import Dispatcher
from bus.finish import end_of
from bus.jobs import STATE, Jobs
from bus.view import Show, canonical, view_of
from bus.wire import Message
from schemas.events import Alive, Done, Event, Failed, Progress, decode_event
from schemas.job import JobView, Record
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

PAGE = 500


class Desk:
    """Answers for one gateway process."""

    def __init__(self, dispatcher: Dispatcher, show: Show = canonical) -> None:
        """`show`: how results are to look; the house's own form else."""
        self._show = show
        self.dispatcher = dispatcher
        self.bus: Bus = dispatcher.bus
        self.jobs: Jobs = dispatcher.jobs
        self._waiting: dict[int, set[asyncio.Event]] = {}

    async def start(self) -> None:
        await self.bus.listen(subjects.JOB_CHANGES, self._heard)

    async def view(self, key: ApiKey, job: int) -> JobView:
        """The job now. Raises `Problem(NOT_FOUND)`."""
        record = await self._record(key, job)
        if record.state.terminal:
            return view_of(record, None, None, self._show)
        claim = await self.jobs.claim_of(record.job.tenant, job)
        progress = await self._progress(record.job.tenant, job)
        return view_of(record, claim[1] if claim else None, progress, self._show)

    async def wait(self, key: ApiKey, job: int, seconds: float) -> JobView:
        """The job when it has ended, or after `seconds`."""
        changed = asyncio.Event()
        self._waiting.setdefault(job, set()).add(changed)
        try:
            until = time.monotonic() + seconds
            record = await self._record(key, job)
            while not record.state.terminal and (left := until - time.monotonic()) > 0:
                try:
                    async with asyncio.timeout(min(left, 15.0)):  # a change can be missed while NATS restarts
                        await changed.wait()
                except TimeoutError:
                    pass
                changed.clear()
                record = await self._record(key, job)
            return await self.view(key, job)
        finally:
            self._waiting[job].discard(changed)
            if not self._waiting[job]:
                del self._waiting[job]

    async def result(self, key: ApiKey, job: int) -> Record:
        """The whole record, for an answer in the dialect of the call."""
        return await self._record(key, job)

    async def cancel(self, key: ApiKey, job: int) -> JobView:
        """End the job if it has not ended. Raises `Problem(NOT_FOUND)`."""
        record = await self._record(key, job)
        if not record.state.terminal:
            await self.dispatcher.cancel(record.job)
        return await self.view(key, job)

    async def follow(self, key: ApiKey, job: int, after: int = 0) -> AsyncIterator[tuple[int, Event]]:
        """The job's events from stream sequence `after` on, each with its own sequence; ends after the terminal one.

        Resumable for 15 minutes. Whoever comes later still gets the terminal event, from the record.
        """
        record = await self._record(key, job)
        tenant, queue = record.job.tenant, asyncio.Queue[tuple[int, Event]]()
        ear = await self.bus.listen(subjects.evtr(tenant, job), lambda message: queue.put_nowait(_numbered(message)))
        try:
            for number, event in await self._stored(tenant, job, after):
                after = number
                yield number, event
                if isinstance(event, Done | Failed):
                    return
            if record.state.terminal:  # its events have expired, or were all heard before
                yield after + 1, end_of(record)
                return
            while True:
                async for number, event in self._heard_since(queue, after):
                    after = number
                    yield number, event
                    if isinstance(event, Done | Failed):
                        return
                record = await self._record(key, job)
                if record.state.terminal and queue.empty():
                    yield after + 1, end_of(record)
                    return
        finally:
            await ear.close()

    async def _heard_since(
        self, queue: "asyncio.Queue[tuple[int, Event]]", after: int
    ) -> AsyncIterator[tuple[int, Event]]:
        """Live events until two seconds of silence."""
        while True:
            try:
                async with asyncio.timeout(2):
                    number, event = await queue.get()
            except TimeoutError:
                return
            if number > after and not isinstance(event, Alive):
                after = number
                yield number, event

    async def _stored(self, tenant: str, job: int, after: int) -> list[tuple[int, Event]]:
        found: list[tuple[int, Event]] = []
        while True:
            query = {"seq": after + 1, "batch": PAGE, "next_by_subj": subjects.evt(tenant, job)}
            page = [_numbered(message) for message in await self.bus.read("EVENTS", query)]
            found += [(number, event) for number, event in page if not isinstance(event, Alive)]
            if len(page) < PAGE:
                return found
            after = page[-1][0]

    async def _progress(self, tenant: str, job: int) -> Progress | None:
        found = await self.bus.last("EVENTS", subjects.evt(tenant, job))
        event = decode_event(found[1]) if found else None
        return event if isinstance(event, Progress) else None

    async def _record(self, key: ApiKey, job: int) -> Record:
        found = await self.jobs.read(key.tenant, job)
        if found is None or (found[1].job.key != key.id and "admin" not in key.scopes):
            raise Problem(Code.NOT_FOUND, f"There is no job {job}.")
        return found[1]

    def _heard(self, message: Message) -> None:
        if message.headers and message.headers.get(STATE) == "done":
            for changed in self._waiting.get(int(message.subject.rpartition(".")[2]), ()):
                changed.set()


def _numbered(message: Message) -> tuple[int, Event]:
    return int((message.headers or {})["Nats-Sequence"]), decode_event(message.data)
