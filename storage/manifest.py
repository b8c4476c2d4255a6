"""The manifest of a month that is over: each file with its rows, its SHA-256, its first and last moment and its columns.

    <archive>/manifest/month=2026-10.json

It stands beside the tables and not among them, so a pattern like `archive/requests/*/*.parquet` never meets it. What a
newcomer would get wrong: a file is described once, when it is new, and after that believed to be what was described. Were it
hashed again each time the manifest is written, damage that came meanwhile would be written down as the truth.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from storage import duck, parts
from storage.parts import Part
from storage.tables import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

log = structlog.get_logger()

FOLDER = "manifest"
CHUNK = 1 << 20
Told = Callable[[int], None]
"""Hears how many bytes more were read."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file, as it was when it was described."""

    table: str
    name: str
    rows: int
    bytes: int
    sha256: str
    first: str | None = None
    """The oldest of the table's time column, UTC; None: no row."""
    last: str | None = None
    schema: dict[str, str] = {}
    """Columns in their order, with DuckDB's types."""
    writer: str = ""
    """Version of the program that described it."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    month: str
    files: tuple[Entry, ...] = ()
    """Sorted by table and name."""
    format: int = 1
    written: float = 0.0
    """Unix seconds."""

    def entry(self, part: Part) -> Entry | None:
        return next((one for one in self.files if (one.table, one.name) == (part.table, part.name)), None)


class Garbled(Exception):
    """The manifest is there and can't be read."""


def path_of(root: Path, month: str) -> Path:
    return root / FOLDER / f"month={month}.json"


def read(root: Path, month: str) -> Manifest | None:
    """The month's manifest; None: it has none (yet). Raises `Garbled`."""
    try:
        found = msgspec.json.decode(path_of(root, month).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise Garbled(str(error)) from error
    if found.month != month or found.format != 1:
        raise Garbled(f"it is of month {found.month!r}, format {found.format}")
    return found


def months(root: Path) -> list[str]:
    """The months that have a manifest."""
    return sorted(path.stem.removeprefix("month=") for path in (root / FOLDER).glob("month=????-??.json"))


def write(root: Path, manifest: Manifest) -> None:
    """Atomic and fsynced."""
    path = path_of(root, manifest.month)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        parts.sync(root)
    files = tuple(sorted(manifest.files, key=lambda one: (one.table, one.name)))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(
            msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(manifest, files=files)), indent=1) + b"\n"
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    parts.sync(path.parent)


def remove(root: Path, month: str) -> None:
    path_of(root, month).unlink(missing_ok=True)


def describe(con: "Con", part: Part, path: Path, told: Told | None = None) -> Entry:
    """Read the file from its first byte to its last. Raises `duck.Damaged`, `duck.Vanished`."""
    duck.blame(con, [path])
    size, digest = hashed(path, told)
    schema = duck.columns(con, duck.source(path))
    time = TABLES[part.table].time
    span = f"min({time})::VARCHAR, max({time})::VARCHAR" if time in schema else "NULL, NULL"
    found = con.execute(f"SELECT count(*), {span} FROM {duck.source(path)}").fetchone()
    assert found is not None
    rows, first, last = found
    return Entry(
        table=part.table, name=part.name, rows=rows, bytes=size, sha256=digest, first=first, last=last, schema=schema,
        writer=version(),
    )  # fmt: skip


def vouch(root: Path, there: Iterable[Part]) -> None:
    """Before files are written anew: are they still what their manifests say? Else damage would become part of a file that
    nobody doubts. Raises `duck.Damaged`, `duck.Vanished`. A garbled manifest says nothing."""
    books: dict[str, Manifest | None] = {}
    for part in there:
        if part.month not in books:
            try:
                books[part.month] = read(root, part.month)
            except Garbled:
                books[part.month] = None
        book = books[part.month]
        entry = book.entry(part) if book else None
        if entry is not None and hashed(part.path(root)) != (entry.bytes, entry.sha256):
            raise duck.Damaged(part.path(root), "it is not what the manifest says")


def hashed(path: Path, told: Told | None = None) -> tuple[int, str]:
    """Bytes and SHA-256. Raises `duck.Vanished`, `duck.Damaged` where the disk does not give them."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks(path):
        digest.update(chunk)
        size += len(chunk)
        if told:
            told(len(chunk))
    return size, digest.hexdigest()


def chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes. Raises as `hashed` does."""
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except FileNotFoundError:
        raise duck.Vanished(path.name) from None
    except OSError as error:
        raise duck.Damaged(path, error.strerror or str(error)) from error


def renewed(
    old: Manifest | None, month: str, there: Iterable[Part], describe: Callable[[Part], Entry | None]
) -> Manifest:
    """What the manifest says now: what is known stays, what is new is described, what another file holds now is let go.

    A file that is gone though nobody let it go stays listed, so that it is missed. `describe` gives None for what can't be
    read: it is not listed, and so stands out.
    """
    there = list(there)
    kept = {(one.table, one.name): one for one in (old.files if old else ()) if not _merged(one, month, there)}
    for part in there:
        if (part.table, part.name) not in kept and (made := describe(part)) is not None:
            kept[part.table, part.name] = made
    return Manifest(month=month, files=tuple(sorted(kept.values(), key=lambda one: (one.table, one.name))))


def _merged(entry: Entry, month: str, there: list[Part]) -> bool:
    """Whether the file's rows are in another one now."""
    own = parts.named(entry.table, month, entry.name)
    return any(own.within(part) for part in there)


@cache
def version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ai-server {version('ai-server')}"
    except PackageNotFoundError:
        return "ai-server"
