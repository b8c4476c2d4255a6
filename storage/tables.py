"""The archive's tables: every column's name, DuckDB type and meaning, in one place.

The columns of `requests` are the fields of `RequestLog` (but `again`, a note from recovery to the archiver) and `seq`.
They are public: a column never changes its name, type or meaning, and a new one goes last, because a file from last
year must still open. What a newcomer would get wrong: times are plain TIMESTAMP in UTC, not TIMESTAMPTZ, which DuckDB in
Python can't fetch without a further package.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from schemas.log import RequestLog


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


MONTH = Column(
    "month", "VARCHAR", "Month of `created` in UTC, as 2026-11; a filter on it reads that month's files only."
)
"""Not in the files: it is their folder's name (Hive partitioning)."""

REQUESTS = Table(
    "requests",
    "One row for each request, whichever way it came and however it ended.",
    (
        Column("job", "BIGINT", "Id of the job; with `run`, unique. It grows with time."),
        Column(
            "created",
            "TIMESTAMP",
            "When the request was accepted (UTC, microseconds).",
            "DOUBLE",
            "make_timestamp(CAST(round(created * 1000000) AS BIGINT))",
        ),
        Column("tenant", "VARCHAR", "Whose API key it was."),
        Column("key", "VARCHAR", "Id of the API key: the first 16 digits of its hash, never the key."),
        Column("op", "VARCHAR", "Operation: chat …"),
        Column("style", "VARCHAR", "How the caller asked: sync, queued, callback or direct."),
        Column("stream", "BOOLEAN", "The caller wanted the answer piece by piece."),
        Column("model", "VARCHAR", "Model, as the caller wrote it."),
        Column("outcome", "VARCHAR", "done, failed or cancelled."),
        Column("status", "INTEGER", "HTTP status the caller got, or would have got."),
        Column("queue", "VARCHAR", "Queue that took it last: a provider or a pool; empty: none."),
        Column("provider", "VARCHAR", "Provider that served it or failed last; empty: none was reached."),
        Column("agent", "VARCHAR", "Agent process that served it or failed last."),
        Column("attempts", "INTEGER", "How many times it was tried."),
        Column("error", "VARCHAR", "Code of the failure; null: none."),
        Column("message", "VARCHAR", "What the caller was told of the failure."),
        Column("tokens_in", "BIGINT", "Tokens of the prompt."),
        Column("tokens_out", "BIGINT", "Tokens of the answer, reasoning included."),
        Column("tokens_cached", "BIGINT", "Tokens of the prompt that the provider had in its cache."),
        Column("tokens_reasoning", "BIGINT", "Tokens of the answer spent on reasoning."),
        Column("estimated", "BOOLEAN", "The provider did not count the tokens, so we did: 4 characters a token."),
        Column("first_ms", "DOUBLE", "Milliseconds from accept to the first piece of the answer; null: none came."),
        Column("wait_ms", "DOUBLE", "Milliseconds from accept to the start of the first attempt; null: never started."),
        Column("total_ms", "DOUBLE", "Milliseconds from accept to the end."),
        Column("ref", "VARCHAR", "The caller's own id of the request (refId, Idempotency-Key)."),
        Column("tag", "VARCHAR", "The caller's own label."),
        Column("client", "VARCHAR", "Address of the HTTP client."),
        Column("user_agent", "VARCHAR", "What the HTTP client calls itself."),
        Column("request", "VARCHAR", "Body of the request; null unless the setting archive.bodies was on."),
        Column("response", "VARCHAR", "Body of the answer; null unless the setting archive.bodies was on."),
        Column("trail", "VARCHAR", "The attempts as JSON, oldest first; null: none.", cast="nullif(trail, '')"),
        Column("parent", "BIGINT", "For a callback: the job it reports; else 0."),
        Column("seq", "BIGINT", "Place of the record in the stream LOG; with it, a row is written exactly once."),
        Column("cost", "DOUBLE", "US dollars, by list prices or the operator's own; null: no price is known."),
        Column("cost_estimated", "BOOLEAN", "The tokens were estimated, or the price is the maker's own list price."),
        Column("cached", "BOOLEAN", "Answered from the response cache: no provider was asked."),
        Column("served", "VARCHAR", "Model that answered or failed last, where that is not `model`; else empty."),
        Column("tokens_written", "BIGINT", "Tokens of the prompt that were written into the provider's cache."),
        Column("run", "INTEGER", "0; a failed job that an administrator put back has a further row, with 1, 2 …"),
    ),
)

TABLES = {table.name: table for table in (REQUESTS,)}

_FIELDS = tuple(column.name for column in REQUESTS.columns if column.name != "seq")
_values = attrgetter(*_FIELDS)
_counts: Callable[[RequestLog], tuple[int, ...]] = attrgetter(
    *(column.name for column in REQUESTS.columns if column.type == "BIGINT" and column.name != "seq")
)
_small: Callable[[RequestLog], tuple[int, ...]] = attrgetter("status", "attempts", "run")
_encode = msgspec.json.Encoder().encode


def json_lines(rows: Iterable[tuple[int, RequestLog]]) -> list[bytes]:
    """The rows as JSON objects, for `read_json`."""
    lines = []
    for seq, row in rows:
        line: dict[str, Any] = dict(zip(_FIELDS, _values(row), strict=True))
        line["seq"] = seq
        lines.append(_encode(line))
    return lines


def month_of(created: float) -> str:
    """The UTC month of a Unix time, as `2026-11`. Raises ValueError, OverflowError, OSError for what is no time."""
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m")


def fits(row: RequestLog) -> bool:
    """Whether the columns can hold the row: one that can't would stop the archive for ever."""
    counts, small = _counts(row), _small(row)
    if min(counts) < -(2**63) or max(counts) >= 2**63 or min(small) < -(2**31) or max(small) >= 2**31:
        return False
    try:
        return "1970-01" <= month_of(row.created) <= "9999-12"
    except (ValueError, OverflowError, OSError):
        return False
