"""Files over HTTP: uploads of every shape, parts of them, their owner, their end."""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from gateway_house import House, open_house, until
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.acks import ApiError, Conflict
from bus.config import new_key
from bus.connection import Bus, Link, open_bus
from bus.filing import files_of
from gateway.app import Limits
from gateway.files import About, Files, file_name, number_of
from gateway.ranges import part_of
from schemas.files import FileRecord, Listed, page_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import BlobStore, place_of

LIMIT = 3_000_000


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False, limits=Limits(file_bytes=LIMIT)) as opened:
        yield opened


def form(data: bytes = b"hello", *, name: str = "a.txt", purpose: str | None = "user_data", **more: str) -> Any:
    fields = aiohttp.FormData(quote_fields=False)
    if purpose is not None:
        fields.add_field("purpose", purpose)
    for field, value in more.items():
        fields.add_field(f"expires_after[{field}]", value)
    fields.add_field("file", data, filename=name, content_type="text/plain")
    return fields


async def send(house: House, body: Any, key: str | None = None, **headers: str) -> tuple[int, Any]:
    heads = {"Authorization": f"Bearer {key or house.secret}", **headers}
    async with house.http.post(house.url + "/v1/files", data=body, headers=heads) as reply:
        return reply.status, await reply.json()


async def content(house: House, file: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    heads = {"Authorization": f"Bearer {house.secret}", **headers}
    async with house.http.get(f"{house.url}/v1/files/{file}/content", headers=heads) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


async def blobs_left(house: House) -> int:
    return len([blob async for blob in BlobStore(house.bus, (Conflict, ApiError)).all()])


async def test_a_file_comes_back_as_it_was_sent(house: House) -> None:
    data = random.Random(1).randbytes(2_500_000)
    status, file = await send(house, form(data, name="../../päth/clip é.mp4"))
    assert (status, file["bytes"], file["filename"]) == (200, len(data), "clip é.mp4")
    assert (file["object"], file["purpose"], file["status"]) == ("file", "user_data", "processed")
    assert (await house.get(f"/v1/files/{file['id']}"))[::2] == (200, file)
    status, headers, got = await content(house, file["id"])
    assert (status, got, headers["content-type"]) == (200, data, "text/plain")
    assert headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert headers["content-disposition"].startswith("attachment;")


async def test_parts_of_a_file_and_what_the_client_has_already(house: House) -> None:
    data = random.Random(2).randbytes(1_500_000)
    _, file = await send(house, form(data))
    status, headers, got = await content(house, file["id"], Range="bytes=600000-1300000")
    assert (status, got, headers["content-range"]) == (206, data[600000:1300001], "bytes 600000-1300000/1500000")
    assert (await content(house, file["id"], Range="bytes=-10"))[::2] == (206, data[-10:])
    status, again, got = await content(house, file["id"], Range="bytes=1500000-")
    assert (status, got, again["content-range"]) == (416, b"", "bytes */1500000")
    assert (await content(house, file["id"], **{"If-None-Match": headers["etag"]}))[::2] == (304, b"")
    changed = {"Range": "bytes=0-9", "If-Range": '"other"'}
    assert (await content(house, file["id"], **changed))[::2] == (200, data)


async def test_the_purpose_may_come_behind_the_file(house: House) -> None:
    fields = aiohttp.FormData(quote_fields=False)
    fields.add_field("file", b"x" * 700_000, filename="b.bin")
    fields.add_field("purpose", "assistants")
    status, file = await send(house, fields)
    assert (status, file["purpose"], file["bytes"]) == (200, "assistants", 700_000)


BROKEN = [
    (lambda: form(purpose=None), 400, "purpose", "Missing required parameter: 'purpose'."),
    (lambda: form(purpose="fun"), 400, "purpose", "'fun' is not one of"),
    (lambda: form(b""), 400, "file", "empty"),
    (lambda: form(b"x" * (LIMIT + 1)), 413, "file", "at most 3 MB"),
    (lambda: form(seconds="10", anchor="created_at"), 400, "expires_after", "from 3600"),
    (lambda: form(seconds="3600"), 400, "expires_after", "anchor"),
    (lambda: b'{"purpose": "batch"}', 400, "file", "multipart/form-data"),
]


@pytest.mark.parametrize("case", BROKEN, ids=[f"{number}" for number in range(len(BROKEN))])
async def test_a_bad_upload_is_refused_by_name_and_leaves_nothing(house: House, case: Any) -> None:
    body, wanted, param, words = case
    status, answer = await send(house, body())
    assert (status, answer["error"]["param"]) == (wanted, param), answer
    assert words in answer["error"]["message"]
    assert await blobs_left(house) == 0
    assert (await house.get("/v1/files"))[2]["data"] == []


async def test_a_form_without_a_file_and_one_that_breaks_off(house: House) -> None:
    for body, words in (
        (b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n', "parameter: 'file'"),
        (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc', "The form is broken"),
    ):
        status, answer = await send(house, body, **{"Content-Type": "multipart/form-data; boundary=b"})
        assert (status, words in answer["error"]["message"]) == (400, True), answer
    assert await blobs_left(house) == 0


async def test_a_caller_who_hangs_up_in_the_middle_leaves_nothing(house: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(1_200_000)
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await send(house, endless(), **{"Content-Type": "multipart/form-data; boundary=b"})

    async def clean() -> bool:
        info = await house.bus.api("STREAM.INFO.OBJ_BLOBS")
        return info["state"]["messages"] == 0

    await until(clean)


async def test_files_are_listed_in_pages(house: House) -> None:
    made = [
        (await send(house, form(b"%d" % number, purpose=("batch", "vision")[number % 2])))[1] for number in range(5)
    ]
    ids = [file["id"] for file in made]
    _, _, listed = await house.get("/v1/files")
    assert ([file["id"] for file in listed["data"]], listed["has_more"]) == (ids[::-1], False)
    _, _, page = await house.get(f"/v1/files?limit=2&order=asc&after={ids[0]}")
    assert ([file["id"] for file in page["data"]], page["has_more"]) == (ids[1:3], True)
    assert (page["first_id"], page["last_id"]) == (ids[1], ids[2])
    _, _, some = await house.get("/v1/files?purpose=vision")
    assert [file["id"] for file in some["data"]] == [ids[3], ids[1]]
    for wrong in ("limit=0", "limit=x", "order=up", "after=nope"):
        assert (await house.get(f"/v1/files?{wrong}"))[0] == 400


async def test_a_deleted_file_is_gone_and_its_bytes_too(house: House) -> None:
    _, one = await send(house, form())
    _, two = await send(house, form())
    gone = await house.get(f"/v1/files/{one['id']}", method="DELETE")
    assert gone[::2] == (200, {"id": one["id"], "object": "file", "deleted": True})
    assert (await content(house, two["id"]))[::2] == (200, b"hello")
    assert (await house.get(f"/v1/files/{one['id']}", method="DELETE"))[0] == 404
    await house.get(f"/v1/files/{two['id']}", method="DELETE")
    assert await blobs_left(house) == 0


async def test_another_keys_file_is_answered_like_one_that_never_was(house: House) -> None:
    _, file = await send(house, form())
    never = f"file-{number_of(file['id'], 'file-') + 1}"
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        answers = [await house.get(f"/v1/files/{name}{path}", house.other, method) for name in (file["id"], never)]
        told = [(status, answer["error"] | {"message": ""}) for status, _, answer in answers]
        assert told[0] == told[1]
        assert answers[0][0] == 404
        assert answers[0][2]["error"]["message"].replace(file["id"], never) == answers[1][2]["error"]["message"]
    assert (await house.get("/v1/files", house.other))[2]["data"] == []
    assert (await content(house, file["id"]))[0] == 200
    for wrong in ("file-x", "123", "file-0", "file-" + "9" * 16, "batch_1"):
        assert (await house.get(f"/v1/files/{wrong}"))[0] == 404


async def test_no_key_ever_reaches_anothers_file(bus: Bus) -> None:
    """Isolation as a property: any walk of uploads, deletes and reads by many keys of several tenants."""
    files, dice = Files(bus, iter(range(1, 10_000)).__next__), random.Random(7)
    keys = [new_key("n", tenant=tenant)[1] for tenant in ("one", "one", "two", "two")]
    owned: dict[str, set[int]] = {key.id: set() for key in keys}
    for _ in range(150):
        key = dice.choice(keys)
        everything = sorted(set().union(*owned.values()))
        if dice.random() < 0.5 or not everything:
            record = await _made(files, key, dice.choice([b"same", dice.randbytes(9)]))
            owned[key.id].add(record.id)
        else:
            number = dice.choice(everything)
            await _touched(files, key, number, number in owned[key.id], dice.random() < 0.5)
            owned[key.id] -= set() if await _there(files, key, number) else {number}
    for key in keys:
        assert {record.id for record in await files.of(key)} == owned[key.id]
        for record in await files.of(key):
            blob = await files.blob(record)
            place = place_of(blob.name)
            assert place is not None
            assert (place.tenant, place.area, place.key) == (key.tenant, "private", key.id)


async def _made(files: Files, key: ApiKey, data: bytes) -> FileRecord:
    async def source() -> AsyncIterator[bytes]:
        yield data

    about, owner = About(id=files.new_id(), purpose="vision"), (key.tenant, key.id)
    return await files.enter(owner, about, await files.store(owner, source(), about))


async def _there(files: Files, key: ApiKey, number: int) -> bool:
    return await files.records.get(key.tenant, key.id, number) is not None


async def _touched(files: Files, key: ApiKey, number: int, mine: bool, delete: bool) -> None:
    name = f"file-{number}"
    if mine:
        assert (await files.blob(await files.get(key, name))).size
        return await files.delete(key, name) if delete else None
    for ask in (files.get, files.delete):
        with pytest.raises(Problem) as refused:
            await ask(key, name)
        assert refused.value.code is Code.NOT_FOUND
    return None


async def test_a_file_that_lapsed_is_gone_and_the_sweep_removes_its_bytes(house: House, nats: Link) -> None:
    _, file = await send(house, form(anchor="created_at", seconds="3600"))
    assert file["expires_at"] == file["created_at"] + 3600
    async with open_bus(nats, "time") as bus:
        records = files_of(bus)
        ((revision, record),) = await records.all()
        await records.put(replace(record, expires=time.time() - 1), revision)
        assert (await house.get(f"/v1/files/{file['id']}"))[0] == 404
        assert (await house.get("/v1/files"))[2]["data"] == []
        await Files(bus, lambda: 0).sweep()
        assert (await blobs_left(house), await records.all()) == (0, [])


async def test_the_sweep_leaves_what_is_in_use(house: House) -> None:
    _, file = await send(house, form())
    files = Files(house.bus, lambda: 0)
    await files.sweep(grace=0)
    assert (await content(house, file["id"]))[::2] == (200, b"hello")


async def test_a_batch_file_lapses_after_thirty_days_by_itself(house: House) -> None:
    _, file = await send(house, form(purpose="batch"))
    assert file["expires_at"] - file["created_at"] == 30 * 86400


async def test_the_files_routes_are_described(house: House) -> None:
    _, _, document = await house.get("/openapi")
    assert {"/v1/files", "/v1/batches"} <= set(document["paths"])


@given(st.integers(0, 30), st.text("bytes=-0123456789, ", max_size=14))
def test_a_range_is_inside_the_file_or_refused(size: int, header: str) -> None:
    part = part_of({"range": header}, size, '"e"')
    assert part.status in (200, 206, 416)
    assert 0 <= part.start <= part.stop <= size
    if part.status == 206:
        assert part.start < part.stop


@given(st.text(max_size=40))
def test_a_file_name_is_a_name_and_nothing_else(said: str) -> None:
    name = file_name(said)
    assert 0 < len(name) <= 255
    assert not set(name) & set('/\\"\r\n\0')
    assert name not in (".", "..")


@given(st.lists(st.integers(1, 60), unique=True).map(sorted), st.integers(1, 7), st.booleans())
def test_pages_together_are_the_list(numbers: list[int], limit: int, descending: bool) -> None:
    records = [FileRecord(id=n, tenant="", key="", filename="", purpose="", size=0, blob="", digest="",
                          content_type="", created=0) for n in numbers]  # fmt: skip
    seen: list[int] = []
    more, after = True, 0
    while more:
        page, more = page_of(records, limit, after, descending)
        seen += [one.id for one in page]
        after = seen[-1] if seen else 0
    assert seen == (numbers[::-1] if descending else numbers)
    assert Listed(data=[]).has_more is False
