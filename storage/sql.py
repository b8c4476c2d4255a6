"""SQL over the archive: what is in Parquet and what the archiver has not written yet, as one. Read-only.

Each query gets a DuckDB of its own, in memory, that may open the listed files and nothing else; what it may do is decided
by two parsers (`storage.guard`) and DuckDB's locks. What a newcomer would get wrong: `allowed_paths` allows writing too, and
since DuckDB 2 a SELECT can write (`WITH a AS (COPY …)`): so what is run is checked node by node, and nested.

For one question from a command line. Who asks all day keeps a warm one: `storage.warm`, in a process of its own.
"""

import csv
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import msgspec

from schemas.problem import Code, Problem
from storage import duck, functions, guard, parts, running
from storage.parts import Part, Snapshot
from storage.running import Format, Result
from storage.tables import MONTH, TABLES
from storage.views import Hot, Look, furnish, needed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

T = TypeVar("T")
__all__ = ["Format", "Hot", "Result", "Sql", "describe", "write_csv", "write_json"]


class Sql:
    """Queries over the archive `root` and the rows `hot` that are still on the bus.

    `month` (2026-11) leaves other months out; `skip` leaves damaged files out, by the end of their path.
    """

    def __init__(
        self, root: Path, hot: Hot | None = None, *, month: str = "", skip: Sequence[str] = (), memory: str = "512MB"
    ) -> None:
        self.root, self.hot, self.month, self.skip, self.memory = root, hot or Hot(), month, tuple(skip), memory
        self._con: Con | None = None
        self._temp: Path | None = None

    def query(self, sql: str, limit: int = 10_000, seconds: float = 60.0, texts: bool = False) -> Result:
        """Run one statement, at most `seconds` long, and give its first `limit` rows. `texts`: as `running.fetch` has it.

        Raises `Problem(INVALID_REQUEST)` for what is not one reading statement, is wrong, or takes too long or too much
        memory; `Problem(INTERNAL)` names a damaged file.
        """
        return self._attempt(
            lambda con, warnings: running.fetch(con, guard.check(con, sql, TABLES), limit, warnings, texts),
            sql,
            None,
            seconds,
        )

    def queries(self, sqls: Sequence[str], limit: int = 10_000, seconds: float = 60.0) -> list[Result]:
        """Several SELECTs over one moment of the archive. Raises as `query` does."""

        def run(con: "Con", warnings: list[str]) -> list[Result]:
            return [running.fetch(con, guard.check(con, sql, TABLES), limit, warnings) for sql in sqls]

        return self._attempt(run, "\n".join(sqls), None, seconds)

    def save(self, sql: str, path: Path, kind: Format, seconds: float = 600.0) -> int:
        """Write a query's whole result to the file `path`; returns the number of rows. Raises as `query` does."""
        target = path.absolute()
        return self._attempt(
            lambda con, _: running.save(con, guard.check(con, sql, TABLES), target, kind), sql, target, seconds
        )

    def interrupt(self) -> None:
        """Break off what is running, from another thread: it then raises."""
        if self._con is not None:
            self._con.interrupt()

    def forget(self) -> None:
        """What is running does not stop, so its process will: leave nothing of it on the disk."""
        if self._temp is not None:
            shutil.rmtree(self._temp, ignore_errors=True)

    def damaged(self) -> list[str]:
        """The files that can't be read, each with the reason. Reads every file whole."""
        with tempfile.TemporaryDirectory() as temp, duck.connect(Path(temp), self.memory) as con:
            paths = [part.path(self.root) for part in parts.snapshot(self.root).parts]
            return [f"{path}: {why}" for path in paths if (why := duck.damage(con, path))]

    def _attempt(self, run: "Callable[[Con, list[str]], T]", ask: str, target: Path | None, seconds: float) -> T:
        """Once more when files were merged away in the middle. `ask`: all that `run` will ask."""
        for _ in range(20):
            state = parts.snapshot(self.root)
            chosen, warnings = self._chosen(state, ask)
            paths = [part.path(self.root) for part in chosen]
            try:
                with (
                    tempfile.TemporaryDirectory() as temp,
                    duck.connect(Path(temp), self.memory, threads=2) as con,
                    running.translated(Path(temp), paths, ask),
                    running.alarm(con, seconds),
                ):
                    self._con, self._temp = con, Path(temp)
                    furnish(con, Path(temp), Look(self.root, state, self.hot, chosen, ask, self.month))
                    _shut(con, paths, target)
                    return run(con, warnings)
            except duck.Vanished:
                continue
            finally:
                self._con = self._temp = None
        raise Problem(Code.UNAVAILABLE, "The archive is being merged; try again in a moment.", retry_after=1)

    def _chosen(self, state: Snapshot, ask: str) -> tuple[list[Part], list[str]]:
        """The files to read, and what to tell of those left out."""
        tables = needed(ask)
        wanted = [part for part in state.parts if part.table in tables and self.month in ("", part.month)]
        left = {part for part in wanted if any(part.path(self.root).match(name) for name in self.skip)}
        warnings = [f"left out: {part.path(self.root)}" for part in wanted if part in left]
        if self.hot.more:
            warnings.append(f"the archiver is far behind: only {len(self.hot.rows)} of its waiting rows are here")
        return [part for part in wanted if part not in left], warnings


def describe() -> Result:
    """Every table's columns, types and meanings."""
    rows: list[tuple[Any, ...]] = []
    for table in TABLES.values():
        rows.append((table.name, "", "table", table.about))
        rows += [(table.name, column.name, column.type, column.about) for column in (*table.columns, MONTH)]
    return Result(["table", "column", "type", "about"], ["VARCHAR"] * 4, rows)


def write_csv(result: Result, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows(result.rows)


def write_json(result: Result, out: TextIO) -> None:
    """An array of objects, one a line. Times are UTC."""
    lines = [msgspec.json.encode(dict(zip(result.columns, row, strict=True)), enc_hook=str) for row in result.rows]
    out.write("[" + ",\n".join(line.decode() for line in lines) + "]\n")


def _shut(con: "Con", paths: Sequence[Path], target: Path | None) -> None:
    """From here on the database opens these files and no other, and nobody can change that."""
    files = ", ".join(duck.quoted(path) for path in [*paths, *([target] if target else [])])
    con.execute(
        f"{functions.NOBODY}; SET errors_as_json = true; SET allowed_paths = [{files}]; SET enable_external_access = false; "
        "SET lock_configuration = true"
    )
