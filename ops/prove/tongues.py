"""What the scripted provider says, in each of the four dialects that agents speak: whole, in pieces, and as a refusal.

As little as a real provider's answer can be and still be one. `counted=False` leaves the usage out.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

TOP: dict[str, Any] = {"id": "call-1", "created": 1764000000, "model": "scripted"}
ASKED = 7
"""Tokens that each prompt is said to have."""


class Tongue(NamedTuple):
    """One provider's wire."""

    stream_type: str
    whole: Callable[[str, int, bool], dict[str, Any]]
    """The answer in one piece: text, tokens, counted."""
    begin: Callable[[], list[bytes]]
    """What comes before the first word of a stream."""
    word: Callable[[str], bytes]
    end: Callable[[int, bool], list[bytes]]
    """What comes behind the last: tokens, counted."""
    error: Callable[[int, str], dict[str, Any]]
    torn: bytes
    """A piece that no parser can take."""


def _event(data: Any, name: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"


# ---- OpenAI


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({**TOP, "object": "chat.completion.chunk", "choices": [choice]})


def _openai_usage(tokens: int, counted: bool) -> dict[str, Any]:
    usage = {"prompt_tokens": ASKED, "completion_tokens": tokens, "total_tokens": ASKED + tokens}
    return {"usage": usage} if counted else {}


def _openai_whole(text: str, tokens: int, counted: bool) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {**TOP, "object": "chat.completion", "choices": [choice], **_openai_usage(tokens, counted)}


def _openai_end(tokens: int, counted: bool) -> list[bytes]:
    last = {**TOP, "object": "chat.completion.chunk", "choices": [], **_openai_usage(tokens, counted)}
    return [_chunk({}, "stop"), *([_event(last)] if counted else []), _event("[DONE]")]


def _openai_error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": str(status)}}


OPENAI = Tongue(
    "text/event-stream",
    _openai_whole,
    lambda: [_chunk({"role": "assistant", "content": ""})],
    lambda text: _chunk({"content": text}),
    _openai_end,
    _openai_error,
    b'data: {"id": "call-1", "choices": [{"index": 0, "delta": {"con\n\n',
)

# ---- Anthropic


def _say(kind: str, **more: Any) -> bytes:
    return _event({"type": kind, **more}, kind)


def _message(content: list[Any], stop: str | None, usage: dict[str, int]) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": content}
    return {**head, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def _anthropic_whole(text: str, tokens: int, counted: bool) -> dict[str, Any]:
    usage = {"input_tokens": ASKED, "output_tokens": tokens} if counted else {}
    return _message([{"type": "text", "text": text}] if text else [], "end_turn", usage)


def _anthropic_begin() -> list[bytes]:
    start = _message([], None, {"input_tokens": ASKED, "output_tokens": 1})
    block = {"type": "text", "text": ""}
    return [_say("message_start", message=start), _say("content_block_start", index=0, content_block=block)]


def _anthropic_end(tokens: int, counted: bool) -> list[bytes]:
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    last = _say("message_delta", delta=delta, usage={"output_tokens": tokens} if counted else {})
    return [_say("content_block_stop", index=0), last, _say("message_stop")]


def _anthropic_error(status: int, message: str) -> dict[str, Any]:
    kinds = {401: "authentication_error", 429: "rate_limit_error", 404: "not_found_error"}
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}


ANTHROPIC = Tongue(
    "text/event-stream",
    _anthropic_whole,
    _anthropic_begin,
    lambda text: _say("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
    _anthropic_end,
    _anthropic_error,
    b'event: content_block_delta\ndata: {"type": "content_bl\n\n',
)

# ---- Gemini


def _candidate(
    parts: Sequence[dict[str, Any]], finish: str = "", usage: dict[str, int] | None = None
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "scripted", **({"usageMetadata": usage} if usage else {})}


def _gemini_usage(tokens: int, counted: bool) -> dict[str, int] | None:
    told = {"promptTokenCount": ASKED, "candidatesTokenCount": tokens, "totalTokenCount": ASKED + tokens}
    return told if counted else None


def _gemini_error(status: int, message: str) -> dict[str, Any]:
    names = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
    return {"error": {"code": status, "message": message, "status": names.get(status, "INTERNAL")}}


GEMINI = Tongue(
    "text/event-stream",
    lambda text, tokens, counted: _candidate([{"text": text}], "STOP", _gemini_usage(tokens, counted)),
    list,
    lambda text: _event(_candidate([{"text": text}])),
    lambda tokens, counted: [_event(_candidate([], "STOP", _gemini_usage(tokens, counted)))],
    _gemini_error,
    b'data: {"candidates": [{"content\r\n\r\n',
)

# ---- Ollama


def _said(text: str, **more: Any) -> dict[str, Any]:
    head = {
        "model": "scripted",
        "created_at": "2026-11-23T00:00:00Z",
        "message": {"role": "assistant", "content": text},
    }
    return {**head, "done": False, **more}


def _ollama_last(text: str, tokens: int, counted: bool) -> dict[str, Any]:
    count = {"prompt_eval_count": ASKED, "eval_count": tokens} if counted else {}
    return _said(text, done=True, done_reason="stop", **count)


OLLAMA = Tongue(
    "application/x-ndjson",
    _ollama_last,
    list,
    lambda text: _line(_said(text)),
    lambda tokens, counted: [_line(_ollama_last("", tokens, counted))],
    lambda status, message: {"error": message},
    b'{"model": "scripted", "mess\n',
)


def tongue_at(path: str) -> Tongue:
    """Which dialect a provider speaks at this path."""
    if path.endswith("/messages"):
        return ANTHROPIC
    if path.startswith("/api/"):
        return OLLAMA
    return GEMINI if "/v1beta/" in path else OPENAI
