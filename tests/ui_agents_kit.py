"""Real agents of media in the house behind the web UI: image, ffmpeg, and one for a ComfyUI that is a double. In a test file:

pytest_plugins = ["ui_kit", "ui_agents_kit"]
AGENTS = ("image", "ffmpeg", "comfyui")      # which of them; a module's constant

def test_x(media: Ui) -> None: ...           # `ui`, once they are ready
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from fake_comfyui import FakeComfyUI
from gateway_house import until
from ui_kit import Ui

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


@asynccontextmanager
async def agents_of(link: Link, providers: list[Provider]) -> AsyncIterator[None]:
    """Their agents, as in a process of their own, once they can be asked."""
    async with open_bus(link, "media") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        shelf = Shelf(bus, ids.new)
        finish, means = Finish(bus, jobs, ids, show=result_of, post=posted_of), Means(private=True, shelf=shelf)
        served = [Served(fleet, finish, one, means) for one in providers]
        for one in served:
            one.start()
        wanted = {one.name for one in providers}
        try:
            await until(lambda: {view.name for view in fleet.queues() if view.slots} >= wanted)
            yield
        finally:
            await asyncio.gather(*(one.drain(1) for one in served))
            await shelf.close()


class Life:
    """The agents' life in the house's loop: begun and ended in one task, as their contexts want it."""

    def __init__(self, ui: Ui, names: tuple[str, ...]) -> None:
        self.ui, self.names = ui, names
        self.stop, self.ready = asyncio.Event(), asyncio.Event()
        self.comfy = FakeComfyUI()

    async def begin(self) -> None:
        self.task = asyncio.create_task(self._live())
        done = asyncio.create_task(self.ready.wait())
        await asyncio.wait({self.task, done}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()

    async def end(self) -> None:
        self.comfy.let_go()
        self.stop.set()
        await self.task

    async def _live(self) -> None:
        async with AsyncExitStack() as things:
            providers = [Provider(name=name, kind=name, slots=4) for name in self.names if name != "comfyui"]
            if "comfyui" in self.names:
                await things.enter_async_context(self.comfy)
                providers.append(Provider(name="gpu", kind="comfyui", base_url=self.comfy.url, slots=1))
            await things.enter_async_context(agents_of(self.ui.house.office.house.bus.link, providers))
            self.ready.set()
            await self.stop.wait()


@pytest.fixture(scope="module")
def _life(ui_of_this_file: Ui, request: Any) -> Iterator[Life]:
    async def born() -> Life:
        life = Life(ui_of_this_file, request.module.AGENTS)
        await life.begin()
        return life

    life = ui_of_this_file.do(born())
    yield life
    ui_of_this_file.do(life.end())


@pytest.fixture
def media(ui: Ui, _life: Life) -> Ui:
    """The house with its agents."""
    return ui


@pytest.fixture
def comfy(_life: Life) -> FakeComfyUI:
    return _life.comfy
