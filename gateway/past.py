"""What the gateway asks of the archive: SQL over the rows that are written and those still on the bus, as `ai-server sql` does.

What a newcomer would get wrong: DuckDB works in threads of its own, never in the event loop, and takes some tens of
milliseconds even for nothing: ask all one wants to know in one go.
"""

from typing import Any, Protocol

from schemas.problem import Code, Problem
from storage.duck import quoted
from storage.sql import Result

LIMIT = 10_000
"""Rows of one answer."""


class Past(Protocol):
    """Whoever can read the archive (`ops/past.py`)."""

    async def ask(self, *questions: str, month: str = "", limit: int = LIMIT) -> list[Result]:
        """One answer a question, all of the same moment. `month` (2026-11) leaves other months out. Raises `Problem`."""

    async def months(self) -> list[str]:
        """The months that have rows, the newest first."""


def past_of(past: Past | None) -> Past:
    """Raises `Problem(UNAVAILABLE)` where there is none."""
    if past is None:
        raise Problem(Code.UNAVAILABLE, "This server has no archive at hand.")
    return past


def text(value: Any) -> str:
    """A value as SQL has it: a number, or a quoted text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else quoted(str(value))


def dicts(found: Result) -> list[dict[str, Any]]:
    """The rows by column."""
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]
