"""Media on the bus without HTTP: the same words, the same files, the same rights."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import nats as nats_py
import pytest
from gateway_house import until
from media_kit import MediaHouse, form, open_media, png
from nats.aio.client import Client

from bus.callout import Callout
from bus.connection import open_bus
from ops.embedded import EmbeddedNats

INLINE = "data:image/png;base64," + base64.b64encode(png()).decode()


class Publisher:
    """A service with an API key and plain nats-py."""

    def __init__(self, nc: Client, key: str) -> None:
        self.nc, self.key = nc, key
        self.heard: list[dict[str, Any]] = []

    async def rpc(self, op: str, body: Any) -> tuple[str, dict[str, str], Any]:
        subject = f"rpc.default.{self.key}.{op}"
        reply = await self.nc.request(subject, json.dumps(body).encode(), timeout=10)
        headers = reply.headers or {}
        return headers["Ai-Status"], headers, json.loads(reply.data)

    async def req(self, op: str, body: Any, ref: str) -> None:
        subject = f"req.default.{self.key}.{op}"
        await self.nc.jetstream().publish(subject, json.dumps(body).encode(), headers={"Ai-Ref": ref})

    async def listen(self) -> None:
        async def heard(message: Any) -> None:
            self.heard.append(json.loads(message.data))

        await self.nc.subscribe(f"out.default.{self.key}.>", cb=heard)
        await self.nc.flush()

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.heard if event["type"] == kind]


@pytest.fixture
async def house(server: EmbeddedNats) -> AsyncIterator[MediaHouse]:
    async with open_media(server.link) as opened, open_bus(server.callout.link, "callout") as bus:
        await Callout(bus, server.callout.seed, opened.house.config.find_key).start()
        yield opened


@pytest.fixture
async def publisher(house: MediaHouse, server: EmbeddedNats) -> AsyncIterator[Publisher]:
    key = house.house.key
    nc = await nats_py.connect(server.link.url, token=house.house.secret, inbox_prefix=f"_INBOX.{key.id}".encode())
    yield Publisher(nc, key.id)
    await nc.close()


async def test_rpc_answers_with_the_result_and_its_files_are_the_keys(house: MediaHouse, publisher: Publisher) -> None:
    status, headers, told = await publisher.rpc("text_to_image", {"prompt": "x", "n": 2, "state": "mine"})
    assert (status, headers["Ai-Provider"], told["state"]) == ("200", "studio", "mine")
    assert [await house.fetch(one["url"]) for one in told["artifacts"]] == house.studio.made
    row = await house.house.row(headers["Ai-Job"])
    assert (row.op, row.model, row.style, row.key) == ("text_to_image", "default", "direct", publisher.key)


async def test_files_are_named_as_over_http(house: MediaHouse, publisher: Publisher) -> None:
    _, _, made = await publisher.rpc("text_to_image", {"positivePrompt": "x"})
    for said, data in ((INLINE, png()), (made["artifacts"][0]["url"], house.studio.made[0])):
        status, _, told = await publisher.rpc("image_upscale", {"imageUrl": said})
        assert (status, house.studio.last.files["image"]) == ("200", data), told
    (record,) = await house.inputs()
    assert (record.area, record.purpose) == ("private", "input")
    status, _, told = await publisher.rpc("convert_image", {"image": INLINE, "output_format": "png"})
    assert (status, house.studio.last.job.model) == ("200", "image")


async def test_what_is_wrong_is_refused_and_leaves_nothing(house: MediaHouse, publisher: Publisher) -> None:
    for op, body, status, param in (
        ("image_upscale", {"image": {"blob": "default/private/x"}}, "400", "image"),
        ("image_upscale", {"image": INLINE, "scale": "big"}, "400", "scale"),
        ("image_upscale", {"image": INLINE, "model": "nobody"}, "404", "model"),
        ("image_upscale", {"imageUrl": "cat.png"}, "400", "imageUrl"),
        ("image_upscale", {"image": "file-77"}, "404", "image"),
        ("image_upscale", {}, "400", "image"),
        ("image_upscale", [], "400", None),
    ):
        got, headers, told = await publisher.rpc(op, body)
        assert (got, told["error"]["param"]) == (status, param), told
        assert (await house.house.row(headers["Ai-Job"])).op == op
    await house.empty()


async def test_anothers_files_are_not_there(house: MediaHouse, publisher: Publisher) -> None:
    house_ = house.house
    status, _, _ = await house.media("image_upscale", form=form(("image", png(5, 5))), key=house_.other)
    assert status == 200
    blob = house.studio.last.body["image"]["blob"]
    number = (await house.files.records.all())[0][1].id
    for said in ("/artifacts/" + blob.removeprefix("default/"), f"file-{number}"):
        status, _, told = await publisher.rpc("image_upscale", {"image": said})
        assert (status, told["error"]["param"]) == ("404", "image"), said
    assert len(house.studio.seen) == 1


async def test_internal_operations_are_none_for_publishers(house: MediaHouse, publisher: Publisher) -> None:
    for op in ("variant", "poster", "inspect_workflow"):
        status, _, told = await publisher.rpc(op, {"image": INLINE, "file": INLINE, "workflow": {}})
        assert (status, told["error"]["code"]) == ("404", "not_found")
        assert op not in told["error"]["message"].partition(". There are: ")[2]
    await house.empty()


async def test_req_is_stored_and_told_and_the_second_one_brings_nothing_more(
    house: MediaHouse, publisher: Publisher
) -> None:
    await publisher.listen()
    for _ in range(2):
        await publisher.req("image_upscale", {"image": INLINE}, "once")
    await until(lambda: len(publisher.told("accepted")) == 2)
    await until(lambda: publisher.told("done"))
    result = publisher.told("done")[0]["result"]
    assert await house.fetch(result["artifacts"][0]["url"]) == house.studio.made[0]
    assert 0.5 in [one["share"] for one in publisher.told("progress")]
    assert len(house.studio.seen) == 1

    async def one() -> bool:
        return len(await house.inputs()) == 1

    await until(one)
    await publisher.req("image_upscale", {"image": "cat.png"}, "bad")
    await until(lambda: publisher.told("failed"))
    assert publisher.told("failed")[0]["error"]["param"] == "image"
