"""A live call's answer: one body or a stream, in the caller's dialect, while somebody holds the line.

The headers of a stream go out with the first delta and not before, so a failure until then is a real HTTP error. After it
the status is spent: the failure is told as a last event in the stream, and nothing that looks like a good end follows.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog
from litestar.types import Receive, Send

from bus.dispatch import Dispatcher
from bus.lines import LAST_WORD_SECONDS
from bus.live_call import LiveCall
from gateway.dialects._dialect import Dialect, Teller
from gateway.dialects.openai import OPENAI, relay
from gateway.problems import JSON, Header, answer_of, internal
from gateway.render import Store
from schemas.events import Delta, Done, Event, Failed
from schemas.job import Job
from schemas.problem import Code, Fault, Problem
from schemas.rules import Step, trail_header

log = structlog.get_logger()

QUIET_SECONDS = 15.0
"""A stream that says nothing for so long gets a comment, or a proxy on the way takes it for dead."""
HUNG_UP = Fault(Code.CANCELLED, "The caller hung up.")


class Reply:
    """One answer on its way: to whom, in which words, with which headers."""

    __slots__ = ("at", "dialect", "headers", "job", "keep", "request", "send", "store")

    def __init__(self, send: Send, headers: list[Header], request: int, dialect: Dialect = OPENAI) -> None:
        self.send, self.headers, self.request, self.dialect = send, headers, request, dialect
        self.job: Job | None = None
        self.store: Store | None = None
        """The files of results, for a dialect whose answers hold more than JSON."""
        self.at = 0.0
        """When the result was there, for one that was stored (Unix seconds; 0: now)."""
        self.keep: Callable[[Done], Awaitable[None]] | None = None
        """Stores a result before its caller hears that it is whole."""

    async def end(self, end: Done | Failed) -> None:
        """The whole answer: the result, or the error, in the caller's dialect."""
        self.headers += _told(end)
        if isinstance(end, Failed):
            await self._refuse(end.fault)
            return
        if self.keep is not None:
            await self.keep(end)
        if await self._rendered(end):
            return
        body = end.body
        if self.dialect.whole is not None and self.job is not None:
            body = self.dialect.whole(self.job, end, self.at or time.time())
        self.headers += (JSON, (b"content-length", b"%d" % len(body)))
        await send_whole(200, self.headers, body, self.send)

    async def _refuse(self, fault: Fault) -> None:
        _, more, body = answer_of(fault, self.dialect.told(fault, self.request))
        await send_whole(self.dialect.status(fault), self.headers + more, body, self.send)

    async def _rendered(self, end: Done) -> bool:
        """Send an answer that is more than JSON. False: this one is not, and nothing was sent."""
        if self.dialect.render is None or self.job is None or self.store is None:
            return False
        try:
            shown = await self.dialect.render(self.job, end, self.at or time.time(), self.store)
        except Problem as problem:
            await self._refuse(problem.fault)
            return True
        if shown is None:
            return False
        headers = [*self.headers, (b"content-type", shown.content_type.encode())]
        headers += [(name.encode(), value.encode()) for name, value in shown.headers]
        if shown.size >= 0:
            headers.append((b"content-length", b"%d" % shown.size))
        await send_pieces(200, headers, shown.pieces, self.send)
        return True

    def teller(self) -> Teller:
        assert self.job is not None
        return (self.dialect.teller or relay)(self.job)


class Watch:
    """Waits for the caller's hang-up and stops the call then. Its task ends by itself once the answer is out."""

    __slots__ = ("_call", "_receive", "_task", "gone", "over")

    def __init__(self, receive: Receive, call: LiveCall) -> None:
        self.gone = self.over = False
        self._receive, self._call = receive, call
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.over:
            return
        self.gone = True
        self._call.stop()  # the agent's last word tells what the call has cost until now
        asyncio.get_running_loop().call_later(LAST_WORD_SECONDS, self._call.fail, HUNG_UP)


async def answer_json(call: LiveCall, watch: Watch, reply: Reply) -> Done | Failed:
    """Wait for the end and send it. Returns the end, for the record."""
    end = await ended(call)
    watch.over = True
    if not watch.gone:
        await reply.end(end)
    return end


async def send_whole(status: int, headers: list[Header], body: bytes, send: Send) -> None:
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    rest: Any = {"type": "http.response.body", "body": body}
    await send(start)
    await send(rest)


async def send_pieces(status: int, headers: list[Header], pieces: AsyncIterator[bytes], send: Send) -> None:
    """A body that is read while it is sent."""
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    async for piece in pieces:
        part: Any = {"type": "http.response.body", "body": piece, "more_body": True}
        await send(part)
    last: Any = {"type": "http.response.body", "body": b""}
    await send(last)


class Stream:
    """One answer as a stream in the caller's dialect."""

    def __init__(self, call: LiveCall, watch: Watch, reply: Reply) -> None:
        self._call, self._watch, self._reply, self._send = call, watch, reply, reply.send
        self._teller = reply.teller()
        self._started = False
        self._loop = asyncio.get_running_loop()
        self._spoke = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._comment: asyncio.Task[None] | None = None

    async def answer(self) -> Done | Failed:
        """Relay the call to its end. Returns the end, for the record."""
        try:
            while True:
                event: Event | None = await settle(self._call)
                if isinstance(event, Delta):
                    event = await self._chunks(event)
                if isinstance(event, Done | Failed):
                    self._watch.over = True
                    if not self._watch.gone:
                        await self._end(event)
                    return event
        except Exception:
            if not self._started:
                raise
            log.exception("stream.failed", job=self._call.job.id)
            end = Failed(internal())
            self._watch.over = True
            await self._end(end)
            return end
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _chunks(self, first: Delta) -> Event | None:
        """Send these and all others that have come: one write. Returns the event behind them if it came too."""
        following: Event | None = None
        chunks = first.chunks
        while self._call.ready():
            following = await settle(self._call)
            if not isinstance(following, Delta):
                break
            chunks = chunks + following.chunks
            following = None
        if not self._watch.gone:
            if not self._started:
                await self._start(_speaker(first, self._call))
            if told := self._teller.tell(chunks):
                self._spoke = self._loop.time()
                await self._write(told)
        return following

    async def _start(self, told: list[Header]) -> None:
        self._started = True
        headers = self._reply.headers + told + self._reply.dialect.stream(self._call.job)
        start: Any = {"type": "http.response.start", "status": 200, "headers": headers}
        await self._send(start)
        self._spoke = self._loop.time()
        self._timer = self._loop.call_later(QUIET_SECONDS, self._quiet)

    async def _write(self, body: bytes, more: bool = True) -> None:
        message: Any = {"type": "http.response.body", "body": body, "more_body": more}
        await self._send(message)

    async def _end(self, end: Done | Failed) -> None:
        if isinstance(end, Failed):
            if not self._started:
                await self._reply.end(end)
            else:
                await self._write(self._teller.broken(end.fault), more=False)
            return
        if self._reply.keep is not None:
            await self._reply.keep(end)
        if not self._started:
            await self._start(_told(end))
        await self._write(self._teller.done(end), more=False)

    def _quiet(self) -> None:
        """Every 15 s at most: a comment if the stream has said nothing, unless the reader does not keep up anyway."""
        wait = self._spoke + QUIET_SECONDS - self._loop.time()
        if wait <= 0.01:
            wait, self._spoke = QUIET_SECONDS, self._loop.time()
            body = self._teller.quiet()
            if body and (self._comment is None or self._comment.done()):
                self._comment = self._loop.create_task(self._write(body))
        self._timer = self._loop.call_later(wait, self._quiet)


async def settle(call: LiveCall) -> Event:
    """The next event; what the call raises becomes its `Failed`."""
    try:
        return await call.next()
    except Problem as problem:
        return Failed(problem.fault)


async def ended(call: LiveCall) -> Done | Failed:
    """The end, whatever came before it."""
    while not isinstance(event := await settle(call), Done | Failed):
        pass
    return event


async def whole(dispatcher: Dispatcher, job: Job) -> Done:
    """A live job that the house asks for itself: no row in the log, and charged to nobody. Raises `Problem`."""
    call = await dispatcher.live(job)
    try:
        end = await ended(call)
    finally:
        call.close()
    if isinstance(end, Failed):
        log.info("job.failed", job=job.id, op=job.op, code=str(end.fault.code))
        raise Problem.of(end.fault)
    return end


def _told(end: Done | Failed) -> list[Header]:
    """Who answered, after how many attempts."""
    attempts = end.attempts
    return _headers(end.provider or (attempts[-1].provider if attempts else ""), len(attempts), end.steps)


def _speaker(delta: Delta, call: LiveCall) -> list[Header]:
    """The same before the end is known. An agent that does not say who it is serves the queue we chose."""
    return _headers(delta.provider or call.queue, delta.attempt or 1, delta.steps)


def _headers(provider: str, attempts: int, steps: tuple[Step, ...]) -> list[Header]:
    headers: list[Header] = [(b"x-ai-attempts", b"%d" % attempts)]
    if provider:
        headers.append((b"x-ai-provider", provider.encode("latin-1", "replace")))
    if steps:
        headers.append((b"x-ai-trail", trail_header(steps)))
    return headers
