"""Jobs of the archive in the dialect's words. A row tells how a request ended; bodies only where the archive keeps them.

What a newcomer would get wrong: a failed job that was put back has a row for each run, and the last one is the job.
"""

from datetime import timedelta
from typing import Any, TypeVar

from bus.ids import created_at
from gateway.aiserver._where import Columns
from gateway.past import Past, dicts, text
from schemas.dtos.base import ResponseStatus
from schemas.dtos.jobs import BackgroundJobBase, JobSummary
from schemas.provider import ApiKey
from storage.tables import month_of

J = TypeVar("J", bound=BackgroundJobBase)

_STATE = "CASE outcome WHEN 'done' THEN 'Completed' WHEN 'cancelled' THEN 'Cancelled' ELSE 'Failed' END"
_ENDED = "created + to_microseconds((total_ms * 1000)::BIGINT)"
COLUMNS: Columns = {
    "id": "job",
    "parent_id": "nullif(parent, 0)",
    "ref_id": "coalesce(nullif(ref, ''), job::VARCHAR)",
    "worker": "coalesce(nullif(provider, ''), nullif(queue, ''))",
    "tag": "nullif(tag, '')",
    "created_date": "created",
    "created_by": "key",
    "user_id": "key",
    "request_type": "CASE style WHEN 'sync' THEN 'API' ELSE 'CMD' END",
    "command": "op",
    "request": "op",
    "request_body": "request",
    "response_body": "response",
    "started_date": "created + to_microseconds((wait_ms * 1000)::BIGINT)",
    "completed_date": f"CASE outcome WHEN 'done' THEN {_ENDED} END",
    "last_activity_date": _ENDED,
    "state": _STATE,
    "status": _STATE,
    "duration_ms": "round(total_ms)::BIGINT",
    "attempts": "attempts",
    "error_code": "error",
    "error_message": "message",
}
EVERY = """(SELECT r.* FROM requests r LEFT JOIN
  (SELECT job, max(run) AS last FROM requests WHERE run > 0 GROUP BY job) l USING (job)
  WHERE coalesce(r.run, 0) = coalesce(l.last, 0))"""
"""The last run of every job."""
_WHOLE = ", ".join(f"{sql} AS {name}" for name, sql in COLUMNS.items()) + ", model, served, provider AS who, client"


def select(where: str = "", order: str = "", page: str = "", bodies: bool = False) -> str:
    """Whole jobs. Without `bodies` those columns are null: they are large."""
    columns = _WHOLE if bodies else _WHOLE.replace("request AS", "NULL AS").replace("response AS", "NULL AS")
    return f"SELECT {columns} FROM {EVERY} {where} {order} {page}"


def job_of(kind: type[J], row: dict[str, Any]) -> J:
    """One row of `select`."""
    args = {name: row[name] for name in ("model", "served", "client") if row.get(name)}
    known = {name: row[name] for name in kind.__struct_fields__ if name in row and name not in ("args", "response")}
    failed = row["error_code"] is not None
    error = ResponseStatus(error_code=row["error_code"], message=row["error_message"], errors=[]) if failed else None
    progress = 1.0 if row["state"] == "Completed" else None
    return kind(**{**_clean(known), "error": error, "args": args or None, "progress": progress})


def summary_of(row: dict[str, Any]) -> JobSummary:
    return JobSummary(**_clean({name: row[name] for name in JobSummary.__struct_fields__ if name in row}))


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


async def find(past: Past, key: ApiKey, number: int = 0, ref: str = "", bodies: bool = True) -> dict[str, Any] | None:
    """A job that JOBS has forgotten, or that was never there (sync calls), by its id or the caller's name for it.

    An id tells its month, and a run that began later is in that month or the next. Of another key only an administrator's
    is found.
    """
    whose = "" if "admin" in key.scopes else f" AND key = {text(key.id)}"
    where = f"WHERE tenant = {text(key.tenant)}{whose} AND "
    if number:
        first = created_at(number)
        months = {month_of(first + days * 86400) for days in (0, 8)}
        where += f"job = {int(number)} AND month IN ({', '.join(text(one) for one in sorted(months))})"
    else:
        where += f"ref = {text(ref)}"
    found = dicts((await past.ask(select(where, "ORDER BY created DESC", "LIMIT 1", bodies)))[0])
    return found[0] if found else None


def month_name(when: Any) -> str:
    """The month that a date of a query means; empty: none."""
    return when.strftime("%Y-%m") if when is not None else ""


def seconds(millis: float | None) -> timedelta:
    return timedelta(milliseconds=millis or 0)
