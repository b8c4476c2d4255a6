"""A house for outside clients of the AI Server dialect: chat, pictures made and pictures changed, and an administrator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from admin_house import CATALOGUE, SEAL, team_of
from gateway_house import House, agent_of, open_house, until
from media_kit import MEDIA, Studio, studio_of
from variant_house import media_agent

from bus.config import Config, new_key
from bus.connection import Link, open_bus
from bus.registry import Registry
from ops import catalogue
from ops.past import Archived
from ops.sections import CALLBACKS

FIVE = "w0 w1 w2 w3 w4"
"""What the fake provider says."""


class Clients:
    """A house, its administrator's key, and its studio."""

    def __init__(self, house: House, boss: str, studio: Studio) -> None:
        self.house, self.boss, self.studio = house, boss, studio
        self.url = house.url


@asynccontextmanager
async def open_clients(link: Link, archive: Path | None = None) -> AsyncIterator[Clients]:
    """Everything, ready to be asked. The provider of chats was made through the dialect."""

    def registry(config: Config) -> Registry:
        return Registry(config, SEAL, CATALOGUE, catalogue.kinds())

    async with AsyncExitStack() as things:
        past = Archived(await things.enter_async_context(open_bus(link, "past")), archive) if archive else None
        if past is not None:
            await things.enter_async_context(aclosing(past))
        house = await things.enter_async_context(
            open_house(link, agent=False, registry=registry, private_callbacks=True, past=past)
        )
        studio = Studio()
        painting = [op for op in MEDIA if op.name == "text_to_image"]
        await things.enter_async_context(studio_of(link, studio, ops=painting))
        await things.enter_async_context(media_agent(link, "image"))
        await things.enter_async_context(agent_of(link, CALLBACKS))
        await things.enter_async_context(team_of(link))
        await asyncio.sleep(0)
        boss, key = new_key("boss", ("admin",))
        await house.config.put_key(key)
        provider = {
            "name": "words", "aiTypeId": "Open AI", "apiBaseUrl": house.fake.url.removesuffix("/v1"), "apiKey": "k",
            "models": [{"model": "m"}, {"model": "slow"}, {"model": "413"}], "enabled": True, "concurrency": 8,
        }  # fmt: skip
        status, _, told = await house.get("/api/CreateAiProvider", boss, "POST", json=provider)
        assert status == 200, told

        async def ready() -> bool:
            _, _, listed = await house.get("/v1/models")
            return {"m", "painter"} <= {model["id"] for model in listed["data"]}

        await until(ready)
        yield Clients(house, boss, studio)
