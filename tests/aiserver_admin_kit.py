"""An office (`admin_house.py`) whose gateway speaks the AI Server dialect, with its archive at hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from admin_house import CATALOGUE, SEAL, team_of
from gateway_house import House, open_house

from bus.config import Config, new_key
from bus.connection import Link, open_bus
from bus.registry import Registry
from ops import catalogue
from ops.past import Archived
from schemas.catalogue import Catalogue


class Desk:
    """Asks the dialect as an administrator, or with another key."""

    def __init__(self, house: House, boss: str, key_id: str) -> None:
        self.house, self.boss, self.key_id = house, boss, key_id

    async def ask(self, dto: str, by: str | None = None, **fields: Any) -> tuple[int, Any]:
        """A POST with a JSON body to `/api/{dto}`, or what `method` says; the status and the answer."""
        method = fields.pop("method", "POST")
        more = {"params": fields} if method == "GET" else {"json": fields}
        status, _, answer = await self.house.get(f"/api/{dto}", self.boss if by is None else by, method, **more)
        return status, answer

    async def want(self, dto: str, **fields: Any) -> Any:
        """The answer, which must be a success."""
        status, answer = await self.ask(dto, **fields)
        assert status in (200, 204), answer
        return answer

    async def get(self, dto: str, **query: Any) -> Any:
        """The same by GET and a query."""
        return await self.want(dto, method="GET", **query)


@asynccontextmanager
async def open_desk(
    link: Link, archive: Path | None = None, *, team: bool = True, known: Catalogue = CATALOGUE, **parts: Any
) -> AsyncIterator[Desk]:
    def registry(config: Config) -> Registry:
        return Registry(config, SEAL, known, catalogue.kinds())

    async with open_bus(link, "past") as bus:
        past = Archived(bus, archive) if archive is not None else None
        async with (
            aclosing(past) if past else nullcontext(),
            open_house(link, agent=False, registry=registry, past=past, **parts) as house,
        ):
            secret, key = new_key("boss", ("admin",))
            await house.config.put_key(key)
            desk = Desk(house, secret, key.id)
            if not team:
                yield desk
                return
            async with team_of(link):
                await asyncio.sleep(0)
                yield desk
