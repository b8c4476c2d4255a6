"""From what each witness saw to the counts that must be 0: no I/O here, so a count can be checked by reading.

Four witnesses: the callers (crowd), the house's own answers (views), the archive's rows, the provider's ledger. A second
call at the provider is allowed (a lease ended while its holder was away); a second result is not.
"""

import re
from collections import Counter
from typing import Any, NamedTuple

import msgspec

from ops.prove.crowd import Promise

TERMINAL = frozenset({"done", "failed", "cancelled"})
ANSWER = re.compile(r"call=(\d+) for=([a-z0-9-]+)")


class Line(NamedTuple):
    """One call in the provider's ledger. Times are Unix seconds."""

    marker: str
    provider: str
    start: float
    end: float
    ended: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    promises: dict[int, Promise]
    first: dict[int, dict[str, Any] | None]
    """Each job when it was first seen at its end (or last seen at all)."""
    last: dict[int, dict[str, Any] | None]
    """Each job when all was over."""
    rows: list[dict[str, Any]]
    """Rows of the archive: job, outcome, style, parent."""
    ledger: list[Line]
    rewritten: set[int]
    """Jobs whose record was stored again after its end."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    states: Counter[str]
    lost: list[int]
    """Accepted, and never at an end or not known any more."""
    doubled: list[int]
    """More than one result was committed, or the archive names another end than the job."""
    mixed_up: list[int]
    """The result belongs to another job."""
    reexecuted: int
    """Calls at the provider beyond one a job that reached the provider."""
    recorded: int
    """Accepted jobs with a row."""
    unrecorded: list[int]
    recorded_twice: list[int]
    strangers: list[int]
    """Rows of chat jobs that nobody was promised."""


def judge(e: Evidence) -> Verdict:
    promised = set(e.promises)
    counted = Counter(int(row["job"]) for row in e.rows if not row.get("parent"))
    calls = Counter(line.marker for line in e.ledger)
    outcomes = {int(row["job"]): str(row["outcome"]) for row in e.rows}
    other = {job for job in promised & outcomes.keys() if outcomes[job] != _state(e.last.get(job))}
    return Verdict(
        states=Counter(_state(e.last.get(job)) for job in promised),
        lost=sorted(job for job in promised if _state(e.last.get(job)) not in TERMINAL),
        doubled=sorted({job for job in promised if _changed(e.first.get(job), e.last.get(job))} | e.rewritten | other),
        mixed_up=sorted(job for job, promise in e.promises.items() if _foreign(e.last.get(job), promise.marker)),
        reexecuted=sum(calls[promise.marker] - 1 for promise in e.promises.values() if calls[promise.marker] > 1),
        recorded=len(promised & counted.keys()),
        unrecorded=sorted(promised - counted.keys()),
        recorded_twice=sorted(job for job, n in counted.items() if n > 1),
        strangers=sorted(counted.keys() - promised),
    )


def _state(view: dict[str, Any] | None) -> str:
    return str(view["status"]) if view else "unknown"


def _changed(first: dict[str, Any] | None, last: dict[str, Any] | None) -> bool:
    """A job that was seen at its end must look the same for ever."""
    if first is None or last is None or _state(first) not in TERMINAL:
        return False
    return any(first.get(name) != last.get(name) for name in ("status", "result", "error", "finished"))


def text_of(view: dict[str, Any] | None) -> str:
    """What the model said, empty when the job has no result."""
    try:
        return str((view or {})["result"]["choices"][0]["message"]["content"])
    except (KeyError, IndexError, TypeError):
        return ""


def _foreign(view: dict[str, Any] | None, marker: str) -> bool:
    if _state(view) != "done":
        return False
    told = ANSWER.search(text_of(view))
    return told is None or told[2] != marker


def read_ledger(text: str) -> list[Line]:
    """The whole lines; a last one that is still being written is left out."""
    parts = (line.split("\t") for line in text.splitlines())
    return [Line(p[0], p[1], float(p[3]), float(p[4]), p[5]) for p in parts if len(p) == 6]
