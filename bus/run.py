"""One job in a worker, from the delivery to the verdict.

A live job is acked when it is taken and answers its gateway; a durable one is claimed, worked on and committed, and its
message is acked last. What a newcomer would get wrong: a worker that finds itself fenced (its claim or commit refused)
leaves without a word, for any answer on an old delivery would hit the newer one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import msgspec
import structlog

from bus import retry, subjects
from bus.acks import ApiError, Full
from bus.puller import ACK, NAK
from bus.receipts import Receipt
from bus.router import Route, Wanted, routed
from bus.tracing import Attempting, Taking, attempting
from schemas.events import Alive, Attempt, Delta, Done, Event, Failed, Progress, Usage, encode_event
from schemas.job import Claim, Job, claimed, encode_job, resumed
from schemas.problem import Code, Fault, Problem
from schemas.rules import Step

if TYPE_CHECKING:
    from bus.worker import Worker

log = structlog.get_logger()

Perform = Callable[[Job], tuple[AsyncIterator[Event], Callable[[], Usage]]]
"""Starts a job at the provider: its events, and what has been used so far (asked only when it ends badly)."""

DELIVERIES = 5
"""A job that has taken this many agents down with it is poison."""


class Run:
    """A job under way. `cancel(fault)` ends it early with that fault; `give_back()` leaves it to another worker."""

    __slots__ = (
        "chunks", "delivered", "estimate", "first", "holds", "job", "leaving", "preview", "previews", "progress",
        "quiet_since", "receipt", "revision", "seconds", "spoke", "started", "stoppable", "suspect", "taking", "task", "used",
        "verdict", "worker",
    )  # fmt: skip

    def __init__(self, worker: "Worker", job: Job, receipt: Receipt | None = None, delivered: int = 1) -> None:
        """`receipt`: of a durable job's delivery."""
        self.worker, self.job, self.receipt, self.delivered = worker, job, receipt, delivered
        self.started = time.time()
        self.quiet_since = time.monotonic()
        self.spoke = False
        self.suspect = False
        """The process was frozen longer than its lease: ask whether the claim is still ours before the commit."""
        self.holds = True
        """It takes up a slot."""
        self.leaving = False
        self.stoppable = False
        """The task may be interrupted: a claim or a commit may not, or nobody would know what came of it."""
        self.revision = 0
        self.seconds = 0.0
        self.estimate = 0
        """Tokens that the provider's rate limit was charged when it began."""
        self.verdict: Fault | None = None
        self.task: asyncio.Task[None] | None = None
        self.first, self.chunks = 0.0, 0
        """When the first delta came, and how many chunks have."""
        self.progress: Progress | None = None
        """Its last word, without the picture …"""
        self.preview, self.previews = "", 0
        """… that stands here, and how many there have been."""
        self.used: Callable[[], Usage] | None = None
        self.taking: Taking | None = None
        """Its span, where somebody traces."""

    def cancel(self, fault: Fault) -> None:
        if self.verdict is None:
            self.verdict = fault
            self._interrupt()

    def give_back(self) -> None:
        self.leaving = True
        self._interrupt()

    def _interrupt(self) -> None:
        """Once, and only while the agent is at work: what is decided before that is seen before it begins."""
        if self.stoppable and self.task is not None:
            self.stoppable = False
            self.task.cancel()

    def keep_alive(self) -> None:
        """Tell the gateway that a silent live job is still in hand."""
        self.worker.bus.tell(self.job.reply, encode_event(Alive(self.job.attempt)))

    # ---- live -----------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        end = await self._perform()
        if isinstance(end, Failed) and not self.spoke:
            if await self._hand_on_live(end):
                return
            if self.verdict is not None and end.fault.code is not self.verdict.code:
                end = msgspec.structs.replace(end, fault=self.verdict)
        try:
            self._emit(end)
        except Problem as problem:
            self._emit(Failed(problem.fault, end.usage, end.provider, end.attempts, end.first))

    async def _hand_on_live(self, end: Failed) -> bool:
        """Route the call on; True when another worker (or this one, later) has it now."""
        again = retry.verdict(self.job.op, end.fault, end.attempts, durable=False, chain=self.job.chain)
        if again is None or self.verdict is not None:
            return False
        job = self._next(end)
        self.worker.release(self)
        choice = self._route(job, again)
        if choice is None or choice.wait_until > job.created + retry.LIVE_PATIENCE:
            return False
        return await self._send_on(routed(job, choice), choice, str(end.fault.code))

    async def _send_on(self, job: Job, choice: Route, why: str) -> bool:
        """When its time has come, the live call into its next queue. False: it was cancelled, or the bus is away."""
        if not await self._pause(choice.wait_until - time.time()):
            return False
        self.worker.forget(self)  # it may come back to this very worker before we are through
        try:
            self.worker.bus.tell(job.reply, encode_event(Alive(job.attempt, choice.queue)))
            await self.worker.bus.keep(subjects.live(choice.queue, job.tenant, job.id), encode_job(job), timeout=2)
        except (Problem, Full, ApiError):
            return False
        self._handed_on(job, choice.queue, why)
        return True

    async def move(self, reason: str) -> None:
        """A live call that waited for a provider which cools now: to somebody who is fit, or back when one returns."""
        job, now = self.job, time.time()
        choice = self.worker.plan(self._wanted(job), job.explain)
        fault = Fault(Code.RATE_LIMITED, f"All providers of '{job.model}' are cooling down ({reason}).", retry_after=5)
        if held := self.worker.paused:
            text = f"The queue of '{job.model}' is {held}, and nobody else serves it now."
            fault = Fault(Code.NO_PROVIDER, text, retry_after=5)
        if choice is not None and choice.wait_until <= min(job.deadline, job.created + retry.LIVE_PATIENCE, now + 25.0):
            if await self._send_on(routed(job, choice), choice, "paused" if self.worker.paused else "cooling"):
                return
            fault = self.verdict or Fault(Code.UNAVAILABLE, "The message bus is not ready.", retry_after=2)
        self._emit(Failed(self.verdict or fault, attempts=job.trail, steps=job.steps))

    async def _pause(self, seconds: float) -> bool:
        """Wait; False when the call was cancelled meanwhile."""
        self.stoppable = self.verdict is None
        try:
            if self.stoppable and seconds > 0:
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if self.verdict is None:
                raise
        finally:
            self.stoppable = False
        return self.verdict is None

    # ---- durable --------------------------------------------------------------------------------------------------

    async def durable(self) -> None:
        job = self.job
        if not await self._claim():
            return
        try:
            end = await self._perform()
        except asyncio.CancelledError:
            await self._give_back()
            raise
        if (self.suspect or self.worker.stalled) and not await self._still_ours():
            log.warning("job.fenced", job=job.id, attempt=job.attempt, queue=self.worker.queue, late=True)
            return
        if isinstance(end, Failed) and not self.spoke and await self._hand_on(end):
            return
        if await self._end(end):
            await self._ack()
        else:  # somebody else ended it, and may have died before the message was away
            await self._ended_before()

    async def _end(self, end: Done | Failed) -> bool:
        try:
            return await self.worker.finish.end(self.job, end, self.worker.queue)
        except Problem as problem:
            if problem.code is not Code.TOO_LARGE:
                raise
            failed = Failed(problem.fault, end.usage, end.provider, end.attempts, end.first)
            return await self.worker.finish.end(self.job, failed, self.worker.queue)

    async def _claim(self) -> bool:
        """Make the job ours. False: there is nothing to do here, and whatever had to be said has been said."""
        job, jobs, worker = self.job, self.worker.jobs, self.worker
        found = None if self.delivered == 1 and job.attempt == 1 else await jobs.claim_of(job.tenant, job.id)
        revision, old = found or (0, None)
        if old is not None and old.attempt > job.attempt:
            if not old.agent:
                await self._requeue_from(old)
            await self._ack()
            return False
        crashed = old is not None and old.agent != "" and old.attempt == job.attempt
        # A later attempt without a claim: the claim was lost with the power, or dropped because the job has ended.
        unsure = self.delivered > 1 or crashed or (old is None and job.attempt > 1)
        if unsure and await self._ended_before():
            return False
        delivery = old.delivery + 1 if old is not None and crashed else 1
        claim = claimed(
            job, worker.agent, worker.queue, provider=worker.provider.name, started=self.started, delivery=delivery
        )
        taken = await jobs.put_claim(job.tenant, claim, revision)
        if taken is None:
            # Somebody has been here. If it is a living worker it will end the job; if not, the message comes back.
            if self.delivered == 1:
                self.delivered = 2
                return await self._claim()
            log.info("job.claim_refused", job=job.id, attempt=job.attempt)
            return False
        self.revision = taken
        if delivery > DELIVERIES:
            await self._poisoned(delivery)
            return False
        return True

    async def _ended_before(self) -> bool:
        """A redelivery of a job that has ended: say again what the crash may have left unsaid."""
        found = await self.worker.jobs.read(self.job.tenant, self.job.id)
        if found is None:
            log.error("job.record_missing", job=self.job.id)
        elif not found[1].state.terminal:
            if found[0] != self.job.revision:  # requeued since: the fence has moved with it
                self.job = msgspec.structs.replace(self.job, revision=found[0])
            return False
        else:
            await self.worker.finish.report(found[1], again=True)
        await self._ack()
        return True

    async def _poisoned(self, delivery: int) -> None:
        fault = Fault(Code.AGENT_LOST, f"The job was given up: {delivery - 1} agents stopped while they worked on it.")
        attempt = self._attempt(fault)
        end = Failed(fault, provider=self.worker.provider.name, attempts=(*self.job.trail, attempt))
        if await self.worker.finish.end(self.job, end, self.worker.queue):
            await self._ack()

    async def _hand_on(self, end: Failed) -> bool:
        """After a failure worth another try: the next attempt into its queue, then this message away."""
        again = retry.verdict(self.job.op, end.fault, end.attempts, durable=True, chain=self.job.chain)
        if again is None or self.verdict is not None:
            return False
        job = self._next(end)
        choice = self._route(job, again)
        if choice is None or choice.wait_until > job.deadline:
            return False
        job = routed(job, choice)
        claim = claimed(job, queue=choice.queue)
        if await self.worker.jobs.put_claim(job.tenant, claim, self.revision) is None:
            log.warning("job.fenced", job=job.id, attempt=self.job.attempt, queue=self.worker.queue)
            return True
        await self.worker.jobs.enqueue(job, choice.queue, choice.wait_until)
        await self._ack()
        self._handed_on(job, choice.queue, str(end.fault.code))
        return True

    def _handed_on(self, job: Job, queue: str, why: str) -> None:
        self.worker.retried += 1
        if self.taking is not None:
            self.taking.handed_on(queue, why, job.attempt)
        log.info("job.handed_on", job=job.id, attempt=job.attempt, queue=queue, why=why)

    async def _requeue_from(self, claim: Claim) -> None:
        """The worker before us wrote the hand-over but may have died before it sent the message."""
        await self.worker.jobs.enqueue(resumed(self.job, claim), claim.queue)

    async def _still_ours(self) -> bool:
        found = await self.worker.jobs.claim_of(self.job.tenant, self.job.id)
        return found is not None and found[0] == self.revision

    async def _give_back(self) -> None:
        """The worker stops: leave the job unclaimed for another, at once and without counting it against the job."""
        claim = claimed(self.job, queue=self.worker.queue)
        if await self.worker.jobs.put_claim(self.job.tenant, claim, self.revision) is not None:
            await self._answer(NAK)

    async def _ack(self) -> None:
        await self._answer(ACK)

    async def _answer(self, verdict: bytes) -> None:
        if self.receipt is not None:
            await self.receipt.answer(self.worker.bus, verdict)

    # ---- both -----------------------------------------------------------------------------------------------------

    async def _perform(self) -> Done | Failed:
        """One attempt, counted and perhaps traced."""
        if (stopped := self._stopped_early()) is not None:
            return self._failed(stopped, Usage(), 0.0)
        job, fleet = self.job, self.worker.fleet
        if fleet.tracer is None:
            end = await self._performed(job)
        else:
            with attempting(fleet.tracer, self) as attempt:
                end = await self._performed(msgspec.structs.replace(job, trace=attempt.context), attempt)
                attempt.ended(end)
        code, usage = "" if isinstance(end, Done) else str(end.fault.code), end.usage
        tokens = (usage.tokens_in, usage.tokens_out)
        fleet.counts.tried(job.op, job.model, self.worker.provider.name, code, self.seconds, tokens)
        return end

    async def _performed(self, job: Job, attempt: Attempting | None = None) -> Done | Failed:
        """Have the agent do it, and pass its events on."""
        first, count = 0.0, 0
        events, used = self.worker.perform(job)
        self.used = used
        try:
            self.stoppable = True
            if self.job.durable:
                self.emit(Progress(0.0, "started"))
            async for event in events:
                if isinstance(event, Done):
                    return self._done(event, first)
                if isinstance(event, Delta):
                    first = first or self._speaks(event, attempt)
                    event = self._numbered(event.chunks, count)
                    self.chunks = count = count + len(event.chunks)
                elif isinstance(event, Progress):
                    self._progressed(event)
                self.emit(event)
            fault = Fault(Code.INTERNAL, "The agent ended without a result.")
        except Problem as problem:
            if self.leaving and self.verdict is None:
                raise asyncio.CancelledError from None
            fault = self.verdict or problem.fault
        except asyncio.CancelledError:
            if self.verdict is None:
                raise
            fault = self.verdict
        except Exception:
            log.exception("job.crashed", job=self.job.id)
            fault = Fault(Code.INTERNAL, "The agent met an unforeseen error; its log has the details.")
        finally:
            self.stoppable = False
            await _close(events)
        return self._failed(fault, used(), first)

    def _speaks(self, event: Delta, attempt: Attempting | None) -> float:
        """The first delta has come."""
        self.first, self.spoke = time.time(), True
        if attempt is not None:
            attempt.spoke(event)
        return self.first

    def _progressed(self, event: Progress) -> None:
        """Kept for those who look: a picture is told once, and asked for as long as there is no newer one."""
        if event.preview:
            self.preview, self.previews = event.preview, self.previews + 1
            event = msgspec.structs.replace(event, preview="")
        self.progress = event

    def _numbered(self, chunks: list[bytes], count: int) -> Delta:
        """The first delta also says who speaks, for the headers of the answer."""
        if count:
            return Delta(chunks, count)
        return Delta(chunks, 0, self.worker.provider.name, self.job.attempt, self.job.steps)

    def _stopped_early(self) -> Fault | None:
        """Why not even to begin: cancelled in the queue or during the claim, or too late."""
        if self.verdict is None and time.time() > self.job.deadline:
            self.verdict = Fault(Code.DEADLINE, "The job's deadline passed before its turn came.")
        if self.verdict is None and self.leaving:
            raise asyncio.CancelledError
        return self.verdict

    def _done(self, event: Done, first: float) -> Done:
        attempts = (*self.job.trail, self._attempt(None))
        self.worker.succeeded(self, first)
        self._settle(event.usage)
        name, job = self.worker.provider.name, self.job
        return Done(event.body, event.usage, event.content_type, name, attempts, first, job.steps, self._model())

    def _failed(self, fault: Fault, usage: Usage, first: float) -> Failed:
        if self.verdict is None:
            self.worker.failed(self, fault)
        self._settle(usage)
        if fault.provider is None:
            fault = msgspec.structs.replace(fault, provider=self.worker.provider.name)
        attempts = (*self.job.trail, self._attempt(fault))
        steps = self.job.steps
        if self.job.explain and self.verdict is None:
            steps = (*steps, Step(self.worker.queue, _failure(fault), self.job.model, self.job.attempt))
        return Failed(fault, usage, self.worker.provider.name, attempts, first, steps, self._model())

    def _model(self) -> str:
        """What answered, where the caller had asked for something else."""
        return self.job.model if self.job.asked else ""

    def _settle(self, usage: Usage) -> None:
        """The provider's rate limit was charged an estimate."""
        self.worker.pace.spent(usage.tokens_in + usage.tokens_out - self.estimate)

    def _attempt(self, fault: Fault | None) -> Attempt:
        worker = self.worker
        self.seconds = time.time() - self.started
        return Attempt(
            number=self.job.attempt,
            queue=worker.queue,
            provider=worker.provider.name,
            agent=worker.agent,
            started=self.started,
            seconds=self.seconds,
            code=str(fault.code) if fault else None,
            message=fault.message if fault else None,
            status=fault.provider_status if fault else None,
            model=self._model(),
        )

    def emit(self, event: Event) -> None:
        self.quiet_since = time.monotonic()
        self._emit(event)

    def _emit(self, event: Event) -> None:
        if self.job.durable:
            self.worker.finish.emit(self.job, event)
        else:
            self.worker.bus.tell(self.job.reply, encode_event(event))

    def _next(self, end: Failed) -> Job:
        excluded = self.job.excluded
        if self.worker.queue not in excluded:
            excluded = (*excluded, self.worker.queue)
        return msgspec.structs.replace(
            self.job,
            attempt=self.job.attempt + 1,
            excluded=excluded,
            trail=end.attempts,
            steps=end.steps,
            first_run=self.job.first_run or end.attempts[0].started,
        )

    def _route(self, job: Job, again: retry.Again) -> Route | None:
        """Another queue now, or the next model; else, if the failure allows, the first that returns; else the same later."""
        now = time.time()
        wanted = self._wanted(job)
        if again.model_only:  # this one would refuse it everywhere
            first, *rest = job.chain
            wanted = msgspec.structs.replace(wanted, model=first, chain=tuple(rest), excluded=())
        other = self.worker.plan(wanted, job.explain) if again.elsewhere else None
        if other is not None and other.wait_until <= now:
            return other
        if again.after is None:
            return None
        at = now + again.after
        if again.elsewhere:
            found = self.worker.plan(msgspec.structs.replace(wanted, excluded=()), job.explain)
            if found is not None:
                return msgspec.structs.replace(found, wait_until=max(at, found.wait_until))
        return Route(self.worker.queue, (), at, job.model, job.chain)

    def _wanted(self, job: Job) -> Wanted:
        return Wanted(job.op, job.model, job.excluded, job.providers, job.stream, job.chain)


def _failure(fault: Fault) -> str:
    """Why an attempt failed, in a trail."""
    return f"failed: {fault.code}: {fault.message[:160]}"


async def _close(events: AsyncIterator[Event]) -> None:
    """Close the agent's generator, and through it the provider's call."""
    closing = getattr(events, "aclose", None)
    if closing is not None:
        await closing()
