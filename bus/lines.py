"""The lines of one gateway: every live call whose caller waits, its events, and what becomes of it when nobody speaks.

What a newcomer would get wrong: a call is published without waiting for its PubAck (it comes to the reply inbox later), so a
refusal by a full stream reaches the call as an event, not as an exception.
"""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import structlog

from bus import subjects
from bus.acks import ApiError, decode_ack
from bus.cancel import fault_of
from bus.live_call import LiveCall
from bus.router import Route
from bus.wire import Message
from schemas.events import Done, Event, Failed, decode_event
from schemas.job import Job, encode_job
from schemas.problem import Code, Fault, Problem

if TYPE_CHECKING:
    from bus.dispatch import Dispatcher

log = structlog.get_logger()

SILENCE = 8.0
"""Seconds without a sign of life (they come every 2) after which the agent counts as lost."""
UNSEEN = 4.0
"""Seconds a call may wait unheard before we ask whether its message is still in the stream."""
LAST_WORD_SECONDS = 2.0
"""How long the agent's account of a call that nobody wants any more is waited for."""


class Lines:
    """One gateway's."""

    def __init__(self, dispatcher: "Dispatcher") -> None:
        self.dispatcher, self.bus, self.fleet, self.name = dispatcher, dispatcher.bus, dispatcher.fleet, dispatcher.name
        self.open: dict[int, LiveCall] = {}
        self.high: dict[int, str] = {}
        """Calls of keys with high priority, and their queues."""
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.bus.listen(f"rep.{self.name}.*", self._heard)
        await self.bus.listen(subjects.HB_ASK, lambda _: self._live())  # whoever begins knows of all gateways at once
        self.bus.spawn(self._sweep())

    def send(self, job: Job, choice: Route, high: bool) -> LiveCall:
        """Into its queue, and hold the line. Raises `Problem` when the bus is away."""
        call = LiveCall(self, job, choice)
        self.open[job.id] = call
        if high:
            self.high[job.id] = choice.queue
        self.fleet.began(choice.queue)
        reply, call.token = self.bus.inbox()
        self.bus.expect(call.token, lambda message: self._sent(call, message))
        try:
            self.bus.tell(subjects.live(choice.queue, job.tenant, job.id), encode_job(job), reply)
        except Problem:
            self.forget(call)
            raise
        return call

    def stop(self, call: LiveCall) -> None:
        """Take the call back: out of the stream if it still waits there, out of the agent's hands if not."""
        with contextlib.suppress(Problem):
            self.bus.tell(subjects.cancel(call.job.id))
            if not call.heard:
                self.bus.tell("$JS.API.STREAM.PURGE.LIVE", _purge(call))

    async def end(self, call: LiveCall, by: bytes) -> bool:
        """Have a call cancelled that its own caller still wants (`by`: as in `bus/cancel.py`), and wait for its end. False: it
        ended otherwise in this moment. Raises `Problem` when the bus is away.

        The agent speaks first, for it knows what the call has cost; one that does not, or that never had it, is not waited for.
        """
        fault, over = fault_of(by), _end_of(call)
        self.bus.tell(subjects.cancel(call.job.id), by)
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):  # all in all: whoever asked does not wait longer
                if not call.heard and await self._withdrawn(call):
                    call.fail(fault)
                end = await asyncio.shield(over)
        except TimeoutError:
            call.fail(fault)
            end = over.result() if over.done() else None
        return isinstance(end, Failed) and end.fault.code is Code.CANCELLED

    async def _withdrawn(self, call: LiveCall) -> bool:
        """Whether its message waited in the stream, and does no more."""
        try:
            return bool((await self.bus.ask("$JS.API.STREAM.PURGE.LIVE", _purge(call))).data.count(b'"purged":1'))
        except Problem:
            return False

    def moved(self, call: LiveCall, queue: str) -> None:
        """The call was handed on to another queue."""
        if call.job.id in self.open:
            self.fleet.ended(call.queue)
            self.fleet.began(queue)
        call.queue = queue

    def forget(self, call: LiveCall) -> None:
        self.high.pop(call.job.id, None)
        if self.open.pop(call.job.id, None) is not None:
            self.fleet.ended(call.queue)
        self.bus.expect(call.token, None)

    # ---- what is heard --------------------------------------------------------------------------------------------

    def _heard(self, message: Message) -> None:
        event, number = decode_event(message.data), int(message.subject.rpartition(".")[2])
        call = self.open.get(number)
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

    # ---- what is not ----------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Deadlines, full waiting rooms and lost agents of all calls, once a second; and our own sign of life.

        It awaits nothing but its own clock: agents stop the calls of a gateway that they don't hear.
        """
        while True:
            self._live()
            await asyncio.sleep(1)
            now, clock, unheard = time.monotonic(), time.time(), []
            for call in list(self.open.values()):
                if call.ended:
                    continue
                if clock > call.job.deadline:
                    call.fail(Fault(Code.DEADLINE, "No complete answer within the time allowed."))
                elif call.heard:
                    if now - call.heard > SILENCE:
                        call.fail(_lost(call))
                elif now - call.sent > min(UNSEEN, self.dispatcher.queue_seconds):
                    unheard.append(call)
            if unheard and (self._looking is None or self._looking.done()):
                self._looking = self.bus.spawn(self._look_for(unheard))

    def _live(self) -> None:
        """Our sign of life."""
        with contextlib.suppress(Problem):
            self.bus.tell(subjects.gateway_hb(self.name))

    async def _look_for(self, calls: list[LiveCall]) -> None:
        """Calls nobody speaks of: they wait in a queue, or the agent that took one died before its first sign."""
        try:
            info = await self.bus.api("STREAM.INFO.LIVE", {"subjects_filter": "live.>"})
            waiting = {int(subject.rpartition(".")[2]) for subject in info["state"].get("subjects") or {}}
        except Problem:
            return
        except ApiError:  # the stream went with the server's memory
            waiting = set()
        now, patience = time.monotonic(), self.dispatcher.queue_seconds
        for call in calls:
            if call.ended or call.heard:
                continue
            if call.job.id in waiting:
                call.gone_since = 0.0
                if now - call.sent > patience:
                    text = f"All slots were busy for {patience:.0f} s; try again later."
                    call.fail(Fault(Code.OVERLOADED, text, retry_after=5))
            elif not call.gone_since:
                call.gone_since = now
            elif now - call.gone_since > UNSEEN:
                call.fail(_lost(call))


def _purge(call: LiveCall) -> bytes:
    return b'{"filter":"%b"}' % subjects.live("*", call.job.tenant, call.job.id).encode()


def _end_of(call: LiveCall) -> "asyncio.Future[Event | None]":
    """Its end, when it has come; None: it was given up by its caller."""
    over: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
    before = call.tap

    def hear(event: Event | None) -> None:
        if before is not None:
            before(event)
        if not over.done() and (event is None or isinstance(event, Done | Failed)):
            over.set_result(event)

    call.tap = hear
    return over


def _lost(call: LiveCall) -> Fault:
    return Fault(
        Code.AGENT_LOST, f"The agent of '{call.queue}' was lost during the call; please try again.", retry_after=1
    )
