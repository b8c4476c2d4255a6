"""The key commands over a running server.

What a newcomer would get wrong: the raw key is printed to stdout alone and at once; everything said about it goes to stderr.
"""

import json
import sys
import time
from typing import Any

from bus.config import Config
from bus.connection import Bus
from bus.registry import Registry
from gateway.admin import key_state, key_view
from ops.printing import say, show, table
from ops.seal import Seal
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

BY = "cli"


async def create(bus: Bus, fields: dict[str, Any]) -> int:
    registry = await _registry(bus)
    raw, key = await registry.create_key(fields, BY)
    _told(raw, key)
    return 0


async def show_all(bus: Bus) -> int:
    registry = await _registry(bus)
    used = await registry.config.key_use()
    rows = table("id", "name", "key", "tenant", "rights", "state", "created", "last used")
    for key in sorted(registry.config.keys.values(), key=lambda one: one.created):
        rows.add_row(
            key.id,
            key.name,
            f"{key.prefix}…",
            key.tenant,
            _rights(key),
            _state(key),
            _when(key.created),
            _when(used.get(key.id)),
        )
    show(rows)
    return 0


async def show_one(bus: Bus, wanted: str) -> int:
    registry = await _registry(bus)
    key = find(registry.config, wanted)
    used = (await registry.config.key_use()).get(key.id)
    say(json.dumps(key_view(key, used), indent=2, ensure_ascii=False))
    return 0


async def change(bus: Bus, wanted: str, fields: dict[str, Any]) -> int:
    registry = await _registry(bus)
    key = await registry.change_key(find(registry.config, wanted).id, fields, BY)
    say(f"changed {key.id} ({key.name})")
    return 0


async def revoke(bus: Bus, wanted: str) -> int:
    registry = await _registry(bus)
    key = await registry.revoke_key(find(registry.config, wanted).id, BY)
    say(f"revoked {key.id} ({key.name})")
    return 0


async def rotate(bus: Bus, wanted: str, overlap: float, signing: bool) -> int:
    registry = await _registry(bus)
    old = find(registry.config, wanted)
    raw, key = await registry.rotate_key(old.id, overlap, BY, signing)
    _told(raw, key)
    sys.stderr.write(f"The old one, {old.prefix}… ({old.id}), works for {overlap:g} seconds more.\n")
    return 0


async def signing(bus: Bus, wanted: str) -> int:
    config = (await _registry(bus)).config
    if not wanted:
        active = [key for key in config.keys.values() if key_state(key) == "active"]
        if len(active) != 1:
            raise Problem(Code.INVALID_REQUEST, "whose? `ai-server keys signing KEY`; `ai-server keys list` shows them")
        wanted = active[0].id
    say(find(config, wanted).webhook_secret)
    return 0


def find(config: Config, wanted: str) -> ApiKey:
    """By id, the key itself, or a name that only one key has that counts. Raises `Problem(NOT_FOUND)`."""
    if known := config.keys.get(wanted) or config.find_key(wanted):
        return known
    named = [key for key in config.keys.values() if key.name == wanted and key_state(key) == "active"]
    if len(named) != 1:
        why = f"{len(named)} keys are named" if named else "there is no key"
        raise Problem(Code.NOT_FOUND, f"{why} `{wanted}`; `ai-server keys list` shows their ids")
    return named[0]


async def _registry(bus: Bus) -> Registry:
    config = Config(bus)
    await config.start()
    return Registry(config, Seal(None))


def _told(raw: str, key: ApiKey) -> None:
    say(raw)
    sys.stderr.write(
        f"This is the key `{key.name}` ({key.id}). It is not stored and can't be shown again.\n"
        f"Its callbacks are signed with {key.webhook_secret} (again: ai-server keys signing {key.id})\n"
    )


def _rights(key: ApiKey) -> str:
    """Short: scopes, then what it is confined to."""
    confined = [*(f"api={api}" for api in key.apis), *(f"model={model}" for model in key.models)]
    limits = [
        f"{value:g} {unit}"
        for value, unit in (
            (key.requests_per_minute, "req/min"),
            (key.tokens_per_minute, "tok/min"),
            (key.budget_day, "USD/day"),
            (key.budget_month, "USD/month"),
            (key.storage_bytes / 1e9, "GB"),
        )
        if value
    ]
    return " ".join([*key.scopes, *confined, *limits]) or "app"


def _state(key: ApiKey) -> str:
    if key.expires and key_state(key) in ("active", "ending"):
        return f"{(key.expires - time.time()) / 3600:.1f} h left"
    return key_state(key)


def _when(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
