"""`/admin/keys`: API keys. A key and its callbacks' signing secret are in the answer that makes it, and in no other."""

from typing import Any

from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from bus.registry import Registry
from bus.tenants import seen_by
from gateway.admin import key_view
from gateway.area import Area
from gateway.key_use import use_of
from gateway.parts import Parts
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Fields = dict[str, Any]
OVERLAP = 86_400.0


@get("/keys", summary="All keys")
async def list_keys(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    """Newest first. An administrator of a tenant other than `default` sees and makes that tenant's alone."""
    used = await parts.config.key_use()
    keys = sorted(seen_by(parts.config, admin.id), key=lambda key: -key.created)
    return {"object": "list", "data": [key_view(key, used.get(key.id)) for key in keys]}


@post("/keys", summary="Create a key")
async def create_key(
    registry: NamedDependency[Registry], admin: NamedDependency[ApiKey], fields: NamedDependency[Fields]
) -> Fields:
    """`key` and `webhook_secret` are shown this once."""
    raw, key = await registry.create_key(fields, admin.id)
    return {**key_view(key, None), "key": raw, "webhook_secret": key.webhook_secret}


@get("/keys/{key_id:str}", summary="One key")
async def show_key(
    key_id: FromPath[str],
    parts: NamedDependency[Parts],
    area: NamedDependency[Area],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
) -> Fields:
    """With what it has used: `spent` in US dollars where it has a budget, `storage` in bytes."""
    key = registry.key(key_id, admin.id)
    used = await use_of(parts.bus, area.quota, key)
    return {**key_view(key, (await parts.config.key_use()).get(key_id)), **used}


@patch("/keys/{key_id:str}", summary="Change a key's rights, limits or notes")
async def change_key(
    key_id: FromPath[str],
    parts: NamedDependency[Parts],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """null puts a field's default back."""
    key = await registry.change_key(key_id, fields, admin.id)
    return key_view(key, (await parts.config.key_use()).get(key_id))


@post("/keys/{key_id:str}/revoke", status_code=200, summary="Revoke a key")
async def revoke_key(
    key_id: FromPath[str], registry: NamedDependency[Registry], admin: NamedDependency[ApiKey]
) -> Fields:
    """Refused everywhere within a second. It can't be taken back."""
    return key_view(await registry.revoke_key(key_id, admin.id), None)


@post("/keys/{key_id:str}/rotate", summary="Replace a key")
async def rotate_key(
    key_id: FromPath[str],
    registry: NamedDependency[Registry],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """A new key with the same rights; the old one works for `overlap` seconds more (a day, unless given)."""
    for name in fields:
        if name not in ("overlap", "signing"):
            raise Problem(Code.INVALID_REQUEST, f"There is no '{name}': overlap and signing.", param=name)
    overlap, signing = fields.get("overlap", OVERLAP), fields.get("signing", False)
    if isinstance(overlap, bool) or not isinstance(overlap, int | float):
        raise Problem(Code.INVALID_REQUEST, "overlap must be a number of seconds.", param="overlap")
    if not isinstance(signing, bool):
        raise Problem(Code.INVALID_REQUEST, "signing must be true or false.", param="signing")
    raw, key = await registry.rotate_key(key_id, overlap, admin.id, signing)
    return {**key_view(key, None), "key": raw, "webhook_secret": key.webhook_secret}


ROUTES = [list_keys, create_key, show_key, change_key, revoke_key, rotate_key]
