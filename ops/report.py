"""`ai-server sql`: a query over the archive, what is written and what is still on the bus as one table.

What a newcomer would get wrong: it needs no running server. Without one the archive's files answer, and whatever the bus
still held when it stopped is missing until it runs again; a note on stderr says so.
"""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from bus.connection import Link, open_bus
from ops import logs
from ops.printing import show
from ops.settings import Settings
from schemas.problem import Code, Problem
from storage import sql as archive

if TYPE_CHECKING:
    from storage.sql import Hot, Result

Kind = Literal["table", "csv", "json", "parquet"]


def schema() -> int:
    """Describe the tables."""
    found = archive.describe()
    table = Table(*found.columns, box=None, header_style="dim", row_styles=["", ""])
    for row in found.rows:
        table.add_row(*(str(cell) for cell in row), style="bold" if row[2] == "table" else "")
    show(table)
    return 0


def sql(settings: Settings, link: Link | None, query: str, kind: Kind, limit: int, output: Path | None) -> int:
    """Print the first `limit` rows, or write all of them to `output`. Raises `Problem`."""
    if kind == "parquet" and output is None:
        raise Problem(Code.INVALID_REQUEST, "Parquet is for a file: add --output FILE")
    engine = archive.Sql(settings.data / "archive", _hot(settings, link))
    if output is not None:
        rows = engine.save(query, output, "csv" if kind == "table" else kind)
        sys.stderr.write(f"{rows} rows written to {output}\n")
        return 0
    found = engine.query(query, limit)
    for warning in found.warnings:
        sys.stderr.write(f"note: {warning}\n")
    if kind == "csv":
        archive.write_csv(found, sys.stdout)
    elif kind == "json":
        archive.write_json(found, sys.stdout)
    else:
        _print(found)
    if found.cut:
        sys.stderr.write(f"note: only the first {limit} rows; --limit or --output gives more\n")
    return 0


def _print(found: "Result") -> None:
    table = Table(box=None, header_style="dim")
    for column, of in zip(found.columns, found.types, strict=True):
        number = any(word in of for word in ("INT", "DOUBLE", "FLOAT", "DECIMAL"))
        table.add_column(column, justify="right" if number else "left")
    for row in found.rows:
        table.add_row(*("" if cell is None else _cell(cell) for cell in row))
    show(table)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _hot(settings: Settings, link: Link | None) -> "Hot | None":
    """The rows that the archiver has not written yet."""
    if link is None:
        sys.stderr.write(f"note: no AI Server runs on {settings.data}; these are the rows that it had written\n")
        return None
    return asyncio.run(_read_hot(settings, link))


async def _read_hot(settings: Settings, link: Link) -> "Hot":
    from ops.archiver import read_hot

    logs.setup("error")
    async with open_bus(link, "cli", timeout=3) as bus:
        return await read_hot(bus, settings.data / "archive")
