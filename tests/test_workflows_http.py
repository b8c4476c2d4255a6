"""`/workflows`: a key's workflows by name, looked at and run by a ComfyUI (its double) or seen by a studio as they arrive."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from fake_comfyui import FakeComfyUI
from gateway_house import open_house, until
from media_kit import MediaHouse, form, open_media, png
from workflow_kit import text_to_image

from bus.config import Config
from bus.connection import Link, open_bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from gateway.dialects.doors import posted_of, result_of
from ops.artifacts import Shelf
from ops.provide import Means, Served
from schemas.provider import Provider

BUILT_IN = {"plain": b'{"1": {"class_type": "SaveImage", "inputs": {}}}'}
API = {"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
       "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}  # fmt: skip


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats, workflows=BUILT_IN) as opened:
        yield opened


@asynccontextmanager
async def gpu_of(link: Link, provider: Provider) -> AsyncIterator[None]:
    """The provider's agent with the files of its jobs."""
    async with open_bus(link, "agent") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        means = Means(private=True, shelf=Shelf(bus, ids.new))
        served = Served(fleet, Finish(bus, jobs, ids, show=result_of, post=posted_of), provider, means)
        served.start()
        try:
            yield
        finally:
            await served.drain(1)


async def put(house: MediaHouse, name: str, body: Any, key: str | None = None) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, told = await house.house.get(f"/workflows/{name}", key, "PUT", data=data)
    return status, told


async def names(house: MediaHouse, key: str | None = None) -> dict[str, str]:
    status, _, told = await house.house.get("/workflows", key)
    assert status == 200
    return {one["name"]: one["source"] for one in told["data"]}


async def test_a_workflow_is_stored_listed_read_replaced_and_deleted(house: MediaHouse) -> None:
    assert await names(house) == {"plain": "built_in"}
    status, told = await put(house, "portrait", text_to_image())
    assert (status, told["name"], told["source"]) == (200, "portrait", "own")
    assert await names(house) == {"plain": "built_in", "portrait": "own"}
    assert (await house.house.get("/workflows/portrait"))[2] == text_to_image()
    assert (await house.house.get("/workflows/portrait.json"))[2] == text_to_image()
    assert (await put(house, "portrait", API))[0] == 200
    assert (await house.house.get("/workflows/portrait"))[2] == API
    assert len(await names(house)) == 2
    assert (await house.house.get("/workflows/portrait", method="DELETE"))[2] == {"name": "portrait", "deleted": True}
    assert (await house.house.get("/workflows/portrait"))[0] == 404
    assert await names(house) == {"plain": "built_in"}
    assert [blob async for blob in house.files.blobs.all()] == []
    assert (await put(house, "portrait", API))[0] == 200  # its name is free again at once


async def test_ones_own_stands_before_a_built_in_one_of_that_name(house: MediaHouse) -> None:
    assert (await house.house.get("/workflows/plain", method="DELETE"))[0] == 403
    assert (await put(house, "plain", API))[0] == 200
    assert await names(house) == {"plain": "own"}
    assert (await house.house.get("/workflows/plain"))[2] == API
    assert (await house.house.get("/workflows/plain", method="DELETE"))[0] == 200
    assert (await house.house.get("/workflows/plain"))[2] == json.loads(BUILT_IN["plain"])


async def test_no_key_sees_or_changes_anothers(house: MediaHouse) -> None:
    other = house.house.other
    await put(house, "secret", API)
    assert await names(house, other) == {"plain": "built_in"}
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/inputs")):
        assert (await house.house.get(f"/workflows/secret{path}", other, method))[0] == 404
    status, _, told = await house.media("/workflows/secret", {}, key=other)
    assert (status, told["error"]["param"]) == (404, "workflow")
    status, _, told = await house.media("workflow", {"workflow": "secret"}, key=other)
    assert (status, told["error"]["param"]) == (404, "workflow")
    assert (await put(house, "secret", text_to_image(), other))[0] == 200
    assert (await house.house.get("/workflows/secret"))[2] == API
    listed = (await house.house.get("/v1/files", other))[2]["data"]
    assert [one["filename"] for one in listed] == ["secret.json"]
    assert (await house.house.get(f"/v1/files/{listed[0]['id']}"))[0] == 404
    for headers in ({}, {"X-Api-Key": "sk-wrong"}):
        async with house.house.http.get(house.house.url + "/workflows", headers=headers) as reply:
            assert reply.status == 401


async def test_whoever_comes_last_wins_and_nothing_stays_behind(house: MediaHouse) -> None:
    bodies = [{**API, "9": {"class_type": "Note", "inputs": {"at": at}}} for at in range(6)]
    answers = await asyncio.gather(*(put(house, "same", body) for body in bodies))
    assert {status for status, _ in answers} <= {200, 409}
    assert (await house.house.get("/workflows/same"))[2] in bodies
    assert len(await names(house)) == 2
    assert len([blob async for blob in house.files.blobs.all()]) == 1


@pytest.mark.parametrize(
    "bad",
    [b"", b"{", b"[]", b"5", b"{}", b'{"nodes": []}', b'{"nodes": [1]}', b'{"1": {"inputs": {}}}', b"\xff\xfe", b'{"a": "b"}',
     b"[" * 100_000],
)  # fmt: skip
async def test_what_is_no_workflow_is_refused_in_words(house: MediaHouse, bad: bytes) -> None:
    status, told = await put(house, "x", bad)
    assert (status, told["error"]["param"]) == (400, "workflow")
    status, _, told = await house.media("workflow", {"workflow": bad.decode("latin-1") if bad[:1] == b"{" else {}})
    assert (status, told["error"]["param"]) == (400, "workflow")


async def test_a_name_is_a_name_and_a_size_has_an_end(house: MediaHouse) -> None:
    for name in ("..%2F..%2Fetc", ".hidden", "a%00b", "x" * 101, "a%0Ab", "%C3%A4", "-"):
        status, told = await put(house, name, API)
        assert status in (400, 404), (name, told)
    status, told = await put(
        house, "large", b'{"1": {"class_type": "X", "inputs": {"a": "' + b"x" * 5_000_000 + b'"}}}'
    )
    assert status == 413
    assert await names(house) == {"plain": "built_in"}


async def test_a_run_has_the_workflow_itself_and_its_arguments(house: MediaHouse) -> None:
    await put(house, "portrait", API)
    status, heads, _ = await house.media(
        "/workflows/portrait", {"steps": 5, "arguments": {"cfg": 2}, "seed": 7, "tag": "t"}
    )
    assert status == 200
    seen = house.studio.last
    assert seen.body["workflow"] == API
    assert seen.body["arguments"] == {"steps": 5, "cfg": 2}
    assert (seen.body["seed"], seen.job.op, seen.job.tag) == (7, "workflow", "t")
    assert (await house.house.row(heads["x-job-id"])).op == "workflow"
    status, _, _ = await house.media(
        "/workflows/portrait", form=form(("image", png(), "my.png"), positive_prompt="x", steps="5")
    )
    assert status == 200
    assert house.studio.last.files == {"files.image": png()}
    assert house.studio.last.body["arguments"] == {"positive_prompt": "x", "steps": "5"}
    assert (await house.media("workflow", {"workflow": "portrait"}))[0] == 200
    assert house.studio.last.body["workflow"] == API
    assert (await house.media("/workflows/plain", {}))[0] == 200
    assert (await house.media("/workflows/nobody", {}))[0] == 404


async def test_a_run_may_be_queued(house: MediaHouse) -> None:
    status, _, told = await house.media("/workflows/plain", {"steps": 1}, params={"queue": "1"})
    assert status == 202
    view = (await house.house.get(f"/jobs/{told['id']}?wait=10"))[2]
    assert (view["status"], view["op"]) == ("done", "workflow")


async def test_a_key_without_the_right_may_not_store_or_look(house: MediaHouse) -> None:
    key = msgspec.structs.replace(house.house.key, apis=("chat",))
    await house.house.config.put_key(key)

    async def refused() -> bool:
        return (await put(house, "x", API))[0] == 403

    await until(refused)
    assert (await house.house.get("/workflows/plain/inputs"))[0] == 403
    assert (await house.media("/workflows/plain", {}))[0] == 403


async def test_without_a_comfyui_the_inputs_are_not_known(nats: Link) -> None:
    async with open_house(nats, agent=False, workflows=BUILT_IN) as house:
        status, _, told = await house.get("/workflows/plain/inputs")
        assert (status, told["error"]["code"]) == (503, "no_provider_online")
        assert "ai-server agent comfyui" in told["error"]["message"]


async def test_inputs_that_were_told_once_are_known_while_the_comfyui_is_busy(nats: Link) -> None:
    """A picture may take minutes, and who comes back to the form meanwhile must not wait for it."""
    async with (
        FakeComfyUI() as comfy,
        open_house(nats, agent=False, workflows=BUILT_IN) as house,
        gpu_of(nats, Provider(name="gpu", kind="comfyui", base_url=comfy.url, slots=1)),
    ):
        await house.get("/workflows/mine", method="PUT", data=json.dumps(text_to_image()).encode())

        async def told() -> Any:
            status, _, answer = await house.get("/workflows/mine/inputs")
            return answer if status == 200 else None

        await until(told)
        known = await told()
        comfy.hold("3")
        status, _, job = await house.post({"ckpt_name": "sd15.safetensors"}, path="/workflows/mine?queue=1")
        assert status in (200, 202), job

        async def busy() -> bool:
            return (await house.get(job["status_url"]))[2].get("progress") is not None

        await until(busy)
        async with asyncio.timeout(1):
            assert await told() == known
        comfy.let_go()


async def test_a_comfyui_tells_the_inputs_and_runs_it(nats: Link) -> None:
    async with FakeComfyUI() as comfy, open_house(nats, agent=False, workflows=BUILT_IN) as house:
        provider = Provider(name="gpu", kind="comfyui", base_url=comfy.url, slots=1)
        async with gpu_of(nats, provider):
            workflow = text_to_image()
            workflow["nodes"][0]["widgets_values"] = ["sd15.safetensors"]
            status, _, told = await house.get("/workflows/mine", method="PUT", data=json.dumps(workflow).encode())
            assert status == 200

            async def ready() -> bool:
                return (await house.get("/workflows/mine/inputs"))[0] == 200

            await until(ready)
            told = (await house.get("/workflows/mine/inputs"))[2]
            assert (told["name"], told["type"], told["outputs"]) == ("mine", "text_to_image", ["image"])
            found = {one["name"]: one for one in told["inputs"]}
            assert found["positive_prompt"]["default"] == "a bottle"
            assert found["steps"]["max"] == 10000
            status, _, told = await house.post(
                {"positive_prompt": "a cat", "width": 64, "height": 64}, path="/workflows/mine"
            )
            assert status == 200, told
            assert [one["content_type"] for one in told["artifacts"]] == ["image/png"] * 2
            assert comfy.prompts[-1]["prompt"]["6"]["inputs"]["text"] == "a cat"
            status, _, told = await house.post({"stepz": 5}, path="/workflows/mine")
            assert (status, told["error"]["param"]) == (400, "arguments.stepz")
            status, _, told = await house.get("/workflows/plain/inputs")
            assert status == 200
