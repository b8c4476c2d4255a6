"""An operator sees every job: the list, one job, dead letters, filters, and nothing of other tenants."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gateway_house import chat, until
from jobs_desk_kit import Desk, open_desk

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


async def test_open_and_ended_jobs_are_one_list_without_doubles_the_newest_first(desk: Desk) -> None:
    numbers = [await desk.queued(tag=f"t{n}") for n in range(4)]
    for number in numbers:
        await desk.ended(number, "done")
    await desk.want("POST", "/queues/fake/pause", {"note": "so that some wait"})
    waiting = [await desk.queued(tag=f"w{n}") for n in range(3)]
    status, _, _ = await desk.house.post(chat())
    assert status == 503

    async def whole() -> list[int]:
        found = await desk.ids("?style=queued")
        return found if len(found) == 7 else []

    assert await until(whole) == sorted(numbers + waiting, reverse=True)
    pages, after = [], ""
    while True:
        page = await desk.want("GET", f"/jobs?style=queued&limit=2{after}")
        pages.append([line["id"] for line in page["data"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [number for page in pages for number in page] == sorted(numbers + waiting, reverse=True)
    assert await desk.ids("?state=queued") == waiting[::-1]
    assert await desk.ids("?tag=t1,w2") == [waiting[2], numbers[1]]
    assert await desk.ids("?state=open&q=W1") == [waiting[1]]
    assert await desk.ids(f"?q={numbers[0]}") == [numbers[0]]
    assert await desk.ids("?key=app&state=done&provider=fake&model=m&op=chat") == numbers[::-1]
    assert await desk.ids(f"?from={time.time() + 100:.0f}") == []
    counted = (await desk.want("GET", "/jobs?style=queued&counts=1"))["counts"]
    assert (counted["queued"], counted["done"], counted["exact"]) == (3, 4, True)
    line = (await desk.want("GET", "/jobs?tag=t1"))["data"][0]
    assert (line["key_name"], line["provider"], line["state"]) == ("app", "fake", "done")
    assert line["finished"] >= line["started"] >= line["created"] > 0


async def test_one_job_tells_all_that_is_known_of_it(desk: Desk) -> None:
    number = await desk.queued(tag="t", refId="mine")
    job = await desk.ended(number, "done")
    assert job["request"]["messages"] == [{"role": "user", "content": "hello"}]
    assert job["result"]["choices"]
    assert (job["ref"], job["tag"], job["key_name"], job["actions"]) == ("mine", "t", "app", ["replay"])
    told = [event["what"] for event in job["timeline"]]
    assert told[0] == "accepted"
    assert {"begun", "attempt done", "done"} <= set(told)
    assert [event["at"] for event in job["timeline"]] == sorted(event["at"] for event in job["timeline"])
    assert job["why_no_body"] is None
    status, _, answer = await desk.house.post()
    sync = await until(lambda: next((row.job for row in desk.house.rows if row.style == "sync"), None))

    async def archived() -> Any:
        status, found = await desk.ask("GET", f"/jobs/{sync}")
        return found if status == 200 else None

    found = await until(archived)
    assert (status, found["style"], found["state"], found["result"], found["actions"]) == (
        200,
        "sync",
        "done",
        None,
        [],
    )
    assert "archive.bodies" in found["why_no_body"]
    assert "choices" in answer


async def test_a_dead_letter_tells_its_runs_and_can_be_put_back(desk: Desk) -> None:
    number = await desk.queued("413")
    await desk.ended(number, "failed")
    found = (await desk.want("GET", "/dead-letters"))["data"]
    assert [(one["id"], one["can_requeue"], one["history"]) for one in found] == [(number, True, [])]
    assert found[0]["error"]
    assert (await desk.want("POST", f"/jobs/{number}/requeue"))["run"] == 1

    async def twice() -> Any:
        lines = (await desk.want("GET", "/dead-letters"))["data"]
        return lines if lines and lines[0]["run"] == 1 and lines[0]["history"] else None

    assert [one["run"] for one in (await until(twice))[0]["history"]] == [0]
    assert [run["run"] for run in (await desk.job(number))["runs"]] == [0]
    assert await desk.ids("?state=failed") == [number]


async def test_failed_jobs_behind_many_that_were_put_back_are_not_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of rows may hold nothing but jobs that wait again: the list goes on behind them."""
    monkeypatch.setattr("gateway.job_list.SPARE", 1)
    numbers = [await desk.queued("413") for _ in range(9)]
    for number in numbers:
        await desk.ended(number, "failed")
    await desk.want("POST", "/queues/fake/pause", {})
    assert (await desk.want("POST", "/jobs/requeue", {"ids": numbers[3:]}))["done"] == 6
    found, after = [], ""
    for _ in range(20):
        page = await desk.want("GET", f"/jobs?state=failed&limit=2{after}")
        found += [line["id"] for line in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == numbers[2::-1]


UNCLEAR = (
    b"", b"[]", b"{", b'{"ids": "all"}', b'{"ids": [-1]}', b'{"ids": [1e400]}', b'{"ids": [9007199254740993]}',
    b'{"filter": {}}',
    b'{"filter": {"stat": "failed"}}', b'{"filter": {"state": "bad"}}', b'{"filter": {"tag": {"a": 1}}}',
    b'{"ids": [1], "filter": {}}', b'{"filter": {"from": "yesterday"}}', b'{"filter": {"tag": "x"}, "most": 100000}',
    b'{"ids": [1], "force": true}', b'{"filter": {"from": true}}', b'{"filter": {"tag": [true]}}',
)  # fmt: skip
WRONG = (
    "state=x", "limit=0", "limit=501", "limit=-1", "after=x", "after=99999999999999999999", "from=nan", "q=" + "x" * 400,
    "tenent=a", "to=1e99", "limit=\u0663",
)  # fmt: skip


async def test_what_is_asked_for_unclearly_names_the_field_and_does_nothing(idle: Desk) -> None:
    number = await idle.queued()
    for body in UNCLEAR:
        status, answer = await idle.ask("POST", "/jobs/cancel", body)
        assert (status, answer["error"]["code"]) == (400, "invalid_request"), (body, answer)
    for query in WRONG:
        status, answer = await idle.ask("GET", f"/jobs?{query}")
        assert (status, answer["error"]["param"]) == (400, query.partition("=")[0]), (query, answer)
    assert (await idle.job(number))["state"] == "queued"


async def test_words_of_a_filter_never_become_sql(idle: Desk) -> None:
    for word in ("'", "' OR 1=1 --", "\\", '"; DROP TABLE requests', "a\nb"):
        for fields in ({"q": word}, dict.fromkeys(("tag", "model", "key", "error", "provider"), word)):
            status, _, answer = await idle.house.get("/admin/jobs", idle.boss, params=fields)
            assert (status, answer.get("data")) == (200, []), (fields, answer)


async def test_another_tenants_administrator_sees_and_does_nothing(idle: Desk) -> None:
    number = await idle.queued()
    for method, path, body, wanted in (
        ("GET", f"/jobs/{number}", None, 404),
        ("POST", f"/jobs/{number}/cancel", None, 404),
        ("POST", f"/jobs/{number}/first", None, 404),
        ("POST", f"/jobs/{number}/replay", None, 404),
        ("POST", "/queues/away/pause", {}, 403),
    ):
        status, answer = await idle.ask(method, path, body, idle.stranger)
        assert status == wanted, (path, answer)
    for path in ("/jobs", "/jobs?state=queued", "/dead-letters", "/jobs?tenant=default", f"/jobs?q={number}"):
        status, answer = await idle.ask("GET", path, key=idle.stranger)
        assert (status, answer["data"]) == (200, [])
    status, answer = await idle.ask("GET", "/jobs?counts=1", key=idle.stranger)
    assert answer["counts"]["queued"] == 0
    status, answer = await idle.ask("POST", "/jobs/cancel", {"filter": {"model": "m"}}, idle.stranger)
    assert (status, answer["matched"]) == (200, 0)
    status, answer = await idle.ask("POST", "/jobs/cancel", {"ids": [number]}, idle.stranger)
    assert (answer["done"], len(answer["failed"])) == (0, 1)
    status, _ = await idle.ask("GET", "/jobs", key=idle.house.secret)
    assert status == 403
    assert (await idle.job(number))["state"] == "queued"
