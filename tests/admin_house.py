"""A gateway with the admin API, and an agent process that follows CONFIG, as `up` has them; both in one loop."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fake_provider import FakeProvider
from gateway_house import House, chat, open_house, until

from bus.config import Config, new_key
from bus.connection import Link, open_bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from bus.registry import Registry
from gateway.dialects.doors import posted_of, result_of
from ops import catalogue
from ops.provide import Means
from ops.seal import Seal
from ops.team import Team

MASTER = b"m" * 32
SEAL = Seal(MASTER)
CATALOGUE = catalogue.load()
Reply = tuple[int, dict[str, str], Any]


@asynccontextmanager
async def team_of(link: Link, *names: str, rest: bool = True) -> AsyncIterator[Team]:
    """An agent process's team, on a connection of its own."""
    async with open_bus(link, "agent") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        means = Means(private=True, seal=SEAL, catalogue=CATALOGUE)
        finish = Finish(bus, jobs, ids, show=result_of, post=posted_of)
        team, stop = Team(fleet, finish, names, means, rest=rest), asyncio.Event()
        task = asyncio.create_task(team.run(stop, 1.0))
        try:
            yield team
        finally:
            stop.set()
            await task


class Office:
    """What the tests of the admin API hold."""

    def __init__(self, house: House, secret: str, key_id: str) -> None:
        self.house, self.secret, self.key_id = house, secret, key_id

    async def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Reply:
        more = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        return await self.house.get(f"/admin{path}", self.secret if key is None else key, method, **more)

    async def want(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be a success."""
        status, _, answer = await self.ask(method, path, body)
        assert status in (200, 201), answer
        return answer


@asynccontextmanager
async def open_office(link: Link, *, team: bool = True, **parts: Any) -> AsyncIterator[Office]:
    def registry(config: Config) -> Registry:
        return Registry(config, SEAL, CATALOGUE, catalogue.kinds())

    async with open_house(link, agent=False, registry=registry, **parts) as house:
        secret, key = new_key("boss", ("admin",))
        await house.config.put_key(key)
        office = Office(house, secret, key.id)
        if not team:
            yield office
            return
        async with team_of(link):
            yield office


def section(fake: FakeProvider, **more: Any) -> dict[str, Any]:
    """A provider as one would send it."""
    return {"name": "one", "base_url": fake.url, "models": ["m"], "discover": False, **more}


async def status_of(office: Office, model: str = "m") -> int:
    """Of a chat with that model."""
    return (await office.house.post(chat(model)))[0]


async def within_a_second(check: Any) -> float:
    """Seconds until `check` held."""
    began = time.monotonic()
    await until(check, 1.0)
    return time.monotonic() - began


async def became(work: Any, wanted: object) -> bool:
    return bool(await work == wanted)


async def provider_state(office: Office, name: str) -> str:
    return str((await office.want("GET", f"/providers/{name}"))["state"])
