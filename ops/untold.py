"""Changes of CONFIG whose note was lost, told from CONFIG's own history: a process that is killed right after a change takes
the note of it along.

What a newcomer would get wrong: a revision alone names no change, for a CONFIG made anew counts from 1 again; with its time
it does. And who changed it held perhaps another version before it than history shows, so the rows' ids may differ.
"""

import asyncio
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from bus import subjects
from bus.changes import KINDS, Change, audit_row
from bus.connection import Bus
from bus.history import Version, versions
from ops.log_reader import read_hot
from schemas.log import AuditLog, encode_logs
from storage import duck
from storage.archive import Archive
from storage.parts import Part
from storage.tables import AUDIT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

DAY = 86_400.0
DAYS = 28.0
"""How far back is looked: what `keep_months` has dropped must not come back."""
SOON = 120.0
"""Seconds in which a note may still be under way (`bus.audit.TRIES`)."""
KEPT = 10
"""Versions of an entry that CONFIG keeps. Of the oldest of so many nobody knows what was before it."""


async def tell(bus: Bus, archive: Archive, now: float) -> int:
    """Tell what is neither in the table `audit` nor on its way there; returns how many: none while the archiver is far behind.
    Raises `Problem`, and as `Archive.work` does."""
    rows: list[AuditLog] = []
    for kind in KINDS:
        rows += [row for row in changes(kind, await versions(bus, kind)) if now - DAYS * DAY < row.time < now - SOON]
    if not rows:
        return 0
    hot = await read_hot(bus, archive.root)  # before the files: else it might have left LOG's end for a file in between
    if hot.more:
        return 0
    since = min(row.time for row in rows) - DAY
    told = await asyncio.to_thread(archive.work, lambda con, found: _told(con, archive, found, since))
    for _, one in hot.others:
        if isinstance(one, AuditLog):
            told.setdefault(one.revision, []).append(one.time)
    missing = [row for row in rows if not any(abs(at - row.time) < DAY for at in told.get(row.revision, ()))]
    for row in missing:
        await bus.keep(subjects.log(row.tenant, "audit"), encode_logs([row]), msg_id=row.id)
    return len(missing)


def changes(kind: str, history: list[Version]) -> list[AuditLog]:
    """The row of each change in the history of a kind, the oldest first."""
    kept = Counter(one.name for one in history)
    before: dict[str, Version] = {}
    rows = []
    for one in history:
        old = before.get(one.name)
        before[one.name] = one
        unread = one.value is None and not one.gone
        if unread or (old is None and kept[one.name] >= KEPT):
            continue
        was = old.value if old else {} if kind == "settings" else None
        change = Change(
            kind=kind, name=one.name, revision=one.revision, old=was, new=one.value, by=one.by, note=one.note
        )
        if change.old is not None or change.new is not None:
            rows.append(audit_row(change, datetime.fromisoformat(one.at).timestamp()))
    return rows


def _told(con: "Con", archive: Archive, found: tuple[Part, ...], since: float) -> dict[int, list[float]]:
    """Revision -> when (Unix seconds), of the acts in the archive since then."""
    there = [part for part in found if part.table == AUDIT.name and part not in archive.damaged]
    acts: dict[int, list[float]] = {}
    for revision, at in duck.revisions_in(con, [part.path(archive.root) for part in there], since):
        acts.setdefault(revision, []).append(at)
    return acts
