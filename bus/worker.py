"""A worker: one provider's slots in this process. It pulls work while a slot is free and says each second how it is.

LIVE and WORK share the slots, with a reserve for LIVE. A provider's slots are divided among its agent processes
(`bus/slots.py`). After a 429, a refused connection or several 5xx the worker cools: it pulls nothing and everyone knows.
The agent itself (what to say to the provider) is handed in as `perform`: this room knows no HTTP.
"""

import asyncio
import contextlib
import os
import random
import secrets
import socket
import time
from collections.abc import Awaitable, Callable

import structlog

from bus import streams, subjects
from bus.acks import ApiError
from bus.breaker import Breaker
from bus.config import Config
from bus.connection import Bus, Ear
from bus.finish import Finish
from bus.fleet import STALE, Fleet, Seen
from bus.front import Front
from bus.health import Check, watch
from bus.jobs import Jobs
from bus.pace import Pace
from bus.puller import ACK, NAK, WIP, Puller
from bus.receipts import Receipt
from bus.router import Refused, Route, Setting, Wanted, plan
from bus.run import Perform, Run
from bus.slots import share
from bus.tracing import Taking
from bus.turns import Timing, Turns
from bus.wire import Message
from schemas.job import Job, decode_job
from schemas.problem import Code, Fault, Problem
from schemas.provider import Heartbeat, Model, Provider, encode_heartbeat

log = structlog.get_logger()

FindModels = Callable[[], Awaitable[tuple[Model, ...]]]

ALIVE_EVERY = 2.0
WIP_EVERY = 4.0
PARKED = 256
"""Live calls held by a worker whose provider cools, until they can go on."""
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
        self.share = 0
        self.breaker = Breaker()
        self.pace = Pace(provider.requests_per_minute, provider.tokens_per_minute)
        self.turns = Turns()
        self.front = Front()
        self.timing = Timing()
        self.offline = ""
        self._away = 0.0
        """Unix seconds since which it is offline."""
        self.models: tuple[Model, ...] = provider.models
        self.draining = False
        self._seconds = 1.0
        self._parked = 0
        self.misled = 0
        """Deliveries that were another queue's (`_is_foreign`)."""
        self._done = self._failed = self.retried = 0
        self._started = time.time()
        self._waiting = [0, 0, 0]
        """In LIVE, in WORK, and in WORK's lane in front."""
        self._walled = 0
        """Jobs of that lane which the other lane's wall counts."""
        self._holding = 0
        self._beats = 0
        self._turn = time.monotonic()
        self._pullers: list[Puller] = []
        self._ears: list[Ear] = []
        self._minding: list[asyncio.Task[None]] = []

    # ---- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self.models = self._known_models()
        if not self.models and self.find_models is not None:
            await self._discover()
        await self._declare()
        live = Puller(self.bus, "LIVE", f"live-{self.queue}", self._took_live, self._want_live, self.provider.priority)
        first = Puller(
            self.bus, "WORK", f"first-{self.queue}", self._took_first, self._want_first, self.provider.priority
        )
        work = Puller(self.bus, "WORK", f"work-{self.queue}", self._took_work, self._want_work, self.provider.priority)
        self._pullers = [live, first, work]
        self.config.changed.append(self._look_at_hold)
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
        self._divide()
        for puller in self._pullers:
            await puller.start()
        self.beat(full=True)
        self._minding.append(self.bus.spawn(self._sweep()))
        if self.find_models is not None:
            self._minding.append(self.bus.spawn(self._rediscover()))
        if self.check is not None and self.provider.check_seconds > 0:
            self._minding.append(self.bus.spawn(watch(self, self.check)))
        log.info("agent.started", agent=self.agent, queue=self.queue, slots=self.share, models=len(self.models))

    async def drain(self, grace: float = 20.0) -> None:
        """Take nothing more, finish what is under way within `grace` seconds, give the rest back. May be asked twice."""
        self.draining, self.share = True, 0  # a successor with other settings may have what is free at once
        if self._look_at_hold in self.config.changed:
            self.config.changed.remove(self._look_at_hold)
        self.beat()
        # Before anything is given back, or it would come straight to our own standing pulls.
        await asyncio.gather(*(puller.stop() for puller in self._pullers))
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

    # ---- room -----------------------------------------------------------------------------------------------------

    @property
    def free(self) -> int:
        return self.share - self._holding

    @property
    def cooling_until(self) -> float:
        """Unix seconds until which nothing is taken."""
        return self.breaker.until

    @cooling_until.setter
    def cooling_until(self, until: float) -> None:
        self.breaker.until = until

    def _room(self) -> int:
        """Jobs that may begin now: free slots, unless the provider cools, is on probation, or is asked too often."""
        if self.draining or self.offline or self.paused:
            return 0
        room = self.breaker.room(self.free, time.time())
        return min(room, self.pace.room(time.monotonic())) if self.pace.limited else room

    def _want_live(self) -> int:
        return self.turns.live(self._room(), time.monotonic()) or self._want_parked()

    def _want_parked(self) -> int:
        """While the whole queue cools, or is held, its callers are not left waiting here: they go where somebody is fit."""
        if self.draining or self._parked >= PARKED:
            return 0
        if self.paused:
            return PARKED - self._parked
        if self.breaker.until <= time.time() + 0.5:
            return 0
        return PARKED - self._parked if self.fleet.cools(self.queue) else 0

    def _want_work(self) -> int:
        """What the lane in front leaves."""
        room = self._room_for_queued()
        return 0 if self.front.passes(room, time.monotonic()) else room

    def _want_first(self) -> int:
        """One is asked for without room too, to learn that somebody waits."""
        fit = not (self.draining or self.offline or self.paused) and self.breaker.room(1, time.time()) > 0
        return max(self._room_for_queued(), self.front.probe() if fit else 0)

    def _room_for_queued(self) -> int:
        """The reserve stays for live calls, but never so much that durable work starves."""
        wanted = self.provider.reserve if self.provider.reserve >= 0 else max(1, self.share // 8)
        reserve = min(wanted, max(0, self.share - 1))
        return self.turns.work(min(self._room(), self.free - reserve), time.monotonic())

    def release(self, run: Run) -> None:
        """The run needs its slot no longer (once)."""
        if run.holds:
            run.holds = False
            self._holding -= 1
            self.breaker.ended(run.job.id)
            for puller in self._pullers:
                puller.kick()

    def forget(self, run: Run) -> None:
        """The run is through with its job; a later attempt may be here already."""
        if self.runs.get(run.job.id) is run:
            del self.runs[run.job.id]

    @property
    def paused(self) -> str:
        """Why an operator holds the queue; empty: nobody does."""
        hold = self.config.holds.get(self.queue)
        return hold.reason if hold is not None else ""

    def _look_at_hold(self) -> None:
        """Something was set: the queue may be held or free now."""
        for puller in self._pullers:
            puller.kick()

    @property
    def stalled(self) -> bool:
        """Our loop has stood still for so long that others may have our jobs, and the sweep has not told them yet."""
        return time.monotonic() - self._turn > LEASE

    # ---- deliveries -----------------------------------------------------------------------------------------------

    def _took_live(self, message: Message) -> None:
        parks = self.turns.live(self._room(), time.monotonic()) <= 0
        if parks and self._want_parked() <= 0:
            self.turns.refused_live = True
            self.bus.tell(message.reply, NAK)
            return
        self.bus.tell(message.reply, ACK)
        self._waiting[0] = _pending(message.reply)
        if parks:
            self._park(decode_job(message.data))
            return
        self.turns.began_live()
        self._begin(decode_job(message.data), None, 1)

    def _took_first(self, message: Message) -> None:
        if self._is_foreign(message):
            return
        if self._room_for_queued() <= 0:
            self.turns.refused_work = True
            self.front.refused()
            self.bus.tell(message.reply, NAK)
            return
        self._waiting[2] = _pending(message.reply)
        self.turns.began_work()
        self.front.began(self._waiting[2])
        self._begin(decode_job(message.data), self._receipt(message), _delivered(message.reply))

    def _took_work(self, message: Message) -> None:
        if self._is_foreign(message):
            return
        if self._want_work() <= 0:
            self.turns.refused_work = True
            self.bus.tell(message.reply, NAK)
            return
        self._waiting[1] = _pending(message.reply)
        self.turns.began_work()
        self._begin(decode_job(message.data), self._receipt(message), _delivered(message.reply))

    def _receipt(self, message: Message) -> Receipt:
        return Receipt(self.bus, message.subject, message.reply)

    def _is_foreign(self, message: Message) -> bool:
        """Another queue's message, under the sequence of one of ours that a killed server has lost: not ours to answer."""
        if message.subject.split(".", 2)[1] == self.queue:
            return False
        self.misled += 1
        log.warning("job.foreign", subject=message.subject, queue=self.queue)
        return True

    def _park(self, job: Job) -> None:
        """A call that waited for a provider which cools now: it holds no slot, and goes on as soon as it can."""
        run = Run(self, job)
        run.holds = False
        self.runs[job.id] = run
        self._parked += 1

        async def move() -> None:
            try:
                await run.move(self.breaker.reason)
            finally:
                self._parked -= 1
                self.forget(run)

        run.task = asyncio.get_running_loop().create_task(move())

    def _begin(self, job: Job, receipt: Receipt | None, delivered: int) -> None:
        known = self.runs.get(job.id)
        if known is not None and known.job.attempt >= job.attempt:
            if known.job.attempt == job.attempt:  # the lease was lost, but the run goes on here
                known.receipt = receipt
            elif receipt is not None:
                # A late message of an earlier attempt: to take it for ours would leave ours without an answer.
                self.bus.tell(receipt.reply, ACK)
            return
        run = Run(self, job, receipt, delivered)
        self.runs[job.id] = run
        self._holding += 1
        self.breaker.began(job.id, time.time())
        run.estimate = len(job.body) // 4
        self.pace.took(run.estimate)
        run.task = asyncio.get_running_loop().create_task(self._run(run))

    async def _run(self, run: Run) -> None:
        if self.fleet.tracer is not None:
            run.taking = Taking(self.fleet.tracer, run)
        try:
            await (run.durable() if run.job.durable else run.live())
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

    def _told(self, message: Message) -> None:
        """`cancel`: end all that is in hand here; anything else: say how you are."""
        if message.subject.endswith(".cancel"):
            for run in list(self.runs.values()):
                run.cancel(Fault(Code.CANCELLED, "Cancelled by an administrator."))
        self.beat(full=True)

    def _heard_cancel(self, message: Message) -> None:
        run = self.runs.get(int(message.subject.rpartition(".")[2]))
        if run is not None:
            run.cancel(Fault(Code.CANCELLED, "Cancelled by the caller."))

    # ---- health ---------------------------------------------------------------------------------------------------

    def succeeded(self, run: Run, first: float) -> None:
        self._done += 1
        self._seconds += 0.1 * (run.seconds - self._seconds)
        self.timing.measured(run.seconds, first - run.started if first else 0.0, time.monotonic())
        if self.breaker.succeeded(run.started):
            log.info("provider.recovered", provider=self.provider.name)
            self.beat()

    def failed(self, run: Run, fault: Fault) -> None:
        self._failed += 1
        if self.provider.kind == "callbacks":  # one receiver's failure says nothing about the next one's
            return
        pause = self.breaker.failed(fault, run.started, time.time())
        if pause > 0:
            log.warning("provider.cooling", provider=self.provider.name, seconds=round(pause, 1), why=fault.code)
            self.beat()
            for puller in self._pullers:  # callers who wait here are taken along
                puller.kick()

    def plan(self, wanted: Wanted, explain: bool = False) -> Route | None:
        """Where a job could go on; None if nowhere."""
        try:
            setting = Setting(self.config.rules, random.random(), explain)
            return plan(wanted, self.fleet.queues(), time.time(), setting)
        except Refused:
            return None

    def set_offline(self, reason: str) -> None:
        """Why the provider can't be reached; empty: it can."""
        if bool(reason) != bool(self.offline):
            log.warning("provider.offline" if reason else "provider.online", provider=self.provider.name, why=reason)
        if reason != self.offline:
            self.offline = reason
            self.beat()

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._holding

    @property
    def done(self) -> int:
        """Jobs that went well."""
        return self._done

    def beat(self, full: bool = False) -> None:
        self._say(max(self.share, self._holding), full)

    def _say(self, slots: int, full: bool = False) -> None:
        provider, now = self.provider, time.monotonic()
        beat = Heartbeat(
            agent=self.agent,
            provider=provider.name,
            queue=self.queue,
            kind=provider.kind,
            slots=slots,
            in_flight=self._holding,
            waiting=sum(self._waiting) + self.backlog(),
            seconds=self._seconds,
            priority=provider.priority,
            cost=provider.cost,
            cooling_until=self.breaker.until,
            reason=self.breaker.reason,
            draining=self.draining,
            models=self.models if full else None,
            started=self._started,
            done=self._done,
            failed=self._failed,
            host=socket.gethostname(),
            pid=os.getpid(),
            offline=self.offline,
            first=self.timing.first(now),
            latency=self.timing.whole(now),
            paced=round(self.pace.wait(now), 3) if self.pace.limited else 0.0,
            probing=self.breaker.probing(time.time()),
            offline_since=self._offline_since(),
            retried=self.retried,
            front=self._in_front(),
        )
        self.bus.tell(subjects.hb(self.queue, self.agent), encode_heartbeat(beat))

    def _offline_since(self) -> float:
        self._away = (self._away or time.time()) if self.offline else 0.0
        return self._away

    async def _sweep(self) -> None:
        """Once a second: heartbeat, leases, signs of life, deadlines."""
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            frozen, self._turn = now - self._turn > LEASE, now
            try:
                self._beats += 1
                self._divide()
                if not self._holding:
                    self._waiting = [0, 0, 0]
                self.beat(full=self._beats % 15 == 0)
                self._mind_runs(now, frozen)
                if any(puller.missing for puller in self._pullers) or self._wall_is_off():
                    await self._declare()
                for puller in self._pullers:
                    puller.missing = False
                    puller.kick()
            except Problem as problem:
                log.warning("agent.sweep_failed", error=str(problem))
            except Exception:
                log.exception("agent.sweep_failed")

    def _mind_runs(self, now: float, frozen: bool) -> None:
        clock = time.time()
        for run in list(self.runs.values()):
            job = run.job
            if clock > job.deadline:
                run.cancel(Fault(Code.DEADLINE, "The job's deadline has passed."))
            elif job.durable:
                run.suspect = run.suspect or frozen
                if self._beats % int(WIP_EVERY) == 0 and not run.suspect and run.receipt is not None:
                    self._extend(run.receipt)
            elif not self.fleet.gateway_alive(job.reply.split(".")[1]):
                run.cancel(Fault(Code.CANCELLED, "The gateway that asked is gone."))
            elif now - run.quiet_since >= ALIVE_EVERY:
                run.keep_alive()

    def _extend(self, receipt: Receipt) -> None:
        """The lease of a delivery, as long as it is known to be the one."""
        if receipt.good(self.bus):
            self.bus.tell(receipt.reply, WIP)
        elif receipt.reply:
            self.bus.spawn(self._extend_later(receipt))

    async def _extend_later(self, receipt: Receipt) -> None:
        with contextlib.suppress(Problem):  # the next round asks again
            await receipt.answer(self.bus, WIP)

    def _divide(self) -> None:
        now = time.monotonic()
        peers = [
            seen.beat
            for seen in self.fleet.agents.values()
            if seen.beat.provider == self.provider.name and seen.beat.agent != self.agent and now - seen.at < STALE
        ]
        leaving = sum(beat.slots for beat in peers if beat.draining)
        others = {beat.agent: beat.slots for beat in peers if not beat.draining and (beat.slots or not beat.offline)}
        new = 0 if self.draining else share(self.provider.slots - leaving, self.agent, others)
        if new != self.share:
            self.share = new
            self.pace.share(new / self.provider.slots)
            self.beat()

    # ---- configuration --------------------------------------------------------------------------------------------

    async def _declare(self) -> None:
        """The queue's consumers; `max_ack_pending` is the slots of all its providers, for both lanes of WORK together."""
        known = {p.name: p for p in self.config.providers.values() if p.queue == self.queue and p.enabled}
        known[self.provider.name] = self.provider
        slots = sum(provider.slots for provider in known.values())
        self._walled = self._counted_in_front()
        live, work = streams.live_consumer(self.queue), streams.work_consumer(self.queue, slots - self._walled)
        try:
            await streams.declare_consumer(self.bus, "LIVE", live)
        except ApiError:  # the server was restarted, and LIVE was in its memory
            await streams.declare(self.bus)
            await streams.declare_consumer(self.bus, "LIVE", live)
        await streams.declare_consumer(self.bus, "WORK", work)
        await streams.declare_consumer(self.bus, "WORK", streams.work_consumer(self.queue, slots, "first"))

    def _in_front(self) -> int:
        return sum(1 for run in self.runs.values() if run.holds and run.job.first)

    def _counted_in_front(self) -> int:
        """Jobs of the lane in front that all agents of the queue have in hand, by their last word."""
        return self._in_front() + sum(seen.beat.front for seen in self._peers())

    def _wall_is_off(self) -> bool:
        """What the lane in front has in hand is taken off the other lane's wall; one agent of the queue minds it."""
        if any(seen.beat.agent < self.agent for seen in self._peers()):
            self._walled = -1  # unknown, should it be for us to mind one day
            return False
        return self._walled != self._counted_in_front()

    def _peers(self) -> list[Seen]:
        now = time.monotonic()
        return [
            seen
            for seen in self.fleet.agents.values()
            if seen.beat.queue == self.queue and seen.beat.agent != self.agent and now - seen.at < STALE
        ]

    def _known_models(self) -> tuple[Model, ...]:
        listed = {(model.op, model.name): model for model in self.provider.models}
        for model in self.config.models.get(self.provider.name, ()) if self.provider.discover else ():
            listed.setdefault((model.op, model.name), model)
        return tuple(listed.values())

    async def _discover(self) -> None:
        """Ask the provider for its models; a provider that can't be reached and lists none is offline."""
        if self.find_models is None:
            return
        try:
            async with asyncio.timeout(10):
                found = await self.find_models()
        except (Problem, TimeoutError) as error:
            if not self.models:
                self.offline = str(error) or "no answer in 10 s"
            log.warning("provider.unreachable", provider=self.provider.name, error=str(error))
            return
        self.offline = ""
        listed = {(model.op, model.name): model for model in (*self.provider.models, *found)}
        models = tuple(listed.values())
        if models != self.models:
            self.models = models
            self.beat(full=True)
        await self.config.put_models(self.provider.name, models)

    async def _rediscover(self) -> None:
        """At once when models were known beforehand, then now and then; sooner while the provider is away."""
        if self.provider.discover or not self.models:
            wait = 0.0 if self.models else 3.0
            while True:
                await asyncio.sleep(wait)
                try:
                    await self._discover()
                except Problem as problem:
                    log.warning("provider.models_unknown", provider=self.provider.name, error=str(problem))
                wait = 5.0 if self.offline else 300.0


def _delivered(reply: str) -> int:
    """How often it was delivered: `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<seq>.<time>.<pending>`."""
    return int(reply.split(".")[4])


def _pending(reply: str) -> int:
    """How many messages wait behind this one."""
    return int(reply.split(".")[8])
