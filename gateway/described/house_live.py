"""The answers of `/admin/live`, for the document alone. The rows' fields are in docs/reference/live.md and may become more."""

from typing import Any

from gateway.described.answers import Answered

Rows = list[dict[str, Any]]


class LiveTotals(Answered, kw_only=True):
    """The whole house in a few figures."""

    bus: bool
    running: int
    running_live: int
    running_durable: int
    shown: int
    slots: int
    in_flight: int
    waiting_live: int
    waiting_queued: int
    scheduled: int
    cooling: int
    requests_minute: int


class LiveState(Answered, kw_only=True):
    """The house as it is now."""

    at: float
    """Unix seconds."""
    gateway: str
    tenant: str
    totals: LiveTotals
    queues: Rows
    providers: Rows
    keys: Rows
    processes: Rows
    jobs: Rows
    queued: Rows
    failed: Rows
    minutes: Rows


TOTALS = {
    "bus": True, "running": 1, "running_live": 1, "running_durable": 0, "shown": 1, "slots": 16, "in_flight": 1,
    "waiting_live": 0, "waiting_queued": 0, "scheduled": 0, "cooling": 0, "requests_minute": 12,
}  # fmt: skip
STATE: dict[str, Any] = {
    "at": 1795460000.2, "gateway": "box-4711-9f3a", "tenant": "", "totals": TOTALS,
    "queues": [
        {"name": "openai", "state": "ready", "why": "", "until": None, "providers": ["openai"], "slots": 16,
         "in_flight": 1, "waiting_live": 0, "waiting_queued": 0, "waiting": 0, "wait_seconds": 0.0, "seconds": 1.3}
    ],
    "providers": [], "keys": [], "processes": [], "jobs": [], "queued": [], "failed": [], "minutes": [],
}  # fmt: skip
EVENTS = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: change\nid: 7\ndata: {"at":1795460001.2,"queues":[{"name":"openai","in_flight":2}]}\n\n',
    }
}
PICTURE = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("image/jpeg", "image/png", "image/webp", "image/gif")
}
