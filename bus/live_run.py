"""A live job in a worker: it was acked when it was taken, and answers the gateway that holds its caller's line.

What a newcomer would get wrong: after a failure the call may go on in another queue, and come back to this very worker before
we are through with it; so it is forgotten here before it is sent.
"""

import asyncio
import time

import msgspec

from bus import retry, subjects
from bus.acks import ApiError, Full
from bus.router import Route, routed
from bus.run import Run
from schemas.events import Alive, Event, Failed, encode_event
from schemas.job import Job, encode_job
from schemas.problem import Code, Fault, Problem


class LiveRun(Run):
    """A call whose caller waits."""

    __slots__ = ()

    def keep_alive(self) -> None:
        """Tell the gateway that a silent call is still in hand."""
        self.worker.bus.tell(self.job.reply, encode_event(Alive(self.job.attempt)))

    def _emit(self, event: Event) -> None:
        self.worker.bus.tell(self.job.reply, encode_event(event))

    async def run(self) -> None:
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
