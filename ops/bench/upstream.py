"""An instant OpenAI provider: as cheap as Python allows, so that what is measured is the house and not its guest.

Raw protocol, answers made beforehand. A request body that holds `"stream":true` gets `TOKENS` chunks at `RATE` a second
(0: all at once). `GET /count` tells how many chats and chunks it has answered. Run: `python -m ops.bench.upstream TOKENS
RATE`; it prints its port.
"""

import asyncio
import json
import re
import sys
from typing import cast

import uvloop

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream" *: *true')
TEXT = "The sea is a wide body of salt water that covers most of the Earth. " * 9


def _http(body: bytes, kind: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


def _chat() -> bytes:
    message = {"role": "assistant", "content": TEXT}
    reply = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1764000000,
        "model": "bench",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 135, "total_tokens": 155},
    }
    return _http(json.dumps(reply).encode())


def _event(delta: dict[str, str], reason: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": "bench",
        "choices": [] if usage else [{"index": 0, "delta": delta, "finish_reason": reason}],
        "usage": usage,
    }
    data = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


CHAT = _chat()
MODELS = _http(json.dumps({"object": "list", "data": [{"id": "bench", "object": "model"}]}).encode())
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TAIL = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Count:
    chats = 0
    chunks = 0
    tokens = 100
    rate = 0.0


class Upstream(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        while self.buffer:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            found = LENGTH.search(self.buffer, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < size:
                return
            request, self.buffer = self.buffer[:size], self.buffer[size:]
            self.answer(request, end)

    def answer(self, request: bytes, end: int) -> None:
        assert self.transport is not None
        if request[:3] == b"GET":
            counts = json.dumps({"chats": Count.chats, "chunks": Count.chunks}).encode()
            self.transport.write(_http(counts) if request[:10] == b"GET /count" else MODELS)
            return
        Count.chats += 1
        if not STREAM.search(request, end):
            self.transport.write(CHAT)
            return
        self.transport.write(HEAD + _event({"role": "assistant", "content": ""}))
        self.token(0)

    def token(self, n: int) -> None:
        """Writes token `n` and asks to be called for the next; a stream whose reader has left ends here."""
        if self.transport is None:
            return
        if n == Count.tokens:
            usage = {"prompt_tokens": 20, "completion_tokens": n, "total_tokens": 20 + n}
            self.transport.write(_event({}, "stop") + _event({}, usage=usage) + TAIL)
            return
        Count.chunks += 1
        self.transport.write(_event({"content": f"t{n} "}))
        if Count.rate:
            asyncio.get_running_loop().call_later(1 / Count.rate, self.token, n + 1)
        else:
            self.token(n + 1)


async def serve(tokens: int, rate: float) -> None:
    Count.tokens, Count.rate = tokens, rate
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
