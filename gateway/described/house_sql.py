"""`/admin/sql` as the API's description tells it: what it takes, and what it answers as JSON."""

from typing import Any

import msgspec

from gateway.described.examples import MODEL
from gateway.described.notes import Note
from gateway.routes.sql import Wish


class ResultColumn(msgspec.Struct, kw_only=True):
    name: str
    type: str
    """As DuckDB calls it."""


class SqlAnswer(msgspec.Struct, kw_only=True):
    """Asked for csv or parquet, the answer is a file, with `x-row-count` and `x-query-id` among its headers."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    """Cells in the order of `columns`. A number that a double can't hold exactly is a string; times are ISO 8601 in UTC."""
    row_count: int
    cut: bool
    """There were more rows."""
    warnings: list[str]
    elapsed_ms: float
    id: str


class QueryCancelled(msgspec.Struct, kw_only=True):
    id: str
    cancelled: bool


class TableColumn(msgspec.Struct, kw_only=True):
    name: str
    type: str
    about: str


class ArchiveTable(msgspec.Struct, kw_only=True):
    name: str
    about: str
    columns: list[TableColumn]


class ArchiveTables(msgspec.Struct, kw_only=True):
    tables: list[ArchiveTable]


_COLUMN = {"name": "model", "type": "VARCHAR", "about": "Model, as the caller wrote it."}
SQL_NOTES: dict[tuple[str, str], Note] = {
    ("post", "/admin/sql"): Note(
        body=Wish, given=SqlAnswer,
        asked={"sql": "SELECT model, count(*) AS n FROM requests GROUP BY ALL", "month": "2026-11", "id": "mine"},
        shown={
            "columns": [{"name": "model", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}], "rows": [[MODEL, 12]],
            "row_count": 1, "cut": False, "warnings": [], "elapsed_ms": 8.1, "id": "mine",
        },
    ),
    ("delete", "/admin/sql/{query_id}"): Note(
        given=QueryCancelled, shown={"id": "mine", "cancelled": True}, values={"query_id": "mine"}
    ),
    ("get", "/admin/sql/schema"): Note(
        given=ArchiveTables, shown={"tables": [{"name": "requests", "about": "One row a request.", "columns": [_COLUMN]}]}
    ),
}  # fmt: skip
