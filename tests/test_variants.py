"""`/variants/…` over HTTP, with a real image agent behind it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_house import gateway_of, until
from hypothesis import given
from hypothesis import strategies as st
from image_kit import moving, picture, png_header, read, svg
from variant_house import Site, open_site

from agents._pixels import kind_of
from bus.connection import Link
from gateway.links import Links
from gateway.parts import FileRules
from gateway.variant_memory import Memory
from gateway.variant_options import address_in, negotiated, wish_of
from schemas.files import PRIVATE, PUBLIC
from schemas.problem import Code, Problem

DAY = "2026/11/23/k1"
NOTHING = f"/artifacts/{DAY}/{'0' * 64}.jpg"
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.fixture
async def site(nats: Link) -> AsyncIterator[Site]:
    async with open_site(nats, "image") as opened:
        yield opened


# ---- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "param"),
    [("size=3", "size"), ("width", "width"), ("width=0", "width"), ("width=4097", "width"), ("width=-1", "width"),
     ("width=1e3", "width"), ("width=５", "width"), ("quality=80", "width"), ("format=webp", "width"),
     ("width=1,width=1", "width"),
     ("height=9,fit=stretch", "fit"), ("width=9,format=gif", "format"), ("width=9,quality=0", "quality"),
     ("width=9,quality=101", "quality"), ("width=9,", ""), ("", ""), ("=9", "=9"), ("width=99999999999999999999", "width")],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused_by_name(options: str, param: str) -> None:
    with pytest.raises(Problem) as caught:
        wish_of(options)
    assert (caught.value.code, caught.value.fault.param) == (Code.INVALID_REQUEST, param)


@given(st.permutations(["width=512", "height=256", "fit=cover", "format=webp", "quality=80"]))
def test_every_spelling_of_a_wish_is_the_same_variant(words: list[str]) -> None:
    assert wish_of(",".join(words)) == wish_of("height=256, width=512,format=webp")


def test_both_sides_are_a_size_to_be_filled_and_one_keeps_the_aspect() -> None:
    assert wish_of("width=5,height=6").fit == "cover"
    assert wish_of("width=5,height=6,fit=inside").fit == "inside"
    assert wish_of("width=5").fit == wish_of("height=5,fit=fill").fit == "inside"
    assert wish_of("width=5,format=jpg").format == "jpeg"


@pytest.mark.parametrize(
    ("accept", "format"),
    [(BROWSER, "avif"), ("image/webp,*/*", "webp"), ("*/*", "jpeg"), ("", "jpeg"), ("image/avif;q=0,image/webp", "webp"),
     ("IMAGE/WEBP;q=0.5", "webp"), ("text/html", "jpeg"), ("image/avif;q=0.001", "avif"), (";;;,,=\x00", "jpeg")],
)  # fmt: skip
def test_the_callers_accept_decides_the_format(accept: str, format: str) -> None:  # noqa: A002
    assert negotiated(accept) == format


@given(st.text(max_size=60), st.text(max_size=120))
def test_an_address_names_a_source_or_is_refused(options: str, rest: str) -> None:
    with pytest.raises(Problem) as caught:
        address_in(f"/variants/{options}/{rest}")
    assert caught.value.code in (Code.INVALID_REQUEST, Code.NOT_FOUND)


def test_memory_holds_no_more_than_its_room_and_forgets_the_oldest() -> None:
    memory = Memory(100)
    for number in range(10):
        memory.put("a", str(number), bytes(30))
        memory.get("a", "0")
    assert [n for n in range(10) if memory.get("a", str(n))] == [0, 8, 9]
    memory.put("a", "0", bytes(101))
    assert memory.get("a", "0") is None
    memory.put("b", "1", bytes(100))
    memory.drop("b")
    memory.put("c", "1", bytes(100))
    assert memory.get("c", "1")
    assert memory.get("b", "1") is None


# ---- pictures ----------------------------------------------------------------------------------------------------------


async def test_a_variant_has_the_size_that_was_asked_for(site: Site) -> None:
    _, address = await site.put(picture("jpg", 800, 400))
    for options, size in {
        "width=50": (50, 25),
        "height=50": (100, 50),
        "width=30,height=30": (30, 30),
        "width=30,height=30,fit=inside": (30, 15),
        "width=30,height=60,fit=contain": (30, 60),
        "width=30,height=60,fit=fill": (30, 60),
        "height=40%2Cwidth%3D40": (40, 40),
    }.items():
        for kind in ("webp", "avif", "jpeg", "png"):
            status, headers, body = await site.get(address, f"{options},format={kind}")
            assert (status, headers["content-type"]) == (200, f"image/{kind}")
            assert (read(body).width, read(body).height) == size
            assert "vary" not in headers


async def test_the_answer_says_how_long_it_may_be_kept_and_by_whom(site: Site) -> None:
    _, address = await site.put(picture("png", 200, 100), "image/png", name="a.png")
    status, headers, body = await site.get(address, Accept=BROWSER)
    assert (status, kind_of(body)) == (200, "avif")
    assert headers["vary"] == "accept"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"
    _, other, _ = await site.get(address)
    assert (other["content-type"], other["vary"]) == ("image/jpeg", "accept")
    assert other["etag"] != headers["etag"]
    for accept in (BROWSER, "image/avif"):
        status, told, body = await site.get(address, Accept=accept, If_None_Match=f'W/"x", {headers["etag"]}')
        assert (status, body, told["etag"]) == (304, b"", headers["etag"])
    status, told, body = await site.get(address, method="HEAD", Accept=BROWSER)
    assert (status, body, told["content-length"]) == (200, b"", headers["content-length"])
    assert (await site.get(address, method="POST"))[0] == 405
    assert (await site.get(address, method="OPTIONS"))[0] == 204


async def test_a_moving_picture_moves_as_webp_and_a_drawing_is_drawn(site: Site) -> None:
    _, address = await site.put(moving("gif"), "image/gif", name="a.gif")
    _, _, body = await site.get(address, "width=20,format=webp")
    assert (read(body).width, read(body).get("n-pages")) == (20, 5)
    _, address = await site.put(svg(200, 100), "image/svg+xml", name="a.svg")
    _, _, body = await site.get(address, "width=20,format=png")
    assert (read(body).width, read(body).height) == (20, 10)


async def test_many_who_ask_at_once_are_served_by_one_job_and_it_is_in_no_log(site: Site) -> None:
    _, address = await site.put(picture("jpg", 900, 900))
    answers = await asyncio.gather(*(site.get(address, "width=33") for _ in range(25)))
    assert {status for status, _, _ in answers} == {200}
    assert len({body for _, _, body in answers}) == 1
    await site.get(address, "width=33")
    assert site.jobs == ["image"]
    assert site.house.rows == []


async def test_a_caller_who_hangs_up_takes_nothing_from_the_others(site: Site) -> None:
    _, address = await site.put(picture("jpg", 3000, 3000))
    tasks = [asyncio.create_task(site.get(address, "width=700,format=avif")) for _ in range(3)]
    await until(lambda: site.jobs)
    tasks[0].cancel()
    assert [(await task)[0] for task in tasks[1:]] == [200, 200]
    assert site.jobs == ["image"]


async def test_another_gateway_finds_what_was_made_and_makes_nothing(site: Site, nats: Link) -> None:
    _, address = await site.put(picture("jpg", 900, 900))
    first = await site.get(address)
    await until(lambda: _kept(site))
    house, bus = site.house, site.house.bus
    async with gateway_of(nats, house) as url:
        second = await site.get(address, url=url)
        house.bus = bus
    assert second[2] == first[2]
    assert second[1]["etag"] == first[1]["etag"]
    assert site.jobs == ["image"]


async def _kept(site: Site) -> int:
    state = (await site.house.bus.api("STREAM.INFO.KV_VARIANTS"))["state"]
    return int(state["messages"])


# ---- who may read ------------------------------------------------------------------------------------------------------


async def test_a_private_files_variants_are_its_owners_or_a_signed_links(site: Site) -> None:
    _, address = await site.put(picture(), area=PRIVATE)
    house = site.house
    status, headers, body = await site.get(address, X_Api_Key=house.secret)
    assert status == 200
    assert headers["cache-control"].startswith("private")
    assert "access-control-allow-origin" not in headers
    assert (await site.get(address))[0] == 401
    assert (await site.get(address, X_Api_Key=house.other))[0] == 404
    assert (await site.get(address, X_Api_Key="wrong"))[0] == 401
    links = Links()
    await links.start(house.bus)
    signed = links.sign(address, 4_000_000_000)
    assert (await site.get(signed))[0] == 200
    assert (await site.get(signed))[2] == body
    assert (await site.get(links.sign(address, 1_000_000_000)))[0] in (401, 403)
    assert (await site.get(links.sign(address.replace("private/", ""), 4_000_000_000)))[0] == 404
    stolen = signed.replace(address, (await site.put(picture("png"), "image/png", PRIVATE, "b.png"))[1])
    assert (await site.get(stolen))[0] in (401, 403)


async def test_a_source_that_is_deleted_takes_its_variants_along(site: Site) -> None:
    record, address = await site.put(picture())
    status, headers, _ = await site.get(address)
    assert status == 200
    await until(lambda: _kept(site))
    await site.delete(record)
    await until(lambda: _gone(site, address), 3)
    assert (await site.get(address, If_None_Match=headers["etag"]))[0] == 404
    await until(lambda: _none(site))
    assert (await site.put(picture()))[1] == address
    assert (await site.get(address))[0] == 200


async def _gone(site: Site, address: str) -> bool:
    return (await site.get(address))[0] == 404


async def _none(site: Site) -> bool:
    return not await _kept(site)


async def test_there_is_nothing_at_any_other_path(nats: Link) -> None:
    async with open_site(nats) as site:
        for path in (
            NOTHING,
            "/artifacts/",
            "/artifacts/../../etc/passwd",
            f"/artifacts//{NOTHING[11:]}",
            f"{NOTHING}/",
            f"{NOTHING}%00",
            NOTHING.replace("artifacts/", "artifacts/%2e%2e/"),
            NOTHING.replace("artifacts/", "artifacts/t/default/public/"),
            NOTHING.replace("artifacts/", "artifacts/t/../public/"),
            "/artifacts/pub/1/logo.png",
        ):
            status, headers, body = await site.get(path)
            assert (path, status) == (path, 404)
            assert headers["cache-control"] == "no-store"
            assert b'"error"' in body


# ---- what can go wrong -------------------------------------------------------------------------------------------------


async def test_a_source_that_is_no_picture_is_refused_and_not_tried_again(site: Site) -> None:
    bad = ((b"I am a text", 400), (picture("jpg", 300, 300)[:-400], 400), (png_header(40_000, 40_000), 413))
    for number, (data, status) in enumerate(bad, 1):
        _, address = await site.put(data)
        for _ in range(3):
            told, _, body = await site.get(address)
            assert told == status
            assert b"'image'" in body
        assert site.jobs == ["image"] * number


async def test_the_largest_picture_is_a_setting(nats: Link) -> None:
    async with open_site(nats, "image", files=FileRules(variant_pixels=10_000)) as site:
        _, address = await site.put(picture("jpg", 100, 101))
        assert (await site.get(address))[0] == 413
        _, address = await site.put(picture("jpg", 100, 100))
        assert (await site.get(address))[0] == 200


async def test_without_an_agent_it_is_to_be_tried_later(nats: Link) -> None:
    async with open_site(nats) as site:
        _, address = await site.put(picture())
        status, headers, body = await site.get(address)
        assert (status, headers["retry-after"]) == (503, "5")
        assert b"No agent that makes pictures is online" in body


async def test_the_bucket_has_the_size_of_the_setting(nats: Link) -> None:
    async with open_site(nats, files=FileRules(variant_bytes=5_000_000)) as site:
        config = (await site.house.bus.api("STREAM.INFO.KV_VARIANTS"))["config"]
        assert (config["max_bytes"], config["discard"]) == (5_000_000, "old")


async def test_a_video_is_shown_by_its_poster_and_a_sound_by_its_wave(nats: Link, tmp_path: Any) -> None:
    async with open_site(nats, "image", "ffmpeg") as site:
        for name, kind, what in (
            ("a.mp4", "video/mp4", "testsrc=duration=1:size=320x180:rate=10"),
            ("a.wav", "audio/wav", "sine=duration=1"),
        ):
            _, address = await site.put(await _clip(tmp_path / name, what), kind, PUBLIC, name)
            for width in (64, 100):
                status, headers, body = await site.get(address, f"width={width},format=webp")
                assert (status, headers["content-type"]) == (200, "image/webp"), body
                assert read(body).width == width
        assert sorted(site.jobs) == ["ffmpeg"] * 2 + ["image"] * 4
        owners = {record.key for _, record in await site.files.records.all()}
        assert owners == {site.house.key.id}


async def _clip(path: Any, source: str) -> bytes:
    import imageio_ffmpeg

    words = ("-v", "error", "-f", "lavfi", "-i", source, "-y", str(path))
    process = await asyncio.create_subprocess_exec(imageio_ffmpeg.get_ffmpeg_exe(), *words)
    assert await process.wait() == 0
    data: bytes = path.read_bytes()
    return data
