"""Who is there: the heartbeats of all agents, summed up as queues for the router.

A heartbeat counts for 3.5 seconds. Between two of them the gateway's own calls are added as they begin and taken off as they
end, or a burst within one second would all go to the queue that looked empty, and one that was busy a moment ago would look
full. Views are rebuilt only when something has changed.
"""

import time

import msgspec
import structlog

from bus import subjects
from bus.config import Config
from bus.connection import Bus, Ear
from bus.counts import Counts, answer
from bus.router import QueueView
from bus.watch_teller import Teller, process_prefix
from bus.wire import Message
from schemas.provider import Heartbeat, Model, decode_heartbeat
from schemas.tracing import Tracer

log = structlog.get_logger()

STALE = 3.5
"""Seconds after which a silent agent is gone (it beats each second)."""


class Seen:
    """One agent's last word."""

    __slots__ = ("at", "beat", "models")

    def __init__(self, beat: Heartbeat, at: float, models: tuple[Model, ...]) -> None:
        self.beat, self.at, self.models = beat, at, models


class Fleet:
    """All agents by id, and the router's view of their queues."""

    def __init__(self, bus: Bus, config: Config) -> None:
        self.bus, self.config = bus, config
        self.teller = Teller(bus)
        """This process's own voice. It is silent until a worker or a dispatcher begins."""
        self.counts = Counts(self._served)
        """What has ended in this process, for `/metrics`."""
        self.tracer: Tracer | None = None
        """None: nothing is traced."""
        self._answers: Ear | None = None
        self.agents: dict[str, Seen] = {}
        self._gateways: dict[str, float] = {}
        self._views: dict[str, QueueView] = {}
        self._extra: dict[str, int] = {}
        """Queued jobs sent since the last heartbeat."""
        self._mine: dict[str, int] = {}
        """Live calls of this process that are under way …"""
        self._counted: dict[str, int] = {}
        """… and how many of them the last heartbeat counted."""
        self._dirty = True
        self._pruned = 0.0

    async def answer_census(self) -> None:
        """This process's counts are told to whoever asks (`bus/census.py`). Once, however many workers begin."""
        if self._answers is None:
            self._answers = await answer(self.bus, lambda: self.counts.process(self.teller.process, "agent"))

    async def start(self) -> None:
        await self.bus.listen("hb.>", self._heard)
        await self.bus.listen("gw.*", self._heard_gateway)
        self.bus.on_reconnect += (self.ask, self.counts.reconnected)
        self.config.changed.append(self._touch)
        self.ask()

    def _touch(self) -> None:
        self._dirty = True

    def ask(self) -> None:
        """Have every agent say all it knows, now."""
        self.bus.tell(subjects.HB_ASK)

    def queues(self) -> list[QueueView]:
        """The queues as the router wants them."""
        now = time.monotonic()
        if self._dirty or now - self._pruned > 0.5:
            self._rebuild(now)
        if not self._extra and not self._mine and not self._counted:
            return list(self._views.values())
        return [self._with_mine(view) for view in self._views.values()]

    def took(self, queue: str) -> None:
        """A queued job went to `queue` just now: count it until the next heartbeat does."""
        self._extra[queue] = self._extra.get(queue, 0) + 1

    def began(self, queue: str) -> None:
        """A live call went to `queue`: it counts until `ended`."""
        self._mine[queue] = self._mine.get(queue, 0) + 1

    def ended(self, queue: str) -> None:
        left = self._mine.get(queue, 0) - 1
        if left > 0:
            self._mine[queue] = left
        else:
            self._mine.pop(queue, None)

    def cools(self, queue: str) -> bool:
        """Nobody of that queue takes anything now."""
        if self._dirty:
            self._rebuild(time.monotonic())
        view = self._views.get(queue)
        return view is not None and view.cooling_until > time.time()

    def models(self, op: str | None = None) -> dict[str, list[str]]:
        """Model name -> queues that serve it now."""
        found: dict[str, list[str]] = {}
        for view in self.queues():
            if view.enabled and view.slots > 0:
                for kind, name in view.models:
                    if op is None or kind == op:
                        found.setdefault(name, []).append(view.name)
        return dict(sorted(found.items()))

    def gateway_alive(self, node: str) -> bool:
        """Whether that gateway was heard of lately. A gateway never heard of counts as alive."""
        at = self._gateways.get(node)
        return at is None or time.monotonic() - at < 2 * STALE

    def gateways(self) -> list[str]:
        """The gateways that are heard."""
        now = time.monotonic()
        return [node for node, at in self._gateways.items() if now - at < STALE]

    def processes(self) -> set[str]:
        """How the names of the processes begin whose agents are heard."""
        now = time.monotonic()
        beats = [seen.beat for seen in self.agents.values() if now - seen.at < STALE]
        return {process_prefix(beat.host, beat.pid) for beat in beats}

    def _served(self) -> set[str]:
        return {name for view in self.queues() for _, name in view.models}

    def _heard(self, message: Message) -> None:
        try:
            beat = decode_heartbeat(message.data)
        except msgspec.MsgspecError as error:
            log.warning("fleet.unreadable", subject=message.subject, error=str(error))
            return
        known = self.agents.get(beat.agent)
        if beat.slots < 0:  # its last word
            self.agents.pop(beat.agent, None)
        else:
            models = beat.models if beat.models is not None else known.models if known else ()
            if beat.models is None and known is None:
                self.bus.tell(subjects.agent_cmd(beat.agent, "beat"))
            self.agents[beat.agent] = Seen(beat, time.monotonic(), models)
        self._extra.pop(beat.queue, None)
        if mine := self._mine.get(beat.queue):
            self._counted[beat.queue] = mine
        else:
            self._counted.pop(beat.queue, None)
        self._dirty = True

    def _heard_gateway(self, message: Message) -> None:
        self._gateways[message.subject.rpartition(".")[2]] = time.monotonic()

    def _rebuild(self, now: float) -> None:
        self._pruned, self._dirty = now, False
        for agent, seen in list(self.agents.items()):
            if now - seen.at > 60:
                del self.agents[agent]
        self._gateways = {node: at for node, at in self._gateways.items() if now - at < 600}
        queues: dict[str, list[Seen]] = {}
        for seen in [*self.agents.values(), *self._expected()]:
            queues.setdefault(seen.beat.queue, []).append(seen)
        self._views = {name: _view(name, group, now, time.time()) for name, group in queues.items()}
        for name, hold in self.config.holds.items():
            if name in self._views:
                self._views[name] = msgspec.structs.replace(self._views[name], paused=hold.reason)

    def _expected(self) -> list[Seen]:
        """Configured providers as agents never heard: their models are known even while nobody serves them."""
        return [
            Seen(
                Heartbeat(agent="", provider=provider.name, queue=provider.queue, kind=provider.kind, slots=0),
                float("-inf"),
                (*provider.models, *self.config.models.get(provider.name, ())),
            )
            for provider in self.config.providers.values()
            if provider.enabled
        ]

    def _with_mine(self, view: QueueView) -> QueueView:
        name = view.name
        extra = self._extra.get(name, 0) + self._mine.get(name, 0) - self._counted.get(name, 0)
        return msgspec.structs.replace(view, in_flight=max(0, view.in_flight + extra)) if extra else view


def _view(name: str, group: list[Seen], now: float, clock: float) -> QueueView:
    """A queue is as good as its agents that are heard, reachable and staying; it cools only when all of them do."""
    heard = [seen for seen in group if now - seen.at < STALE]
    ready = [seen.beat for seen in heard if not seen.beat.draining and not seen.beat.offline]
    fit = [beat for beat in ready if beat.cooling_until <= clock]
    counted = fit or ready
    cooling = 0.0 if fit or not ready else min(beat.cooling_until for beat in ready)
    offline = next((seen.beat.offline for seen in heard if seen.beat.offline), "")
    return QueueView(
        name=name,
        models=frozenset((model.op, model.name) for seen in group for model in seen.models),
        providers=tuple(sorted({seen.beat.provider for seen in group})),
        slots=sum(min(1, beat.slots) if beat.probing else beat.slots for beat in counted),
        in_flight=sum(beat.in_flight for beat in counted),
        waiting=max((beat.waiting for beat in ready), default=0),
        seconds=sum(beat.seconds for beat in counted) / len(counted) if counted else 1.0,
        priority=min((beat.priority for beat in counted), default=9),
        cost=min((beat.cost for beat in counted), default=0.0),
        cooling_until=cooling,
        reason=next((beat.reason for beat in ready if beat.reason), offline),
        first=_mean([beat.first for beat in counted if beat.first]),
        latency=_mean([beat.latency for beat in counted if beat.latency]),
        paced=min((beat.paced for beat in counted), default=0.0),
        probing=bool(counted) and all(beat.probing for beat in counted),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
