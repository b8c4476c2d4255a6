"""The dialects' routes: for each door what it takes and gives, with an example of both. Media doors are in `openapi_media`.

What a newcomer would get wrong: what a door reads is the struct that its dialect decodes, so a new field there is in the
document at once; only answers are written down a second time (`answers`).
"""

from dataclasses import dataclass
from typing import Any

from gateway.described import answers, examples
from gateway.described.parts import (
    ACCEPTED,
    GOOGLE,
    JOB_HEADERS,
    STYLE_PARAMETERS,
    STYLES,
    answer,
    errors,
    json,
    parameters,
    stream,
)
from gateway.described.shapes import Schema, Shapes
from gateway.dialects import anthropic, completions, gemini, gemini_embed, ollama, responses
from gateway.dialects._dialect import Door
from gateway.dialects.doors import DOORS, VERBS
from schemas.chat import ChatRequest
from schemas.embeddings import EmbeddingsRequest

SSE, NDJSON = "text/event-stream", "application/x-ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One door's two ends. `group`: of its types, and of its error (`OpenAi` where the group is empty)."""

    asked: type
    given: type
    summary: str
    group: str = ""
    stream: str = ""
    """Media type of its streams; empty: it has none."""
    needed: tuple[str, ...] = ()
    """Fields that are checked beyond their struct."""
    styles: bool = True
    """May be queued and called back."""


_CHAT = Wire(asked=ChatRequest, given=answers.ChatCompletion, summary="Chat", stream=SSE)
_VECTORS = Wire(asked=EmbeddingsRequest, given=answers.EmbeddingList, summary="Embeddings")
WIRES: dict[str, Wire] = {
    "/v1/chat/completions": _CHAT,
    "/v1/embeddings": _VECTORS,
    "/v1/completions": Wire(
        asked=completions.Completions, given=answers.TextCompletion, summary="A text after a prompt", group="OpenAi.",
        stream=SSE,
    ),
    "/v1/responses": Wire(
        asked=responses.Asked, given=answers.Response, summary="A response", group="OpenAi.", stream=SSE
    ),
    "/v1/messages": Wire(
        asked=anthropic.Messages, given=answers.Message, summary="A message", group="Anthropic.", stream=SSE,
        needed=("max_tokens",),
    ),
    "/v1/messages/count_tokens": Wire(
        asked=anthropic.Messages, given=answers.TokenCount, summary="How many tokens a message has, as a guess",
        group="Anthropic.", styles=False,
    ),
    "/api/chat": Wire(asked=ollama.Chat, given=answers.OllamaChat, summary="Chat", group="Ollama.", stream=NDJSON),
    "/api/generate": Wire(
        asked=ollama.Generate, given=answers.OllamaText, summary="A text after a prompt", group="Ollama.", stream=NDJSON
    ),
    "/api/embed": Wire(asked=ollama.Embed, given=answers.OllamaVectors, summary="Embeddings", group="Ollama."),
    "/api/embeddings": Wire(
        asked=ollama.Embeddings, given=answers.OllamaVector, summary="One embedding, the older wire", group="Ollama."
    ),
    "generateContent": Wire(asked=gemini.Generate, given=answers.Generated, summary="Chat", group="Gemini."),
    "streamGenerateContent": Wire(
        asked=gemini.Generate, given=answers.Generated, summary="Chat, streamed", group="Gemini.", stream=SSE
    ),
    "countTokens": Wire(
        asked=gemini.Counting, given=answers.TotalTokens, summary="How many tokens it has, as a guess", group="Gemini.",
        styles=False,
    ),
    "embedContent": Wire(asked=gemini_embed.Embed, given=answers.Embedded, summary="An embedding", group="Gemini."),
    "batchEmbedContents": Wire(
        asked=gemini_embed.Batch, given=answers.EmbeddedAll, summary="Several embeddings", group="Gemini."
    ),
}  # fmt: skip
"""By path; Gemini's by verb."""
_TAGS = {"": "OpenAI", "OpenAi.": "OpenAI", "Anthropic.": "Anthropic", "Ollama.": "Ollama", "Gemini.": "Gemini"}
_MODEL = {
    "name": "model", "in": "path", "required": True, "schema": {"type": "string"}, "example": examples.MODEL,
    "description": "May hold slashes.",
}  # fmt: skip


def door_paths(shapes: Shapes) -> Schema:
    """All dialects' paths, Gemini's too. A door without a wire here has none: the tests find it."""
    found: Schema = {}
    for path, door in DOORS.items():
        if door.media is None and path in WIRES:
            found[path] = {"post": _operation(shapes, path, door, path.strip("/"))}
    for verb, door in VERBS.items():
        for root in ("v1beta", "v1"):
            operation = _operation(shapes, verb, door, f"{root} {verb}")
            operation["parameters"] = [_MODEL, *_gemini_more(verb), *operation.get("parameters", [])]
            found[f"/{root}/models/{{model}}:{verb}"] = {"post": {**operation, "security": GOOGLE}}
    return found


def _operation(shapes: Shapes, name: str, door: Door, words: str) -> Schema:
    wire = WIRES[name]
    asked, given = shapes.of(wire.asked, wire.group), shapes.of(wire.given, _answer_group(wire))
    if wire.needed:
        shapes.need(wire.group + wire.asked.__name__, *wire.needed)
    content = json(given, examples.ANSWERS[name])
    if wire.stream:
        content |= stream(wire.stream, examples.STREAMS[name])
    operation: Schema = {
        "operationId": "_".join(words.replace("/", " ").split()),
        "summary": f"{_TAGS[wire.group]}: {wire.summary[0].lower()}{wire.summary[1:]}",
        "tags": [_TAGS[wire.group]],
        "requestBody": {"required": True, "content": json(asked, examples.ASKED[name])},
    }
    if wire.styles:
        operation |= {"description": STYLES, "parameters": parameters(*STYLE_PARAMETERS, "Cache")}
    text = "The whole answer" + ("; a stream where `stream` asks for one" if wire.stream else "")
    answered: Any = {"200": answer(text, content, *JOB_HEADERS, *(("Cache",) if wire.styles else ()))}
    return {**operation, "responses": {**answered, **(ACCEPTED if wire.styles else {}), **errors(_dialect(wire))}}


def _answer_group(wire: Wire) -> str:
    return wire.group or "OpenAi."


def _dialect(wire: Wire) -> str:
    return _answer_group(wire).rstrip(".")


def _gemini_more(verb: str) -> list[Schema]:
    if verb != "streamGenerateContent":
        return []
    text = "`sse`: server-sent events; without it one growing JSON array."
    return [{"name": "alt", "in": "query", "description": text, "schema": {"enum": ["sse", "json"]}, "example": "sse"}]
