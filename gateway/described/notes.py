"""A note for each ordinary route: what Litestar can't tell from its handler. By method and path.

A route without a note here is no error of the server's, but of the tests: they want one for each.
"""

from dataclasses import dataclass, field
from typing import Any

from gateway.described import answers, house
from gateway.described.examples import MODEL
from gateway.described.parts import (
    ACCEPTED,
    ANYBODY,
    GOOGLE,
    JOB_HEADERS,
    STYLE_PARAMETERS,
    answer,
    binary,
    header,
    parameters,
)
from gateway.described.shapes import Schema
from schemas.job import JobView
from schemas.media import MediaResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One operation."""

    body: Any = None
    """A type; sent as JSON."""
    content: Schema | None = None
    """The body's content where it is no JSON of a type."""
    asked: Any = None
    """An example of the body."""
    optional: bool = False
    """The body may be left out."""
    given: Any = None
    """The answer's type, or its content; None: nothing comes back."""
    shown: Any = None
    """An example of the answer."""
    group: str = ""
    """Prefix of the types."""
    more: dict[str, Schema] = field(default_factory=dict)
    """Other answers by status."""
    heads: tuple[str, ...] = ()
    """Headers of the answer."""
    parameters: tuple[Schema, ...] = ()
    """More of them than the handler has."""
    values: dict[str, Any] = field(default_factory=dict)
    """Examples of the handler's own parameters."""
    dialect: str = "OpenAi"
    """Whose errors it tells."""
    security: list[Schema] | None = None
    """None: a key is wanted."""


_JOB = {
    "id": 123, "status": "done", "op": "chat", "model": MODEL, "style": "queued", "created": 1763900000.0,
    "deadline": 1763986400.0, "provider": "box", "usage": {"tokens_in": 12, "tokens_out": 9}, "result": {},
}  # fmt: skip
_LAST = header("Last-Event-ID", "Id of the last event that was heard: what comes after it is told.", "0")
_EVENTS = 'id: 7\nevent: progress\ndata: {"type":"progress","share":0.4,"stage":"sampling"}\n\n'
_STREAM = {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS}}
_RESPONSE = {
    "id": "resp_123", "object": "response", "created_at": 1763900000, "status": "completed", "model": MODEL, "output": [],
}  # fmt: skip
_MODEL = {
    "id": MODEL, "object": "model", "created": 1767225600, "owned_by": "local", "operations": ["chat"], "context_length": 8192,
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
}  # fmt: skip
_OLLAMA = {
    "name": MODEL,
    "model": MODEL,
    "modified_at": "2026-01-01T00:00:00Z",
    "size": 0,
    "digest": "00",
    "details": {},
}
_GEMINI = {
    "name": f"models/{MODEL}", "version": "1", "displayName": MODEL, "supportedGenerationMethods": ["generateContent"],
}  # fmt: skip
_ANY_MODELS = answers.OpenAiModels | answers.AnthropicModels | answers.GeminiModels
_ANY_MODEL = answers.OpenAiModel | answers.AnthropicModel | answers.GeminiModel
_CLIENT = (
    header("anthropic-version", "Of an Anthropic client: the list is told in its words."),
    header("x-goog-api-key", "Of a Google client: the list is told in its words."),
)
_NO_JOB = {
    "409": answer("It is not done", {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAiError"}}})
}

_TYPES = tuple(
    {"name": name, "in": "query", "schema": {"type": "string"}, "description": text}
    for name, text in (
        ("IncludeTypes", "Names with commas between: these and what they are made of."),
        ("ExcludeTypes", "Names with commas between."),
    )
)
HOUSE: dict[tuple[str, str], Note] = {
    ("get", "/"): Note(given=house.Home, security=ANYBODY),
    ("get", "/up"): Note(given=house.Up, shown={"status": "ok", "version": "1", "bus": True}, security=ANYBODY),
    ("get", "/metrics"): Note(
        given={"text/plain": {"schema": {"type": "string"}}, "application/openmetrics-text": {"schema": {"type": "string"}}}
    ),
    ("get", "/openapi.json"): Note(given={"application/json": {"schema": {"type": "object"}}}, security=ANYBODY),
    ("get", "/openapi.yaml"): Note(given={"application/yaml": {"schema": {}}}, security=ANYBODY),
    ("get", "/asyncapi.json"): Note(given={"application/json": {"schema": {"type": "object"}}}, security=ANYBODY),
    ("get", "/explorer"): Note(given={"text/html": {"schema": {"type": "string"}}}, security=ANYBODY),
    ("get", "/explorer/{name}"): Note(
        given={"text/javascript": {"schema": {"type": "string"}}, "text/css": {"schema": {"type": "string"}}},
        values={"name": "explorer.js"}, security=ANYBODY,
    ),
    ("get", "/types"): Note(
        given={"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}},
        security=ANYBODY,
    ),
    ("get", "/types/metadata"): Note(
        given={"application/json": {"schema": {"type": "object"}}}, parameters=_TYPES, security=ANYBODY
    ),
    ("get", "/types/{language}"): Note(
        given={"text/plain": {"schema": {"type": "string"}}}, values={"language": "typescript"}, parameters=_TYPES,
        security=ANYBODY,
    ),
    ("get", "/v1/models"): Note(
        given=_ANY_MODELS, group="List.", shown={"object": "list", "data": [_MODEL]}, parameters=_CLIENT, dialect="Any"
    ),
    ("get", "/v1/models/{name}"): Note(
        given=_ANY_MODEL, group="List.", shown=_MODEL, parameters=_CLIENT, dialect="Any", values={"name": MODEL}
    ),
    ("get", "/v1beta/models"): Note(
        given=answers.GeminiModels, group="List.", shown={"models": [_GEMINI]}, dialect="Gemini", security=GOOGLE
    ),
    ("get", "/v1beta/models/{name}"): Note(
        given=answers.GeminiModel, group="List.", shown=_GEMINI, dialect="Gemini", values={"name": MODEL}, security=GOOGLE
    ),
    ("get", "/jobs/{job}"): Note(given=JobView, shown=_JOB, values={"job": "123", "wait": "30"}),
    ("delete", "/jobs/{job}"): Note(given=JobView, shown={**_JOB, "status": "cancelled"}, values={"job": "123"}),
    ("get", "/jobs/{job}/result"): Note(
        given={"application/json": {"schema": {}}, **binary("*/*")}, more=_NO_JOB, heads=("JobId",), values={"job": "123"},
        parameters=tuple(parameters("Raw")),
    ),
    ("get", "/jobs/{job}/events"): Note(
        given=_STREAM, heads=("JobId",), parameters=(_LAST,), values={"job": "123", "after": "0"}
    ),
    ("get", "/v1/responses/{name}"): Note(
        given=answers.Response, group="OpenAi.", shown=_RESPONSE, values={"name": "resp_123"}
    ),
    ("delete", "/v1/responses/{name}"): Note(
        given=house.Gone, shown={"id": "resp_123", "object": "response", "deleted": True}, values={"name": "resp_123"}
    ),
    ("post", "/v1/responses/{name}/cancel"): Note(
        given=answers.Response, group="OpenAi.", shown=_RESPONSE, values={"name": "resp_123"}
    ),
    ("get", "/api/version"): Note(
        given=answers.OllamaVersion, group="Ollama.", shown={"version": "0.13.0"}, dialect="Ollama", security=ANYBODY
    ),
    ("get", "/api/tags"): Note(given=answers.OllamaModels, group="Ollama.", shown={"models": [_OLLAMA]}, dialect="Ollama"),
    ("get", "/api/ps"): Note(given=answers.OllamaModels, group="Ollama.", shown={"models": [_OLLAMA]}, dialect="Ollama"),
    ("post", "/api/show"): Note(
        content={"application/json": {"schema": {"type": "object", "properties": {"model": {"type": "string"}}}}},
        asked={"model": MODEL}, given=answers.OllamaShown, group="Ollama.", dialect="Ollama",
    ),
    ("get", "/workflows"): Note(
        given=house.WorkflowList, shown={"data": [{"name": "text_to_image", "source": "built-in", "size": 1800}]}
    ),
    ("put", "/workflows/{name}"): Note(
        content={"application/json": {"schema": {"type": "object"}}},
        asked={"1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}},
        given=house.WorkflowEntry, values={"name": "mine"},
    ),
    ("get", "/workflows/{name}"): Note(
        given={"application/json": {"schema": {"type": "object"}}}, values={"name": "text_to_image"}
    ),
    ("delete", "/workflows/{name}"): Note(
        given=house.NameDeleted, shown={"name": "mine", "deleted": True}, values={"name": "mine"}
    ),
    ("get", "/workflows/{name}/inputs"): Note(
        given=house.WorkflowInputs, values={"name": "text_to_image"},
        shown={"name": "text_to_image", "inputs": [{"name": "seed", "type": "int", "default": 0}]},
    ),
    ("post", "/workflows/{name}"): Note(
        content={
            "application/json": {"schema": {"type": "object"}},
            "multipart/form-data": {"schema": {"type": "object"}},
        },
        asked={"arguments": {"positivePrompt": "a red bicycle"}}, values={"name": "text_to_image"},
        given=MediaResult, shown={"artifacts": [{"id": "file-7", "url": "/artifacts/2026/11/23/4f/9a.png"}], "duration": 1.2},
        more=ACCEPTED, heads=JOB_HEADERS, parameters=tuple(parameters(*STYLE_PARAMETERS, "Raw")),
    ),
}  # fmt: skip
