"""A worker: one provider's slots in this process. It pulls work while a slot is free and says each second how it is.

What it may begin is `bus/room.py`, what the pulls bring `bus/deliveries.py`, what the others leave it `bus/peers.py`; here is
its life, and what it does each second. After a 429, a refused connection or several 5xx it cools: it pulls nothing and everyone
knows. The agent itself (what to say to the provider) is handed in as `perform`: this room knows no HTTP.
"""

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Callable

import structlog

from bus import leases, streams, subjects
from bus.cancel import BY_ADMIN, fault_of
from bus.config import Config
from bus.connection import Bus, Ear
from bus.deliveries import Deliveries
from bus.discovery import FindModels, discover, known_models, rediscover
from bus.finish import Finish
from bus.fleet import Fleet
from bus.health import Check, watch
from bus.heartbeat import heartbeat_of
from bus.jobs import Jobs
from bus.peers import Peers
from bus.room import Room
from bus.router import Refused, Route, Setting, Wanted, plan
from bus.run import Perform, Run
from bus.tracing import Taking
from bus.turns import Timing
from bus.wire import Message
from schemas.problem import Code, Fault, Problem
from schemas.provider import Model, Provider, encode_heartbeat

log = structlog.get_logger()

LEASE = streams.ACK_WAIT - 3.0
"""Seconds without a turn of our own loop after which another worker may have our jobs."""


class Worker:
    """Serves one provider. `await start()`, later `await drain(grace)`."""

    def __init__(
        self,
        fleet: Fleet,
        finish: Finish,
        provider: Provider,
        perform: Perform,
        find_models: FindModels | None = None,
        check: Check | None = None,
    ) -> None:
        """`check`: a call that costs nothing and raises `Problem` when the provider is not fit."""
        self.fleet, self.finish, self.provider, self.perform = fleet, finish, provider, perform
        self.bus: Bus = fleet.bus
        self.config: Config = fleet.config
        self.jobs: Jobs = finish.jobs
        self.find_models, self.check = find_models, check
        self.backlog: Callable[[], int] = lambda: 0
        """Work of others that waits at the provider before ours; whoever made the worker may know better."""
        self.queue = provider.queue
        self.agent = (
            f"{provider.name}-{socket.gethostname()[:20].replace('.', '-')}-{os.getpid()}-{secrets.token_hex(2)}"
        )
        self.runs: dict[int, Run] = {}
        self.offline = ""
        self.models: tuple[Model, ...] = provider.models
        self.draining = False
        self.room = Room(self)
        self.breaker = self.room.breaker
        self.peers, self.deliveries = Peers(self), Deliveries(self)
        self.timing = Timing()
        self.seconds = 1.0
        """What a job takes, on the average of the last ones."""
        self._done = self.failures = self.retried = 0
        self.started = time.time()
        self._away = 0.0
        """Unix seconds since which it is offline."""
        self._beats = 0
        self._turn = time.monotonic()
        self._ears: list[Ear] = []
        self._minding: list[asyncio.Task[None]] = []

    # ---- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self.models = known_models(self)
        if not self.models and self.find_models is not None:
            await discover(self, self.find_models)
        await self.peers.declare()
        self.config.changed.append(self.deliveries.kick)  # the queue may be held or free now
        for subject, heard in (
            ("job.cancel.*", self._heard_cancel),
            (subjects.HB_ASK, lambda _: self.beat(full=True)),
            (subjects.agent_cmd(self.agent, "*"), self._told),
        ):
            self._ears.append(await self.bus.listen(subject, heard))
        self.finish.tally = self.fleet.teller.tally
        await self.fleet.teller.begin(self)
        self.finish.counts = self.fleet.counts
        self.finish.tracer = self.fleet.tracer
        await self.fleet.answer_census()
        self.beat(full=True)
        await asyncio.sleep(0.1)  # long enough to hear the others, so that nobody takes slots that are held
        self.peers.divide()
        await self.deliveries.start()
        self.beat(full=True)
        self._minding.append(self.bus.spawn(self._sweep()))
        if self.find_models is not None:
            self._minding.append(self.bus.spawn(rediscover(self, self.find_models)))
        if self.check is not None and self.provider.check_seconds > 0:
            self._minding.append(self.bus.spawn(watch(self, self.check)))
        log.info("agent.started", agent=self.agent, queue=self.queue, slots=self.share, models=len(self.models))

    async def drain(self, grace: float = 20.0) -> None:
        """Take nothing more, finish what is under way within `grace` seconds, give the rest back. May be asked twice."""
        self.draining, self.room.share = True, 0  # a successor with other settings may have what is free at once
        if self.deliveries.kick in self.config.changed:
            self.config.changed.remove(self.deliveries.kick)
        self.beat()
        # Before anything is given back, or it would come straight to our own standing pulls.
        await self.deliveries.stop()
        tasks = [run.task for run in self.runs.values() if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for run in list(self.runs.values()):
            if run.job.durable:
                run.give_back()
            else:
                run.cancel(Fault(Code.AGENT_LOST, "The agent stops; please try again.", retry_after=1))
        tasks = [run.task for run in self.runs.values() if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=3)
        for task in self._minding:  # the process may go on without us, and then nobody may hear of us again
            task.cancel()
        for ear in self._ears:
            await ear.close()
        self.fleet.teller.leave(self)
        self._say(slots=-1)

    # ---- runs -----------------------------------------------------------------------------------------------------

    async def work_on(self, run: Run) -> None:
        """The task of a run that has a slot."""
        if self.fleet.tracer is not None:
            run.taking = Taking(self.fleet.tracer, run)
        try:
            await run.run()
        except Problem as problem:  # the bus is away: say nothing, the message comes back
            log.warning("job.left", job=run.job.id, error=str(problem))
        except asyncio.CancelledError:
            log.info("job.given_back", job=run.job.id)
        except Exception:
            log.exception("job.left", job=run.job.id)
        finally:
            self.forget(run)
            self.release(run)
            if run.taking is not None:
                run.taking.span.end()

    def release(self, run: Run) -> None:
        """The run needs its slot no longer (once)."""
        if run.holds:
            run.holds = False
            self.room.holding -= 1
            self.breaker.ended(run.job.id)
            self.deliveries.kick()

    def forget(self, run: Run) -> None:
        """The run is through with its job; a later attempt may be here already."""
        if self.runs.get(run.job.id) is run:
            del self.runs[run.job.id]

    def _told(self, message: Message) -> None:
        """`cancel`: end all that is in hand here; anything else: say how you are."""
        if message.subject.endswith(".cancel"):
            for run in list(self.runs.values()):
                run.cancel(BY_ADMIN)
        self.beat(full=True)

    def _heard_cancel(self, message: Message) -> None:
        run = self.runs.get(int(message.subject.rpartition(".")[2]))
        if run is not None:
            run.cancel(fault_of(message.data))

    def plan(self, wanted: Wanted, explain: bool = False) -> Route | None:
        """Where a job could go on; None if nowhere."""
        try:
            setting = Setting(self.config.rules, random.random(), explain)
            return plan(wanted, self.fleet.queues(), time.time(), setting)
        except Refused:
            return None

    # ---- health ---------------------------------------------------------------------------------------------------

    def succeeded(self, run: Run, first: float) -> None:
        self._done += 1
        self.seconds += 0.1 * (run.seconds - self.seconds)
        self.timing.measured(run.seconds, first - run.started if first else 0.0, time.monotonic())
        if self.breaker.succeeded(run.started):
            log.info("provider.recovered", provider=self.provider.name)
            self.beat()

    def failed(self, run: Run, fault: Fault) -> None:
        self.failures += 1
        if self.provider.kind == "callbacks":  # one receiver's failure says nothing about the next one's
            return
        pause = self.breaker.failed(fault, run.started, time.time())
        if pause > 0:
            log.warning("provider.cooling", provider=self.provider.name, seconds=round(pause, 1), why=fault.code)
            self.beat()
            self.deliveries.kick()  # callers who wait here are taken along

    def set_offline(self, reason: str) -> None:
        """Why the provider can't be reached; empty: it can."""
        if bool(reason) != bool(self.offline):
            log.warning("provider.offline" if reason else "provider.online", provider=self.provider.name, why=reason)
        if reason != self.offline:
            self.offline = reason
            self.beat()

    def offline_since(self) -> float:
        """Unix seconds; 0: it is not."""
        self._away = (self._away or time.time()) if self.offline else 0.0
        return self._away

    @property
    def share(self) -> int:
        """Our slots of the provider's."""
        return self.room.share

    @property
    def free(self) -> int:
        return self.room.free

    @property
    def cooling_until(self) -> float:
        """Unix seconds until which nothing is taken."""
        return self.breaker.until

    @property
    def paused(self) -> str:
        """Why an operator holds the queue; empty: nobody does."""
        hold = self.config.holds.get(self.queue)
        return hold.reason if hold is not None else ""

    @property
    def stalled(self) -> bool:
        """Our loop has stood still for so long that others may have our jobs, and the sweep has not told them yet."""
        return time.monotonic() - self._turn > LEASE

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self.room.holding

    @property
    def done(self) -> int:
        """Jobs that went well."""
        return self._done

    # ---- once a second --------------------------------------------------------------------------------------------

    def beat(self, full: bool = False) -> None:
        """Say how it is."""
        self._say(max(self.share, self.room.holding), full)

    def _say(self, slots: int, full: bool = False) -> None:
        self.bus.tell(subjects.hb(self.queue, self.agent), encode_heartbeat(heartbeat_of(self, slots, full)))

    async def _sweep(self) -> None:
        """Heartbeat, leases, signs of life, deadlines."""
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            frozen, self._turn = now - self._turn > LEASE, now
            try:
                self._beats += 1
                self.peers.divide()
                if self.idle:
                    self.deliveries.calm()
                self.beat(full=self._beats % 15 == 0)
                leases.mind(self, self._beats, frozen)
                if self.deliveries.missing or self.peers.wall_is_off():
                    await self.peers.declare()
                self.deliveries.declared()
                self.deliveries.kick()
            except Problem as problem:
                log.warning("agent.sweep_failed", error=str(problem))
            except Exception:
                log.exception("agent.sweep_failed")
