"""How an agent of another machine joins: its way to the bus, and the providers that it brings along.

What a newcomer would get wrong: a found provider is only introduced where the bus does not know that name yet. What an
operator has set there since (slots, priority, off) must not be undone by a container that starts.
"""

import asyncio

from msgspec.structs import replace

from bus.config import Config
from bus.connection import Link, open_bus
from ops import run
from ops.detect import detect
from ops.settings import Settings
from schemas.provider import Provider


def way(url: str, token: str) -> Link:
    """The NATS at `url`. With a token we are its user `agent`, unless the address says who we are."""
    if not token or "@" in url:
        return run.link_of(url)
    return replace(run.link_of(url), user="agent", password=token)


def join(settings: Settings, link: Link, names: tuple[str, ...], found: bool) -> tuple[str, ...]:
    """The names to serve. Those that this machine has and the bus does not know are made known to it.

    `found`: also everything in settings, environment and machine, and the web callbacks.
    """
    unknown = [name for name in names if name not in settings.providers and name != run.CALLBACKS.name]
    here: dict[str, Provider] = {}
    if settings.detect and (found or unknown):
        here = {one.name: one.provider for one in asyncio.run(detect()) if one.provider}
    if found:
        names = tuple(dict.fromkeys([*names, *settings.providers, *here, run.CALLBACKS.name]))
    new = [here[name] for name in names if name in here and name not in settings.providers]
    if new:
        asyncio.run(_introduce(link, new))
    return names


async def _introduce(link: Link, providers: list[Provider]) -> None:
    async with open_bus(link, "join") as bus:
        await run.declare(bus)
        config = Config(bus)
        await config.start()
        for provider in providers:
            if provider.name not in config.providers:
                await config.put_provider(run.pinned(provider))
