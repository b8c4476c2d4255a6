"""A change of CONFIG as a row of the audit trail: what was done to what, and which fields have other values now.

What a newcomer would get wrong: the row is read by analysts and leaves the house by export, so a secret is not even in it
sealed. That it was replaced is told (`"key": "sealed"`), and by the same words as everywhere (`schemas/secrets.py`).
"""

import hashlib
from typing import Any

import msgspec

from bus.hold import Hold, Mode
from schemas.log import AuditLog
from schemas.provider import ApiKey, Provider
from schemas.rules import ModelRule
from schemas.secrets import SHOWN, secret_header, shown_key, shown_provider

Entry = Provider | ApiKey | ModelRule | Hold | dict[str, Any]
KINDS = {"providers": "provider", "keys": "key", "rules": "rule", "queues": "queue", "settings": "setting"}
"""What is told, by its kind in CONFIG. Not what agents find out by themselves, and not the secret that signs links."""
LONGEST = 16_000
"""Characters of a detail; in a longer one the fields are named only."""
_SILENT = {"hash", "prefix"}
"""Of a key, not even named. Its prefix is all of it where somebody chose a short one."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was written into CONFIG. `old`, `new`: None where there was or is nothing."""

    kind: str
    name: str
    revision: int
    old: Entry | None
    new: Entry | None
    by: str = ""
    note: str = ""


def audit_row(change: Change, now: float) -> AuditLog:
    """The row; the same whoever makes it, but for its time `now` (Unix seconds)."""
    detail = _detail(change)
    content = msgspec.json.encode((change.kind, change.name, detail, change.by, change.note))
    value = change.new if change.new is not None else change.old
    return AuditLog(
        id=f"config-{change.revision}-{hashlib.sha256(content).hexdigest()[:12]}",
        time=now,
        tenant=value.tenant if isinstance(value, ApiKey) else "default",
        actor=change.by or "house",
        action=action_of(change),
        kind=KINDS[change.kind],
        name=value.model if isinstance(value, ModelRule) else change.name,
        detail=detail,
        revision=change.revision,
    )


def action_of(change: Change) -> str:
    """One word for it."""
    if change.kind == "queues":
        held = change.new
        return "resumed" if not isinstance(held, Hold) else "drained" if held.mode is Mode.DRAIN else "paused"
    if change.new is None:
        return "removed"
    for begins, word in (("rollback", "rolled_back"), ("revoked", "revoked"), ("rotated", "rotated")):
        if change.note.startswith(begins):
            return word
    return "created" if change.old is None else "changed"


def _detail(change: Change) -> str:
    """The fields that have other values now, each with its new one; of something new those that were said."""
    fields: dict[str, Any] = {}
    if change.new is not None:
        shown, before = _shown(change.new), _raw(change.old)
        after = _raw(change.new)
        names = [name for name in after if name not in before or before[name] != after[name]]
        fields = {name: shown.get(name, SHOWN) for name in names if name not in _SILENT}
        fields |= {name: None for name in before if name not in after}
    if isinstance(change.new or change.old, ApiKey):
        fields = {"name": _raw(change.new or change.old).get("name", "")} | fields
    if change.note:
        fields["note"] = change.note
    told = msgspec.json.encode(fields).decode() if fields else ""
    return told if len(told) <= LONGEST else msgspec.json.encode({"fields": sorted(fields)[:300]}).decode()


def _raw(value: Entry | None) -> dict[str, Any]:
    """The fields as stored: those that differ from their default."""
    told: dict[str, Any] = msgspec.to_builtins(value) if value is not None else {}
    return told


def _shown(value: Entry) -> dict[str, Any]:
    if isinstance(value, Provider):
        return shown_provider(value)
    if isinstance(value, ApiKey):
        return shown_key(value)
    shown = _raw(value)
    return {name: SHOWN if isinstance(value, dict) and secret_header(name) else field for name, field in shown.items()}
