"""The answers of `/saved`, `/me` and `/admin/settings`, for the document alone."""

from typing import Any

from gateway.described.answers import Answered
from gateway.described.notes import Note
from gateway.saved import SavedChange

Fields = dict[str, Any]


class SavedHead(Answered, kw_only=True):
    """A saved thing as lists show it. `id` is a text for prompts that come with the server."""

    id: int | str
    kind: str
    group: str
    title: str
    about: str
    created: float
    changed: float
    size: int
    shared: bool
    own: bool


class SavedWhole(SavedHead, kw_only=True):
    """A saved thing with what it holds, any JSON."""

    body: Any


class SavedList(Answered, kw_only=True):
    """The newest first. `next`: what `after` of the next page is; null: there is none."""

    data: list[SavedHead]
    total: int
    next: int | None = None


class AnswerCost(Answered, kw_only=True):
    """What an answer has cost."""

    cost: float | None
    """US dollars; null: no price is known."""
    estimated: bool
    """By the maker's list price."""


class SavedDeleted(Answered, kw_only=True):
    id: int
    deleted: bool


class SavedCleared(Answered, kw_only=True):
    deleted: int


class Me(Answered, kw_only=True):
    """The caller's key. `spent`: US dollars of this day and month, where it has a budget."""

    id: str
    prefix: str
    name: str
    user: str
    tenant: str
    scopes: list[str]
    apis: list[str]
    models: list[str]
    expires: float
    requests_per_minute: int
    tokens_per_minute: int
    budget_day: float
    budget_month: float
    priority: str
    features: list[str]
    dtos: list[str]
    spent: Fields
    storage: Fields
    version: str


class SettingList(Answered, kw_only=True):
    """Each setting that can be changed live: `path`, `value`, `from` (live, file, default), `type`, bounds, a sentence."""

    data: list[Fields]


class SettingHistory(Answered, kw_only=True):
    """The newest first: who, when, and path -> [before, after]."""

    data: list[Fields]


_HEAD: Fields = {
    "id": 123, "kind": "threads", "group": "chat", "title": "Holidays", "about": "Where is it warm?", "created": 1763900000.0,
    "changed": 1763900000.0, "size": 40, "shared": False, "own": True,
}  # fmt: skip
_WHOLE = {**_HEAD, "body": {"messages": [{"role": "user", "content": "Where is it warm?"}]}}
_KIND = {"kind": "threads"}
_COST = {"model": "llama3.3:70b", "provider": "groq", "tokens_in": 1200, "tokens_out": 300}
_ONE = {"kind": "threads", "number": "123"}
_ME = {
    "id": "0123456789abcdef", "prefix": "ais-ab12c", "name": "app", "user": "", "tenant": "default", "scopes": [], "apis": [],
    "models": [], "expires": 0.0, "requests_per_minute": 0, "tokens_per_minute": 0, "budget_day": 5.0, "budget_month": 0.0,
    "priority": "normal", "features": [], "dtos": [], "spent": {"day": 0.42},
    "storage": {"used_bytes": 1000, "files": 1, "limit_bytes": 0}, "version": "0.1.0",
}  # fmt: skip
_SETTING = {
    "path": "archive.bodies", "about": "Keep the text of requests and answers.", "unit": "", "value": True, "from": "live",
    "file": False, "default": False, "type": "boolean",
}  # fmt: skip
_OLD = {
    "revision": 12, "at": "2026-11-23T12:00:00Z", "by": "0123456789abcdef", "note": "", "values": {"archive.bodies": True},
    "changes": {"archive.bodies": [None, True]},
}  # fmt: skip
_OBJECT = {"application/json": {"schema": {"type": "object"}, "example": {"theme": "dark"}}}
_SETTINGS: dict[str, Any] = {"given": SettingList, "shown": {"data": [_SETTING]}}

SAVED_NOTES: dict[tuple[str, str], Note] = {
    ("get", "/saved/{kind}"): Note(given=SavedList, shown={"data": [_HEAD], "total": 1, "next": None}, values=_KIND),
    ("post", "/saved/{kind}"): Note(
        body=SavedChange, asked={"title": "Holidays", "group": "chat", "body": _WHOLE["body"]}, given=SavedWhole, shown=_WHOLE,
        values=_KIND,
    ),
    ("delete", "/saved/{kind}"): Note(given=SavedCleared, shown={"deleted": 3}, values=_KIND),
    ("get", "/saved/{kind}/{number}"): Note(given=SavedWhole, shown=_WHOLE, values=_ONE),
    ("patch", "/saved/{kind}/{number}"): Note(
        body=SavedChange, asked={"title": "Summer"}, given=SavedWhole, shown={**_WHOLE, "title": "Summer"}, values=_ONE
    ),
    ("delete", "/saved/{kind}/{number}"): Note(given=SavedDeleted, shown={"id": 123, "deleted": True}, values=_ONE),
    ("get", "/me"): Note(given=Me, shown=_ME),
    ("get", "/me/cost"): Note(given=AnswerCost, shown={"cost": 0.00042, "estimated": True}, values=_COST),
    ("get", "/me/preferences"): Note(given=_OBJECT),
    ("put", "/me/preferences"): Note(content={"application/json": {"schema": {"type": "object"}}}, asked={"theme": "dark"},
                                     given=_OBJECT),
    ("get", "/admin/settings"): Note(**_SETTINGS),
    ("patch", "/admin/settings"): Note(
        content={"application/json": {"schema": {"type": "object"}}}, asked={"archive.bodies": True}, **_SETTINGS
    ),
    ("get", "/admin/settings/history"): Note(given=SettingHistory, shown={"data": [_OLD]}),
    ("post", "/admin/settings/rollback/{revision}"): Note(**_SETTINGS, values={"revision": 12}),
}  # fmt: skip
