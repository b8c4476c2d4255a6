"""Keeping the archive over the years: months are closed, text is emptied when its time is over, old months go.

All of it is work on committed files under the writer's lock (`Archive.work`), and safe to die after each step. What a
newcomer would get wrong: a file is never changed. One that must be is written anew under its next revision
(`parts.Part.revised`), which takes the old one's place the moment it is there; a reader that had listed the old one finds
it gone and lists again.
"""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from storage import duck, manifest, merging, overview, parts
from storage.archive import Archive
from storage.manifest import Entry, Garbled, Manifest
from storage.parts import Part
from storage.tables import REQUESTS, TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

log = structlog.get_logger()

BODIES = ("request", "response")
DAY = 86_400.0
_FAR = 250_000_000_000.0
"""A time when every month is over."""

Found = tuple[Part, ...]


class Rules(msgspec.Struct):
    """How long things stay; changed in place when an operator changes the settings.

    `keep_months`: months before the current one (0: all); `bodies_days`: days that requests and answers stay (0: as long as
    their row); `redact`: columns that are left empty.
    """

    keep_months: int = 0
    bodies_days: float = 0.0
    redact: tuple[str, ...] = ()


class Month(msgspec.Struct, frozen=True):
    """A month that is to go."""

    month: str
    names: tuple[str, ...]
    rows: int
    """Requests."""
    bytes: int

    @property
    def files(self) -> int:
        return len(self.names)


class Keeper:
    """The chores of one archive. Call from one thread at a time."""

    def __init__(self, archive: Archive, rules: Rules | None = None) -> None:
        self.archive, self.rules = archive, rules or Rules()
        self._settled: dict[str, Found] = {}
        """Months whose manifest is written, with the files it was written for."""
        self._bodies: dict[Part, float | None] = {}
        """File -> Unix seconds of its oldest text; None: it has none."""

    @property
    def root(self) -> Path:
        return self.archive.root

    def close_month(self, now: float) -> str:
        """Write the manifest of one month that is over and whose files have changed; returns it, or an empty text.

        A month is closed when it is merged and nothing derived is missing. Raises `duck.Damaged` (reported: the next call
        leaves that file out), and as `Archive.work` does.
        """

        def work(con: "Con", found: Found) -> str:
            for month, there in self._due(found, now):
                self._settled[month] = self._close(con, month, there)
                return month
            return ""

        found = parts.counting(self.archive.mark, parts.listing(self.root))
        return self.archive.work(work) if self._due(found, now) else ""  # DuckDB is not loaded for nothing

    def compact(self, month: str = "") -> int:
        """Make one sorted file of each table of the month (or of all), over or not. Returns how many files were merged."""
        merged = 0

        def work(con: "Con", found: Found) -> int:
            there = tuple(part for part in found if not month or part.month == month)
            plan = merging.plan(there, self.archive.damaged, _FAR)
            if plan is None:
                return 0
            merging.merge(con, self.root, plan)
            return len(plan.parts)

        while True:
            try:
                step = self.archive.work(work)
            except duck.Damaged:
                continue  # it is known as damaged now, and left out
            if not step:
                return merged
            merged += step

    def empty_bodies(self, now: float) -> str:
        """Empty the text that is too old in one file; returns the file's new name, or an empty text: there was none.

        Raises as `close_month` does.
        """
        if not self.rules.bodies_days:
            return ""
        until = (now / DAY - self.rules.bodies_days) // 1 * DAY  # by whole days, or each file were rewritten each hour

        def work(con: "Con", found: Found) -> str:
            for part in found:
                if part.table == REQUESTS.name and part not in self.archive.damaged and self._speaks(con, part, until):
                    return self._silence(con, part, until)
            return ""

        return self.archive.work(work)

    def outdated(self, now: float) -> list[Month]:
        """The months that are older than they may be, oldest first."""
        if not self.rules.keep_months:
            return []
        first = _months_before(now, self.rules.keep_months)
        found = parts.snapshot(self.root).parts
        return [self._month(month, there) for month, there in sorted(_by_month(found).items()) if month < first]

    def drop(self, month: str) -> None:
        """Remove the month from all tables. Raises as `Archive.work` does, and OSError."""

        def work(con: "Con", found: Found) -> None:
            for table in sorted(
                TABLES, key=lambda name: name != REQUESTS.name
            ):  # else requests would be worked up again
                home = parts.folder(self.root, table, month)
                if home.is_dir():
                    grave = self.root / ".tmp" / f"dropped-{table}-{month}-{time.time_ns()}"
                    home.rename(grave)
                    parts.sync(home.parent)
                    shutil.rmtree(grave)
            manifest.remove(self.root, month)

        self.archive.work(work, still=True)
        self._settled.pop(month, None)
        log.info("archive.month_dropped", month=month)

    # ---- one month --------------------------------------------------------------------------------------------------

    def _due(self, found: Found, now: float) -> list[tuple[str, Found]]:
        """The months that can be closed, and are not as they were when they were."""
        due = []
        for month, there in _by_month(found).items():
            if self._settled.get(month) == there or not merging.is_over(month, now):
                continue
            if merging.plan(there, self.archive.damaged, now) is None and not self._gaps(there):
                due.append((month, there))
        return due

    def _gaps(self, there: Found) -> bool:
        return any(gap.source not in self.archive.damaged for gap in merging.missing(there))

    def _close(self, con: "Con", month: str, there: Found) -> Found:
        """Sort what is not sorted yet, describe what is new, write the manifest; returns the files it is of."""
        old = self._known(month)
        listed = {(one.table, one.name) for one in (old.files if old else ())}
        now = tuple(
            part if (part.table, part.name) in listed or part in self.archive.damaged else self._in_order(con, part)
            for part in there
        )
        new = manifest.renewed(old, month, now, lambda part: self._described(con, part))
        if old is None or new.files != old.files:
            manifest.write(self.root, msgspec.structs.replace(new, written=round(time.time(), 3)))
            log.info("archive.month_closed", month=month, files=len(new.files), rows=sum(one.rows for one in new.files))
        return tuple(sorted(now))

    def _known(self, month: str) -> Manifest | None:
        try:
            return manifest.read(self.root, month)
        except Garbled as error:
            path = manifest.path_of(self.root, month)
            path.replace(path.with_suffix(".garbled"))
            log.error("archive.manifest_garbled", month=month, error=str(error))
            return None

    def _described(self, con: "Con", part: Part) -> Entry | None:
        if part in self.archive.damaged:
            return None
        return manifest.describe(con, part, part.path(self.root))

    def _in_order(self, con: "Con", part: Part) -> Part:
        """The file, sorted as the table wants it. What was put there by hand is left as it is."""
        table, path = TABLES[part.table], part.path(self.root)
        duck.blame(con, [path])
        if not part.epoch:
            return part
        order = table.sort or table.time
        column, _, way = order.partition(",")[0].strip().partition(" ")
        back = f"{column} {'>' if way else '<'} lag({column}) OVER ()"
        ask = f"SELECT 1 FROM (SELECT {back} AS back FROM {duck.source(path)}) WHERE back LIMIT 1"
        return part if con.execute(ask).fetchone() is None else self._revise(con, part, "*", f"ORDER BY {order}")

    def _revise(self, con: "Con", part: Part, columns: str, order: str = "") -> Part:
        """Write the file anew, under its next revision, and remove it."""
        manifest.vouch(self.root, [part])
        path, new = part.path(self.root), part.revised()
        draft = self.root / ".tmp" / f"revise-{part.table}-{part.month}-{new.name}"
        merging.write(con, f"SELECT {columns} FROM {duck.source(path)} {order}", [path], draft)
        merging.put(self.root, new, draft)
        path.unlink()
        return msgspec.structs.replace(new, size=new.path(self.root).stat().st_size)

    def _month(self, month: str, there: Found) -> Month:
        try:
            book = manifest.read(self.root, month)
        except Garbled:
            book = None
        if book is None:
            rows = sum(overview.rows_of(self.root, [part for part in there if part.table == REQUESTS.name]).values())
        else:
            rows = sum(one.rows for one in book.files if one.table == REQUESTS.name)
        return Month(
            month, tuple(f"{part.table}/{part.name}" for part in there), rows, sum(part.size for part in there)
        )

    # ---- text -------------------------------------------------------------------------------------------------------

    def _speaks(self, con: "Con", part: Part, until: float) -> bool:
        """Whether the file holds text older than `until`. Files don't change, so each is looked into once."""
        if part not in self._bodies:
            self._bodies[part] = self._oldest(con, part)
        oldest = self._bodies[part]
        return oldest is not None and oldest < until

    def _oldest(self, con: "Con", part: Part) -> float | None:
        path = part.path(self.root)
        try:
            there = [name for name in BODIES if name in duck.columns(con, duck.source(path))]
            if not there:
                return None
            some = " OR ".join(f"{name} IS NOT NULL" for name in there)
            found = con.execute(f"SELECT epoch(min(created)) FROM {duck.source(path)} WHERE {some}").fetchone()
        except Exception:
            duck.blame(con, [path])
            raise
        return None if found is None or found[0] is None else float(found[0])

    def _silence(self, con: "Con", part: Part, until: float) -> str:
        limit = f"make_timestamp({int(until * 1_000_000)})"
        there = [name for name in BODIES if name in duck.columns(con, duck.source(part.path(self.root)))]
        emptied = ", ".join(f"CASE WHEN created >= {limit} THEN {name} END AS {name}" for name in there)
        duck.blame(con, [part.path(self.root)])
        new = self._revise(con, part, f"* REPLACE ({emptied})")
        self._bodies.pop(part, None)
        log.info("archive.bodies_emptied", month=part.month, file=new.name)
        return new.name


def settle(keeper: Keeper, now: float) -> list[str]:
    """All that is to be done at once: what is derived, merges, manifests; returns the months that were closed.

    Raises as `Archive.work` does, and `duck.Damaged` never: that file is left out.
    """
    archive = keeper.archive
    while archive.complete() or archive.merge(now):
        pass
    months: list[str] = []
    while True:
        try:
            month = keeper.close_month(now)
        except duck.Damaged:
            continue
        if not month:
            return months
        months.append(month)


def _by_month(found: Found) -> dict[str, Found]:
    months: dict[str, list[Part]] = {}
    for part in sorted(found):
        months.setdefault(part.month, []).append(part)
    return {month: tuple(there) for month, there in months.items()}


def _months_before(now: float, count: int) -> str:
    """The month so many before the one of `now`."""
    at = datetime.fromtimestamp(now, UTC)
    number = at.year * 12 + at.month - 1 - count
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
