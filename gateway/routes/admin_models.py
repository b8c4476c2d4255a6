"""`/admin/models`: every model by its full name, who serves it and what they call it; and the catalogue behind the names."""

from typing import Any

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromQuery

from bus.registry import Registry
from gateway.admin import models_view
from gateway.model_prices import with_prices
from gateway.parts import Parts
from schemas.operations import OPERATIONS
from schemas.provider import ApiKey

Fields = dict[str, Any]


@get("/models", summary="Models and who serves them")
async def list_models(
    parts: NamedDependency[Parts], registry: NamedDependency[Registry], admin: NamedDependency[ApiKey]
) -> Fields:
    """With what each provider charges, in USD per million tokens."""
    found = models_view(parts.fleet, parts.config.providers, registry.catalogue)
    return {"object": "list", "data": with_prices(found, parts.accounts)}


@get("/catalogue", summary="Provider types and known models")
async def show_catalogue(registry: NamedDependency[Registry], admin: NamedDependency[ApiKey]) -> Fields:
    """The built-in catalogue with this server's overrides; `kinds` of provider and `operations` that this version knows."""
    told: Fields = msgspec.to_builtins({"types": registry.catalogue.types, "models": registry.catalogue.models})
    operations = [name for name, one in OPERATIONS.items() if not one.internal]
    return {**told, "kinds": sorted(registry.kinds), "operations": operations}


@get("/rules", summary="How models' requests are spread")
async def list_rules(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    """Strategy, fallbacks and weights; a model without a rule is balanced."""
    told = [msgspec.to_builtins(rule) for _, rule in sorted(parts.config.rules.items())]
    return {"object": "list", "data": told}


@put("/rules", summary="Set a model's rule")
async def put_rule(
    registry: NamedDependency[Registry], admin: NamedDependency[ApiKey], fields: NamedDependency[Fields]
) -> Fields:
    """`model`, and any of `strategy`, `fallbacks`, `weights`."""
    told: Fields = msgspec.to_builtins(await registry.put_rule(fields, admin.id))
    return told


@delete("/rules", status_code=200, summary="Remove a model's rule")
async def remove_rule(
    model: FromQuery[str], registry: NamedDependency[Registry], admin: NamedDependency[ApiKey]
) -> Fields:
    await registry.drop_rule(model, admin.id)
    return {"model": model, "deleted": True}


ROUTES = [list_models, show_catalogue, list_rules, put_rule, remove_rule]
