"""A streamed completion and a whole one are the same answer in two shapes; here they become each other. Pure.

`Assembler` joins what a stream tells in pieces (text, tool-call arguments, logprobs) and keeps the last word on what it
tells whole (ids, finish reasons, usage, signatures). Fields nobody foresaw survive: unknown text in a delta is
concatenated too, but in `extra_content` (Google's thought signatures), where nothing comes in pieces.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.chat import ChatUsage
from schemas.events import Usage

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_ONCE = frozenset({"role", "type", "id", "index", "name"})
"""Text fields of a delta that are said once and not in pieces."""


class Assembler:
    """`add` the chunks in order, then `result` is the whole `chat.completion` as JSON bytes."""

    __slots__ = ("_choices", "_top", "size")

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self.size = 0
        """Bytes of all chunks so far: a bound for the caller to watch."""

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        parsed: dict[str, Any] = _decode(chunk)
        for choice in parsed.pop("choices", None) or ():
            self._add_choice(choice)
        for name, value in parsed.items():
            if value is not None and value != "":
                self._top[name] = value

    def result(self) -> bytes:
        top = {"id": "", **self._top, "object": "chat.completion"}
        top["choices"] = [_whole(index, choice) for index, choice in sorted(self._choices.items())]
        return _encode(top)

    def _add_choice(self, choice: dict[str, Any]) -> None:
        mine = self._choices.setdefault(choice.get("index") or 0, {"message": {}, "tools": {}, "thoughts": {}})
        for name, value in (choice.get("delta") or {}).items():
            if name == "tool_calls":
                _add_tool_calls(mine["tools"], value or ())
            elif name == "thinking_blocks":
                _add_thoughts(mine["thoughts"], value or ())
            else:
                _merge(mine["message"], name, value)
        for name, value in choice.items():
            if name == "logprobs":
                _merge(mine, name, value)
            elif name not in ("index", "delta") and value is not None:
                mine[name] = value


def assemble(chunks: Iterable[bytes]) -> bytes:
    """The whole completion that these chunks tell, as JSON bytes."""
    assembler = Assembler()
    for chunk in chunks:
        assembler.add(chunk)
    return assembler.result()


def disassemble(completion: bytes) -> list[bytes]:
    """The chunks of a stream that tells this completion: one with the content, one with the usage if it is known."""
    parsed: dict[str, Any] = _decode(completion)
    usage = parsed.pop("usage", None)
    choices = []
    for place, choice in enumerate(parsed.get("choices") or ()):
        delta = dict(choice.get("message") or {})
        if delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": i, **call} for i, call in enumerate(delta["tool_calls"])]
        if delta.get("thinking_blocks"):
            delta["thinking_blocks"] = [{"index": i, **block} for i, block in enumerate(delta["thinking_blocks"])]
        rest = {name: value for name, value in choice.items() if name != "message"}
        choices.append({"index": place, **rest, "delta": delta})
    top = {**parsed, "object": "chat.completion.chunk", "choices": choices}
    chunks = [_encode(top)]
    if usage:
        chunks.append(_encode({**top, "choices": [], "usage": usage}))
    return chunks


def usage_of(usage: ChatUsage) -> Usage:
    """OpenAI's count in our words."""
    asked, answered = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        tokens_in=usage.prompt_tokens or 0,
        tokens_out=usage.completion_tokens or 0,
        tokens_cached=(asked.cached_tokens or 0) if asked else 0,
        tokens_reasoning=(answered.reasoning_tokens or 0) if answered else 0,
        tokens_written=(asked.cache_creation_tokens or 0) if asked else 0,
    )


def _whole(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, **_joined(choice["message"])}
    if choice["tools"]:
        message["tool_calls"] = [_joined(call) for _, call in sorted(choice["tools"].items())]
    if choice["thoughts"]:
        message["thinking_blocks"] = [_joined(block) for _, block in sorted(choice["thoughts"].items())]
    rest = {name: _joined(value) for name, value in choice.items() if name not in ("message", "tools", "thoughts")}
    return {"index": index, "finish_reason": None, **rest, "message": message}


def _add_tool_calls(calls: dict[int, dict[str, Any]], deltas: Iterable[dict[str, Any]]) -> None:
    for delta in deltas:
        call = calls.setdefault(_place(calls, delta), {"type": "function"})
        for name, value in delta.items():
            if name != "index":
                _merge(call, name, value)


def _add_thoughts(blocks: dict[int, dict[str, Any]], pieces: Iterable[dict[str, Any]]) -> None:
    """Thinking comes in pieces of a block; a signature ends the block. Each piece says by `index` where it belongs."""
    for piece in pieces:
        place = piece.get("index")
        if not isinstance(place, int):
            last = blocks.get(max(blocks, default=0), {})
            goes_on = last.get("type") == piece.get("type") == "thinking" and not last.get("signature")
            place = max(blocks, default=-1) + (0 if goes_on else 1)
        block = blocks.setdefault(place, {})
        for name, value in piece.items():
            if name == "thinking":
                _merge(block, name, value)
            elif name != "index":
                _keep(block, name, value)


def _place(calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> int:
    """Which call a delta goes on with. Some servers (Gemini's OpenAI mode) send no index, but each call whole."""
    if isinstance(index := delta.get("index"), int):
        return index
    begins = delta.get("id") or (delta.get("function") or {}).get("name")
    return len(calls) if begins or not calls else max(calls)


class _Text(list[str]):
    """Text that is still growing: joined once at the end."""


def _merge(into: dict[str, Any], name: str, value: Any) -> None:
    """Add one field of a delta to what came before it."""
    if value is None:
        into.setdefault(name, None)
    elif name == "extra_content":
        _keep(into, name, value)
    elif isinstance(value, str):
        _merge_text(into, name, value)
    elif isinstance(value, list):
        if type(grown := into.get(name)) is list:
            grown.extend(value)
        else:
            into[name] = list(value)
    elif isinstance(value, dict):
        inner = into.get(name)
        if not isinstance(inner, dict):
            inner = into[name] = {}
        for key, item in value.items():
            _merge(inner, key, item)
    else:
        into[name] = value


def _keep(into: dict[str, Any], name: str, value: Any) -> None:
    """Add what is told whole, perhaps more than once: the last word that says anything holds."""
    known = into.get(name)
    if isinstance(value, dict) and isinstance(known, dict):
        for key, item in value.items():
            _keep(known, key, item)
    elif value or not known:
        into[name] = value


def _merge_text(into: dict[str, Any], name: str, value: str) -> None:
    grown = into.get(name)
    if name in _ONCE:
        if value or not grown:
            into[name] = value
    elif isinstance(grown, _Text):
        grown.append(value)
    else:
        into[name] = _Text([value])


def _joined(value: Any) -> Any:
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _joined(item) for name, item in value.items()}
    return value
