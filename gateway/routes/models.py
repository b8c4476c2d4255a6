"""`/v1/models`: the models somebody serves right now, in OpenAI's shape.

A model that is configured but has no live agent is not listed: a list that promises more than chat can do is worse than a
short one.
"""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.parts import Parts
from schemas.problem import Code, Problem
from schemas.provider import ApiKey


@get("/v1/models", summary="Models served now", tags=["models"])
async def list_models(parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]) -> dict[str, Any]:
    """Every served model; `owned_by` names the queues that serve it."""
    served = parts.fleet.models("chat")
    return {"object": "list", "data": [_shown(parts, name, queues) for name, queues in served.items()]}


@get("/v1/models/{name:path}", summary="One model", tags=["models"])
async def read_model(
    name: FromPath[str], parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """404 unless it is served now. A name may hold slashes."""
    name = name.lstrip("/")
    queues = parts.fleet.models("chat").get(name)
    if queues is None:
        raise Problem(Code.MODEL_NOT_FOUND, f"The model '{name}' is not served here.", param="model")
    return _shown(parts, name, queues)


def _shown(parts: Parts, name: str, queues: list[str]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(_SINCE), "owned_by": ",".join(sorted(queues))}


_SINCE = 1767225600
"""OpenAI's clients want a time of creation; ours have none worth telling (2026-01-01)."""
