"""The short commands over a running server: status, a question, a key lent for it.

What a newcomer would get wrong: agents speak once a second, so whoever asks how they are has to listen that long. The
commands about providers and keys are in `errand_provider.py` and `errand_keys.py`.
"""

import asyncio
import sys
import time

import msgspec

from bus import subjects
from bus.config import Config, new_key
from bus.connection import Bus
from bus.fleet import Fleet
from ops import talk
from ops.printing import say, show
from ops.settings import Settings

LISTEN_SECONDS = 1.3
"""Agents beat once a second: after this long all that live have spoken."""


async def lend_key(bus: Bus, name: str, seconds: float = 3600) -> str:
    """An app key that ends by itself. Lent keys that have ended are swept away with the next one."""
    config = await _config(bus)
    for key in list(config.keys.values()):
        if key.name == name and key.expires and key.expires < time.time() - 86400:
            await bus.keep(subjects.config_key("keys", key.id), b"", headers={"KV-Operation": "DEL"})
    return await _add(config, name, (), seconds)


async def status(bus: Bus, settings: Settings) -> int:
    from ops.house import read_note
    from ops.screen import queues

    fleet = await fleet_of(bus)
    if not settings.nats_url:
        say(f"{read_note(settings.data).url}   nats: {bus.link.url}   data: {settings.data}\n")
    show(queues(fleet))
    wanted = {name for name, one in fleet.config.providers.items() if one.enabled}
    missing = sorted(wanted - {seen.beat.provider for seen in fleet.agents.values()})
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


async def fleet_of(bus: Bus) -> Fleet:
    """What all living agents say of themselves; asks and listens for a second."""
    fleet = Fleet(bus, await _config(bus))
    await fleet.start()
    await asyncio.sleep(LISTEN_SECONDS)
    return fleet


async def _add(config: Config, name: str, scopes: tuple[str, ...], seconds: float) -> str:
    raw, key = new_key(name, scopes)
    await config.put_key(msgspec.structs.replace(key, expires=time.time() + seconds) if seconds else key)
    return raw
