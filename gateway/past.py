"""What the gateway asks of the archive: SQL over the rows that are written and those still on the bus, as `ai-server sql` does.

What a newcomer would get wrong: DuckDB works in a process of its own (`ops/readers.py`), and a question takes some tens of
milliseconds even for nothing: ask all one wants to know in one go. And `ask` is for SQL that we wrote ourselves; what a
person wrote goes through `run`, which trusts it in nothing.
"""

from pathlib import Path
from typing import Any, Protocol

import msgspec

from bus.tenants import HOUSE
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.duck import quoted
from storage.rights import ALL, Whose
from storage.sql import Result

LIMIT = 10_000
"""Rows of one answer."""
SCOPES = ("admin", "analytics")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A person's SQL. `id`: by which it is cancelled; of one asker no two run at once under one."""

    id: str
    sql: str
    whose: Whose
    asker: str
    """Who waits in line: a key's id."""
    month: str = ""
    limit: int = LIMIT
    """Rows; 0, for a file: all."""
    seconds: float = 30.0
    kind: str = "json"
    """json, csv or parquet."""


class Told(msgspec.Struct, frozen=True):
    """The answer: as JSON text, or as a file that the receiver removes. `rows`: how many."""

    body: bytes = b""
    file: Path | None = None
    rows: int = 0


class Past(Protocol):
    """Whoever can read the archive (`ops/past.py`)."""

    async def ask(self, *questions: str, month: str = "", limit: int = LIMIT, whose: Whose = ALL) -> list[Result]:
        """One answer a question, all of the same moment. `month` (2026-11) leaves other months out. Raises `Problem`."""

    async def months(self) -> list[str]:
        """The months that have rows, the newest first."""

    async def run(self, query: Query) -> Told:
        """A person's question. Cancelling the task breaks it off. Raises `Problem`."""

    def cancel(self, asker: str, query_id: str) -> bool:
        """Break a query off; False: there is none of this asker."""


def past_of(past: Past | None) -> Past:
    """Raises `Problem(UNAVAILABLE)` where there is none."""
    if past is None:
        raise Problem(Code.UNAVAILABLE, "This server has no archive at hand.")
    return past


def sight(key: ApiKey) -> Whose:
    """Whose rows the key may see: with the scope `admin` its tenant's (the house's own: all), with `analytics` its own.

    Raises `Problem(FORBIDDEN)` for a key with neither.
    """
    if "admin" in key.scopes:
        return ALL if key.tenant == HOUSE else Whose(key.tenant)
    if "analytics" in key.scopes:
        return Whose(key.tenant, key.id)
    raise Problem(
        Code.FORBIDDEN,
        f"This needs a key with the scope `admin` or `analytics`; {key.prefix}… has neither. "
        "An administrator can make one: ai-server keys create NAME --scope analytics",
    )


def text(value: Any) -> str:
    """A value as SQL has it: a number, or a quoted text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else quoted(str(value))


def dicts(found: Result) -> list[dict[str, Any]]:
    """The rows by column."""
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]
