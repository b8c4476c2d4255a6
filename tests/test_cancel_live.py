"""An administrator ends a live call: its caller hears of it in its dialect, the provider is let go, and the row says so."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bus_house import house, request
from bus_house import until as happened
from fake_scripts import Script
from gateway_house import chat, gateway_of, until
from jobs_desk_kit import Desk, open_desk

from bus import lines
from bus.connection import Link
from schemas.events import Done, Event, Failed
from schemas.job import Job

MESSAGES = "/v1/messages"
LONG = Script(tokens=2000, delay=0.02)
Call = asyncio.Task[tuple[int, str]]


@pytest.fixture
async def desk(nats: Link, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(nats, tmp_path) as made:
        yield made


async def begun(desk: Desk, body: dict[str, Any], path: str = "/v1/chat/completions", url: str = "") -> Call:
    """A call that is at the provider and has spoken; its status and all it said, in the end."""
    fake = desk.house.fake
    before, spoke = len(fake.calls), asyncio.Event()

    async def ask() -> tuple[int, str]:
        headers, said = {"X-Api-Key": desk.house.secret}, b""
        async with desk.house.http.post((url or desk.house.url) + path, json=body, headers=headers) as reply:
            async for piece in reply.content.iter_any():
                said += piece
                spoke.set()
            return reply.status, said.decode()

    task = asyncio.create_task(ask())
    await until(lambda: len(fake.calls) > before and (spoke.is_set() or not body.get("stream")))
    return task


async def number_of(desk: Desk, **fields: str) -> int:
    """The call's id, as the list of all jobs has it."""
    query = "&".join(f"{name}={value}" for name, value in fields.items())

    async def look() -> list[int]:
        return await desk.ids(f"?state=running&{query}")

    return (await until(look))[0]


async def test_a_stream_at_another_gateway_is_ended_and_everybody_hears_of_it(desk: Desk, nats: Link) -> None:
    house = desk.house
    async with gateway_of(nats, house) as other:
        for path, end in (("/v1/chat/completions", '"code":"cancelled"'), (MESSAGES, "event: error")):
            house.fake.queue(LONG)
            more = {"max_tokens": 50} if path == MESSAGES else {}
            call = await begun(desk, chat(stream=True, tag="tale", **more), path, other)
            number = await number_of(desk, tag="tale")
            seen = await desk.job(number)
            assert (seen["state"], seen["style"], seen["actions"]) == ("running", "sync", ["cancel"])
            assert "holds the line" in seen["why_no_body"]
            started = time.monotonic()
            assert await desk.want("POST", f"/jobs/{number}/cancel") == {"id": number, "state": "cancelled"}
            assert time.monotonic() - started < 1.0
            status, said = await asyncio.wait_for(call, 2)
            assert (status, "Cancelled by an administrator." in said, end in said) == (200, True, True), said[-400:]
            assert "[DONE]" not in said
            assert "message_stop" not in said
            row = await house.row(number)
            assert (row.outcome, row.error, row.message, row.provider, row.attempts) == (
                "cancelled", "cancelled", "Cancelled by an administrator.", "fake", 1,
            )  # fmt: skip
            await until(lambda: house.fake.calls[-1].outcome == "aborted" and not house.fake.in_flight)
            assert (await desk.ask("POST", f"/jobs/{number}/cancel"))[0] == 404


async def test_many_calls_are_ended_by_a_filter_and_only_those_it_means(desk: Desk) -> None:
    desk.house.fake.queue(*(Script("slow", seconds=30.0) for _ in range(3)))
    calls = [await begun(desk, chat(tag=tag)) for tag in ("a", "a", "b")]
    counted = (await desk.want("GET", "/jobs?counts=1&tag=a,b"))["counts"]
    assert counted["running"] == 3
    done = await desk.want("POST", "/jobs/cancel", {"filter": {"tag": "a"}})
    assert (done["matched"], done["done"], done["failed"]) == (2, 2, [])
    for call in calls[:2]:
        status, said = await asyncio.wait_for(call, 2)
        assert (status, "Cancelled by an administrator." in said) == (499, True)
    assert not calls[2].done()
    kept = await number_of(desk, tag="b")
    for method, path, body, wanted in (
        ("POST", f"/jobs/{kept}/cancel", None, 404),
        ("GET", f"/jobs/{kept}", None, 404),
        ("POST", "/jobs/cancel", {"filter": {"model": "m"}}, 200),
    ):
        status, answer = await desk.ask(method, path, body, desk.stranger)
        assert status == wanted
        assert answer.get("matched", 0) == 0
    assert (await desk.ask("GET", "/jobs", key=desk.stranger))[1]["data"] == []
    assert not calls[2].done()
    assert (await desk.want("POST", "/jobs/cancel", {"ids": [kept]}))["done"] == 1
    assert (await asyncio.wait_for(calls[2], 2))[0] == 499


async def test_a_call_that_waits_for_a_slot_is_ended_at_once_and_one_whose_agent_is_silent_soon(
    nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LAST_WORD_SECONDS", 0.3)
    async with house(nats) as home:

        async def stubborn(job: Job) -> AsyncIterator[Event]:
            while True:  # as good as frozen: no cancel gets through to it
                try:
                    await asyncio.sleep(0.8)
                except asyncio.CancelledError:
                    continue
                yield Done(b"{}")
                return

        worker = await home.worker(stubborn, slots=1, reserve=0)
        frozen = await home.dispatcher.live(request(home))
        await happened(lambda: worker.runs)
        waiting = await home.dispatcher.live(request(home))
        started = time.monotonic()
        assert await home.dispatcher.switchboard.cancel(waiting.job.id)
        assert time.monotonic() - started < 0.25
        assert await home.dispatcher.switchboard.cancel(frozen.job.id)
        for call in (waiting, frozen):
            end = await call.next()
            assert isinstance(end, Failed)
            assert end.fault.message == "Cancelled by an administrator."
            call.close()
        assert (await home.bus.api("STREAM.INFO.LIVE"))["state"]["messages"] == 0
        assert await home.dispatcher.switchboard.cancel(waiting.job.id) is None


async def test_a_call_that_ends_in_the_moment_it_is_cancelled_ends_once(nats: Link) -> None:
    async with house(nats) as home:

        async def brief(job: Job) -> AsyncIterator[Event]:
            await asyncio.sleep(0.001 * (job.id % 7))
            yield Done(b"{}")

        await home.worker(brief, slots=8)
        for _ in range(40):
            call = await home.dispatcher.live(request(home))
            cancelled = await home.dispatcher.switchboard.cancel(call.job.id)
            end = await asyncio.wait_for(call.next(), 3)
            assert isinstance(end, Failed) == bool(cancelled), (end, cancelled)
            call.close()


async def test_a_stored_job_that_an_administrator_ends_says_so_too(desk: Desk) -> None:
    desk.house.fake.queue(Script("slow", seconds=30.0))
    number = await desk.queued(tag="slow")
    await desk.ended(number, "running")
    await desk.want("POST", f"/jobs/{number}/cancel")
    assert (await desk.job(number))["message"] == "Cancelled by an administrator."
