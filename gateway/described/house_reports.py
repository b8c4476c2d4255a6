"""Reports and the log of requests as the API's description tells them: what they take, and what they answer."""

from typing import Any

import msgspec

from gateway.described.examples import MODEL
from gateway.described.notes import Note
from gateway.described.shapes import Schema
from gateway.reports import ReportAnswer
from storage import report_words
from storage.reports import REPORTS
from storage.request_log import FILTERS

_EXAMPLES = {
    "month": "2026-11", "from": "7d", "to": "2026-11-23", "key": "app", "user": "ann", "model": MODEL, "provider": "box",
    "op": "chat", "outcome": "failed", "error": "provider_timeout", "client": "10.0.0.7", "queue": "box", "style": "sync",
    "tag": "nightly", "ref": "order-7", "q": "order", "limit": "50", "after": "WzEsMSwwXQ", "by": "model", "metric": "total",
    "days": "30", "status": "429", "duration": "100-250", "browser": "Firefox", "device": "Android", "bot": "Googlebot",
    "user_agent": "curl/8.5.0",
}  # fmt: skip


class Parameter(msgspec.Struct, kw_only=True):
    name: str
    words: list[str]
    """What it may be; empty: any text or number."""
    default: str | int | None = None


class ReportKind(msgspec.Struct, kw_only=True):
    name: str
    about: str
    parameters: list[Parameter]


class ReportKinds(msgspec.Struct, kw_only=True):
    data: list[ReportKind]
    next: None = None


class RequestPage(msgspec.Struct, kw_only=True):
    data: list[dict[str, Any]]
    """Rows of the table `requests`, with the key's name and user beside its id."""
    next: str | None
    """The `after` of the next page; null: this is the last."""
    warnings: list[str]
    looked_back_to: float | None
    """Of a search that did not look through all: until when it did (Unix seconds)."""


class RequestShown(msgspec.Struct, kw_only=True):
    request: dict[str, Any]
    runs: list[dict[str, Any]]
    """The runs before, of a job that was put back."""
    attempts: list[dict[str, Any]]
    callbacks: list[dict[str, Any]]
    files: list[dict[str, Any]]


def _words(*names: str) -> tuple[Schema, ...]:
    told: list[Schema] = [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "example": _EXAMPLES[name]}
        for name in names
    ]
    return (*told, {"name": "format", "in": "query", "required": False, "schema": {"enum": ["json", "csv"]}})


_ROW: dict[str, Any] = {
    "job": 253284511580161, "created": 1795431600.0, "tenant": "default", "key": "0123456789abcdef", "key_name": "app",
    "key_user": "ann", "op": "chat", "model": MODEL, "outcome": "done", "status": 200, "total_ms": 812.5,
}  # fmt: skip
_ALL = tuple(dict.fromkeys(name for report in REPORTS.values() for name in report.parameters))
REPORT_NOTES: dict[tuple[str, str], Note] = {
    ("get", "/admin/reports"): Note(
        given=ReportKinds, shown={"data": [report_words.described(REPORTS["usage"])], "next": None}
    ),
    ("get", "/admin/reports/{name}"): Note(
        given=ReportAnswer, values={"name": "usage"}, parameters=_words(*_ALL),
        shown={
            "name": "usage", "parameters": {"by": ["model"], "limit": 100}, "columns": ["model", "requests"],
            "rows": [[MODEL, 12]], "sql": "SELECT …", "elapsed_ms": 41.0, "warnings": [],
        },
    ),
    ("get", "/admin/requests"): Note(
        given=RequestPage, shown={"data": [_ROW], "next": None, "warnings": [], "looked_back_to": None},
        parameters=_words(*FILTERS, "limit", "after"),
    ),
    ("get", "/admin/requests/{job}"): Note(
        given=RequestShown, values={"job": 253284511580161},
        shown={"request": _ROW, "runs": [], "attempts": [], "callbacks": [], "files": []},
    ),
}  # fmt: skip
