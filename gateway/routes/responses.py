"""`/v1/responses/{id}`: a stored response again, its stream from any point on, its cancellation, its deletion.

A response is a job, and its id holds the job's. Responses are stored unless the request says `store: false`.
"""

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from bus.desk import Desk
from gateway.again import told_again
from gateway.dialects.responses import no_response, response_number
from gateway.dialects.responses_answer import of_record
from schemas.job import Record, State
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


@get("/v1/responses/{name:str}", summary="A stored response", tags=["responses"])
async def read_response(
    name: FromPath[str],
    request: Request[Any, Any, Any],
    desk: NamedDependency[Desk],
    caller: NamedDependency[ApiKey],
    stream: FromQuery[bool] = False,
    starting_after: FromQuery[int] = -1,
) -> Response[Any] | Stream:
    """With `?stream=true` its events, from the first or behind the number `starting_after`."""
    record = await _record(name, desk, caller)
    if not stream:
        return _shown(await _body(record, desk, caller))
    events = told_again(desk, caller, record.job, starting_after)
    return Stream(events, media_type="text/event-stream", headers=_HEADERS)


@post("/v1/responses/{name:str}/cancel", status_code=200, summary="Cancel a background response", tags=["responses"])
async def cancel_response(
    name: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[ApiKey]
) -> Response[bytes]:
    """One that has ended stays as it ended."""
    record = await _record(name, desk, caller)
    if not record.state.terminal:
        await desk.cancel(caller, record.job.id)
        record = await desk.result(caller, record.job.id)
    return _shown(of_record(record))


@delete("/v1/responses/{name:str}", status_code=200, summary="Forget a stored response", tags=["responses"])
async def delete_response(
    name: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """One that is under way is cancelled first."""
    record = await _record(name, desk, caller)
    if not record.state.terminal:
        await desk.cancel(caller, record.job.id)
    await desk.jobs.remove(record.job.tenant, record.job.id)
    return {"id": name, "object": "response", "deleted": True}


async def _record(name: str, desk: Desk, caller: ApiKey) -> Record:
    """Raises `Problem(NOT_FOUND)` for what is no response of this key."""
    number = response_number(name, "response_id")
    try:
        record = await desk.result(caller, number)
    except Problem as problem:
        raise no_response(name, "response_id") if problem.code is Code.NOT_FOUND else problem from None
    if record.job.dialect != "responses":
        raise no_response(name, "response_id")
    return record


async def _body(record: Record, desk: Desk, caller: ApiKey) -> bytes:
    running = False
    if not record.state.terminal:
        running = (await desk.view(caller, record.job.id)).status is State.RUNNING
    return of_record(record, running)


def _shown(body: bytes) -> Response[bytes]:
    return Response(body, media_type="application/json")
