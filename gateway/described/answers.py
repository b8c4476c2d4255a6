"""Answers of the chat dialects as structs, for the document alone: the code that makes them writes dictionaries.

Sources: the API references of OpenAI, Anthropic, Ollama and Google (Gemini), November 2026. Only fields that this server
sends are named; a provider's own fields may stand beside them.
"""

from typing import Any, Literal

import msgspec

from schemas.chat import ChatUsage


class Answered(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of an answer."""


# ---- OpenAI ----------------------------------------------------------------------------------------------------------


class AnswerMessage(Answered, kw_only=True):
    role: Literal["assistant"] = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    """What the model thought, where its provider tells."""
    tool_calls: list[dict[str, Any]] = []


class CompletionChoice(Answered, kw_only=True):
    index: int = 0
    message: AnswerMessage
    finish_reason: str | None = None
    """stop, length, tool_calls or content_filter."""
    logprobs: dict[str, Any] | None = None


class ChatCompletion(Answered, kw_only=True):
    """A whole answer."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: ChatUsage | None = None


class Vector(Answered, kw_only=True):
    object: str = "embedding"
    index: int = 0
    embedding: list[float] | str
    """Numbers, or base64 of little-endian float32."""


class EmbeddingList(Answered, kw_only=True):
    object: str = "list"
    data: list[Vector]
    model: str
    usage: ChatUsage | None = None


class TextChoice(Answered, kw_only=True):
    index: int = 0
    text: str
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class TextCompletion(Answered, kw_only=True):
    id: str
    object: str = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: ChatUsage | None = None


class Response(Answered, kw_only=True):
    """A response, stored unless the request said `store: false`. Fields of the request are repeated in it."""

    id: str
    object: str = "response"
    created_at: int
    status: Literal["completed", "incomplete", "failed", "cancelled", "queued", "in_progress"]
    model: str
    output: list[dict[str, Any]]
    """Items: message, reasoning, function_call."""
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    incomplete_details: dict[str, Any] | None = None
    previous_response_id: str | None = None


class Modalities(Answered, kw_only=True):
    input_modalities: list[str]
    """`text`; `image`: it takes pictures."""
    output_modalities: list[str]


class OpenAiModel(Answered, kw_only=True):
    id: str
    object: str = "model"
    created: int
    owned_by: str
    """The queues that serve it."""
    operations: list[str]
    """What it can be asked for."""
    context_length: int = 0
    """Tokens that prompt and answer may take together. Of chat models, where it is known."""
    architecture: Modalities | None = None
    """Of chat models, where it is known."""


class OpenAiModels(Answered, kw_only=True):
    object: str = "list"
    data: list[OpenAiModel]


class Picture(Answered, kw_only=True):
    url: str = ""
    b64_json: str = ""
    revised_prompt: str = ""


class Pictures(Answered, kw_only=True):
    created: int
    data: list[Picture]
    background: str = ""
    output_format: str = ""
    quality: str = ""
    size: str = ""
    usage: dict[str, Any] | None = None


class Transcript(Answered, kw_only=True):
    """`json`: the text alone. `verbose_json`: all of it."""

    text: str
    task: str = ""
    language: str = ""
    duration: float = 0.0
    segments: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    usage: dict[str, Any] | None = None


# ---- Anthropic -------------------------------------------------------------------------------------------------------


class MessageUsage(Answered, kw_only=True):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


class Message(Answered, kw_only=True):
    id: str
    type: str = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[dict[str, Any]]
    """Blocks: text, thinking, tool_use."""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: MessageUsage


class TokenCount(Answered, kw_only=True):
    input_tokens: int


class AnthropicModel(Answered, kw_only=True):
    type: str = "model"
    id: str
    display_name: str
    created_at: str


class AnthropicModels(Answered, kw_only=True):
    data: list[AnthropicModel]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None


# ---- Ollama ----------------------------------------------------------------------------------------------------------


class Line(Answered, kw_only=True):
    """Times are nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class OllamaChat(Line, kw_only=True):
    message: dict[str, Any]


class OllamaText(Line, kw_only=True):
    response: str


class OllamaVectors(Answered, kw_only=True):
    model: str
    embeddings: list[list[float]]
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0


class OllamaVector(Answered, kw_only=True):
    embedding: list[float]


class OllamaModel(Answered, kw_only=True):
    name: str
    model: str
    modified_at: str
    size: int = 0
    digest: str
    details: dict[str, Any] = {}


class OllamaModels(Answered, kw_only=True):
    models: list[OllamaModel]


class OllamaShown(Answered, kw_only=True):
    capabilities: list[str]
    details: dict[str, Any]
    model_info: dict[str, Any]
    modified_at: str


class OllamaVersion(Answered, kw_only=True):
    version: str


# ---- Gemini ----------------------------------------------------------------------------------------------------------


class Candidate(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    content: dict[str, Any]
    index: int = 0
    finish_reason: str = ""


class Generated(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    candidates: list[Candidate]
    usage_metadata: dict[str, Any] = {}
    model_version: str = ""
    response_id: str = ""


class TotalTokens(msgspec.Struct, kw_only=True, rename="camel"):
    total_tokens: int


class Values(Answered, kw_only=True):
    values: list[float]


class Embedded(Answered, kw_only=True):
    embedding: Values


class EmbeddedAll(Answered, kw_only=True):
    embeddings: list[Values]


class GeminiModel(msgspec.Struct, kw_only=True, rename="camel"):
    name: str
    version: str
    display_name: str
    supported_generation_methods: list[str]


class GeminiModels(Answered, kw_only=True):
    models: list[GeminiModel]
