"""`/` says what this is, `/up` that it is alive. Both without a key, so they tell nothing about who uses it.

A browser at `/` is sent to the web UI; a program gets the signpost as JSON.
"""

from typing import Any

from litestar import HttpMethod, Request, Response, get, route
from litestar.di import NamedDependency

from gateway.parts import Parts


@get("/", summary="What this is", tags=["health"])
async def home(request: Request[Any, Any, Any], parts: NamedDependency[Parts]) -> Response[Any]:
    """A signpost. Whoever accepts HTML is sent on to the web UI (302)."""
    if "text/html" in request.headers.get("accept", ""):
        return Response(b"", status_code=302, headers={"location": "/ui/", "vary": "accept"}, media_type="text/html")
    return Response(_signpost(parts.version), headers={"vary": "accept"}, media_type="application/json")


@route("/up", http_method=[HttpMethod.HEAD], include_in_schema=False, status_code=200)
async def up_head() -> None:
    """What some load balancers ask instead."""


@get("/up", summary="Alive?", tags=["health"])
async def up(parts: NamedDependency[Parts]) -> dict[str, Any]:
    """200 while this process answers and holds its connection to NATS; `bus` says whether it does."""
    return {"status": "ok", "version": parts.version, "bus": bool(parts.bus.nc.is_connected)}


def _signpost(version: str) -> dict[str, str]:
    return {
        "name": "AI Server",
        "version": version,
        "about": "A private AI gateway. Point an OpenAI client's base_url at /v1 and use one of this server's keys.",
        "chat": "/v1/chat/completions",
        "models": "/v1/models",
        "openapi": "/openapi.json",
        "explorer": "/explorer",
        "ui": "/ui/",
        "health": "/up",
    }
