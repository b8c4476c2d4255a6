"""The file area `/files`: storing, finding, linking, deleting, and how much a key may store."""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_house import House, open_house, until
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from uploads_kit import begin, blobs_left, call, chunks_left, content, form, pieces, put, tus

from bus.config import new_key
from bus.connection import Link
from gateway.app import Limits
from gateway.area import life_of
from gateway.links import Links
from gateway.parts import FileRules
from gateway.quota import Quota
from ops.commands.keys import size_of
from schemas.problem import Problem

LIMIT = 3_000_000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False, limits=Limits(file_bytes=LIMIT)) as opened:
        yield opened


async def limited(house: House, storage: int) -> str:
    """A key that may store so many bytes."""
    raw, key = new_key("small")
    await house.config.put_key(replace(key, storage_bytes=storage))
    return raw


# ---- in -------------------------------------------------------------------------------------------------------------


async def test_a_file_put_as_it_is_comes_back_with_its_facts(house: House) -> None:
    data = random.Random(1).randbytes(1_300_000)
    status, _, view = await call(
        house, "PUT", "/files/caf%C3%A9.dat?expires_after=2h", data, Content_Type="application/x-own"
    )
    assert status == 201
    assert (view["file_name"], view["content_type"], view["size"]) == ("café.dat", "application/x-own", len(data))
    assert (view["sha256"], view["area"], view["purpose"]) == (hashlib.sha256(data).hexdigest(), "private", "upload")
    assert view["expires"] == pytest.approx(view["created"] + 7200, abs=0.01)
    assert await content(house, view) == data
    assert (await call(house, "GET", f"/files/{view['id']}"))[2] == view
    status, headers, _ = await call(house, "HEAD", f"/files/{view['id']}/content")
    assert (status, headers["content-length"], headers["etag"]) == (200, str(len(data)), f'"{view["sha256"]}"')
    status, headers, part = await call(house, "GET", f"/files/{view['id']}/content?download=1", Range="bytes=10-19")
    assert (status, part, "caf" in headers["content-disposition"]) == (206, data[10:20], True)
    assert (await call(house, "GET", view["url"]))[::2] == (200, data)


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [("a", PNG, "image/png"), ("a.png", b"text", "text/plain"), ("a.csv", b"1,2", "text/csv"),
     ("a.png", bytes(9), "application/octet-stream"), ("w.json", b"{}", "application/json")],
)  # fmt: skip
async def test_the_type_is_told_from_the_bytes_where_nobody_says_it(
    house: House, name: str, data: bytes, wanted: str
) -> None:
    assert (await put(house, data, name))["content_type"] == wanted
    _, _, view = await call(house, "POST", f"/files?name={name}", data, Content_Type="application/octet-stream")
    assert view["content_type"] == wanted


async def test_several_files_of_a_form_are_stored_together(house: House) -> None:
    status, _, answer = await call(house, "POST", "/files", form(("a.txt", b"one"), ("b.png", PNG), area="public"))
    assert (status, [one["file_name"] for one in answer["data"]]) == (201, ["a.txt", "b.png"])
    assert {one["area"] for one in answer["data"]} == {"public"}
    status, _, data = await call(house, "GET", answer["data"][1]["url"], key="")
    assert (status, data) == (200, PNG)
    status, _, one = await call(house, "POST", "/files", form(("c.txt", b"alone")))
    assert (status, one["file_name"], one["area"]) == (201, "c.txt", "private")
    assert (await call(house, "GET", one["url"], key=""))[0] == 401


REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("nothing in it", "PUT /files/a", b"", 400, "file"),
    ("too large", "PUT /files/a", bytes(LIMIT + 1), 413, "file"),
    ("too large, and it does not say so", "PUT /files/a", pieces(bytes(LIMIT), b"12"), 413, "file"),
    ("no such area", "PUT /files/a?area=secret", b"x", 400, "area"),
    ("no such time", "PUT /files/a?expires_after=soon", b"x", 400, "expires_after"),
    ("no name", "POST /files", b"x", 400, "name"),
    ("one of two is empty", "POST /files", lambda: form(("a", b"good" * 300_000), ("b", b"")), 400, "file"),
    ("no file", "POST /files", lambda: form(area="public"), 400, "file"),
    ("a field nobody knows", "POST /files", lambda: form(("a", b"x"), arena="public"), 400, "arena"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
async def test_a_bad_upload_is_refused_by_name_and_leaves_nothing(house: House, case: Any) -> None:
    _, where, body, wanted, param = case
    method, path = where.split()
    status, _, answer = await call(house, method, path, body() if callable(body) else body)
    assert (status, answer["error"]["param"]) == (wanted, param), answer

    async def clean() -> bool:
        return await chunks_left(house) == 0

    await until(clean)
    assert (await call(house, "GET", "/files"))[2]["data"] == []


async def test_a_field_behind_the_files_is_refused_as_it_came_too_late(house: House) -> None:
    late = form(("a", b"x"))
    late.add_field("area", "public")
    status, _, answer = await call(house, "POST", "/files", late)
    assert (status, answer["error"]["param"], await blobs_left(house)) == (400, "area", 0)


# ---- out ------------------------------------------------------------------------------------------------------------


async def test_files_are_listed_newest_first_and_by_what_they_are(house: House) -> None:
    made = [
        await put(house, b"%d" % n, f"{'ab'[n % 2]}{n}.txt", query="?area=public" if n > 2 else "") for n in range(5)
    ]
    ids = [one["id"] for one in made]

    async def listed(query: str) -> list[str]:
        _, _, answer = await call(house, "GET", f"/files?{query}")
        return [one["id"] for one in answer["data"]]

    assert await listed("") == ids[::-1]
    assert await listed("area=public") == [ids[4], ids[3]]
    assert await listed("prefix=a") == [ids[4], ids[2], ids[0]]
    assert await listed("prefix=/artifacts/private/") == ids[2::-1]
    assert await listed("purpose=artifact") == []
    _, _, page = await call(house, "GET", f"/files?limit=2&after={ids[4]}")
    assert (page["data"], page["has_more"], page["last_id"]) == ([made[3], made[2]], True, ids[2])
    for wrong, param in (("limit=0", None), ("after=x", "after")):
        status, _, answer = await call(house, "GET", f"/files?{wrong}")
        assert (status, answer["error"]["param"]) == (400, param)


async def test_an_admin_sees_and_deletes_what_is_others(house: House) -> None:
    view = await put(house, b"mine", key=house.other)
    raw, boss = new_key("boss", ("admin",))
    await house.config.put_key(boss)
    owner = next(key.id for key in house.config.keys.values() if key.name == "other")
    assert (await call(house, "GET", f"/files?key={owner}", key=raw))[2]["data"] == [view]
    assert (await call(house, "GET", f"/files?key={owner}"))[0] == 403
    assert await content(house, view, raw) == b"mine"
    assert (await call(house, "DELETE", f"/files/{view['id']}", key=raw))[0] == 200
    assert await blobs_left(house) == 0


async def test_many_files_are_deleted_at_once_and_each_is_accounted_for(house: House) -> None:
    one, two, three = [await put(house, b"%d" % n) for n in range(3)]
    others = await put(house, b"others", key=house.other)
    body = {"ids": [one["id"], others["id"], "nonsense"], "paths": [two["url"], others["url"], "/artifacts/../x"]}
    status, _, told = await call(house, "POST", "/files/delete", body)
    assert (status, told["deleted"], told["failed"]) == (200, [one["id"], two["url"]], [])
    assert told["missing"] == [others["id"], "nonsense", others["url"], "/artifacts/../x"]
    assert (await call(house, "DELETE", f"/files?path={three['url']}"))[0] == 200
    assert (await call(house, "GET", "/files"))[2]["data"] == []
    assert await content(house, others, house.other) == b"others"
    for wrong in ({}, {"ids": "file-1"}, {"ids": ["x"] * 1001}, {"files": []}):
        assert (await call(house, "POST", "/files/delete", wrong))[0] == 400


# ---- links ----------------------------------------------------------------------------------------------------------


async def test_a_link_is_good_for_its_file_and_its_time_alone(house: House) -> None:
    view, other = await put(house, b"secret", "s.txt"), await put(house, b"other")
    status, _, link = await call(house, "POST", f"/files/{view['id']}/link", {"expires_in": 60, "download": True})
    assert (status, 58 < link["expires"] - time.time() <= 60) == (200, True)
    status, headers, data = await call(house, "GET", link["url"], key="")
    assert (status, data, "s.txt" in headers["content-disposition"]) == (200, b"secret", True)
    query = link["url"].partition("?")[2]
    for forged in (
        f"{other['url']}?{query}",
        link["url"].replace("download=1&", ""),
        link["url"].replace(str(link["expires"]), str(link["expires"] + 1)),
        link["url"][:-2] + ("AA" if not link["url"].endswith("AA") else "BB"),
        f"{link['url']}&x=1",
        f"{view['url']}?signature=x",
    ):
        status, _, answer = await call(house, "GET", forged, key="")
        assert (status, "expired, or was changed" in answer["error"]["message"]) == (403, True), forged
    await call(house, "DELETE", f"/files/{view['id']}")
    assert (await call(house, "GET", link["url"], key=""))[0] == 404


async def test_all_gateways_agree_on_a_link(house: House) -> None:
    first, second = Links(), Links()
    await asyncio.gather(first.start(house.bus), second.start(house.bus))
    path, _, query = first.sign("/artifacts/x", 2_000_000_000).partition("?")
    assert second.check(path, query.encode(), 1_999_999_999.0)
    assert not second.check(path, query.encode(), 2_000_000_000.0)
    assert not Links(b"other").check(path, query.encode(), 0.0)


async def test_a_link_that_makes_no_sense_is_refused_by_name(house: House) -> None:
    view = await put(house, b"x")
    for body, param in (({"expires_in": 0}, "expires_in"), ({"expires_in": 10**9}, "expires_in"), ({"for": 1}, None)):
        status, _, answer = await call(house, "POST", f"/files/{view['id']}/link", body)
        assert (status, answer["error"]["param"]) == (400, param), answer
    lapses = await put(house, b"x", query="?expires_after=60")
    _, _, link = await call(house, "POST", f"/files/{lapses['id']}/link", {"expires_in": 86400})
    assert link["expires"] <= lapses["expires"]


@given(st.text(max_size=20), st.integers(1, 10**11), st.booleans(), st.binary(max_size=90))
def test_no_query_but_the_signed_one_passes(path: str, expires: int, download: bool, other: bytes) -> None:
    links = Links(b"secret")
    query = links.sign(path, expires, download)[len(path) + 1 :].encode()
    assert links.check(path, query, expires - 1.0)
    assert not links.check(path, query, float(expires))
    assert other == query or not links.check(path, other, 0.0)
    assert not links.check(path + "x", query, 0.0)


# ---- how much -------------------------------------------------------------------------------------------------------


async def test_what_is_over_the_quota_is_refused_and_leaves_nothing(house: House) -> None:
    key = await limited(house, 1_000_000)
    view = await put(house, bytes(600_000), key=key)
    used = {"used": 600_000, "quota": 1_000_000, "files": 1}
    assert (await call(house, "GET", "/files/usage", key=key))[2] == used
    before = await chunks_left(house)
    bodies: list[tuple[str, str, Any]] = [
        ("PUT", "/files/b", bytes(400_001)),
        ("PUT", "/files/b", pieces(bytes(300_000), bytes(300_000))),
        ("POST", "/files", form(("b", bytes(400_001)))),
        ("POST", "/v1/files", form(("b", bytes(400_001)), purpose="user_data")),
    ]
    for method, path, body in bodies:
        status, _, answer = await call(house, method, path, body, key)
        assert (status, "1,000,000" in answer["error"]["message"]) == (413, True), answer
        assert answer["error"]["param"] == "file"
    status, _, answer = await tus(house, "POST", key=key, Upload_Length="400001")
    assert (status, "400,000" in answer["error"]["message"]) == (413, True)

    async def as_before() -> bool:
        return await chunks_left(house) == before

    await until(as_before)
    assert (await call(house, "GET", "/files/usage", key=key))[2] == used
    await put(house, bytes(400_000), key=key)
    await call(house, "DELETE", f"/files/{view['id']}", key=key)
    await put(house, bytes(599_999), key=key)


async def test_what_says_its_length_is_refused_before_a_byte_is_read(house: House) -> None:
    key = await limited(house, 1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
    writer.write(f"PUT /files/a HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nContent-Length: 2900000\r\n\r\n".encode())
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


async def test_an_upload_under_way_holds_its_place(house: House) -> None:
    key = await limited(house, 1000)
    path = await begin(house, 700, key)
    status, _, answer = await call(house, "PUT", "/files/a", b"x" * 301, key)
    assert (status, "only" not in answer["error"]["message"]) == (413, True)
    await put(house, b"x" * 300, key=key)
    await tus(house, "DELETE", path, key=key)
    await put(house, b"y" * 700, key=key)


async def test_uploads_at_once_never_pass_the_quota_together(house: House) -> None:
    key = await limited(house, 1_000_000)
    sizes = [random.Random(n).randrange(50_000, 300_000) for n in range(14)]

    async def one(number: int, size: int) -> int:
        body: Any = bytes([number]) * size
        if number % 2:
            body = pieces(body[: size // 2], body[size // 2 :])
        return size if (await call(house, "PUT", f"/files/{number}", body, key))[0] == 201 else 0

    stored = sum(await asyncio.gather(*(one(number, size) for number, size in enumerate(sizes))))
    usage = (await call(house, "GET", "/files/usage", key=key))[2]
    assert usage["used"] == stored <= 1_000_000
    left = 1_000_000 - stored
    await put(house, b"z" * left, key=key)
    assert (await call(house, "PUT", "/files/more", b"z", key))[0] == 413


async def test_two_gateways_count_the_same(house: House, nats: Link) -> None:
    raw = await limited(house, 1000)
    key = house.config.find_key(raw)
    assert key is not None
    one, two = Quota(house.bus), Quota(house.bus)
    assert await one.reserve(key, 1, 600, 600) == 600
    with pytest.raises(Problem):
        await two.reserve(key, 2, 600, 600)
    assert await two.reserve(key, 3, 1, 600) == 400
    await one.release(key, 1)
    assert await two.reserve(key, 3, 600, 600) == 600


async def test_a_quota_of_the_settings_holds_for_keys_without_their_own(house: House) -> None:
    key = house.key
    assert Quota(house.bus, FileRules(quota_bytes=5000)).limit(key) == 5000
    assert Quota(house.bus, FileRules(quota_bytes=5000)).limit(replace(key, storage_bytes=7)) == 7
    assert (await call(house, "GET", "/files/usage"))[2] == {"used": 0, "quota": None, "files": 0}


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("512MiB", 512 * 2**20), ("1.5k", 1500), ("0", 0), ("70 b", 70)]
)
def test_a_size_as_people_write_it(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "-1", "5 apples", "GB", "1e9"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(Problem):
        size_of(text)


@given(st.text("0123456789smhd ", max_size=8))
def test_a_life_is_within_bounds_or_refused(text: str) -> None:
    try:
        seconds = life_of(text)
    except Problem:
        seconds = 0.0
    assert seconds == 0 or 60 <= seconds <= 3.2e8
