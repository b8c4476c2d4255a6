"""The tables as a query sees them: what is in files, and what the archiver has not written yet, as one.

What a newcomer would get wrong: a derived table is whole at any moment. Of requests that wait on the bus, and of files whose
derived rows are still to be made (`parts.gaps`), the same SQL makes them here. And only tables that the statement names
are opened: to bind a view DuckDB reads the footer of every file.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from schemas.log import AuditLog, FileLog, RequestLog
from storage import duck, lookup, parts
from storage.parts import SOURCE, Part, Rows, Snapshot
from storage.tables import REQUESTS, TABLES, Table, fits, table_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con


class Hot(msgspec.Struct, frozen=True):
    """Rows that LOG holds after the archive's mark, with their sequences. `epoch` is the mark's when they were read.

    `check`: the stream is not the one the mark knows, so a row counts only if it is not in the archive. `more`: LOG holds
    further rows that were not fetched. `others`: what is no request.
    """

    epoch: str = ""
    rows: Sequence[tuple[int, RequestLog]] = ()
    check: bool = False
    more: bool = False
    others: Sequence[tuple[int, FileLog | AuditLog]] = ()


class Look(msgspec.Struct, frozen=True):
    """What a query looks at: the files `chosen` of the archive `root` at the moment `state`, and `hot`. `ask`: the
    statements to come; a table that they don't name is there, but empty. `month`: nothing else is shown; empty: all."""

    root: Path
    state: Snapshot
    hot: Hot
    chosen: Sequence[Part]
    ask: str
    month: str = ""

    def paths(self, table: Table) -> list[Path]:
        found = [part for part in self.chosen if part.table == table.name]
        # The newest first: of a page of the log DuckDB then leaves out all that can't come into it any more.
        found.sort(key=lambda part: (part.month, part.epoch, part.last), reverse=True)
        return [part.path(self.root) for part in found]


def named(ask: str) -> set[str]:
    """The tables that the statements may name."""
    text = ask.lower()
    return {name for name in TABLES if name in text}


def needed(ask: str) -> set[str]:
    """The tables whose files are read for the statements."""
    found = named(ask)
    return found | ({SOURCE} if any(TABLES[name].derive for name in found) else set())


def furnish(con: "Con", temp: Path, look: Look) -> None:
    """Make the views. They bind the files now, so a damaged footer shows here. Raises `Damaged`, `Vanished`."""
    con.execute("CREATE SCHEMA bus")
    for name in sorted(needed(look.ask)):
        table = TABLES[name]
        if table.row is not None:
            lines = duck.load_lines(table, waiting(con, look, table), temp / f"hot-{name}.ndjson")
            con.execute(f"CREATE TABLE {hot_table(table)} AS {lines}")
    wanted = named(look.ask)
    for name, table in TABLES.items():
        body = view_of(look, table) if name in wanted else duck.select(table, [], month=True)
        con.execute(f"CREATE VIEW {name} AS {body}")


def hot_table(table: Table) -> str:
    return "bus.hot" if table is REQUESTS else f"bus.hot_{table.name}"


def view_of(look: Look, table: Table) -> str:
    hot = f"SELECT * FROM {hot_table(table)}" if table.row is not None else table.derived(_unmade(look, table))
    dated = f"SELECT {table.names}, strftime({table.time}, '%Y-%m') AS month FROM ({hot})"
    where = f" WHERE month = {duck.quoted(look.month)}" if look.month else ""
    return f"SELECT * FROM (({dated}) UNION ALL ({duck.select(table, look.paths(table), month=True)})){where}"


def _unmade(look: Look, table: Table) -> str:
    """The SELECT of the requests whose rows of a derived table are in no file."""
    gaps = parts.gaps(look.chosen, [table.name])
    whole = [gap.source.path(look.root) for gap in gaps if gap.whole]
    pieces = [duck.rows_of(REQUESTS, gap, look.root) for gap in gaps if not gap.whole]
    if whole:
        pieces.append(duck.select(REQUESTS, whole))
    return " UNION ALL ".join(f"({piece})" for piece in (f"SELECT * FROM {hot_table(REQUESTS)}", *pieces))


def waiting(con: "Con", look: Look, table: Table) -> Rows:
    """The rows that are not archived yet: after the mark of this very snapshot, and by name where that proves nothing."""
    hot, mark, now = look.hot, look.state.mark, time.time()
    same = hot.epoch == mark.epoch and not hot.check
    given: Rows = [*(hot.rows if table is REQUESTS else hot.others)]
    rows = [
        item for item in given if table_of(item[1]) is table and not (same and item[0] <= mark.seq) and fits(item[1])
    ]
    return parts.fresh(
        rows,
        lambda seq, row: not same or mark.doubts(seq, row, now),
        lambda doubted: lookup.archived(con, look.root, look.chosen, doubted),
    )
