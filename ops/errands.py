"""The short commands over a running server: keys, models, status, a question.

What a newcomer would get wrong: the raw key is printed to stdout alone and at once, so `KEY=$(ai-server keys create me)`
works; everything said about it goes to stderr.
"""

import asyncio
import sys
import time

import msgspec
from rich.table import Table

from bus import subjects
from bus.config import Config, new_key
from bus.connection import Bus
from bus.fleet import Fleet
from ops import talk
from ops.printing import say, show
from ops.settings import Settings
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

LISTEN_SECONDS = 1.3
"""Agents beat once a second: after this long all that live have spoken."""


async def create_key(bus: Bus, name: str, admin: bool, days: float) -> int:
    config = await _config(bus)
    raw = await _add(config, name, ("admin",) if admin else (), days * 86400)
    say(raw)
    sys.stderr.write(f"This is the key `{name}`. It is not stored and can't be shown again.\n")
    return 0


async def list_keys(bus: Bus) -> int:
    config = await _config(bus)
    table = Table("id", "name", "key", "tenant", "scopes", "state", "created", box=None, header_style="dim")
    for key in sorted(config.keys.values(), key=lambda one: one.created):
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(key.created))
        table.add_row(
            key.id, key.name, f"{key.prefix}…", key.tenant, " ".join(key.scopes) or "app", state(key), created
        )
    show(table)
    return 0


def state(key: ApiKey) -> str:
    if key.revoked:
        return "revoked"
    if key.expires:
        left = key.expires - time.time()
        return f"{left / 3600:.1f} h left" if left > 0 else "expired"
    return "active"


async def revoke_key(bus: Bus, wanted: str) -> int:
    """`wanted` is an id, the key itself, or a name that only one active key has."""
    config = await _config(bus)
    known = config.keys.get(wanted) or config.find_key(wanted)
    named = [known] if known else [key for key in config.keys.values() if key.name == wanted and not key.revoked]
    if len(named) != 1:
        why = f"{len(named)} keys are named" if named else "there is no key"
        raise Problem(Code.NOT_FOUND, f"{why} `{wanted}`; `ai-server keys list` shows their ids")
    key = await config.revoke_key(named[0].id)
    say(f"revoked {key.id} ({key.name})")
    return 0


async def lend_key(bus: Bus, name: str, seconds: float = 3600) -> str:
    """An app key that ends by itself. Lent keys that have ended are swept away with the next one."""
    config = await _config(bus)
    for key in list(config.keys.values()):
        if key.name == name and key.expires and key.expires < time.time() - 86400:
            await bus.keep(subjects.config_key("keys", key.id), b"", headers={"KV-Operation": "DEL"})
    return await _add(config, name, (), seconds)


async def models(bus: Bus) -> int:
    fleet = await _fleet(bus)
    table = Table("model", "queues", box=None, header_style="dim")
    for name, queues in fleet.models().items():
        table.add_row(name, ", ".join(queues))
    if not table.row_count:
        raise Problem(Code.NO_PROVIDER, "no model is served now; `ai-server status` shows the providers")
    show(table)
    return 0


async def status(bus: Bus, settings: Settings) -> int:
    from ops.house import read_note
    from ops.screen import queues

    fleet = await _fleet(bus)
    if not settings.nats_url:
        say(f"{read_note(settings.data).url}   nats: {bus.link.url}   data: {settings.data}\n")
    show(queues(fleet))
    missing = sorted(set(fleet.config.providers) - {seen.beat.provider for seen in fleet.agents.values()})
    if missing:
        say(f"\nno agent speaks for: {', '.join(missing)}")
    return 0


def running_url(settings: Settings) -> str:
    """Where the server of this data directory answers; by the settings when it runs elsewhere."""
    from ops.house import read_note, url_of

    return (not settings.nats_url and read_note(settings.data).url) or url_of(settings.host, settings.port)


def tell(url: str, key: str, question: str, model: str = "") -> None:
    """The answer, piece by piece, to stdout. Raises `TalkError`."""
    for piece in talk.ask(url, key, question, model):
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


async def _config(bus: Bus) -> Config:
    config = Config(bus)
    await config.start()
    return config


async def _fleet(bus: Bus) -> Fleet:
    """What all living agents say of themselves; asks and listens for a second."""
    fleet = Fleet(bus, await _config(bus))
    await fleet.start()
    await asyncio.sleep(LISTEN_SECONDS)
    return fleet


async def _add(config: Config, name: str, scopes: tuple[str, ...], seconds: float) -> str:
    raw, key = new_key(name, scopes)
    await config.put_key(msgspec.structs.replace(key, expires=time.time() + seconds) if seconds else key)
    return raw
