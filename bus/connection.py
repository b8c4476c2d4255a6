"""The connection to NATS: nats-py with a fast lane, one reply inbox, a watchdog, and a publish that cannot lose its answer.

What a newcomer would get wrong: nats-py's own `publish` and `request` swallow a task's cancellation, and its read loop
dies for good when any callback raises while `is_connected` stays True. So the hot ways here (`tell`, `listen`) never
await, a handler's exception never leaves `LeanClient`, and the watchdog measures the round trip instead of asking
`is_connected`. The private parts of nats-py used here are pinned by `tests/test_connection.py`.
"""

import asyncio
import base64
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from schemas.problem import Code, Problem

log = structlog.get_logger()

Headers = dict[str, str]
HEAD_ROOM = 4096
"""Bytes that a message's headers may take of `max_payload`."""
WATCH_EVERY, ECHO_SECONDS = 5.0, 2.0
"""Seconds between two looks of the watchdog, and how long its message to ourselves may take."""


class Link(msgspec.Struct, frozen=True):
    """Where a server is and who we are there. `url` may list several servers, comma-separated."""

    url: str
    user: str = ""
    password: str = ""
    token: str = ""


class Message:
    """What was received. `headers` holds `Status` and `Description` too, for the server's own notes."""

    __slots__ = ("data", "headers", "reply", "subject")

    def __init__(self, subject: str, reply: str, data: bytes, headers: Headers | None) -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self.headers = headers

    @property
    def status(self) -> str:
        return self.headers.get("Status", "") if self.headers else ""


Handler = Callable[[Message], None]


class Conflict(Exception):
    """The write was refused because the record has moved on (compare-and-set), or the subject is taken."""


class Full(Exception):
    """The stream is at its limit: nothing was stored, and the caller should be told to come back."""


class ApiError(Exception):
    """JetStream refused an API call. `err_code` is the server's own number (10059: stream not found …)."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{description} ({err_code})")
        self.code = code
        self.err_code = err_code


class Ack(msgspec.Struct, frozen=True):
    """A stored message: its stream sequence. `duplicate` says that an earlier try had stored it."""

    seq: int
    duplicate: bool = False


class _ApiFault(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _ApiFault | None = None


decode_ack = msgspec.json.Decoder(_PubAck).decode


def parse_headers(raw: bytes) -> Headers:
    """`NATS/1.0 404 No Messages\\r\\nKey: value\\r\\n\\r\\n` as a dict; the status line becomes `Status`, `Description`."""
    lines = raw.decode("utf-8", "replace").split("\r\n")
    headers: Headers = {}
    status, _, description = lines[0][8:].strip().partition(" ")
    if status:
        headers["Status"] = status
        headers["Description"] = description
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    return headers


def format_headers(headers: Headers) -> bytes:
    """The wire form. Values come from us alone, but a line break would forge a header, so it is refused."""
    parts = ["NATS/1.0"]
    for name, value in headers.items():
        if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
            raise ValueError(f"line break in header {name!r}")
        parts.append(f"{name}: {value}")
    return ("\r\n".join(parts) + "\r\n\r\n").encode()


class LeanClient(Client):
    """nats-py with a fast lane: a subscription in `lane` gets its message inside the read loop, without queue and task."""

    def __init__(self) -> None:
        super().__init__()
        self.lane: dict[int, Handler] = {}

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        handler = self.lane.get(sid)
        if handler is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            handler(Message(subject.decode(), reply.decode(), data, parse_headers(headers) if headers else None))
        except Exception:
            log.exception("bus.handler_failed", subject=subject.decode("utf-8", "replace"))

    def send(self, command: bytes) -> None:
        """Queue one protocol line and wake the flusher. Never awaits, so it can't be cancelled half-way."""
        self._pending.append(command)
        self._pending_data_size += len(command)
        if self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return int(self._pending_data_size)


class Ear:
    """One `listen`: it survives a rebuilt client because it remembers what it wants to hear."""

    def __init__(self, bus: "Bus", subject: str, queue: str, handler: Handler) -> None:
        self.bus, self.subject, self.queue, self.handler = bus, subject, queue, handler
        self.subscription: Subscription | None = None

    async def open(self) -> None:
        async def slowly(message: Any) -> None:
            """For what arrives between SUB and the entry in the lane."""
            self.handler(Message(message.subject, message.reply, message.data, message.headers))

        nc = self.bus.nc
        if nc.is_closed:  # a new client is on its way and opens every ear
            return
        self.subscription = await nc.subscribe(self.subject, self.queue, cb=slowly)
        nc.lane[self.subscription._id] = self.handler

    async def leave(self) -> None:
        """Close, but still hear what the server had sent before it knew."""
        self.bus.ears.discard(self)
        nc, subscription = self.bus.nc, self.subscription
        if subscription is not None and subscription._id in nc.lane:
            nc._remove_sub(subscription._id)
            nc.send(b"UNSUB %d\r\n" % subscription._id)
            with suppress(Problem, TimeoutError):
                await self.bus._echo()
        await self.close()

    async def close(self) -> None:
        self.bus.ears.discard(self)
        if self.subscription is not None:
            self.bus.nc.lane.pop(self.subscription._id, None)
            with suppress(Exception):
                await self.subscription.unsubscribe()


class Bus:
    """A process's one connection. Open it with `async with open_bus(link, name) as bus`."""

    PENDING_LIMIT = 32 * 1024 * 1024

    def __init__(self, link: Link, name: str) -> None:
        self.link, self.name = link, name
        self.nc = LeanClient()
        self.ears: set[Ear] = set()
        self.on_reconnect: list[Callable[[], None]] = []
        self.server_max_payload = 1024 * 1024
        self._answers: dict[str, Handler] = {}
        self._asking: set[asyncio.Future[Message]] = set()
        self._tokens = itertools.count(1)
        self._inbox = ""
        self._closing = False
        self._tasks: set[asyncio.Task[Any]] = set()

    # ---- speaking -------------------------------------------------------------------------------------------------

    def tell(self, subject: str, payload: bytes = b"", reply: str = "", headers: Headers | None = None) -> None:
        """Publish at most once, at once, without awaiting. What can't be sent now is kept, up to `PENDING_LIMIT` bytes."""
        nc = self.nc
        if nc.backlog + len(payload) > self.PENDING_LIMIT:
            raise Problem(Code.UNAVAILABLE, "The message bus is away; try again in a moment.", retry_after=2)
        if len(payload) + HEAD_ROOM > nc._max_payload:  # the server would close the whole connection
            raise Problem(Code.TOO_LARGE, f"{len(payload):,} bytes are more than one message can carry.")
        if headers is None:
            nc.send(b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(payload), payload))
            return
        head = format_headers(headers)
        size = len(head) + len(payload)
        line = b"HPUB %b %b %d %d\r\n" % (subject.encode(), reply.encode(), len(head), size)
        nc.send(line + head + payload + b"\r\n")

    def inbox(self) -> tuple[str, str]:
        """A fresh reply subject of the one multiplexed inbox, and its token."""
        token = str(next(self._tokens))
        return f"{self._inbox}.{token}", token

    def expect(self, token: str, handler: Handler | None) -> None:
        """Have answers to the inbox `token` handled, until None takes that back."""
        if handler is None:
            self._answers.pop(token, None)
        else:
            self._answers[token] = handler

    async def ask(
        self, subject: str, payload: bytes = b"", timeout: float = 5.0, headers: Headers | None = None
    ) -> Message:
        """A core request. Raises `Problem(UNAVAILABLE)` when nobody listens or no answer comes in `timeout` seconds."""
        reply, token = self.inbox()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        self._answers[token] = lambda message: None if future.done() else future.set_result(message)
        timer = loop.call_later(timeout, _time_out, future, subject)
        self._asking.add(future)
        try:
            self.tell(subject, payload, reply, headers)
            message = await future
        finally:
            timer.cancel()
            self._asking.discard(future)
            self._answers.pop(token, None)
        if message.status == "503":
            raise Problem(Code.UNAVAILABLE, f"Nobody answers on {subject.split('.')[0]}.")
        return message

    async def keep(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        expect: int | None = None,
        headers: Headers | None = None,
        timeout: float = 10.0,
    ) -> Ack:
        """Publish to JetStream and wait until it is stored.

        Retried under one `Nats-Msg-Id` (made up when a compare-and-set comes without) until `timeout`, so an answer lost
        with a connection or a leader is asked for again rather than guessed.

        Raises `Conflict` (`expect` is not the subject's last sequence, or the subject is taken), `Full`,
        `Problem(UNAVAILABLE)`.
        """
        heads = dict(headers or {})
        if expect is not None:
            heads["Nats-Expected-Last-Subject-Sequence"] = str(expect)
            msg_id = msg_id or f"{self._inbox}.{next(self._tokens)}"
        if msg_id:
            heads["Nats-Msg-Id"] = msg_id
        until = time.monotonic() + timeout
        asked_before = False
        while True:
            left = until - time.monotonic()
            try:
                message = await self.ask(subject, payload, max(0.05, min(5.0, left)), heads or None)
                ack = _stored(decode_ack(message.data))
                if ack is not None:
                    return ack
            except Conflict:
                if expect is None or not asked_before or (own := await self._own(subject, msg_id)) is None:
                    raise
                return own
            except Problem as problem:
                if problem.code is Code.TOO_LARGE:
                    raise
                asked_before = True
                if time.monotonic() >= until:
                    raise Problem(
                        Code.UNAVAILABLE, "The job store does not answer; try again in a moment.", retry_after=2
                    ) from None
            if time.monotonic() >= until:
                raise Problem(Code.UNAVAILABLE, "The job store is not ready; try again in a moment.", retry_after=2)
            await asyncio.sleep(0.1)

    async def _own(self, subject: str, msg_id: str) -> Ack | None:
        """Our own earlier try, if that is what stands there: compare-and-set is judged before the `Nats-Msg-Id`, so a
        retry whose first answer was lost is refused because of itself. Only buckets are written by compare-and-set."""
        kind, bucket = subject.split(".")[:2]
        found = await self.last(f"{'OBJ' if kind == '$O' else 'KV'}_{bucket}", subject)
        return Ack(found[0], True) if found is not None and found[2].get("Nats-Msg-Id") == msg_id else None

    async def read(self, stream: str, query: dict[str, Any], timeout: float = 10.0) -> list[Message]:
        """A batched direct get (`multi_last`, or `seq` + `batch`): its messages, each with `Nats-Subject` and
        `Nats-Sequence` among the headers, and `Nats-Num-Pending`. Empty when nothing matches. A batch ends at 64 MB.
        """
        reply, token = self.inbox()
        found: list[Message] = []
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Message] = loop.create_future()

        def collect(message: Message) -> None:
            if not message.status:
                found.append(message)
            elif not ended.done():
                ended.set_result(message)

        self._answers[token] = collect
        timer = loop.call_later(timeout, _time_out, ended, stream)
        try:
            self.tell(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(query), reply)
            end = await ended
        finally:
            timer.cancel()
            self._answers.pop(token, None)
        if end.status not in ("204", "404"):
            raise Problem(Code.UNAVAILABLE, f"Stream {stream} can't be read now ({end.status}).", retry_after=1)
        return found

    async def last(self, stream: str, subject: str) -> tuple[int, bytes, Headers] | None:
        """The newest message on `subject`, from the stream's leader (read your own writes), or None."""
        try:
            answer = await self.api(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
        except ApiError as error:
            if error.err_code == 10037:
                return None
            raise
        message = answer["message"]
        headers = parse_headers(base64.b64decode(message["hdrs"])) if "hdrs" in message else {}
        return message["seq"], base64.b64decode(message.get("data", "")), headers

    async def api(self, verb: str, body: Any = None, timeout: float = 5.0) -> dict[str, Any]:
        """A JetStream API call. Raises `ApiError`, `Problem(UNAVAILABLE)`."""
        payload = b"" if body is None else msgspec.json.encode(body)
        message = await self.ask(f"$JS.API.{verb}", payload, timeout)
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        if fault := answer.get("error"):
            raise ApiError(fault.get("code", 0), fault.get("err_code", 0), fault.get("description", ""))
        return answer

    # ---- listening ------------------------------------------------------------------------------------------------

    async def listen(self, subject: str, handler: Handler, queue: str = "") -> Ear:
        """Hear `subject`. `handler` runs in the read loop: it must neither block nor take long; start a task for work."""
        ear = Ear(self, subject, queue, handler)
        self.ears.add(ear)
        await ear.open()
        return ear

    def _answered(self, message: Message) -> None:
        handler = self._answers.get(message.subject.rpartition(".")[2])
        if handler is not None:
            handler(message)

    # ---- life -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        await self._connect(self.nc)
        self._inbox = self.nc.new_inbox()
        await self.listen(f"{self._inbox}.*", self._answered)
        self.spawn(self._watch())

    async def close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        with suppress(Exception):
            async with asyncio.timeout(2):
                await self.nc.flush(1)
        with suppress(Exception):
            await self.nc.close()

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """A background task of this connection: referenced till it ends, cancelled at close."""
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("bus.task_failed", exc_info=error)

    async def _connect(self, nc: LeanClient) -> None:
        link = self.link
        await nc.connect(
            [url.strip() for url in link.url.split(",")],
            name=self.name,
            user=link.user or None,
            password=link.password or None,
            token=link.token or None,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,  # type: ignore[arg-type]  # declared int, used in asyncio.sleep
            connect_timeout=2,
            ping_interval=5,
            max_outstanding_pings=2,
            pending_size=self.PENDING_LIMIT,
            drain_timeout=5,
            skip_subject_validation=True,
            error_cb=_on_error,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._closed,
        )
        if not nc.is_connected:  # with a dead auth callout nats-py returns a dead client without raising
            raise Problem(Code.UNAVAILABLE, "The message bus refused the connection.")

    async def _disconnected(self) -> None:
        for future in list(self._asking):  # their answers will not come: `keep` asks again as soon as it can
            _time_out(future, "a connection that was lost")
        if not self._closing:
            log.warning("bus.disconnected")

    async def _reconnected(self) -> None:
        log.info("bus.reconnected")
        for callback in self.on_reconnect:
            try:
                callback()
            except Exception:
                log.exception("bus.reconnect_hook_failed")

    async def _closed(self) -> None:
        """nats-py closes for ever on some server errors: build a new client and hear everything again."""
        if not self._closing:
            self.spawn(self._rebuild())

    async def _rebuild(self) -> None:
        while not self._closing:
            await asyncio.sleep(0.5)
            nc = LeanClient()
            try:
                async with asyncio.timeout(5):
                    await self._connect(nc)
            except Exception as error:
                log.warning("bus.rebuild_failed", error=str(error))
                continue
            self.nc = nc
            for ear in list(self.ears):
                if ear in self.ears:  # it may have been closed meanwhile
                    await ear.open()
            await self._reconnected()
            return

    async def _echo(self) -> None:
        """One message to ourselves, by way of the server."""
        subject, token = self.inbox()
        heard = asyncio.Event()
        self.expect(token, lambda _: heard.set())
        try:
            self.tell(subject)
            async with asyncio.timeout(ECHO_SECONDS):
                await heard.wait()
        finally:
            self.expect(token, None)

    async def _watch(self) -> None:
        """The read loop may be dead while `is_connected` says True: only a round trip tells."""
        misses = 0
        while True:
            await asyncio.sleep(WATCH_EVERY)
            nc = self.nc
            if not nc.is_connected:
                continue
            try:
                await self._echo()
                misses = 0
            except (Problem, TimeoutError):
                misses += 1
                log.warning("bus.watchdog_missed", misses=misses)
                if misses == 2:
                    await nc.force_reconnect()
                elif misses > 2:
                    misses = 0
                    with suppress(Exception):
                        await nc.close()


def _time_out(future: "asyncio.Future[Message]", subject: str) -> None:
    if not future.done():
        future.set_exception(Problem(Code.UNAVAILABLE, f"No answer on {subject.split('.')[0]} in time.", retry_after=1))


async def _on_error(error: Exception) -> None:
    log.warning("bus.error", error=str(error) or type(error).__name__)


_TAKEN = {10071, 10164}
_BUSY = {10008, 10009, 10074, 10118}


def _stored(ack: _PubAck) -> Ack | None:
    """The stored message; None when JetStream is not ready and the same publish should be tried again."""
    fault = ack.error
    if fault is None:
        return Ack(ack.seq, ack.duplicate)
    if fault.err_code in _TAKEN or "per subject exceeded" in fault.description:
        raise Conflict(fault.description)
    if fault.err_code in _BUSY or (fault.code == 503 and "exceeded" not in fault.description and fault.err_code == 0):
        return None
    if fault.code == 503 or "exceeded" in fault.description or "insufficient" in fault.description:
        raise Full(fault.description)
    raise ApiError(fault.code, fault.err_code, fault.description)


@asynccontextmanager
async def open_bus(link: Link, name: str, timeout: float = 15.0) -> AsyncIterator[Bus]:
    """Connect, retrying for `timeout` seconds; raises `Problem(UNAVAILABLE)` that names the address (never the password)."""
    bus = Bus(link, name)
    until = time.monotonic() + timeout
    while True:
        try:
            async with asyncio.timeout(min(5.0, max(0.5, timeout))):
                await bus.open()
            break
        except Exception as error:
            with suppress(Exception):
                bus._closing = True
                await bus.nc.close()
            if time.monotonic() >= until:
                where = link.url.rpartition("@")[2]
                raise Problem(
                    Code.UNAVAILABLE, f"No NATS server at {where}: {error or type(error).__name__}"
                ) from error
            await asyncio.sleep(0.1)
            bus = Bus(link, name)
    try:
        yield bus
    finally:
        await bus.close()
