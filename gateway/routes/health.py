"""`/` says what this is, `/up` that it is alive. Both without a key, so they tell nothing about who uses it."""

from typing import Any

from litestar import get
from litestar.di import NamedDependency

from gateway.parts import Parts


@get("/", summary="What this is", tags=["health"])
async def home(parts: NamedDependency[Parts]) -> dict[str, Any]:
    """A signpost for a person who opens the address in a browser."""
    return {
        "name": "AI Server",
        "version": parts.version,
        "about": "A private AI gateway. Point an OpenAI client's base_url at /v1 and use one of this server's keys.",
        "chat": "/v1/chat/completions",
        "models": "/v1/models",
        "openapi": "/openapi.json",
        "explorer": "/explorer",
        "health": "/up",
    }


@get("/up", summary="Alive?", tags=["health"])
async def up(parts: NamedDependency[Parts]) -> dict[str, Any]:
    """200 while this process answers and holds its connection to NATS; `bus` says whether it does."""
    return {"status": "ok", "version": parts.version, "bus": bool(parts.bus.nc.is_connected)}
