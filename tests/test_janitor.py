"""The janitor: what is over goes, what somebody still needs stays, and one gateway at a time decides."""

import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_house import House, open_house
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from uploads_kit import begin, blobs_left, call, chunks_left, content, put, tus

from bus.connection import Bus, Link
from bus.filing import files_of, partials_of
from bus.jobs import Jobs
from gateway.files import Files
from gateway.janitor import Janitor, due, surplus
from gateway.partials import Partials
from gateway.parts import FileRules
from gateway.quota import Quota
from schemas.files import FileRecord
from schemas.job import Job, Record, State
from storage.objects import CHUNK, chunk_subject

NOW = time.time()
DAY = 86400.0


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False) as opened:
        yield opened


def janitor(bus: Bus, **rules: Any) -> Janitor:
    files = Files(bus, lambda: 0)
    return Janitor(files, Partials(files, Quota(bus)), Jobs(bus), FileRules(**rules))


async def aged(house: House, view: dict[str, Any], days: float, **fields: Any) -> None:
    """Make a file's record say that it is so old, and what else it is."""
    records = files_of(house.bus)
    found = await records.numbered(int(view["id"].partition("-")[2]))
    assert found is not None
    await records.put(replace(found[1], created=time.time() - days * DAY, **fields), found[0])


async def there(house: House, view: dict[str, Any]) -> bool:
    return (await call(house, "GET", f"/files/{view['id']}"))[0] == 200


async def test_artifacts_and_inputs_go_when_they_are_old_and_uploads_stay(house: House) -> None:
    old, young, asked, mine = [await put(house, b"%d" % n) for n in range(4)]
    await aged(house, old, 31, purpose="artifact")
    await aged(house, young, 29, purpose="artifact")
    await aged(house, asked, 4, purpose="input")
    await aged(house, mine, 4000)
    gone = await janitor(house.bus, artifact_days=30).round(time.time())
    assert (gone["artifact"], gone["input"]) == (1, 1)
    assert [await there(house, one) for one in (old, young, asked, mine)] == [False, True, False, True]
    assert await blobs_left(house) == 2


async def test_what_has_lapsed_goes_with_its_bytes(house: House) -> None:
    await put(house, b"x", query="?expires_after=60")
    keeper = janitor(house.bus)
    assert not (await keeper.round(time.time()))["lapsed"]
    assert (await keeper.round(time.time() + 61))["lapsed"] == 1
    assert await blobs_left(house) == 0


async def test_what_a_live_job_still_reads_is_spared_until_it_has_ended(house: House) -> None:
    view, jobs = await put(house, b"input"), Jobs(house.bus)
    job = Job(
        id=77, op="chat", model="m", tenant=house.key.tenant, key=house.key.id, created=NOW, deadline=NOW + 60, body=b""
    )
    accepted, _ = await jobs.create(job)
    await aged(house, view, 9, purpose="input", job=77, expires=NOW - 5)
    keeper = janitor(house.bus)
    assert not +(await keeper.round(time.time()))
    assert await blobs_left(house) == 1
    assert await jobs.commit(Record(job=accepted, state=State.DONE, result=b"{}"))
    assert (await keeper.round(time.time()))["lapsed"] == 1
    assert await blobs_left(house) == 0


async def test_what_a_queued_job_names_is_spared_whosever_it_is(house: House) -> None:
    view = await put(house, b"an older picture")
    await aged(house, view, 9, purpose="artifact")
    blob = (await Files(house.bus, lambda: 0).of(house.key))[0].blob
    body = b'{"image": {"blob": "' + blob.encode() + b'"}}'
    job = Job(id=78, op="chat", model="m", tenant="default", key="k", created=NOW, deadline=NOW + 60, body=body)
    await Jobs(house.bus).enqueue(job, "nobody")
    keeper = janitor(house.bus, artifact_days=1)
    assert not +(await keeper.round(time.time()))
    await house.bus.api("STREAM.PURGE.WORK")
    assert (await keeper.round(time.time()))["artifact"] == 1


async def test_what_an_unfinished_batch_reads_is_spared(house: House) -> None:
    view = await put(house, b"rows")
    await aged(house, view, 9, purpose="artifact")
    files = Files(house.bus, lambda: 0)
    record = (await files.of(house.key))[0]
    await files.blobs.hold(record.blob, "batch_5")
    keeper = janitor(house.bus, artifact_days=1, total_bytes=1)
    assert not +(await keeper.round(time.time()))
    await files.blobs.drop(record.blob, "batch_5")
    assert (await keeper.round(time.time()))["artifact"] == 1


async def test_over_the_total_the_oldest_artifacts_go_and_nothing_else(house: House) -> None:
    views = [await put(house, bytes([n]) * 1000) for n in range(5)]
    for age, view in enumerate(reversed(views[1:]), 1):
        await aged(house, view, age, purpose="artifact")
    assert (await janitor(house.bus, total_bytes=2500).round(time.time()))["surplus"] == 3
    assert [await there(house, one) for one in views] == [True, False, False, False, True]


async def test_an_upload_that_lapsed_is_removed_with_its_chunks_and_one_under_way_is_not(house: House) -> None:
    data = random.Random(1).randbytes(3 * CHUNK)
    left, going = await begin(house, len(data)), await begin(house, len(data))
    for path in (left, going):
        await tus(house, "PATCH", path, data[: CHUNK + 100], Upload_Offset="0")
    records = partials_of(house.bus)
    found = await records.get(house.key.tenant, house.key.id, int(left.rpartition("-")[2]))
    assert found is not None
    await records.put(replace(found[1], expires=time.time() - 1), found[0])
    assert (await tus(house, "HEAD", left))[0] == 404
    keeper = janitor(house.bus)
    assert (await keeper.round(time.time()))["upload"] == 1
    assert [record.id for _, record in await records.all()] == [int(going.rpartition("-")[2])]
    needed, _ = await keeper.partials.sweep(time.time())
    await keeper.files.sweep(grace=0, needed=needed)
    await tus(house, "PATCH", going, data[CHUNK + 100 :], Upload_Offset=str(CHUNK + 100))
    view = (await call(house, "GET", f"/files/{going.rpartition('/')[2]}"))[2]
    assert await content(house, view) == data


async def test_chunks_that_nobody_knows_are_removed(house: House) -> None:
    await house.bus.keep(chunk_subject("feed"), b"left by a killed process")
    files = Files(house.bus, lambda: 0)
    assert (await files.sweep(), await chunks_left(house)) == (0, 1)
    assert await files.sweep(grace=-5) == 1


async def test_one_gateway_leads_and_another_takes_over(house: House) -> None:
    one, two = janitor(house.bus), janitor(house.bus)
    held = janitor(house.bus)._lease
    await held.bus.api("STREAM.PURGE.KV_LEASES")
    assert (await one._lease.hold(), await two._lease.hold(), await one._lease.hold()) == (True, False, True)
    await one._lease.drop()
    assert await two._lease.hold()


def record(number: int, **fields: Any) -> FileRecord:
    base: dict[str, Any] = {
        "id": number, "tenant": "t", "key": "k", "filename": "", "purpose": "artifact", "size": 10, "blob": f"b{number}",
        "digest": "", "content_type": "", "created": float(number),
    }  # fmt: skip
    return FileRecord(**{**base, **fields})


def test_what_is_due_and_why() -> None:
    rules = FileRules(artifact_days=1, input_hours=1)
    assert due(record(1, created=0), DAY + 1, rules) == "artifact"
    assert due(record(1, created=0), DAY + 1, FileRules()) == ""
    assert due(record(1, created=0, purpose="input"), 3601, rules) == "input"
    assert due(record(1, created=0, purpose="upload"), 1e9, rules) == ""
    assert due(record(1, created=0, purpose="upload", expires=5.0), 5, rules) == "lapsed"


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["artifact", "upload", "input"]), st.integers(0, 4)), max_size=12
    ),
    st.integers(1, 60),
)
def test_no_more_goes_than_must_and_only_the_oldest(rows: list[tuple[int, str, int]], total: int) -> None:
    files = [record(n, created=float(at), purpose=why, blob=f"b{blob}") for n, (at, why, blob) in enumerate(rows)]
    going = surplus(files, total)
    left = [one for one in files if one not in going]

    def size(some: list[FileRecord]) -> int:
        return 10 * len({one.blob for one in some})

    assert {one.purpose for one in going} <= {"artifact"}
    assert size(left) <= total or not any(one.purpose == "artifact" for one in left)
    if going:
        assert size([*left, going[-1]]) > total
        assert all(
            (one.created, one.id) < (kept.created, kept.id)
            for one in going
            for kept in left
            if kept.purpose == "artifact"
        )
    assert surplus(files, 0) == []
