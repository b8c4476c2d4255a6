"""An operator acts on jobs: cancel, put first, requeue, replay; one, or all that a filter means, through the admin API."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jobs_desk_kit import Desk, audit_of, open_desk

from bus.connection import Link


@pytest.fixture
async def desk(nats: Link, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(nats, tmp_path) as made:
        yield made


@pytest.fixture
async def idle(nats: Link, tmp_path: Path) -> AsyncIterator[Desk]:
    """Nobody serves anything, so jobs wait."""
    async with open_desk(nats, tmp_path, agent=False) as made:
        yield made


async def test_a_waiting_job_is_cancelled_and_a_failed_one_is_put_back_or_replayed(desk: Desk) -> None:
    await desk.want("POST", "/queues/fake/pause", {})
    number = await desk.queued()
    assert (await desk.job(number))["actions"] == ["cancel", "first"]
    assert (await desk.want("POST", f"/jobs/{number}/first"))["first"] is True
    assert (await desk.job(number))["first"] is True
    assert (await desk.want("POST", f"/jobs/{number}/cancel"))["state"] == "cancelled"
    assert (await desk.want("POST", f"/jobs/{number}/cancel"))["state"] == "cancelled"
    status, answer = await desk.ask("POST", f"/jobs/{number}/requeue")
    assert (status, answer["error"]["code"]) == (409, "conflict")
    await desk.want("POST", "/queues/fake/resume", {})

    again = (await desk.want("POST", f"/jobs/{number}/replay"))["replayed_as"]
    job = await desk.ended(again, "done")
    assert (job["replay_of"], job["key_name"], job["request"]) == (number, "app", (await desk.job(number))["request"])
    status, answer = await desk.ask("POST", "/jobs/5/cancel")
    assert status == 404
    status, answer = await desk.ask("POST", f"/jobs/{number}/explode")
    assert status == 404
    rows = await audit_of(desk)
    assert [row[:2] for row in rows if row[1] == "job"] == [
        ("put_first", "job"), ("cancelled", "job"), ("cancelled", "job"), ("replayed", "job"),
    ]  # fmt: skip


async def test_a_replay_is_refused_when_its_key_may_no_longer_ask(desk: Desk) -> None:
    number = await desk.queued()
    await desk.ended(number, "done")
    await desk.house.config.revoke_key(desk.house.key.id)
    status, answer = await desk.ask("POST", f"/jobs/{number}/replay")
    assert (status, answer["error"]["code"]) == (409, "conflict")
    assert "revoked" in answer["error"]["message"]


async def test_a_bulk_action_says_what_it_would_do_and_then_does_it(idle: Desk) -> None:
    numbers = [await idle.queued(tag="a") for _ in range(5)] + [await idle.queued(tag="b") for _ in range(2)]
    dry = await idle.want("POST", "/jobs/cancel", {"filter": {"tag": "a"}, "dry_run": True})
    assert (dry["matched"], dry["done"], dry["more"], dry["ids"]) == (5, 0, False, numbers[4::-1])
    some = await idle.want("POST", "/jobs/first", {"filter": {"tag": "a"}, "most": 2})
    assert (some["matched"], some["done"], some["more"]) == (2, 2, True)
    done = await idle.want("POST", "/jobs/cancel", {"filter": {"tag": "a"}})
    assert (done["matched"], done["done"], done["failed"]) == (5, 5, [])
    assert (await idle.want("POST", "/jobs/cancel", {"filter": {"tag": "a"}}))["matched"] == 0
    mixed = await idle.want("POST", "/jobs/requeue", {"ids": [numbers[0], numbers[5], 7]})
    assert (mixed["done"], {one["id"] for one in mixed["failed"]}) == (0, {numbers[0], numbers[5], 7})
    assert all(one["why"] for one in mixed["failed"])
    assert len([row for row in await audit_of(idle) if row == ("cancelled", "job", "bulk")]) == 2


async def test_fifty_that_put_one_job_back_at_once_make_one_run(desk: Desk) -> None:
    number = await desk.queued("413")
    await desk.ended(number, "failed")
    await desk.want("POST", "/queues/fake/pause", {})
    answers = await asyncio.gather(*(desk.ask("POST", f"/jobs/{number}/requeue") for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 49
    await desk.want("POST", "/queues/fake/resume", {})
    await desk.ended(number, "failed")
    assert [run["run"] for run in (await desk.job(number))["runs"]] == [0]
    assert {row.run for row in desk.house.rows if row.job == number} == {0, 1}


async def test_whoever_races_for_a_job_one_end_counts(desk: Desk) -> None:
    """cancel, put first and finish at once: one terminal state, one row."""
    for _ in range(8):
        number = await desk.queued()
        await asyncio.gather(
            desk.ask("POST", f"/jobs/{number}/cancel"),
            desk.ask("POST", f"/jobs/{number}/first"),
            desk.ask("POST", f"/jobs/{number}/requeue"),
        )
        row = await desk.house.row(number)
        job = await desk.job(number)
        assert job["state"] == row.outcome
        assert job["state"] in ("done", "cancelled")
    told = [row.job for row in desk.house.rows if row.style == "queued" and not row.again]
    assert len(told) == len(set(told)) == 8


async def test_what_the_bus_refuses_is_told_of_each_job_and_can_be_asked_again(idle: Desk) -> None:
    """The lane in front has no room, in the middle of many: nobody gets a 500, and nothing is lost."""
    numbers = [await idle.queued() for _ in range(3)]
    bus = idle.house.bus
    config = (await bus.api("STREAM.INFO.WORK"))["config"]
    await bus.api("STREAM.UPDATE.WORK", {**config, "max_msgs": 3})
    told = await idle.want("POST", "/jobs/first", {"ids": numbers})
    assert (told["done"], {one["id"] for one in told["failed"]}) == (0, set(numbers))
    assert all("exceeded" in one["why"] for one in told["failed"])
    await bus.api("STREAM.UPDATE.WORK", config)
    assert (await idle.want("POST", "/jobs/first", {"ids": numbers}))["done"] == 3
    assert (await idle.want("POST", "/jobs/cancel", {"ids": numbers}))["done"] == 3


async def test_a_number_that_can_be_no_job_is_no_job(idle: Desk) -> None:
    for number in (-5, 0, 2**53, 2**64, 10**40):
        for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/replay")):
            status, answer = await idle.ask(method, f"/jobs/{number}{path}")
            assert (status, answer["error"]["code"]) == (404, "not_found"), (number, path)
