"""JSON schemas for providers that take a part of the language only. Pure."""

from typing import Any

_TAKEN = frozenset({"$ref", "type", "enum", "const", "description", "title", "default", "required"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """As Anthropic's structured outputs want it: objects closed, and no bounds; what is left out is told in words.

    Source: the SDK's `lib/_parse/_transform.py`, and "JSON schema limitations" in its page on structured outputs.
    """
    kept: dict[str, Any] = {}
    words: list[str] = []
    for name, value in schema.items():
        if name in ("$defs", "definitions", "properties") and isinstance(value, dict):
            kept[name] = {key: _inner(item) for key, item in value.items()}
        elif name in ("anyOf", "allOf", "oneOf") and isinstance(value, list):
            kept["anyOf" if name == "oneOf" else name] = [_inner(item) for item in value]
        elif name == "items":
            kept[name] = _inner(value)
        elif name in _TAKEN or (name == "format" and value in _FORMATS) or (name == "minItems" and value in (0, 1)):
            kept[name] = value
        elif name not in ("additionalProperties", "$schema", "$id", "strict"):
            words.append(f"{name}: {value}")
    if kept.get("type") == "object" or "properties" in kept:
        kept["additionalProperties"] = False
    if words:
        kept["description"] = "\n\n".join(filter(None, (kept.get("description"), f"{{{', '.join(words)}}}")))
    return kept


def _inner(schema: Any) -> Any:
    return strict(schema) if isinstance(schema, dict) else schema
