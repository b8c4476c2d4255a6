"""The archive's one writer: rows in, Parquet of the month out, exactly once.

`append` writes a batch's files, makes them durable, and then moves the mark (`storage.parts`): that is the commit, and the
position in LOG and the rows can't disagree, whatever dies when. What a newcomer would get wrong: after any exception the
files of a half-done batch may be in place, so the next `append` first clears what the mark has not passed.

All of it blocks: call it in a thread. `append` and `merge` may run at once, for a merge touches committed files only.
"""

import fcntl
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
import structlog

from schemas.log import RequestLog
from schemas.problem import Code, Problem
from storage import duck, merging, parts
from storage.parts import Mark, Part, Rows
from storage.tables import REQUESTS, Table, fits, month_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

log = structlog.get_logger()

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
        self._merging = threading.Lock()
        self._merger: Con | None = None

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
        for draft in (self.root / ".tmp").iterdir():
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
        self.recover()

    def close(self) -> None:
        """Give the folder free; a merge under way is broken off, which costs nothing but its work."""
        lock, self._lock = self._lock, None
        if lock is not None:
            if self._merger is not None:
                self._merger.interrupt()
            with self._merging:
                lock.close()

    def recover(self) -> None:
        """Back to the last commit: files of a batch that was never committed go, and files already merged."""
        self.mark = parts.read_mark(self.root)
        with self._merging:
            found = parts.listing(self.root)
            half = [part for part in found if parts.torn(self.mark, part)]
            done = parts.covered(tuple(part for part in found if part not in half))
            for part in half + done:
                part.path(self.root).unlink(missing_ok=True)
        if half:
            log.info("archive.batch_withdrawn", files=len(half), seq=self.mark.seq)
        self._doubtful = False

    def renew(self, end: int) -> None:
        """Begin a new epoch at the stream's start. Rows up to `end`, the stream's last sequence now, are looked up first."""
        now = time.time()
        self.mark = Mark(epoch=parts.new_epoch(now), check_until=end, check_before=now + DOUBT_SECONDS)
        parts.write_mark(self.root, self.mark)
        log.info("archive.epoch_begun", epoch=self.mark.epoch, check_until=end)

    def append(self, rows: Sequence[tuple[int, RequestLog]], last: int, stamp: str) -> int:
        """Archive `rows`, which are all that LOG holds after the mark up to `last` (time stamp `stamp`).

        Returns how many rows were written. When it raises, nothing of the batch counts: give it again, or another.
        """
        if self._doubtful:
            self.recover()
        self._doubtful = True
        now = time.time()
        with duck.connect(self.root / ".tmp", MEMORY) as con:
            months: dict[str, Rows] = defaultdict(list)
            for item in parts.fresh(
                [item for item in rows if self._holds(item)],
                lambda seq, row: self.mark.doubts(seq, row, now),
                lambda doubted: self._archived(con, doubted),
            ):
                months[month_of(item[1].created)].append(item)
            drafts = [self._draft(con, REQUESTS, month, items, last) for month, items in sorted(months.items())]
        for part, draft in drafts:
            merging.put(self.root, part, draft)
        mark = msgspec.structs.replace(self.mark, seq=last, time=stamp)
        parts.write_mark(self.root, mark)
        self.mark = mark
        self._doubtful = False
        return sum(map(len, months.values()))

    def merge(self, now: float) -> int:
        """Merge small files where there are many, or all of a month that is over. Returns how many files were merged.

        Raises `duckdb.Error` when `close` breaks it off.
        """
        with self._merging:
            found = parts.counting(self.mark, parts.listing(self.root))
            plan = merging.plan(found, self.damaged, now)
            if plan is None or self._lock is None:
                return 0
            try:
                with duck.connect(self.root / ".tmp", MEMORY) as self._merger:
                    merging.merge(self._merger, self.root, plan)
            except duck.Damaged as error:
                self._report(error, found)
                return 0
            finally:
                self._merger = None
            return len(plan.parts)

    def refuse(self, seq: int, data: bytes, suffix: str) -> None:
        """Put a record aside that can't be archived: it would stop the archive for ever."""
        aside = self.root / "refused"
        aside.mkdir(exist_ok=True)
        path = aside / f"{self.mark.epoch}-{seq:012d}.{suffix}"
        path.write_bytes(data)
        log.error("archive.row_refused", seq=seq, file=str(path))

    def _holds(self, item: tuple[int, RequestLog]) -> bool:
        seq, row = item
        if fits(row):
            return True
        self.refuse(seq, msgspec.json.encode(msgspec.structs.asdict(row)), f"{row.job}.json")
        return False

    def _archived(self, con: "Con", rows: Rows) -> set[parts.Run]:
        """Which runs of the jobs of `rows` have a row already: looked up in the months they were created in."""
        months = {month_of(row.created) for _, row in rows}
        jobs = [row.job for _, row in rows]
        while True:
            found = parts.counting(self.mark, parts.listing(self.root))
            paths = [part.path(self.root) for part in found if part.month in months and part not in self.damaged]
            try:
                return duck.jobs_in(con, paths, jobs)
            except duck.Vanished:
                continue  # merged away under our eyes
            except duck.Damaged as error:
                self._report(error, found)

    def _report(self, error: duck.Damaged, found: tuple[Part, ...]) -> None:
        """Leave the damaged file out from now on: its rows may be doubled then, but none is lost."""
        self.damaged.update(part for part in found if part.path(self.root) == error.path)
        log.error("archive.file_damaged", file=str(error.path), error=str(error))

    def _draft(self, con: "Con", table: Table, month: str, rows: Rows, last: int) -> tuple[Part, Path]:
        """Write one month's rows to a file that is not in place yet, and make it durable."""
        part = parts.new_part(table.name, month, self.mark.epoch, self.mark.seq + 1, last)
        draft = self.root / ".tmp" / f"{month}-{part.name}"
        lines = draft.with_suffix(".ndjson")
        load = duck.load_lines(table, rows, lines)
        con.execute(f"COPY ({load}) TO {duck.quoted(draft)} (FORMAT parquet, COMPRESSION zstd)")
        lines.unlink()
        parts.sync(draft)
        return part, draft
