"""What CONFIG was before: the last ten versions of an entry, each with its author, and how to tell what has changed.

The bucket's own history is the record; nothing is kept twice. What a newcomer would get wrong: a removal is a version too
(a delete marker), so a removed provider still has its history and can be brought back.
"""

from contextlib import suppress
from typing import Any

import msgspec

from bus import subjects
from bus.config import BY, NOTE, PAGE
from bus.connection import Bus
from bus.hold import Hold, decode_hold
from schemas.provider import ApiKey, Provider
from schemas.rules import ModelRule
from schemas.secrets import shown_key, shown_provider

_PREFIX = "$KV.CONFIG."
_decode_key = msgspec.json.Decoder(ApiKey).decode
_decode_provider = msgspec.json.Decoder(Provider).decode
_decode_rule = msgspec.json.Decoder(ModelRule).decode
_decode_settings = msgspec.json.Decoder(dict[str, Any]).decode


Entry = Provider | ApiKey | ModelRule | Hold


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `value` is None for a removal, and for what this version of the program can't read."""

    kind: str
    name: str
    revision: int
    at: str
    """As the server tells it: RFC 3339, UTC."""
    by: str = ""
    note: str = ""
    gone: bool = False
    value: Entry | dict[str, Any] | None = None
    """Of `settings`: the values by path."""


async def versions(bus: Bus, kind: str, name: str = "") -> list[Version]:
    """The kept versions of an entry, or of all of a kind (`providers`, `keys`, `rules`, `queues`), the oldest first."""
    pattern = subjects.config_key(kind, subjects.token(name)) if name else subjects.config_key(kind, ">")
    found: list[Version] = []
    after = 0
    while page := await bus.read("KV_CONFIG", {"seq": after + 1, "batch": PAGE, "next_by_subj": pattern}):
        after = int((page[-1].headers or {})["Nats-Sequence"])
        found += [_version(message.headers or {}, message.data) for message in page]
    return found


def told(history: list[Version]) -> list[dict[str, Any]]:
    """For people, the newest first: who, when, and which fields changed from what to what. Secrets are never in it."""
    before: dict[tuple[str, str], Entry | None] = {}
    lines = []
    for one in history:
        value = one.value if not isinstance(one.value, dict) else None
        old = before.get((one.kind, one.name))
        lines.append(
            {
                "kind": one.kind,
                "name": value.model if isinstance(value, ModelRule) else one.name,
                "revision": one.revision,
                "at": one.at,
                "by": one.by,
                "note": one.note or ("removed" if one.gone else ""),
                "changes": _changes(old, value),
            }
        )
        before[one.kind, one.name] = value
    return lines[::-1]


def _version(headers: dict[str, str], data: bytes) -> Version:
    kind, _, name = headers.get("Nats-Subject", "").removeprefix(_PREFIX).partition(".")
    gone = headers.get("KV-Operation") in ("DEL", "PURGE") or not data
    value: Entry | dict[str, Any] | None = None
    if not gone:
        with suppress(msgspec.MsgspecError):
            value = _read(kind, data)
    return Version(
        kind=kind, name=name, revision=int(headers.get("Nats-Sequence") or 0), at=headers.get("Nats-Time-Stamp", ""),
        by=headers.get(BY, ""), note=headers.get(NOTE, ""), gone=gone, value=value,
    )  # fmt: skip


def _read(kind: str, data: bytes) -> Entry | dict[str, Any]:
    if kind == "settings":
        return _decode_settings(data)
    if kind == "keys":
        return _decode_key(data)
    if kind == "queues":
        return decode_hold(data)
    return _decode_rule(data) if kind == "rules" else _decode_provider(data)


def _changes(old: Entry | None, new: Entry | None) -> dict[str, Any]:
    """Field -> [before, after], as shown. A secret that was replaced reads `sealed` twice."""
    if new is None or old is None or type(old) is not type(new):
        return {}
    before, after = _shown(old), _shown(new)
    return {name: [before[name], after[name]] for name in before if getattr(old, name) != getattr(new, name)}


def _shown(value: Entry) -> dict[str, Any]:
    if isinstance(value, ModelRule | Hold):
        return {name: msgspec.to_builtins(getattr(value, name)) for name in value.__struct_fields__}
    return shown_provider(value) if isinstance(value, Provider) else shown_key(value)
