"""The archive's one writer: rows in, Parquet of the month out, exactly once.

`append` writes a batch's files, makes them durable, and then moves the mark (`storage.parts`): that is the commit, and the
position in LOG and the rows can't disagree, whatever dies when. Derived tables are part of it: their
files are made of the requests file just written. What a newcomer would get wrong: after any exception, and a kill, the files
of a half-done batch may be in place, so the next `append` first clears what the mark has not passed: then it is known that
LOG still has those rows.

All of it blocks: call it in a thread. `append` and `merge` may run at once, for a merge touches committed files only.
"""

import fcntl
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import msgspec
import structlog

from schemas.log import RequestLog, Row
from schemas.problem import Code, Problem
from storage import duck, lookup, merging, parts
from storage.parts import Mark, Name, Part, Rows
from storage.tables import DERIVED, REQUESTS, TABLES, Table, fits, month_of, table_of, when

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

log = structlog.get_logger()
T = TypeVar("T")

MEMORY = "160MB"
"""For DuckDB. Of the writer's RSS, Python and DuckDB's code are another 80 MB."""

DOUBT_SECONDS = 600.0
"""How long after the stream's tail was lost its records may be sent again."""


class Archive:
    """The writer of the folder `root`. `open` before use; `close` gives the folder free."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mark = Mark()
        self.damaged: set[Part] = set()
        """Files that could not be read: they are left alone and reported."""
        self._lock: IO[bytes] | None = None
        self._doubtful = False
        self._appending, self._merging = threading.Lock(), threading.Lock()
        self._merger: Con | None = None
        self._con: Con | None = None
        self._open = ExitStack()

    def open(self) -> None:
        """Take the folder and put it in order. Raises `Problem(CONFLICT)` while another process writes to it."""
        (self.root / ".tmp").mkdir(parents=True, exist_ok=True)
        lock = (self.root / ".lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Problem(Code.CONFLICT, f"Another archiver writes to {self.root}.") from None
        self._lock = lock
        self.mark = parts.read_mark(self.root)
        with self._merging:
            self._tidy()
        self._doubtful = True

    def close(self) -> None:
        """Give the folder free; a merge under way is broken off, which costs nothing but its work."""
        lock, self._lock = self._lock, None
        if lock is not None:
            if self._merger is not None:
                self._merger.interrupt()
            with self._appending, self._merging:
                self._hang_up()
                lock.close()

    def recover(self) -> None:
        """Back to the last commit: files of a batch that was never committed go, drafts, and files already merged."""
        self.mark = parts.read_mark(self.root)
        with self._merging:
            half = [part for part in parts.listing(self.root) if parts.torn(self.mark, part)]
            for part in half:
                part.path(self.root).unlink(missing_ok=True)
            self._tidy()
        if half:
            log.info("archive.batch_withdrawn", files=len(half), seq=self.mark.seq)
        self._doubtful = False

    def _tidy(self) -> None:
        """Remove drafts, and files whose rows are in another one: by its name, so it must prove that it can be read."""
        for draft in (self.root / ".tmp").iterdir():
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
        done = parts.covered(part for part in parts.listing(self.root) if not parts.torn(self.mark, part))
        if not done:
            return
        with duck.connect(self.root / ".tmp", MEMORY) as con:
            bad = {part for part in set(done.values()) if duck.damage(con, part.path(self.root))}
        for part in bad:
            log.error(
                "archive.file_damaged", file=str(part.path(self.root)), error="it hides files that it can't replace"
            )
        for part, other in done.items():
            if other not in bad:
                part.path(self.root).unlink(missing_ok=True)

    def renew(self, end: int) -> None:
        """Begin a new epoch at the stream's start. Rows up to `end`, the stream's last sequence now, are looked up first."""
        now = time.time()
        self.mark = Mark(epoch=parts.new_epoch(now), check_until=end, check_before=now + DOUBT_SECONDS)
        parts.write_mark(self.root, self.mark)
        self._doubtful = False  # nothing was written in it yet
        log.info("archive.epoch_begun", epoch=self.mark.epoch, check_until=end)

    def append(self, rows: Sequence[tuple[int, Row]], last: int, stamp: str) -> int:
        """Archive `rows`, which are all that LOG holds after the mark up to `last` (time stamp `stamp`).

        Returns how many rows were written. When it raises, nothing of the batch counts: give it again, or another.
        """
        with self._appending:
            try:
                return self._append(rows, last, stamp)
            except BaseException:
                self._hang_up()
                raise

    def _append(self, rows: Sequence[tuple[int, Row]], last: int, stamp: str) -> int:
        if self._doubtful:
            self.recover()
        self._doubtful = True
        drafts: list[tuple[Part, Path]] = []
        written = 0
        con = self._connected()
        for table, month, items in self._sorted(con, rows):
            drafts += self._drafts(con, table, month, items, last)
            written += len(items)
        for _, draft in drafts:
            parts.sync(draft)
        for part, draft in drafts:
            merging.put(self.root, part, draft)
        mark = msgspec.structs.replace(self.mark, seq=last, time=stamp)
        parts.write_mark(self.root, mark)
        self.mark = mark
        self._doubtful = False
        return written

    def _connected(self) -> "Con":
        """A database for all batches: a new one costs more than a small batch."""
        if self._con is None:
            self._con = self._open.enter_context(duck.connect(self.root / ".tmp", MEMORY))
        return self._con

    def rest(self) -> None:
        """Give the database's memory back until the next batch."""
        with self._appending:
            self._hang_up()

    def _hang_up(self) -> None:
        self._con = None
        self._open.close()

    def merge(self, now: float) -> int:
        """Merge small files of a table where there are many, or all of a month that is over. Returns how many were merged.

        Raises `duckdb.Error` when `close` breaks it off.
        """
        with self._merging:
            found = parts.counting(self.mark, parts.listing(self.root))
            plan = merging.plan(found, self.damaged, now)
            done = plan is not None and self._work(lambda con: merging.merge(con, self.root, plan), found)
            return len(plan.parts) if plan and done else 0

    def complete(self) -> int:
        """Make what is missing of the derived tables, one file of one table. Returns how many files were missing; 0 after
        `close`, too, or whoever goes on until nothing is missing would go on for ever.

        An archive of an older version has none of them, and one whose folders were copied in perhaps. Raises as `merge`.
        """
        with self._merging:
            if self._lock is None:
                return 0
            found = parts.counting(self.mark, parts.listing(self.root))
            gaps = [gap for gap in merging.missing(found) if gap.source not in self.damaged]
            if gaps:
                self._work(lambda con: merging.close_gap(con, self.root, gaps[0]), found)
            return len(gaps)

    def work(self, job: "Callable[[Con, tuple[Part, ...]], T]", *, still: bool = False) -> T:
        """Do `job` with a database and the files that count, while nobody merges (`still`: nor appends).

        Raises `duck.Damaged` (the file is left out from now on), `duckdb.Error` when `close` breaks it off,
        `Problem(UNAVAILABLE)` after that.
        """
        with ExitStack() as held:
            if still:
                held.enter_context(self._appending)
            held.enter_context(self._merging)
            if self._lock is None:
                raise Problem(Code.UNAVAILABLE, f"The archive {self.root} is closed.")
            found = parts.counting(self.mark, parts.listing(self.root))
            try:
                with duck.connect(self.root / ".tmp", MEMORY) as self._merger:
                    return job(self._merger, found)
            except duck.Damaged as error:
                self._report(error, found)
                raise
            finally:
                self._merger = None

    def _work(self, work: "Callable[[Con], None]", found: tuple[Part, ...]) -> bool:
        """Do something that reads archived files; False: one of them is damaged, which has been reported."""
        if self._lock is None:
            return False
        try:
            with duck.connect(self.root / ".tmp", MEMORY) as self._merger:
                work(self._merger)
        except duck.Damaged as error:
            self._report(error, found)
            return False
        finally:
            self._merger = None
        return True

    def refuse(self, seq: int, data: bytes, suffix: str) -> None:
        """Put a record aside that can't be archived: it would stop the archive for ever."""
        aside = self.root / "refused"
        aside.mkdir(exist_ok=True)
        path = aside / f"{self.mark.epoch}-{seq:012d}.{suffix}"
        path.write_bytes(data)
        log.error("archive.row_refused", seq=seq, file=str(path))

    def _sorted(self, con: "Con", rows: Sequence[tuple[int, Row]]) -> Iterator[tuple[Table, str, Rows]]:
        """The rows that are to be written, by table and month."""
        now = time.time()
        tables: dict[str, Rows] = defaultdict(list)
        for item in rows:
            if self._holds(item):
                tables[table_of(item[1]).name].append(item)
        for name, given in sorted(tables.items()):
            months: dict[str, Rows] = defaultdict(list)
            for item in parts.fresh(
                given,
                lambda seq, row: self.mark.doubts(seq, row, now),
                lambda doubted: self._archived(con, doubted),
            ):
                months[month_of(when(item[1]))].append(item)
            for month, items in sorted(months.items()):
                yield TABLES[name], month, items

    def _holds(self, item: tuple[int, Row]) -> bool:
        seq, row = item
        if fits(row):
            return True
        name = row.job if isinstance(row, RequestLog) else "".join(filter(str.isalnum, row.id))[:64]
        self.refuse(seq, msgspec.json.encode(msgspec.structs.asdict(row)), f"{name}.json")
        return False

    def _archived(self, con: "Con", rows: Rows) -> Collection[Name]:
        """Which of the rows of one table have been archived already: looked up in the months they belong to."""
        while True:
            found = parts.counting(self.mark, parts.listing(self.root))
            chosen = [part for part in found if part not in self.damaged]
            try:
                return lookup.archived(con, self.root, chosen, rows)
            except duck.Vanished:
                continue  # merged away under our eyes
            except duck.Damaged as error:
                self._report(error, found)

    def _report(self, error: duck.Damaged, found: tuple[Part, ...]) -> None:
        """Leave the damaged file out from now on: its rows may be doubled then, but none is lost."""
        self.damaged.update(part for part in found if part.path(self.root) == error.path)
        log.error("archive.file_damaged", file=str(error.path), error=str(error))

    def _drafts(self, con: "Con", table: Table, month: str, rows: Rows, last: int) -> list[tuple[Part, Path]]:
        """Write one month's rows of a table, and what is derived of them, to files that are not in place yet."""
        part = parts.new_part(table.name, month, self.mark.epoch, self.mark.seq + 1, last)
        draft = self._draft(part)
        lines = draft.with_suffix(".ndjson")
        con.execute(f"CREATE OR REPLACE TEMP TABLE loaded AS {duck.load_lines(table, rows, lines)}")
        lines.unlink()
        con.execute(f"COPY loaded TO {duck.quoted(draft)} (FORMAT parquet, COMPRESSION zstd)")
        made = [(part, draft)]
        for derived in DERIVED if table is REQUESTS else ():
            of = msgspec.structs.replace(part, table=derived.name)
            merging.make(con, derived, "FROM loaded", self._draft(of))
            made.append((of, self._draft(of)))
        con.execute("DROP TABLE loaded")
        return made  # requests first: were the mark lost as well, what is missing of the others would be made of them

    def _draft(self, part: Part) -> Path:
        return self.root / ".tmp" / f"{part.table}-{part.month}-{part.name}"
