"""What the tests of jobs in the admin API share: a house with its archive, an administrator, and one of another tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway_house import House, chat, open_house, until

from bus.config import Config, new_key
from bus.connection import Link, open_bus
from bus.registry import Registry
from ops import catalogue
from ops.past import Archived
from ops.seal import Seal
from schemas.log import decode_audit_logs
from schemas.provider import Model, Provider


class Desk:
    """A house with an administrator, and one of another tenant."""

    def __init__(self, house: House, boss: str, stranger: str) -> None:
        self.house, self.boss, self.stranger = house, boss, stranger

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        more = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        status, _, answer = await self.house.get(f"/admin{path}", key or self.boss, method, **more)
        return status, answer

    async def want(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.ask(method, path, body)
        assert status == 200, answer
        return answer

    async def queued(self, model: str = "m", **more: Any) -> int:
        status, _, answer = await self.house.post(chat(model, **more), headers={"Prefer": "respond-async"})
        assert status == 202, answer
        return int(answer["id"])

    async def job(self, number: int) -> Any:
        return await self.want("GET", f"/jobs/{number}")

    async def ended(self, number: int, state: str) -> Any:
        async def look() -> Any:
            found = await self.job(number)
            return found if found["state"] == state else None

        return await until(look)

    async def ids(self, query: str = "") -> list[int]:
        return [line["id"] for line in (await self.want("GET", f"/jobs{query}"))["data"]]


@asynccontextmanager
async def open_desk(link: Link, tmp: Path, *, agent: bool = True) -> AsyncIterator[Desk]:
    async with open_bus(link, "past") as reader:
        past = Archived(reader, tmp / "archive")

        def registry(config: Config) -> Registry:
            return Registry(config, Seal(b"m" * 32), catalogue.load(), catalogue.kinds())

        async with open_house(link, agent=agent, past=past, registry=registry) as house:
            boss, key = new_key("boss", ("admin",))
            stranger, other = new_key("stranger", ("admin",), tenant="elsewhere")
            await house.config.put_key(key)
            await house.config.put_key(other)
            if not agent:
                models = (Model(name="m"),)
                await house.config.put_provider(Provider(name="away", kind="openai", models=models, discover=False))
            yield Desk(house, boss, stranger)


async def audit_of(desk: Desk) -> list[tuple[str, str, str]]:
    async def read() -> list[tuple[str, str, str]]:
        found = []
        for message in await desk.house.bus.read("LOG", {"seq": 1, "batch": 200, "next_by_subj": "log.*.audit"}):
            found += [(row.action, row.kind, row.name) for row in decode_audit_logs(message.data)]
        return found

    return await until(read)
