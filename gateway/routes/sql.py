"""`/admin/sql`: a person's SQL over the archive. Asks for the scope `admin` or `analytics`, so it is no part of the admin
router, whose own guard wants `admin`.

What a newcomer would get wrong: whose rows are seen is decided by the key (`gateway.past.sight`) and nothing in the
statement. And a caller who hangs up ends the query: nobody would read its answer.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import IO, Annotated, Any, Literal
from uuid import uuid4
from weakref import WeakSet

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from gateway.parsing import parse
from gateway.parts import Parts
from gateway.past import LIMIT, Past, Query, Told, past_of, sight
from gateway.reading import body_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.sql import describe

Asked = Request[Any, Any, Any]
MOST = 100_000
"""Rows of an answer in JSON."""
MOST_SECONDS = 300.0
LONGEST = 200_000
"""Bytes of a request."""
PIECE = 256 << 10
FILES = 2
"""Downloads on their way to one key; each lies on our disk until its last byte is fetched."""
_sent: defaultdict[str, WeakSet[IO[bytes]]] = defaultdict(WeakSet)
_ID = re.compile(r"[\w.:-]{1,64}\Z", re.ASCII)
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\Z")
_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request."""

    sql: str
    month: str | None = None
    """As 2026-11: no other month's rows are seen, and no other month's files read."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None
    """Rows: 10,000 unless said; of a file: all."""
    seconds: Annotated[float, msgspec.Meta(gt=0, le=MOST_SECONDS)] = 30.0
    format: Literal["json", "csv", "parquet"] = "json"
    id: str | None = None
    """By which to cancel it; unless said, it is made up, and told in the answer."""


_decode = msgspec.json.Decoder(Wish).decode


@post("/admin/sql", status_code=200, tags=["admin"], summary="Ask the archive in SQL")
async def ask_archive(request: Asked, caller: NamedDependency[ApiKey], parts: NamedDependency[Parts]) -> Response[Any]:
    """One SELECT in DuckDB's SQL over the tables of `/admin/sql/schema`. A key with the scope `admin` sees its tenant's rows
    (of the tenant `default`: all), one with `analytics` its own. csv and parquet come as a download. Numbers that a double
    can't hold exactly are strings; times are ISO 8601 in UTC."""
    whose, past = sight(caller), past_of(parts.past)
    wish = parse(_decode, await body_of(request, LONGEST))
    query = Query(
        id=wish.id or uuid4().hex,
        sql=wish.sql,
        whose=whose,
        asker=caller.id,
        month=wish.month or "",
        limit=wish.limit or (LIMIT if wish.format == "json" else 0),
        seconds=wish.seconds,
        kind=wish.format,
    )
    _check(query)
    if query.kind != "json":
        _may_fetch(query.asker)
    told = await _while_there(request, past, query)
    heads = {"x-query-id": query.id, "cache-control": "no-store"}
    if told.file is None:
        return Response(told.body, media_type="application/json", headers=heads)
    file = await asyncio.to_thread(_taken, told)
    _lend(caller.id, file)
    heads |= {"x-row-count": str(told.rows), "content-disposition": f'attachment; filename="query.{query.kind}"'}
    return Stream(_pieces(file), media_type=_TYPES[query.kind], headers=heads)


@delete("/admin/sql/{query_id:str}", status_code=200, tags=["admin"], summary="Cancel a query of one's own")
async def cancel_query(
    query_id: FromPath[str], caller: NamedDependency[ApiKey], parts: NamedDependency[Parts]
) -> dict[str, Any]:
    """Whoever waits for its answer is told so. 404: it has ended, or runs behind another gateway."""
    sight(caller)
    if not past_of(parts.past).cancel(caller.id, query_id):
        raise Problem(Code.NOT_FOUND, f"No query with the id `{query_id}` is running here.")
    return {"id": query_id, "cancelled": True}


@get("/admin/sql/schema", tags=["admin"], summary="The archive's tables and columns")
async def archive_tables(caller: NamedDependency[ApiKey]) -> dict[str, Any]:
    """Names, types and meanings; they stay."""
    sight(caller)
    tables: list[dict[str, Any]] = []
    for table, column, kind, about in describe().rows:
        if not column:
            tables.append({"name": table, "about": about, "columns": []})
        else:
            tables[-1]["columns"].append({"name": column, "type": kind, "about": about})
    return {"tables": tables}


def _check(query: Query) -> None:
    if not query.sql.strip():
        raise Problem(Code.INVALID_REQUEST, "What shall be asked? `sql` is empty.", param="sql")
    if query.month and not _MONTH.match(query.month):
        raise Problem(Code.INVALID_REQUEST, "A month is written as 2026-11.", param="month")
    if not _ID.match(query.id):
        raise Problem(Code.INVALID_REQUEST, "An id has 1 to 64 letters, digits and any of `. _ : -`.", param="id")


async def _while_there(request: Asked, past: Past, query: Query) -> Told:
    """The answer, as long as the caller waits for it."""
    asking = asyncio.ensure_future(past.run(query))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait([asking, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise Problem(Code.CANCELLED, "The caller hung up.")
        return asking.result()
    finally:
        leaving.cancel()
        if not asking.done():
            asking.cancel()


async def _gone(request: Asked) -> None:
    """Returns when the caller has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _taken(told: Told) -> IO[bytes]:
    """The file, open and without a name: it is gone when it is closed, whatever happens."""
    assert told.file is not None
    file = told.file.open("rb")
    told.file.unlink()
    return file


def _may_fetch(key: str) -> None:
    """Raises `Problem(OVERLOADED)` when the key has too many downloads open."""
    if sum(not one.closed for one in _sent.get(key, ())) >= FILES:
        raise Problem(
            Code.OVERLOADED,
            f"{FILES} downloads of this key are still being fetched; end one of them first.",
            retry_after=5,
        )


def _lend(key: str, file: IO[bytes]) -> None:
    """Note that the key has it. Raises `Problem(OVERLOADED)`: others were made meanwhile."""
    try:
        _may_fetch(key)
    except Problem:
        file.close()
        raise
    for one in [one for one, files in _sent.items() if not files]:
        del _sent[one]
    _sent[key].add(file)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
    finally:
        file.close()


ROUTES = [ask_archive, cancel_query, archive_tables]
