"""`/admin/reports` and `/admin/requests`: the prepared reports, and the log of requests, page by page.

For keys with the scope `admin` or `analytics`. What a newcomer would get wrong: these are outside the admin router, whose
routes want `admin`; the right is asked for here (`sight`), and it says whose rows the answer is made of.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from gateway import reports
from gateway.parts import Parts
from gateway.past import Past, dicts, past_of, sight
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage import request_log
from storage.report_words import described
from storage.reports import REPORTS, report_of
from storage.rights import Whose
from storage.running import Result
from storage.sources import Person

Asked = Request[Any, Any, Any]
Fields = dict[str, Any]
PIECE = 10_000
"""Rows of an export that are asked for at a time."""
CSV = "text/csv; charset=utf-8"


@get("/admin/reports", summary="Prepared reports", tags=["admin"])
async def list_reports(caller: NamedDependency[ApiKey]) -> Fields:
    """Each with what it can be asked."""
    sight(caller)
    return {"data": [described(report) for report in REPORTS.values()], "next": None}


@get("/admin/reports/{name:str}", summary="A report", tags=["admin"])
async def read_report(
    name: FromPath[str], request: Asked, parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> Response[Any]:
    """Rows of cells, in the order of `columns`. `sql` gives the same numbers in `/admin/sql`. Times are Unix seconds."""
    sight(caller)
    said = words_of(request)
    kind = _kind(said)
    found = await reports.ask(past_of(parts.past), parts.config, caller, report_of(name), said)
    if kind == "csv":
        return Response(reports.csv_of(found.columns, found.rows), media_type=CSV, headers=_saved_as(f"{name}.csv"))
    rows = [[reports.plain(cell) for cell in row] for row in found.rows]
    return Response(msgspec.structs.replace(found, rows=rows))


@get("/admin/requests", summary="The log of requests", tags=["admin"])
async def list_requests(
    request: Asked, parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> Response[Any] | Stream:
    """The newest first. Filters: month, from, to, key, user, model, provider, op, outcome, error, client, queue, style, tag,
    ref, status, duration (milliseconds, as 100-250), browser, device, bot, user_agent, and q, which looks into ref, tag,
    message, model and error: some millions of rows at a time, so a page may be empty and have a `next`, which looks further
    back than `looked_back_to`. `format=csv`: all of them, up to 100,000 rows."""
    whose, said = sight(caller), words_of(request)
    people, kind, past = reports.people_of(parts.config.keys.values(), whose), _kind(said), past_of(parts.past)
    if kind == "csv":
        pieces = _export(parts, said, people, whose)
        first = await anext(pieces)  # what is wrong with the question is said before the answer begins
        return Stream(_joined(first, pieces), media_type=CSV, headers=_saved_as("requests.csv"))
    back_to = await _reach(past, said, whose)
    page = request_log.page(said, people, back_to=back_to)
    (found,) = await past.ask(page.sql, limit=page.size + 1, whose=whose)
    rows = dicts(found)
    after = request_log.cursor_at(back_to) if back_to else None
    if len(rows) > page.size:
        back_to, after = None, request_log.cursor(rows[page.size - 1])
    return Response({
        "data": _shown(found, people)[: page.size], "next": after, "warnings": found.warnings,
        "looked_back_to": reports.plain(back_to),
    })  # fmt: skip


@get("/admin/requests/{job:int}", summary="All that is known of a request", tags=["admin"])
async def read_request(job: FromPath[int], parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]) -> Fields:
    """`request` is its last run, `runs` those before; with its attempts, callbacks and files."""
    whose = sight(caller)
    if not 0 < job < 2**63:
        raise Problem(Code.NOT_FOUND, "There is no such request.", param="job")
    people = reports.people_of(parts.config.keys.values(), whose)
    found = await past_of(parts.past).ask(*request_log.one(job), whose=whose)
    runs, attempts, callbacks, files = (_shown(one, people) for one in found)
    if not runs:
        raise Problem(Code.NOT_FOUND, f"The archive has no request {job}; one that has not ended is at /jobs/{job}.")
    return {"request": runs[0], "runs": runs[1:], "attempts": attempts, "callbacks": callbacks, "files": files}


async def _reach(past: Past, said: Mapping[str, str], whose: Whose) -> datetime | None:
    """How far back this page of a search looks; None: it is none, or to the beginning."""
    if not said.get("q"):
        return None
    (found,) = await past.ask(request_log.reach(said), whose=whose)
    when = found.rows[0][0]
    assert when is None or isinstance(when, datetime)
    return when


async def _export(
    parts: Parts, said: Mapping[str, str], people: tuple[Person, ...], whose: Whose
) -> AsyncIterator[bytes]:
    """The rows in pieces, each asked for when the one before has been sent."""
    left, after = request_log.LONGEST_EXPORT, said.get("after", "")
    head = True
    while left > 0:
        page = request_log.export(said, people, min(PIECE, left), after)
        (found,) = await past_of(parts.past).ask(page.sql, limit=page.size + 1, whose=whose)
        columns, rows = reports.named(found.columns, found.rows[: page.size], people)
        yield reports.csv_of(columns, rows, head)
        head, left = False, left - page.size
        if len(found.rows) <= page.size:
            return
        after = request_log.cursor(dict(zip(found.columns, found.rows[page.size - 1], strict=True)))


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _shown(found: Result, people: tuple[Person, ...]) -> list[Fields]:
    columns, rows = reports.named(found.columns, found.rows, people)
    return [{name: reports.plain(cell) for name, cell in zip(columns, row, strict=True)} for row in rows]


def words_of(request: Asked) -> dict[str, str]:
    """The query's words. Raises `Problem(INVALID_REQUEST)` for one that is said twice."""
    said: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in said:
            raise Problem(Code.INVALID_REQUEST, f"{name[:40]} is given twice.", param=name[:40])
        said[name] = value
    return said


def _kind(said: dict[str, str]) -> str:
    """Takes `format` out of the words."""
    kind = said.pop("format", "") or "json"
    if kind not in ("json", "csv"):
        raise Problem(Code.INVALID_REQUEST, f"format is json or csv, not '{kind[:40]}'.", param="format")
    return kind


def _saved_as(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


ROUTES = [list_reports, read_report, list_requests, read_request]
