"""The media routes in `/openapi`: each takes JSON, where a file is text, and a form, where it is a part. Pure.

What a newcomer would get wrong: `FileRef` is in the structs, but it is ours; a caller writes text, and so the page must say.
"""

from typing import Any

from gateway.described.answers import Pictures, Transcript
from gateway.described.parts import (
    ACCEPTED,
    JOB_HEADERS,
    STYLE_PARAMETERS,
    STYLES,
    answer,
    binary,
    errors,
    json,
    parameters,
    stream,
)
from gateway.described.samples import PICTURE
from gateway.described.shapes import Schema, Shapes
from gateway.described.values import value_of
from gateway.dialects._dialect import Door
from gateway.dialects.doors import DOORS
from gateway.spelling import Words
from schemas.media import MediaResult
from schemas.operations import OPERATIONS, Operation

_REF = "#/components/schemas/"
_FILE = {
    "type": "string",
    "description": "`file-…`, `/artifacts/…`, an http(s) URL, a data: URL; or the part of a form with this name",
}
_PART = {"type": "string", "format": "binary"}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "image_upscale": {"scale": 2.0},
    "convert_image": {"output_format": "webp"},
    "convert_video": {"output_format": "mp4"},
    "convert_audio": {"output_format": "wav"},
    "crop_image": {"x": 8, "y": 8, "width": 32, "height": 32},
    "crop_video": {"x": 0, "y": 0, "width": 16, "height": 16},
    "scale_image": {"width": 32},
    "scale_video": {"width": 16},
    "workflow": {"workflow": "text_to_image", "arguments": {"positivePrompt": "a red bicycle"}},
    "text_to_speech": {"output_format": "mp3"},
}
"""What an example says beyond the fields that must be there."""
_MADE = {
    "artifacts": [
        {
            "id": "file-7", "url": "/artifacts/2026/11/23/4f/9a.png", "file_name": "a.png", "content_type": "image/png",
            "size": 134, "width": 64, "height": 64,
        }
    ],
    "duration": 1.2, "model": "sdxl",
}  # fmt: skip
_PICTURES = {"created": 1763900000, "data": [{"url": "https://ai.example.org/artifacts/2026/11/23/4f/9a.png"}]}
_SPOKEN = 'data: {"type":"transcript.text.delta","delta":"Hello"}\n\n'
_PAINTED = 'data: {"type":"image_generation.completed","b64_json":"iVBORw0KGgo="}\n\n'
_OWN: dict[str, Schema] = {
    "response_format": {"type": "string", "description": "How the answer looks."},
    "size": {"type": "string", "description": "`auto`, or two sides from 64 to 2048: `1024x1024`."},
    "stream": {"type": "boolean", "default": False},
    "stream_format": {"enum": ["audio", "sse"]},
    "timestamp_granularities": {"type": "array", "items": {"enum": ["word", "segment"]}},
    "output_compression": {"type": "integer", "minimum": 0, "maximum": 100},
}
"""Fields that a dialect has beside the canonical ones."""


def media_paths(shapes: Shapes) -> Schema:
    """All media doors."""
    for operation in OPERATIONS.values():
        if operation.media and not operation.internal:
            shapes.of(operation.request)
    shapes.of(MediaResult)
    shapes.components.pop("FileRef", None)
    for name, schema in shapes.components.items():
        shapes.components[name] = written(schema)
    return {path: {"post": media_route(shapes, path, door)} for path, door in DOORS.items() if door.media is not None}


def media_route(shapes: Shapes, path: str, door: Door) -> dict[str, Any]:
    """One route. `door.media` is there."""
    assert door.media is not None
    own = path.startswith("/media/")
    spelt = _spelt(shapes, door, door.media, parts=False)
    struct = {"$ref": _REF + door.operation.request.__name__} if own else spelt
    content = {
        "application/json": {"schema": struct, "example": _example(shapes, door, spelt)},
        "multipart/form-data": {"schema": _spelt(shapes, door, door.media, parts=True)},
    }
    return {
        "operationId": door.operation.name if own else path.strip("/").replace("/", "_"),
        "summary": _summary(door, own),
        "description": f"{STYLES} Names in snake_case or camelCase.",
        "tags": ["Media operations" if own else "OpenAI"],
        "parameters": parameters(*STYLE_PARAMETERS, *(("Raw",) if own else ())),
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _answer(shapes, path), **ACCEPTED, **errors()},
    }


def _answer(shapes: Shapes, path: str) -> Schema:
    if path.startswith("/media/"):
        text = "The result; with `Accept: image/*` (audio, video) or `?raw=1` its one file"
        return answer(text, json({"$ref": _REF + "MediaResult"}, _MADE) | binary("*/*"), *JOB_HEADERS)
    if path.startswith("/v1/images/"):
        content = json(shapes.of(Pictures, "OpenAi."), _PICTURES) | stream("text/event-stream", _PAINTED)
        return answer("The pictures; with `stream` an event for each", content, *JOB_HEADERS)
    if path == "/v1/audio/speech":
        sse = stream("text/event-stream", 'data: {"type":"speech.audio.delta","audio":"//NExAAA"}\n\n')
        return answer("The sound; with `stream_format: sse` as events", binary("audio/*") | sse, *JOB_HEADERS)
    texts = {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/vtt", "application/x-subrip")}
    content = json(shapes.of(Transcript, "OpenAi."), {"text": "Hello."}) | texts | stream("text/event-stream", _SPOKEN)
    return answer("The text, as `response_format` says", content, *JOB_HEADERS)


def _example(shapes: Shapes, door: Door, spelt: Schema) -> dict[str, Any]:
    """Every field that must be there, as this door spells it."""
    told = {name: value_of(name, spelt["properties"][name], shapes.components) for name in spelt["required"]}
    spelling = door.dialect.spelling
    canonical = {spelling.get(name, name): name for name in door.operation.files}
    told |= {name: value_of(field, {"type": "string"}, {}) for name, field in canonical.items() if name in told}
    if door.dialect.name == "images":
        return {**told, "size": "512x512"} | ({"image": PICTURE} if door.operation.files else {})
    return told | (_EXAMPLES.get(door.operation.name, {}) if door.dialect.name == "media" else {})


def _summary(door: Door, own: bool) -> str:
    words = " or ".join(one.name.replace("_", " ") for one in (door.media.operations if door.media else ()))
    return words.capitalize() + ("" if own else ", on OpenAI's wire")


def _spelt(shapes: Shapes, door: Door, words: Words, parts: bool) -> dict[str, Any]:
    """The fields as this door spells them."""
    properties: dict[str, Any] = {}
    needed: list[str] = []
    for operation in words.operations:
        schema = shapes.components[operation.request.__name__]
        needed = needed or schema.get("required", [])
        for name, one in schema["properties"].items():
            properties[door.dialect.spelling.get(name, name)] = _part(name, operation, one) if parts else one
    properties |= {name: _OWN.get(name) or properties.get(name, {"type": "string"}) for name in words.own}
    required = [door.dialect.spelling.get(name, name) for name in needed]
    return {"type": "object", "properties": properties, "required": required}


def _part(name: str, operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    if name not in operation.files:
        return schema
    if schema.get("type") == "array":
        return {**schema, "items": _PART}
    return {**schema, "additionalProperties": _PART} if schema.get("type") == "object" else _PART


def written(schema: Any) -> Any:
    """The schema with text in the place of a `FileRef`."""
    if isinstance(schema, list):
        return [written(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if {"$ref": f"{_REF}FileRef"} in schema.get("anyOf", ()):
        return {**{name: value for name, value in schema.items() if name != "anyOf"}, **_FILE}
    return {name: written(value) for name, value in schema.items()}
