"""Whose text is kept: a key's own word is stronger than the setting, on every way, in LOG as in the archive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from archive_kit import until
from gateway_house import MODELS, House, _serving, chat, open_house
from gateway_house import until as house_until

from bus.config import Config, check_key, new_key
from bus.connection import Link, open_bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from gateway.dialects.doors import posted_of, result_of
from ops.archiver import run_archiver
from ops.provide import Served
from schemas.discretion import Discretion
from schemas.problem import Problem
from schemas.provider import Provider
from storage.sql import Sql

CANARY = "canary-7f3a"
ASYNC = {"Prefer": "respond-async"}


@asynccontextmanager
async def agent(link: Link, url: str, discretion: Discretion) -> AsyncIterator[None]:
    """An agent's process as `ops/run.py` makes it: its rows are those of queued jobs."""
    async with open_bus(link, "agent") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        discretion.wish = config.bodies_wish
        finish = Finish(bus, jobs, ids, discretion, show=result_of, post=posted_of)
        provider = Provider(name="fake", kind="openai", base_url=url, models=MODELS, discover=False, slots=4)
        served = Served(fleet, finish, provider, private=True)
        served.start()
        try:
            yield
        finally:
            await served.drain(1)


@pytest.mark.parametrize(("setting", "wish", "kept"), [(True, "off", False), (False, "on", True), (True, "", True)])
async def test_a_keys_own_word_decides_over_its_text_in_log_and_archive(
    nats: Link, tmp_path: Path, setting: bool, wish: str, kept: bool
) -> None:
    discretion = Discretion(setting)
    async with (
        open_house(nats, agent=False, discretion=discretion) as house,
        agent(nats, house.fake.url, Discretion(setting)),
    ):
        discretion.wish = house.config.bodies_wish
        await house_until(lambda: _serving(house, len(MODELS)))
        await house.config.put_key(msgspec.structs.replace(house.key, bodies=wish))
        body = chat(messages=[{"role": "user", "content": f"say {CANARY}"}])
        ids = [await ask(house, body), await ask(house, body, headers=ASYNC)]
        for job in ids:
            row = await house.row(job)
            assert row.outcome == "done"
            assert (CANARY in (row.request or ""), row.response is not None) == (kept, kept)
        folder, stop = tmp_path / "archive", asyncio.Event()
        task = asyncio.create_task(run_archiver(house.bus, folder, 0.02, stop))
        await until(lambda: Sql(folder).query("SELECT count(*) FROM requests").rows[0][0] >= 2)
        stop.set()
        await task
        logged = await house.bus.read("LOG", {"seq": 1, "batch": 100, "next_by_subj": "log.>"})
        assert any(CANARY.encode() in message.data for message in logged) is kept
        ((found,),) = Sql(folder).query(f"SELECT count(*) FROM requests WHERE request LIKE '%{CANARY}%'").rows
        assert found == (2 if kept else 0)


async def ask(house: House, body: Any, **more: Any) -> str:
    _, headers, reply = await house.post(body, **more)
    return headers.get("x-job-id") or str(reply["id"])


async def test_the_text_of_a_key_that_is_gone_is_not_kept(nats: Link) -> None:
    async with open_bus(nats, "test") as bus:
        from bus.streams import declare

        await declare(bus)
        config = Config(bus)
        await config.start()
        _, key = new_key("app")
        await config.put_key(key)
        assert Discretion(True, wish=config.bodies_wish).bodies_of(key.id) is True
        await config.drop_key(key.id)
        assert Discretion(True, wish=config.bodies_wish).bodies_of(key.id) is False
        assert Discretion(True, wish=config.bodies_wish).bodies_of("authsecret") is True


def test_a_key_says_on_or_off_or_nothing() -> None:
    _, key = new_key("app")
    check_key(msgspec.structs.replace(key, bodies="off"))
    with pytest.raises(Problem, match="bodies must be"):
        check_key(msgspec.structs.replace(key, bodies="sometimes"))
