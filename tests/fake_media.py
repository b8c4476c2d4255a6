"""What doubles of media providers share: a server that reads requests of any size, keeps what came, and fails as told.

A request's body is kept up to `KEPT` bytes and always hashed, so a double can be sent 100 MB without holding them. Faults are
queued by name (`fake.queue("429", "garbled")`), each for one call that a subclass says is worth failing (`fails`).
"""

import asyncio
import hashlib
import json
import struct
from collections import deque
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from types import TracebackType
from typing import Any, Self

from fake_wire import HungUpError, Wire

KEPT = 8 * 1024 * 1024
FAULTS = ("429", "500", "503", "401", "policy", "garbled", "html", "cut", "slow", "reset")


@dataclass
class Call:
    """One request as it came. `hung_up`: the caller left before its answer was whole."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    size: int
    sha: str
    hung_up: bool = False
    done: bool = False

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def parts(self) -> list["Part"]:
        """Of a form, in order."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=policy.HTTP).parsebytes(head + self.raw)
        assert message.is_multipart(), "the body is no form"
        return [
            Part(
                str(one.get_param("name", header="content-disposition")),
                one.get_filename() or "",
                one.get_content_type(),
                one.get_payload(decode=True),
            )
            for one in message.iter_parts()
        ]

    def fields(self) -> dict[str, str]:
        return {part.name: part.data.decode() for part in self.parts if not part.filename}

    def files(self) -> list["Part"]:
        return [part for part in self.parts if part.filename]


@dataclass
class Part:
    name: str
    filename: str
    kind: str
    data: bytes = field(repr=False)


class Refusal(Exception):
    """What the real server would refuse: status and message."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.more = status, message, more


class FakeMedia:
    """A double. A subclass says how its provider looks at a request and what it answers (`play`)."""

    base = ""
    """Path that its `url` ends with."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.calls: list[Call] = []
        self.connections = 0
        self._faults: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=4 * 1024 * 1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + self.base

    def queue(self, *faults: str) -> None:
        self._faults.extend(faults)

    def to(self, path: str) -> list[Call]:
        """The calls to a path."""
        return [call for call in self.calls if call.path.partition("?")[0] == path]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while await self._exchange(Wire(reader, writer)):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, wire: Wire) -> bool:
        call = await self._read(wire)
        self.calls.append(call)
        try:
            goes_on = await self._answer(wire, call)
            call.done = True
            return goes_on
        except HungUpError:
            call.hung_up = True
            return False
        finally:
            await wire.settle()

    async def _answer(self, wire: Wire, call: Call) -> bool:
        try:
            self.authorise(call)
            if self._faults and self.fails(call):
                return await self._fail(wire, call, self._faults.popleft())
            return await self.play(wire, call)
        except Refusal as refused:
            body, headers = self.error(refused)
            return wire.answer(refused.status, body, headers)

    async def _fail(self, wire: Wire, call: Call, fault: str) -> bool:
        match fault:
            case "429":
                raise Refusal(429, f"Slow down, you sent {self.key}", retry="7")
            case "policy":
                raise Refusal(400, "Your request was rejected by our safety system.", code="content_policy_violation")
            case "garbled":
                return wire.answer(200, b'{"data": [{"b64_js')
            case "html":
                return wire.answer(200, b"<html>Sign in to the hotel network</html>", kind="text/html")
            case "cut":
                wire.head(200, {"Content-Type": "application/json", "Content-Length": "5000"})
                wire.writer.write(b'{"data": [')
                await wire.writer.drain()
                return False
            case "slow":
                await wire.pause(30)
                return False
            case "reset":
                return wire.reset()
        raise Refusal(int(fault), f"scripted {fault}, you sent {self.key}")

    async def _read(self, wire: Wire) -> Call:
        head = (await wire.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        kept, size, sha = bytearray(), 0, hashlib.sha256()
        async for piece in _pieces(wire.reader, headers):
            size += len(piece)
            sha.update(piece)
            if len(kept) < KEPT:
                kept += piece
        return Call(method, path, headers, bytes(kept), size, sha.hexdigest())

    # ---- what a double says ----

    def authorise(self, call: Call) -> None:
        if self.key and call.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(401, f"Incorrect API key provided: {call.headers.get('authorization', '')}")

    def fails(self, call: Call) -> bool:
        return call.method == "POST"

    async def play(self, wire: Wire, call: Call) -> bool:
        raise NotImplementedError

    def error(self, refused: Refusal) -> tuple[dict[str, Any], dict[str, str]]:
        raise NotImplementedError


async def _pieces(reader: asyncio.StreamReader, headers: dict[str, str]) -> Any:
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return
    left = int(headers.get("content-length", "0"))
    while left:
        piece = await reader.read(min(left, 256 * 1024))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        yield piece


def wav(seconds: float = 0.1, rate: int = 8000) -> bytes:
    """Silence with a header."""
    data = bytes(int(seconds * rate) * 2)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", len(data)) + data  # fmt: skip


MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x64" + bytes(413)
"""A tag and a frame of silence."""
