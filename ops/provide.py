"""One provider in an agent process: its agent, its tools and its worker brought together.

What a newcomer would get wrong: a provider that can't work (no secret, a model still loading) is not an error of the
process. It says so in its heartbeat, so that callers hear the reason, and its neighbours go on serving.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack

import msgspec
import structlog

from agents._http import Http
from agents.agent import Agent, Tools, load, tools_for
from bus.finish import Finish
from bus.fleet import Fleet
from bus.worker import Worker
from ops.artifacts import Shelf, told
from ops.seal import Seal
from schemas.catalogue import Catalogue
from schemas.events import Event, Usage
from schemas.job import Job
from schemas.operations import IMAGE_TO_TEXT, OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider

log = structlog.get_logger()

QUOTED = "AI_SERVER_CALLBACK_VARIABLES"
"""Environment: names of the variables that a `replyTo` may quote as `$NAME`, separated by blanks."""
SIGNING = "AI_SERVER_CALLBACK_SECRET"
"""Environment: a second secret that callbacks of all keys are signed with (several, separated by spaces)."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent process has for all its providers."""

    private: bool = False
    """Callbacks may go to private addresses."""
    seal: Seal = Seal(None)
    catalogue: Catalogue = Catalogue()
    shelf: Shelf | None = None
    """The jobs' files. None: a process that serves no media."""


class Served:
    """Serves one provider until `drain`."""

    def __init__(
        self, fleet: Fleet, finish: Finish, provider: Provider, means: Means | None = None, *, private: bool = False
    ) -> None:
        self.fleet, self.finish, self.provider = fleet, finish, provider
        self.means = means or Means(private=private)
        self.worker: Worker | None = None
        self.tools: Tools | None = None
        """Once the agent is ready: for a test of the provider."""
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
            http = await self._things.enter_async_context(Http(guarded=agent.guarded, private=self.means.private))
            tools = unsealed(self.provider, http, self.means.seal)
            if agent.start is not None:
                tools = await self._ready(agent, tools)
            self.worker, self.tools = self._worker(agent, tools), tools
            await self.worker.start()
            if self.worker.find_models is None:
                await self._note(self.worker.models)
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
        catalogue, provider = self.means.catalogue, self.provider
        sees = IMAGE_TO_TEXT.name in agent.handles
        named = catalogue.announced(provider, provider.models, sees=sees)
        provider = msgspec.structs.replace(provider, models=named)
        told = {(model.op, model.name) for model in provider.models}

        async def find_models() -> tuple[Model, ...]:
            assert agent.models is not None
            listed = catalogue.announced(provider, await agent.models(tools), sees=sees)
            found = tuple(model for model in listed if (model.op, model.name) not in told)
            tools.learn(found)
            return found

        tools.learn(provider.models)
        asks = agent.models is not None and provider.discover
        signing = self._signing if provider.kind == "callbacks" else None
        perform = performer(agent, tools, signing, self.means.shelf)

        async def check() -> None:
            assert agent.check is not None
            await agent.check(tools)

        worker = Worker(
            self.fleet, self.finish, provider, perform, find_models if asks else None, check if agent.check else None
        )
        if (backlog := agent.backlog) is not None:
            worker.backlog = lambda: backlog(tools)
        return worker

    async def _note(self, models: tuple[Model, ...]) -> None:
        """Names that CONFIG can't tell by itself, so that they are known while nobody serves them."""
        config, name = self.fleet.config, self.provider.name
        if models != self.provider.models or name in config.models:
            await config.put_models(name, models)

    def _signing(self, key_id: str) -> str:
        """The secrets a callback of this key is signed with: the key's own, so that no other app can forge it."""
        key = self.fleet.config.keys.get(key_id)
        found = " ".join(filter(None, (key.webhook_secret if key else "", os.environ.get(SIGNING, ""))))
        if not found:
            log.warning("callback.unsigned", key=key_id)
        return found


def unsealed(provider: Provider, http: Http, seal: Seal) -> Tools:
    """Tools with the secrets in them; the provider they carry along stays as it is stored."""
    quoted = os.environ.get(QUOTED, "").split() if provider.kind == "callbacks" else ()
    tools = tools_for(seal.opened(provider), http, os.environ, quoted)
    tools.provider = provider
    return tools


def performer(
    agent: Agent, tools: Tools, signing: Callable[[str], str] | None = None, shelf: Shelf | None = None
) -> Callable[[Job], tuple[AsyncIterator[Event], Callable[[], Usage]]]:
    """What a worker calls for each job. `signing`: the secrets of a key's callbacks, by its id."""

    def perform(job: Job) -> tuple[AsyncIterator[Event], Callable[[], Usage]]:
        own = tools.fresh()
        own.trace = job.trace
        if signing is not None:
            own.key = signing(job.key)
        handle = agent.handles.get(job.op)
        if handle is None:
            return _cannot(job, tools.provider), own.meter.usage
        if shelf is None or job.op not in OPERATIONS or not OPERATIONS[job.op].media:
            return handle(job, own), own.meter.usage
        own.files = files = shelf.of(job, own.http)
        return told(handle(job, own), files), own.meter.usage

    return perform


async def _cannot(job: Job, provider: Provider) -> AsyncGenerator[Event, None]:
    raise Problem(Code.UNAVAILABLE, f"{provider.name} can't do {job.op}")
    yield


def _never(job: Job) -> tuple[AsyncIterator[Event], Callable[[], Usage]]:
    raise NotImplementedError
