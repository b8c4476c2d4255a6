"""One provider in an agent process: its agent, its tools and its worker brought together.

What a newcomer would get wrong: a provider that can't work (no secret, a model still loading) is not an error of the
process. It says so in its heartbeat, so that callers hear the reason, and its neighbours go on serving.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack

import structlog

from agents._http import Http
from agents.agent import Agent, Tools, load, tools_for
from bus.finish import Finish
from bus.fleet import Fleet
from bus.worker import Worker
from schemas.events import Event, Usage
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider

log = structlog.get_logger()


class Served:
    """Serves one provider until `drain`. `private`: callbacks may go to private addresses."""

    def __init__(self, fleet: Fleet, finish: Finish, provider: Provider, *, private: bool = False) -> None:
        self.fleet, self.finish, self.provider, self.private = fleet, finish, provider, private
        self.worker: Worker | None = None
        self._things = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins in the background: a model that loads for a minute holds up nobody."""
        self._task = asyncio.create_task(self._start(), name=f"serve {self.provider.name}")

    async def drain(self, seconds: float) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.worker is not None:
            await self.worker.drain(seconds)
        await self._things.aclose()

    async def _start(self) -> None:
        try:
            agent = load(self.provider.kind)
            http = await self._things.enter_async_context(Http(guarded=agent.guarded, private=self.private))
            tools = tools_for(self.provider, http, os.environ)
            if agent.start is not None:
                tools = await self._ready(agent, tools)
            self.worker = self._worker(agent, tools)
            await self.worker.start()
        except Problem as problem:
            reason = str(problem)
            log.error("provider.unfit", provider=self.provider.name, reason=reason)
            await self._say_offline(lambda: reason)
        except Exception:
            log.exception("provider.failed", provider=self.provider.name)
            await self._say_offline(lambda: "its agent failed; the log of its process has the reason")

    async def _ready(self, agent: Agent, tools: Tools) -> Tools:
        """Let the agent get its thing ready, and tell meanwhile how far it is."""
        stage = "loading"

        def report(share: float, what: str) -> None:
            nonlocal stage
            stage = f"loading, {share:.0%}: {what}"

        assert agent.start is not None
        teller = asyncio.create_task(self._say_offline(lambda: stage))
        try:
            return await self._things.enter_async_context(agent.start(tools, report))
        finally:
            teller.cancel()

    async def _say_offline(self, why: Callable[[], str]) -> None:
        """Be seen, with the reason, until cancelled."""
        stand_in = Worker(self.fleet, self.finish, self.provider, _never)
        try:
            while True:
                stand_in.offline = why()
                stand_in.beat(full=True)
                await asyncio.sleep(0.5)
        finally:
            stand_in._say(slots=-1)

    def _worker(self, agent: Agent, tools: Tools) -> Worker:
        async def find_models() -> tuple[Model, ...]:
            assert agent.models is not None
            found = await agent.models(tools)
            tools.learn(found)
            return tuple(found)

        tools.learn(self.provider.models)
        asks = agent.models is not None and self.provider.discover
        return Worker(self.fleet, self.finish, self.provider, performer(agent, tools), find_models if asks else None)


def performer(agent: Agent, tools: Tools) -> Callable[[Job], tuple[AsyncIterator[Event], Callable[[], Usage]]]:
    """What a worker calls for each job."""

    def perform(job: Job) -> tuple[AsyncIterator[Event], Callable[[], Usage]]:
        own = tools.fresh()
        handle = agent.handles.get(job.op)
        return (handle(job, own) if handle else _cannot(job, tools.provider)), own.meter.usage

    return perform


async def _cannot(job: Job, provider: Provider) -> AsyncGenerator[Event, None]:
    raise Problem(Code.UNAVAILABLE, f"{provider.name} can't do {job.op}")
    yield


def _never(job: Job) -> tuple[AsyncIterator[Event], Callable[[], Usage]]:
    raise NotImplementedError
