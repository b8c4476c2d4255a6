"""The store behind the files of jobs: an agent's rights, a full disk, a server that restarts, what a killed process left."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from bus_house import until
from msgspec.structs import replace
from shelf_kit import KEY, TENANT, Kit, open_shelf

from agents._http import Http
from bus.connection import Bus, Link, open_bus
from gateway.files import About, Files
from ops.artifacts import JobFiles, Shelf
from ops.embedded import EmbeddedNats
from schemas.files import FileRecord
from schemas.problem import Code, Problem


@pytest.fixture
async def shelf(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as kit:
        yield kit


async def owned(shelf: Kit) -> list[FileRecord]:
    return await (await shelf.shelf.files()).records.of(TENANT, KEY)


async def blobs(shelf: Kit) -> list[str]:
    return [blob.name async for blob in (await shelf.shelf.files()).blobs.all()]


async def test_an_agents_own_user_can_store_results_and_nothing_of_the_gateways(server: EmbeddedNats) -> None:
    link = server.home.link("agent", server.pid)
    assert link is not None
    async with open_shelf(server.link) as house, open_bus(link, "agent") as bus, Http() as http:
        shelf = Shelf(bus, house.ids.new)
        kept = JobFiles(shelf, house.job("convert_image", b"{}"), http)
        made = await kept.put(b"abc", "image/png")
        await kept.settle()
        lost = JobFiles(shelf, house.job("convert_image", b"{}"), http)
        await lost.put(b"xyz", "image/png")
        lost.discard()
        await shelf.close()
        assert [f"file-{record.id}" for record in await owned(house)] == [made.id]
        assert len(await blobs(house)) == 1
        for subject in ("$KV.FILES.open.default.k1.1", "$KV.BATCHES.rec.default.k1.1", "count.req.default.k1.1"):
            with pytest.raises(Problem):
                await bus.keep(subject, b"x", timeout=0.2)


async def test_a_full_store_takes_no_file_and_still_takes_jobs(shelf: Kit) -> None:
    files = await shelf.shelf.files()
    await files.blobs.wall.check()
    wall, room = files.blobs.wall, 70 * 1024 * 1024
    wall.kept_free = lambda limit: limit - room
    wall._asked = float("-inf")

    async def large() -> AsyncIterator[bytes]:
        for _ in range(120):
            wall._asked = float("-inf")  # as if two seconds had passed
            yield os.urandom(1024 * 1024)

    with pytest.raises(Problem) as refused:
        await shelf.files().put(large(), "video/mp4")
    assert (refused.value.code, refused.value.fault.retry_after) == (Code.OVERLOADED, 60)
    await files.blobs.close()
    await shelf.bus.keep("$KV.JOBS.default.1", b"a job")
    assert await blobs(shelf) == []


async def test_a_result_is_stored_though_the_server_restarts_meanwhile(server: EmbeddedNats) -> None:
    async with open_shelf(server.link) as shelf:
        half, data = asyncio.Event(), os.urandom(9_000_000)

        async def slow() -> AsyncIterator[bytes]:
            yield data[:5_000_000]
            half.set()
            await until(lambda: server.restarts == 1, 20)
            yield data[5_000_000:]

        task = asyncio.create_task(shelf.files().put(slow(), "video/mp4"))
        await half.wait()
        os.kill(server.pid, 9)
        assert await shelf.bytes_of(await task) == data


async def test_the_sweep_removes_what_a_killed_agent_put_and_spares_what_still_may_become_a_file(shelf: Kit) -> None:
    kept = shelf.files()
    made = await kept.put(b"long job", "image/png")
    files: Files = await shelf.shelf.files()
    await files.sweep(grace=0)
    await kept.settle()
    assert await shelf.bytes_of(made) == b"long job"
    about = About(id=4_194_304, filename="old.png")  # its id says: made in 2025

    async def source() -> AsyncIterator[bytes]:
        yield b"never entered"

    await files.store((TENANT, KEY), source(), about)
    await files.sweep(grace=0, drafts=0)
    assert [await shelf.bytes_of(made), len(await blobs(shelf))] == [b"long job", 1]


async def test_a_word_to_the_bus_does_not_wait_behind_the_bytes_of_a_file(server: EmbeddedNats) -> None:
    """On a slow link 16 MB of chunks may stand in line: calls and tokens have a line of their own."""
    way = asyncio.Event()
    lines: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while data := await reader.read(65_536):
            if number == 2:
                await way.wait()
            writer.write(data)
            await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        number = len(lines)
        there, here = await asyncio.open_connection("127.0.0.1", int(server.link.url.rpartition(":")[2]))
        way.set()
        await asyncio.gather(pump(reader, here, number), pump(there, writer, 0))

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    slow = replace(server.link, url=f"nats://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
    async with open_shelf(slow) as shelf:
        await shelf.shelf.files()
        assert len(lines) == 2
        way.clear()
        data = os.urandom(20_000_000)
        storing = asyncio.create_task(shelf.files().put(data, "video/mp4"))
        bulk = (await shelf.shelf.files()).blobs.bulk
        assert isinstance(bulk, Bus)
        await until(lambda: bulk.nc.backlog > 1_000_000)
        async with asyncio.timeout(5):
            for _ in range(20):
                await shelf.bus.last("KV_JOBS", "$KV.JOBS.none")
        assert not storing.done()
        way.set()
        assert (await storing).size == len(data)
    proxy.close()
