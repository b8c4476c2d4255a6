"""Notes of `/admin`."""

from typing import Any

from gateway.described import house, house_admin, house_live
from gateway.described.examples import MODEL
from gateway.described.house_audit import AUDIT_NOTES
from gateway.described.house_jobs import JOBS
from gateway.described.house_reports import REPORT_NOTES
from gateway.described.house_sql import SQL_NOTES
from gateway.described.notes import Note
from schemas.rules import ModelRule

_PROVIDER: dict[str, Any] = {
    "name": "lab", "kind": "openai", "base_url": "http://10.0.0.9:8000/v1", "slots": 4, "state": "ready",
    "agents": [
        {"agent": "lab-1", "host": "box", "slots": 4, "in_flight": 0, "draining": False, "reason": "", "models": 3}
    ],
}  # fmt: skip
_KEY: dict[str, Any] = {
    "id": "0123456789abcdef", "prefix": "ak-0123", "name": "app", "created": 1763900000.0, "state": "active",
    "last_used": None,
}  # fmt: skip
_MADE = {**_KEY, "key": "ak-…", "webhook_secret": "whsec_…"}
_RULE = {"model": MODEL, "strategy": "priority", "fallbacks": ["llama3.3:70b"]}
_CHANGE = {
    "kind": "providers", "name": "lab", "revision": 12, "at": "2026-11-23T12:00:00Z", "by": "0123456789abcdef", "note": "",
    "changes": {"slots": [64, 4]},
}  # fmt: skip
_NAME = {"name": "lab"}
_ID = {"key_id": "0123456789abcdef"}
_PROVIDER_NOTE: dict[str, Any] = {"given": house_admin.ProviderShown, "shown": _PROVIDER, "values": _NAME}
_KEY_NOTE: dict[str, Any] = {"given": house_admin.KeyShown, "shown": _KEY, "values": _ID}

ADMIN: dict[tuple[str, str], Note] = {
    ("get", "/admin/providers"): Note(given=house_admin.ProviderList, shown={"object": "list", "data": [_PROVIDER]}),
    ("post", "/admin/providers"): Note(
        body=house_admin.ProviderFields, given=house_admin.ProviderShown, shown=_PROVIDER,
        asked={"name": "lab", "kind": "openai", "base_url": "http://10.0.0.9:8000/v1", "enabled": False},
    ),
    ("get", "/admin/providers/{name}"): Note(**_PROVIDER_NOTE),
    ("put", "/admin/providers/{name}"): Note(
        body=house_admin.ProviderFields, asked={"kind": "openai", "base_url": "http://10.0.0.9:8000/v1"}, **_PROVIDER_NOTE
    ),
    ("patch", "/admin/providers/{name}"): Note(body=house_admin.ProviderFields, asked={"slots": 4}, **_PROVIDER_NOTE),
    ("delete", "/admin/providers/{name}"): Note(
        given=house.NameDeleted, shown={"name": "lab", "deleted": True}, values=_NAME
    ),
    ("post", "/admin/providers/{name}/{switch}"): Note(
        body=house_admin.SwitchFields, asked={"chat": False}, optional=True,
        given={"application/json": {"schema": {"type": "object"}, "example": _PROVIDER}},
        values={**_NAME, "switch": "test"},
    ),
    ("get", "/admin/providers/{name}/history"): Note(
        given=house_admin.History, shown={"object": "list", "data": [_CHANGE]}, values=_NAME
    ),
    ("get", "/admin/config/history"): Note(given=house_admin.History, shown={"object": "list", "data": [_CHANGE]}),
    ("get", "/admin/models"): Note(
        given=house_admin.ModelList,
        shown={
            "object": "list",
            "data": [{"id": MODEL, "op": "chat", "aliases": [], "vision": False, "context": 8192, "providers": []}],
        },
    ),
    ("get", "/admin/catalogue"): Note(
        given=house_admin.CatalogueShown,
        shown={"types": {}, "models": {}, "kinds": ["openai"], "operations": ["chat"]},
    ),
    ("get", "/admin/live"): Note(given=house_live.LiveState, shown=house_live.STATE),
    ("get", "/admin/live/events"): Note(given=house_live.EVENTS),
    ("get", "/admin/live/jobs/{job}/preview"): Note(given=house_live.PICTURE, values={"job": "1234567890"}),
    **JOBS,
    **REPORT_NOTES,
    **AUDIT_NOTES,
    **SQL_NOTES,
    ("get", "/admin/rules"): Note(given=house_admin.RuleList, shown={"object": "list", "data": [_RULE]}),
    ("put", "/admin/rules"): Note(body=house_admin.RuleFields, asked=_RULE, given=ModelRule, shown=_RULE),
    ("delete", "/admin/rules"): Note(
        given=house_admin.RuleDeleted, shown={"model": MODEL, "deleted": True}, values={"model": MODEL}
    ),
    ("get", "/admin/keys"): Note(given=house_admin.KeyList, shown={"object": "list", "data": [_KEY]}),
    ("post", "/admin/keys"): Note(
        body=house_admin.KeyFields, asked={"name": "app", "requests_per_minute": 60}, given=house_admin.KeyMade, shown=_MADE
    ),
    ("get", "/admin/keys/{key_id}"): Note(**_KEY_NOTE),
    ("patch", "/admin/keys/{key_id}"): Note(body=house_admin.KeyFields, asked={"notes": "of the web shop"}, **_KEY_NOTE),
    ("post", "/admin/keys/{key_id}/revoke"): Note(given=house_admin.KeyShown, shown={**_KEY, "state": "revoked"}, values=_ID),
    ("post", "/admin/keys/{key_id}/rotate"): Note(
        body=house_admin.Rotation, asked={"overlap": 3600}, optional=True, given=house_admin.KeyMade, shown=_MADE, values=_ID
    ),
    ("get", "/admin/route"): Note(
        given=house_admin.Foreseen, values={"model": MODEL, "op": "chat"},
        shown={"model": MODEL, "op": "chat", "strategy": "balanced", "models": [MODEL], "queue": "local", "trail": []},
    ),
}  # fmt: skip
