"""Files: how fast they go into the store and out of it, what that costs in memory, and how long a small part takes.

The store is pressed by a process of its own, whose memory is measured; the small part is also asked for over HTTP. What a
newcomer would get wrong: the bytes are made up as they go and thrown away as they come, for a disk would be what is measured.
"""

import asyncio
import hashlib
import json
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from bus.acks import ApiError, Conflict
from bus.config import hash_key
from bus.connection import open_bus
from ops.bench.rounds import Site
from ops.prove.figures import Figures
from ops.run import address, link_of
from storage.blobs import Blob, BlobStore, address_of, blob_name

MB = 1_000_000
PART = 64 * 1024
PARTS = 200
_BLOCK = 1024 * 1024
T = TypeVar("T")


class Seen(msgspec.Struct, kw_only=True):
    """What one run saw: MB a second, bytes of memory more than before, milliseconds of a small part."""

    put: float = 0.0
    get: float = 0.0
    put_rss: int = 0
    get_rss: int = 0
    parts: list[float] = []
    sha: float = 0.0
    """MB/s of the digest alone in the same seconds: how much of a core there was."""


async def files(site: Site, figures: Figures, rounds: int, megabytes: int) -> None:
    """`megabytes`: size of the file. The figures of the rounds' middle."""
    seen = [await _apart(site, megabytes) for _ in range(rounds)]
    middle = statistics.median
    figures.at_least("blob put", middle(one.put for one in seen), 150, "MB/s")
    figures.at_least("blob get", middle(one.get for one in seen), 150, "MB/s")
    figures.tell("blob put, share of SHA-256 alone", middle(one.put / one.sha for one in seen))
    figures.tell("blob get, share of SHA-256 alone", middle(one.get / one.sha for one in seen))
    figures.at_most("memory of a blob put", max(one.put_rss for one in seen) / MB, 64, "MB")
    figures.at_most("memory of a blob get", max(one.get_rss for one in seen) / MB, 64, "MB")
    figures.at_most("64 KB of a blob p50", middle(ms for one in seen for ms in one.parts), 5, "ms")
    await _over_http(site, figures, megabytes)


async def _apart(site: Site, megabytes: int) -> Seen:
    """The same in a process of its own."""
    link = site.house.link()
    assert link is not None
    environment = {**os.environ, "NATS_URL": address(link)}
    words = [sys.executable, "-m", "ops.bench.blobs", str(megabytes)]
    child = await asyncio.create_subprocess_exec(*words, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        told, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return msgspec.json.decode(told.splitlines()[-1], type=Seen)


async def _over_http(site: Site, figures: Figures, megabytes: int) -> None:
    """Upload, small parts, download, and how a live call fares beside an upload."""
    size = megabytes * MB
    async with aiohttp.ClientSession(f"http://127.0.0.1:{site.house.port}", headers=site.headers) as http:
        begun = time.perf_counter()
        name = await _upload(http, size)
        figures.tell("upload over HTTP", megabytes / (time.perf_counter() - begun), "MB/s")
        try:
            path = f"/v1/files/{name}/content"
            for what, where in (("by its id", path), ("by its address", await _address(site, http, name))):
                times = await _parts(site, http, where, size)
                figures.at_most(f"64 KB of a file {what} over HTTP p50", statistics.median(times), 5, "ms")
            begun = time.perf_counter()
            async with http.get(path) as reply:
                got = sum([len(piece) async for piece in reply.content.iter_any()])
            site.errors += got != size
            figures.tell("download over HTTP", megabytes / (time.perf_counter() - begun), "MB/s")
            await _beside(site, http, figures, size)
        finally:
            await http.delete(f"/v1/files/{name}")


async def _parts(site: Site, http: aiohttp.ClientSession, path: str, size: int) -> list[float]:
    dice, times = random.Random(1), []
    for _ in range(PARTS):
        at, begun = dice.randrange(size - PART), time.perf_counter()
        async with http.get(path, headers={"Range": f"bytes={at}-{at + PART - 1}"}) as reply:
            site.errors += reply.status != 206 or len(await reply.read()) != PART
        times.append((time.perf_counter() - begun) * 1000)
    return times


async def _address(site: Site, http: aiohttp.ClientSession, name: str) -> str:
    """Where the key's private file is under `/artifacts`."""
    async with http.get(f"/v1/files/{name}") as reply:
        created = (await reply.json())["created_at"]
    async with http.head(f"/v1/files/{name}/content") as reply:
        digest = reply.headers["ETag"].strip('"')
    owner = ("default", hash_key(site.house.key)[:16])
    return address_of(blob_name(owner, "private", created, digest, "bin"))


async def _beside(site: Site, http: aiohttp.ClientSession, figures: Figures, size: int) -> None:
    """A call that needs the bus, alone and while a file goes up."""
    alone = await _pings(http, lambda count: count >= 50)
    uploading = asyncio.ensure_future(_upload(http, size))
    during = await _pings(http, lambda _: uploading.done())
    await http.delete(f"/v1/files/{await uploading}")
    figures.tell("a file's record p50, nothing else going on", statistics.median(alone), "ms")
    figures.tell("a file's record p50 beside an upload", statistics.median(during or [0]), "ms")


async def _pings(http: aiohttp.ClientSession, enough: Callable[[int], bool]) -> list[float]:
    times: list[float] = []
    while not enough(len(times)):
        begun = time.perf_counter()
        async with http.get("/v1/files/file-1") as reply:
            await reply.read()
        times.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.01)
    return times


async def _upload(http: aiohttp.ClientSession, size: int) -> str:
    form = aiohttp.FormData()
    form.add_field("purpose", "user_data")
    form.add_field("file", _made_up(size), filename="bench.bin", content_type="application/octet-stream")
    async with http.post("/v1/files", data=form) as reply:
        told = await reply.json()
        if reply.status != 200:
            raise RuntimeError(f"the upload was answered {reply.status}: {told}")
        return str(told["id"])


async def _made_up(size: int) -> AsyncIterator[bytes]:
    """`size` bytes that nothing along the way can shorten, the same ones each time but for their beginning."""
    block = random.Random(5).randbytes(_BLOCK)
    yield random.randbytes(min(32, size))
    for left in range(size - 32, 0, -_BLOCK):
        yield block[:left]


# ---- the process that presses the store ---------------------------------------------------------------------------------


async def press(megabytes: int) -> Seen:
    """Put, get, small parts, and nothing left."""
    seen, size = Seen(), megabytes * MB
    async with open_bus(link_of(os.environ["NATS_URL"]), "bench-blobs") as bus:
        store = BlobStore(bus, (Conflict, ApiError))
        warm = await _put(store, 4 * MB)
        await _drain(store, warm)
        seen.sha = _sha()
        begun, (blob, seen.put_rss) = time.perf_counter(), await _watched(lambda: _put(store, size))
        seen.put = megabytes / (time.perf_counter() - begun)
        begun, (_, seen.get_rss) = time.perf_counter(), await _watched(lambda: _drain(store, blob))
        seen.get = megabytes / (time.perf_counter() - begun)
        dice = random.Random(2)
        for _ in range(PARTS):
            at, begun = dice.randrange(size - PART), time.perf_counter()
            found = await store.find(blob.name)
            assert found is not None
            assert len(b"".join([piece async for piece in store.read(found, at, at + PART)])) == PART
            seen.parts.append((time.perf_counter() - begun) * 1000)
        for one in (warm, blob):
            await store.drop(one.name, "bench")
        await store.close()
    return seen


async def _put(store: BlobStore, size: int) -> Blob:
    return await store.put(
        _made_up(size), lambda digest: blob_name(("bench", "bench"), "private", time.time(), digest), holder="bench"
    )


async def _drain(store: BlobStore, blob: Blob) -> int:
    size = 0
    async with aclosing(store.read(blob)) as pieces:
        async for piece in pieces:
            size += len(piece)
    assert size == blob.size
    return size


async def _watched(work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, int]:
    """What the work gives, and by how many bytes the process grew meanwhile at most."""
    before = highest = _rss()
    task = asyncio.create_task(work())
    while not task.done():
        await asyncio.wait([task], timeout=0.02)
        highest = max(highest, _rss())
    return await task, highest - before


def _sha() -> float:
    block, begun = bytes(64 * MB), time.perf_counter()
    hashlib.sha256(block)
    return 64 / (time.perf_counter() - begun)


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    import uvloop

    with suppress(BrokenPipeError):
        print(json.dumps(msgspec.to_builtins(uvloop.run(press(int(sys.argv[1]))))))
