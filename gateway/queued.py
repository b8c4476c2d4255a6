"""A durable job's answer: 202 with where to ask for it, or its result if that comes while the caller waits.

A caller who hangs up does not stop a durable job; only `DELETE /jobs/{id}` does.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from litestar.types import Receive

from bus.desk import Desk
from bus.dispatch import Accepted
from bus.finish import end_of
from gateway.again import told_again
from gateway.dialects._dialect import SSE
from gateway.live import Reply, send_whole
from gateway.problems import JSON
from gateway.reading import Gone
from gateway.wishes import Wish
from schemas.events import Failed
from schemas.job import Job, State, Style
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Held(msgspec.Struct, frozen=True):
    """An accepted job and how its caller wants to hear of it."""

    key: ApiKey
    accepted: Accepted
    wish: Wish
    longest: float
    """Seconds we keep a connection open for, whatever it wishes."""
    background: bool = False
    """The dialect itself has words for a job under way."""


async def answer(desk: Desk, held: Held, receive: Receive, reply: Reply) -> None:
    """Answer for an accepted job. Nothing is sent to a caller who has hung up."""
    job, wish = held.accepted.job, held.wish
    headers = reply.headers
    if held.accepted.duplicate:
        headers.append((b"idempotent-replayed", b"true"))
    if wish.preferred:
        headers += ((b"preference-applied", wish.preferred), (b"vary", b"prefer"))
    sync = wish.style is Style.SYNC
    seconds = job.deadline - job.created if sync else wish.wait
    if seconds is not None:
        seconds = min(seconds, held.longest)
    try:
        status = State.QUEUED
        if seconds is not None:
            status = (await unless_gone(receive, desk.wait(held.key, job.id, seconds))).status
        elif held.accepted.duplicate:
            status = (await desk.view(held.key, job.id)).status
        if seconds is not None and status.terminal:
            record = await desk.result(held.key, job.id)
            reply.at = record.finished
            await reply.end(end_of(record))
        elif held.background and reply.dialect.accepted is not None:
            await _in_background(desk, held, receive, reply)
        elif sync:
            late = f"The answer is not there after {seconds:g} s; ask again with the same Idempotency-Key."
            raise Problem(Code.DEADLINE, late)
        else:
            await _send_accepted(job, status, reply)
    except Problem as problem:
        await reply.end(Failed(problem.fault))
    except Gone:
        return


async def _in_background(desk: Desk, held: Held, receive: Receive, reply: Reply) -> None:
    """The job as its dialect shows it, or its events as they come: a reader who leaves may come back for the rest."""
    job = held.accepted.job
    if not job.stream:
        assert reply.dialect.accepted is not None
        body = reply.dialect.accepted(await desk.result(held.key, job.id))
        headers = [*reply.headers, JSON, (b"content-length", b"%d" % len(body))]
        await send_whole(200, headers, body, reply.send)
        return
    start: Any = {"type": "http.response.start", "status": 200, "headers": reply.headers + SSE}
    await reply.send(start)
    await unless_gone(receive, _relay(desk, held, reply))


async def _relay(desk: Desk, held: Held, reply: Reply) -> None:
    async for body in told_again(desk, held.key, held.accepted.job):
        part: Any = {"type": "http.response.body", "body": body, "more_body": True}
        await reply.send(part)
    last: Any = {"type": "http.response.body", "body": b""}
    await reply.send(last)


async def _send_accepted(job: Job, status: State, reply: Reply) -> None:
    url = f"/jobs/{job.id}"
    body = _encode({"id": job.id, "refId": job.ref, "status": status, "status_url": url})
    reply.headers += (
        JSON,
        (b"content-length", b"%d" % len(body)),
        (b"location", url.encode()),
        (b"retry-after", b"1"),
    )
    await send_whole(202, reply.headers, body, reply.send)


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the caller hangs up first (`Gone`)."""
    task = asyncio.create_task(work)
    left = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
        return task.result()
    finally:
        task.cancel()
        left.cancel()


async def _left(receive: Receive) -> None:
    message: Any = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
