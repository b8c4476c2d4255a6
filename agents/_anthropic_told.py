"""What Anthropic's Messages API answers, in OpenAI's words: a message of blocks, whole or told event by event.

A block's place among all blocks is not its place among the tool calls: thoughts and texts are counted too.
Source: platform.claude.com/docs/en/build-with-claude/streaming.
"""

from typing import Any

import msgspec

from agents._problems import from_status
from agents._told import Told
from agents.agent import Tools
from schemas.problem import Problem

_encode = msgspec.json.Encoder().encode

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Thought(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _Thought | None = None


class _Message(msgspec.Struct):
    content: list[_Block]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: _Usage | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any = None


_event = msgspec.json.Decoder(_Event).decode
_message = msgspec.json.Decoder(_Message).decode
_any = msgspec.json.Decoder().decode


class AnthropicTold(Told):
    """One message."""

    def __init__(self, tools: Tools, model: str) -> None:
        super().__init__(tools, model)
        self._count: dict[str, int] = {}
        self._call: tuple[int, bytes] | None = None
        """The tool call that is being told and the arguments it began with, until pieces of arguments come."""
        self._thoughts = -1

    def event(self, name: bytes, data: bytes) -> list[bytes]:
        event = _event(data)
        match event.type:
            case "message_start" if event.message:
                return self._start(event.message)
            case "content_block_start" if event.content_block:
                return self._begin(event.content_block)
            case "content_block_delta" if event.delta:
                return self._piece(event.delta)
            case "content_block_stop":
                return self._close()
            case "message_delta" if event.delta:
                self._counted(event.usage)
                return self._stop(event.delta.stop_reason, event.delta.stop_sequence)
            case "message_stop":
                self.done = True
                return self.end()
            case "error":
                raise self._problem(event.error)
        return []  # pings, and what the API may add

    def whole(self, body: bytes) -> list[bytes]:
        parsed = _any(body)
        if isinstance(parsed, dict) and (parsed.get("type") == "error" or "error" in parsed):
            raise self._problem(parsed.get("error"))
        message = _message(body)
        chunks = self._start(message)
        for block in message.content:
            chunks += self._begin(block)
            chunks += self._close()
        return chunks + self._stop(message.stop_reason or "end_turn", message.stop_sequence)

    def end(self) -> list[bytes]:
        count, self._count = self._count, {}
        if not count.get("output_tokens") and not count.get("input_tokens"):
            return []
        cached, written = count.get("cache_read_input_tokens", 0), count.get("cache_creation_input_tokens", 0)
        asked = count.get("input_tokens", 0) + cached + written
        answered, thought = count.get("output_tokens", 0), count.get("thinking_tokens", 0)
        return [self.usage(asked, answered, cached=cached, written=written, thought=thought)]

    def _start(self, message: _Message) -> list[bytes]:
        self.id, self.model = message.id or self.id, message.model or self.model
        self._counted(message.usage)
        if asked := sum(self._count.get(name, 0) for name in _ASKED):
            self.tools.meter.start(lambda: asked)  # known before the answer is: a caller who leaves is counted well
        return []

    def _begin(self, block: _Block) -> list[bytes]:
        match block.type:
            case "text":
                return [self.text(block.text)] if block.text else []
            case "thinking":
                self._thoughts += 1
                told = [self._thinking(block.thinking)] if block.thinking else []
                return [*told, self._signed(block.signature)] if block.signature else told
            case "redacted_thinking":
                self._thoughts += 1
                hidden = {"index": self._thoughts, "type": "redacted_thinking", "data": block.data or ""}
                return [self.say({"thinking_blocks": [hidden]})]
            case "tool_use":
                self._call = (self.calls(), bytes(block.input))
                return [self.call(block.id or "", block.name or "", "")]
        return []

    def _piece(self, delta: _Delta) -> list[bytes]:
        if delta.text:
            return [self.text(delta.text)]
        if delta.thinking:
            return [self._thinking(delta.thinking)]
        if delta.signature:
            return [self._signed(delta.signature)]
        if delta.partial_json and self._call:
            place, _ = self._call
            self._call = (place, b"")
            return [self.argue(place, delta.partial_json)]
        return []

    def _close(self) -> list[bytes]:
        call, self._call = self._call, None
        return [self.argue(call[0], call[1].decode())] if call and call[1] else []

    def _stop(self, reason: str | None, sequence: str | None) -> list[bytes]:
        if reason is None:
            return []
        more: dict[str, Any] = {"stop_sequence": sequence} if sequence else {}
        return [self.finish(REASONS.get(reason, "stop"), reason, **more)]

    def _thinking(self, text: str) -> bytes:
        piece = {"index": self._thoughts, "type": "thinking", "thinking": text}
        return self.say({"reasoning_content": text, "thinking_blocks": [piece]})

    def _signed(self, signature: str) -> bytes:
        piece = {"index": self._thoughts, "type": "thinking", "thinking": "", "signature": signature}
        return self.say({"thinking_blocks": [piece]})

    def _counted(self, usage: _Usage | None) -> None:
        """Counts are totals so far: the last word on each holds."""
        if usage is None:
            return
        for name in (*_ASKED, "output_tokens"):
            if (value := getattr(usage, name)) is not None:
                self._count[name] = value
        if usage.output_tokens_details and usage.output_tokens_details.thinking_tokens:
            self._count["thinking_tokens"] = usage.output_tokens_details.thinking_tokens

    def _problem(self, error: Any) -> Problem:
        kind = error.get("type") if isinstance(error, dict) else None
        status, body = _STATUS.get(str(kind), 500), _encode({"error": error})
        return from_status(self.tools.provider.name, status, {}, body, self.tools.scrub)


_ASKED = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
