"""Which models a provider has: those it was given, those CONFIG remembers, and those it lists when it is asked.

What a newcomer would get wrong: what was known before is served at once, and the provider is asked afterwards; so an agent that
starts while its provider is away is offline only where it knows of no model at all.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from schemas.problem import Problem
from schemas.provider import Model

if TYPE_CHECKING:
    from bus.worker import Worker

log = structlog.get_logger()

FindModels = Callable[[], Awaitable[tuple[Model, ...]]]
SECONDS = 10.0
"""How long the provider may take to list them."""


def known_models(worker: "Worker") -> tuple[Model, ...]:
    """Without asking."""
    provider = worker.provider
    listed = {(model.op, model.name): model for model in provider.models}
    for model in worker.config.models.get(provider.name, ()) if provider.discover else ():
        listed.setdefault((model.op, model.name), model)
    return tuple(listed.values())


async def discover(worker: "Worker", find: FindModels) -> None:
    """Ask the provider for its models; one that can't be reached and lists none is offline."""
    provider = worker.provider
    try:
        async with asyncio.timeout(SECONDS):
            found = await find()
    except (Problem, TimeoutError) as error:
        if not worker.models:
            worker.offline = str(error) or f"no answer in {SECONDS:.0f} s"
        log.warning("provider.unreachable", provider=provider.name, error=str(error))
        return
    worker.offline = ""
    listed = {(model.op, model.name): model for model in (*provider.models, *found)}
    models = tuple(listed.values())
    if models != worker.models:
        worker.models = models
        worker.beat(full=True)
    await worker.config.put_models(provider.name, models)


async def rediscover(worker: "Worker", find: FindModels) -> None:
    """At once when models were known beforehand, then now and then; sooner while the provider is away."""
    if not worker.provider.discover and worker.models:
        return
    wait = 0.0 if worker.models else 3.0
    while True:
        await asyncio.sleep(wait)
        try:
            await discover(worker, find)
        except Problem as problem:
            log.warning("provider.models_unknown", provider=worker.provider.name, error=str(problem))
        wait = 5.0 if worker.offline else 300.0
