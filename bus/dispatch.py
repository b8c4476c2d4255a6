"""The way in: what the gateway and the direct publishers' intake do with a request once they know who asks.

`live` routes a call and holds its line; `submit` accepts a durable job. Both raise `Problem` at once when nobody can
serve. What a newcomer would get wrong: a live call is published without waiting for its PubAck (it comes to the reply
inbox later), so a refusal by a full stream reaches the call as an event, not as an exception here.
"""

import asyncio
import contextlib
import random
import secrets
import time
from collections import deque
from collections.abc import Callable

import msgspec
import structlog

from bus import streams, subjects
from bus.acks import ApiError, Conflict, Full, decode_ack
from bus.config import Config
from bus.connection import Bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from bus.router import Refused, Route, Setting, Wanted, plan, routed, wanted_of
from bus.tracing import Sending, sampled
from bus.wire import Message
from schemas.events import Alive, Delta, Done, Event, Failed, decode_event
from schemas.job import Job, State, encode_job
from schemas.problem import Code, Fault, Problem
from schemas.provider import Priority
from schemas.rules import Step, Strategy

log = structlog.get_logger()

BACKLOG = 4 * 1024 * 1024
"""Bytes of events that wait for a slow reader before its call is given up."""
SILENCE = 8.0
"""Seconds without a sign of life (they come every 2) after which the agent counts as lost."""
UNSEEN = 4.0
"""Seconds a call may wait unheard before we ask whether its message is still in the stream."""


GIVE_WAY = {Priority.LOW: 15.0, Priority.NORMAL: 3.0}
"""Seconds a live call lets others of higher priority go first while all slots are taken."""


class Accepted(msgspec.Struct, frozen=True):
    """A durable job is stored. `duplicate`: it was before (idempotency); `job` is then the first one."""

    job: Job
    duplicate: bool

    @property
    def id(self) -> int:
        return self.job.id


class LiveCall:
    """The line of one live job: `await call.next()` until it gives `Done` or `Failed`. Always `close()` it."""

    __slots__ = (
        "_bytes", "_dispatcher", "_events", "_waiter", "ended", "gone_since", "heard", "job", "next_chunk", "queue",
        "sent", "tap", "token", "trail",
    )  # fmt: skip

    def __init__(self, dispatcher: "Dispatcher", job: Job, choice: Route) -> None:
        self._dispatcher, self.job, self.queue, self.trail = dispatcher, job, choice.queue, choice.trail
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
            self._dispatcher.moved(self, event.queue)  # type: ignore[union-attr]
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
        self._dispatcher.stop(self)
        return Failed(fault)

    def fail(self, fault: Fault) -> None:
        """End the call from our side: the reader hears it, the agent is told."""
        if not self.ended:
            self._dispatcher.stop(self)
            self.push(Failed(fault))

    def cancel(self) -> None:
        """The caller has hung up: stop the provider's call. Harmless after the end."""
        if not self.ended:
            self.ended = True
            self._dispatcher.stop(self)

    def close(self) -> None:
        self.cancel()
        if self.tap is not None:
            self.tap(None)
        self._dispatcher.forget(self)


class Dispatcher:
    """Routes and sends jobs for one gateway process."""

    def __init__(self, fleet: Fleet, jobs: Jobs, ids: Ids, finish: Finish, queue_seconds: float = 30.0) -> None:
        self.fleet, self.jobs, self.ids, self.finish = fleet, jobs, ids, finish
        self.bus: Bus = fleet.bus
        self.config: Config = fleet.config
        self.queue_seconds = queue_seconds
        self.name = secrets.token_hex(5)
        """Of this gateway, in `rep.<name>.<job>`. Not the ids' node number: that one may be lost and leased anew."""
        self.list_price: Callable[[tuple[str, ...], str], float] | None = None
        """What a model costs at the cheapest of some providers, for the strategy `cheapest`; handed in by whoever knows."""
        self.calls: dict[int, LiveCall] = {}
        self._high: dict[int, str] = {}
        """Live calls of keys with high priority, and their queues."""
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        streams.declare_again(self.bus)
        await self.bus.listen(f"rep.{self.name}.*", self._heard)
        self.finish.tally = self.fleet.teller.tally
        await self.fleet.teller.begin(dispatcher=self)
        self.finish.counts = self.fleet.counts
        self.finish.tracer = self.fleet.tracer
        self.bus.spawn(self._sweep())

    def new_id(self) -> int:
        return self.ids.new()

    # ---- live -----------------------------------------------------------------------------------------------------

    async def live(self, job: Job) -> LiveCall:
        """Send a live job to the best queue and hold the line.

        Raises `Problem`: MODEL_NOT_FOUND, NO_PROVIDER, RATE_LIMITED (all candidates cool for longer than a caller waits).
        Of a chain of models the job takes the one that can be served.
        """
        if self.fleet.tracer is None:
            return await self._live(job)
        with Sending(self.fleet.tracer, job, "live") as sending:
            call = await self._live(sending.job)
            sending.to(call.queue, call.trail)
            return call

    async def _live(self, job: Job) -> LiveCall:
        wanted = wanted_of(job, self.config.rules)
        setting = self.setting(wanted, job.explain or sampled(job.trace))
        choice = plan(wanted, self.fleet.queues(), time.time(), setting)
        if choice.wait_until:
            choice = await self._thaw(wanted, choice, job.deadline, setting)
        key = self.config.keys.get(job.key)
        priority = key.priority if key is not None else Priority.NORMAL
        if priority is Priority.LOW or (self._high and priority is Priority.NORMAL):
            choice = await self._give_way(job, choice, setting, priority)
        job = msgspec.structs.replace(routed(job, choice), reply=subjects.rep(self.name, job.id))
        call = LiveCall(self, job, choice)
        self.calls[job.id] = call
        if priority is Priority.HIGH:
            self._high[job.id] = choice.queue
        self.fleet.began(choice.queue)
        reply, call.token = self.bus.inbox()
        self.bus.expect(call.token, lambda message: self._sent(call, message))
        try:
            self.bus.tell(subjects.live(choice.queue, job.tenant, job.id), encode_job(job), reply)
        except Problem:
            self.forget(call)
            raise
        return call

    def setting(self, wanted: Wanted, explain: bool) -> Setting:
        """What besides the queues decides where a job goes."""
        rules = self.config.rules
        rule = rules.get(wanted.model) if rules else None
        prices = {}
        if rule is not None and rule.strategy is Strategy.CHEAPEST and self.list_price is not None:
            prices = {view.name: self.list_price(view.providers, wanted.model) for view in self.fleet.queues()}
        return Setting(rules, random.random() if rules else 0.0, explain, prices)

    async def _give_way(self, job: Job, choice: Route, setting: Setting, priority: Priority) -> Route:
        """While slots are short, others go first: before a low key everyone, before a normal one the high ones. Not for
        ever: after `GIVE_WAY` seconds the call takes its place in the line like any other, so nobody starves."""
        until = min(time.time() + GIVE_WAY[priority], job.deadline)
        while time.time() < until and self._short(choice.queue):
            if priority is Priority.NORMAL and choice.queue not in self._high.values():
                break
            await asyncio.sleep(0.02)
            choice = plan(wanted_of(job, self.config.rules), self.fleet.queues(), time.time(), setting)
            if choice.wait_until:
                choice = await self._thaw(wanted_of(job, self.config.rules), choice, job.deadline, setting)
        return choice

    def _short(self, queue: str) -> bool:
        """Whether all slots of the queue are taken, as far as we know."""
        view = next((view for view in self.fleet.queues() if view.name == queue), None)
        return view is not None and view.in_flight + view.waiting >= view.slots

    async def _thaw(self, wanted: Wanted, choice: Route, deadline: float, setting: Setting) -> Route:
        """All candidates cool: wait for the first to return, if that is sooner than the caller's patience ends."""
        until = min(time.time() + self.queue_seconds, deadline)
        while choice.wait_until:
            left = choice.wait_until - time.time()
            if choice.wait_until > until:
                raise Problem(
                    Code.RATE_LIMITED,
                    f"All providers of '{wanted.model}' are cooling down ({_reasons(choice.trail)}).",
                    retry_after=max(1.0, left),
                )
            await asyncio.sleep(max(0.05, min(0.5, left)))
            choice = plan(wanted, self.fleet.queues(), time.time(), setting)
        return choice

    def stop(self, call: LiveCall) -> None:
        """Take the call back: out of the stream if it still waits there, out of the agent's hands if not."""
        with contextlib.suppress(Problem):
            self.bus.tell(subjects.cancel(call.job.id))
            if not call.heard:
                subject = subjects.live("*", call.job.tenant, call.job.id)
                self.bus.tell("$JS.API.STREAM.PURGE.LIVE", b'{"filter":"%b"}' % subject.encode())

    def moved(self, call: LiveCall, queue: str) -> None:
        """The call was handed on to another queue."""
        if call.job.id in self.calls:
            self.fleet.ended(call.queue)
            self.fleet.began(queue)
        call.queue = queue

    def forget(self, call: LiveCall) -> None:
        self._high.pop(call.job.id, None)
        if self.calls.pop(call.job.id, None) is not None:
            self.fleet.ended(call.queue)
        self.bus.expect(call.token, None)

    def _heard(self, message: Message) -> None:
        event, number = decode_event(message.data), int(message.subject.rpartition(".")[2])
        call = self.calls.get(number)
        if call is not None:
            call.push(event)
        elif type(event) is not Done and type(event) is not Failed:  # it was cancelled while no agent had it
            self.bus.tell(subjects.cancel(number))

    def _sent(self, call: LiveCall, message: Message) -> None:
        ack = None if message.status else decode_ack(message.data)
        if ack is not None and ack.error is None:
            return
        full = ack is not None and ack.error is not None and "exceeded" in ack.error.description
        text = "Too many calls wait already; try again in a moment." if full else "The message bus is not ready."
        call.fail(Fault(Code.OVERLOADED if full else Code.UNAVAILABLE, text, retry_after=2))

    async def _sweep(self) -> None:
        """Deadlines, full waiting rooms and lost agents of all calls, once a second; and our own sign of life.

        It awaits nothing but its own clock: agents stop the calls of a gateway that they don't hear.
        """
        while True:
            await asyncio.sleep(1)
            with contextlib.suppress(Problem):
                self.bus.tell(subjects.gateway_hb(self.name))
            now, clock, unheard = time.monotonic(), time.time(), []
            for call in list(self.calls.values()):
                if call.ended:
                    continue
                if clock > call.job.deadline:
                    call.fail(Fault(Code.DEADLINE, "No complete answer within the time allowed."))
                elif call.heard:
                    if now - call.heard > SILENCE:
                        call.fail(_lost(call))
                elif now - call.sent > min(UNSEEN, self.queue_seconds):
                    unheard.append(call)
            if unheard and (self._looking is None or self._looking.done()):
                self._looking = self.bus.spawn(self._look_for(unheard))

    async def _look_for(self, calls: list[LiveCall]) -> None:
        """Calls nobody speaks of: they wait in a queue, or the agent that took one died before its first sign."""
        try:
            info = await self.bus.api("STREAM.INFO.LIVE", {"subjects_filter": "live.>"})
            waiting = {int(subject.rpartition(".")[2]) for subject in info["state"].get("subjects") or {}}
        except Problem:
            return
        except ApiError:  # the stream went with the server's memory
            waiting = set()
        now = time.monotonic()
        for call in calls:
            if call.ended or call.heard:
                continue
            if call.job.id in waiting:
                call.gone_since = 0.0
                if now - call.sent > self.queue_seconds:
                    text = f"All slots were busy for {self.queue_seconds:.0f} s; try again later."
                    call.fail(Fault(Code.OVERLOADED, text, retry_after=5))
            elif not call.gone_since:
                call.gone_since = now
            elif now - call.gone_since > UNSEEN:
                call.fail(_lost(call))

    # ---- durable --------------------------------------------------------------------------------------------------

    async def submit(self, job: Job) -> Accepted:
        """Accept a durable job: when this returns it is stored and fsynced, and survives the death of every process.

        Raises `Problem`: MODEL_NOT_FOUND, CONFLICT (same ref, other body), OVERLOADED, UNAVAILABLE.
        """
        if self.fleet.tracer is None:
            return await self._submit(job, self.choice_for(job))
        with Sending(self.fleet.tracer, job, "work") as sending:
            choice = self.choice_for(sending.job)
            sending.to(choice.queue, choice.trail)
            return await self._submit(sending.job, choice)

    async def _submit(self, job: Job, choice: Route) -> Accepted:
        job = routed(job, choice)
        for _ in range(5):
            try:
                stored, fresh = await self.jobs.create(job)
                break
            except Conflict:  # the id is taken: a clock that went back
                job = msgspec.structs.replace(job, id=self.new_id())
            except Full as error:
                raise Problem(Code.OVERLOADED, "The job store is full; try again later.", retry_after=30) from error
        else:
            raise Problem(Code.UNAVAILABLE, "No free job id could be found; try again.", retry_after=1)
        if fresh:
            self.fleet.took(choice.queue)
            await self._enqueue(stored, choice.queue, choice.wait_until)
        return Accepted(stored, not fresh)

    async def _enqueue(self, job: Job, queue: str, at: float) -> None:
        """The job is accepted already: whatever goes wrong here the keeper puts right."""
        try:
            await self.jobs.enqueue(job, queue, at)
        except (Problem, Full, ApiError) as error:
            log.warning("job.enqueue_failed", job=job.id, queue=queue, error=str(error))

    def choice_for(self, job: Job) -> Route:
        """A durable job may wait: when nobody can take it now it goes to a queue that serves its model some day.

        Raises `Problem` when nobody ever could.
        """
        queues = self.fleet.queues()
        wanted = wanted_of(job, self.config.rules)
        try:
            return plan(wanted, queues, time.time(), self.setting(wanted, job.explain or sampled(job.trace)))
        except Refused as refused:
            if refused.code is not Code.NO_PROVIDER:
                raise
            models = (wanted.model, *wanted.chain)
            for place, model in enumerate(models):
                known = [q for q in queues if (job.op, model) in q.models and q.enabled and q.name not in job.excluded]
                if job.providers:
                    known = [q for q in known if not {q.name, *q.providers}.isdisjoint(job.providers)]
                if known:
                    first = min(known, key=lambda q: (bool(q.paused), q.priority, q.name))
                    return Route(first.name, refused.trail, 0.0, model, models[place + 1 :])
            raise

    async def cancel(self, job: Job) -> bool:
        """End a durable job as cancelled. False: it had ended otherwise. A worker at it goes first: it knows the usage."""
        self.bus.tell(subjects.cancel(job.id))
        for _ in range(10):
            found = await self.jobs.read(job.tenant, job.id)
            if found is None or found[1].state.terminal:
                return found is not None and found[1].state is State.CANCELLED
            stored = found
            claim = await self.jobs.claim_of(job.tenant, job.id)
            if claim is None or not claim[1].agent:
                break
            await asyncio.sleep(0.05)
        revision, record = stored
        job = msgspec.structs.replace(record.job, revision=revision)
        fault = Fault(Code.CANCELLED, "Cancelled by the caller.")
        if await self.finish.end(job, Failed(fault, attempts=claim[1].trail if claim else ()), ""):
            await self.withdraw(job)
            return True
        after = await self.jobs.read(job.tenant, job.id)
        return after is not None and after[1].state is State.CANCELLED

    async def withdraw(self, job: Job) -> None:
        """Take an ended and reported job's messages out of all queues; whoever has one in hand is told to stop."""
        pattern = f"*.*.{job.tenant}.{job.id}.*"  # in either lane
        info = await self.bus.api("STREAM.INFO.WORK", {"subjects_filter": pattern})
        for subject in info["state"].get("subjects") or {}:
            found = await self.bus.last("WORK", subject)
            if found is not None:  # by its number: a purge by subject would not wake the pulls that wait for its slot
                with contextlib.suppress(ApiError):
                    await self.bus.api("STREAM.MSG.DELETE.WORK", {"seq": found[0], "no_erase": True})
        for waiting in (f"sched.{job.id}.*", f"due.*.{job.tenant}.{job.id}.*"):
            await self.bus.api("STREAM.PURGE.SCHED", {"filter": waiting})
        self.bus.tell(subjects.cancel(job.id))


def _lost(call: LiveCall) -> Fault:
    return Fault(
        Code.AGENT_LOST, f"The agent of '{call.queue}' was lost during the call; please try again.", retry_after=1
    )


def _reasons(trail: tuple[Step, ...]) -> str:
    return "; ".join(f"{step.queue} {step.verdict}" for step in trail)
