"""SQL over the archive: what is in Parquet and what the archiver has not written yet, as one table. Read-only.

Each query gets a DuckDB of its own, in memory, that may open the listed files and nothing else; what it may do is decided
by DuckDB's parser and locks, not by looking at the text. What a newcomer would get wrong: `allowed_paths` allows writing
too, and since DuckDB 2 a SELECT can write (`WITH a AS (COPY …)`): so what is run is checked node by node, and nested.
"""

import csv
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeVar

import msgspec

from schemas.log import RequestLog
from schemas.problem import Code, Problem
from storage import duck, parts
from storage.parts import Rows, Snapshot
from storage.tables import MONTH, REQUESTS, TABLES, fits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

T = TypeVar("T")
Format = Literal["csv", "json", "parquet"]

_EXPLAIN = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\b(?!\s*\()", re.IGNORECASE)
_NODE = re.compile(r'"type":"([A-Z_]+_NODE)"')
_READING = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_FORMATS = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
_ZONED = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "TIME WITH TIME ZONE": "TIME"}


class Hot(msgspec.Struct, frozen=True):
    """Rows that LOG holds after the archive's mark, with their sequences. `epoch` is the mark's when they were read.

    `check`: the stream is not the one the mark knows, so a row counts only if its job is not in the archive. `more`: LOG
    holds further rows that were not fetched.
    """

    epoch: str = ""
    rows: Sequence[tuple[int, RequestLog]] = ()
    check: bool = False
    more: bool = False


class Result(msgspec.Struct, frozen=True):
    """What a query gave. `cut`: there were more rows than asked for."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    cut: bool = False
    warnings: list[str] = []


class Sql:
    """Queries over the archive `root` and the rows `hot` that are still on the bus.

    `month` (2026-11) leaves other months out; `skip` leaves damaged files out, by the end of their path.
    """

    def __init__(
        self, root: Path, hot: Hot | None = None, *, month: str = "", skip: Sequence[str] = (), memory: str = "512MB"
    ) -> None:
        self.root, self.hot, self.month, self.skip, self.memory = root, hot or Hot(), month, tuple(skip), memory

    def query(self, sql: str, limit: int = 10_000, seconds: float = 60.0) -> Result:
        """Run one statement, at most `seconds` long, and give its first `limit` rows.

        Raises `Problem(INVALID_REQUEST)` for what is not one reading statement, is wrong, or takes too long or too much
        memory; `Problem(INTERNAL)` names a damaged file.
        """

        def run(con: "Con", warnings: list[str]) -> Result:
            statement, explain = _reading(con, sql)
            if explain:
                plan = con.execute(f"{explain} {_nested(statement)}").fetchall()
                return Result(["kind", "plan"], ["VARCHAR", "VARCHAR"], plan, False, warnings)
            names, types, rows = _fetch(con, statement, limit + 1)
            return Result(names, types, rows[:limit], len(rows) > limit, warnings)

        return self._attempt(run, None, seconds)

    def queries(self, sqls: Sequence[str], limit: int = 10_000, seconds: float = 60.0) -> list[Result]:
        """Several SELECTs over one moment of the archive. Raises as `query` does."""

        def run(con: "Con", warnings: list[str]) -> list[Result]:
            found = []
            for sql in sqls:
                names, types, rows = _fetch(con, _reading(con, sql)[0], limit + 1)
                found.append(Result(names, types, rows[:limit], len(rows) > limit, warnings))
            return found

        return self._attempt(run, None, seconds)

    def save(self, sql: str, path: Path, kind: Format, seconds: float = 600.0) -> int:
        """Write a query's whole result to the file `path`; returns the number of rows. Raises as `query` does."""
        target = path.absolute()

        def run(con: "Con", warnings: list[str]) -> int:
            statement, explain = _reading(con, sql)
            if explain:
                raise Problem(Code.INVALID_REQUEST, "Only the result of a SELECT can be saved.")
            copy = f"COPY {_nested(statement)} TO {duck.quoted(target)} ({_FORMATS[kind]}, USE_TMP_FILE false)"
            written = con.execute(copy).fetchone()
            return int(written[0]) if written else 0

        return self._attempt(run, target, seconds)

    def damaged(self) -> list[str]:
        """The files that can't be read, each with the reason. Reads every file whole."""
        with tempfile.TemporaryDirectory() as temp, duck.connect(Path(temp), self.memory) as con:
            paths = [part.path(self.root) for part in parts.snapshot(self.root).parts]
            return [f"{path}: {why}" for path in paths if (why := duck.damage(con, path))]

    def _attempt(self, run: "Callable[[Con, list[str]], T]", target: Path | None, seconds: float) -> T:
        """Once more when files were merged away in the middle."""
        for _ in range(20):
            state = parts.snapshot(self.root)
            paths, warnings = self._chosen(state)
            try:
                with (
                    tempfile.TemporaryDirectory() as temp,
                    duck.connect(Path(temp), self.memory, threads=2) as con,
                    _translated(Path(temp), paths),
                    _alarm(con, seconds),
                ):
                    self._furnish(con, Path(temp), state, paths)
                    _shut(con, paths, target)
                    return run(con, warnings)
            except duck.Vanished:
                continue
        raise Problem(Code.UNAVAILABLE, "The archive is being merged; try again in a moment.", retry_after=1)

    def _chosen(self, state: Snapshot) -> tuple[list[Path], list[str]]:
        """The files to read, and what to tell of those left out."""
        wanted = [part for part in state.parts if not self.month or part.month == self.month]
        every = [part.path(self.root) for part in wanted]
        left = [path for path in every if any(path.match(name) for name in self.skip)]
        paths = [path for path in every if path not in left]
        warnings = [f"left out: {path}" for path in left]
        if self.hot.more:
            warnings.append(f"the archiver is far behind: only {len(self.hot.rows)} of its waiting rows are here")
        return paths, warnings

    def _furnish(self, con: "Con", temp: Path, state: Snapshot, paths: list[Path]) -> None:
        """Make the tables. The view binds the files now, so a damaged footer shows here."""
        lines = duck.load_lines(REQUESTS, self._hot_rows(con, state, paths), temp / "hot.ndjson")
        con.execute(f"CREATE SCHEMA bus; CREATE TABLE bus.hot AS {lines}")
        hot = f"SELECT {REQUESTS.names}, strftime(created, '%Y-%m') AS month FROM bus.hot"
        where = f" WHERE month = {duck.quoted(self.month)}" if self.month else ""
        cold = duck.select(REQUESTS, paths, month=True)
        con.execute(f"CREATE VIEW {REQUESTS.name} AS SELECT * FROM (({hot}) UNION ALL ({cold})){where}")

    def _hot_rows(self, con: "Con", state: Snapshot, paths: list[Path]) -> Rows:
        """The rows that are not archived yet: after the mark of this very snapshot, and by job where that proves nothing."""
        hot, mark, now = self.hot, state.mark, time.time()
        same = hot.epoch == mark.epoch and not hot.check
        rows = [item for item in hot.rows if fits(item[1]) and not (same and item[0] <= mark.seq)]
        return parts.fresh(
            rows,
            lambda seq, row: not same or mark.doubts(seq, row, now),
            lambda doubted: duck.jobs_in(con, paths, [row.job for _, row in doubted]),
        )


def describe() -> Result:
    """Every table's columns, types and meanings."""
    rows: list[tuple[Any, ...]] = []
    for table in TABLES.values():
        rows.append((table.name, "", "table", table.about))
        rows += [(table.name, column.name, column.type, column.about) for column in (*table.columns, MONTH)]
    return Result(["table", "column", "type", "about"], ["VARCHAR"] * 4, rows)


def write_csv(result: Result, out: TextIO) -> None:
    writer = csv.writer(out)
    writer.writerow(result.columns)
    writer.writerows(result.rows)


def write_json(result: Result, out: TextIO) -> None:
    """An array of objects, one a line. Times are UTC."""
    lines = [msgspec.json.encode(dict(zip(result.columns, row, strict=True)), enc_hook=str) for row in result.rows]
    out.write("[" + ",\n".join(line.decode() for line in lines) + "]\n")


def _reading(con: "Con", sql: str) -> tuple[str, str]:
    """The one statement, and what goes before it: `EXPLAIN`, `EXPLAIN ANALYZE` or nothing. Raises `INVALID_REQUEST`.

    DESCRIBE, SHOW, SUMMARIZE, VALUES and FROM are SELECTs to the parser. A SELECT may yet write, in a WITH.
    """
    try:
        found = con.extract_statements(sql)
        kinds = [statement.type.name for statement in found]
    except ValueError:
        kinds = ["UNKNOWN"]  # a kind of statement that DuckDB's Python side has no name for
    if kinds == ["EXPLAIN"] and (explain := _EXPLAIN.match(found[0].query)):
        return _reading(con, found[0].query[explain.end() :])[0], explain[0]
    text = found[0].query.strip().rstrip(";") if kinds == ["SELECT"] else ""
    answer = con.execute("SELECT json_serialize_sql($sql::VARCHAR)", {"sql": text}).fetchone() if text else None
    nodes = set(_NODE.findall(str(answer[0]))) if answer else set()
    if not nodes or not nodes <= _READING:
        raise Problem(
            Code.INVALID_REQUEST, "Only one reading statement is allowed: SELECT, WITH, DESCRIBE, SHOW, EXPLAIN."
        )
    return text, ""


def _nested(statement: str) -> str:
    """DuckDB allows a WITH that writes at the top of a statement only, so this is a wall of its own."""
    return f"(SELECT * FROM ({statement}\n))"


def _shut(con: "Con", paths: Sequence[Path], target: Path | None) -> None:
    """From here on the database opens these files and no other, and nobody can change that."""
    files = ", ".join(duck.quoted(path) for path in [*paths, *([target] if target else [])])
    con.execute(f"SET allowed_paths = [{files}]; SET enable_external_access = false; SET lock_configuration = true")


def _fetch(con: "Con", statement: str, limit: int) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
    """A SELECT's columns, types and first rows. Columns go by number inside, for a result may have one name twice."""
    found = con.sql(_nested(statement))
    names, types = list(found.columns), [str(kind) for kind in found.types]
    picked = ", ".join(_fetchable(f"c{n}", kind) for n, kind in enumerate(types))
    aliases = ", ".join(f"c{n}" for n in range(len(types)))
    con.execute(f"SELECT {picked} FROM {_nested(statement)} AS t({aliases}) LIMIT {int(limit)}")
    return names, types, con.fetchall()


def _fetchable(column: str, kind: str) -> str:
    """Python can't fetch zoned times without a further package; the zone is UTC here, so nothing is lost."""
    if kind in _ZONED:
        return f"CAST({column} AS {_ZONED[kind]})"
    return f"CAST({column} AS VARCHAR)" if "WITH TIME ZONE" in kind else column


@contextmanager
def _alarm(con: "Con", seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _translated(temp: Path, paths: Sequence[Path]) -> Iterator[None]:
    """DuckDB's errors as ours. One that may come from a file sends us to look for it."""
    import duckdb

    wrong = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.PermissionException)
    try:
        yield
    except duckdb.InterruptException:
        raise Problem(Code.INVALID_REQUEST, "The query took too long; narrow it, for example to a month.") from None
    except duckdb.OutOfMemoryException:
        raise Problem(Code.INVALID_REQUEST, "The query needs too much memory; narrow it, or aggregate.") from None
    except duckdb.Error as error:
        duck.all_there(paths)  # for a file that is gone the shut database says "permission", among other things
        if not isinstance(error, (*wrong, duckdb.DataError)):
            _find_damage(temp, paths)
        raise Problem(Code.INVALID_REQUEST, str(error).partition("\n\nLINE")[0].strip()) from error


def _find_damage(temp: Path, paths: Sequence[Path]) -> None:
    with duck.connect(temp, "256MB") as con:
        try:
            duck.blame(con, paths)
        except duck.Damaged as damaged:
            message = (
                f"The archive's file {damaged.path} is damaged ({damaged}). Restore it, or leave it out by its name."
            )
            raise Problem(Code.INTERNAL, message) from damaged
