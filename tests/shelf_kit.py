"""A job's files for the tests of agents: a real object store over the `nats` fixture.

@pytest.fixture
async def shelf(nats): async with open_shelf(nats) as kit: yield kit

async def test_…(shelf):
    tools.files = shelf.files()                               # of a job of its own; or shelf.files(job)
    ref = await shelf.given(png, "image/png", "cat.png")      # a FileRef, as the edge writes it into Job.body
    events = [event async for event in handle(shelf.job("scale_image", {"image": ref, "width": 8}), tools)]
    data = await shelf.bytes_of(artifact)                     # of an Artifact that the handle has put
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from agents._http import Http
from bus.connection import Bus, Link, open_bus
from bus.ids import Ids
from bus.streams import declare
from gateway.files import About
from ops.artifacts import JobFiles, Keeping, Shelf
from schemas.content_types import extension_of
from schemas.files import INPUT
from schemas.job import Job
from schemas.media import Artifact, FileRef
from storage.blobs import blob_at

TENANT, KEY = "default", "k1"


class Kit:
    """A shelf, and what a test does with one."""

    def __init__(self, bus: Bus, ids: Ids, http: Http, keeping: Keeping) -> None:
        self.bus, self.ids, self.http = bus, ids, http
        self.shelf = Shelf(bus, ids.new, keeping)

    def job(self, op: str, body: Any, model: str = "m", **more: Any) -> Job:
        """A job whose body is `body` as JSON."""
        now = time.time()
        values = {
            "id": self.ids.new(), "tenant": TENANT, "key": KEY, "op": op, "model": model, "created": now,
            "deadline": now + 60, "body": body if isinstance(body, bytes) else msgspec.json.encode(body), **more,
        }  # fmt: skip
        return Job(**values)

    def files(self, job: Job | None = None) -> JobFiles:
        """What `Tools.files` is for a job."""
        return self.shelf.of(job or self.job("convert_image", b"{}"), self.http)

    async def given(self, data: bytes, content_type: str, name: str = "", key: str = KEY) -> FileRef:
        """A file of the caller's, stored as the edge would."""

        async def source() -> AsyncIterator[bytes]:
            yield data

        files = await self.shelf.files()
        about = About(
            id=self.ids.new(),
            filename=name or f"given.{extension_of(content_type)}",
            purpose=INPUT,
            content_type=content_type,
        )
        blob = await files.store((TENANT, key), source(), about)
        await files.enter((TENANT, key), about, blob)
        return FileRef(blob=blob.name, content_type=content_type, size=blob.size, name=name)

    async def bytes_of(self, artifact: Artifact) -> bytes:
        """What stands at the artifact's address."""
        name = blob_at(artifact.url)
        assert name is not None, artifact.url
        files = await self.shelf.files()
        blob = await files.blobs.find(name)
        assert blob is not None, "the artifact has no bytes"
        assert (blob.size, blob.content_type) == (artifact.size, artifact.content_type)
        return b"".join([piece async for piece in files.blobs.read(blob)])


@asynccontextmanager
async def open_shelf(link: Link, *, private: bool = True, keeping: Keeping | None = None) -> AsyncIterator[Kit]:
    """`private`: URLs may lead to loopback, where the tests' own servers are."""
    async with open_bus(link, "shelf") as bus, Http(private=private) as http:
        await declare(bus)
        ids = Ids(bus)
        await ids.start()
        kit = Kit(bus, ids, http, keeping or Keeping())
        try:
            yield kit
        finally:
            await kit.shelf.close()
