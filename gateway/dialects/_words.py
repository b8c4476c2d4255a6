"""The canonical answer, whole or in pieces, as the dialects read it; and what several of them need to retell it.

One struct serves `chat.completion` and `chat.completion.chunk`: they differ in `message` and `delta` alone. What a newcomer
would get wrong: thinking comes as `thinking_blocks` (with Anthropic's signatures) or as bare text, or as both at once, and
then the text is the same text twice.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.events import Usage

encode = msgspec.json.Encoder().encode
decode_any = msgspec.json.Decoder().decode
fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


NOTHING = msgspec.Raw(b"null")
"""A field of raw JSON that was not sent. msgspec has no `Raw | None`: it would take nothing but null."""


def given(raw: msgspec.Raw) -> bool:
    """Whether a field of raw JSON says anything."""
    return bytes(raw) != b"null"


class Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: dict[str, Any] | None = None
    """Google's place for the thought signature of a call."""

    @property
    def name(self) -> str:
        return (self.function.name or "") if self.function else ""

    @property
    def arguments(self) -> str:
        """As text; a server that sends an object is put right."""
        said = self.function.arguments if self.function else None
        return said if isinstance(said, str) else "" if said is None else encode(said).decode()


class Piece(msgspec.Struct):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    """The same by another name (OpenRouter, Groq, newer vLLM)."""
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    thinking_blocks: list[dict[str, Any]] | None = None
    extra_content: dict[str, Any] | None = None

    @property
    def thought(self) -> str:
        return self.reasoning_content or (self.reasoning if isinstance(self.reasoning, str) else "")


class Choice(msgspec.Struct):
    index: int = 0
    delta: Piece | None = None
    message: Piece | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    stop_sequence: str | None = None
    logprobs: dict[str, Any] | None = None

    @property
    def piece(self) -> Piece:
        return self.delta or self.message or Piece()


class InDetails(msgspec.Struct):
    cached_tokens: int | None = 0
    cache_creation_tokens: int | None = 0


class OutDetails(msgspec.Struct):
    reasoning_tokens: int | None = 0


class Counted(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: InDetails | None = None
    completion_tokens_details: OutDetails | None = None


class Answer(msgspec.Struct):
    """A completion or a chunk of one."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[Choice] = []
    usage: Counted | None = None


read_answer = msgspec.json.Decoder(Answer).decode


class Count(msgspec.Struct, frozen=True):
    """Tokens of one answer. `asked` includes what was cached, `answered` includes the reasoning, as OpenAI counts."""

    asked: int = 0
    answered: int = 0
    cached: int = 0
    created: int = 0
    """Written to the provider's cache."""
    reasoning: int = 0


def count_of(told: Counted | None, known: Usage) -> Count:
    """What the answer itself tells, else what the agent counted or guessed."""
    if told is None or not (told.prompt_tokens or told.completion_tokens):
        return Count(known.tokens_in, known.tokens_out, known.tokens_cached, 0, known.tokens_reasoning)
    asked, answered = told.prompt_tokens_details or InDetails(), told.completion_tokens_details or OutDetails()
    return Count(
        told.prompt_tokens or 0,
        told.completion_tokens or 0,
        asked.cached_tokens or 0,
        asked.cache_creation_tokens or 0,
        answered.reasoning_tokens or 0,
    )


def thinking_of(message: Piece) -> list[dict[str, Any]]:
    """The thinking blocks of a whole message, put together from pieces; bare reasoning text is one unsigned block."""
    blocks = joined(message.thinking_blocks or ())
    thought = message.thought
    if thought and not any(block.get("thinking") for block in blocks):
        first = next((block for block in blocks if block.get("type") == "thinking"), None)
        if first is None:
            return [{"type": "thinking", "thinking": thought}, *blocks]
        first["thinking"] = thought
    return blocks


def joined(blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pieces of thinking as whole blocks: one signature or another `index` ends a block, a redacted one stands alone."""
    whole: list[dict[str, Any]] = []
    growing: Any = None
    for block in blocks:
        if block.get("type") != "thinking":
            whole.append({name: value for name, value in block.items() if name != "index"})
            growing = None
            continue
        if growing is not None and growing[0] == block.get("index"):
            whole[-1]["thinking"] += block.get("thinking") or ""
        else:
            whole.append({"type": "thinking", "thinking": block.get("thinking") or ""})
        if block.get("signature"):
            whole[-1]["signature"] = block["signature"]
        growing = None if block.get("signature") else (block.get("index"),)
    return whole


class Calls:
    """Tool calls of one choice, put together from a stream's pieces. Pieces of several calls may come in any order."""

    __slots__ = ("made", "pieces")

    def __init__(self) -> None:
        self.made: dict[int, ToolCall] = {}
        self.pieces: dict[int, list[str]] = {}
        """The arguments as they came; joined once, for they may be long."""

    def add(self, delta: ToolCall) -> tuple[int, bool]:
        """Take one piece. Returns the call's place and whether it is new."""
        place = self._place(delta)
        piece = delta.arguments
        call = self.made.get(place)
        if call is None:
            self.made[place] = ToolCall(place, delta.id, Function(delta.name), delta.extra_content)
            self.pieces[place] = [piece] if piece else []
            return place, True
        assert call.function is not None
        call.function.name = call.function.name or delta.name
        call.id = call.id or delta.id
        call.extra_content = call.extra_content or delta.extra_content
        if piece:
            self.pieces[place].append(piece)
        return place, False

    def arguments(self, place: int) -> str:
        return "".join(self.pieces[place])

    def whole(self) -> list[ToolCall]:
        """The calls in their order, with their arguments."""
        return [
            ToolCall(place, call.id, Function(call.name, self.arguments(place)), call.extra_content)
            for place, call in sorted(self.made.items())
        ]

    def _place(self, delta: ToolCall) -> int:
        """Some servers send no index, but each call whole."""
        if delta.index is not None:
            return delta.index
        begins = bool(delta.id or delta.name)
        return len(self.made) if begins or not self.made else max(self.made)


def pieces_of(completion: bytes) -> list[bytes]:
    """A whole completion as the chunks of a stream that would have told it."""
    whole: dict[str, Any] = decode_any(completion)
    usage = whole.pop("usage", None)
    choices = []
    for choice in whole.get("choices") or ():
        delta = dict(choice.pop("message", None) or {})
        calls = delta.get("tool_calls") or ()
        if calls:
            delta["tool_calls"] = [{"index": place, **call} for place, call in enumerate(calls)]
        choices.append({**choice, "delta": delta})
    chunks = [encode({**whole, "choices": choices})]
    return [*chunks, encode({**whole, "choices": [], "usage": usage})] if usage else chunks


def arguments_object(arguments: str) -> msgspec.Raw:
    """A call's arguments for a dialect that wants an object, byte for byte; what is no object becomes `{}`."""
    try:
        if isinstance(decode_any(arguments), dict):
            return msgspec.Raw(arguments.encode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return msgspec.Raw(b"{}")


def sse(name: str, data: Any) -> bytes:
    """One named server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode(data))
