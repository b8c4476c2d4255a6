"""All providers of one agent process, kept as CONFIG says: started, started anew with other settings, stopped, live.

A process serves its `names`; with `rest` (the one that `up` starts) also every provider over HTTP that belongs to no other
host. What a newcomer would get wrong: a provider whose settings change is not paused. Its successor begins at once with
the slots that are free, while what the old one has in hand goes on with the old settings to its end.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import msgspec
import structlog

from bus import subjects
from bus.connection import Ear
from bus.finish import Finish
from bus.fleet import Fleet
from bus.wire import Message
from ops.probe import Seen, Wish, probe
from ops.provide import Means, Served
from ops.sections import CALLBACKS, TOOLS
from schemas.problem import Code, Fault
from schemas.provider import Provider

log = structlog.get_logger()

OWN_PROCESS = ("local", "speech", "callbacks", *TOOLS)
"""Kinds that are served only by a process that was told their name."""
PATIENCE = 3600.0
"""Seconds that calls in hand may still take after their provider was changed or removed."""


class Team:
    """Keeps `served` as CONFIG wants it until `stop`."""

    def __init__(self, fleet: Fleet, finish: Finish, names: Iterable[str], means: Means, *, rest: bool = False) -> None:
        self.fleet, self.finish, self.means, self.rest = fleet, finish, means, rest
        self.config, self.bus = fleet.config, fleet.bus
        self.names = tuple(names)
        self.served: dict[str, Served] = {}
        self._leaving: dict[Served, asyncio.Task[None]] = {}
        self._ears: dict[str, Ear] = {}
        self._tests: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._renewed = False

    async def run(self, stop: asyncio.Event, grace: float) -> None:
        """Until `stop`; then everything in hand has `grace` seconds."""
        self.config.changed.append(self._changed.set)
        if self.rest:
            await self.bus.listen(subjects.LOOK, self._asked_to_look, queue="look")
        asked = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._changed.clear()
                await self._follow()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait([asked, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            asked.cancel()
            self.config.changed.remove(self._changed.set)
            await self._stop(grace)

    def renew(self) -> None:
        """The catalogue has changed: let successors announce their models by it. What is in memory is not loaded anew."""
        self._renewed = True
        self._changed.set()

    def assigned(self) -> dict[str, Provider]:
        """The providers that are this process's business, switched on or not."""
        known = {CALLBACKS.name: CALLBACKS, **self.config.providers}
        return {name: provider for name, provider in known.items() if self._mine(provider)}

    def _mine(self, provider: Provider) -> bool:
        if provider.name in self.names:
            return True
        return self.rest and not provider.host and provider.kind not in OWN_PROCESS

    async def _follow(self) -> None:
        assigned = self.assigned()
        wanted = {name: _bare(provider) for name, provider in assigned.items() if provider.enabled}
        renewed, self._renewed = self._renewed, False
        for name, served in list(self.served.items()):
            if wanted.get(name) != served.provider or (renewed and served.provider.kind not in OWN_PROCESS):
                del self.served[name]
                self._leaving[served] = asyncio.create_task(self._leave(served))
                log.info("provider.changed" if name in wanted else "provider.stopped", provider=name)
        for name, provider in wanted.items():
            if name not in self.served and not self._must_wait(provider):
                self.served[name] = Served(self.fleet, self.finish, provider, self.means)
                self.served[name].start()
        await self._listen(assigned)

    def _must_wait(self, provider: Provider) -> bool:
        """A model in memory is not loaded twice."""
        return provider.kind in ("local", "speech") and any(one.provider.name == provider.name for one in self._leaving)

    async def _leave(self, served: Served) -> None:
        try:
            await served.drain(PATIENCE)
        finally:
            self._leaving.pop(served, None)
            self._changed.set()

    async def _stop(self, grace: float) -> None:
        for ear in self._ears.values():
            await ear.close()
        impatient = [*self.served.values(), *self._leaving]
        if jobs := sum(len(one.worker.runs) for one in impatient if one.worker is not None):
            log.info("agent.finishing", jobs=jobs, seconds=grace)
        for task in list(self._leaving.values()):
            task.cancel()
        await asyncio.gather(*(one.drain(grace) for one in impatient))

    # ---- tests ----------------------------------------------------------------------------------------------------

    async def _listen(self, assigned: dict[str, Provider]) -> None:
        """Answer for what is ours, also while it is switched off."""
        for name in [name for name in self._ears if name not in assigned]:
            await self._ears.pop(name).close()
        for name in assigned:
            if name not in self._ears:
                self._ears[name] = await self.bus.listen(subjects.provider_test(name), self._asked, queue="test")

    def _asked(self, message: Message) -> None:
        self._begin(self._test(message))

    def _asked_to_look(self, message: Message) -> None:
        self._begin(self._look(message))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tests.add(task)
        task.add_done_callback(self._tests.discard)

    async def _look(self, message: Message) -> None:
        """At a server that is no provider yet."""
        from ops import look  # ComfyUI's flows are not loaded for nothing

        try:
            seen = await look.look(msgspec.json.decode(message.data, type=look.Wish), self.means.private)
        except Exception:
            log.exception("look.failed")
            seen = look.Sight(fault=Fault(Code.INTERNAL, "The look itself failed; the agent's log has the reason."))
        self.bus.tell(message.reply, msgspec.json.encode(seen))

    async def _test(self, message: Message) -> None:
        name = message.subject.rpartition(".")[2]
        try:
            provider = self.assigned()[name]
            wish = msgspec.json.decode(message.data or b"{}", type=Wish)
            at_work = self.served.get(name)
            ready = at_work.tools if at_work is not None and provider.kind == "local" else None
            seen = await probe(provider, self.means, wish, ready)
        except Exception as error:
            log.exception("provider.test_failed", provider=name)
            seen = Seen(
                provider=name, ok=False, error=f"the test itself failed ({type(error).__name__}); see the agent's log"
            )
        log.info("provider.tested", provider=name, ok=seen.ok, code=seen.code)
        self.bus.tell(message.reply, msgspec.json.encode(seen))


def _bare(provider: Provider) -> Provider:
    """What matters to an agent: notes don't."""
    return msgspec.structs.replace(provider, notes="")
