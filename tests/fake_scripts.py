"""What the fake provider can play: a `Script` for every way to answer and to fail."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from fake_wire import JSON, SSE, Wire


@dataclass(frozen=True)
class Script:
    """One behaviour. `after`: chunks of content that still get through before the fault."""

    kind: str = "ok"
    tokens: int = 5
    delay: float = 0.0
    """Seconds before the headers of an answer in one piece, and before each token of a stream."""
    after: int = 2
    status: int = 0
    retry_after: str = ""
    seconds: float = 30.0
    """How long `slow` and `stall` keep silent."""
    size: int = 2_000_000
    """Bytes of the `giant` chunk."""
    tape: tuple[str, ...] = ()
    """For `tape`: the events of a stream as recorded, or the one body."""


def in_an_hour() -> str:
    return formatdate(time.time() + 3600, usegmt=True)


SCRIPTS: dict[str, Script] = {
    "reset": Script("reset"),
    "reset-body": Script("reset_body"),
    "cut": Script("cut"),
    "cut-first": Script("cut", after=0),
    "unfinished": Script("unfinished"),
    "401": Script("status", status=401),
    "403": Script("status", status=403),
    "404": Script("status", status=404),
    "413": Script("status", status=413),
    "429": Script("status", status=429, retry_after="7"),
    "429-date": Script("status", status=429, retry_after="date"),
    "500": Script("status", status=500),
    "503": Script("status", status=503, retry_after="3"),
    "529": Script("status", status=529),
    "redirect": Script("status", status=307),
    "slow": Script("slow"),
    "stall": Script("stall"),
    "stall-first": Script("stall", after=0),
    "malformed": Script("malformed"),
    "malformed-first": Script("malformed", after=0),
    "html": Script("html"),
    "not-http": Script("not_http"),
    "empty": Script("empty", tokens=0),
    "no-usage": Script("no_usage"),
    "no-done": Script("no_done"),
    "double-done": Script("double_done"),
    "giant": Script("giant"),
    "lingers": Script("lingers"),
    "json-only": Script("json_only"),
    "error-inside": Script("error_inside"),
    "error-first": Script("error_inside", after=0),
    "no-stream-options": Script("no_stream_options"),
    "tools": Script("tools"),
}


@dataclass
class Recorded:
    """One call as it came and as it went."""

    body: dict[str, Any]
    raw: bytes
    headers: dict[str, str]
    path: str
    script: str = ""
    ref: str = ""
    start: float = field(default_factory=time.time)
    end: float = 0.0
    outcome: str = ""
    """ok, rejected, fault, or aborted (the caller hung up)."""
    sent: int = 0
    """Tokens that went out."""


class Performance:
    """One answer, played as its script says."""

    def __init__(self, wire: Wire, body: dict[str, Any], script: Script, call: Recorded) -> None:
        self.wire, self.body, self.script, self.call = wire, body, script, call
        self.words = [f"{'' if i == 0 else ' '}w{i}" for i in range(script.tokens)]
        self.top = {"id": "chatcmpl-fake", "created": 1_760_000_000, "model": body["model"]}
        asked = len(json.dumps(body["messages"])) // 4
        self.usage = {"prompt_tokens": asked, "completion_tokens": script.tokens, "total_tokens": asked + script.tokens}

    async def play(self) -> bool:
        try:
            return await self._early() if self.script.kind in EARLY else await self._late()
        finally:
            await self.wire.settle()

    async def _early(self) -> bool:
        """Faults that look the same for a stream and for JSON."""
        wire, script = self.wire, self.script
        match script.kind:
            case "reset":
                return wire.reset()
            case "not_http":
                wire.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
                await wire.writer.drain()
                return False
            case "slow":
                await wire.pause(script.seconds)
                return await self._late()
            case "html":
                return wire.answer(200, b"<html><body>Sign in to the hotel network</body></html>", kind="text/html")
            case "no_stream_options" if "stream_options" in self.body:
                return wire.answer(400, error_body("Unknown parameter: 'stream_options'.", "stream_options"))
            case "status":
                message = f"scripted {script.status}, you sent {self.call.headers.get('authorization', 'no key')}"
                wait = in_an_hour() if script.retry_after == "date" else script.retry_after
                headers = {"Retry-After": wait} if wait else {}
                if script.status < 400:
                    headers["Location"] = "/elsewhere"
                return wire.answer(script.status, error_body(message, None), headers)
        return await self._late()

    async def _late(self) -> bool:
        if self.script.kind == "tape":
            return await self._tape()
        if self.body.get("stream") and self.script.kind != "json_only":
            return await self._stream()
        return await self._json()

    async def _json(self) -> bool:
        wire, kind = self.wire, self.script.kind
        await wire.pause(self.script.delay)
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self.words)}
        finish = "stop"
        if kind == "giant":
            message["content"] = "g" * self.script.size
        if kind == "tools":
            message, finish = {"role": "assistant", "content": None, "tool_calls": TOOL_CALLS}, "tool_calls"
        choices = [
            {"index": i, "message": message, "logprobs": None, "finish_reason": finish}
            for i in range(self.body.get("n") or 1)
        ]
        reply = {**self.top, "object": "chat.completion", "choices": choices, "usage": self.usage}
        if kind == "no_usage":
            del reply["usage"]
        if kind == "error_inside":
            reply = {"error": {"message": "scripted error inside", "code": 502}}
        raw = json.dumps(reply).encode()
        if kind == "malformed":
            raw = raw[: len(raw) // 2] + b"}"
        if kind in ("cut", "unfinished", "stall", "reset_body"):
            wire.head(200, {"Content-Type": JSON, "Content-Length": str(len(raw))})
            wire.writer.write(raw[: len(raw) // 2])
            return await self._fail()
        self.call.sent = self.script.tokens
        return wire.answer(200, raw)

    async def _stream(self) -> bool:
        wire, script = self.wire, self.script
        wire.head(200, {"Content-Type": SSE, "Transfer-Encoding": "chunked"})
        faulty = script.kind in FAULTS
        if not (faulty and script.after == 0):
            self._chunk({"role": "assistant", "content": ""})
        deltas: list[dict[str, Any]] = [{"content": word} for word in self.words]
        if script.kind == "tools":
            deltas = TOOL_DELTAS
        if script.kind == "giant":
            deltas = [{"content": "g" * script.size}]
        for place, delta in enumerate(deltas):
            if faulty and place == script.after:
                return await self._fail()
            await wire.pause(script.delay)
            self._chunk(delta)
            self.call.sent += 1
        if faulty:
            return await self._fail()
        self._chunk({}, "tool_calls" if script.kind == "tools" else "stop")
        if self.body.get("stream_options", {}).get("include_usage") and script.kind != "no_usage":
            wire.event({**self.top, "object": "chat.completion.chunk", "choices": [], "usage": self.usage})
        for _ in range({"no_done": 0, "double_done": 2}.get(script.kind, 1)):
            wire.event("[DONE]")
        if script.kind == "lingers":
            await wire.pause(0.02)
            wire.chunk(b": still here\n\n")
            await wire.pause(script.seconds)
        await wire.writer.drain()
        return wire.end()

    async def _fail(self) -> bool:
        wire = self.wire
        await wire.writer.drain()
        match self.script.kind:
            case "stall":
                await wire.pause(self.script.seconds)
            case "reset_body":
                await asyncio.sleep(0.05)  # what was written must be on its way: a reset takes back what was not
                return wire.reset()
            case "malformed":
                wire.event('{"id": "chatcmpl-fake", "choices": [{"index": 0, "delta": {"con')
                return wire.end()
            case "error_inside":
                wire.event({"error": {"message": "scripted error inside", "type": "server_error"}})
                return wire.end()
            case "unfinished" if self.body.get("stream"):
                return wire.end()
        return False

    async def _tape(self) -> bool:
        """What a real provider once said, byte for byte, cut into pieces that end anywhere."""
        raw = "".join(self.script.tape).encode()
        kind = SSE if self.body.get("stream") else JSON
        status = self.script.status or 200
        self.wire.head(status, {"Content-Type": kind if status == 200 else JSON, "Transfer-Encoding": "chunked"})
        for start in range(0, len(raw), 97):
            self.wire.chunk(raw[start : start + 97])
            await self.wire.writer.drain()
        return self.wire.end()

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        for index in range(self.body.get("n") or 1):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
            self.wire.event({**self.top, "object": "chat.completion.chunk", "choices": [choice]})


EARLY = {"reset", "not_http", "slow", "html", "no_stream_options", "status"}
FAULTS = {"stall", "cut", "reset_body", "unfinished", "malformed", "error_inside"}
ARGUMENTS = ['{"city": "Z', 'ürich \\"', '1\\"", "n": 1', "e3}"]
TOOL_CALLS = [
    {"id": f"call_{i}", "type": "function", "function": {"name": f"f{i}", "arguments": "".join(ARGUMENTS)}}
    for i in range(2)
]
TOOL_DELTAS: list[dict[str, Any]] = [
    delta
    for i in range(2)
    for delta in (
        {
            "tool_calls": [
                {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": f"f{i}", "arguments": ""}}
            ]
        },
        *({"tool_calls": [{"index": i, "function": {"arguments": part}}]} for part in ARGUMENTS),
    )
]


def error_body(message: str, param: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}
