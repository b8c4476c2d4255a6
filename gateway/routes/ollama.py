"""Ollama's questions about the house: which models, what version. What changes models (pull, delete) is not for callers."""

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency

from gateway.dialects import models as told
from gateway.parsing import parse
from gateway.parts import Parts
from gateway.routes.models import find, listed
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

SPOKEN = "0.13.0"
"""The version of Ollama whose API this is. Clients refuse to work with one that is too old."""


class Show(msgspec.Struct):
    model: str = ""
    name: str = ""


_show = msgspec.json.Decoder(Show).decode


@get("/api/version", summary="Ollama: version", tags=["ollama"])
async def version() -> dict[str, str]:
    """Without a key, as Ollama has it: clients look here to see whether anybody is there."""
    return {"version": SPOKEN}


@get("/api/tags", summary="Ollama: models", tags=["ollama"])
async def tags(parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]) -> dict[str, Any]:
    return {"models": [told.ollama(model) for model in listed(parts, caller)]}


@get("/api/ps", summary="Ollama: models that are loaded", tags=["ollama"])
async def running(parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]) -> dict[str, Any]:
    """All that are served: nobody has to load one first."""
    loaded = {"expires_at": "2999-01-01T00:00:00Z", "size_vram": 0}
    return {"models": [{**told.ollama(model), **loaded} for model in listed(parts, caller)]}


@post("/api/show", status_code=200, summary="Ollama: one model", tags=["ollama"])
async def show(
    request: Request[Any, Any, Any], parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    asked = parse(_show, await request.body())
    if not (asked.model or asked.name):
        raise Problem(Code.INVALID_REQUEST, "Missing required parameter: 'model'.", param="model")
    return told.ollama_shown(find(parts, asked.model or asked.name, caller))
