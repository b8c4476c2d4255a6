"""How an agent of another machine joins: its way to the bus, and the providers that it brings along.

What a newcomer would get wrong: a found provider is only introduced where the bus does not know that name yet. What an
operator has set there since (slots, priority, off) must not be undone by a container that starts.
"""

import asyncio

from msgspec.structs import replace

from bus.config import Config
from bus.connection import Link, open_bus
from ops import catalogue, run, sections
from ops.detect import USUAL, detect, placed_at
from ops.settings import Settings
from schemas.checks import provider_faults
from schemas.problem import Code, Problem
from schemas.provider import Provider


def way(url: str, token: str) -> Link:
    """The NATS at `url`. With a token we are its user `agent`, unless the address says who we are."""
    if not token or "@" in url:
        return run.link_of(url)
    return replace(run.link_of(url), user="agent", password=token)


def placed(settings: Settings, names: tuple[str, ...], url: str, kind: str) -> Settings:
    """The settings with a section for the one provider that answers at `url`. Raises `Problem(INVALID_REQUEST)`."""
    if len(names) != 1:
        raise Problem(Code.INVALID_REQUEST, "--url is the address of one provider: name one")
    known = settings.providers.get(names[0])
    kind = kind or (known.kind if known else names[0] if names[0] in catalogue.kinds() else "openai")
    made = replace(known, base_url=url, kind=kind) if known else placed_at(names[0], kind, url)
    for _, wrong in provider_faults(made, catalogue.kinds()):
        raise Problem(Code.INVALID_REQUEST, wrong)
    return replace(settings, providers={**settings.providers, names[0]: made})


def join(settings: Settings, link: Link, names: tuple[str, ...], found: bool) -> tuple[str, ...]:
    """The names to serve. Those that this machine has and the bus does not know are made known to it.

    `found`: also everything in settings, environment and machine, and the web callbacks.
    """
    unknown = [name for name in names if name not in settings.providers and name != run.CALLBACKS.name]
    here: dict[str, Provider] = {}
    tools = sections.transformers()
    if settings.detect and (found or any(name not in tools for name in unknown)):
        here = {one.name: one.provider for one in asyncio.run(detect()) if one.provider}
        # One that is asked for by name but sleeps yet is served as soon as it wakes.
        usual = {name: placed_at(name, name, "http://{}:{}".format(*USUAL[name])) for name in unknown if name in USUAL}
        here = {**usual, **here}
    if found:
        names = tuple(dict.fromkeys([*names, *settings.providers, *here, run.CALLBACKS.name]))
    # What changes files needs nothing of one machine: it belongs to none, and any may serve it.
    new = [run.pinned(here[name]) for name in names if name in here and name not in settings.providers]
    new += [tools[name] for name in unknown if name in tools]
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
                await config.put_provider(provider)
