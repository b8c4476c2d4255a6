"""The way in: what the gateway and the direct publishers' intake do with a request once they know who asks.

`live` routes a call, whose line is then held (`bus/lines.py`); `submit` accepts a durable job. Both raise `Problem` at once
when nobody can serve. What a newcomer would get wrong: a durable job goes into a queue even while nobody takes anything there,
as long as somebody serves its model some day; a live call does not.
"""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import Callable

import msgspec
import structlog

from bus import streams, subjects
from bus.acks import ApiError, Conflict, Full
from bus.cancel import CALLER, fault_of
from bus.config import Config
from bus.connection import Bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from bus.lines import Lines
from bus.live_call import LiveCall
from bus.router import Refused, Route, Setting, Wanted, plan, routed, wanted_of
from bus.switchboard import Switchboard
from bus.tracing import Sending, sampled
from schemas.events import Failed
from schemas.job import Job, State
from schemas.problem import Code, Problem
from schemas.provider import Priority
from schemas.rules import Step, Strategy

log = structlog.get_logger()

GIVE_WAY = {Priority.LOW: 15.0, Priority.NORMAL: 3.0}
"""Seconds a live call lets others of higher priority go first while all slots are taken."""


class Accepted(msgspec.Struct, frozen=True):
    """A durable job is stored. `duplicate`: it was before (idempotency); `job` is then the first one."""

    job: Job
    duplicate: bool

    @property
    def id(self) -> int:
        return self.job.id


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
        self.lines = Lines(self)
        self.calls = self.lines.open
        self.switchboard = Switchboard(self.lines)

    async def start(self) -> None:
        streams.declare_again(self.bus)
        await self.lines.start()
        await self.switchboard.start()
        self.finish.tally = self.fleet.teller.tally
        await self.fleet.teller.begin(dispatcher=self)
        self.finish.counts = self.fleet.counts
        self.finish.tracer = self.fleet.tracer

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
        if priority is Priority.LOW or (self.lines.high and priority is Priority.NORMAL):
            choice = await self._give_way(job, choice, setting, priority)
        job = msgspec.structs.replace(routed(job, choice), reply=subjects.rep(self.name, job.id))
        return self.lines.send(job, choice, high=priority is Priority.HIGH)

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
            if priority is Priority.NORMAL and choice.queue not in self.lines.high.values():
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

    async def cancel(self, job: Job, by: bytes = CALLER) -> bool:
        """End a durable job as cancelled, `by` as in `bus/cancel.py`. False: it had ended otherwise. A worker at it goes first:
        it knows the usage."""
        self.bus.tell(subjects.cancel(job.id), by)
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
        if await self.finish.end(job, Failed(fault_of(by), attempts=claim[1].trail if claim else ()), ""):
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


def _reasons(trail: tuple[Step, ...]) -> str:
    return "; ".join(f"{step.queue} {step.verdict}" for step in trail)
