"""Pictures as jobs: through the agent's handles, with files out of a real object store."""

import asyncio
import base64
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pyvips
from image_kit import drawn, far, gif_of, moving, picture, png_header, read, svg, svg_bomb
from shelf_kit import Kit, open_shelf

from agents import _svg, image
from agents._http import Http
from agents._pixels import FORMATS, Picture, Stopped, Switch, save
from agents.agent import Tools, load
from bus.connection import Link
from schemas.events import Done, Progress
from schemas.media import Artifact, FileRef, decode_media
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import Provider

AGENT = load("image")


@pytest.fixture
async def shelf(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as kit:
        yield kit


def tools_of(shelf: Kit, job: Any = None) -> Tools:
    tools = Tools(Http(), Provider(name="image", kind="image"))
    tools.files = shelf.files(job)
    return tools


async def events(shelf: Kit, op: str, **body: Any) -> list[Any]:
    job = shelf.job(op, body, model="image")
    return [event async for event in AGENT.handles[op](job, tools_of(shelf, job))]


async def made(shelf: Kit, op: str, **body: Any) -> tuple[Artifact, bytes]:
    end = (await events(shelf, op, **body))[-1]
    assert isinstance(end, Done)
    (artifact,) = decode_media(end.body).artifacts
    return artifact, await shelf.bytes_of(artifact)


async def refused(shelf: Kit, op: str, **body: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await events(shelf, op, **body)
    return caught.value


async def test_it_serves_every_operation_of_pictures_under_one_name() -> None:
    assert AGENT.models is not None
    models = await AGENT.models(Tools(Http(), Provider(name="image", kind="image")))
    assert {model.op for model in models} == {op.name for op in OPERATIONS.values() if op.model == "image"}
    assert {model.name for model in models} == {"image"}


async def test_a_picture_is_converted_and_put_away_with_its_size(shelf: Kit) -> None:
    ref = await shelf.given(picture("png", 70, 50), "image/png", "holiday.png")
    for to, content_type in FORMATS.items():
        artifact, data = await made(shelf, "convert_image", image=ref, output_format=to)
        assert (artifact.width, artifact.height, artifact.content_type) == (70, 50, content_type)
        assert artifact.file_name == f"holiday.{to}"
        assert artifact.size == len(data)


async def test_crop_scale_and_watermark_give_png_and_tell_how_far_they_are(shelf: Kit) -> None:
    ref = await shelf.given(picture("jpg", 70, 50), "image/jpeg", "a.jpg")
    mark = await shelf.given(picture("png", 10, 10, alpha=True), "image/png")
    for op, more, size in (
        ("crop_image", {"x": 5, "width": 20, "height": 30}, (20, 30)),
        ("scale_image", {"height": 100}, (140, 100)),
        ("watermark_image", {"watermark": mark}, (70, 50)),
    ):
        artifact, data = await made(shelf, op, image=ref, **more)
        assert (artifact.width, artifact.height, artifact.content_type) == (*size, "image/png")
        assert (read(data).width, read(data).height) == size
    told = await events(shelf, "scale_image", image=ref, width=9)
    assert [type(event) for event in told] == [Progress, Progress, Done]


async def test_a_moving_picture_stays_one(shelf: Kit) -> None:
    ref = await shelf.given(moving("webp"), "image/webp", "cat.webp")
    artifact, data = await made(shelf, "scale_image", image=ref, width=80)
    assert (artifact.content_type, read(data).get("n-pages")) == ("image/webp", 5)


async def test_a_file_too_large_for_memory_is_read_from_disk(shelf: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "SMALL", 1000)
    for kind in FORMATS:
        ref = await shelf.given(picture(kind, 300, 200), FORMATS[kind])
        _, data = await made(shelf, "convert_image", image=ref, output_format="png")
        assert far(read(data), drawn(300, 200)) < 12
    assert not [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(f"ai-server-job-{os.getpid()}-")]


async def test_a_variant_is_answered_in_one_piece_and_is_nobodys_file(shelf: Kit) -> None:
    ref = await shelf.given(picture("jpg", 800, 600), "image/jpeg")
    (end,) = await events(shelf, "variant", image=ref, width=100, output_format="webp")
    assert end.content_type == "image/webp"
    assert (read(end.body).width, read(end.body).height) == (100, 75)
    poster = "data:image/jpeg;base64," + base64.b64encode(picture("jpg", 80, 60)).decode()
    (end,) = await events(shelf, "variant", image=poster, width=40, output_format="png")
    assert (read(end.body).width, end.content_type) == (40, "image/png")


async def test_a_variant_too_large_for_one_message_is_refused_in_words(
    shelf: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "INLINE", 1000)
    ref = await shelf.given(picture("jpg", 800, 600), "image/jpeg")
    problem = await refused(shelf, "variant", image=ref, width=700, output_format="png")
    assert (problem.code, problem.fault.param) == (Code.TOO_LARGE, "width")


# ---- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["convert_image", "crop_image", "scale_image", "variant"])
async def test_a_bad_picture_is_refused_by_its_field(shelf: Kit, op: str) -> None:
    more: dict[str, Any] = {"convert_image": {"output_format": "webp"}, "variant": {}}.get(op, {"height": 8})
    for name, data in (
        ("cut.jpg", picture("jpg", 300, 300)[:-500]),
        ("text.png", b"this is a text, whatever its name says"),
        ("empty.gif", b""),
        ("large.png", png_header(40_000, 40_000)),
        ("long.gif", gif_of(10_000)),
    ):
        ref = await shelf.given(data, "image/png", name)
        problem = await refused(shelf, op, image=ref, width=8, **more)
        assert problem.code in (Code.INVALID_REQUEST, Code.TOO_LARGE)
        assert problem.fault.param == "image"
        assert "'image'" in problem.fault.message


async def test_a_bad_watermark_is_refused_by_its_own_name(shelf: Kit) -> None:
    ref = await shelf.given(picture("png", 300, 300), "image/png")
    for data in (picture("jpg", 100, 100)[:-300], b"no picture", b"", png_header(40_000, 40_000)):
        bad = await shelf.given(data, "image/png")
        problem = await refused(shelf, "watermark_image", image=ref, watermark=bad)
        assert problem.fault.param == "watermark"


async def test_a_field_that_holds_no_file_is_never_opened(shelf: Kit) -> None:
    for value in ("file-123", "https://example.com/a.png", "data:image/png;base64,AAAA", {"blob": ""}):
        problem = await refused(shelf, "convert_image", image=value, output_format="png")
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "image")


async def test_a_file_that_is_gone_is_told_by_its_field(shelf: Kit) -> None:
    ref = await shelf.given(picture(), "image/jpeg")
    gone = msgspec.structs.replace(ref, blob=ref.blob.replace("0", "1"))
    problem = await refused(shelf, "convert_image", image=gone, output_format="png")
    assert (problem.code, problem.fault.param) == (Code.NOT_FOUND, "image")


async def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(shelf: Kit) -> None:
    ref = await shelf.given(picture(), "image/jpeg")
    problem = await refused(shelf, "scale_image", image=msgspec.structs.replace(ref, size=10**10), width=8)
    assert (problem.code, problem.fault.param) == (Code.TOO_LARGE, "image")


# ---- drawings ----------------------------------------------------------------------------------------------------------


async def test_an_svg_is_drawn_in_a_process_of_its_own(shelf: Kit) -> None:
    ref = await shelf.given(svg(200, 100), "image/svg+xml", "logo.svg")
    artifact, data = await made(shelf, "convert_image", image=ref, output_format="webp")
    assert (artifact.width, artifact.height) == (200, 100)
    assert read(data)(50, 50)[0] > 250


async def test_an_svg_that_never_ends_is_killed(shelf: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_svg, "SECONDS", 0.7)
    ref = await shelf.given(svg_bomb(), "image/svg+xml")
    begun = time.monotonic()
    problem = await refused(shelf, "convert_image", image=ref, output_format="png")
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "image")
    assert time.monotonic() - begun < 5


async def test_a_bad_svg_is_refused(shelf: Kit) -> None:
    for data in (svg(90_000, 90_000), svg(10, 10, "<rect"), svg(0, 0), svg(10, 10, " " * 6_000_000)):
        ref = await shelf.given(data, "image/svg+xml")
        problem = await refused(shelf, "convert_image", image=ref, output_format="png")
        assert problem.code in (Code.INVALID_REQUEST, Code.TOO_LARGE)
        assert problem.fault.param == "image"


async def test_an_svg_reads_no_file_of_ours(shelf: Kit, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture("png", 50, 50))
    link = f'<image href="file://{secret}" width="50" height="50"/>'
    ref = await shelf.given(svg(50, 50, link), "image/svg+xml")
    _, data = await made(shelf, "convert_image", image=ref, output_format="png")
    assert read(data).max() == 0


# ---- stopping ----------------------------------------------------------------------------------------------------------


async def test_a_cancelled_job_stops_its_picture_and_frees_its_thread(shelf: Kit) -> None:
    ended: list[type[BaseException]] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(wish: Any, files: list[Any], switch: Switch) -> Any:
        noise = pyvips.Image.gaussnoise(9000, 9000).gaussblur(9).cast("uchar")
        loop.call_soon_threadsafe(begun.set)
        try:
            save(Picture(image=noise, kind="png", width=9000, height=9000), "png", switch)
        except BaseException as error:
            ended.append(type(error))
            raise

    handle = image.transform(image.ConvertImage, slow, "image")
    job = shelf.job(
        "convert_image", {"image": await shelf.given(picture(), "image/jpeg"), "output_format": "png"}, model="image"
    )

    async def run() -> None:
        async for _ in handle(job, tools_of(shelf, job)):
            pass

    task = asyncio.create_task(run())
    await begun.wait()
    stopped = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - stopped < 1
    while not ended:
        assert time.monotonic() - stopped < 3, "the thread goes on"
        await asyncio.sleep(0.01)
    assert ended == [Stopped]


async def test_a_picture_that_takes_too_long_is_a_clear_error(shelf: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "SECONDS", 0.05)
    ref = await shelf.given(picture("png", 1500, 1500), "image/png")
    problem = await refused(shelf, "convert_image", image=ref, output_format="avif", quality=100)
    assert problem.code is Code.DEADLINE
    assert isinstance(ref, FileRef)
