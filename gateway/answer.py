"""The shared part of every operation's route: who asks, what exactly, how to be answered, and the answer.

One way through for all operations and styles. What a newcomer would get wrong: a request is recorded once. A live call's
row is written here at its end, a durable job's by its worker; a request refused before any job exists is written here too,
under an id of its own, so that no job ever has two rows.
"""

import time
from contextlib import suppress

import structlog
from litestar.types import Receive, Scope, Send

from bus.desk import Desk
from gateway import live, queued
from gateway.access import Access
from gateway.parts import Parts
from gateway.problems import internal
from gateway.reading import Gone, decode, read_body
from gateway.records import Records
from gateway.turn import Turn
from gateway.wishes import Asking, Wish, wish_of
from schemas.events import Done, Failed
from schemas.job import Job
from schemas.operations import Operation
from schemas.problem import Code, Fault, Problem

log = structlog.get_logger()

LEFT = Failed(live.HUNG_UP)


class Front:
    """The front door of one process."""

    def __init__(self, parts: Parts, records: Records, desk: Desk) -> None:
        self.parts, self.records, self.desk = parts, records, desk
        self.access = Access(parts.config)

    async def answer(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request for `operation`. Raises nothing but a cancellation."""
        headers, client = scope["headers"], scope["client"]
        turn = Turn(
            operation.name, self.parts.dispatcher.new_id(), time.time(), dict(headers), client[0] if client else ""
        )
        try:
            if scope.get("method") != "POST":
                raise Problem(Code.METHOD_NOT_ALLOWED, f"{scope['path']} is asked with POST.")
            turn.key = self.access.who(turn.heads)
            turn.body = await read_body(receive, turn.heads, self.parts.limits.body_bytes)
            asked: Asking = decode(operation, turn.body, turn.heads.get(b"content-encoding", b""))
            turn.asked = asked
            wish = wish_of(headers, turn.heads, scope["query_string"], asked)
            job = turn.job(wish, self.parts)
        except Problem as problem:
            await self.refuse(turn, problem.fault, send)
        except Gone:
            self._record(turn, LEFT)
        except Exception:
            log.exception("request.failed", request=turn.id)
            await self.refuse(turn, internal(), send)
        else:
            if job.durable:
                await self._durable(turn, job, wish, receive, send)
            else:
                await self._live(turn, job, receive, send)

    async def refuse(self, turn: Turn, fault: Fault, send: Send) -> None:
        """Answer and record a request that became no job."""
        end = Failed(fault)
        self._record(turn, end)
        await live.send_end(end, turn.told(), send)

    def _record(self, turn: Turn, end: Failed) -> None:
        if turn.key is None:
            log.info("request.refused", request=turn.id, code=str(end.fault.code), client=turn.client)
            return
        self.records.add(turn.refused(), end)

    async def _live(self, turn: Turn, job: Job, receive: Receive, send: Send) -> None:
        dispatcher = self.parts.dispatcher
        call = None
        end: Done | Failed = LEFT
        try:
            call = await dispatcher.live(job)
            watch = live.Watch(dispatcher, receive, call)
            if job.stream:
                end = await live.Stream(call, watch, turn.told(), send).answer()
            else:
                end = await live.answer_json(call, watch, turn.told(), send)
        except Problem as problem:
            end = Failed(problem.fault)
            await live.send_end(end, turn.told(), send)
        except Exception:
            log.exception("request.failed", request=turn.id)
            end = Failed(internal())
            with suppress(Exception):  # it may be the sending itself that failed
                await live.send_end(end, turn.told(), send)
        finally:
            if call is not None:
                call.close()
            self.records.add(job, end)

    async def _durable(self, turn: Turn, job: Job, wish: Wish, receive: Receive, send: Send) -> None:
        dispatcher, key = self.parts.dispatcher, turn.key
        assert key is not None
        try:
            accepted = await dispatcher.submit(job)
        except Problem as problem:
            turn.id = (
                dispatcher.new_id()
            )  # no row under the job's id: an unanswered store may have taken it all the same
            await self.refuse(turn, problem.fault, send)
            return
        except Exception:
            log.exception("request.failed", request=turn.id)
            turn.id = dispatcher.new_id()
            await self.refuse(turn, internal(), send)
            return
        turn.id = accepted.id
        held = queued.Held(key, accepted, wish, turn.told(), self.parts.limits.sync_seconds)
        try:
            await queued.answer(self.desk, held, receive, send)
        except Exception:  # the job is safe; only our answer is not
            log.exception("request.failed", request=turn.id)
            with suppress(Exception):
                await live.send_end(Failed(internal()), turn.told(), send)
