"""A gateway with files and real agents of media, for the tests of variants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gateway_house import House, open_house, until
from yarl import URL

from bus.config import Config
from bus.connection import Link, open_bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from gateway.dialects.doors import posted_of, result_of
from gateway.files import About, Files
from ops.artifacts import Shelf
from ops.provide import Means, Served
from schemas.files import ARTIFACT, PUBLIC, FileRecord
from schemas.provider import Provider
from storage.blobs import address_of


class Site:
    """A house, its files, and what is asked of it."""

    def __init__(self, house: House, files: Files, ids: Ids) -> None:
        self.house, self.files, self.ids = house, files, ids
        self.jobs: list[str] = []
        """The operations of jobs that were sent."""

    async def put(
        self, data: bytes, content_type: str = "image/jpeg", area: str = PUBLIC, name: str = "a.jpg"
    ) -> tuple[FileRecord, str]:
        """A file of the app's key, and its address."""

        async def source() -> AsyncIterator[bytes]:
            yield data

        owner = (self.house.key.tenant, self.house.key.id)
        about = About(id=self.ids.new(), filename=name, purpose=ARTIFACT, content_type=content_type, area=area)
        blob = await self.files.store(owner, source(), about)
        return await self.files.enter(owner, about, blob), address_of(blob.name)

    async def delete(self, record: FileRecord) -> None:
        await self.files.withdraw((record.tenant, record.key), record.id)

    async def get(
        self, address: str, options: str = "width=50", method: str = "GET", url: str = "", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of the variant of `address`, asked without a key."""
        path = f"/variants/{options}/{address.removeprefix('/artifacts/')}"
        told = {"Accept": "*/*"} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.house.http.request(
            method, URL((url or self.house.url) + path, encoded=True), headers=told
        ) as reply:
            return reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.read()


@asynccontextmanager
async def media_agent(link: Link, kind: str) -> AsyncIterator[Served]:
    """An agent of media as in a process of its own."""
    async with open_bus(link, "media") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        shelf = Shelf(bus, ids.new)
        finish = Finish(bus, jobs, ids, show=result_of, post=posted_of)
        served = Served(fleet, finish, Provider(name=kind, kind=kind, slots=8), Means(private=True, shelf=shelf))
        served.start()
        try:
            yield served
        finally:
            await served.drain(1)
            await shelf.close()


@asynccontextmanager
async def open_site(link: Link, *kinds: str, **parts: Any) -> AsyncIterator[Site]:
    """A house with one agent of each kind, ready."""
    async with AsyncExitStack() as things:
        house = await things.enter_async_context(open_house(link, agent=False, **parts))
        for kind in kinds:
            await things.enter_async_context(media_agent(link, kind))
        bus = await things.enter_async_context(open_bus(link, "test-files"))
        ids = Ids(bus)
        await ids.start()
        site = Site(house, Files(bus, ids.new), ids)
        things.push_async_callback(site.files.stop)
        fleet = Fleet(bus, house.config)
        await fleet.start()

        await bus.listen("live.>", lambda message: site.jobs.append(message.subject.split(".")[1]))
        await until(lambda: {view.name for view in fleet.queues() if view.slots} >= set(kinds))
        with contextlib.suppress(asyncio.CancelledError):
            yield site
