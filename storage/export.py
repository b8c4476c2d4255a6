"""A copy of the archive somewhere else: plain Parquet in the same folders, with a manifest for each month.

What a newcomer would get wrong: the archiver goes on meanwhile, and files may be merged away before they are copied. So the
list is made again as often as it takes until every file of one and the same list is there; what an earlier list had
brought and a later one has merged is taken away again. A copy that was broken off goes on where it was: a file has its
name only when it is complete, and one that is there is compared by its hash.
"""

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from schemas.problem import Code, Problem
from storage import duck, manifest, parts
from storage.manifest import Entry, Garbled, Manifest
from storage.parts import Part
from storage.verify import MEMORY

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

ROUNDS = 50
Told = Callable[[int, int, str], None]
"""Hears bytes done, bytes in all, and the file at hand."""


class Wish(msgspec.Struct, frozen=True):
    """What to copy; empty: all of it."""

    months: Sequence[str] = ()
    tables: Sequence[str] = ()

    def takes(self, part: Part) -> bool:
        return (not self.months or part.month in self.months) and (not self.tables or part.table in self.tables)


class Exported(msgspec.Struct, frozen=True):
    """What was done. `damaged`: files that were left out, with the reason."""

    months: tuple[str, ...]
    files: int
    rows: int
    bytes: int
    copied: int
    """Of `files`, those that were not there before."""
    damaged: tuple[tuple[str, str], ...] = ()


class _Export:
    def __init__(self, root: Path, target: Path, wish: Wish, con: "Con", told: Told | None) -> None:
        self.root, self.target, self.wish, self.con, self.told = root, target, wish, con, told
        self.done: dict[Part, Entry] = {}
        self.damaged: dict[Part, str] = {}
        self.copied = 0
        self._bytes = self._total = 0

    def run(self) -> tuple[Part, ...]:
        """Copy until one list is complete; returns it. Raises `Problem`."""
        for _ in range(ROUNDS):
            wanted = tuple(part for part in parts.snapshot(self.root).parts if self.wish.takes(part))
            self._bytes = sum(part.size for part in wanted if part in self.done)
            self._total = sum(part.size for part in wanted)
            known = _known(self.root, wanted)
            try:
                for part in wanted:
                    if part not in self.done and part not in self.damaged:
                        self._one(part, known.get(part))
                return wanted
            except duck.Vanished:
                continue
        raise Problem(Code.UNAVAILABLE, "The archive changes faster than it can be copied; try again.", retry_after=10)

    def _one(self, part: Part, known: Entry | None) -> None:
        source, target = part.path(self.root), part.path(self.target)
        try:
            if not self._there(target, source, known):
                digest = copy(source, target, self._tell(part))
                if known is not None and digest != known.sha256:
                    return self._leave(part, target, "it is not what the manifest says")
                self.copied += 1
            self.done[part] = manifest.describe(self.con, part, target)
        except duck.Damaged as error:
            self._leave(part, target, str(error))

    def _there(self, target: Path, source: Path, known: Entry | None) -> bool:
        """Whether the whole file is there from an earlier try."""
        try:
            if target.stat().st_size != source.stat().st_size:
                return False
        except FileNotFoundError:
            return False
        return manifest.hashed(target)[1] == (known.sha256 if known else manifest.hashed(source)[1])

    def _leave(self, part: Part, target: Path, why: str) -> None:
        target.unlink(missing_ok=True)
        self.damaged[part] = why

    def _tell(self, part: Part) -> Callable[[int], None]:
        def tell(more: int) -> None:
            self._bytes += more
            if self.told:
                self.told(min(self._bytes, self._total), self._total, f"{part.table}/month={part.month}/{part.name}")

        return tell


def export(root: Path, target: Path, wish: Wish | None = None, told: Told | None = None) -> Exported:
    """Copy what `wish` takes of the archive `root` to the folder `target`. Raises `Problem` for a target that can't be
    used, that is full, or months that are not there; what was copied until then stays, and the next try goes on."""
    wish = wish or Wish()
    _check(root, target)
    with tempfile.TemporaryDirectory() as temp, duck.connect(Path(temp), MEMORY) as con, _spoken(target):
        target.mkdir(parents=True, exist_ok=True)
        work = _Export(root, target, wish, con, told)
        wanted = [part for part in work.run() if part in work.done]
        months = tuple(sorted({part.month for part in wanted}))
        if missing := sorted(set(wish.months) - set(months) - {part.month for part in work.damaged}):
            raise Problem(Code.NOT_FOUND, f"there is nothing of {', '.join(missing)} in the archive")
        for rest in target.glob("*/month=*/.*.part"):
            rest.unlink(missing_ok=True)  # of a try that was killed
        for month in months:
            _settle(target, month, wish, {part: work.done[part] for part in wanted if part.month == month})
    entries = [work.done[part] for part in wanted]
    return Exported(
        months, len(entries), sum(one.rows for one in entries), sum(one.bytes for one in entries), work.copied,
        tuple((str(part.path(root)), why) for part, why in work.damaged.items()),
    )  # fmt: skip


def copy(source: Path, target: Path, told: Callable[[int], None] | None = None) -> str:
    """Copy a file so that it has its name only when it is whole and on the disk; returns its SHA-256.

    Raises `duck.Vanished`, `duck.Damaged` where the disk does not give it, OSError of the target, and `Problem` when what was
    written can't be read back.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    digest = hashlib.sha256()
    try:
        with draft.open("wb", buffering=0) as made:
            for chunk in manifest.chunks(source):
                digest.update(chunk)
                _write(made.fileno(), chunk)
                if told:
                    told(len(chunk))
            os.fsync(made.fileno())
        if manifest.hashed(draft)[1] != digest.hexdigest():
            raise Problem(Code.INTERNAL, f"{target} does not hold what was written to it: the disk is broken")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    parts.sync(target.parent)
    return digest.hexdigest()


def _write(handle: int, chunk: bytes) -> None:
    """All of it: a disk that fills up takes a part first."""
    left = memoryview(chunk)
    while left:
        left = left[os.write(handle, left) :]


def _check(root: Path, target: Path) -> None:
    real, own = target.resolve(), root.resolve()
    if real == own or own in real.parents or real in own.parents:
        raise Problem(
            Code.INVALID_REQUEST, f"{target} is the archive itself, within it or around it; name another folder"
        )
    if (target / parts.STATE).exists():
        raise Problem(Code.INVALID_REQUEST, f"{target} is an archive that an AI Server writes to; name another folder")
    if not root.is_dir():
        raise Problem(Code.NOT_FOUND, f"there is no archive at {root}")


@contextmanager
def _spoken(target: Path) -> Iterator[None]:
    """What the target's disk refuses, in a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = f"{target} is full. What was copied stays; make room and export again, it goes on there."
            raise Problem(Code.OVERLOADED, text) from error
        raise Problem(Code.INVALID_REQUEST, f"{error.filename or target}: {error.strerror}") from error


def _known(root: Path, wanted: Sequence[Part]) -> dict[Part, Entry]:
    """What the archive's own manifests say of the files."""
    found: dict[Part, Entry] = {}
    for month in {part.month for part in wanted}:
        try:
            book = manifest.read(root, month)
        except Garbled:
            continue
        for part in wanted:
            if book is not None and part.month == month and (entry := book.entry(part)) is not None:
                found[part] = entry
    return found


def _settle(target: Path, month: str, wish: Wish, done: dict[Part, Entry]) -> None:
    """Take away what an earlier export had brought and is merged now, and write the month's manifest."""
    try:
        old = manifest.read(target, month)
    except Garbled:
        old = None
    names = {(part.table, part.name) for part in done}
    others = []
    for entry in old.files if old else ():
        part = parts.named(entry.table, month, entry.name)
        if not wish.takes(part):
            others.append(entry)
        elif (entry.table, entry.name) not in names:
            part.path(target).unlink(missing_ok=True)
    for part in parts.covered(tuple(part for part in parts.listing(target) if part.month == month)):
        part.path(target).unlink(missing_ok=True)
    manifest.write(target, Manifest(month=month, files=(*done.values(), *others), written=round(time.time(), 3)))
