"""What Ollama answers, in OpenAI's words. Each line holds what is new; the one that says `done` counts.

A tool call comes whole, and an answer that calls tools ends with `stop` all the same.
Sources: docs.ollama.com/api/chat, /api/errors (a failure after the first line is a line with `error`).
"""

from datetime import datetime
from typing import Any

import msgspec

from agents._problems import from_error_object
from agents._told import Told


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct):
    model: str = ""
    created_at: datetime | None = None
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: list[dict[str, Any]] | None = None
    error: Any = None


_line = msgspec.json.Decoder(_Line).decode


class OllamaTold(Told):
    """One answer, line by line."""

    def event(self, name: bytes, data: bytes) -> list[bytes]:
        line = _line(data)
        if line.error is not None:
            raise from_error_object(self.tools.provider.name, line.error, self.tools.scrub)
        if line.message is None and not line.done:
            raise msgspec.ValidationError("neither a message nor the end of one")
        self.model = line.model or self.model
        if line.created_at is not None:
            self.created = int(line.created_at.timestamp())
        chunks = self._message(line.message, line.logprobs) if line.message else []
        if line.done:
            self.done = True
            chunks += self._last(line)
        return chunks

    def whole(self, body: bytes) -> list[bytes]:
        """One line, unless a server streams whatever it is asked for."""
        return [chunk for line in body.splitlines() if line.strip() for chunk in self.event(b"", line)]

    def _message(self, message: _Message, logprobs: list[dict[str, Any]] | None) -> list[bytes]:
        chunks = [self.thought(message.thinking)] if message.thinking else []
        more: dict[str, Any] = {"logprobs": {"content": logprobs}} if logprobs else {}
        if message.content:
            chunks.append(self.text(message.content, 0, **more))
        for call in message.tool_calls or ():
            arguments = bytes(call.function.arguments).decode()
            chunks.append(self.call(call.id or "", call.function.name, arguments if arguments != "null" else "{}"))
        return chunks

    def _last(self, line: _Line) -> list[bytes]:
        reason = line.done_reason or "stop"
        ours = "length" if reason == "length" else "tool_calls" if self.calls() else "stop"
        chunks = [self.finish(ours, reason)]
        if line.eval_count or line.prompt_eval_count:
            chunks.append(self.usage(line.prompt_eval_count or 0, line.eval_count or 0))
        return chunks
