"""The audit trail as the API's description tells it."""

from typing import Any

import msgspec

from gateway.described.notes import Note
from gateway.described.shapes import Schema
from storage.audit_log import FILTERS

_EXAMPLES = {
    "by": "boss", "action": "changed", "kind": "provider", "name": "lab", "from": "7d", "to": "2026-11-23",
    "month": "2026-11", "q": "slots", "limit": "50", "after": "WzEsImEiXQ",
}  # fmt: skip


class Act(msgspec.Struct, kw_only=True):
    """One act of a person or a tool."""

    id: str
    time: float
    """Unix seconds."""
    tenant: str
    actor: str
    """A key's id, cli, settings …"""
    actor_name: str | None
    """The key's name."""
    action: str
    """created, changed, removed, revoked, rotated, rolled_back, paused, cancelled …"""
    kind: str
    """provider, key, rule, setting, queue, job, archive …"""
    name: str
    title: str | None
    """Of a key: its name."""
    detail: dict[str, Any]
    """The fields that changed with their new values, never a secret; a filter; a note."""
    client: str
    revision: int
    """In the history of the configuration; 0: it has none."""


class AuditPage(msgspec.Struct, kw_only=True):
    data: list[Act]
    next: str | None
    """The `after` of the next page; null: this is the last."""
    warnings: list[str]


def _parameter(name: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "example": _EXAMPLES[name]}


_ACT: dict[str, Any] = {
    "id": "config-12-0a1b2c3d4e5f", "time": 1795431600.0, "tenant": "default", "actor": "0123456789abcdef",
    "actor_name": "boss", "action": "changed", "kind": "provider", "name": "lab", "title": None, "detail": {"slots": 4},
    "client": "", "revision": 12,
}  # fmt: skip
AUDIT_NOTES: dict[tuple[str, str], Note] = {
    ("get", "/admin/audit"): Note(
        given=AuditPage, shown={"data": [_ACT], "next": None, "warnings": []},
        parameters=tuple(_parameter(name) for name in (*FILTERS, "limit", "after")),
    ),
}  # fmt: skip
