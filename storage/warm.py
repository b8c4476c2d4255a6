"""One DuckDB that stays, for who asks all day: what it has learnt of the files (footers, blocks) is there at the next question.

It may read the archive's folders, and write to its own; which views it shows is decided anew for each question, by whose
rows the asker may see and by the files that count now. What a newcomer would get wrong: one question at a time. The views
are the database's, and the next question's may be another asker's. So two at once are two processes.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.problem import Code, Problem
from storage import duck, functions, guard, parts, rights, running
from storage.frames import Question
from storage.guard import Asked
from storage.parts import SOURCE
from storage.tables import TABLES
from storage.views import Look, hot_table, view_of, waiting

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

T = TypeVar("T")
Work = Callable[["Con", list[Asked], list[str]], T]
"""What is done with the statements that were found good, and with what is to be told beside the answer."""


class Warm:
    """The archive `root`. What is too large for `memory` goes to the folder `own`, at most `spill` of it."""

    def __init__(self, root: Path, own: Path, memory: str = "512MB", spill: str = "2GB") -> None:
        self.root, self.own, self.memory, self.spill = root.absolute(), own.absolute(), memory, spill
        self._stack = ExitStack()
        self._con: Con | None = None
        self._paths: list[Path] = []
        self._loaded: dict[str, Any] = {}
        self._views: dict[str, Any] = {}

    def run(self, question: Question, work: "Work[T]") -> T:
        """Do `work` on one moment of the archive. Raises `Problem` as `Sql.query` does."""
        import duckdb

        for _ in range(20):
            try:
                return self._run(self._open(), question, work)
            except duck.Vanished:
                continue
            except Problem as problem:
                if isinstance(problem.__cause__, duckdb.FatalException | duckdb.InternalException):
                    self.close()  # such a database answers nothing any more
                raise
        raise Problem(Code.UNAVAILABLE, "The archive is being merged; try again in a moment.", retry_after=1)

    def interrupt(self) -> None:
        """Break off what is running, from another thread: it then raises."""
        if self._con is not None:
            self._con.interrupt()

    def close(self) -> None:
        self._con = None
        self._stack.close()
        self._loaded, self._views = {}, {}

    def _run(self, con: "Con", question: Question, work: "Work[T]") -> T:
        statement = question.sqls[0] if len(question.sqls) == 1 else ""
        with running.translated(self.own, self._paths, statement), running.alarm(con, question.seconds):
            asked = [guard.check(con, sql, TABLES, question.trusted) for sql in question.sqls]
            if question.whose != rights.ALL and any(one.explain for one in asked):
                raise guard.no("EXPLAIN would tell of rows that are not yours; leave it out.")
            return work(con, asked, self._furnish(con, question, frozenset().union(*(one.tables for one in asked))))

    def _open(self) -> "Con":
        if self._con is None:
            spill = self.own / "spill"
            spill.mkdir(parents=True, exist_ok=True)
            con = self._stack.enter_context(duck.connect(spill, self.memory, threads=os.cpu_count() or 1))
            folders = ", ".join(duck.quoted(path) for path in (*(self.root / name for name in TABLES), self.own))
            con.execute(
                f"CREATE SCHEMA bus; {functions.NOBODY}; "
                "SET parquet_metadata_cache = true; SET preserve_insertion_order = false; "
                f"SET max_temp_directory_size = '{self.spill}'; SET errors_as_json = true; "
                f"SET allowed_directories = [{folders}]; SET enable_external_access = false; SET lock_configuration = true"
            )
            self._con = con
        return self._con

    def _furnish(self, con: "Con", question: Question, named: frozenset[str]) -> list[str]:
        """Make the views of the tables `named` as they are now; returns what is to be told beside the answer."""
        state, hot = parts.snapshot(self.root), question.hot.hot
        needed = named | ({SOURCE} if any(TABLES[name].derive for name in named) else set())
        chosen = [part for part in state.parts if part.table in needed and question.month in ("", part.month)]
        self._paths[:] = [part.path(self.root) for part in chosen]
        look = Look(self.root, state, hot, chosen, "", question.month)
        for name in needed:
            self._load(con, look, name)
        for name in TABLES:
            self._show(con, look, name, question, name in named)
        if hot.more:
            return [f"the archiver is far behind: only {len(hot.rows)} of its waiting rows are here"]
        return []

    def _load(self, con: "Con", look: Look, name: str) -> None:
        """The rows that are not archived yet, as a table; as it is, while neither they nor the files have changed."""
        table, hot = TABLES[name], look.hot
        if table.row is None:
            return
        rows = hot.rows if name == SOURCE else hot.others
        now = (look.state, hot.epoch, hot.check, look.month, [seq for seq, _ in rows])
        if self._loaded.get(name) == now:
            return
        self._loaded.pop(name, None)
        lines = duck.load_lines(table, waiting(con, look, table), self.own / f"hot-{name}.ndjson")
        con.execute(f"CREATE OR REPLACE TABLE {hot_table(table)} AS {lines}")
        self._loaded[name] = now

    def _show(self, con: "Con", look: Look, name: str, question: Question, wanted: bool) -> None:
        """The view `name` for this asker; an empty one if it is not asked for."""
        table = TABLES[name]
        files = [part for part in look.chosen if part.table in (name, SOURCE)] if wanted else None
        now = (question.whose, question.trusted, question.month, files)
        if self._views.get(name) == now:
            return
        self._views.pop(name, None)
        body = view_of(look, table) if wanted else duck.select(table, [], month=True)
        con.execute(
            f"CREATE OR REPLACE VIEW main.{name} AS {rights.view(table, body, question.whose, not question.trusted)}"
        )
        self._views[name] = now
