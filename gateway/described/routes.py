"""The ordinary routes: what Litestar says of them, and what their notes add.

Litestar knows paths, parameters and summaries; it does not know what a dictionary holds, nor how we say no.
"""

from typing import Any

from gateway.described.house_saved import SAVED_NOTES
from gateway.described.notes import HOUSE, Note
from gateway.described.notes_admin import ADMIN
from gateway.described.notes_files import FILES, TUS
from gateway.described.parts import answer, errors, json
from gateway.described.shapes import PLACE, Schema, Shapes
from gateway.described.values import example_of

NOTES: dict[tuple[str, str], Note] = {**HOUSE, **FILES, **TUS, **ADMIN, **SAVED_NOTES}
_TAGS = {
    "models": "Models", "jobs": "Jobs", "responses": "OpenAI", "ollama": "Ollama", "files": "Files area", "batches": "OpenAI",
    "workflows": "Workflows", "admin": "House admin", "health": "House", "gemini": "Gemini", "artifacts": "Files area",
    "house": "House", "types": "Typed clients", "saved": "Saved",
}  # fmt: skip
"""Tag of a handler -> how readers see it."""


def route_paths(shapes: Shapes, paths: Schema) -> Schema:
    """Litestar's paths, completed. A path whose last piece is `{rest}` stands for others that are described by themselves."""
    found: Schema = {}
    for path, item in paths.items():
        if path.endswith("{rest}"):
            continue
        found[path] = {
            method: _operation(shapes, operation, path, NOTES.get((method, path), Note()))
            for method, operation in item.items()
        }
    return found


def _operation(shapes: Shapes, operation: Schema, path: str, note: Note) -> Schema:
    asked = {
        name: value
        for name, value in operation.items()
        if name not in ("responses", "parameters", "deprecated", "tags")
    }
    known = [_parameter(one, note) for one in operation.get("parameters", ())]
    told: Schema = {**asked, "tags": [_tag(operation, path)]}
    if more := [*known, *note.parameters]:
        told["parameters"] = more
    if body := _body(shapes, note):
        told["requestBody"] = body
    if note.security is not None:
        told["security"] = note.security
    return {**told, "responses": _answers(shapes, operation["responses"], note)}


def _tag(operation: Schema, path: str) -> str:
    tag = (operation.get("tags") or ["house"])[0]
    return "OpenAI" if path.startswith("/v1/files") else _TAGS.get(tag, tag)


def _parameter(parameter: Schema, note: Note) -> Schema:
    schema = parameter["schema"]
    if "oneOf" in schema:  # it may be left out; it can't be null
        (schema,) = [one for one in schema["oneOf"] if one != {"type": "null"}]
    kept = {"name": parameter["name"], "in": parameter["in"], "schema": schema}
    if parameter.get("required"):
        kept["required"] = True
    if parameter.get("description"):
        kept["description"] = parameter["description"]
    value = note.values.get(parameter["name"])
    return kept if value is None else {**kept, "example": value}


def _body(shapes: Shapes, note: Note) -> Schema | None:
    content = note.content
    if note.body is not None:
        content = {"application/json": {"schema": shapes.of(note.body)}}
    if content is None:
        return None
    if note.asked is not None:
        first, *others = content
        content = {first: {**content[first], "example": note.asked}, **{other: content[other] for other in others}}
    return {"required": not note.optional, "content": content}


def _answers(shapes: Shapes, seen: Schema, note: Note) -> Schema:
    status = next(iter(seen), "200")
    content: Any = note.given
    if content is not None and not isinstance(content, dict):
        content = _shown(shapes, shapes.of(content, note.group), note.shown)
    good = answer("As asked", content, "RequestId", *note.heads)
    return {status: good, **note.more, **errors(note.dialect)}


def _shown(shapes: Shapes, schema: Schema, example: Any) -> Schema:
    if example is None and "$ref" in schema:
        example = example_of(shapes.components[schema["$ref"].removeprefix(PLACE)], shapes.components)
    return json(schema, example)
