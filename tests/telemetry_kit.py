"""A house with two providers of one model, callbacks and an archiver, for the tests of metrics and traces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from fake_provider import FakeProvider
from gateway_house import House, agent_of, open_house, until
from prometheus_client import parser as plain
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.samples import Sample

from bus.config import new_key
from bus.connection import Link, open_bus
from ops.archiver import run_archiver
from ops.provide import Served
from ops.sections import CALLBACKS
from schemas.provider import Model, Provider
from schemas.tracing import Tracer

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NAMES = ("m", "413", "slow", "text-embedding-3-small")


class Watched:
    """What a test holds."""

    def __init__(self, house: House, spare: FakeProvider) -> None:
        self.house, self.spare = house, spare
        self.scraper = ""
        self.delivered: list[dict[str, str]] = []
        """The headers of each callback."""
        self.receiver = ""
        self.served: list[Served] = []

    @property
    def calls(self) -> list[Any]:
        """What both providers have in their ledgers."""
        return [*self.house.fake.calls, *self.spare.calls]

    def trace(self, tracer: Tracer) -> None:
        """As `ops/run.py` does at the start of each process."""
        parts = self.house.app._front.parts
        for fleet, finish in [
            (parts.fleet, parts.dispatcher.finish),
            *((one.fleet, one.finish) for one in self.served),
        ]:
            fleet.tracer = finish.tracer = tracer

    async def scrape(self, accept: str = "") -> list[Sample]:
        """All samples, read by Prometheus's own parser."""
        headers = {"Authorization": f"Bearer {self.scraper}", "Accept": accept}
        async with self.house.http.get(self.house.url + "/metrics", headers=headers) as reply:
            text = await reply.text()
            assert reply.status == 200, text
        parse = openmetrics if "openmetrics" in accept else plain
        return [sample for family in parse.text_string_to_metric_families(text) for sample in family.samples]


def total(samples: list[Sample], name: str, **labels: str) -> float:
    """The sum of the samples with these labels."""
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def provider_at(name: str, url: str, priority: int = 0) -> Provider:
    models = tuple(Model(name=one, op="embeddings" if "embedding" in one else "chat") for one in NAMES)
    return Provider(
        name=name, kind="openai", base_url=url, models=models, discover=False, slots=16, priority=priority,
        key="sk-canary-secret", first_timeout=3.0, stall_timeout=3.0,
    )  # fmt: skip


@asynccontextmanager
async def open_watched(link: Link, archive: Path | None = None, **parts: Any) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as things:
        house = await things.enter_async_context(open_house(link, agent=False, private_callbacks=True, **parts))
        spare = await things.enter_async_context(FakeProvider())
        watched = Watched(house, spare)
        for provider in (provider_at("fake", house.fake.url), provider_at("spare", spare.url, 5), CALLBACKS):
            watched.served.append(await things.enter_async_context(agent_of(link, provider)))
        watched.receiver = await things.enter_async_context(_receiver(watched))
        if archive is not None:
            await things.enter_async_context(_archiver(link, archive))
        watched.scraper, key = new_key("prometheus", ("metrics",))
        await house.config.put_key(key)
        fleet = house.app._front.parts.fleet
        await until(lambda: {view.name for view in fleet.queues() if view.slots} >= {"fake", "spare", "callbacks"})
        yield watched


@asynccontextmanager
async def _receiver(watched: Watched) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        watched.delivered.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    async with serving(app) as url:
        yield f"{url}/hook?token=canary-token"


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """An aiohttp application on a free port. Yields its URL."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _archiver(link: Link, folder: Path) -> AsyncIterator[None]:
    async with open_bus(link, "archiver") as bus:
        stop = asyncio.Event()
        task = asyncio.create_task(run_archiver(bus, folder, 0.1, stop))
        try:
            yield
        finally:
            stop.set()
            with suppress(asyncio.CancelledError):
                await task
