"""The archive's files: how they are named, which of them count, and up to where the stream LOG has been archived.

    <archive>/state.json                                      the mark: the commit point of everything
    <archive>/requests/month=2026-11/<epoch>-<first>-<last>.parquet   rows of the LOG sequences first … last
    <archive>/.tmp/                                           files on their way; <archive>/refused/ rows no column can hold

What a newcomer would get wrong: a file in place is not yet part of the archive. A batch may span two months, so its
files can't appear at one instant; they count from the moment the mark passes them. And a file whose range lies within
another's of the same month and epoch has been merged into it, so it no longer counts.

An epoch is one life of the stream LOG as seen from here. Sequences restart when the stream is made anew, and a power loss
may take the stream's tail, so that a sequence is given twice: both begin a new epoch.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from schemas.log import RequestLog
from schemas.problem import Code, Problem
from storage.tables import TABLES

Rows = list[tuple[int, RequestLog]]
"""Rows with their LOG sequence. Rows that came in one message share it."""
Run = tuple[int, int]
"""A job and its run: what a row tells of, once."""

STATE = "state.json"
_NAME = re.compile(r"(\d{8}T\d{9}Z)-(\d{12,})-(\d{12,})\.parquet\Z")
_MONTH = re.compile(r"month=(\d{4}-\d{2})\Z")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where LOG has been archived. `time` is the stream's time stamp of `seq`: it proves that `seq` is still the same
    message. Rows up to `check_until`, and all until `check_before` (Unix seconds), may be in the archive from an earlier
    epoch, so their jobs are looked up: who lost an answer with the stream's tail sends the record again for a while."""

    epoch: str = ""
    seq: int = 0
    time: str = ""
    check_until: int = 0
    check_before: float = 0.0

    def doubts(self, seq: int, row: RequestLog, now: float) -> bool:
        """Whether the row may have been archived before. Recovery says so itself (`again`)."""
        return row.again or seq <= self.check_until or now < self.check_before


class Part(msgspec.Struct, frozen=True, order=True):
    """One Parquet file. A file with a name that is not ours (put there by hand) has no epoch: it is read, never merged."""

    table: str
    month: str
    epoch: str
    first: int
    last: int
    name: str
    size: int = 0

    def path(self, root: Path) -> Path:
        return folder(root, self.table, self.month) / self.name

    def within(self, other: "Part") -> bool:
        """Whether its rows are in `other` too."""
        same = (self.table, self.month, self.epoch) == (other.table, other.month, other.epoch)
        return same and other.first <= self.first and self.last <= other.last and self.name != other.name


class Snapshot(msgspec.Struct, frozen=True):
    """The archive at one instant: the mark and the files that make it up, sorted."""

    mark: Mark
    parts: tuple[Part, ...]


def fresh(rows: Rows, doubts: Callable[[int, RequestLog], bool], archived: Callable[[Rows], set[Run]]) -> Rows:
    """`rows` without those doubted whose run is in the archive or comes a second time. `archived` looks jobs up."""
    doubted = [item for item in rows if doubts(*item)]
    if not doubted:
        return rows
    seen = archived(doubted) | {(row.job, row.run) for seq, row in rows if not doubts(seq, row)}
    found = []
    for seq, row in rows:
        if doubts(seq, row):
            if (row.job, row.run) in seen:
                continue
            seen.add((row.job, row.run))
        found.append((seq, row))
    return found


def folder(root: Path, table: str, month: str) -> Path:
    return root / table / f"month={month}"


def new_part(table: str, month: str, epoch: str, first: int, last: int) -> Part:
    return Part(table, month, epoch, first, last, f"{epoch}-{first:012d}-{last:012d}.parquet")


def new_epoch(now: float) -> str:
    """A name for an epoch that begins at `now` (Unix seconds): its time in UTC, with milliseconds."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{int(now * 1000) % 1000:03d}Z"


def snapshot(root: Path, tries: int = 100) -> Snapshot:
    """The archive as it is now, though its writer goes on. Raises `Problem(UNAVAILABLE)` if it never holds still.

    A folder's listing is no atomic thing: it may miss a merged file and the files it replaced. Two equal listings between
    two equal marks prove that nothing happened in between, because no name ever comes back.
    """
    before = (read_mark(root), listing(root))
    for _ in range(tries):
        after = (read_mark(root), listing(root))
        if after == before:
            return Snapshot(after[0], counting(*after))
        before = after
    raise Problem(Code.UNAVAILABLE, f"The archive {root} changes faster than it can be listed.", retry_after=1)


def counting(mark: Mark, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The files that count: neither torn nor merged into another."""
    whole = [part for part in parts if not torn(mark, part)]
    gone = set(covered(tuple(whole)))
    return tuple(part for part in whole if part not in gone)


def torn(mark: Mark, part: Part) -> bool:
    """Whether the file belongs to a batch that was never committed: its rows are still to come."""
    return part.epoch == mark.epoch != "" and part.last > mark.seq


def covered(parts: tuple[Part, ...]) -> list[Part]:
    """The files whose rows are in another file too. Sorted by first sequence, only the widest so far can cover the next."""
    result, widest = [], None
    for part in sorted(parts, key=lambda p: (p.table, p.month, p.epoch, p.first, -p.last)):
        if widest is not None and part.epoch and part.within(widest):
            result.append(part)
        else:
            widest = part
    return result


def listing(root: Path) -> tuple[Part, ...]:
    """All Parquet files of all tables and months."""
    found = []
    for table in TABLES:
        for entry in _entries(root / table):
            if month := _MONTH.match(entry.name):
                found += [_part(table, month[1], file) for file in _entries(Path(entry.path)) if _is_file(file)]
    return tuple(sorted(found))


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".parquet") and not entry.name.startswith(".")


def _part(table: str, month: str, entry: os.DirEntry[str]) -> Part:
    try:
        size = entry.stat().st_size
    except FileNotFoundError:
        size = 0  # merged away a moment ago: the next listing won't have it
    match = _NAME.match(entry.name)
    if match is None:
        return Part(table, month, "", 0, 0, entry.name, size)
    return Part(table, month, match[1], int(match[2]), int(match[3]), entry.name, size)


def read_mark(root: Path) -> Mark:
    """The mark; an empty one if there is none or it can't be read: then every row is looked up before it is written."""
    try:
        return msgspec.json.decode((root / STATE).read_bytes(), type=Mark)
    except (FileNotFoundError, msgspec.DecodeError):
        return Mark()


def write_mark(root: Path, mark: Mark) -> None:
    """The commit: atomic and fsynced."""
    draft = root / ".tmp" / STATE
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(mark))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, root / STATE)
    sync(root)


def sync(path: Path) -> None:
    """fsync a file's content, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
