"""What doubles of providers play, whatever their dialect: scenes (what a model says) and scripts (how a call fails).

`FakeForeign` is the server; a double adds how its provider checks a request and how it puts a scene on the wire. As with
`FakeProvider` the model's name chooses: a name of `SCENES`, a name of `fake_scripts.SCRIPTS`, else the plain scene.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from fake_provider import FakeProvider
from fake_scripts import SCRIPTS, Recorded, Script, in_an_hour
from fake_wire import JSON, Wire

Refusal = tuple[int, str]


@dataclass(frozen=True)
class Scene:
    """One answer. `calls`: the name of a function and the pieces of its arguments."""

    words: tuple[str, ...] = ("Grüße", " from", " the", " model", ".")
    thoughts: tuple[str, ...] = ()
    calls: tuple[tuple[str, tuple[str, ...]], ...] = ()
    finish: str = "stop"
    tokens: tuple[int, int, int, int, int] = (20, 7, 0, 0, 0)
    """Asked, answered, cached, written to the cache, thought: the last three are parts of the first two."""


WEATHER = ("weather", ('{"city": "Z', 'ürich \\"', '1\\"", "n": 1', "e3}"))
CLOCK = ("clock", ('{"zone": ', "null}"))
SCENES = {
    "plain": Scene(),
    "tool": Scene((), (), (WEATHER,), "tool_calls"),
    "words-and-tools": Scene(("Let me", " look."), (), (WEATHER, CLOCK, WEATHER), "tool_calls"),
    "no-arguments": Scene((), (), (("now", ()),), "tool_calls"),
    "thinks": Scene(("So: 4",), ("Let me", " think"), (), "stop", (20, 9, 0, 0, 6)),
    "thinks-and-calls": Scene((), ("I need", " a tool"), (WEATHER,), "tool_calls", (20, 9, 0, 0, 6)),
    "length": Scene(("It was", " a dark and"), finish="length"),
    "filtered": Scene(("I would", " rather"), finish="content_filter"),
    "cached": Scene(tokens=(100, 7, 60, 30, 0)),
    "json": Scene(('{"city": ', '"Zürich"}')),
    "empty": Scene((), tokens=(20, 1, 0, 0, 0)),
}
EARLY = {"reset", "slow", "html", "not_http", "status"}
FAULTS = {"stall", "cut", "reset_body", "unfinished", "malformed", "error_inside"}


class FakeForeign(FakeProvider):
    """The server of every double. What a subclass says is at the end."""

    async def _exchange(self, wire: Wire) -> bool:
        method, path, headers, raw = await wire.request()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            return wire.answer(400, self.error(400, "the body is no JSON"))
        call = Recorded(body, raw, headers, path)
        self.calls.append(call)
        refused = self.authorised(headers) or self.check(method, path, headers, body)
        call.outcome = "rejected" if refused else "aborted"
        try:
            if refused:
                return wire.answer(refused[0], self.error(*refused))
            if (told := self.told(path, body)) is not None:
                return wire.answer(200, told)
            goes_on = await self._perform(wire, call, self.model_of(path, body), self.streams(path, body))
            call.outcome = "ok"
            return goes_on
        finally:
            await wire.settle()
            call.end = time.time()

    async def _perform(self, wire: Wire, call: Recorded, model: str, stream: bool) -> bool:
        script = self._queued.popleft() if self._queued else SCRIPTS.get(model, Script())
        if model in SCENES:
            script = Script()
        if script.kind in EARLY:
            return await self._early(wire, script, call)
        scene = SCENES.get(model, Scene(()) if script.kind == "empty" else Scene())
        if not stream:
            return await self._whole(wire, script, self.reply(scene, call.body))
        wire.head(200, {"Content-Type": self.stream_type, "Transfer-Encoding": "chunked"})
        pieces = self.pieces(scene, call.body)
        if script.kind in FAULTS:
            pieces = pieces[: self.spoken(script.after)]
        raw = b"".join(pieces)
        for start in range(0, len(raw), 61):  # where the network cuts must not matter
            wire.chunk(raw[start : start + 61])
            await wire.writer.drain()
        return await self._fail(wire, script, True) if script.kind in FAULTS else wire.end()

    async def _early(self, wire: Wire, script: Script, call: Recorded) -> bool:
        if script.kind == "reset":
            return wire.reset()
        if script.kind == "not_http":
            wire.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            await wire.writer.drain()
            return False
        if script.kind == "slow":
            await wire.pause(script.seconds)
        if script.kind != "status":
            return wire.answer(200, b"<html><body>Sign in to the hotel network</body></html>", kind="text/html")
        wait = in_an_hour() if script.retry_after == "date" else script.retry_after
        more = {"Retry-After": wait} if wait else {}
        if script.status < 400:
            more["Location"] = "/elsewhere"
        return wire.answer(
            script.status, self.error(script.status, f"scripted {script.status}, you sent {self.key}"), more
        )

    async def _whole(self, wire: Wire, script: Script, reply: dict[str, Any]) -> bool:
        raw = json.dumps(reply).encode()
        if script.kind == "malformed":
            raw = raw[: len(raw) // 2] + b"}"
        if script.kind == "error_inside":
            raw = json.dumps(self.error(500, "scripted error inside")).encode()
        if script.kind in ("cut", "unfinished", "stall", "reset_body"):
            wire.head(200, {"Content-Type": JSON, "Content-Length": str(len(raw))})
            wire.writer.write(raw[: len(raw) // 2])
            return await self._fail(wire, script, False)
        return wire.answer(200, raw)

    async def _fail(self, wire: Wire, script: Script, stream: bool) -> bool:
        await wire.writer.drain()
        match script.kind:
            case "stall":
                await wire.pause(script.seconds)
            case "malformed":
                wire.chunk(self.malformed)
                return wire.end()
            case "error_inside":
                wire.chunk(self.error_event("scripted error inside"))
                return wire.end()
            case "unfinished" if stream:
                return wire.end()
            case "reset_body":
                await wire.pause(0.05)
                return wire.reset()
        return False

    # ---- what a double says ----

    stream_type = "text/event-stream"
    malformed = b'data: {"type": "content_bl\n\n'

    def authorised(self, headers: dict[str, str]) -> Refusal | None:
        raise NotImplementedError

    def check(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> Refusal | None:
        """What the provider would refuse, with its words."""
        raise NotImplementedError

    def told(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to what is no chat: models, embeddings."""
        raise NotImplementedError

    def model_of(self, path: str, body: dict[str, Any]) -> str:
        return str(body.get("model", ""))

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        return body.get("stream") is True

    def reply(self, scene: Scene, body: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def pieces(self, scene: Scene, body: dict[str, Any]) -> list[bytes]:
        raise NotImplementedError

    def spoken(self, after: int) -> int:
        """How many pieces hold the first `after` words."""
        return after

    def error(self, status: int, message: str) -> dict[str, Any]:
        raise NotImplementedError

    def error_event(self, message: str) -> bytes:
        return sse(self.error(500, message))


def sse(data: dict[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def unknown(found: dict[str, Any], *known: str) -> str:
    """The first key that is not known; empty if there is none."""
    return next((key for key in found if key not in known), "")


def arguments(pieces: tuple[str, ...]) -> Any:
    return json.loads("".join(pieces) or "{}")


def embed(text: str) -> list[float]:
    """Numbers that tell the text they came from."""
    return [len(text) / 8, 0.5, -1.25]


def openai_reply(scene: Scene) -> dict[str, Any]:
    """The scene as OpenAI tells it (DeepSeek for the thoughts)."""
    asked, answered, cached, _, thought = scene.tokens
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(scene.words) or ("" if not scene.calls else None),
    }
    if scene.thoughts:
        message["reasoning_content"] = "".join(scene.thoughts)
    if scene.calls:
        message["tool_calls"] = [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": "".join(pieces) or "{}"}}
            for i, (name, pieces) in enumerate(scene.calls)
        ]
    usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    details = {
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    choice = {"index": 0, "message": message, "finish_reason": scene.finish}
    top = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**top, "choices": [choice], "usage": {**usage, **details}}


def openai_pieces(scene: Scene) -> list[bytes]:
    whole = openai_reply(scene)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if scene.calls else ""}]
    deltas += [{"reasoning_content": piece} for piece in scene.thoughts]
    deltas += [{"content": piece} for piece in scene.words]
    for i, (name, pieces) in enumerate(scene.calls):
        first = {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [{"index": i, "function": {"arguments": piece}} for piece in pieces or ("{}",)]
        deltas += [{"tool_calls": [one]} for one in (first, *rest)]
    top = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    told = [{**top, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    told.append({**top, "choices": [{"index": 0, "delta": {}, "finish_reason": scene.finish}]})
    told.append({**top, "choices": [], "usage": whole["usage"]})
    return [*(sse(one) for one in told), b"data: [DONE]\n\n"]
