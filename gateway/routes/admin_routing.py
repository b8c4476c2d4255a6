"""`/admin/route`: where a request would go, and why; `/admin/rules`: how a model's requests are spread.

A model's name may hold slashes, so it stands in the query or in the body and never in the path.
"""

from typing import Any

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromQuery

from bus.foresee import Question, foresee
from gateway.answer import Front
from gateway.parts import Parts
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from schemas.rules import ModelRule

Fields = dict[str, Any]


@get("/route", summary="Where a request would go now")
async def ask_route(
    parts: NamedDependency[Parts],
    front: NamedDependency[Front],
    admin: NamedDependency[ApiKey],
    model: FromQuery[str],
    op: FromQuery[str] = "chat",
    stream: FromQuery[bool] = False,
    provider: FromQuery[str] = "",
    key: FromQuery[str] = "",
) -> Fields:
    """Nothing is sent. With `key` (an id) the key's rights are asked too."""
    if key:
        known = parts.config.keys.get(key)
        if known is None:
            raise Problem(Code.NOT_FOUND, f"There is no key {key}.", param="key")
        front.access.check(known)
        front.access.allow(known, op, model)
    names = tuple(name.strip() for name in provider.split(",") if name.strip())
    question = Question(model=model, op=op, stream=stream, providers=names)
    return foresee(parts.fleet, question)


@get("/rules", summary="How models' requests are spread")
async def list_rules(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    rules = sorted(parts.config.rules.values(), key=lambda rule: rule.model)
    return {"object": "list", "data": [msgspec.to_builtins(rule) for rule in rules]}


@put("/rules", summary="Set how one model's requests are spread", status_code=200)
async def put_rule(
    parts: NamedDependency[Parts], admin: NamedDependency[ApiKey], fields: NamedDependency[Fields]
) -> Fields:
    """`{"model": …, "strategy": balanced|priority|cheapest|fastest|weighted, "fallbacks": […], "weights": {…}}`"""
    try:
        rule = msgspec.convert(fields, ModelRule)
    except msgspec.ValidationError as error:
        raise Problem(Code.INVALID_REQUEST, f"{error}.", param="model") from error
    await parts.config.put_rule(rule, admin.id)
    told: Fields = msgspec.to_builtins(rule)
    return told


@delete("/rules", summary="Spread a model's requests as all others", status_code=200)
async def drop_rule(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey], model: FromQuery[str]) -> Fields:
    if model not in parts.config.rules:
        raise Problem(Code.NOT_FOUND, f"There is no rule for '{model}'.", param="model")
    await parts.config.drop_rule(model, admin.id)
    return {"model": model, "deleted": True}


ROUTES = [ask_route, list_rules, put_rule, drop_rule]
