"""The live view over HTTP: who may look, a feed that adds up to the snapshot, and viewers who don't read and are cut."""

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from gateway_house import House, chat, gateway_of, open_house, until
from watch_kit import IDS, Page, feed_of, page, quick  # noqa: F401

from bus.config import new_key
from bus.connection import Link, open_bus
from gateway import watch
from gateway.watch import picture_of
from ops import top
from ops.past import Archived

LIVE = "/admin/live"


async def admin_of(house: House, tenant: str = "default") -> str:
    secret, key = new_key(f"boss of {tenant}", ("admin",), tenant)
    await house.config.put_key(key)
    return secret


async def held(house: House, url: str = "") -> asyncio.Task[Any]:
    """A chat stream that stalls after some tokens."""
    headers = {"X-Api-Key": house.secret}

    async def read() -> None:
        async with house.http.post(
            (url or house.url) + "/v1/chat/completions", json=chat("stall", stream=True), headers=headers
        ) as reply:
            async for _ in reply.content:
                pass

    return asyncio.create_task(read())


async def test_only_administrators_look_and_the_snapshot_has_every_table(nats: Link) -> None:
    async with open_house(nats) as house:
        boss = await admin_of(house)
        for path in (LIVE, f"{LIVE}/events", f"{LIVE}/jobs/1/preview"):
            assert (await house.get(path))[0] == 403
            assert (await house.get(path, "ais-nobody"))[0] == 401
        status, headers, state = await house.get(LIVE, boss)
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert {*IDS, "at", "gateway", "tenant", "totals"} == set(state)
        assert (len(state["minutes"]), state["totals"]["bus"], state["queues"][0]["state"]) == (60, True, "ready")
        assert {one["role"] for one in state["processes"]} == {"gateway", "agent"}
        assert state["gateway"] in [one["process"] for one in state["processes"]]
        status, _, told = await house.get(f"{LIVE}/jobs/77/preview", boss)
        assert (status, told["error"]["code"]) == (404, "not_found")


async def test_a_page_that_follows_the_rules_sees_what_the_snapshot_shows(nats: Link) -> None:
    async with open_house(nats) as house:
        boss = await admin_of(house)
        async with page(house.http, house.url, boss) as mine:
            await until(lambda: mine.state)
            task = await held(house)
            row = await until(lambda: mine.row("jobs", model="stall"))
            assert (row["key_name"], row["stream"], row["style"]) == ("app", True, "sync")
            await until(lambda: (mine.row("jobs", model="stall") or {}).get("tokens"))
            await house.post(chat("nope"))
            await house.post(chat())
            failed = await until(lambda: mine.row("failed", model="nope"))
            assert (failed["code"], failed["key_name"]) == ("model_not_found", "app")
            await until(lambda: (mine.row("keys", name="app") or {}).get("requests_hour") == 2)
            await asyncio.wait([task])
            await until(lambda: not mine.state["jobs"] and mine.state["totals"]["running"] == 0)
            await until(lambda: mine.row("failed", model="stall"))

            async def same() -> bool:
                other = Page()
                other.heard("state", (await house.get(LIVE, boss))[2])
                mine_now = {name: mine.state[name] for name in (*IDS, "totals") if name != "processes"}
                return mine_now == {name: other.state[name] for name in mine_now}

            await until(same, 12)
        assert sum(one["done"] for one in mine.state["minutes"].values()) == 1


async def test_each_of_two_gateways_shows_what_runs_through_the_other(nats: Link) -> None:
    async with AsyncExitStack() as things:
        house = await things.enter_async_context(open_house(nats))
        boss, other = await admin_of(house), House()
        url = await things.enter_async_context(gateway_of(nats, other))
        await until(lambda: house.key.id in other.config.keys)
        mine = await things.enter_async_context(page(house.http, house.url, boss))
        theirs = await things.enter_async_context(page(house.http, url, boss))
        tasks = [await held(house), await held(house, url)]
        for one in (mine, theirs):
            await until(lambda one=one: len(one.state.get("jobs", ())) == 2)  # type: ignore[misc]
            assert sorted(row["role"] for row in one.state["processes"].values()) == ["agent", "gateway", "gateway"]
        assert mine.state["gateway"] != theirs.state["gateway"]
        for task in tasks:
            task.cancel()
        for one in (mine, theirs):
            await until(lambda one=one: not one.state["jobs"])  # type: ignore[misc]


async def test_another_tenants_administrator_sees_no_job_key_or_failure_of_ours(nats: Link) -> None:
    async with open_house(nats) as house:
        boss, stranger = await admin_of(house), await admin_of(house, "theirs")
        task = await held(house)
        async with page(house.http, house.url, boss) as mine, page(house.http, house.url, stranger) as theirs:
            await house.post(chat("nope"))
            await until(
                lambda: mine.row("jobs", model="stall") and mine.row("failed", model="nope") and mine.state["keys"]
            )
            await until(lambda: theirs.row("queues", in_flight=1))
            assert theirs.state["tenant"] == "theirs"
            assert not any(theirs.state[name] for name in ("jobs", "keys", "failed", "queued"))
            assert theirs.state["totals"]["running"] == theirs.state["totals"]["requests_minute"] == 0
            assert sum(row["failed"] for row in theirs.state["minutes"].values()) == 0
            assert theirs.state["queues"]
            task.cancel()


async def test_a_viewer_that_never_reads_is_cut_and_the_others_go_on(
    nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "BEHIND", 3)
    monkeypatch.setattr(watch, "BEHIND_BYTES", 300_000)
    async with open_house(nats) as house:
        boss, feed = await admin_of(house), feed_of(house)
        where = urlsplit(house.url)
        lazy = socket.create_connection((where.hostname, where.port))
        lazy.sendall(f"GET {LIVE}/events HTTP/1.1\r\nHost: x\r\nX-Api-Key: {boss}\r\n\r\n".encode())
        async with page(house.http, house.url, boss) as mine:
            await until(lambda: mine.state and len(feed._everybody()) == 2)
            number = 0

            def flood() -> bool:
                nonlocal number
                number += 1
                feed.watched.tables["queued"].put({"job": number, "why": "x" * 250_000})
                feed._turn()
                return len(feed._everybody()) == 1

            await until(flood, 20)
            await until(lambda: number in mine.state["queued"])
        lazy.close()


async def test_there_is_room_for_so_many_viewers_and_a_place_is_free_again(
    nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_VIEWERS", 2)
    async with open_house(nats) as house:
        boss, feed = await admin_of(house), feed_of(house)
        for _ in range(3):  # they leave before their feed begins
            await (await feed.follow(house.key, lambda: True)).aclose()
        async with page(house.http, house.url, boss) as one:
            async with page(house.http, house.url, boss) as two:
                await until(lambda: one.state and two.state)
                status, headers, told = await house.get(f"{LIVE}/events", boss)
                assert (status, told["error"]["code"], headers["retry-after"]) == (503, "overloaded", "30")

            async def again() -> bool:
                async with house.http.get(house.url + f"{LIVE}/events", headers={"X-Api-Key": boss}) as reply:
                    return reply.status == 200

            await until(again)


async def test_a_feed_ends_with_a_word_when_its_key_is_revoked_or_the_server_stops(
    nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "CHECK_EVERY", 1)
    stopping = asyncio.Event()
    async with open_house(nats, stopping=stopping) as house:
        boss, other = await admin_of(house), await admin_of(house)
        ends: list[bytes] = []

        async def read(key: str) -> None:
            async with house.http.get(house.url + f"{LIVE}/events", headers={"X-Api-Key": key}) as reply:
                ends.append((await reply.read())[-200:])

        tasks = [asyncio.create_task(read(key)) for key in (boss, other)]
        await until(lambda: len(feed_of(house)._everybody()) == 2)
        found = house.config.find_key(boss)
        assert found is not None
        await house.config.revoke_key(found.id)
        await asyncio.wait([tasks[0]], timeout=5)
        assert (len(ends), b"event: error" in ends[0], b"invalid_api_key" in ends[0]) == (1, True, True)
        stopping.set()
        await asyncio.wait(tasks, timeout=5)
        assert (len(ends), b"stopping" in ends[1]) == (2, True)
        assert (await house.get(f"{LIVE}/events", other))[0] == 503


async def test_a_new_gateway_knows_the_hour_before_it_from_the_archive(nats: Link, tmp_path: Path) -> None:
    async with open_house(nats) as house:
        boss = await admin_of(house)
        await house.post(chat())
        await house.post(chat("nope"))
        await until(lambda: len(house.rows) == 2)
        other, past = House(), Archived(house.bus, tmp_path)
        async with gateway_of(nats, other, past=past) as url:
            feed_of(other).watched.hour.since += 60  # as if it had begun a minute later
            async with page(house.http, url, boss) as mine:
                await until(lambda: mine.state and sum(row["done"] for row in mine.state["minutes"].values()) == 1, 20)
                await until(lambda: mine.row("failed", model="nope") and mine.state["keys"])
                done = next(row for row in mine.state["minutes"].values() if row["done"])
                assert (done["failed"], done["tokens_in"] > 0, done["p95_ms"] > 0) == (1, True, True)
                assert mine.state["keys"][house.key.id]["requests_hour"] == 2
        if hasattr(past, "aclose"):
            await past.aclose()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (b"data:image/png;base64,iVBORw==", "image/png"),
        (b"data:text/html;base64,PGI+", None),
        (b"data:image/svg+xml;base64,PGI+", None),
        (b"data:image/png;base64,!!", None),
        (b"", None),
    ],
)
def test_only_pictures_are_handed_out_as_pictures(url: bytes, kind: str | None) -> None:
    found = picture_of(url)
    assert (found[1] if found else None) == kind


async def test_top_draws_the_same_state_from_the_bus_and_from_a_gateway(
    nats: Link, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_house(nats) as house:
        boss, task = await admin_of(house), await held(house)
        await house.post(chat("nope"))
        await until(lambda: len(house.rows) == 1)
        async with open_bus(nats, "cli") as bus:
            for states in (top.from_bus(bus), top.from_gateway(house.url, boss)):
                assert await top.show(states, True, False) == 0
                said = capsys.readouterr().out
                assert all(
                    word in said for word in ("fake", "ready", "stall", "1 running", "gateway", "model_not_found")
                ), said
                await states.aclose()
            states = top.from_bus(bus)
            assert await top.show(states, True, True) == 0
            state = json.loads(capsys.readouterr().out)
            assert {*IDS, "totals"} <= set(state)
            await states.aclose()
        task.cancel()
