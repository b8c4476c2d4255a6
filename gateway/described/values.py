"""Examples where nobody wrote one: a value for each field that must be there, and for those that say most.

Pure. A field's name is a better hint than its type: `positivePrompt` wants a sentence, `model` a model.
"""

from typing import Any

from gateway.described.examples import MODEL
from gateway.described.samples import MASK, PICTURE, SOUND, VIDEO
from gateway.described.shapes import PLACE, Schema

WORDS: dict[str, Any] = {
    "positiveprompt": "a red bicycle in the snow", "prompt": "Name three fish.", "input": "Hello from this server.",
    "text": "Hello from this server.", "image": PICTURE, "mask": MASK, "watermark": PICTURE, "audio": SOUND, "video": VIDEO,
    "model": MODEL, "messages": [{"role": "user", "content": "Name three fish."}], "name": "example", "refid": "my-1",
    "starttime": "0", "endtime": "0.5", "width": 64, "height": 64, "key": "ak-…", "id": 1, "jobid": 1, "provider": "local",
    "workflow": "text_to_image", "role": "user", "content": "Name three fish.", "path": "2026/11/23/4f/9a.png",
    "username": "admin", "email": "admin@example.org", "take": 10,
}  # fmt: skip
"""Folded field name -> a value, used where its type allows."""
SHOWN = (
    "model",
    "messages",
    "prompt",
    "image",
    "audio",
    "video",
    "watermark",
    "mask",
    "width",
    "height",
    "take",
    "results",
)
"""Fields that are shown though they may be left out."""
DEEPEST = 4


def example_of(schema: Schema, components: Schema, deep: int = 0) -> Any:
    """A value that the schema takes: of an object what must be there, and what it is for."""
    schema = _followed(schema, components)
    if "properties" not in schema:
        return _plain(schema, components, deep)
    needed = set(schema.get("required", ()))
    found: dict[str, Any] = {}
    for name, one in schema["properties"].items():
        if name in needed or (deep == 0 and fold(name) in SHOWN):
            value = value_of(name, one, components, deep)
            if value is not None or name in needed:
                found[name] = value
    return found


def value_of(name: str, schema: Schema, components: Schema, deep: int = 0) -> Any:
    """A value for a field of this name."""
    kind = _followed(schema, components)
    hint = WORDS.get(fold(name))
    if hint is not None and _takes(kind, hint):
        return hint
    return example_of(kind, components, deep + 1) if deep < DEEPEST else None


def fold(name: str) -> str:
    return name.replace("_", "").lower()


def _followed(schema: Schema, components: Schema) -> Schema:
    """What a reference or a choice stands for: the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = components[schema["$ref"].removeprefix(PLACE)]
        elif "anyOf" in schema and "properties" not in schema:
            schema = next((one for one in schema["anyOf"] if one != {"type": "null"}), {})
        else:
            return schema


_TYPES = {"string": str, "integer": int, "number": (int, float), "array": list, "object": dict, "boolean": bool}


def _takes(schema: Schema, value: Any) -> bool:
    kind = schema.get("type")
    if "enum" in schema:
        return value in schema["enum"]
    if not isinstance(kind, str):
        return kind is None and "properties" not in schema
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        return False
    return isinstance(value, _TYPES.get(kind, object)) and not (isinstance(value, bool) and kind != "boolean")  # type: ignore[arg-type]


def _plain(schema: Schema, components: Schema, deep: int) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    if (default := schema.get("default")) is not None:
        return default
    match schema.get("type"):
        case "string":
            if str(schema.get("pattern", "")).startswith("^-?P"):
                return "PT4.5S"
            return _FORMATS.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
        case "integer" | "number":
            return max(schema.get("minimum", 0), 1) if "exclusiveMinimum" in schema else schema.get("minimum", 0)
        case "boolean":
            return False
        case "array":
            if deep >= DEEPEST or "items" not in schema:
                return []
            return [example_of(schema["items"], components, deep + 1)] if schema.get("minItems") or deep <= 1 else []
        case "object":
            return {}
    return None


_FORMATS = {
    "date-time": "2026-11-23T12:00:00.0000000Z", "date": "2026-11-23",
    "uuid": "00000000-0000-0000-0000-000000000000", "uri": "https://example.org/",
}  # fmt: skip
