"""Is the archive whole? Every file is opened, read to its end, counted and hashed, and compared with the manifest.

What a newcomer would get wrong: the archiver goes on meanwhile. A file that vanished was merged or dropped, and a month
whose files changed is looked at again; what was found out about a file is remembered by its name, for no name comes back
with other content.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from storage import duck, manifest, parts
from storage.manifest import Entry, Garbled, Manifest
from storage.parts import Part

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

TRIES, PAUSE = 8, 0.5
"""Looks at a month that does not hold still, and the seconds between two."""
MEMORY = "256MB"

Told = Callable[[int, int, str], None]
"""Hears bytes read, bytes in all, and the file at hand."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong. `damaged`: can't be read; `altered`: can be read and is not what the manifest says;
    `missing`: listed and not there; `surplus`: there and not listed; `garbled`: the manifest itself."""

    kind: Literal["damaged", "altered", "missing", "surplus", "garbled"]
    file: str
    """Below the archive's folder."""
    why: str


class Checked(msgspec.Struct, frozen=True):
    """One month."""

    month: str
    closed: bool
    """It has a manifest."""
    files: int
    rows: int
    """Of the files that can be read."""
    bytes: int
    findings: tuple[Finding, ...] = ()


class _Seen(msgspec.Struct, frozen=True):
    """What was found out about a file. `why`: it can't be read."""

    rows: int
    size: int
    sha256: str
    why: str = ""


class _Check:
    """One run over an archive."""

    def __init__(self, root: Path, con: "Con", total: int, told: Told | None) -> None:
        self.root, self.con, self.total, self.told = root, con, total, told
        self.read = 0
        self._seen: dict[Part, _Seen] = {}

    def month(self, month: str) -> Checked:
        """Looked at again while its files change under our eyes."""
        for last in (False,) * (TRIES - 1) + (True,):
            before = _state(self.root, month)
            try:
                found = self._once(month, *before)
            except duck.Vanished:
                continue
            if last or not found.findings or not self._restless(month, before, found):
                return found
        raise AssertionError("the last try returns")

    def _restless(self, month: str, before: object, found: Checked) -> bool:
        """Whether what is wrong may only be the archiver at work: its manifest comes a moment after its files."""
        if any(one.kind in ("surplus", "missing") for one in found.findings):
            time.sleep(PAUSE)
        return _state(self.root, month) != before

    def _once(self, month: str, there: tuple[Part, ...], listed: "Manifest | str | None") -> Checked:
        findings: list[Finding] = []
        if isinstance(listed, str):
            file = manifest.path_of(self.root, month).relative_to(self.root)
            findings.append(Finding("garbled", str(file), listed))
        book = listed if isinstance(listed, Manifest) else None
        rows = 0
        for part in there:
            seen = self._look(part)
            rows += seen.rows
            entry = book.entry(part) if book else None
            if wrong := _wrong(seen, entry, book is not None):
                findings.append(Finding(wrong[0], _name(part), wrong[1]))
        for entry in book.files if book else ():
            own = parts.named(entry.table, month, entry.name)
            if not any((part.table, part.name) == (own.table, own.name) or own.within(part) for part in there):
                findings.append(Finding("missing", _name(own), f"{entry.rows} rows"))
        size = sum(part.size for part in there)
        return Checked(month, listed is not None, len(there), rows, size, tuple(findings))

    def _look(self, part: Part) -> _Seen:
        if part in self._seen:
            return self._seen[part]
        path = part.path(self.root)
        try:
            size, digest = manifest.hashed(path, lambda more: self._tell(more, _name(part)))
            duck.blame(self.con, [path])
            seen = _Seen(duck.count(self.con, duck.source(path)), size, digest)
        except duck.Damaged as error:
            seen = _Seen(0, part.size, "", str(error))
        self._seen[part] = seen
        return seen

    def _tell(self, more: int, name: str) -> None:
        self.read += more
        if self.told:
            self.told(self.read, max(self.total, self.read), name)


def verify(root: Path, months: Sequence[str] = (), told: Told | None = None) -> list[Checked]:
    """Look at these months, or all. Never raises for what is wrong: that is its answer."""
    found = parts.snapshot(root).parts
    wanted = sorted(set(months) or {part.month for part in found} | set(manifest.months(root)))
    total = sum(part.size for part in found if part.month in wanted)
    with tempfile.TemporaryDirectory() as temp, duck.connect(Path(temp), MEMORY) as con:
        check = _Check(root, con, total, told)
        return [check.month(month) for month in wanted]


def accept(root: Path, months: Sequence[str] = ()) -> list[str]:
    """Write the manifests of these closed months (or all) anew from what is there and can be read; returns the months. One that
    goes on gets none: each further file would be too much.

    For whoever has put right by hand what was wrong, or knows that it can't be.
    """
    wanted = [month for month in manifest.months(root) if not months or month in months]
    with tempfile.TemporaryDirectory() as temp, duck.connect(Path(temp), MEMORY) as con:
        for month in wanted:
            there = [part for part in parts.snapshot(root).parts if part.month == month]
            readable = [part for part in there if not duck.damage(con, part.path(root))]
            files = tuple(manifest.describe(con, part, part.path(root)) for part in readable)
            manifest.write(root, Manifest(month=month, files=files, written=time.time()))
    return wanted


def _state(root: Path, month: str) -> "tuple[tuple[Part, ...], Manifest | str | None]":
    """The month's files, and its manifest or what is wrong with it."""
    there = tuple(part for part in parts.snapshot(root).parts if part.month == month)
    try:
        return there, manifest.read(root, month)
    except Garbled as error:
        return there, str(error)


def _wrong(
    seen: _Seen, entry: Entry | None, closed: bool
) -> tuple[Literal["damaged", "altered", "surplus"], str] | None:
    if seen.why:
        return "damaged", seen.why
    if entry is None:
        return ("surplus", "the manifest does not name it") if closed else None
    if (seen.size, seen.sha256) != (entry.bytes, entry.sha256):
        return "altered", f"{seen.size} bytes, sha256 {seen.sha256[:12]}…, not {entry.bytes}, {entry.sha256[:12]}…"
    if seen.rows != entry.rows:
        return "altered", f"{seen.rows} rows, not {entry.rows}"
    return None


def _name(part: Part) -> str:
    return f"{part.table}/month={part.month}/{part.name}"
