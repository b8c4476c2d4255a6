"""Which rows are in the archive already.

What a newcomer would get wrong: the second telling of a request has the first one's `created`, so it is looked for in that
month only; but who tells again of a file or an act may look at the clock again, so a day before counts too.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.log import RequestLog
from storage import duck
from storage.parts import Name, Part, Rows
from storage.tables import month_of, table_of, when

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

DAY = 86400.0


def archived(con: "Con", root: Path, found: Sequence[Part], rows: Rows) -> Collection[Name]:
    """The names of those `rows`, all of one table, that a file among `found` holds. Raises `duck.Damaged`, `duck.Vanished`."""
    if not rows:
        return ()
    table = table_of(rows[0][1]).name
    months = {month_of(when(row)) for _, row in rows}
    jobs = [row.job for _, row in rows if isinstance(row, RequestLog)]
    if jobs:
        return duck.jobs_in(con, _paths(root, found, table, months), jobs)
    since = min(when(row) for _, row in rows) - DAY
    ids = [row.id for _, row in rows if not isinstance(row, RequestLog)]
    return duck.ids_in(con, _paths(root, found, table, months | {month_of(max(0.0, since))}), ids, since)


def _paths(root: Path, found: Sequence[Part], table: str, months: set[str]) -> list[Path]:
    return [part.path(root) for part in found if part.table == table and part.month in months]
