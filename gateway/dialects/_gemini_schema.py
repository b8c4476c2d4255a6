"""Google's spelling of keys and of schemas, put into everybody's: camelCase, and JSON Schema in lower case. Pure.

A caller's own data must not be respelt: what lies under `args`, `response`, `properties` and a JSON schema keeps its keys.
"""

import re
from typing import Any

_LOW = re.compile(r"_([a-z0-9])")
_THEIRS = frozenset({"args", "response", "properties", "parametersJsonSchema", "responseJsonSchema", "labels", "defs"})
_DROPPED = frozenset({"propertyOrdering", "example", "nullable", "type", "title"})
_BENEATH = {"items": False, "anyOf": True, "prefixItems": True}
"""Keys of a schema that hold schemas. True: a list of them."""


def camel(value: Any) -> Any:
    """The same JSON with its keys in camelCase."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        name = _LOW.sub(lambda match: match.group(1).upper(), key)
        found[name] = item if name in _THEIRS else camel(item)
    return found


def to_json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI's dialect of schemas (`"type": "STRING", "nullable": true`) as JSON Schema."""
    made: dict[str, Any] = {}
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "TYPE_UNSPECIFIED":
        made["type"] = [kind.lower(), "null"] if schema.get("nullable") else kind.lower()
    elif isinstance(kind, list):
        made["type"] = [str(one).lower() for one in kind]
    if isinstance(schema.get("title"), str):
        made["title"] = schema["title"]
    for key, value in schema.items():
        if key in _DROPPED or (key == "format" and value == "enum"):
            continue
        if key == "properties" and isinstance(value, dict):
            made[key] = {
                name: to_json_schema(inner) if isinstance(inner, dict) else inner for name, inner in value.items()
            }
        elif key in _BENEATH:
            made[key] = [to_json_schema(inner) for inner in value] if _BENEATH[key] else to_json_schema(value)
        else:
            made[key] = _number(key, value)
    return made


def _number(key: str, value: Any) -> Any:
    """Protobuf writes 64-bit numbers as text."""
    counts = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
    return int(value) if key in counts and isinstance(value, str) and value.isdigit() else value
