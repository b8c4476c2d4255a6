"""What is in the archive, by month and table, from the files' footers: a second for years of it.

What a newcomer would get wrong: a footer that can be read proves nothing of what stands before it; `verify` reads it all.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from storage import duck, manifest, parts
from storage.manifest import Garbled
from storage.parts import Part
from storage.verify import MEMORY

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con


class Holding(msgspec.Struct, frozen=True):
    """One table of one month. `closed`: the month is over and its manifest is written. `damaged`: files whose footer can't
    be read."""

    month: str
    table: str
    files: int
    rows: int
    bytes: int
    closed: bool
    damaged: tuple[str, ...] = ()


def overview(root: Path) -> list[Holding]:
    """All months, newest first. Raises `Problem(UNAVAILABLE)` as `parts.snapshot` does."""
    for _ in range(20):
        found = parts.snapshot(root).parts
        try:
            counted = rows_of(root, found)
        except duck.Vanished:
            continue
        return _grouped(root, found, counted)
    return _grouped(root, found, {})


def rows_of(root: Path, found: Iterable[Part]) -> dict[Part, int]:
    """Rows by file, by their footers. A file whose footer can't be read is left out. Raises `duck.Vanished`."""
    counted: dict[Part, int] = {}
    with tempfile.TemporaryDirectory() as temp, duck.connect(Path(temp), MEMORY) as con:
        for part in found:
            if (rows := _rows(con, part.path(root))) is not None:
                counted[part] = rows
    return counted


def _rows(con: "Con", path: Path) -> int | None:
    import duckdb

    try:
        found = con.execute(f"SELECT num_rows FROM parquet_file_metadata({duck.quoted(path)})").fetchone()
    except duckdb.Error:
        if not path.exists():
            raise duck.Vanished(path.name) from None
        return None
    return int(found[0]) if found else 0


def _grouped(root: Path, found: Iterable[Part], counted: dict[Part, int]) -> list[Holding]:
    groups: dict[tuple[str, str], list[Part]] = {}
    for part in found:
        groups.setdefault((part.month, part.table), []).append(part)
    closed = {month: _closed(root, month) for month in {month for month, _ in groups}}
    return [
        Holding(
            month=month,
            table=table,
            files=len(there),
            rows=sum(counted.get(part, 0) for part in there),
            bytes=sum(part.size for part in there),
            closed=closed[month],
            damaged=tuple(part.name for part in there if part not in counted),
        )
        for (month, table), there in sorted(groups.items(), key=lambda item: item[0], reverse=True)
    ]


def _closed(root: Path, month: str) -> bool:
    try:
        return manifest.read(root, month) is not None
    except Garbled:
        return False
