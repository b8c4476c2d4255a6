"""`/admin/route`: where a request would go, and why.

A model's name may hold slashes, so it stands in the query and never in the path.
"""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from bus.foresee import Question, foresee
from bus.tenants import seen_by
from gateway.answer import Front
from gateway.parts import Parts
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

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
        known = next((one for one in seen_by(parts.config, admin.id) if one.id == key), None)
        if known is None:
            raise Problem(Code.NOT_FOUND, f"There is no key {key}.", param="key")
        front.access.check(known)
        front.access.allow(known, op, model)
    names = tuple(name.strip() for name in provider.split(",") if name.strip())
    question = Question(model=model, op=op, stream=stream, providers=names)
    return foresee(parts.fleet, question)


ROUTES = [ask_route]
