"""Resumable uploads: tus 1.0.0 and Content-Range, by the protocol's own words, over deaths and quarrels."""

import asyncio
import hashlib
import itertools
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from gateway_house import House, gateway_of, open_house, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from uploads_kit import begin, blobs_left, call, checksum, chunks_left, content, offset, pieces, tus

from bus.connection import Link
from bus.filing import partials_of
from gateway.app import Limits
from ops.embedded import EmbeddedNats

LIMIT = 20_000_000
DATA = random.Random(3).randbytes(1_700_003)


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False, limits=Limits(file_bytes=LIMIT)) as opened:
        yield opened


async def send(house: House, path: str, at: int, data: Any, **more: str) -> tuple[int, dict[str, str], Any]:
    return await tus(house, "PATCH", path, data, Upload_Offset=str(at), **more)


async def stored(house: House, path: str) -> dict[str, Any]:
    """The file that an upload has become."""
    status, _, view = await call(house, "GET", f"/files/{path.rpartition('/')[2]}")
    assert status == 200, view
    return dict(view)


async def test_what_the_server_can_is_told_without_a_key(house: House) -> None:
    status, headers, _ = await call(house, "OPTIONS", "/files/tus", key="")
    assert (status, headers["tus-version"], headers["tus-max-size"]) == (204, "1.0.0", str(LIMIT))
    assert headers["tus-extension"] == "creation,creation-with-upload,termination,expiration,checksum"
    assert headers["tus-checksum-algorithm"] == "sha256,sha1"


async def test_an_upload_in_pieces_of_any_size_becomes_the_file(house: House) -> None:
    path = await begin(house, len(DATA), filename="clip.mp4", filetype="video/mp4", area="public")
    at = 0
    for size in (1, 524_287, 524_288, 600_000, 3, 10**9):
        status, headers, body = await send(house, path, at, DATA[at : at + size])
        assert status == 204, body
        at = min(at + size, len(DATA))
        assert (status, headers["upload-offset"]) == (204, str(at))
        assert await offset(house, path) == at
        assert "upload-expires" in headers
    view = await stored(house, path)
    assert (view["file_name"], view["content_type"], view["area"]) == ("clip.mp4", "video/mp4", "public")
    assert (view["size"], view["sha256"]) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert await content(house, view) == DATA
    assert await blobs_left(house) == 1


async def test_the_first_piece_may_come_with_the_beginning(house: House) -> None:
    heads = {"Upload_Length": str(len(DATA)), "Content_Type": "application/offset+octet-stream"}
    status, headers, _ = await tus(house, "POST", "/files/tus", DATA[:700_000], **heads)
    assert (status, headers["upload-offset"]) == (201, "700000")
    await send(house, headers["location"], 700_000, DATA[700_000:])
    assert await content(house, await stored(house, headers["location"])) == DATA
    status, headers, _ = await tus(
        house, "POST", "/files/tus", b"%PDF-1.7 all of it", **{**heads, "Upload_Length": "18"}
    )
    assert (status, headers["upload-offset"]) == (201, "18")
    assert (await stored(house, headers["location"]))["content_type"] == "application/pdf"


async def test_a_broken_connection_keeps_what_came(house: House) -> None:
    path = await begin(house, len(DATA))

    async def breaks_off() -> AsyncIterator[bytes]:
        yield DATA[:900_001]
        await asyncio.sleep(60)

    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await send(house, path, 0, breaks_off())

    async def kept() -> bool:
        return await offset(house, path) == 900_001

    await until(kept)

    async def goes_on() -> bool:
        return (await send(house, path, 900_001, DATA[900_001:]))[0] == 204

    await until(goes_on)
    assert await content(house, await stored(house, path)) == DATA


async def test_an_upload_goes_on_after_gateway_and_nats_server_were_killed(server: EmbeddedNats) -> None:
    async with open_house(server.link, agent=False, limits=Limits(file_bytes=LIMIT)) as house:
        path = await begin(house, len(DATA), filename="a.bin")
        await send(house, path, 0, DATA[:800_000])
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)

        async def back() -> bool:
            status, headers, _ = await call(house, "HEAD", path, Tus_Resumable="1.0.0")
            return status == 200 and headers["upload-offset"] == "800000"

        await until(back, 20)
        async with gateway_of(
            server.link, house, limits=Limits(file_bytes=LIMIT)
        ) as url:  # another, which knows nothing
            house.url = url
            assert (await send(house, path, 800_000, DATA[800_000:]))[0] == 204
            view = await stored(house, path)
            assert (await content(house, view), view["sha256"]) == (DATA, hashlib.sha256(DATA).hexdigest())


async def test_two_pieces_at_once_and_a_wrong_offset_are_refused(house: House) -> None:
    path = await begin(house, len(DATA))
    go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield DATA[:600_000]
        await go.wait()
        yield DATA[600_000:]

    first = asyncio.create_task(send(house, path, 0, slow()))

    async def under_way() -> bool:
        return await offset(house, path) == 524_288

    await until(under_way)
    status, _, answer = await send(house, path, 524_288, b"x")
    assert (status, "already" in answer["error"]["message"]) == (409, True)
    assert (await tus(house, "DELETE", path))[0] == 409
    go.set()
    assert (await first)[0] == 204
    other = await begin(house, 100)
    status, _, answer = await send(house, other, 5, b"x")
    assert (status, answer["error"]["param"]) == (409, "Upload-Offset")
    assert await offset(house, other) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_piece_with_a_wrong_checksum_is_thrown_away(house: House, algorithm: str) -> None:
    path = await begin(house, len(DATA))
    assert (await send(house, path, 0, DATA[:100], Upload_Checksum=checksum(DATA[:100], algorithm)))[0] == 204
    wrong = checksum(b"something else", algorithm)
    status, _, answer = await send(house, path, 100, DATA[100:1_500_000], Upload_Checksum=wrong)
    assert (status, answer["error"]["param"]) == (460, "Upload-Checksum")
    assert await offset(house, path) == 100
    right = checksum(DATA[100:1_500_000], algorithm)
    assert (await send(house, path, 100, DATA[100:1_500_000], Upload_Checksum=right))[0] == 204
    assert (await send(house, path, 1_500_000, DATA[1_500_000:], Upload_Checksum=checksum(DATA[1_500_000:])))[0] == 204
    assert await content(house, await stored(house, path)) == DATA


async def test_an_unverified_piece_does_not_count_when_its_connection_breaks(house: House) -> None:
    path = await begin(house, len(DATA))

    async def breaks_off() -> AsyncIterator[bytes]:
        yield DATA[:1_200_000]
        await asyncio.sleep(60)

    with suppress(TimeoutError):
        async with asyncio.timeout(0.4):
            await send(house, path, 0, breaks_off(), Upload_Checksum=checksum(DATA))

    async def goes_on() -> bool:
        assert await offset(house, path) == 0
        return (await send(house, path, 0, DATA, Upload_Checksum=checksum(DATA)))[0] == 204

    await until(goes_on)
    assert await content(house, await stored(house, path)) == DATA


async def test_an_upload_thrown_away_leaves_nothing(house: House) -> None:
    path = await begin(house, len(DATA))
    await send(house, path, 0, DATA[:1_000_000])
    assert (await tus(house, "DELETE", path))[0] == 204
    assert (await tus(house, "HEAD", path))[0] == 404
    assert (await send(house, path, 1_000_000, b"x"))[0] == 404

    async def empty() -> bool:
        return await chunks_left(house) == 0

    await until(empty)


async def test_all_came_but_nobody_lived_to_make_it_a_file(house: House) -> None:
    """The state after a kill between the last byte and the record: asking for the offset ends it."""
    path = await begin(house, len(DATA))
    await send(house, path, 0, DATA)
    number = int(path.rpartition("-")[2])
    records = partials_of(house.bus)
    found = await records.get(house.key.tenant, house.key.id, number)
    assert found is not None
    await records.put(replace(found[1], done=False), found[0])
    record = f"$KV.FILES.rec.{house.key.tenant}.{house.key.id}.{number}"
    await house.bus.api("STREAM.PURGE.KV_FILES", {"filter": record})
    assert (await call(house, "GET", f"/files/file-{number}"))[0] == 404
    assert await offset(house, path) == len(DATA)
    assert await content(house, await stored(house, path)) == DATA
    assert await blobs_left(house) == 1


REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    ("no length", {}, 400, "Upload-Length"),
    ("a length that is none", {"Upload_Length": "-1"}, 400, "Upload-Length"),
    ("nothing", {"Upload_Length": "0"}, 400, "Upload-Length"),
    ("too much", {"Upload_Length": str(LIMIT + 1)}, 413, "Upload-Length"),
    ("bad metadata", {"Upload_Length": "5", "Upload_Metadata": "filename ###"}, 400, "Upload-Metadata"),
    ("bad area", {"Upload_Length": "5", "Upload_Metadata": "area eA=="}, 400, "area"),
    ("another version", {"Upload_Length": "5", "Tus_Resumable": "0.2.1"}, 412, "Tus-Resumable"),
    ("bad checksum", {"Upload_Length": "5", "Upload_Checksum": "md5 AAAA"}, 400, "Upload-Checksum"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
async def test_a_beginning_that_means_nothing_is_refused_by_name(house: House, case: Any) -> None:
    _, headers, wanted, param = case
    status, _, answer = await tus(house, "POST", "/files/tus", **headers)
    assert (status, answer["error"]["param"]) == (wanted, param), answer


async def test_pieces_that_do_not_fit_are_refused_before_they_count(house: House) -> None:
    path = await begin(house, 10)
    status, _, answer = await send(house, path, 0, b"x" * 11)
    assert (status, answer["error"]["param"]) == (413, "Upload-Length")
    assert (await send(house, path, 0, pieces(b"x" * 6, b"y" * 6)))[0] == 413
    assert await offset(house, path) in (0, 6)
    status, _, answer = await tus(house, "PATCH", path, b"x", Upload_Offset="0", Content_Type="text/plain")
    assert (status, answer["error"]["param"]) == (415, "Content-Type")
    assert (await tus(house, "PATCH", path, b"x", key="ais-nobody", Upload_Offset="0"))[0] == 401


async def test_clients_that_cannot_patch_say_so(house: House) -> None:
    path = await begin(house, 5)
    heads = {"X_HTTP_Method_Override": "PATCH", "Upload_Offset": "0", "Content_Type": "application/offset+octet-stream"}
    assert (await tus(house, "POST", path, b"hello", **heads))[0] == 204
    assert await content(house, await stored(house, path)) == b"hello"


# ---- Content-Range --------------------------------------------------------------------------------------------------


async def span(house: House, name: str, text: str, data: bytes = b"") -> tuple[int, str, Any]:
    status, headers, body = await call(house, "PUT", f"/files/{name}", data, **{"Content-Range": text})
    return status, headers.get("range", ""), body


async def test_a_put_in_ranges_becomes_the_file(house: House) -> None:
    size = len(DATA)
    assert await span(house, "a.bin", f"bytes */{size}") == (308, "", b"")
    assert await span(house, "a.bin", f"bytes 0-599999/{size}", DATA[:600_000]) == (308, "bytes=0-599999", b"")
    assert await span(house, "a.bin", f"bytes */{size}") == (308, "bytes=0-599999", b"")
    status, _, answer = await span(house, "a.bin", f"bytes 700000-{size - 1}/{size}", DATA[700_000:])
    assert (status, "byte 600000" in answer["error"]["message"]) == (409, True)
    status, _, view = await span(house, "a.bin", f"bytes 600000-{size - 1}/{size}", DATA[600_000:])
    assert (status, view["size"], view["file_name"]) == (201, size, "a.bin")
    assert await content(house, view) == DATA
    assert (await span(house, "a.bin", f"bytes */{size}"))[::2] == (200, view)


async def test_a_put_that_begins_anew_forgets_what_came_before(house: House) -> None:
    other = bytes(reversed(DATA))
    await span(house, "a.bin", f"bytes 0-599999/{len(DATA)}", DATA[:600_000])
    await span(house, "a.bin", f"bytes 0-99999/{len(DATA)}", other[:100_000])
    status, _, view = await span(house, "a.bin", f"bytes 100000-{len(DATA) - 1}/{len(DATA)}", other[100_000:])
    assert status == 201
    assert await content(house, view) == other


@pytest.mark.parametrize(
    "text", ["bytes 0-9/*", "bytes 9-0/10", "bytes 0-10/10", "0-9/10", "bytes 0-3/10", "bytes 5-9/10"]
)
async def test_a_range_that_means_nothing_is_refused_by_name(house: House, text: str) -> None:
    status, _, answer = await span(house, "a.bin", text, b"12345")
    assert (status, answer["error"]["param"]) == (400, "Content-Range")
    assert await chunks_left(house) == 0


# ---- a property -----------------------------------------------------------------------------------------------------


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 1_300_000), max_size=5), checked=st.booleans())
async def test_however_it_is_cut_the_bytes_are_the_same(house: House, cuts: list[int], checked: bool) -> None:
    data = DATA[:1_300_000]
    path = await begin(house, len(data))
    marks = sorted({*cuts, 0, len(data)})
    for start, stop in itertools.pairwise(marks):
        more = {"Upload_Checksum": checksum(data[start:stop])} if checked else {}
        assert (await send(house, path, start, data[start:stop], **more))[0] == 204
    view = await stored(house, path)
    assert view["sha256"] == hashlib.sha256(data).hexdigest()
    assert time.time() - view["created"] < 60
