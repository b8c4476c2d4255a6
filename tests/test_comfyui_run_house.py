"""A ComfyUI in the house: jobs over the bus, an agent that stops or is replaced, and what the router hears of the queue."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from bus_house import House, house, until
from comfy_kit import drawn, plain
from fake_comfyui import FakeComfyUI

from bus.connection import Link
from ops.artifacts import Shelf
from ops.provide import Means, Served
from schemas.job import Job, Record, State, Style
from schemas.media import MediaResult, decode_media
from schemas.problem import Code
from schemas.provider import ApiKey, Provider

KEY = ApiKey(id="k1", hash="", prefix="", name="test", created=0)


class Box:
    """A house whose one provider is the double."""

    def __init__(self, made: House, comfy: FakeComfyUI) -> None:
        self.house, self.comfy = made, comfy
        self.shelf = Shelf(made.bus, made.ids.new)
        self.served: list[Served] = []

    async def serve(self) -> Served:
        provider = Provider(name="box", kind="comfyui", base_url=self.comfy.url, slots=2)
        served = Served(self.house.fleet, self.house.finish, provider, Means(private=True, shelf=self.shelf))
        served.start()
        self.served.append(served)
        await until(lambda: self._fit(served))
        return served

    async def submit(self, op: str, body: dict, model: str = "default") -> Job:
        now = time.time()
        job = Job(
            id=self.house.ids.new(), tenant="default", key=KEY.id, op=op, model=model, body=msgspec.json.encode(body),
            created=now, deadline=now + 30, style=Style.QUEUED, durable=True,
        )  # fmt: skip
        await self.house.dispatcher.submit(job)
        return job

    async def ended(self, job: Job) -> Record:
        view = await self.house.desk.wait(KEY, job.id, 15)
        assert view.status.terminal, view.status
        return await self.house.desk.result(KEY, job.id)

    async def result(self, job: Job) -> MediaResult:
        record = await self.ended(job)
        assert record.state is State.DONE, record.fault
        return decode_media(record.result)

    def _fit(self, served: Served) -> bool:
        worker = served.worker
        seen = self.house.fleet.agents.get(worker.agent) if worker else None
        return seen is not None and bool(seen.models) and seen.beat.slots > 0


@pytest.fixture
async def box(nats: Link) -> AsyncIterator[Box]:
    async with opened(nats) as made:
        yield made


@asynccontextmanager
async def opened(nats: Link) -> AsyncIterator[Box]:
    async with FakeComfyUI() as comfy, house(nats, keeper=True) as made:
        box = Box(made, comfy)
        await box.serve()
        try:
            yield box
        finally:
            comfy.let_go()
            await asyncio.gather(*(served.drain(0.1) for served in box.served))
            await box.shelf.close()


async def test_a_picture_is_drawn_by_a_template(box: Box) -> None:
    asked = {
        "positive_prompt": "a lighthouse",
        "seed": 42,
        "steps": 3,
        "width": 128,
        "height": 64,
        "output_format": "webp",
    }
    result = await box.result(await box.submit("text_to_image", asked))
    assert [one.content_type for one in result.artifacts] == ["image/webp"]
    sent = {node["class_type"]: node["inputs"] for node in box.comfy.prompts[0]["prompt"].values()}
    assert (sent["KSampler"]["seed"], sent["KSampler"]["steps"], sent["EmptyLatentImage"]["width"]) == (42, 3, 128)
    assert "a lighthouse" in str(box.comfy.prompts[0]["prompt"])


async def test_an_agent_that_stops_gives_its_job_back_and_stops_the_prompt(box: Box) -> None:
    box.comfy.hold("3")
    job = await box.submit("workflow", {"workflow": drawn()})
    await asyncio.wait_for(box.comfy.reached.wait(), 5)
    await box.served[0].drain(0.05)
    await until(lambda: box.comfy.running is None, 1.0)
    box.comfy.let_go()
    await box.serve()
    assert len((await box.result(job)).artifacts) == 1
    assert len(set(box.comfy.runs)) == 2


async def test_a_cancelled_job_is_interrupted_at_the_comfyui(box: Box) -> None:
    box.comfy.hold("3")
    job = await box.submit("workflow", {"workflow": drawn()})
    await asyncio.wait_for(box.comfy.reached.wait(), 5)
    await box.house.dispatcher.cancel(job)
    await until(lambda: box.comfy.running is None, 1.0)
    assert (await box.ended(job)).state is State.CANCELLED


async def test_the_router_hears_of_prompts_of_others(box: Box) -> None:
    box.comfy.hold("1")
    for _ in range(4):
        box.comfy.foreign(plain())
    await until(lambda: [view.waiting for view in box.house.fleet.queues()] == [4])


async def test_a_job_survives_a_restart_of_its_comfyui(box: Box) -> None:
    box.comfy.hold("3")
    job = await box.submit("workflow", {"workflow": drawn()})
    await asyncio.wait_for(box.comfy.reached.wait(), 5)
    await box.comfy.down()
    box.comfy.let_go()
    await box.comfy.up()
    record = await box.ended(job)
    assert record.state is State.DONE, record.fault
    assert [attempt.code for attempt in record.attempts] == [Code.PROVIDER_UNREACHABLE, None]
