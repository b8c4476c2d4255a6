"""Rows of another archive, or of a copy of this one, taken in: `stage` copies and checks, `take_in` decides file by file.

A file comes in as it is when none of its rows is here. Rows that are here already, under whatever file, are left out, and
what remains becomes a file `import-….parquet`; so importing twice changes nothing. What a newcomer would get wrong: what is
derived of requests is never imported but made here, and a file of this archive's own epoch that is ahead of its mark is
refused, for LOG will bring those rows again.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from schemas.problem import Code, Problem
from storage import duck, manifest, merging, parts
from storage.archive import Archive
from storage.export import copy
from storage.manifest import Entry, Garbled, Manifest
from storage.parts import Part
from storage.tables import REQUESTS, TABLES, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

FOLDER = ".incoming"
"""Below the archive, so that what is staged comes into place by a rename."""
Told = Callable[[int, int, str], None]
Found = tuple[Part, ...]


class Taken(msgspec.Struct, frozen=True):
    """What became of one file. `here`: all its rows were here; `partly`: some were; `refused`: see `why`."""

    file: str
    result: Literal["taken", "partly", "here", "refused"]
    rows: int = 0
    """That came in."""
    left: int = 0
    """That were here already."""
    why: str = ""


@contextmanager
def room(root: Path) -> Iterator[Path]:
    """The folder to stage into. One import at a time: raises `Problem(CONFLICT)`."""
    import fcntl

    root.mkdir(parents=True, exist_ok=True)
    folder = root / FOLDER
    with (root / f"{FOLDER}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(Code.CONFLICT, "another import is under way") from None
        shutil.rmtree(folder, ignore_errors=True)  # of one that was killed
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def stage(source: Path, root: Path, folder: Path, told: Told | None = None) -> list[Taken]:
    """Copy what may be new of the archive `source` to `folder`, each file checked against its manifest or read whole.

    Returns what became of the files that were not copied. Raises `Problem` where there is no archive.
    """
    if source.resolve() == root.resolve():
        raise Problem(Code.INVALID_REQUEST, f"{source} is this archive itself")
    listed = parts.counting(parts.read_mark(source), parts.listing(source))
    given = [part for part in listed if TABLES[part.table].row is not None]
    if not given:
        raise Problem(Code.NOT_FOUND, f"there is no archive at {source}: no {REQUESTS.name}/month=YYYY-MM/*.parquet")
    with duck.connect(folder, "256MB") as con:
        work = _Staging(source, root, folder, con, sum(part.size for part in given), told)
        found = [one for part in given if (one := work.one(part)) is not None]
        return found + work.missing(given)


class _Staging:
    def __init__(self, source: Path, root: Path, folder: Path, con: "Con", total: int, told: Told | None) -> None:
        self.source, self.root, self.folder, self.con = source, root, folder, con
        self.total, self.told, self.done = total, told, 0
        self._books: dict[str, Manifest | None] = {}

    def one(self, part: Part) -> Taken | None:
        """Copy it; or what became of it instead."""
        path, own, name = part.path(self.source), part.path(self.root), _name(part)
        try:
            book = self._book(part.month)
        except Garbled as error:
            return Taken(name, "refused", why=f"the manifest of {part.month} can't be read: {error}")
        entry = book.entry(part) if book else None
        target = part.path(self.folder)
        try:
            if _same(own, path, part.size, entry):
                return Taken(name, "here", left=entry.rows if entry else duck.count(self.con, duck.source(path)))
            digest = copy(path, target, lambda more: self._tell(more, name))
        except duck.Damaged as error:
            return Taken(name, "refused", why=f"damaged: {error}")
        if entry is not None and digest != entry.sha256:
            target.unlink()
            return Taken(name, "refused", why="it is not what its manifest says: altered or damaged")
        if why := duck.damage(self.con, target):
            target.unlink()
            return Taken(name, "refused", why=f"damaged: {why}")
        return None

    def missing(self, given: list[Part]) -> list[Taken]:
        """What the manifests name and is not there."""
        found = []
        for month in manifest.months(self.source):
            try:
                book = self._book(month)
            except Garbled:
                continue  # told of each of its files
            for entry in book.files if book else ():
                own = parts.named(entry.table, month, entry.name)
                there = any(one.path(self.source) == own.path(self.source) or own.within(one) for one in given)
                if TABLES.get(entry.table) and TABLES[entry.table].row is not None and not there:
                    found.append(Taken(_name(own), "refused", why="its manifest names it, and it is not there"))
        return found

    def _book(self, month: str) -> Manifest | None:
        if month not in self._books:
            self._books[month] = manifest.read(self.source, month)
        return self._books[month]

    def _tell(self, more: int, name: str) -> None:
        self.done += more
        if self.told:
            self.told(self.done, self.total, name)


def take_in(archive: Archive, folder: Path, told: Callable[[Taken], None] | None = None) -> list[Taken]:
    """Take in what was staged in `folder`, each file at one stroke. Raises as `Archive.work` does."""
    results = []
    for part in parts.listing(folder):
        results.append(_one(archive, folder, part))
        if told:
            told(results[-1])
    return results


def _one(archive: Archive, folder: Path, part: Part) -> Taken:
    while True:
        try:
            return archive.work(lambda con, found: _Intake(archive, con, found).one(folder, part), still=True)
        except duck.Damaged as error:
            if error.path == part.path(folder):
                return Taken(_name(part), "refused", why=f"damaged: {error}")
            # a file here: known as damaged now, and left out


class _Intake:
    """One file, with the archive held still."""

    def __init__(self, archive: Archive, con: "Con", found: Found) -> None:
        self.archive, self.root, self.con, self.found = archive, archive.root, con, found

    def one(self, folder: Path, part: Part) -> Taken:
        path, table = part.path(folder), TABLES[part.table]
        if why := self._unfit(part, path, table):
            return Taken(_name(part), "refused", why=why)
        digest = manifest.hashed(path)[1]
        own = self._of_that_name(part)
        sound = own is not None and own not in self.archive.damaged
        if own is not None and sound and manifest.hashed(own.path(self.root))[1] == digest:
            return Taken(_name(part), "here", left=duck.count(self.con, duck.source(path)))
        if own is not None and self._broken(own, digest):
            return self._restore(own, part, path)
        return self._merged(part, path, table, digest)

    def _merged(self, part: Part, path: Path, table: Table, digest: str) -> Taken:
        """What of it is not here: the file itself, or those rows."""
        total, here = duck.count(self.con, duck.source(path)), self._here(part)
        new = self._new_rows(path, table, here)
        try:
            rows = duck.count(self.con, f"({new})")
        except Exception:
            duck.blame(self.con, here)
            raise
        if rows == 0 and total > 0:
            return Taken(_name(part), "here", left=total)
        if rows == total and self._may_keep_its_name(part):
            merging.put(self.root, part, path)
            return Taken(_name(part), "taken", rows=rows)
        target = parts.named(part.table, part.month, f"import-{digest[:16]}.parquet")
        draft = self.root / ".tmp" / f"{part.table}-{part.month}-{target.name}"
        merging.write(self.con, new, [path], draft)
        merging.put(self.root, target, draft)
        return Taken(_name(part), "taken" if rows == total else "partly", rows=rows, left=total - rows)

    def _unfit(self, part: Part, path: Path, table: Table) -> str:
        """Why the file can't be one of this archive; empty: it can."""
        mark, schema = self.archive.mark, duck.columns(self.con, duck.source(path))
        if parts.torn(mark, part):
            return "it is ahead of this archive, which will read those rows from the bus itself"
        if misfit := table.misfit(schema):
            return misfit
        if missing := [name for name in (*_identity(table)[:1], table.time) if name not in schema]:
            return f"it is no file of the table {table.name}: it has no column {missing[0]}"
        month = f"coalesce(strftime({table.time}, '%Y-%m'), 'no month')"
        ask = f"SELECT {month} FROM {duck.source(path)} WHERE {month} <> $month LIMIT 1"
        other = self.con.execute(ask, {"month": part.month}).fetchone()
        return f"it has rows of {other[0]} in the folder of {part.month}" if other else ""

    def _of_that_name(self, part: Part) -> Part | None:
        same = (one for one in self.found if (one.table, one.month, one.name) == (part.table, part.month, part.name))
        return next(same, None)

    def _broken(self, own: Part, digest: str) -> bool:
        """Whether the file of that name here can't be read, or is not what our manifest says while the new one is."""
        if own in self.archive.damaged or duck.damage(self.con, own.path(self.root)):
            return True
        try:
            book = manifest.read(self.root, own.month)
        except Garbled:
            return False
        entry = book.entry(own) if book else None
        return entry is not None and entry.sha256 == digest

    def _restore(self, own: Part, part: Part, path: Path) -> Taken:
        rows = duck.count(self.con, duck.source(path))
        os.replace(path, own.path(self.root))
        parts.sync(own.path(self.root).parent)
        self.archive.damaged.discard(own)
        return Taken(_name(part), "taken", rows=rows, why="in place of the broken one")

    def _here(self, part: Part) -> list[Path]:
        """The files of that table and month."""
        same = [one for one in self.found if (one.table, one.month) == (part.table, part.month)]
        paths = [one.path(self.root) for one in same if one not in self.archive.damaged]
        duck.all_there(paths)
        return paths

    def _new_rows(self, path: Path, table: Table, here: list[Path]) -> str:
        """The SELECT of the rows that are not here, each once."""
        names = _identity(table)
        schema = duck.columns(self.con, duck.source(path))
        own = [_key("new", name, name in schema) for name in names]
        same = " AND ".join(f"{mine} = {_key('old', name)}" for mine, name in zip(own, names, strict=True))
        once = (
            f"QUALIFY row_number() OVER (PARTITION BY {', '.join(own)}) = 1"
            if self._doubled(path, names, schema)
            else ""
        )
        return (
            f"SELECT new.* FROM {duck.source(path)} AS new WHERE NOT EXISTS "
            f"(SELECT 1 FROM ({duck.select(table, here)}) AS old WHERE {same}) {once}"
        )

    def _doubled(self, path: Path, names: tuple[str, ...], schema: dict[str, str]) -> bool:
        keys = ", ".join(_key("new", name, name in schema) for name in names)
        ask = f"SELECT count(*) > count(DISTINCT row({keys})) FROM {duck.source(path)} AS new"
        found = self.con.execute(ask).fetchone()
        return bool(found and found[0])

    def _may_keep_its_name(self, part: Part) -> bool:
        """Whether its name would neither hide a file that is here nor be hidden by one."""
        near = [one for one in self.found if (one.table, one.month, one.epoch) == (part.table, part.month, part.epoch)]
        if not part.epoch:
            return not any(one.stem == part.stem for one in near)
        overlapping = [one for one in near if one.first <= part.last and part.first <= one.last]
        return all(one in self.archive.damaged and one.within(part) for one in overlapping)


def _identity(table: Table) -> tuple[str, ...]:
    """The columns that tell one row from another."""
    return ("job", "run") if table is REQUESTS else ("id",)


def _key(side: str, name: str, there: bool = True) -> str:
    """An old file has no column `run`."""
    if name != "run":
        return f"{side}.{name}"
    return f"coalesce({side}.run, 0)" if there else "0"


def _name(part: Part) -> str:
    return f"{part.table}/month={part.month}/{part.name}"


def _same(own: Path, given: Path, size: int, entry: Entry | None) -> bool:
    """Whether the file here is the one that is given, and what its manifest says. Raises `duck.Damaged` for the given one."""
    try:
        if own.stat().st_size != size:
            return False
        mine = manifest.hashed(own)[1]
    except (FileNotFoundError, duck.Damaged):
        return False  # what comes may take its place
    return mine == manifest.hashed(given)[1] and (entry is None or entry.sha256 == mine)
