"""Few files instead of many: small ones are merged as they pile up, and a month that is over becomes one sorted file.

Levels are sizes, and a file climbs one when 32 of its size have come together, so a row is rewritten three times at most
and not each time. What a newcomer would get wrong: only neighbours may be merged, for the merged file's name says that it
holds everything between its first and its last sequence. So a damaged file splits the run: it must not be "covered". And so
does a gap in a derived table, whose file is still to be made.
"""

import os
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from storage import duck, manifest, parts
from storage.parts import Gap, Part
from storage.tables import DERIVED, REQUESTS, TABLES, Table, month_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

log = structlog.get_logger()

MANY = 32
"""Small files of one level before they are merged."""
LEVELS = (1 << 20, 1 << 25, 1 << 30)
"""Sizes in bytes below which a file is of level 0, 1, 2."""
LATE = 25 * 3600.0
"""Seconds: a month is over when no row of it is to be expected, and a queued job may live for a day."""
GROUP_BYTES = 24 << 20
"""Uncompressed size of a row group, which the writer holds in memory."""


class Plan(msgspec.Struct, frozen=True):
    """`parts` become one file; `sort`: by time, because the month is over."""

    parts: tuple[Part, ...]
    sort: bool

    @property
    def result(self) -> Part:
        first, last = self.parts[0], self.parts[-1]
        return parts.new_part(first.table, first.month, first.epoch, first.first, last.last)


def plan(found: tuple[Part, ...], damaged: set[Part], now: float) -> Plan | None:
    """What to merge next, if anything. `now` in Unix seconds."""
    open_ = missing(found)
    for (table, month, epoch), group in groupby(sorted(found), key=lambda part: (part.table, part.month, part.epoch)):
        if not epoch:
            continue
        over = is_over(month, now)
        holes = {gap.first for gap in open_ if (gap.table, gap.source.month, gap.source.epoch) == (table, month, epoch)}
        for run in _runs(list(group), damaged, holes):
            if over and len(run) > 1:
                return Plan(tuple(run), sort=True)
            for level in range(len(LEVELS)):
                tail = _tail(run, LEVELS[level])
                if len(tail) >= MANY:
                    return Plan(tuple(tail), sort=False)
    return None


def is_over(month: str, now: float) -> bool:
    return month < month_of(now - LATE)


def missing(found: tuple[Part, ...]) -> list[Gap]:
    """What of the derived tables is not made yet, of the files that count."""
    return parts.gaps(found, [table.name for table in DERIVED])


def _runs(group: list[Part], damaged: set[Part], holes: set[int]) -> list[list[Part]]:
    """Neighbours with neither a damaged file nor a hole between them."""
    runs: list[list[Part]] = [[]]
    for part in group:
        if part in damaged:
            runs.append([])
            continue
        if runs[-1] and any(runs[-1][-1].last < hole < part.first for hole in holes):
            runs.append([])
        runs[-1].append(part)
    return runs


def _tail(run: list[Part], size: int) -> list[Part]:
    """The files at the end of the run that are smaller than `size`."""
    start = len(run)
    while start > 0 and run[start - 1].size < size:
        start -= 1
    return run[start:]


def merge(con: "Con", root: Path, todo: Plan) -> None:
    """Write the merged file, put it in place, remove what went into it: safe to die after each step.

    Raises `duck.Damaged` for a file that can't be read, `duckdb.Error` when interrupted; then nothing has changed.
    """
    import duckdb

    manifest.vouch(root, todo.parts)
    paths = [part.path(root) for part in todo.parts]
    table = TABLES[todo.parts[0].table]
    draft = root / ".tmp" / f"merge-{table.name}-{todo.result.name}"
    try:
        rows, written = write(con, _together(con, table, duck.select(table, paths), todo.sort), paths, draft)
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        duck.blame(con, paths)
        raise
    if written != rows and not (table.merge and written <= rows):
        raise RuntimeError(f"merged {written} of {rows} rows of {table.name} {todo.result.month}")
    put(root, todo.result, draft)
    for path in paths:
        path.unlink()
    log.info("archive.files_merged", table=table.name, month=todo.result.month, files=len(paths), rows=rows)


def _together(con: "Con", table: Table, rows: str, sort: bool) -> str:
    """The SELECT of what the rows of several files become in one."""
    if table.merge:
        return day_by_day(con, table, table.time, rows, table.merged)
    return f"SELECT * FROM ({rows}) ORDER BY {table.sort or table.time}" if sort else rows


def day_by_day(con: "Con", table: Table, time: str, rows: str, added: Callable[[str], str]) -> str:
    """The SELECT, sorted, of what `added` makes of the SELECT `rows`; none of its rows may be made of two days' (by `time`).

    A day at a time, because counts of durations stay in memory while they are added up, and a month's are larger than it.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE added AS {table.none}")
    days = con.execute(f"SELECT DISTINCT date_trunc('day', {time}) FROM ({rows}) ORDER BY 1").fetchall()
    for (day,) in days:
        within = f"{time} >= '{day}'::TIMESTAMP AND {time} < '{day}'::TIMESTAMP + INTERVAL 1 DAY"
        of_day = f"SELECT * FROM ({rows}) WHERE {within if day else f'{time} IS NULL'}"
        con.execute(f"INSERT INTO added SELECT * FROM ({added(of_day)}) ORDER BY {table.sort}")
    return "FROM added"


def write(con: "Con", select: str, paths: list[Path], draft: Path) -> tuple[int, int]:
    """Write what `select` makes of the files `paths` to `draft`, fsynced; returns the rows of both. Raises `duckdb.Error`."""
    rows, size = _measure(con, paths)
    group = min(122_880, max(2048, GROUP_BYTES * rows // max(1, size) // 2048 * 2048))
    _copy(con, select, draft, f", ROW_GROUP_SIZE {group}")
    written, _ = _measure(con, [draft])
    parts.sync(draft)
    return rows, written


def close_gap(con: "Con", root: Path, gap: Gap) -> None:
    """Make the file of a derived table that an older version did not write. Raises as `merge` does."""
    import duckdb

    draft = root / ".tmp" / f"derive-{gap.table}-{gap.result.name}"
    table, requests = TABLES[gap.table], duck.rows_of(REQUESTS, gap, root)
    try:
        if table.merge:
            _copy(con, day_by_day(con, table, REQUESTS.time, requests, table.derived), draft)
        else:
            make(con, table, requests, draft)
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        duck.blame(con, [gap.source.path(root)])
        raise
    parts.sync(draft)
    put(root, gap.result, draft)
    log.info("archive.table_completed", table=gap.table, month=gap.source.month, first=gap.first, last=gap.last)


def make(con: "Con", table: Table, requests: str, draft: Path) -> None:
    """Write a file of a derived table from the request rows that the SELECT `requests` gives."""
    _copy(con, table.derived(requests), draft)


def _copy(con: "Con", select: str, draft: Path, more: str = "") -> None:
    """Nothing stays of what can't be written whole: the disk may be full, and this may be what fills it."""
    try:
        con.execute(f"COPY ({select}) TO {duck.quoted(draft)} (FORMAT parquet, COMPRESSION zstd{more})")
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def put(root: Path, part: Part, draft: Path) -> None:
    """Move a finished, fsynced file into its month, durably."""
    home = parts.folder(root, part.table, part.month)
    if not home.is_dir():
        home.mkdir(parents=True)
        parts.sync(home.parent)
        parts.sync(root)
    os.replace(draft, part.path(root))
    parts.sync(home)


def _measure(con: "Con", paths: list[Path]) -> tuple[int, int]:
    """Rows and uncompressed bytes of Parquet files, from their footers."""
    files = "[" + ", ".join(duck.quoted(path) for path in paths) + "]"
    sql = f"""
        SELECT coalesce(sum(total_uncompressed_size), 0)::BIGINT,
               (SELECT coalesce(sum(num_rows), 0)::BIGINT FROM parquet_file_metadata({files}))
        FROM parquet_metadata({files})"""
    found = con.execute(sql).fetchone()
    assert found is not None
    return int(found[1]), int(found[0])
