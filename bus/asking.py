"""Speaking on the bus: tell, ask, keep. All answers come to one inbox, by token.

What a newcomer would get wrong: nats-py's own `publish` and `request` swallow a task's cancellation. `tell` never awaits,
so nothing is lost half-way; and `keep` asks again under one `Nats-Msg-Id` until it knows whether the message is stored.
"""

import asyncio
import base64
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from bus.acks import Ack, ApiError, Conflict, decode_ack, stored
from bus.wire import Handler, Headers, LeanClient, Message, format_headers, parse_headers
from schemas.problem import Code, Problem

HEAD_ROOM = 4096
"""Bytes that a message's headers may take of `max_payload`."""


READ_SECONDS = 5.0
COPIED = 64 * 1024
"""Bytes up to which a message is sent in one piece; a larger one is not copied for it."""

T = TypeVar("T")


class LostError(Problem):
    """The connection went before the answer came, or nobody is there to answer: a server that restarts looks like both."""


class Asking:
    """The speaking half of a `Bus`."""

    PENDING_LIMIT = 32 * 1024 * 1024

    def __init__(self) -> None:
        self.nc = LeanClient()
        self._answers: dict[str, Handler] = {}
        self._asking: set[asyncio.Future[Message]] = set()
        self._tokens = itertools.count(1)
        self._inbox = ""

    def tell(self, subject: str, payload: bytes = b"", reply: str = "", headers: Headers | None = None) -> None:
        """Publish at most once, at once, without awaiting. What can't be sent now is kept, up to `PENDING_LIMIT` bytes."""
        nc = self.nc
        if nc.backlog + len(payload) > self.PENDING_LIMIT:
            raise Problem(Code.UNAVAILABLE, "The message bus is away; try again in a moment.", retry_after=2)
        if len(payload) > self.largest:  # the server would close the whole connection
            raise Problem(Code.TOO_LARGE, f"{len(payload):,} bytes are more than one message can carry.")
        if headers is None:
            nc.send(b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(payload), payload))
            return
        head = format_headers(headers)
        size = len(head) + len(payload)
        line = b"HPUB %b %b %d %d\r\n" % (subject.encode(), reply.encode(), len(head), size)
        if size < COPIED:
            nc.send(line + head + payload + b"\r\n")
        else:
            nc.send(line + head, payload, b"\r\n")

    @property
    def largest(self) -> int:
        """Bytes of the largest payload the server takes."""
        return int(self.nc._max_payload) - HEAD_ROOM

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
            raise LostError(Code.UNAVAILABLE, f"Nobody answers on {subject.split('.')[0]}.")
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
                ack = stored(decode_ack(message.data))
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
        Asked again when the connection is lost meanwhile, until `timeout`.
        """
        return await _patiently(lambda left: self._read(stream, query, left), timeout)

    async def at(self, stream: str, seq: int, timeout: float = 10.0) -> Message | None:
        """The message at a sequence, by a direct get, with `Nats-Subject` and `Nats-Sequence` among its headers; None when
        it is gone. Half the server's work of a batch of one. Asked again as `read` does."""
        subject, query = f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode({"seq": seq})
        found = await _patiently(lambda left: self.ask(subject, query, left), timeout)
        if not found.status:
            return found
        if found.status == "404":
            return None
        raise Problem(Code.UNAVAILABLE, f"Stream {stream} can't be read now ({found.status}).", retry_after=1)

    async def _read(self, stream: str, query: dict[str, Any], timeout: float) -> list[Message]:
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
        self._asking.add(ended)
        try:
            self.tell(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(query), reply)
            end = await ended
        finally:
            timer.cancel()
            self._asking.discard(ended)
            self._answers.pop(token, None)
        if end.status not in ("204", "404"):
            raise Problem(Code.UNAVAILABLE, f"Stream {stream} can't be read now ({end.status}).", retry_after=1)
        return found

    async def last(self, stream: str, subject: str) -> tuple[int, bytes, Headers] | None:
        """The newest message on `subject`, from the stream's leader (read your own writes), or None.

        Asked again when the connection is lost meanwhile: reading twice changes nothing.
        """
        verb, query = f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject}
        try:
            answer = await _patiently(lambda left: self.api(verb, query, left), READ_SECONDS)
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

    def _answered(self, message: Message) -> None:
        handler = self._answers.get(message.subject.rpartition(".")[2])
        if handler is not None:
            handler(message)

    def _give_up_asking(self) -> None:
        """The connection is lost, and the answers with it: `keep` asks again as soon as it can."""
        for future in list(self._asking):
            if not future.done():
                future.set_exception(LostError(Code.UNAVAILABLE, "The connection to the bus was lost.", retry_after=1))


async def _patiently(read: Callable[[float], Awaitable[T]], seconds: float) -> T:
    """What `read` (given the seconds that are left) finds, tried again for each lost connection."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        try:
            return await read(max(0.05, left))
        except LostError:
            if left <= 0:
                raise
        except ApiError as error:  # a server that came back just now has its JetStream a moment later
            if error.code != 503 or left <= 0:
                raise
        await asyncio.sleep(0.05)


def _time_out(future: "asyncio.Future[Message]", subject: str) -> None:
    if not future.done():
        future.set_exception(Problem(Code.UNAVAILABLE, f"No answer on {subject.split('.')[0]} in time.", retry_after=1))
