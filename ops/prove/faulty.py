"""The scripted provider: a process of its own that fails in the way the model's name says, in four dialects.

HTTP by hand, for no server library lets one cut, reset, stall and lie. What a newcomer would get wrong: a provider that has
just failed is left alone for a while, so all calls of one fault must be under way before the first of them fails. They wait at
a gate until as many have come as `POST /gates` announced. Run: `python -m ops.prove.faulty`; it prints its port.
"""

import asyncio
import json
import re
import socket
import struct
import time
from email.utils import formatdate
from typing import Any

from ops.prove.tongues import OPENAI, Tongue, tongue_at

WORDS = [f"t{n} " for n in range(5)]
SPOKEN = 3
"""Words that get through before a fault in the middle of a stream."""
GIANT = 2_000_000
PATIENCE = 4.0
"""Seconds at a gate; far more than the calls of one fault need to come together."""
MODEL = re.compile(r"/models/([^:/]+):")
RETRY = {"429": "60", "503": "3"}
LATE = ("stall", "cut", "malformed")
"""Faults in the middle of an answer."""


class Gone(Exception):
    """The caller hung up."""


class Gate:
    """Opens for good when all who are awaited have come."""

    def __init__(self, awaited: int) -> None:
        self.awaited = awaited
        self._open = asyncio.Event()

    async def passed(self) -> None:
        self.awaited -= 1
        if self.awaited <= 0:
            self._open.set()
        try:
            await asyncio.wait_for(self._open.wait(), PATIENCE)
        except TimeoutError:
            self._open.set()


class Call:
    """One request and the wire it came on."""

    def __init__(self, wire: "Wire", path: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        self.wire, self.body = wire, body
        self.tongue: Tongue = tongue_at(path)
        in_path = MODEL.search(path)
        self.model = in_path[1] if in_path else str(body.get("model", ""))
        self.stream = "streamGenerateContent" in path or bool(body.get("stream"))
        self.fault = self.model.partition("-on-")[0]
        keys = ("authorization", "x-api-key", "x-goog-api-key")
        self.key = next((headers[name] for name in keys if name in headers), "no key").removeprefix("Bearer ")

    async def play(self) -> None:
        """Raises `Gone` when the connection is of no more use."""
        match self.fault:
            case "reset":
                self.wire.reset()
            case "slow":
                await self.wire.silence()
            case "html":
                self.wire.answer(200, f"<html><body>Sign in. You are {self.key}</body></html>".encode(), "text/html")
            case "401" | "403" | "404" | "429" | "429-date" | "500" | "503":
                self._refuse(int(self.fault[:3]))
            case _ if self.stream:
                await self._stream()
            case _:
                await self._whole()

    def _refuse(self, status: int) -> None:
        """As careless as real ones: the refusal repeats the key it was given."""
        wait = formatdate(time.time() + 3600, usegmt=True) if self.fault == "429-date" else RETRY.get(self.fault, "")
        told = self.tongue.error(status, f"scripted {status}, you sent {self.key}")
        self.wire.answer(status, json.dumps(told).encode(), more={"Retry-After": wait} if wait else {})

    def _words(self) -> list[str]:
        return {"empty": [], "giant": ["g" * GIANT]}.get(self.fault, WORDS)

    async def _whole(self) -> None:
        words, counted = self._words(), self.fault != "no-usage"
        raw = json.dumps(self.tongue.whole("".join(words), len(words), counted)).encode()
        if self.fault == "malformed":
            raw = raw[: len(raw) // 2] + self.key.encode() + b"}"
        if self.fault not in ("cut", "stall"):
            self.wire.answer(200, raw)
            return
        self.wire.head(200, {"Content-Type": "application/json", "Content-Length": str(len(raw))})
        self.wire.writer.write(raw[: len(raw) // 2])
        await self._fail()

    async def _stream(self) -> None:
        tongue, words = self.tongue, self._words()
        self.wire.head(200, {"Content-Type": tongue.stream_type, "Transfer-Encoding": "chunked"})
        for piece in (*tongue.begin(), *map(tongue.word, words[:SPOKEN])):
            self.wire.chunk(piece)
        if self.fault in LATE:
            await self._fail()
            return
        for piece in (*map(tongue.word, words[SPOKEN:]), *tongue.end(len(words), self.fault != "no-usage")):
            self.wire.chunk(piece)
        if self.fault == "double-done":
            self.wire.chunk(b"data: [DONE]\n\n")
        self.wire.writer.write(b"0\r\n\r\n")

    async def _fail(self) -> None:
        await self.wire.writer.drain()
        if self.fault == "stall":
            await self.wire.silence()
        if self.fault == "malformed":
            self.wire.chunk(self.tongue.torn)
            self.wire.writer.write(b"0\r\n\r\n")
            return
        raise Gone


class Wire:
    """HTTP/1.1, as much as is needed, and what is forbidden in it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def request(self) -> tuple[str, dict[str, str], bytes]:
        """Path, headers, body. The path is `tls` for the hello of a caller who believes us to speak it."""
        first = await self.reader.readexactly(1)
        if first == b"\x16":
            return "tls", {}, b""
        head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return head[0].split(" ")[1], headers, body

    def answer(
        self, status: int, raw: bytes, kind: str = "application/json", more: dict[str, str] | None = None
    ) -> None:
        self.head(status, {"Content-Type": kind, "Content-Length": str(len(raw)), **(more or {})})
        self.writer.write(raw)

    def head(self, status: int, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1"))

    def chunk(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def silence(self) -> None:
        """Until the caller leaves."""
        await self.reader.read(1)
        raise Gone

    def reset(self) -> None:
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise Gone


class Faulty:
    """The server."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}

    async def serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=1 << 24, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        try:
            while True:
                await self._exchange(wire)
                await writer.drain()
        except (Gone, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _exchange(self, wire: Wire) -> None:
        path, headers, raw = await wire.request()
        if path == "/gates":
            self.gates = {model: Gate(count) for model, count in json.loads(raw).items()}
            wire.answer(200, b"{}")
            return
        call = None if path == "tls" else Call(wire, path, headers, json.loads(raw or b"{}"))
        if (gate := self.gates.get(call.model if call else "tls")) is not None:
            await gate.passed()
        if call is None:  # what an HTTP server says to somebody who speaks TLS
            wire.answer(400, json.dumps(OPENAI.error(400, "plain HTTP, please")).encode())
            raise Gone
        await call.play()


if __name__ == "__main__":
    asyncio.run(Faulty().serve())
