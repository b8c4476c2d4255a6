"""What the tests of the media pages stand on: a house whose media are made by the studio of `media_kit.py`, by real agents of a
double of OpenAI, and by the image and ffmpeg agents that make small pictures. The studio tells progress with a picture, and
works at whatever begins with `hold` until it is let go.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from fake_openai_media import FakeOpenAIMedia
from ffmpeg_kit import sound, video
from gateway_house import until
from image_kit import picture
from media_kit import Studio, png, studio_of
from ui_agents_kit import agents_of
from ui_kit import Ui

from agents.agent import Tools
from schemas.events import Event, Progress
from schemas.job import Job
from schemas.media import Artifact
from schemas.provider import Provider

PREVIEW = "data:image/png;base64," + base64.b64encode(png(8, 8, 90)).decode()


class Painter(Studio):
    """Makes files that are large enough for smaller ones, and of the kind that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def handle(self, job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        body = msgspec.json.decode(job.body)
        if str(body.get("positive_prompt", "")).startswith("hold"):
            yield Progress(0.4, "step 8 of 20", 12.0, PREVIEW)
            await self.go.wait()
        async for event in super().handle(job, tools):
            yield event

    def _work(self, job: Job, body: dict[str, Any], number: int) -> tuple[bytes, str, Artifact]:
        if job.op in ("text_to_video", "image_to_video"):
            return video(), "video/mp4", Artifact(width=160, height=120, seconds=2.0)
        if "audio" in job.op or job.op == "text_to_speech":
            return sound(), "audio/wav", Artifact(seconds=2.0)
        data, kind, about = super()._work(job, body, number)
        if data:
            data = picture("png", 640, 400 + 8 * (len(self.made) % 9))
            about = Artifact(width=640, height=400 + 8 * (len(self.made) % 9))
        return data, kind, about


class Life:
    """All of it, in the house's loop: begun and ended in one task, as their contexts want it."""

    def __init__(self, ui: Ui) -> None:
        self.ui = ui
        self.stop, self.ready = asyncio.Event(), asyncio.Event()
        self.painter, self.openai = Painter(), FakeOpenAIMedia()

    async def begin(self) -> None:
        self.task = asyncio.create_task(self._live())
        done = asyncio.create_task(self.ready.wait())
        await asyncio.wait({self.task, done}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()

    async def end(self) -> None:
        self.painter.go.set()
        self.stop.set()
        await self.task

    async def _live(self) -> None:
        house = self.ui.house.office.house
        async with AsyncExitStack() as things:
            await things.enter_async_context(self.openai)
            providers = [Provider(name=name, kind=name, slots=4) for name in ("image", "ffmpeg")]
            providers.append(Provider(name="openai", kind="openai", base_url=self.openai.url, slots=4, priority=9))
            await things.enter_async_context(agents_of(house.bus.link, providers))
            await things.enter_async_context(studio_of(house.bus.link, self.painter))

            async def served() -> bool:
                _, _, listed = await house.get("/v1/models", self.ui.keys["app"])
                return {"painter", "gpt-image-2.5-flare"} <= {one["id"] for one in listed["data"]}

            await until(served)
            self.ready.set()
            await self.stop.wait()


@pytest.fixture(scope="module")
def life(ui_of_this_file: Ui) -> Iterator[Life]:
    async def born() -> Life:
        made = Life(ui_of_this_file)
        await made.begin()
        return made

    found = ui_of_this_file.do(born())
    yield found
    ui_of_this_file.do(found.end())


@pytest.fixture
def painter(life: Life) -> Iterator[Painter]:
    yield life.painter
    life.ui.house.loop.call_soon_threadsafe(life.painter.go.clear)
