"""The media routes in `/openapi`: each takes JSON, where a file is text, and a form, where it is a part. Pure.

What a newcomer would get wrong: `FileRef` is in the structs, but it is ours; a caller writes text, and so the page must say.
"""

from typing import Any

import msgspec

from gateway.dialects._dialect import Door
from gateway.spelling import Words
from schemas.media import MediaResult
from schemas.operations import OPERATIONS, Operation

_REF = "#/components/schemas/"
_FILE = {
    "type": "string",
    "description": "`file-…`, `/artifacts/…`, an http(s) URL, a data: URL; or the part of a form with this name",
}
_PART = {"type": "string", "format": "binary"}
_RAW = {"schema": {"type": "string", "format": "binary"}}
_STYLES = (
    "Sync by default. `Prefer: respond-async` (or `?queue=1`) answers 202 with a job; `Prefer: wait=N` waits up to N seconds "
    "for it; `replyTo` names a web callback; `Idempotency-Key` or `refId` names the job. Names in snake_case or camelCase."
)


def media_schemas() -> dict[str, Any]:
    """The structs of all media operations, as a caller writes them, and of their results."""
    kinds = [operation.request for operation in OPERATIONS.values() if operation.media and not operation.internal]
    _, found = msgspec.json.schema_components([*kinds, MediaResult], ref_template=_REF + "{name}")
    found.pop("FileRef", None)
    return {name: _written(schema) for name, schema in found.items()}


def media_route(path: str, door: Door) -> dict[str, Any]:
    """One route. `door.media` is there."""
    assert door.media is not None
    own = path.startswith("/media/")
    struct = {"$ref": _REF + door.operation.request.__name__} if own else _spelt(door, door.media, parts=False)
    answer: dict[str, Any] = {
        "description": "The result",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    if own:
        answer = {
            "description": "The result; with `Accept: image/*` (audio, video) or `?raw=1` its one file",
            "content": {"application/json": {"schema": {"$ref": _REF + "MediaResult"}}, "*/*": _RAW},
        }
    return {
        "operationId": door.operation.name if own else path.strip("/").replace("/", "_"),
        "summary": _summary(door, own),
        "description": _STYLES,
        "tags": ["media" if own else "openai media"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": struct},
                "multipart/form-data": {"schema": _spelt(door, door.media, parts=True)},
            },
        },
        "responses": {
            "200": answer,
            "202": {"description": "Accepted: ask for the job at `Location`"},
            "default": {"description": "An error in OpenAI's shape"},
        },
    }


def _summary(door: Door, own: bool) -> str:
    words = " or ".join(one.name.replace("_", " ") for one in (door.media.operations if door.media else ()))
    return words.capitalize() + ("" if own else ", on OpenAI's wire")


def _spelt(door: Door, words: Words, parts: bool) -> dict[str, Any]:
    """The fields as this door spells them."""
    properties: dict[str, Any] = {}
    needed: list[str] = []
    for operation in words.operations:
        schema = _schema(operation)
        needed = needed or schema.get("required", [])
        for name, one in schema["properties"].items():
            properties[door.dialect.spelling.get(name, name)] = _part(name, operation, one) if parts else one
    properties |= {name: properties.get(name, {"type": "string"}) for name in words.own}
    required = [door.dialect.spelling.get(name, name) for name in needed]
    return {"type": "object", "properties": properties, "required": required}


def _schema(operation: Operation) -> dict[str, Any]:
    _, found = msgspec.json.schema_components([operation.request], ref_template=_REF + "{name}")
    schema: dict[str, Any] = _written(found[operation.request.__name__])
    return schema


def _part(name: str, operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    if name not in operation.files:
        return schema
    if schema.get("type") == "array":
        return {**schema, "items": _PART}
    return {**schema, "additionalProperties": _PART} if schema.get("type") == "object" else _PART


def _written(schema: Any) -> Any:
    """The schema with text in the place of a `FileRef`."""
    if isinstance(schema, list):
        return [_written(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if {"$ref": f"{_REF}FileRef"} in schema.get("anyOf", ()):
        return {**{name: value for name, value in schema.items() if name != "anyOf"}, **_FILE}
    return {name: _written(value) for name, value in schema.items()}
