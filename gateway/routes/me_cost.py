"""`/me/cost`: what an answer has cost, for whoever got it. The web UI shows it under each answer.

What a newcomer would get wrong: nothing is looked up in the archive. The accounts are asked what so many tokens cost at this
provider, as they were when the request was charged; an answer that came from the cache cost nothing and is not known here.
"""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from gateway.access import may_ask
from gateway.parts import Parts
from gateway.routes.models import catalogue_of
from schemas.events import Done, Usage
from schemas.job import Job
from schemas.operations import CHAT
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

MOST = 1_000_000_000
"""Tokens of one answer."""


@get("/me/cost", summary="What an answer has cost", tags=["saved"])
async def cost(
    parts: NamedDependency[Parts],
    caller: NamedDependency[ApiKey],
    model: FromQuery[str],
    provider: FromQuery[str],
    tokens_in: FromQuery[int] = 0,
    tokens_out: FromQuery[int] = 0,
    tokens_cached: FromQuery[int] = 0,
    tokens_reasoning: FromQuery[int] = 0,
) -> dict[str, Any]:
    """US dollars, null where no price is known; `estimated`: by the maker's list price. `provider` is the answer's header
    `X-AI-Provider`, the tokens are those of its `usage`. 404 for a model that this key may not ask."""
    if not may_ask(caller, model, catalogue_of(parts)):
        raise Problem(Code.MODEL_NOT_FOUND, f"The model '{model[:80]}' is not served here.", param="model")
    counts = (tokens_in, tokens_out, tokens_cached, tokens_reasoning)
    if not all(0 <= count <= MOST for count in counts):
        raise Problem(Code.INVALID_REQUEST, f"Tokens are counted from 0 to {MOST}.", param="tokens_in")
    job = Job(id=0, tenant="", key="", op=CHAT.name, model=model, body=b"", created=0.0, deadline=0.0)
    bill = parts.accounts.bill(job, Done(usage=Usage(*counts), provider=provider))
    return {"cost": bill.cost, "estimated": bill.estimated}


ROUTES = (cost,)
