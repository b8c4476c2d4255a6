"""`/v1/models` and `/v1beta/models`: the models somebody serves right now, in the shape of whoever asks.

A model that is configured but has no live agent is not listed: a list that promises more than a request can do is worse than
a short one. Three dialects share `/v1/models`; their clients tell themselves apart by a header each of them always sends.
"""

import time
from collections.abc import Iterable
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from bus.fleet import STALE
from gateway.access import may_ask
from gateway.dialects import models as told
from gateway.dialects.doors import ANTHROPIC, GEMINI, dialect_at
from gateway.dialects.models import Served
from gateway.parts import Parts
from schemas.catalogue import Catalogue
from schemas.operations import CHAT, DEFAULT, EMBEDDINGS, OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]
WORDS = (CHAT.name, EMBEDDINGS.name)
_ALL = (*WORDS, *(op.name for op in OPERATIONS.values() if op.media and not op.internal and op.model == DEFAULT))
"""What models are listed for. Transforms are done by no model that anybody would choose."""
_LISTS = {ANTHROPIC.name: told.anthropic_list, GEMINI.name: told.gemini_list}
_ONES = {ANTHROPIC.name: told.anthropic, GEMINI.name: told.gemini}


@get(["/v1/models", "/v1beta/models"], summary="Models served now", tags=["models"])
async def list_models(request: Asked, parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]) -> dict[str, Any]:
    """Every served model; `owned_by` names the queues that serve it."""
    dialect = _dialect(request)
    ops = WORDS if dialect in _LISTS else _ALL
    return _LISTS.get(dialect, told.openai_list)(listed(parts, caller, ops))


@get(["/v1/models/{name:path}", "/v1beta/models/{name:path}"], summary="One model", tags=["models"])
async def read_model(
    name: FromPath[str], request: Asked, parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """404 unless it is served now. A name may hold slashes."""
    dialect = _dialect(request)
    ops = WORDS if dialect in _ONES else _ALL
    return _ONES.get(dialect, told.openai)(find(parts, name.lstrip("/"), caller, ops))


def served(parts: Parts, ops: Iterable[str] = WORDS) -> list[Served]:
    """All models that can be asked by name for one of these operations, sorted."""
    found: dict[str, Served] = {}
    facts = _facts(parts)
    for op in ops:
        for name, queues in parts.fleet.models(op).items():
            if name == DEFAULT:
                continue
            model = found.setdefault(name, Served(name, *facts.get(name, ())))
            model.ops.append(op)
            model.queues += [queue for queue in queues if queue not in model.queues]
    return [model for _, model in sorted(found.items())]


def _facts(parts: Parts) -> dict[str, tuple[bool | None, int]]:
    """Of each model that chats, whether it takes pictures and its context, as agents and catalogue tell. Of several that serve
    it one that takes pictures is enough; it is blind only if all say so, and the smallest context counts."""
    catalogue, now = catalogue_of(parts), time.monotonic()
    told: dict[str, list[tuple[bool | None, int]]] = {}
    for seen in parts.fleet.agents.values():
        if now - seen.at >= STALE:
            continue
        provider = parts.config.providers.get(seen.beat.provider)
        kind = catalogue.type_of(provider) if provider else seen.beat.kind
        for model in seen.models:
            if model.op == CHAT.name:
                fact = catalogue.vision(model, kind), catalogue.context(model, kind)
                told.setdefault(model.name, []).append(fact)
    return {name: _agreed(facts) for name, facts in told.items()}


def _agreed(facts: list[tuple[bool | None, int]]) -> tuple[bool | None, int]:
    said = {sees for sees, _ in facts}
    sees = True if True in said else False if said == {False} else None
    return sees, min((tokens for _, tokens in facts if tokens), default=0)


def listed(parts: Parts, caller: ApiKey, ops: Iterable[str] = WORDS) -> list[Served]:
    """Those that this key may ask for, without the short names of models that are listed by their full one."""
    catalogue = catalogue_of(parts)
    return [
        model
        for model in served(parts, ops)
        if not catalogue.is_alias(model.name) and may_ask(caller, model.name, catalogue)
    ]


def catalogue_of(parts: Parts) -> Catalogue:
    return parts.registry.catalogue if parts.registry else Catalogue()


def find(parts: Parts, name: str, caller: ApiKey, ops: Iterable[str] = WORDS) -> Served:
    """By any of its names. Raises `Problem(MODEL_NOT_FOUND)`."""
    allowed = may_ask(caller, name, catalogue_of(parts))
    found = next((model for model in served(parts, ops) if model.name == name and allowed), None)
    if found is None:
        raise Problem(Code.MODEL_NOT_FOUND, f"The model '{name}' is not served here.", param="model")
    return found


def _dialect(request: Asked) -> str:
    return dialect_at(request.scope["path"], dict(request.scope["headers"])).name
