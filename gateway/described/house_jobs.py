"""The answers of `/admin/jobs`, `/admin/dead-letters` and `/admin/queues`, for the document alone."""

from typing import Any

import msgspec

from gateway.described.answers import Answered
from gateway.described.examples import MODEL
from gateway.described.notes import Note
from gateway.job_acts import ACTIONS, Bulk
from gateway.job_filter import FIELDS

Fields = dict[str, Any]


class JobPage(Answered, kw_only=True):
    """Jobs, the newest first. `next`: what `after` of the next page is; null: there is none."""

    object: str
    data: list[Fields]
    next: str | None = None
    counts: Fields | None = None


class JobWhole(Answered, kw_only=True):
    """All that is known of a job; more fields as in the lists."""

    id: int
    state: str
    request: Any = None
    result: Any = None
    why_no_body: str | None = None
    timeline: list[Fields]
    usage: Fields | None = None
    runs: list[Fields]
    actions: list[str]


class JobActed(Answered, kw_only=True):
    """What became of it."""

    id: int
    state: str
    run: int | None = None
    replayed_as: int | None = None
    first: bool | None = None


class JobsActed(Answered, kw_only=True):
    """What became of them. `id` names the row in the audit trail; `more`: there are more than `most`."""

    id: str
    action: str
    dry_run: bool
    matched: int
    more: bool
    done: int
    failed: list[Fields]
    ids: list[int] | None = None
    replayed_as: Fields | None = None


class QueueShown(Answered, kw_only=True):
    """A queue as it is now. `paused`: who holds it, since when, why, and how (pause or drain)."""

    queue: str
    providers: list[str]
    state: str
    slots: int
    in_flight: int
    waiting: int
    waiting_first: int
    waiting_live: int
    waiting_since: float | None = None
    expected_wait: float | None = None
    cooling_until: float | None = None
    reason: str
    paused: Fields | None = None


class QueueList(Answered, kw_only=True):
    """All queues."""

    object: str
    data: list[QueueShown]
    next: str | None = None


class HoldNote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a queue is held."""

    note: str = ""


_ID = {"number": 250710122692609}
_LINE: Fields = {
    "id": 250710122692609, "state": "failed", "op": "chat", "model": MODEL, "style": "queued", "queue": "lab",
    "provider": "lab", "key": "0123456789abcdef", "key_name": "app", "created": 1795460000.0, "attempts": 3,
    "error": "provider_error", "message": "lab answered 500.",
}  # fmt: skip
_PAGE = {"object": "list", "data": [_LINE], "next": None}
_WHOLE = {
    **_LINE, "request": {"model": MODEL}, "result": None, "why_no_body": "There is no result: the job did not end well.",
    "timeline": [{"at": 1795460000.0, "what": "accepted"}], "usage": None, "runs": [], "actions": ["requeue", "replay"],
}  # fmt: skip
_QUEUE: Fields = {
    "queue": "lab", "providers": ["lab"], "state": "paused", "slots": 4, "in_flight": 1, "waiting": 12, "waiting_first": 0,
    "waiting_live": 0, "waiting_since": 1795460000.0, "expected_wait": None, "cooling_until": None, "reason": "",
    "paused": {"by": "0123456789abcdef", "at": 1795460100.0, "note": "new fans", "mode": "pause"},
}  # fmt: skip
_EXAMPLES = {
    "state": "failed", "queue": "lab", "provider": "lab", "key": "app", "model": MODEL, "op": "chat", "style": "queued",
    "tag": "nightly", "ref": "order-7", "error": "provider_error", "from": "2026-11-01", "to": "2026-12-01", "q": "order",
    "tenant": "default", "limit": "50", "after": "250710122692609", "counts": "1",
}  # fmt: skip
_QUERY = tuple(
    {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "example": _EXAMPLES[name]}
    for name in (*FIELDS, "limit", "after", "counts")
)
_DONE = {"id": "9f3a5c", "action": "requeue", "dry_run": False, "matched": 3, "more": False, "done": 3, "failed": []}

JOBS: dict[tuple[str, str], Note] = {
    ("get", "/admin/jobs"): Note(given=JobPage, shown=_PAGE, parameters=_QUERY),
    ("get", "/admin/dead-letters"): Note(
        given=JobPage, parameters=_QUERY,
        shown={**_PAGE, "data": [{**_LINE, "can_requeue": True, "history": []}]},
    ),
    ("get", "/admin/jobs/{number}"): Note(given=JobWhole, shown=_WHOLE, values=_ID),
    ("post", "/admin/jobs/{number}/{action}"): Note(
        given=JobActed, shown={"id": 250710122692609, "state": "queued", "run": 1}, values={**_ID, "action": "requeue"}
    ),
    **{
        ("post", f"/admin/jobs/{action}"): Note(
            body=Bulk, asked={"filter": {"model": MODEL}, "dry_run": True}, given=JobsActed, shown={**_DONE, "action": action}
        )
        for action in ACTIONS
    },
    ("get", "/admin/queues"): Note(given=QueueList, shown={"object": "list", "data": [_QUEUE], "next": None}),
    ("get", "/admin/queues/{name}"): Note(given=QueueShown, shown=_QUEUE, values={"name": "lab"}),
    ("post", "/admin/queues/{name}/{action}"): Note(
        body=HoldNote, asked={"note": "new fans"}, optional=True, given=QueueShown, shown=_QUEUE,
        values={"name": "lab", "action": "pause"},
    ),
}  # fmt: skip
