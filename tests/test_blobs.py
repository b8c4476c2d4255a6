"""Blobs in the object store: whole, in part, by other clients, at the same moment, and when it goes wrong."""

import asyncio
import hashlib
import io
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import ObjectMeta

from bus.acks import ApiError, Conflict
from bus.connection import Bus
from schemas.problem import Code, Problem
from storage.blobs import AHEAD, BlobStore, blob_name
from storage.objects import BUCKET, CHUNK, CONFIG, STREAM, Blob, chunk_subject, encode_blob, pages, runs_of

KINDS = (Conflict, ApiError)


@pytest.fixture
async def store(bus: Bus) -> BlobStore:
    if "OBJ_BLOBS" not in {info["config"]["name"] for info in (await bus.api("STREAM.LIST"))["streams"]}:
        await bus.api(f"STREAM.CREATE.{STREAM}", CONFIG)
    return BlobStore(bus, KINDS)


def named(digest: str) -> str:
    return blob_name(("t", "k"), "private", 1_800_000_000, digest, "bin")


async def bits(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


async def whole(store: BlobStore, blob: Blob, *part: int) -> bytes:
    return b"".join([piece async for piece in store.read(blob, *part)])


async def chunks_left(bus: Bus) -> int:
    """Chunk messages in the stream (removed ones leave a mark for a second)."""
    info = await bus.api(f"STREAM.INFO.{STREAM}", {"subjects_filter": f"$O.{BUCKET}.C.>"})
    return sum((info["state"].get("subjects") or {}).values())


async def until(check: Callable[[], Any], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 9 * 1024 * 1024 + 7])
async def test_what_is_stored_comes_back_byte_for_byte(store: BlobStore, size: int) -> None:
    data = random.Random(size).randbytes(size)
    blob = await store.put(bits(data), named, holder="a")
    assert (blob.size, blob.digest) == (size, hashlib.sha256(data).hexdigest())
    assert await store.find(blob.name) == blob
    assert await whole(store, blob) == data


async def test_any_part_can_be_read(store: BlobStore) -> None:
    dice = random.Random(1)
    data = dice.randbytes(20 * CHUNK + 99)
    blob = await store.put(bits(data), named, holder="a")
    for _ in range(60):
        start = dice.randrange(len(data))
        stop = start + dice.choice([1, 64_000, CHUNK, 12 * CHUNK])
        assert data[start:stop] == await whole(store, blob, start, stop)


async def test_two_uploads_at_a_time_are_kept_apart(store: BlobStore) -> None:
    one, two = (random.Random(seed).randbytes(12 * CHUNK + 5) for seed in (1, 2))
    first, second = await asyncio.gather(*(store.put(bits(data, 70_000), named, holder="a") for data in (one, two)))
    assert len(first.runs) + len(second.runs) > 2
    assert (await whole(store, first), await whole(store, second)) == (one, two)
    assert await whole(store, first, 5 * CHUNK - 3, 9 * CHUNK) == one[5 * CHUNK - 3 : 9 * CHUNK]


async def test_other_clients_read_our_blobs_and_we_read_theirs(store: BlobStore, bus: Bus) -> None:
    theirs = await bus.nc.jetstream().object_store(BUCKET)
    data = random.Random(3).randbytes(3 * CHUNK + 11)
    blob = await store.put(bits(data), named, holder="a", content_type="video/mp4")
    found = await theirs.get(blob.name)
    assert (found.data, found.info.headers) == (data, {"Content-Type": ["video/mp4"]})
    await theirs.put("from/elsewhere.bin", io.BytesIO(data), ObjectMeta(name="from/elsewhere.bin"))
    foreign = await store.find("from/elsewhere.bin")
    assert foreign is not None
    assert await whole(store, foreign) == data
    assert await whole(store, foreign, CHUNK + 3, 2 * CHUNK) == data[CHUNK + 3 : 2 * CHUNK]


async def test_the_same_content_is_stored_once_and_lives_until_its_last_holder_drops_it(
    store: BlobStore, bus: Bus
) -> None:
    data = bytes(2 * CHUNK)
    first = await store.put(bits(data), named, holder="a")
    second = await store.put(bits(data), named, holder="b")
    assert (first.nuid, second.holders) == (second.nuid, ("a", "b"))
    await until(lambda: _is(chunks_left(bus), 2))
    await store.drop(first.name, "a")
    await store.drop(first.name, "a")
    assert await whole(store, second) == data
    await store.drop(first.name, "b")
    assert await store.find(first.name) is None
    await until(lambda: _is(chunks_left(bus), 0))


async def _is(number: Any, wanted: int) -> bool:
    return await number == wanted


async def test_uploads_and_deletes_of_one_content_at_the_same_moment_lose_nothing(store: BlobStore, bus: Bus) -> None:
    """Whoever was told that its bytes are stored can read them, whatever others delete meanwhile."""
    data = random.Random(4).randbytes(CHUNK + 1)

    async def client(name: str, stay: bool) -> None:
        for turn in range(6):
            holder = f"{name}.{turn}"
            blob = await store.put(bits(data), named, holder=holder)
            assert await whole(store, blob) == data
            if not stay or turn < 5:
                await store.drop(blob.name, holder)

    await asyncio.gather(*(client(str(number), number == 0) for number in range(6)))
    left = await store.find(named(hashlib.sha256(data).hexdigest()))
    assert left is not None
    assert (left.holders, await whole(store, left)) == (("0.5",), data)
    await until(lambda: _is(chunks_left(bus), 2))


async def test_an_upload_that_breaks_off_leaves_nothing(store: BlobStore, bus: Bus) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(5 * CHUNK)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(broken(), named, holder="a")
    with pytest.raises(Problem) as refused:
        await store.put(bits(bytes(3 * CHUNK)), named, holder="a", limit=2 * CHUNK)
    assert refused.value.code is Code.TOO_LARGE
    await until(lambda: _is(chunks_left(bus), 0))


async def test_a_cancelled_upload_leaves_nothing(store: BlobStore, bus: Bus) -> None:
    stuck = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(20 * CHUNK)
        stuck.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.put(slow(), named, holder="a"))
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.close()
    await until(lambda: _is(chunks_left(bus), 0))


async def test_a_blob_that_is_deleted_while_it_is_read_ends_with_an_error_and_not_with_silence(
    store: BlobStore,
) -> None:
    blob = await store.put(bits(bytes(80 * CHUNK), CHUNK), named, holder="a")
    async with aclosing(store.read(blob)) as pieces, asyncio.timeout(5):
        await anext(pieces)
        await store.drop(blob.name, "a")
        with pytest.raises(Problem) as gone:
            [_ async for _ in pieces]
    assert gone.value.code is Code.NOT_FOUND


async def test_many_readers_that_stop_midway_leave_nothing_behind(store: BlobStore) -> None:
    """Together they hold few pages that they don't need yet, and give them back."""
    data = random.Random(9).randbytes(24 * CHUNK)
    blob = await store.put(bits(data, CHUNK), named, holder="a")
    readers = [store.read(blob) for _ in range(AHEAD + 9)]
    for reader in readers:
        assert await anext(reader) == data[:CHUNK]
    assert store._ahead == AHEAD
    assert b"".join([data[:CHUNK], *[piece async for piece in readers[-1]]]) == data
    for reader in readers:
        await reader.aclose()
    assert store._ahead == 0


async def test_a_damaged_blob_is_not_given_out_as_whole(store: BlobStore, bus: Bus) -> None:
    data = random.Random(5).randbytes(2 * CHUNK)
    blob = await store.put(bits(data), named, holder="a")
    await bus.keep(chunk_subject("forged"), data[:CHUNK])
    ack = await bus.keep(chunk_subject("forged"), bytes(CHUNK))
    forged = Blob(name=blob.name, nuid="forged", size=blob.size, digest=blob.digest, chunks=2, runs=((ack.seq - 1, 2),))
    pieces = store.read(forged)
    assert await anext(pieces) == data[:CHUNK]
    with pytest.raises(Problem) as damaged:
        await anext(pieces)
    assert damaged.value.code is Code.INTERNAL


async def test_the_sweep_removes_what_a_killed_upload_left_and_nothing_else(store: BlobStore, bus: Bus) -> None:
    data = bytes(CHUNK)
    blob = await store.put(bits(data), named, holder="a")
    await bus.keep(chunk_subject("orphan"), data)
    assert await store.sweep(3600) == 0
    await until(lambda: _is(store.sweep(0.5), 1))
    assert await whole(store, blob) == data
    await until(lambda: _is(chunks_left(bus), 1))


async def test_chunks_that_came_out_of_order_are_written_anew(store: BlobStore, bus: Bus) -> None:
    """A chunk sent twice may come behind its follower: other clients would read it in the wrong place."""
    keep, late = bus.keep, 0

    async def keep_late(subject: str, payload: bytes, **more: Any) -> Any:
        nonlocal late
        if more.get("msg_id", "").endswith(".1") and not late:
            late = 1
            await asyncio.sleep(0.3)
        return await keep(subject, payload, **more)

    store.wire.keep = keep_late  # type: ignore[method-assign]
    data = random.Random(6).randbytes(4 * CHUNK)
    blob = await store.put(bits(data, CHUNK), named, holder="a")
    assert (late, len(blob.runs)) == (1, 1)
    assert await whole(store, blob) == data
    theirs = await bus.nc.jetstream().object_store(BUCKET)
    assert (await theirs.get(blob.name)).data == data


@given(st.lists(st.integers(1, 50), unique=True, min_size=1).map(sorted), st.data())
def test_every_chunk_is_found_at_its_sequence(seqs: list[int], data: st.DataObject) -> None:
    blob = Blob(name="n", nuid="x", size=10 * len(seqs), digest="", chunk=10, chunks=len(seqs), runs=runs_of(seqs))
    start = data.draw(st.integers(0, blob.size - 1))
    stop = data.draw(st.integers(start + 1, blob.size))
    plan = list(pages(blob, start, stop))
    assert [page.seq for page in plan] == [seqs[page.first] for page in plan]
    assert sum(page.chunks for page in plan) == (stop - 1) // 10 - start // 10 + 1
    assert sum(count for _, count in blob.runs) == len(seqs)


def test_the_metadata_is_what_other_clients_write() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    blob = Blob(name=named(digest), nuid="n", size=1, digest=digest, created=1_800_000_000.0, holders=("a",))
    assert b'"digest":"SHA-256=LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE="' in encode_blob(blob)
    assert b'"options":{"max_chunk_size":524288}' in encode_blob(blob)
    assert blob.name == f"t/private/2027/01/15/k/{digest}.bin"
    assert blob_name(("t", "k"), "private", 0, digest, "../etc").endswith(f"{digest}.bin")
