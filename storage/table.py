"""What a table of the archive is, and how a row of ours becomes a row of it.

A table holds rows that came over LOG (`row`), or rows that SQL makes of the request rows of the same batch (`derive`): the
same SQL makes them when a batch is archived, when an older file is worked up, and of rows that are still on the bus. What
a newcomer would get wrong: times are plain TIMESTAMP in UTC, not TIMESTAMPTZ, which DuckDB in Python can't fetch without a
further package.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from schemas.log import AuditLog, FileLog, RequestLog, Row

_LIMITS = {"BIGINT": 2**63, "INTEGER": 2**31}
_encode = msgspec.json.Encoder().encode


class Column(msgspec.Struct, frozen=True):
    """`raw` is the type in the JSON rows on their way to Parquet, `cast` the SQL that makes `type` of it."""

    name: str
    type: str
    about: str
    raw: str = ""
    cast: str = ""


class Table(msgspec.Struct, frozen=True):
    """A view in SQL and a folder in the archive, both named `name`."""

    name: str
    about: str
    columns: tuple[Column, ...]
    row: type[RequestLog] | type[FileLog] | type[AuditLog] | None = None
    """The rows it is made of; None: they are derived."""
    derive: str = ""
    """A SELECT over `batch`, rows of `requests` with all its columns. It must not mind where one batch ends and the next
    begins: each request is in one batch, and that is all it may count on."""
    merge: str = ""
    """A SELECT over `parts`, the rows of several files, that makes fewer rows of them when files are merged (a sum of sums).
    Empty: they are put together as they are. A view may show rows of several files, so who reads such a table sums up."""
    time: str = "created"
    """The column whose UTC month is the row's month."""
    sort: str = ""
    """How the file of a month that is over is sorted; empty: by `time`."""

    @property
    def names(self) -> str:
        """The columns, as a SELECT list."""
        return ", ".join(column.name for column in self.columns)

    @property
    def raw(self) -> str:
        """The columns of the JSON rows, for `read_json(columns = …)`."""
        return "{" + ", ".join(f"{column.name}: '{column.raw or column.type}'" for column in self.columns) + "}"

    @property
    def cast(self) -> str:
        """The SELECT list that turns JSON rows into rows of this table."""
        return ", ".join(f"{column.cast} AS {column.name}" if column.cast else column.name for column in self.columns)

    @property
    def none(self) -> str:
        """A SELECT that has the right columns and no row: what an old file lacks, it gives."""
        return "SELECT " + ", ".join(f"NULL::{column.type} AS {column.name}" for column in self.columns) + " LIMIT 0"

    def derived(self, requests: str) -> str:
        """The SELECT that makes rows of this table of those that the SELECT `requests` gives."""
        return self._typed(f"WITH batch AS ({requests}) {self.derive}")

    def merged(self, rows: str) -> str:
        """The SELECT of what the rows of several files become in one."""
        return self._typed(f"WITH parts AS ({rows}) {self.merge}") if self.merge else rows

    def _typed(self, select: str) -> str:
        """What a column can't hold is null: a sum of absurd numbers would stop the archive for ever."""
        return (
            f"SELECT {', '.join(f'TRY_CAST({c.name} AS {c.type}) AS {c.name}' for c in self.columns)} FROM ({select})"
        )

    def misfit(self, there: dict[str, str]) -> str:
        """Which of a file's columns (name -> type) has another type than here; empty: none."""
        wrong = (column for column in self.columns if there.get(column.name, column.type) != column.type)
        return next((f"its column {one.name} is {there[one.name]}, not {one.type}" for one in wrong), "")


def moment(name: str, about: str) -> Column:
    """A column for Unix seconds."""
    return Column(name, "TIMESTAMP", about, "DOUBLE", f"make_timestamp(CAST(round({name} * 1000000) AS BIGINT))")


def json_lines(rows: Iterable[tuple[int, Row]], table: Table) -> list[bytes]:
    """The rows as JSON objects, for `read_json`."""
    fields = tuple(column.name for column in table.columns if column.name != "seq")
    values: Callable[[Row], tuple[Any, ...]] = attrgetter(*fields)
    lines = []
    for seq, row in rows:
        line: dict[str, Any] = dict(zip(fields, values(row), strict=True))
        line["seq"] = seq
        lines.append(_encode(line))
    return lines


def month_of(created: float) -> str:
    """The UTC month of a Unix time, as `2026-11`. Raises ValueError, OverflowError, OSError for what is no time."""
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m")


def when(row: Row) -> float:
    """The Unix time that decides the row's month."""
    return row.created if isinstance(row, RequestLog) else row.time


def fitting(table: Table) -> Callable[[Row], bool]:
    """Whether the columns can hold a row: one that can't would stop the archive for ever."""
    checks = list(_ranges(table))

    def fits(row: Row) -> bool:
        for values, limit in checks:
            found = values(row)
            if min(found) < -limit or max(found) >= limit:
                return False
        try:
            return "1970-01" <= month_of(when(row)) <= "9999-12"
        except (ValueError, OverflowError, OSError):
            return False

    return fits


def _ranges(table: Table) -> Iterator[tuple[Callable[[Row], tuple[int, ...]], int]]:
    for kind, limit in _LIMITS.items():
        names = [column.name for column in table.columns if column.type == kind and column.name != "seq"]
        if names:
            yield attrgetter(*names, names[0]), limit
