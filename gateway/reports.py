"""A report asked of the archive: the words read, the SELECT run in the caller's sight, keys told by name.

What a newcomer would get wrong: the SELECT knows ids of keys alone. Names and users come from the configuration, and of
those too the caller sees only what are the caller's: an analytics key itself, an administrator the tenant's.
"""

import csv
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from bus.config import Config
from gateway.past import Past, sight
from schemas.provider import ApiKey
from storage.report_words import named, wanted_of
from storage.reports import Report
from storage.rights import ALL, Whose
from storage.sources import Person, Wanted

__all__ = ["ReportAnswer", "ask", "csv_of", "named", "notes", "people_of", "plain", "understood"]


class ReportAnswer(msgspec.Struct, frozen=True):
    """What `/admin/reports/{name}` answers."""

    name: str
    parameters: dict[str, Any]
    """As they were understood."""
    columns: list[str]
    rows: list[list[Any]]
    """Cells in the order of `columns`; in JSON, times are Unix seconds."""
    sql: str
    elapsed_ms: float
    warnings: list[str]


async def ask(past: Past, config: Config, caller: ApiKey, report: Report, said: Mapping[str, str]) -> ReportAnswer:
    """Raises `Problem(INVALID_REQUEST)` that names a wrong parameter, `Problem(FORBIDDEN)`."""
    whose = sight(caller)
    people = people_of(config.keys.values(), whose)
    wanted = wanted_of(report, said, people, sorted(config.providers))
    sql, began = report.sql(wanted), time.perf_counter()
    (found,) = await past.ask(sql, limit=wanted.limit, whose=whose)
    elapsed = round((time.perf_counter() - began) * 1000, 1)
    columns, rows = named(found.columns, found.rows, people)
    warnings = [*found.warnings, *notes(report, wanted, sql, len(rows))]
    return ReportAnswer(report.name, understood(wanted, said), columns, rows, sql, elapsed, warnings)


def people_of(keys: Iterable[ApiKey], whose: Whose) -> tuple[Person, ...]:
    """The keys that are in sight."""
    return tuple(
        Person(key.id, key.name, key.user_id or key.user)
        for key in keys
        if whose == ALL or (key.tenant == whose.tenant and whose.key in ("", key.id))
    )


def notes(report: Report, wanted: Wanted, sql: str, rows: int) -> list[str]:
    """What the reader of the numbers should know."""
    told = []
    if wanted.span.hours() != wanted.span and report.name not in ("errors", "attempts", "clients", "slowest", "idle"):
        told.append(
            "Times count by whole hours here: the report begins and ends at a full hour around what was asked for."
        )
    if rows >= wanted.limit:
        told.append(f"Only {wanted.limit} rows; a larger limit gives more.")
    return told


def understood(wanted: Wanted, said: Mapping[str, str]) -> dict[str, Any]:
    """The parameters with what they mean: times as Unix seconds."""
    told: dict[str, Any] = {name: value for name, value in said.items() if value}
    for name, moment in (("from", wanted.span.since), ("to", wanted.span.until)):
        if moment is not None:
            told[name] = plain(moment)
    return {**told, **({"by": list(wanted.by)} if wanted.by else {}), "limit": wanted.limit}


def plain(value: Any) -> Any:
    """A cell as JSON has it: times are Unix seconds, days are written out."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).timestamp()
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Any]], head: bool = True) -> bytes:
    """Times in ISO 8601, UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    if head:
        writer.writerow(columns)
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def _written(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return cell.isoformat() + "Z"
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{cell}"  # a table program would run it: what callers write must not be code there
    return cell
