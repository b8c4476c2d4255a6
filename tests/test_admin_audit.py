"""The audit trail over HTTP: every change is in it once, the newest first, by whom one asks for, and never with a secret."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from admin_house import CATALOGUE, SEAL
from archive_kit import NOVEMBER
from gateway_house import House, open_house, until

from bus.config import Config, new_key
from bus.connection import Link, open_bus
from bus.registry import Registry
from ops import catalogue
from ops.past import Archived
from schemas.log import AuditLog, encode_logs
from storage.archive import Archive

CANARY = "sk-canary-4711"
COLD, HOT = 30, 20


def act(n: int, **more: Any) -> AuditLog:
    """Some are of one and the same instant; each fifth is of another tenant."""
    told: dict[str, Any] = {
        "tenant": "default" if n % 5 else "other", "actor": "cli", "action": "changed", "kind": "setting", "name": f"thing-{n}",
    }  # fmt: skip
    return AuditLog(id=f"a{n:03}", time=NOVEMBER + n // 4, **(told | more))


class Office:
    def __init__(self, house: House) -> None:
        self.house, self.secrets, self.ids = house, dict[str, str](), dict[str, str]()

    async def employ(self, name: str, scopes: tuple[str, ...], tenant: str = "default") -> None:
        self.secrets[name], key = new_key(name, scopes, tenant)
        self.ids[name] = key.id
        await self.house.config.put_key(key)

    async def ask(self, path: str, who: str = "boss", method: str = "GET", **more: Any) -> tuple[int, Any]:
        status, _, answer = await self.house.get(f"/admin{path}", self.secrets[who], method, **more)
        return status, answer

    async def acts(self, who: str = "boss", **query: str) -> list[dict[str, Any]]:
        status, answer = await self.ask("/audit", who, params=query)
        assert status == 200, answer
        return list(answer["data"])

    async def pages(self, who: str = "boss", **query: str) -> list[str]:
        """The ids of all pages, one after the other."""
        found: list[str] = []
        while True:
            _, answer = await self.ask("/audit", who, params=query)
            found += [one["id"] for one in answer["data"]]
            if answer["next"] is None:
                return found
            query["after"] = answer["next"]


@pytest.fixture
async def office(nats: Link, tmp_path: Path) -> AsyncIterator[Office]:
    root = tmp_path / "archive"
    writer = Archive(root)
    writer.open()
    writer.append([(n, act(n)) for n in range(1, COLD + 1)], COLD, "t1")
    writer.close()

    def registry(config: Config) -> Registry:
        return Registry(config, SEAL, CATALOGUE, catalogue.kinds())

    async with (
        open_bus(nats, "past") as bus,
        aclosing(Archived(bus, root)) as past,
        open_house(nats, agent=False, past=past, registry=registry) as house,
    ):
        made = Office(house)
        await made.employ("boss", ("admin",))
        await made.employ("chief", ("admin",), "other")
        await made.employ("analyst", ("analytics",))
        yield made


async def test_every_change_is_told_with_who_and_what_and_no_secret(office: Office) -> None:
    provider = {"name": "lab", "kind": "openai", "base_url": "http://127.0.0.1:9", "key": CANARY, "enabled": False}
    assert (await office.ask("/providers", method="POST", json=provider))[0] == 201
    await office.ask("/providers/lab", method="PATCH", json={"slots": 3})
    await office.ask("/providers/lab", method="DELETE")
    found = await until(lambda: _enough(office, 3, name="lab"))
    assert [(one["action"], one["actor_name"]) for one in found] == [
        ("removed", "boss"), ("changed", "boss"), ("created", "boss"),
    ]  # fmt: skip
    assert found[1]["detail"] == {"slots": 3}
    assert found[1]["revision"] > 0
    assert CANARY not in json.dumps(found)


async def test_a_key_is_found_by_its_name(office: Office) -> None:
    _, made = await office.ask("/keys", method="POST", json={"name": "web shop"})
    await office.ask(f"/keys/{made['id']}", method="PATCH", json={"notes": "of the shop"})
    found = await until(lambda: _enough(office, 2, name="web shop"))
    assert {one["title"] for one in found} == {"web shop"}
    assert [one["action"] for one in await office.acts(name=made["id"])] == ["changed", "created"]
    assert {one["name"] for one in await office.acts(q="WEB SHOP")} >= {made["id"]}
    assert made["key"] not in json.dumps(found)


async def test_pages_go_on_where_the_one_before_ended_whatever_comes_meanwhile(office: Office) -> None:
    await _told(office, *(act(n) for n in range(COLD + 1, COLD + HOT + 1)))
    await until(lambda: _enough(office, COLD + HOT, by="cli"))
    everything = [act(n).id for n in range(COLD + HOT, 0, -1)]
    for size in ("7", "50"):
        assert await office.pages(by="cli", limit=size) == everything
    _, first = await office.ask("/audit", params={"by": "cli", "limit": "10"})
    await _told(office, act(900))
    await until(lambda: _enough(office, COLD + HOT + 1, by="cli"))
    assert await office.pages(by="cli", limit="10", after=first["next"]) == everything[10:]


async def test_it_is_narrowed_by_what_one_asks_for(office: Office) -> None:
    await _told(
        office, act(100, actor="settings", kind="queue", action="paused", name="box", detail='{"why":"Repair"}')
    )
    found = await until(lambda: _enough(office, 1, kind="queue"))
    assert (found[0]["name"], found[0]["detail"]) == ("box", {"why": "Repair"})
    for query in ({"by": "settings"}, {"action": "paused"}, {"name": "box"}, {"q": "repair"}):
        assert [one["id"] for one in await office.acts(**query)] == ["a100"], query
    assert [one["id"] for one in await office.acts(by="cli", to="2026-11-18T11:00:01Z")] == ["a003", "a002", "a001"]
    assert await office.acts(month="2026-10") == []
    assert await office.acts(name="' OR 1=1 --") == []


@pytest.mark.parametrize(
    ("query", "param"),
    [({"limit": "0"}, "limit"), ({"after": "x'"}, "after"), ({"from": "soon"}, "from"), ({"colour": "red"}, "colour"),
     ({"q": "x" * 300}, "q")],
)  # fmt: skip
async def test_what_can_not_be_asked_is_said_by_its_name(office: Office, query: dict[str, str], param: str) -> None:
    status, answer = await office.ask("/audit", params=query)
    assert (status, answer["error"]["param"]) == (400, param)


async def test_an_administrator_of_another_tenant_sees_that_tenant_alone_and_nobody_else_any(office: Office) -> None:
    await until(lambda: _enough(office, COLD, by="cli"))
    assert {one["tenant"] for one in await office.acts("chief")} == {"other"}
    assert (await office.ask("/audit", "analyst"))[0] == 403


async def _enough(office: Office, count: int, **query: str) -> list[dict[str, Any]]:
    """The acts, once there are so many."""
    found = await office.acts(**query)
    return found if len(found) >= count else []


async def _told(office: Office, *acts: AuditLog) -> None:
    await asyncio.gather(
        *(office.house.bus.keep(f"log.{one.tenant}.audit", encode_logs([one]), msg_id=one.id) for one in acts)
    )
