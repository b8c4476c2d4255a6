"""`/admin/live`: the whole house as it is now, as a snapshot and as a feed of changes.

What a newcomer would get wrong: the fields are a promise (docs/reference/live.md); the UI and people's scripts read them.
"""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from gateway.answer import Front
from gateway.routes.jobs import job_id
from gateway.watch import Feed
from schemas.problem import Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]
_SSE = "text/event-stream"  # Litestar says the charset of text itself


@get("/live", summary="The house as it is now")
async def live(feed: NamedDependency[Feed], admin: NamedDependency[ApiKey]) -> Response[bytes]:
    """Queues, providers, keys, processes, jobs and the last hour: docs/reference/live.md."""
    return Response(await feed.snapshot(admin), media_type="application/json", headers={"cache-control": "no-store"})


@get("/live/events", summary="The same, and what changes, as server-sent events")
async def live_events(
    request: Asked, feed: NamedDependency[Feed], front: NamedDependency[Front], admin: NamedDependency[ApiKey]
) -> Stream:
    """First `state`, then `change` about once a second. Whoever comes back gets the state anew."""
    heads = dict(request.scope["headers"])

    def may() -> bool:
        try:
            front.access.require(front.access.who(heads), "admin")
        except Problem:
            return False
        return True

    events = await feed.follow(admin, may)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(events, media_type=_SSE, headers=headers)


@get("/live/jobs/{job:str}/preview", summary="The picture of a running job as it stands")
async def live_preview(
    job: FromPath[str], feed: NamedDependency[Feed], admin: NamedDependency[ApiKey]
) -> Response[bytes]:
    """At most 64 KB. 404 where there is none."""
    picture, kind = await feed.preview(admin, job_id(job))
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(picture, media_type=kind, headers=headers)


ROUTES = [live, live_events, live_preview]
