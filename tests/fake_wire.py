"""HTTP/1.1 by hand, for doubles that must be able to do what no server library allows: cut, reset, stall, lie."""

import asyncio
import json
import socket
import struct
from typing import Any

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"


class HungUpError(Exception): ...


class Wire:
    """HTTP/1.1, as much as is needed, and everything that is forbidden in it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._gone: asyncio.Task[bytes] | None = None

    async def request(self) -> tuple[str, str, dict[str, str], bytes]:
        first = await self.reader.readexactly(1)
        if first == b"\x16":  # the hello of TLS, at the wrong door
            self.answer(400, b"plain HTTP, please")
            raise HungUpError
        head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        raw = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return method, path, headers, raw

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None, kind: str = JSON) -> bool:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.head(status, {"Content-Type": kind, "Content-Length": str(len(raw)), **(headers or {})})
        self.writer.write(raw)
        return True

    def head(self, status: int, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1"))

    def chunk(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    def event(self, data: Any) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.chunk(f"data: {text}\n\n".encode())

    def end(self) -> bool:
        self.writer.write(b"0\r\n\r\n")
        return True

    async def pause(self, seconds: float) -> None:
        """Wait, but notice at once when the caller hangs up."""
        await self.writer.drain()
        if seconds <= 0:
            return
        if self._gone is None:
            self._gone = asyncio.create_task(self.reader.read(1))
        done, _ = await asyncio.wait({self._gone}, timeout=seconds)
        if done:
            raise HungUpError

    async def settle(self) -> None:
        """Take the watch off, so that the next request is not read by it."""
        if self._gone is not None and not self._gone.done():
            self._gone.cancel()
            await asyncio.gather(self._gone, return_exceptions=True)

    def reset(self) -> bool:
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        return False
