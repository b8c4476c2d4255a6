"""Chat: the request and the pieces of the answer, in OpenAI's `chat/completions` shape.

Source: the OpenAI API reference, "Create chat completion" and "The chat completion chunk object". These structs name
only the fields that we check or read: the bytes the caller sent travel on, so a field that we do not know reaches a
provider that does.
"""

from typing import Annotated, Any, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class Message(msgspec.Struct, frozen=True):
    """One turn. `content` is text, a list of parts, or null (an assistant turn with tool calls)."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class ChatRequest(msgspec.Struct, frozen=True):
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    user: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None
    reply_to: Annotated[str, msgspec.Meta(max_length=4000)] | None = msgspec.field(name="replyTo", default=None)
    """Ours: the web callback's URL. Taken out before the request goes to a provider."""
    ref_id: Annotated[str, msgspec.Meta(max_length=200)] | None = msgspec.field(name="refId", default=None)
    tag: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    provider: str | list[str] | dict[str, Any] | None = None
    """Ours when it is a name or a list of names: who may serve it. An object is OpenRouter's and travels on."""


OURS = ("replyTo", "refId", "tag", "native")
"""Fields of a chat body that are for us and not for the provider.

`native` holds what a caller of another dialect said that has no place here, by the dialect's name: `{"anthropic": {…}}`.
Only the agent that speaks this dialect reads it."""


class TokenDetails(msgspec.Struct, frozen=True):
    cached_tokens: int | None = 0
    reasoning_tokens: int | None = 0
    cache_creation_tokens: int | None = 0
    """Ours: what Anthropic wrote to its cache."""


class ChatUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    total_tokens: int | None = 0
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None


class ToolCallDelta(msgspec.Struct, frozen=True):
    index: int = 0
    id: str | None = None
    type: str | None = None
    function: dict[str, Any] | None = None


class ChoiceDelta(msgspec.Struct, frozen=True):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChunkChoice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: ChoiceDelta | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatChunk(msgspec.Struct, frozen=True):
    """One piece of a stream. `error` is how several servers report a failure inside a 200 stream."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[ChunkChoice] = []
    usage: ChatUsage | None = None
    error: Any = None
    system_fingerprint: str | None = None


class ReplyMessage(msgspec.Struct, frozen=True):
    role: str | None = "assistant"
    content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class ReplyChoice(msgspec.Struct, frozen=True):
    message: ReplyMessage
    index: int = 0
    finish_reason: str | None = None


class ChatReply(msgspec.Struct, frozen=True):
    """A whole completion: the fields we check. A reply without `choices` is not a completion."""

    choices: list[ReplyChoice]
    model: str | None = None
    usage: ChatUsage | None = None
