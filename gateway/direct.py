"""Direct publishers: services that ask on NATS, without HTTP, with the same rights, routing, records and promises.

`rpc.<tenant>.<key>.<op>` is a core request: answered while the asker waits, at most once. `req.<tenant>.<key>.<op>` is
stored by the stream REQ: its PubAck is the promise, and the events come on `out.<tenant>.<key>.<ref>`. The NATS server has
proven that the publisher holds the key in the subject (auth callout); whether that key still counts is checked here.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import msgspec
import structlog

from bus import subjects
from bus.connection import Ear
from bus.desk import Desk
from bus.finish import end_of
from bus.puller import ACK, Puller
from bus.wire import Message
from gateway.answer import Front
from gateway.dialects.media import DOORS, MEDIA
from gateway.live import settle
from gateway.parts import Parts
from gateway.problems import error_body, internal
from gateway.reading import decode, too_large
from gateway.till import Till
from gateway.tracing import heard
from gateway.turn import Turn
from gateway.wishes import Asking, Wish
from schemas.events import Delta, Done, Failed, event_messages
from schemas.job import Job, Style
from schemas.operations import OPERATIONS, Operation
from schemas.problem import Code, Fault, Problem
from schemas.rules import trail_header
from schemas.status import status_of

log = structlog.get_logger()

QUEUE = "gw"
AT_ONCE = 64
"""REQ messages under way in one gateway; a submit is an fsync, and more at a time gain nothing."""
DELIVERIES = 5
"""A message that fails for reasons of ours is refused at this delivery, for it would come back for ever."""
_LATER = frozenset({Code.UNAVAILABLE, Code.OVERLOADED})
_PUBLIC = tuple(name for name, operation in OPERATIONS.items() if not operation.internal)
_WORDS = {door.operation.name: door.media for door in DOORS.values() if door.media is not None}
_encode = msgspec.json.Encoder().encode


class Direct:
    """The bus's own front door in one gateway. All gateways share the work."""

    def __init__(self, parts: Parts, till: Till, front: Front, desk: Desk) -> None:
        self.parts, self.till, self.desk = parts, till, desk
        self.access, self.inputs = front.access, front.inputs
        self._bus, self._dispatcher = parts.bus, parts.dispatcher
        self._ear: Ear | None = None
        self._puller = Puller(self._bus, "REQ", "intake", self._heard_req, self._room)
        self._calls: set[asyncio.Task[None]] = set()
        self._taking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._ear = await self._bus.listen("rpc.*.*.*", self._heard_rpc, queue=QUEUE)
        await self._puller.start()

    async def stop(self, seconds: float = 5.0) -> None:
        """Take nothing new and let what is under way end, for at most `seconds`; the rest of REQ is delivered again."""
        if self._ear is not None:
            await self._ear.close()
        await self._puller.stop()
        if left := self._calls | self._taking:
            _, late = await asyncio.wait(left, timeout=seconds)
            for task in late:
                task.cancel()

    # ---- rpc ------------------------------------------------------------------------------------------------------

    def _heard_rpc(self, message: Message) -> None:
        if message.reply:  # nobody listens otherwise
            _track(self._calls, self._traced(message, self._call(message)))

    async def _call(self, message: Message) -> None:
        turn = self._turn(message)
        try:
            job = await self._job(turn, message, Wish(style=Style.DIRECT, ref=_ref(message)))
            job = await self._paid(turn, job)
        except Problem as problem:
            self._refuse(turn, message, problem.fault)
            await turn.drop()
            return
        call, spoke = None, False
        end: Done | Failed = Failed(Fault(Code.CANCELLED, "The gateway stopped."))
        try:
            call = await self._dispatcher.live(job)
            while not isinstance(event := await settle(call), Done | Failed):
                if isinstance(event, Delta):
                    spoke = True
                    for told in event_messages(event):
                        self._bus.tell(message.reply, told)
            end = event
        except Problem as problem:
            end = Failed(problem.fault)
        except Exception:
            log.exception("direct.failed", job=job.id)
            end = Failed(internal())
        finally:
            if call is not None:
                call.close()
                job = call.job
            self.till.close(job, end, turn.hold)
            self._answer(job, message.reply, _shown(job, end), spoke)
            if isinstance(end, Failed):
                await turn.drop()

    def _answer(self, job: Job, reply: str, end: Done | Failed, spoke: bool) -> None:
        """The last message to the asker: the result, the end of the stream, or the error."""
        headers = {"Ai-Job": str(job.id), "Ai-End": "1"}
        if end.provider:
            headers["Ai-Provider"] = end.provider
        if end.steps:
            headers["Ai-Trail"] = trail_header(end.steps).decode()
        if isinstance(end, Done) and len(end.body) > self._bus.largest:
            end = Failed(too_large(self._bus.largest).fault, provider=end.provider)
        if isinstance(end, Failed):
            headers["Ai-Status"] = str(status_of(end.fault))
            body = event_messages(end)[-1] if spoke else error_body(end.fault)
        else:
            headers["Ai-Status"] = "200"
            body = event_messages(end)[-1] if job.stream else end.body
        self._bus.tell(reply, body, headers=headers)

    def _refuse(self, turn: Turn, message: Message, fault: Fault) -> None:
        headers = {"Ai-Job": str(turn.id), "Ai-End": "1", "Ai-Status": str(status_of(fault))}
        self._bus.tell(message.reply, error_body(fault), headers=headers)
        self._record(turn, fault)

    # ---- req ------------------------------------------------------------------------------------------------------

    def _room(self) -> int:
        return AT_ONCE - len(self._taking)

    def _heard_req(self, message: Message) -> None:
        _track(self._taking, self._traced(message, self._take(message)), self._puller.kick)

    async def _take(self, message: Message) -> None:
        """Submit, tell, ack. Not acked in trouble of ours: the message comes again, and its ref finds the same job."""
        delivery = _Delivery(message.reply)
        turn = self._turn(message)
        named = _ref(message)
        try:
            ref = named or f"req-{delivery.sequence}-{delivery.stored}"
            job = await self._job(turn, message, Wish(style=Style.DIRECT, durable=True, ref=ref), out=named)
            job = await self._paid(turn, job)
            accepted = await self._dispatcher.submit(job)
        except Problem as problem:
            if turn.hold is not None:
                turn.hold.undo()
            if problem.code not in _LATER:
                await turn.drop()
            if problem.code in _LATER and delivery.count < DELIVERIES * 20:
                log.warning("direct.delayed", code=str(problem.code), delivery=delivery.count)
                return
            self._refuse_req(turn, message, named, problem.fault)
        except Exception:
            log.exception("direct.failed", delivery=delivery.count)
            if delivery.count < DELIVERIES:
                return
            self._refuse_req(turn, message, named, internal())
        else:
            told: dict[str, Any] = {
                "type": "accepted",
                "job": accepted.id,
                "ref": named,
                "duplicate": accepted.duplicate,
            }
            self._bus.tell(accepted.job.out, _encode(told))
            if accepted.duplicate:
                await turn.drop()
                if turn.hold is not None:  # the first one has paid
                    turn.hold.undo()
                await self._tell_end(turn, accepted.job)
        self._bus.tell(message.reply, ACK)

    async def _tell_end(self, turn: Turn, job: Job) -> None:
        """For a request sent twice: the first one's end, if it has come."""
        assert turn.key is not None
        try:
            record = await self.desk.result(turn.key, job.id)
        except Problem:
            return
        if record.state.terminal:
            self._bus.tell(job.out, event_messages(end_of(record))[-1])

    def _refuse_req(self, turn: Turn, message: Message, named: str, fault: Fault) -> None:
        """The promise was to answer, and this is the answer; a message nobody can use must not come back."""
        _, tenant, key, _ = message.subject.split(".")
        turn.id = self._dispatcher.new_id()
        out = subjects.out(tenant, key, _token(named) or str(turn.id))
        self._bus.tell(out, event_messages(Failed(fault))[-1], headers={"Ai-Job": str(turn.id), "Ai-End": "1"})
        self._record(turn, fault)

    # ---- both -----------------------------------------------------------------------------------------------------

    def _traced(self, message: Message, work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        tracer = self.parts.fleet.tracer
        return work if tracer is None else heard(tracer, message, work)

    def _turn(self, message: Message) -> Turn:
        heads = {name.lower().encode(): value.encode() for name, value in (message.headers or {}).items()}
        turn = Turn(message.subject.rpartition(".")[2], self._dispatcher.new_id(), time.time(), heads, "nats")
        turn.style, turn.body = Style.DIRECT, message.data
        return turn

    async def _job(self, turn: Turn, message: Message, wish: Wish, out: str = "") -> Job:
        """The job that the message asks for. Raises `Problem` for whatever is wrong with it."""
        _, tenant, key_id, op = message.subject.split(".")
        turn.key = self.access.named(key_id, tenant)
        operation = OPERATIONS.get(op)
        if operation is None or operation.internal:
            raise Problem(Code.NOT_FOUND, f"There is no operation '{op[:60]}'. There are: {', '.join(_PUBLIC)}.")
        if len(turn.body) > self.parts.limits.body_bytes:
            raise too_large(self.parts.limits.body_bytes)
        asked = await self._asked(turn, operation)
        if wish.durable:
            wish = msgspec.structs.replace(wish, reply_to=asked.reply_to or "")
        job = turn.job(wish, self.parts)
        if turn.brought is not None:
            await turn.brought.keep()
        if not wish.durable:
            return job
        return msgspec.structs.replace(job, out=subjects.out(tenant, key_id, _token(out) or str(job.id)))

    async def _asked(self, turn: Turn, operation: Operation) -> Asking:
        assert turn.key is not None
        if (words := _WORDS.get(operation.name)) is not None:
            turn.dialect = MEDIA
            await self.inputs.read_message(words, turn)
        else:
            turn.asked = decode(operation, turn.body)
            self.access.allow(turn.key, operation.name, turn.asked.model)
        assert turn.asked is not None
        return turn.asked

    async def _paid(self, turn: Turn, job: Job) -> Job:
        """Charge the key in advance. Raises `Problem` when its limit or its budget is used up."""
        if turn.key is not None and self.till.applies(turn.key):
            job, turn.hold = await self.till.admit(turn.key, job, turn.asked)
        return job

    def _record(self, turn: Turn, fault: Fault) -> None:
        if turn.key is None:
            log.info("direct.refused", request=turn.id, code=str(fault.code))
            return
        self.till.close(turn.refused(), Failed(fault))


class _Delivery:
    """What a JetStream ack subject tells: `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<…>.<stored>.<…>`."""

    __slots__ = ("count", "sequence", "stored")

    def __init__(self, reply: str) -> None:
        count, self.sequence, _, self.stored, _ = reply.split(".")[-5:]
        self.count = int(count)


def _shown(job: Job, end: Done | Failed) -> Done | Failed:
    """The end with a media result as its caller is told it."""
    if job.op not in _WORDS or isinstance(end, Failed) or MEDIA.whole is None:
        return end
    return msgspec.structs.replace(end, body=MEDIA.whole(job, end, time.time()))


def _ref(message: Message) -> str:
    """The publisher's own name of the request. `Ai-Ref` wins: `Nats-Msg-Id` may be a library's."""
    headers = message.headers or {}
    return (headers.get("Ai-Ref") or headers.get("Nats-Msg-Id") or "")[:200]


def _token(ref: str) -> str:
    """The ref as the last token of `out.`, or empty when it can't be one: the job's id stands there then."""
    return ref if subjects.TOKEN.match(ref) else ""


def _track(tasks: set[asyncio.Task[None]], work: Any, then: Any = None) -> None:
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
    tasks.add(task)

    def ended(_: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if then is not None:
            then()

    task.add_done_callback(ended)
