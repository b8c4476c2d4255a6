"""The archive's files: how they are named, which of them count, and up to where the stream LOG has been archived.

    <archive>/state.json                                      the mark: the commit point of everything
    <archive>/<table>/month=2026-11/<epoch>-<first>-<last>.parquet   rows of the LOG sequences first … last
    <archive>/.tmp/                                           files on their way; <archive>/refused/ rows no column can hold

What a newcomer would get wrong: a file in place is not yet part of the archive. A batch may span two months, so its
files can't appear at one instant; they count from the moment the mark passes them. And a file whose range lies within
another's of the same table, month and epoch has been merged into it, so it no longer counts.

What is derived of requests (`Table.derive`) has a file wherever requests have one, under the same name when both are new,
and be it empty: so where none is, an older version wrote the requests, and the file is made later (`gaps`).

An epoch is one life of the stream LOG as seen from here. Sequences restart when the stream is made anew, and a power loss
may take the stream's tail, so that a sequence is given twice: both begin a new epoch.
"""

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from schemas.log import RequestLog, Row
from schemas.problem import Code, Problem
from storage.tables import TABLES

Rows = list[tuple[int, Row]]
"""Rows with their LOG sequence. Rows that came in one message share it."""
Name = tuple[int, int] | str
"""What a row tells of, once: a job and its run; of what is no request, its id."""

STATE = "state.json"
SOURCE = "requests"
"""The table that the others are derived of."""
_NAME = re.compile(r"(\d{8}T\d{9}Z)-(\d{12,})-(\d{12,})\Z")
_REVISED = re.compile(r"(.*?)(?:\.rev(\d{1,6}))?\.parquet\Z")
_MONTH = re.compile(r"month=(\d{4}-(?:0[1-9]|1[0-2]))\Z")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where LOG has been archived. `time` is the stream's time stamp of `seq`: it proves that `seq` is still the same
    message. Rows up to `check_until`, and all until `check_before` (Unix seconds), may be in the archive from an earlier
    epoch, so their jobs are looked up: who lost an answer with the stream's tail sends the record again for a while."""

    epoch: str = ""
    seq: int = 0
    time: str = ""
    check_until: int = 0
    check_before: float = 0.0

    def doubts(self, seq: int, row: Row, now: float) -> bool:
        """Whether the row may have been archived before. Recovery says so itself (`again`); what is no request may be told
        by two at once, so it is always looked up."""
        again = row.again if isinstance(row, RequestLog) else True
        return again or seq <= self.check_until or now < self.check_before


class Part(msgspec.Struct, frozen=True, order=True):
    """One Parquet file. A file with a name that is not ours (put there by hand) has no epoch: it is read, never merged."""

    table: str
    month: str
    epoch: str
    first: int
    last: int
    name: str
    size: int = 0
    rev: int = 0
    """A file that was written anew (`keeping`) has its old name with `.rev1`, `.rev2` … and takes the place of those before."""

    @property
    def stem(self) -> str:
        """The name without its revision."""
        return self.name.removesuffix(".parquet").removesuffix(f".rev{self.rev}")

    def revised(self) -> "Part":
        """The file that takes this one's place. A name of its own, for readers hold on to names."""
        return named(self.table, self.month, f"{self.stem}.rev{self.rev + 1}.parquet")

    def path(self, root: Path) -> Path:
        return folder(root, self.table, self.month) / self.name

    def within(self, other: "Part") -> bool:
        """Whether its rows are in `other` too."""
        if (self.table, self.month, self.epoch) != (other.table, other.month, other.epoch):
            return False
        if self.stem == other.stem:
            return self.rev < other.rev
        return self.epoch != "" and other.first <= self.first and self.last <= other.last


class Snapshot(msgspec.Struct, frozen=True):
    """The archive at one instant: the mark and the files that make it up, sorted."""

    mark: Mark
    parts: tuple[Part, ...]


class Gap(msgspec.Struct, frozen=True):
    """Of the rows in the requests file `source`, those of the sequences `first` … `last` are not in `table` yet."""

    table: str
    source: Part
    first: int
    last: int

    @property
    def whole(self) -> bool:
        return (self.first, self.last) == (self.source.first, self.source.last)

    @property
    def result(self) -> Part:
        """The file that closes it."""
        if not self.source.epoch:
            return msgspec.structs.replace(self.source, table=self.table)
        return new_part(self.table, self.source.month, self.source.epoch, self.first, self.last)


def name_of(row: Row) -> Name:
    return (row.job, row.run) if isinstance(row, RequestLog) else row.id


def fresh(rows: Rows, doubts: Callable[[int, Row], bool], archived: Callable[[Rows], Collection[Name]]) -> Rows:
    """`rows` of one table without those doubted that are in the archive or come a second time. `archived` looks them up."""
    doubted = [item for item in rows if doubts(*item)]
    if not doubted:
        return rows
    seen = set(archived(doubted)) | {name_of(row) for seq, row in rows if not doubts(seq, row)}
    found = []
    for seq, row in rows:
        if doubts(seq, row):
            if name_of(row) in seen:
                continue
            seen.add(name_of(row))
        found.append((seq, row))
    return found


def folder(root: Path, table: str, month: str) -> Path:
    return root / table / f"month={month}"


def new_part(table: str, month: str, epoch: str, first: int, last: int) -> Part:
    return Part(table, month, epoch, first, last, f"{epoch}-{first:012d}-{last:012d}.parquet")


def named(table: str, month: str, name: str, size: int = 0) -> Part:
    """The file of this name."""
    revised = _REVISED.match(name)
    stem, rev = (revised[1], int(revised[2] or 0)) if revised else (name, 0)
    match = _NAME.match(stem)
    if match is None:
        return Part(table, month, "", 0, 0, name, size, rev)
    return Part(table, month, match[1], int(match[2]), int(match[3]), name, size, rev)


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
    gone = covered(whole)
    return tuple(part for part in whole if part not in gone)


def torn(mark: Mark, part: Part) -> bool:
    """Whether the file belongs to a batch that was never committed: its rows are still to come."""
    return part.epoch == mark.epoch != "" and part.last > mark.seq


def covered(parts: Iterable[Part]) -> dict[Part, Part]:
    """The files whose rows are in another file too, by its name, with that file. Sorted by first sequence, only the widest so
    far can cover the next."""
    result: dict[Part, Part] = {}
    widest = None
    for part in sorted(parts, key=lambda p: (p.table, p.month, p.epoch, p.first, -p.last, p.stem, -p.rev)):
        if widest is not None and part.within(widest):
            result[part] = widest
        else:
            widest = part
    return result


def gaps(found: Iterable[Part], tables: Sequence[str]) -> list[Gap]:
    """What of the derived tables `tables` is not made yet. `found`: the files that count (`counting`)."""
    held: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
    for part in found:
        held[part.table, part.month, part.epoch].append(part)
    result: list[Gap] = []
    for (_, month, epoch), requests in [entry for entry in held.items() if entry[0][0] == SOURCE]:
        for table in tables:
            there = sorted(held.get((table, month, epoch), ()), key=lambda part: part.first)
            if epoch:
                result += _between(table, sorted(requests, key=lambda part: part.first), there)
            else:
                names = {part.stem for part in there}
                result += [Gap(table, part, 0, 0) for part in requests if part.stem not in names]
    return result


def _between(table: str, requests: list[Part], there: list[Part]) -> Iterable[Gap]:
    """What of the ranges of `requests` no range of `there` covers. Both are sorted, and neither overlaps itself."""
    at = 0
    for part in requests:
        first = part.first
        while at < len(there) and there[at].last < first:
            at += 1
        for one in there[at:]:
            if one.first > part.last:
                break
            if one.first > first:
                yield Gap(table, part, first, one.first - 1)
            first = max(first, one.last + 1)
        if first <= part.last:
            yield Gap(table, part, first, part.last)


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
    """A link that leads nowhere is none: it would be waited for without end."""
    return entry.name.endswith(".parquet") and not entry.name.startswith(".") and entry.is_file()


def _part(table: str, month: str, entry: os.DirEntry[str]) -> Part:
    try:
        size = entry.stat().st_size
    except FileNotFoundError:
        size = 0  # merged away a moment ago: the next listing won't have it
    return named(table, month, entry.name, size)


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
