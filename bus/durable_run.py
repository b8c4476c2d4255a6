"""A durable job in a worker: claimed, worked on and committed; its message is acked last.

What a newcomer would get wrong: a worker that finds itself fenced (its claim or commit refused) leaves without a word, for any
answer on an old delivery would hit the newer one.
"""

import asyncio

import msgspec
import structlog

from bus import retry
from bus.puller import ACK, NAK
from bus.router import routed
from bus.run import Run
from schemas.events import Done, Event, Failed
from schemas.job import Claim, claimed, resumed
from schemas.problem import Code, Fault, Problem

log = structlog.get_logger()

DELIVERIES = 5
"""A job that has taken this many agents down with it is poison."""


class DurableRun(Run):
    """A job that is stored."""

    __slots__ = ()

    def _emit(self, event: Event) -> None:
        self.worker.finish.emit(self.job, event)

    async def run(self) -> None:
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
