"""`ai-server sql`: a query over the archive, what is written and what is still on the bus as one table.

What a newcomer would get wrong: it needs no running server. Without one the archive's files answer, and whatever the bus
still held when it stopped is missing until it runs again; a note on stderr says so.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from rich.table import Table

from bus.connection import Link, open_bus
from ops import logs
from ops.printing import show
from ops.settings import Settings
from schemas.problem import Code, Problem
from storage import sql as archive

if TYPE_CHECKING:
    from storage.sql import Hot, Result

T = TypeVar("T")
Kind = Literal["table", "csv", "json", "parquet"]
GRACE = 2.0
"""Seconds that a query has to stop."""


def schema() -> int:
    """Describe the tables."""
    found = archive.describe()
    table = Table(*found.columns, box=None, header_style="dim", row_styles=["", ""])
    for row in found.rows:
        table.add_row(*(str(cell) for cell in row), style="bold" if row[2] == "table" else "")
    show(table)
    return 0


class Wish(msgspec.Struct, frozen=True):
    """What was asked for. `output`: a file for all of it; without, its first `limit` rows go to stdout. `seconds`: how long
    it may take."""

    query: str
    kind: Kind = "table"
    limit: int = 10_000
    output: Path | None = None
    month: str = ""
    seconds: float = 600.0


def sql(settings: Settings, link: Link | None, wish: Wish) -> int:
    """Answer on stdout or in a file. Ctrl-C breaks the query off. Raises `Problem`."""
    _check(wish)
    engine = archive.Sql(settings.data / "archive", _hot(settings, link), month=wish.month)
    if wish.output is not None:
        target, kind = wish.output, wish.kind if wish.kind != "table" else "csv"
        rows = _patiently(engine, lambda: engine.save(wish.query, target, kind, wish.seconds))
        sys.stderr.write(f"{rows} rows written to {target}\n")
    elif wish.kind == "parquet":
        _pass_on(engine, wish)
    else:
        texts = wish.kind != "json"
        tell(_patiently(engine, lambda: engine.query(wish.query, wish.limit, wish.seconds, texts)), wish)
    return 0


def _check(wish: Wish) -> None:
    wrong = ""
    if wish.month and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", wish.month):
        wrong = f"A month is written as 2026-11, not {wish.month}"
    elif wish.limit < 1 or wish.seconds <= 0:
        wrong = "--limit and --seconds are at least 1"
    elif wish.output is not None and (wish.output.is_dir() or not wish.output.absolute().parent.is_dir()):
        wrong = f"--output {wish.output}: it is a folder, or there is no folder for it"
    elif wish.kind == "parquet" and wish.output is None and sys.stdout.isatty():
        wrong = "Parquet is for a file: add --output FILE, or send it on with > FILE"
    if wrong:
        raise Problem(Code.INVALID_REQUEST, wrong)


def _patiently(engine: "archive.Sql", work: Callable[[], T]) -> T:
    """Do it in a thread of its own: DuckDB is deaf to a Ctrl-C in the main one, which breaks it off from here."""
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(work)
        try:
            return task.result()
        except KeyboardInterrupt:
            _break_off(engine, task)
            raise


def _break_off(engine: "archive.Sql", task: "Future[T]") -> None:
    """DuckDB is deaf in some functions: what has not stopped within the grace, or at a second Ctrl-C, ends with us."""
    with suppress(KeyboardInterrupt):
        end = time.monotonic() + GRACE
        while time.monotonic() < end:
            engine.interrupt()
            if wait([task], 0.1).done:
                return
    engine.forget()
    os._exit(130)


def _pass_on(engine: "archive.Sql", wish: Wish) -> None:
    """All of it as Parquet to stdout. The format's end is written last and its start is read first: so a file in between."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "result.parquet"
        _patiently(engine, lambda: engine.save(wish.query, target, "parquet", wish.seconds))
        with target.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def tell(found: "Result", wish: Wish) -> None:
    """Print a result; what there is to say of it goes to stderr."""
    for warning in found.warnings:
        sys.stderr.write(f"note: {warning}\n")
    if wish.kind == "csv":
        archive.write_csv(found, sys.stdout)
    elif wish.kind == "json":
        archive.write_json(found, sys.stdout)
    else:
        _print(found)
    if found.cut:
        sys.stderr.write(f"note: only the first {wish.limit} rows; --limit or --output gives more\n")


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
        there = (settings.data / "archive").is_dir()
        what = "these are the rows that it had written" if there else "and there is no archive in it yet"
        sys.stderr.write(f"note: no AI Server runs on {settings.data}; {what}\n")
        return None
    return asyncio.run(_read_hot(settings, link))


async def _read_hot(settings: Settings, link: Link) -> "Hot":
    from ops.log_reader import read_hot

    logs.setup("error")
    async with open_bus(link, "cli", timeout=3) as bus:
        return await read_hot(bus, settings.data / "archive")
