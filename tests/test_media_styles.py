"""Media in the other styles: queued, waited for, called back, named; and what is told later is what would have been told."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fake_wire import HungUpError, Wire
from gateway_house import agent_of, until
from media_kit import SAID, MediaHouse, form, open_media, png, wav

from bus.connection import Link
from schemas.provider import Model, Provider

LATER = {"Prefer": "respond-async"}


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats, private_callbacks=True) as opened:
        yield opened


async def ended(house: MediaHouse, job: str | int) -> dict[str, Any]:
    async def look() -> Any:
        _, _, view = await house.house.get(f"/jobs/{job}?wait=5")
        return view if view["status"] in ("done", "failed", "cancelled") else None

    return await until(look)


async def result(house: MediaHouse, job: str | int, query: str = "", **headers: str) -> tuple[int, str, bytes]:
    named = {"X-Api-Key": house.house.secret, **headers}
    async with house.house.http.get(f"{house.house.url}/jobs/{job}/result{query}", headers=named) as reply:
        return reply.status, reply.headers["content-type"], await reply.read()


async def test_queued_with_a_file_and_asked_for(house: MediaHouse) -> None:
    data = form(("image", png()), prompt="x", state="mine", refId="r-1", tag="t")
    status, heads, told = await house.media("image_to_image", form=data, headers=LATER)
    assert (status, told["refId"], heads["preference-applied"]) == (202, "r-1", "respond-async")
    view = await ended(house, told["id"])
    assert (view["op"], view["style"], view["refId"], view["tag"]) == ("image_to_image", "queued", "r-1", "t")
    assert (view["result"]["state"], view["provider"]) == ("mine", "studio")
    assert await house.fetch(view["result"]["artifacts"][0]["url"]) == house.studio.made[0]
    got, kind, body = await result(house, told["id"])
    assert (got, kind, json.loads(body)) == (200, "application/json", view["result"])
    for query, headers in (("?raw=1", {}), ("", {"Accept": "image/png"})):
        assert await result(house, told["id"], query, **headers) == (200, "image/png", house.studio.made[0])
    assert (await house.house.get(f"/jobs/{told['id']}/result", key=house.house.other))[0] == 404


async def test_waiting_for_a_queued_job_answers_like_a_sync_call(house: MediaHouse) -> None:
    status, heads, told = await house.media("text_to_image", {"prompt": "x"}, headers={"Prefer": "wait=20"})
    assert (status, len(told["artifacts"]), heads["x-ai-provider"]) == (200, 1, "studio")
    status, _, told = await house.media("text_to_image", {"prompt": "sleep 9"}, headers={"Prefer": "wait=0"})
    assert status == 202
    assert (await house.house.get(f"/jobs/{told['id']}", method="DELETE"))[2]["status"] == "cancelled"
    status, _, body = await house.media(
        "/v1/audio/speech", {"input": "x", "voice": "a", "model": "painter"}, headers={"Prefer": "wait=20"}
    )
    assert (status, body) == (200, wav())


async def test_progress_is_told_by_events(house: MediaHouse) -> None:
    _, _, told = await house.media("text_to_image", {"prompt": "sleep 0.1"}, params={"queue": "1"})
    headers = {"X-Api-Key": house.house.secret}
    async with house.house.http.get(f"{house.house.url}/jobs/{told['id']}/events", headers=headers) as reply:
        text = (await reply.read()).decode()
    events = [line for line in text.splitlines() if line.startswith("event: ")]
    assert (set(events), events[-1]) == ({"event: progress", "event: done"}, "event: done")
    assert '"stage":"painting"' in text


async def test_a_named_request_is_done_once_and_told_twice(house: MediaHouse) -> None:
    for path, content, kind in (
        ("text_to_image", {"body": {"prompt": "x"}, "params": {"raw": "1"}}, "image/png"),
        ("/v1/audio/speech", {"body": {"input": "x", "voice": "a", "model": "painter"}}, "audio/mpeg"),
    ):
        head = {"Idempotency-Key": path}
        first = await house.media(path, headers=head, **content)
        second = await house.media(path, headers=head, **content)
        assert (first[0], second[0], first[1]["content-type"]) == (200, 200, kind)
        assert second[1]["idempotent-replayed"] == "true"
        assert first[2] == second[2]
    assert len(house.studio.seen) == 2


SHOWN: list[tuple[dict[str, str], str, str]] = [
    ({}, "application/json", SAID),
    ({"response_format": "text"}, "text/plain; charset=utf-8", SAID),
    ({"response_format": "srt"}, "application/x-subrip; charset=utf-8", "00:00:01,500"),
    ({"response_format": "vtt"}, "text/vtt; charset=utf-8", "WEBVTT"),
    ({"response_format": "verbose_json"}, "application/json", '"segments"'),
    ({"stream": "true"}, "text/event-stream; charset=utf-8", "transcript.text.done"),
]


async def test_a_transcript_later_is_what_it_would_have_been_at_once(house: MediaHouse) -> None:
    path, sound = "/v1/audio/transcriptions", ("file", wav(), "a.wav")
    for fields, kind, text in SHOWN:
        _, heads, now = await house.media(path, form=form(sound, model="painter", **fields))
        assert heads["content-type"] == kind
        _, _, told = await house.media(path, form=form(sound, model="painter", **fields), headers=LATER)
        view = await ended(house, told["id"])
        assert view["result"]["text"] == SAID
        got, later, body = await result(house, told["id"])
        assert (got, later) == (200, kind)
        assert text in body.decode()
        assert body == now if isinstance(now, bytes) else json.loads(body) == now


async def test_pictures_later_are_what_they_would_have_been_at_once(house: MediaHouse) -> None:
    path = "/v1/images/generations"
    for wanted in ("url", "b64_json"):
        asked = {"prompt": "x", "response_format": wanted, "n": 2}
        _, _, told = await house.media(path, asked, headers=LATER)
        view = await ended(house, told["id"])
        assert [set(one) for one in view["result"]["data"]] == [{"url"}] * 2  # a view holds no megabytes
        assert view["dialect"] == "images"
        _, kind, body = await result(house, told["id"])
        data = json.loads(body)["data"]
        assert kind == "application/json"
        got = [
            base64.b64decode(one["b64_json"]) if wanted == "b64_json" else await house.fetch(one["url"]) for one in data
        ]
        assert got == house.studio.made[-2:]
    _, _, told = await house.media("/v1/audio/speech", {"input": "x", "voice": "a"}, headers=LATER)
    view = await ended(house, told["id"])
    assert view["result"]["artifacts"][0]["url"].startswith(house.house.url)
    assert await result(house, told["id"]) == (200, "audio/mpeg", wav())


async def test_a_callback_brings_the_result_with_addresses(house: MediaHouse, nats: Link) -> None:
    heard: list[dict[str, Any]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, HungUpError):
            wire = Wire(reader, writer)
            while True:
                heard.append(json.loads((await wire.request())[3]))
                wire.answer(204, b"")

    postman = Provider(
        name="callbacks", kind="callbacks", models=(Model(name="callbacks", op="callback"),), discover=False
    )
    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server, agent_of(nats, postman):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        data = form(("image", png()), prompt="x", state="s", replyTo=url)
        assert (await house.media("image_to_image", form=data))[0] == 202
        asked = {"prompt": "x", "response_format": "b64_json", "replyTo": url}
        assert (await house.media("/v1/images/generations", asked))[0] == 202
        await until(lambda: len(heard) == 2)
    own, openais = sorted((one["data"]["result"] for one in heard), key=lambda one: "data" in one)
    assert own["state"] == "s"
    assert await house.fetch(own["artifacts"][0]["url"])
    assert (await house.fetch(openais["data"][0]["url"])) in house.studio.made


async def test_a_failed_job_fails_alike_in_every_style(house: MediaHouse) -> None:
    status, heads, told = await house.media("image_to_image", form=form(("image", png()), prompt="fail image"))
    assert (status, told["error"]["param"]) == (400, "image")
    assert (await house.house.row(heads["x-job-id"])).status == 400
    _, _, told = await house.media("image_to_image", form=form(("image", png()), prompt="fail image"), headers=LATER)
    view = await ended(house, told["id"])
    assert (view["status"], view["error"]["param"]) == ("failed", "image")
    assert (await result(house, told["id"]))[0] == 409


async def test_a_result_whose_file_was_deleted_says_so(house: MediaHouse) -> None:
    _, _, told = await house.media(
        "/v1/images/generations", {"prompt": "x", "response_format": "b64_json"}, headers=LATER
    )
    await ended(house, told["id"])
    _, _, listed = await house.house.get("/v1/files")
    for one in listed["data"]:
        assert (await house.house.get(f"/v1/files/{one['id']}", method="DELETE"))[0] == 200
    got, _, body = await result(house, told["id"])
    assert (got, "no longer there" in json.loads(body)["error"]["message"]) == (404, True)


async def test_a_caller_who_hangs_up_stops_the_agent(house: MediaHouse) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await house.media("text_to_image", {"prompt": "sleep 30"}, timeout=aiohttp.ClientTimeout(total=0.5))
    row = await until(lambda: next((row for row in house.house.rows if row.op == "text_to_image"), None))
    assert row.outcome == "cancelled"
    assert house.studio.made == []
