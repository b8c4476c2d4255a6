"""One job in a worker: the attempt at the provider, its events, and where a failed one could go on.

What becomes of it is for its kind to say: `bus/live_run.py` answers a gateway, `bus/durable_run.py` claims, commits and acks.
What a newcomer would get wrong: a run is interrupted only while the agent is at work (`stoppable`); a claim or a commit that
was cut short would leave nobody knowing what came of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import msgspec
import structlog

from bus import retry
from bus.receipts import Receipt
from bus.router import Route, Wanted
from bus.tracing import Attempting, Taking, attempting
from schemas.events import Attempt, Delta, Done, Event, Failed, Progress, Usage
from schemas.job import Job
from schemas.problem import Code, Fault, Problem
from schemas.rules import Step

if TYPE_CHECKING:
    from bus.worker import Worker

log = structlog.get_logger()

Perform = Callable[[Job], tuple[AsyncIterator[Event], Callable[[], Usage]]]
"""Starts a job at the provider: its events, and what has been used so far (asked only when it ends badly)."""


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

    async def run(self) -> None:
        """From the delivery to the verdict. Raises `Problem` when the bus is away."""
        raise NotImplementedError

    # ---- the attempt ----------------------------------------------------------------------------------------------

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
        self.worker.room.pace.spent(usage.tokens_in + usage.tokens_out - self.estimate)

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

    # ---- events ---------------------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        self.quiet_since = time.monotonic()
        self._emit(event)

    def _emit(self, event: Event) -> None:
        """To whoever listens."""
        raise NotImplementedError

    # ---- where it could go on -------------------------------------------------------------------------------------

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

    def _handed_on(self, job: Job, queue: str, why: str) -> None:
        self.worker.retried += 1
        if self.taking is not None:
            self.taking.handed_on(queue, why, job.attempt)
        log.info("job.handed_on", job=job.id, attempt=job.attempt, queue=queue, why=why)


def _failure(fault: Fault) -> str:
    """Why an attempt failed, in a trail."""
    return f"failed: {fault.code}: {fault.message[:160]}"


async def _close(events: AsyncIterator[Event]) -> None:
    """Close the agent's generator, and through it the provider's call."""
    closing = getattr(events, "aclose", None)
    if closing is not None:
        await closing()
