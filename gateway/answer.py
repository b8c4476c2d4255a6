"""The shared part of every operation's route: who asks, what exactly, how to be answered, and the answer.

One way through for all operations and styles. What a newcomer would get wrong: a request is recorded once. A live call's
row is written here at its end, a durable job's by its worker; a request refused before any job exists is written here too,
under an id of its own, so that no job ever has two rows.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog
from litestar.types import Receive, Scope, Send

from bus.desk import Desk
from bus.router import Refused
from gateway import live, queued
from gateway.access import Access
from gateway.answers import Answers, use_of
from gateway.dialects._dialect import NOWHERE, Door, Place, Read, placed
from gateway.dialects.responses import no_response
from gateway.files import Files
from gateway.inputs import Inputs
from gateway.parts import Parts
from gateway.problems import JSON, internal
from gateway.quota import Quota
from gateway.reading import Gone, decode, read_body
from gateway.records import Records
from gateway.render import Store
from gateway.till import Till
from gateway.turn import Turn
from gateway.wishes import Wish, in_background, wants_raw, wish_of
from schemas.events import Done, Failed
from schemas.job import Job, Record, State
from schemas.problem import Code, Fault, Problem
from schemas.provider import ApiKey

log = structlog.get_logger()

Ready = Callable[[], Awaitable[Wish | Read]]
"""Makes a turn whole and says how it is to be answered; a `Read` holds the whole answer. Raises `Problem`, `Gone`."""
LEFT = Failed(live.HUNG_UP)
_UNSURE = frozenset({Code.UNAVAILABLE, Code.INTERNAL})
"""A job that was refused so may be stored all the same: its files must stay."""


class Front:
    """The front door of one process."""

    def __init__(self, parts: Parts, records: Records, desk: Desk, till: Till, files: Files, quota: Quota) -> None:
        self.parts, self.records, self.desk, self.till = parts, records, desk, till
        self.answers = Answers(parts.dispatcher)
        self.access = Access(parts.config, parts.registry.catalogue if parts.registry else None)
        self.inputs = Inputs(parts, files, quota, self.access)
        self.store = Store(files)

    async def answer(self, door: Door, scope: Scope, receive: Receive, send: Send, place: Place = NOWHERE) -> None:
        """Answer one HTTP request at `door`. Raises nothing but a cancellation."""
        headers, client = scope["headers"], scope["client"]
        number, name = self.parts.dispatcher.new_id(), door.operation.name
        turn = Turn(name, number, time.time(), dict(headers), client[0] if client else "")
        turn.dialect = door.dialect
        await self.run(turn, partial(self._ready, door, turn, scope, receive, placed(place, headers)), receive, send)

    async def run(self, turn: Turn, ready: Ready, receive: Receive, send: Send) -> None:
        """Answer a request that `ready` makes whole: `op`, `asked`, `body` and the rest of its turn. Raises nothing but a
        cancellation."""
        try:
            wish = await ready()
            if isinstance(wish, Read):
                await self._answered(turn, wish, send)
                return
            if turn.read is not None and turn.read.background:
                wish = in_background(wish)
            job = turn.job(wish, self.parts)
            if turn.brought is not None:
                await turn.brought.keep()
            assert turn.key is not None
            if self.till.applies(turn.key):
                job, turn.hold = await self.till.admit(turn.key, job, turn.asked)
        except Problem as problem:
            await self.refuse(turn, problem.fault, send)
        except Gone:
            self._record(turn, LEFT)
            await turn.drop()
        except Exception:
            log.exception("request.failed", request=turn.id)
            await self.refuse(turn, internal(), send)
        else:
            if job.durable:
                await self._durable(turn, job, wish, receive, send)
            else:
                await self._live(turn, job, receive, send)

    async def _ready(self, door: Door, turn: Turn, scope: Scope, receive: Receive, place: Place) -> Wish | Read:
        """Read a request that came to `door`."""
        if scope.get("method") != "POST":
            raise Problem(Code.METHOD_NOT_ALLOWED, f"{scope['path']} is asked with POST.")
        key = turn.key = self.access.who(turn.heads)
        if door.media is not None:
            turn.raw = wants_raw(turn.heads, scope["query_string"])
            await self.inputs.read(door.media, turn, receive)
        else:
            turn.body = await read_body(receive, turn.heads, self.parts.limits.body_bytes)
            if door.read is not None and (known := await self._translated(door, turn, place)) is not None:
                return known
            turn.asked = decode(door.operation, turn.body, turn.heads.get(b"content-encoding", b""))
            self.access.allow(key, turn.op, turn.asked.model)
        assert turn.asked is not None
        return wish_of(scope["headers"], turn.heads, scope["query_string"], turn.asked)

    async def refuse(self, turn: Turn, fault: Fault, send: Send) -> None:
        """Answer and record a request that became no job."""
        end = Failed(fault)
        self._record(turn, end)
        await turn.drop()
        await self._reply(turn, send).end(end)

    async def _translated(self, door: Door, turn: Turn, place: Place) -> Read | None:
        """Put the body into the canonical form. What it returns holds the answer, and no provider has to be asked."""
        assert door.read is not None
        assert turn.key is not None
        read = door.read(turn.body, place)
        if read.answer is not None:
            return read
        if read.previous and door.join is not None:
            read = door.join(read, await self._stored(turn.key, read.previous))
        turn.read, turn.body = read, read.body
        return None

    async def _answered(self, turn: Turn, read: Read, send: Send) -> None:
        assert read.answer is not None
        headers = [*turn.told(), *read.flags, JSON, (b"content-length", b"%d" % len(read.answer))]
        await live.send_whole(200, headers, read.answer, send)

    async def _stored(self, key: ApiKey, number: int) -> Record:
        try:
            return await self.desk.result(key, number)
        except Problem as problem:
            raise no_response(f"resp_{number}") if problem.code is Code.NOT_FOUND else problem from None

    def _reply(self, turn: Turn, send: Send, job: Job | None = None) -> live.Reply:
        reply = live.Reply(send, turn.told(), turn.id, turn.dialect)
        reply.job, reply.store = job, self.store
        return reply

    def _record(self, turn: Turn, end: Failed) -> None:
        if turn.key is None:
            log.info("request.refused", request=turn.id, code=str(end.fault.code), client=turn.client)
            return
        self.records.add(turn.refused(), end)

    async def _live(self, turn: Turn, job: Job, receive: Receive, send: Send) -> None:
        dispatcher = self.parts.dispatcher
        call = None
        end: Done | Failed = LEFT
        reply = self._reply(turn, send, job)
        if turn.read is not None and turn.read.store:
            reply.keep = partial(self._keep, job)
        cached = False
        try:
            use = use_of(turn.heads, turn.key) if turn.key is not None else None
            if use is None:
                call = await dispatcher.live(job)
            else:
                call, cached = await self.answers.live(job, use)
                if use.read and not cached:
                    self.parts.fleet.counts.miss(job.op)
                reply.headers.append((b"x-ai-cache", b"hit" if cached else b"miss"))
            watch = live.Watch(receive, call)
            if job.stream:
                end = await live.Stream(call, watch, reply).answer()
            else:
                end = await live.answer_json(call, watch, reply)
        except Problem as problem:
            end = Failed(problem.fault, steps=problem.trail if job.explain and isinstance(problem, Refused) else ())
            await reply.end(end)
        except Exception:
            log.exception("request.failed", request=turn.id)
            end = Failed(internal())
            with suppress(Exception):  # it may be the sending itself that failed
                await self._reply(turn, send).end(end)
        finally:
            if call is not None:
                call.close()
                job = call.job
            self.till.close(job, end, turn.hold, cached)
            if isinstance(end, Failed):  # nobody will try again with what it brought
                await turn.drop()

    async def _durable(self, turn: Turn, job: Job, wish: Wish, receive: Receive, send: Send) -> None:
        dispatcher, key = self.parts.dispatcher, turn.key
        assert key is not None
        try:
            accepted = await dispatcher.submit(job)
        except Problem as problem:
            if turn.hold is not None:
                turn.hold.undo()
            turn.id = (
                dispatcher.new_id()
            )  # no row under the job's id: an unanswered store may have taken it all the same
            if problem.code in _UNSURE:
                turn.brought = None
            await self.refuse(turn, problem.fault, send)
            return
        except Exception:
            log.exception("request.failed", request=turn.id)
            turn.brought = None
            turn.id = dispatcher.new_id()
            await self.refuse(turn, internal(), send)
            return
        turn.id = accepted.id
        if accepted.duplicate:  # the first one has paid, and brought its own files
            if turn.hold is not None:
                turn.hold.undo()
            await turn.drop()
        background = turn.read is not None and turn.read.background
        held = queued.Held(key, accepted, wish, self.parts.limits.sync_seconds, background)
        try:
            await queued.answer(self.desk, held, receive, self._reply(turn, send, accepted.job))
        except Exception:  # the job is safe; only our answer is not
            log.exception("request.failed", request=turn.id)
            with suppress(Exception):
                await self._reply(turn, send).end(Failed(internal()))

    async def _keep(self, job: Job, end: Done) -> None:
        """Store a live answer that its caller may ask for again. If that fails the answer is told all the same."""
        record = Record(
            job=job, state=State.DONE, result=end.body, content_type=end.content_type, usage=end.usage,
            attempts=end.attempts, provider=end.provider, finished=time.time(), first=end.first,
        )  # fmt: skip
        try:
            await self.parts.dispatcher.jobs.deposit(record)
        except Exception as error:
            log.warning("response.not_stored", job=job.id, error=str(error))
