"""JSON data as YAML: blocks for objects and lists, JSON for the rest, which every YAML reader takes."""

import json
from collections.abc import Iterator
from typing import Any


def yaml_of(data: Any) -> bytes:
    """The document. `data` is what JSON can say, and its keys are texts."""
    return "".join(_block(data, 0)).lstrip("\n").encode() + b"\n"


def _block(data: Any, deep: int) -> Iterator[str]:
    space = "\n" + "  " * deep
    if isinstance(data, dict) and data:
        for name, value in data.items():
            yield f"{space}{json.dumps(name, ensure_ascii=False)}:"
            yield from _block(value, deep + 1)
    elif isinstance(data, list) and data:
        for value in data:
            yield f"{space}-"
            yield from _block(value, deep + 1)
    else:
        yield " " + json.dumps(data, ensure_ascii=False)
