"""Settings changed live: in force everywhere at once, above the file, with a history one can go back to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gateway_house import House, open_house, until

from bus.config import Config, new_key
from bus.connection import Bus, Link
from ops.settings import Settings, load
from ops.tuning import TUNABLES, Tuning
from schemas.problem import Code, Problem


@pytest.fixture
async def config(bus: Bus) -> Config:
    made = Config(bus)
    await made.start()
    return made


@pytest.fixture
def file(tmp_path: Path) -> Settings:
    path = tmp_path / "ai-server.toml"
    path.write_text("[archive]\nbodies = true\n")
    return load(path, {"data": tmp_path})


@pytest.fixture
async def office(nats: Link, file: Settings) -> AsyncIterator[tuple[House, str]]:
    async with open_house(nats, agent=False, tuning=lambda config: Tuning(config, file, lambda _: None)) as house:
        secret, key = new_key("chief", ("admin",))
        await house.config.put_key(key)
        yield house, secret


def told(tuning: Tuning, path: str) -> dict[str, Any]:
    return next(one for one in tuning.view() if one["path"] == path)


async def test_a_change_is_in_force_in_every_process_and_taken_back_by_null(
    config: Config, bus: Bus, file: Settings
) -> None:
    elsewhere = Config(bus)
    await elsewhere.start()
    applied: list[Settings] = []
    here, there = Tuning(config, file, lambda _: None), Tuning(elsewhere, file, applied.append)
    await here.change({"archive.bodies": False, "limits.sync_seconds": 7}, "someone")
    await until(lambda: applied[-1].limits.sync_seconds == 7)
    assert (applied[-1].archive.bodies, there.now.archive.bodies) == (False, False)
    assert told(there, "archive.bodies")["from"] == "live"
    await here.change({"archive.bodies": None}, "someone")
    await until(lambda: there.now.archive.bodies)
    assert (told(there, "archive.bodies")["from"], told(there, "limits.sync_seconds")["value"]) == ("file", 7)


async def test_a_process_that_was_away_is_told_when_it_is_back(config: Config, bus: Bus, file: Settings) -> None:
    elsewhere, applied = Config(bus), list[Settings]()
    await elsewhere.load()
    Tuning(elsewhere, file, applied.append)
    await Tuning(config, file, lambda _: None).change({"limits.sync_seconds": 7}, "someone")
    await elsewhere.load()  # as after each reconnect
    assert applied[-1].limits.sync_seconds == 7


async def test_a_change_that_changes_nothing_is_no_version(config: Config, file: Settings) -> None:
    tuning = Tuning(config, file, lambda _: None)
    await tuning.change({"archive.keep_months": 3}, "ann")
    await tuning.change({"archive.keep_months": 3}, "bob")
    await tuning.change({}, "bob")
    assert [one["by"] for one in await tuning.history()] == ["ann"]


async def test_it_outlives_a_restart(config: Config, bus: Bus, file: Settings) -> None:
    await Tuning(config, file, lambda _: None).change({"files.quota_bytes": 5}, "cli")
    again = Config(bus)
    await again.start()
    assert Tuning(again, file, lambda _: None).now.files.quota_bytes == 5


async def test_history_tells_who_changed_what_and_leads_back(config: Config, file: Settings) -> None:
    tuning = Tuning(config, file, lambda _: None)
    await tuning.change({"archive.keep_months": 12}, "ann")
    await tuning.change({"archive.keep_months": 6}, "bob")
    newest, oldest = await tuning.history()
    assert (newest["by"], newest["changes"]) == ("bob", {"archive.keep_months": [12, 6]})
    await tuning.roll_back(oldest["revision"], "cyn")
    assert tuning.now.archive.keep_months == 12
    assert (await tuning.history())[0]["note"] == f"rollback to {oldest['revision']}"
    await tuning.roll_back(0, "cyn")
    assert tuning.now.archive.keep_months == 0
    with pytest.raises(Problem) as caught:
        await tuning.roll_back(999_999, "cyn")
    assert caught.value.fault.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("port", 1),
        ("archive", {}),
        ("archive.flush_seconds", 1),
        ("nats_url", "x"),
        ("archive.bodies", "yes"),
        ("archive.keep_months", -1),
        ("archive.keep_months", 1.5),
        ("archive.redact", ["job"]),
        ("archive.redact", "client"),
        ("limits.sync_seconds", 0),
        ("limits.body_bytes", 10),
        ("files.base_url", "javascript:1"),
        ("log.level", "loud"),
        ("no.such", None),
    ],
)
async def test_what_can_not_be_is_refused_by_name_and_changes_nothing(
    config: Config, file: Settings, path: str, value: Any
) -> None:
    tuning = Tuning(config, file, lambda _: None)
    with pytest.raises(Problem) as caught:
        await tuning.change({"archive.keep_months": 3, path: value}, "ann")
    assert (caught.value.fault.code, caught.value.fault.param, config.settings) == (Code.INVALID_REQUEST, path, {})


async def test_the_door_shows_changes_and_wants_an_administrator(office: tuple[House, str]) -> None:
    house, secret = office
    status, _, listed = await house.get("/admin/settings", secret)
    assert (status, {one["path"] for one in listed["data"]}) == (200, set(TUNABLES))
    bodies = next(one for one in listed["data"] if one["path"] == "archive.bodies")
    assert (bodies["type"], bodies["value"], bodies["from"]) == ("boolean", True, "file")
    status, _, _ = await house.get("/admin/settings", secret, "PATCH", json={"archive.keep_months": 2})
    assert status == 200
    status, _, history = await house.get("/admin/settings/history", secret)
    assert history["data"][0]["values"] == {"archive.keep_months": 2}
    status, _, refused = await house.get("/admin/settings", secret, "PATCH", json={"x": 2})
    assert (status, refused["error"]["param"]) == (400, "x")
    assert (await house.get("/admin/settings"))[0] == 403
    status, _, back = await house.get("/admin/settings/rollback/0", secret, "POST")
    assert next(one for one in back["data"] if one["path"] == "archive.keep_months")["from"] == "default"


async def test_of_two_who_change_different_settings_at_once_both_are_heard_or_one_is_told(
    config: Config, file: Settings
) -> None:
    tuning = Tuning(config, file, lambda _: None)
    values: list[dict[str, Any]] = [{"archive.keep_months": 2}, {"files.quota_bytes": 9}]
    found = await asyncio.gather(*(tuning.change(one, "x") for one in values), return_exceptions=True)
    kept = {
        path: value
        for one, end in zip(values, found, strict=True)
        if not isinstance(end, Exception)
        for path, value in one.items()
    }
    assert kept
    assert config.settings == kept
