"""What tests of media at providers share: tools with a shelf, and a player that ends a job as a worker would.

A job that fails leaves nothing behind: `play` runs it as `ops/provide.py` does (`told`), so `left` finds what was forgotten.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chat_kit import KEY, provider
from shelf_kit import Kit

from agents._http import Http
from agents.agent import Tools, load
from ops.artifacts import told
from schemas.events import Done, Event, Progress
from schemas.job import Job
from schemas.media import MediaResult, decode_media
from schemas.problem import Problem
from schemas.provider import Model


class Studio:
    """One provider, and the shelf of its jobs."""

    def __init__(self, kind: str, url: str, kit: Kit, http: Http, **fields: Any) -> None:
        self.kind, self.kit = kind, kit
        self.tools = Tools(http, provider(url, kind=kind, **fields), key=KEY)

    def job(self, op: str, model: str = "m", **body: Any) -> Job:
        return self.kit.job(op, body, model)

    async def play(self, job: Job) -> tuple[list[Event], Problem | None]:
        """Every event of a job, and how it failed."""
        tools, events = self.tools.fresh(), []
        tools.files = files = self.kit.files(job)
        try:
            async for event in told(load(self.kind).handles[job.op](job, tools), files):
                events.append(event)  # noqa: PERF401  (what came before a problem counts)
        except Problem as problem:
            return events, problem
        return events, None

    async def make(self, op: str, model: str = "m", **body: Any) -> MediaResult:
        """What a job makes; a problem is a failure of the test."""
        events, problem = await self.play(self.job(op, model, **body))
        assert problem is None, problem.fault
        assert all(isinstance(event, Progress) for event in events[:-1])
        return decode_media(done(events).body)

    async def fail(self, op: str, model: str = "m", **body: Any) -> Problem:
        """How a job fails; success is a failure of the test."""
        events, problem = await self.play(self.job(op, model, **body))
        assert problem is not None, events
        assert not any(isinstance(event, Done) for event in events)
        assert KEY not in repr(problem.fault) + repr(events)
        return problem

    async def made(self, result: MediaResult) -> list[bytes]:
        return [await self.kit.bytes_of(artifact) for artifact in result.artifacts]

    async def left(self) -> list[str]:
        """Names of the blobs of results that are there. Waits until what failed is thrown away."""
        while self.kit.shelf._leaving:
            await asyncio.wait(self.kit.shelf._leaving, timeout=5)
        files = await self.kit.shelf.files()
        return [blob.name async for blob in files.blobs.all() if "/public/" in blob.name]

    def learn(self, *models: Model) -> None:
        self.tools.learn(models)


def done(events: list[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done)
    return last


async def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for what another task does."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (a double's lists tell nobody)
            await asyncio.sleep(0.005)


class Peak:
    """How much the process grew at most while it was looked at."""

    grown = 0


@asynccontextmanager
async def memory() -> AsyncIterator[Peak]:
    """Resident bytes, looked at a hundred times a second. What was freed before is given back first."""
    gc.collect()
    peak, start = Peak(), _resident()

    async def look() -> None:
        while True:
            peak.grown = max(peak.grown, _resident() - start)
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    try:
        yield peak
    finally:
        looking.cancel()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
