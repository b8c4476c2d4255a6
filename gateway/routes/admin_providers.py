"""`/admin/providers`: providers, live. A change is in force in every process within a second, and is in the history."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from bus import subjects
from bus.history import told, versions
from bus.registry import Registry
from bus.tenants import HOUSE, tenant_of
from gateway.admin import provider_view
from gateway.parts import Parts
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

TEST_SECONDS = 40.0
Fields = dict[str, Any]


@get("/providers", summary="All providers")
async def list_providers(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    """Settings without secrets, and how their agents are."""
    found = sorted(parts.config.providers.items())
    return {"object": "list", "data": [provider_view(one, parts.fleet) for _, one in found]}


@post("/providers", summary="Add a provider")
async def add_provider(
    parts: NamedDependency[Parts],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """By `type` (`groq`), or by `name`, `kind` and `base_url`. 409 if there is one of that name."""
    return provider_view(await registry.add(fields, admin.id), parts.fleet)


@get("/providers/{name:str}", summary="One provider")
async def show_provider(
    name: FromPath[str],
    parts: NamedDependency[Parts],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
) -> Fields:
    return provider_view(registry.provider(name), parts.fleet)


@put("/providers/{name:str}", summary="Set a provider whole")
async def put_provider(
    name: FromPath[str],
    parts: NamedDependency[Parts],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """What is not given gets its default; the key `sealed` keeps the secret there is."""
    return provider_view(await registry.put(name, _settable(fields), admin.id), parts.fleet)


@patch("/providers/{name:str}", summary="Change fields of a provider")
async def change_provider(
    name: FromPath[str],
    parts: NamedDependency[Parts],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """null puts a field's default back."""
    return provider_view(await registry.change(name, _settable(fields), admin.id), parts.fleet)


@delete("/providers/{name:str}", status_code=200, summary="Remove a provider")
async def remove_provider(
    name: FromPath[str], registry: NamedDependency[Registry], admin: NamedDependency[ApiKey]
) -> Fields:
    """Calls under way go on to their end. Its history stays: a rollback brings it back."""
    await registry.remove(name, admin.id)
    return {"name": name, "deleted": True}


@post("/providers/{name:str}/{switch:str}", status_code=200, summary="enable, disable, test or rollback")
async def switch_provider(
    name: FromPath[str],
    switch: FromPath[str],
    parts: NamedDependency[Parts],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """`rollback` wants `{"revision": N}`; `test` takes `{"chat": true, "model": "…"}`."""
    match switch:
        case "enable" | "disable":
            changed = await registry.change(name, {"enabled": switch == "enable"}, admin.id)
            return provider_view(changed, parts.fleet)
        case "rollback":
            revision = fields.get("revision")
            if not isinstance(revision, int) or isinstance(revision, bool):
                raise Problem(Code.INVALID_REQUEST, "revision must be a number of the history.", param="revision")
            return provider_view(await registry.roll_back(name, revision, admin.id), parts.fleet)
        case "test":
            registry.provider(name)
            return await tested(parts, name, fields)
    raise Problem(Code.NOT_FOUND, f"'{switch}' is nothing a provider can do: enable, disable, test or rollback.")


@get("/providers/{name:str}/history", summary="Who changed what, and when")
async def provider_history(
    name: FromPath[str], parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]
) -> Fields:
    """The last ten versions, the newest first; a removed provider has them too."""
    history = await versions(parts.bus, "providers", name) if subjects.TOKEN.match(name) else []
    if not history:
        raise Problem(Code.NOT_FOUND, f"There is no provider '{name}', and there was none.", param="name")
    return {"object": "list", "data": told(history)}


@get("/config/history", summary="All changes of providers, keys and rules")
async def config_history(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    """The newest first; of each entry the last ten. Keys for administrators of `default` alone."""
    kinds = ("providers", "keys", "rules") if tenant_of(parts.config, admin.id) == HOUSE else ("providers", "rules")
    lines = [line for kind in kinds for line in told(await versions(parts.bus, kind))]
    return {"object": "list", "data": sorted(lines, key=lambda line: -int(line["revision"]))}


async def tested(parts: Parts, name: str, fields: Fields) -> Fields:
    """What an agent saw of the provider. Raises `Problem(UNAVAILABLE)` when none speaks for it."""
    wish = {"chat": fields.get("chat", False), "model": fields.get("model", "")}
    for field, value, kind in (("chat", wish["chat"], bool), ("model", wish["model"], str)):
        if type(value) is not kind:
            raise Problem(Code.INVALID_REQUEST, f"{field} must be a {kind.__name__}.", param=field)
    try:
        answer = await parts.bus.ask(subjects.provider_test(name), msgspec.json.encode(wish), TEST_SECONDS)
    except Problem as problem:
        raise Problem(
            Code.UNAVAILABLE, f"No agent process answers for '{name}': start one with `ai-server agent {name}`.",
            retry_after=5,
        ) from problem  # fmt: skip
    seen: Fields = msgspec.json.decode(answer.data)
    return seen


def _settable(fields: Fields) -> Fields:
    """What an answer shows beside the settings may be sent back; it means nothing."""
    return {name: value for name, value in fields.items() if name not in ("state", "agents")}


ROUTES = [
    list_providers, add_provider, show_provider, put_provider, change_provider, remove_provider, switch_provider,
    provider_history, config_history,
]  # fmt: skip
