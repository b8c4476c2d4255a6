"""From the front door and back: a clip is sent over HTTP, waits in a queue, is converted by the real agent and fetched."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ffmpeg_kit import ffmpeg, long, probe, processes, sound, video
from gateway_house import House, open_house, until

from bus.config import Config
from bus.connection import Link, open_bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from gateway.dialects.doors import result_of
from ops.artifacts import Shelf
from ops.provide import Means, Served
from schemas.provider import Provider


@asynccontextmanager
async def agent_of(link: Link) -> AsyncIterator[None]:
    async with open_bus(link, "agent") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        shelf = Shelf(bus, ids.new)
        provider = Provider(name="ffmpeg", kind="ffmpeg", slots=2)
        served = Served(fleet, Finish(bus, jobs, ids, show=result_of), provider, Means(private=True, shelf=shelf))
        served.start()
        try:
            yield
        finally:
            await served.drain(1)
            await shelf.close()


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False) as house, agent_of(nats):

        async def ready() -> bool:
            status, _ = await send(house, "convert_audio", sound(), output_format="mp3")
            return status == 200

        await until(ready)
        yield house


async def send(house: House, op: str, data: bytes, /, *, queue: bool = False, **fields: str) -> tuple[int, Any]:
    form = aiohttp.FormData(fields)
    form.add_field("audio" if "audio" in op else "video", data, filename="holiday.mp4", content_type="video/mp4")
    url = f"{house.url}/media/{op}{'?queue=1' if queue else ''}"
    async with house.http.post(url, data=form, headers={"X-Api-Key": house.secret}) as reply:
        return reply.status, await reply.json()


async def test_a_clip_is_queued_watched_converted_and_fetched(house: House, tmp_path: Path) -> None:
    status, accepted = await send(house, "convert_video", long(5), queue=True, output_format="webm")
    assert status == 202, accepted
    seen: list[dict[str, Any]] = []

    async def done() -> bool:
        seen.append((await house.get(accepted["status_url"]))[2])
        return seen[-1]["status"] not in ("queued", "running")

    await until(done, 30)
    view = seen[-1]
    assert view["status"] == "done", view
    shares = [one["progress"] for one in seen if one.get("stage") == "encoding"]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    assert any(one.get("eta") for one in seen)
    (artifact,) = view["result"]["artifacts"]
    assert artifact["file_name"] == "holiday.webm"
    async with house.http.get(house.url + artifact["url"]) as reply:
        facts = await probe(await reply.read(), tmp_path)
        assert (reply.status, reply.headers["content-type"]) == (200, "video/webm")
    assert (facts.kind.name, facts.width, facts.height) == ("webm", 640, 480)


async def test_a_cancelled_job_is_killed_within_a_second(house: House) -> None:
    _, accepted = await send(house, "convert_video", long(), queue=True, output_format="webm")
    await until(lambda: processes(ffmpeg()))
    started = time.monotonic()
    _, _, view = await house.get(accepted["status_url"], method="DELETE")
    await until(lambda: not processes(ffmpeg()), 2)
    assert time.monotonic() - started < 1.0
    view = await until(lambda: _ended(house, accepted["status_url"]))
    assert view["status"] == "cancelled"


async def test_what_does_not_fit_is_a_400_that_names_the_field(house: House) -> None:
    for op, fields, param in (
        ("trim_video", {"startTime": "0:00", "endTime": "0:09"}, ("end_time", "endTime")),
        ("crop_video", {"x": "100", "y": "0", "width": "100", "height": "10"}, ("width",)),
    ):
        status, told = await send(house, op, video(), **fields)
        assert (status, told["error"]["code"]) == (400, "invalid_request"), told
        assert told["error"]["param"] in param
    status, told = await send(house, "convert_video", b"plain text", output_format="mp4")
    assert (status, told["error"]["param"]) == (400, "video")


async def _ended(house: House, url: str) -> Any:
    view = (await house.get(url))[2]
    return view if view["status"] not in ("queued", "running") else None
