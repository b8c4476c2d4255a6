"""`/jobs/{id}`: ask for a durable job, wait for it, follow its events, cancel it. A job belongs to the key that made it.

Another key's job, an id that never was and a word that is no id get the same 404 in the same words: whether a foreign job
exists is nobody's business.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from litestar import Request, Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from bus.desk import Desk
from gateway.answer import Front
from gateway.dialects.doors import rendered
from gateway.live import QUIET_SECONDS
from gateway.problems import error_of
from gateway.queued import unless_gone
from gateway.reading import Gone
from gateway.wishes import preference, seconds, wants_raw
from schemas.events import Delta, Done, Event, Progress, event_messages
from schemas.job import JobView, State
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

LONGEST_WAIT = 60.0
Asked = Request[Any, Any, Any]


@get("/jobs/{job:str}", summary="A job's state and result", tags=["jobs"])
async def read_job(
    job: FromPath[str],
    request: Asked,
    desk: NamedDependency[Desk],
    caller: NamedDependency[ApiKey],
    wait: FromQuery[str | None] = None,
) -> JobView:
    """With `?wait=30` (or `Prefer: wait=30`) the answer comes when the job has ended, or after that time; at most 60 s."""
    number = job_id(job)
    patience = seconds(wait, "wait") if wait is not None else preference(request.scope["headers"])[1]
    try:
        if not patience:
            return await desk.view(caller, number)
        waiting = desk.wait(caller, number, min(patience, LONGEST_WAIT))
        return await unless_gone(request.receive, waiting)
    except Gone:
        raise Problem(Code.CANCELLED, "The caller hung up.") from None
    except Problem as problem:
        raise no_job(job) if problem.code is Code.NOT_FOUND else problem from None


@get("/jobs/{job:str}/result", summary="A finished job's result alone", tags=["jobs"])
async def read_result(
    job: FromPath[str],
    request: Asked,
    desk: NamedDependency[Desk],
    caller: NamedDependency[ApiKey],
    front: NamedDependency[Front],
) -> Response[bytes] | Stream:
    """The body a sync call would have had. 409 while the job is not done."""
    view = await _view(job, desk, caller)
    if view.status is State.DONE:
        record = await desk.result(caller, view.id)
        scope = request.scope
        shown = await rendered(record, front.store, wants_raw(dict(scope["headers"]), scope["query_string"]))
        if shown is not None:
            length = {"content-length": str(shown.size)} if shown.size >= 0 else {}
            headers = {**dict(shown.headers), **length, "x-job-id": job}
            kind = shown.content_type
            if kind.startswith("text/"):
                kind = kind.partition(";")[0]  # Litestar says the charset of text itself
            return Stream(shown.pieces, media_type=kind, headers=headers)
    if view.result is None:
        raise Problem(Code.CONFLICT, f"Job {job} is {view.status}: it has no result.", param="job")
    return Response(bytes(view.result), media_type="application/json")


@get("/jobs/{job:str}/events", summary="A job's events as server-sent events", tags=["jobs"])
async def follow_job(
    job: FromPath[str],
    request: Asked,
    desk: NamedDependency[Desk],
    caller: NamedDependency[ApiKey],
    after: FromQuery[str | None] = None,
) -> Stream:
    """Events progress, delta, done, failed, each with an id. `Last-Event-ID` or `?after=` goes on behind that id."""
    await _view(job, desk, caller)
    last = after if after is not None else request.headers.get("last-event-id", "0")
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise Problem(Code.INVALID_REQUEST, "Last-Event-ID must be the id of an event of this job.", param="after")
    events = desk.follow(caller, job_id(job), int(last))
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no", "x-job-id": job}
    return Stream(_told(events), media_type="text/event-stream", headers=headers)


@delete("/jobs/{job:str}", status_code=200, summary="Cancel a job", tags=["jobs"])
async def cancel_job(job: FromPath[str], desk: NamedDependency[Desk], caller: NamedDependency[ApiKey]) -> JobView:
    """Stops it wherever it is, and answers with its state: a job that had ended before stays as it ended."""
    try:
        return await desk.cancel(caller, job_id(job))
    except Problem as problem:
        raise no_job(job) if problem.code is Code.NOT_FOUND else problem from None


def job_id(text: str) -> int:
    """Raises `Problem(NOT_FOUND)` for what cannot be an id: a positive integer below 2**53."""
    if text.isascii() and text.isdigit() and len(text) <= 16 and 0 < int(text) < 2**53:
        return int(text)
    raise no_job(text)


def no_job(text: str) -> Problem:
    return Problem(Code.NOT_FOUND, f"There is no job '{text[:40]}' of this API key.", param="job")


async def _view(job: str, desk: Desk, caller: ApiKey) -> JobView:
    try:
        return await desk.view(caller, job_id(job))
    except Problem as problem:
        raise no_job(job) if problem.code is Code.NOT_FOUND else problem from None


async def _told(events: AsyncIterator[tuple[int, Event]]) -> AsyncGenerator[bytes, None]:
    """The events in SSE's words, and a comment whenever nothing has come for a while."""
    following: asyncio.Future[tuple[int, Event]] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({following}, timeout=QUIET_SECONDS)
            if done:
                number, event = following.result()
                following = None
                yield as_sse(number, event)
            else:
                yield b": keep-alive\n\n"
    except StopAsyncIteration:
        return
    except Problem as problem:
        yield b"event: error\ndata: %b\n\n" % msgspec.json.encode({"type": "error", "error": error_of(problem.fault)})
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait({following})  # a generator can't be closed while it runs
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def as_sse(number: int, event: Event) -> bytes:
    """One event as one or several server-sent events. Only the last has the id: a reader cut off before it hears all again."""
    name = _name(event)
    messages = event_messages(event)
    parts = [b"event: %b\ndata: %b\n\n" % (name, message) for message in messages]
    if parts:
        parts[-1] = b"id: %d\n" % number + parts[-1]
    return b"".join(parts)


def _name(event: Event) -> bytes:
    match event:
        case Progress():
            return b"progress"
        case Delta():
            return b"delta"
        case Done():
            return b"done"
        case _:
            return b"failed"
