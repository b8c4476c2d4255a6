"""What a person saves for himself in the web UI: threads of a chat, prompts, queries, pins, preferences. One bucket, SAVED.

What a newcomer would get wrong: a list shows heads alone. The body, which may hold a long talk, is a message of its own, so
a thousand threads are listed without reading a gigabyte.
"""

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """What it is; also the word in the path, `/saved/threads`."""

    THREADS = "threads"
    PROMPTS = "prompts"
    QUERIES = "queries"
    PINS = "pins"
    PREFERENCES = "preferences"


class Saved(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The head. It belongs to one API key."""

    id: int
    tenant: str
    key: str
    kind: Kind
    title: str
    group: str = ""
    """For threads the feature (`chat`, `text_to_image` …); else as its owner likes."""
    created: float = 0.0
    """Unix seconds."""
    changed: float = 0.0
    size: int = 0
    """Bytes of the body."""
    shared: bool = False
    """Every key of the tenant may read it. Only an administrator may say so."""
    about: str = ""
    """A line that lists show: the beginning of the talk, the model, the query."""


def shown(saved: Saved, own: bool = True) -> dict[str, Any]:
    """As lists have it."""
    told: dict[str, Any] = {
        name: getattr(saved, name)
        for name in ("id", "kind", "group", "title", "about", "created", "changed", "size", "shared")
    }
    return {**told, "own": own}


encode_saved = msgspec.msgpack.Encoder().encode
decode_saved = msgspec.msgpack.Decoder(Saved).decode
