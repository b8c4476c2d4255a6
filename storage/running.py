"""A statement that was found good is run: its first rows, a whole file of them, or its plan; and errors become sentences.

What a newcomer would get wrong: DuckDB lets a WITH write at the top of a statement only, so each is nested before it runs,
which is a wall of its own; and its errors name files of this machine, so paths are taken out before anybody sees them.
"""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from schemas.problem import Code, Problem
from storage import duck
from storage.guard import Asked, no

if TYPE_CHECKING:
    import duckdb
    from duckdb import DuckDBPyConnection as Con

Format = Literal["csv", "json", "parquet"]
Piece = list[tuple[Any, ...]]
PIECE = 2000
"""Rows fetched at a time."""

_FORMATS = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
_FULL = ("File too large", "No space left", "max_temp_directory_size")
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?\Z|DOUBLE\Z|FLOAT\Z|DECIMAL\([^()]*\)\Z")
_SETTING = re.compile(r'\n+Use "?SET [^\n]*')
_NO_COLUMN = re.compile(r'Referenced column "([^"]*)"')
PATIENCE = 20.0
"""Seconds to look for a damaged file, at most."""
_PATH = re.compile(r"(?<![\w./])/(?:[^\s/'\"`,;)\]]+/)+[^\s'\"`,;)\]]*")


class Result(msgspec.Struct, frozen=True):
    """What a query gave. `cut`: there were more rows than asked for."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    cut: bool = False
    warnings: list[str] = []


class Head(msgspec.Struct, frozen=True):
    """A result's columns and types."""

    columns: list[str]
    types: list[str]


def fetch(con: "Con", asked: Asked, limit: int, warnings: list[str], texts: bool = False) -> Result:
    """The first `limit` rows, or the plan. `texts`: what is no number comes as text, as in a CSV file of DuckDB's."""
    head, pieces = stream(con, asked, limit + 1, texts)
    rows = [row for piece in pieces for row in piece]
    return Result(head.columns, head.types, rows[:limit], len(rows) > limit, warnings)


def stream(con: "Con", asked: Asked, limit: int, texts: bool = False) -> tuple[Head, Iterator[Piece]]:
    """The same, piece by piece. Columns go by number inside, for a result may have one name twice."""
    if asked.explain:
        plan = con.execute(f"{asked.explain} {nested(asked.text)}").fetchall()
        return Head(["kind", "plan"], ["VARCHAR", "VARCHAR"]), iter(
            [[(kind, _PATH.sub("…", text)) for kind, text in plan]]
        )
    text = nested(asked.text)
    found = _bound(con, text, asked)
    names, types = list(found.columns), [str(kind) for kind in found.types]
    picked = ", ".join(_fetchable(f"c{n}", kind, texts) for n, kind in enumerate(types))
    aliases = ", ".join(f"c{n}" for n in range(len(types)))
    return Head(names, types), _pieces(con, f"SELECT {picked} FROM {text} AS t({aliases}) LIMIT {int(limit)}", asked)


def _bound(con: "Con", text: str, asked: Asked) -> "duckdb.DuckDBPyRelation":
    import duckdb

    try:
        return con.sql(text)
    except duckdb.Error:
        with _marked(f"EXPLAIN {text}", asked):
            con.execute(f"EXPLAIN {text}")  # fails too, and says where
        raise


def _pieces(con: "Con", text: str, asked: Asked) -> Iterator[Piece]:
    with _marked(text, asked):
        con.execute(text)
        while rows := _fetched(con):
            yield rows


def _fetched(con: "Con") -> Piece:
    try:
        return con.fetchmany(PIECE)
    except (OverflowError, TypeError, ValueError) as error:  # an interval of a million years
        raise no(f"The result has a value that can't be shown ({error}); make it a text: CAST(… AS VARCHAR).") from None


def save(con: "Con", asked: Asked, target: Path, kind: Format, limit: int = 0) -> int:
    """Write the whole result, or its first `limit` rows, to the file `target`; returns how many rows."""
    if asked.explain:
        raise no("Only the result of a SELECT can be saved.")
    most = f" LIMIT {int(limit)}" if limit else ""
    copy = f"COPY (FROM {nested(asked.text)}{most}) TO {duck.quoted(target)} ({_FORMATS[kind]}, USE_TMP_FILE false)"
    with _marked(copy, asked):
        written = con.execute(copy).fetchone()
    return int(written[0]) if written else 0


def nested(statement: str) -> str:
    return f"(SELECT * FROM ({statement}\n))"


def _fetchable(column: str, kind: str, texts: bool) -> str:
    """Python can't fetch zoned times without a further package. A point in time is shown in UTC; what else has a zone,
    as text with it."""
    if texts and not _NUMBER.match(kind):
        return f"CAST({column} AS VARCHAR)"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"CAST({column} AS TIMESTAMP)"
    return f"CAST({column} AS VARCHAR)" if "WITH TIME ZONE" in kind else column


# ---- time and errors ------------------------------------------------------------------------------------------------


@contextmanager
def alarm(con: "Con", seconds: float) -> Iterator[None]:
    """Break off what runs on `con` after so many seconds. Again and again: an interrupt between two statements is lost."""
    done = threading.Event()

    def ring() -> None:
        if not done.wait(seconds):
            con.interrupt()
            while not done.wait(0.1):
                con.interrupt()

    thread = threading.Thread(target=ring, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def translated(temp: Path, paths: Sequence[Path], statement: str = "") -> Iterator[None]:
    """DuckDB's errors as ours. One that may come from a file sends us to look for it: `Problem(INTERNAL)` names it."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise no("The query took too long; narrow it, for example to a month.") from None
    except duckdb.Error as error:
        if any(word in str(error) for word in _FULL):
            raise no("The query needs too much room on the disk; narrow it, or aggregate.") from None
        if isinstance(error, duckdb.OutOfMemoryException):
            raise no("The query needs too much memory; narrow it, or aggregate.") from None
        duck.all_there(paths)  # for a file that is gone the shut database says "permission", among other things
        if _of_a_file(error):
            _find_damage(temp, paths, str(error))
        raise no(told(error, statement)) from error


def _of_a_file(error: "duckdb.Error") -> bool:
    """Whether a damaged file may be behind it: to look for one is to read all files. An ordinary mistake in a statement, be
    it a regular expression that is none, is an InvalidInputException too, but names no file."""
    import duckdb

    if isinstance(error, (duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError)):
        return isinstance(error, duckdb.InvalidInputException) and "parquet" in str(error).lower()
    return True


def _find_damage(temp: Path, paths: Sequence[Path], said: str) -> None:
    """Raises `Problem(INTERNAL)` that names the file, `Vanished`; returns when there is none, or it takes too long."""
    import duckdb

    first = sorted(paths, key=lambda path: str(path) not in said)
    with duck.connect(temp, "256MB") as con, alarm(con, PATIENCE):
        try:
            duck.blame(con, first)
        except duckdb.InterruptException:
            return
        except duck.Damaged as damaged:
            message = (
                f"The archive's file {damaged.path} is damaged ({damaged}). Restore it, or leave it out by its name."
            )
            raise Problem(Code.INTERNAL, message) from damaged


def told(error: "duckdb.Error", statement: str) -> str:
    """DuckDB's sentence, with the place in the asker's statement where it says one, and without paths."""
    text = str(error)
    sentence, place = text.partition("\n\nLINE")[0].strip(), ""
    if (start := text.find("{")) >= 0:
        try:
            said = json.loads(text[start:])
        except ValueError:
            said = {}
        if "exception_message" in said:
            message = _SETTING.sub("", said["exception_message"].partition("\n\nLINE")[0])
            sentence = f"{text[:start].strip()} {message}{_quotes(message, statement)}"
            place = _place(statement, said.get("position"), vars(error).get("run", ("", "")))
    return _PATH.sub("…", sentence) + place


def _quotes(message: str, statement: str) -> str:
    """A word more on the commonest slip: a text in the quotes of a name."""
    name = _NO_COLUMN.match(message)
    if name is None or f'"{name[1]}"' not in statement:
        return ""
    return f"\nDouble quotes are for names; a text is written '{name[1]}'."


@contextmanager
def _marked(run: str, asked: Asked) -> Iterator[None]:
    """Note on an error what was run, and which part of it the asker wrote: DuckDB's position counts from the former."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        vars(error)["run"] = (run, asked.text)
        raise


def _place(statement: str, position: str | None, run: tuple[str, str]) -> str:
    """Where in the statement, whose text was part of what was run; empty: not known. `position` counts bytes."""
    if position is None or not position.isdigit():
        return ""
    text, part = run
    at = int(position) - len(text[: text.find(part)].encode()) + len(statement[: max(0, statement.find(part))].encode())
    whole = statement.encode()
    if not 0 <= at <= len(whole):
        return ""
    lines = whole[:at].decode(errors="ignore").split("\n")
    return f" (line {len(lines)}, column {len(lines[-1]) + 1})"
