"""DuckDB as this room uses it: small connections, rows in by JSON, Parquet files read as one table.

DuckDB is imported when it is first needed, not before: it costs 35 MB. What a newcomer would get wrong: its errors don't
name the damaged file, so after an error every file is read alone to find it (`Damaged`); and a file may vanish between
listing and reading because the archiver has merged it (`Vanished`): list again and try again. A file somebody put there
whose columns have other types is damaged too: one of them would stop the archiver and every query.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.log import Row
from storage.tables import TABLES, Table, json_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

    from storage.parts import Gap


class Damaged(Exception):
    """The file at `path` can't be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Vanished(Exception):
    """A file is gone since it was listed."""


@contextmanager
def connect(temp: Path, memory: str, threads: int = 1) -> "Iterator[Con]":
    """An in-memory database that spills to `temp`. Nothing is downloaded, whatever a query names."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory,
        "temp_directory": str(temp),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    con = duckdb.connect(":memory:", config=config)
    try:
        con.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false; SET enable_progress_bar = false")
        yield con
    finally:
        con.close()


def quoted(text: Path | str) -> str:
    """A SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def load_lines(table: Table, rows: Sequence[tuple[int, Row]], path: Path) -> str:
    """Write `rows` to `path` as JSON lines; returns the SELECT that reads them as rows of `table`."""
    lines = json_lines(rows, table)
    path.write_bytes(b"\n".join(lines))
    longest = max(map(len, lines), default=0) + 1024
    options = f"format = 'newline_delimited', maximum_object_size = {max(longest, 1 << 20)}, columns = {table.raw}"
    return f"SELECT {table.cast} FROM read_json({quoted(path)}, {options})"


def select(table: Table, paths: Sequence[Path], month: bool = False) -> str:
    """The SELECT that reads Parquet files as rows of `table`; a column that a file lacks is null there."""
    names = table.names + (", month" if month else "")
    none = table.none.replace("SELECT ", "SELECT NULL::VARCHAR AS month, ", 1) if month else table.none
    if not paths:
        return f"SELECT {names} FROM ({none})"
    files = "[" + ", ".join(quoted(path) for path in paths) + "]"
    hive = "hive_partitioning = true, hive_types = {month: VARCHAR}" if month else "hive_partitioning = false"
    read = f"SELECT * FROM read_parquet({files}, union_by_name = true, {hive})"
    return f"SELECT {names} FROM (({none}) UNION ALL BY NAME {read})"


def rows_of(table: Table, gap: "Gap", root: Path) -> str:
    """The SELECT of the request rows that a gap in a derived table is made of."""
    where = "" if gap.whole else f" WHERE seq BETWEEN {gap.first} AND {gap.last}"
    return f"SELECT * FROM ({select(table, [gap.source.path(root)])}){where}"


def jobs_in(con: "Con", paths: Sequence[Path], jobs: list[int]) -> set[tuple[int, int]]:
    """Which of `jobs` have a row in the files, and for which of their runs. Raises `Damaged`, `Vanished`."""
    none = "(SELECT NULL::BIGINT AS job, NULL::INTEGER AS run LIMIT 0)"  # an old file has no column `run`
    ask = "SELECT DISTINCT job, coalesce(run, 0) FROM ({}) WHERE job IN (SELECT unnest($names))"
    return {(job, run) for job, run in _look_up(con, paths, ask, none, {"names": jobs})}


def ids_in(con: "Con", paths: Sequence[Path], ids: list[str], since: float) -> set[str]:
    """Which of `ids` have a row in the files, of this time (Unix seconds) or later. Raises `Damaged`, `Vanished`."""
    none = "(SELECT NULL::VARCHAR AS id, NULL::TIMESTAMP AS time LIMIT 0)"
    ask = "SELECT id FROM ({}) WHERE id IN (SELECT unnest($names)) AND time >= make_timestamp($since)"
    values = {"names": ids, "since": max(0, int(since * 1_000_000))}
    return {name for (name,) in _look_up(con, paths, ask, none, values)}


def revisions_in(con: "Con", paths: Sequence[Path], since: float) -> list[tuple[int, float]]:
    """Revision and time of the acts in files of `audit`, of this time (Unix seconds) or later. Raises as `ids_in` does."""
    none = "(SELECT NULL::BIGINT AS revision, NULL::TIMESTAMP AS time LIMIT 0)"
    ask = "SELECT revision, epoch(time) FROM ({}) WHERE revision > 0 AND time >= make_timestamp($since)"
    return [
        (revision, at) for revision, at in _look_up(con, paths, ask, none, {"since": max(0, int(since * 1_000_000))})
    ]


def _look_up(con: "Con", paths: Sequence[Path], ask: str, none: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    import duckdb

    if not paths:
        return []
    files = "[" + ", ".join(quoted(path) for path in paths) + "]"
    sql = ask.format(f"{none} UNION ALL BY NAME SELECT * FROM read_parquet({files}, union_by_name = true)")
    try:
        return con.execute(sql, values).fetchall()
    except duckdb.Error as error:
        blame(con, paths)
        raise error


def all_there(paths: Sequence[Path]) -> None:
    """Raises `Vanished` if a file is gone."""
    for path in paths:
        if not path.exists():
            raise Vanished(path.name)


def blame(con: "Con", paths: Sequence[Path]) -> None:
    """Read each file whole; raises `Vanished` or `Damaged` for the first that can't be read, else returns."""
    all_there(paths)
    for path in paths:
        if reason := damage(con, path):
            if not path.exists():
                raise Vanished(path.name)
            raise Damaged(path, reason)


def damage(con: "Con", path: Path) -> str:
    """Why the file can't be read from its first byte to its last, as its folder's table; empty: it can."""
    import duckdb

    try:
        con.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM {source(path)}").fetchall()
        table = TABLES.get(
            path.parent.parent.name
        )  # an INTEGER may stand for a BIGINT, but a VARCHAR makes all of them texts
        return table.misfit(columns(con, f"({select(table, [path])})")) if table else ""
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        return str(error).splitlines()[0]


def source(path: Path) -> str:
    """The file as it is, for FROM."""
    return f"read_parquet({quoted(path)}, hive_partitioning = false)"


def columns(con: "Con", source: str) -> dict[str, str]:
    """The columns, in their order and with their types, of what stands behind FROM."""
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}


def count(con: "Con", source: str) -> int:
    """The rows of what stands behind FROM."""
    found = con.execute(f"SELECT count(*) FROM {source}").fetchone()
    return int(found[0]) if found else 0
