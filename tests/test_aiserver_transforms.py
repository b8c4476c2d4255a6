"""Transforms in the AI Server dialect, done by the real agents: every request and its rules, and the generic one."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pyvips
from aiserver_media_kit import Asker
from ffmpeg_kit import H264, clip, picture, pixel, probe, sound, video
from gateway_house import agent_of, until
from media_kit import form
from test_agents_callbacks import Receiver
from variant_house import Site, open_site

from bus.connection import Link
from ops.sections import CALLBACKS

FORMATS = {"jpg": "jpeg", "png": "png", "gif": "gif", "bmp": "bmp", "tiff": "tiff", "webp": "webp"}


@pytest.fixture
async def site(nats: Link) -> AsyncIterator[Site]:
    async with open_site(nats, "image", "ffmpeg", private_callbacks=True) as opened:
        yield opened


@pytest.fixture
def ask(site: Site) -> Asker:
    return Asker(site.house)


def red(width: int = 40, height: int = 20) -> bytes:
    return picture("red.png", f"{width}x{height}")


def blue(width: int = 8, height: int = 4) -> bytes:
    return picture("blue.png", f"{width}x{height}", "blue")


def silent() -> bytes:
    """A second of 64x48 without sound."""
    return clip("small.mp4", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1", *H264)


async def made(ask: Asker, dto: str, *files: tuple[Any, ...], **fields: Any) -> bytes:
    """The bytes of the one result."""
    return await fetched(ask, await ask.good(dto, form=form(*files, **fields)))


async def fetched(ask: Asker, told: dict[str, Any]) -> bytes:
    (one,) = told["results"]
    assert one["url"].startswith(ask.house.url)
    async with ask.house.http.get(one["url"]) as reply:
        assert reply.status == 200
        return await reply.read()


def opened(data: bytes) -> Any:
    return pyvips.Image.new_from_buffer(data, "")


def size(data: bytes) -> tuple[int, int]:
    image = opened(data)
    return image.width, image.height


# ---- pictures ---------------------------------------------------------------------------------------------------------


async def test_a_picture_is_converted_to_every_format(site: Site, ask: Asker) -> None:
    """checklist 58, checklist 70: no GPU agent is online, and none is needed."""
    for name, kind in FORMATS.items():
        told = await ask.good("ConvertImage", form=form(("image", red(), "my red.png"), outputFormat=name))
        assert told["results"][0]["fileName"] == f"my red.{name}"
        data = await fetched(ask, told)
        if name == "bmp":
            assert data[:2] == b"BM"
        else:
            assert opened(data).get("vips-loader").startswith(kind)
    assert site.jobs == ["image"] * len(FORMATS)


async def test_a_crop_is_exactly_of_its_size(ask: Asker) -> None:
    """checklist 59"""
    assert size(await made(ask, "CropImage", ("image", red()), x=0, y=5, width=12, height=9)) == (12, 9)
    whole = {"x": 0, "y": 0, "width": 5, "height": 5}
    rules = {"x": "InclusiveBetween", "y": "InclusiveBetween", "width": "GreaterThan", "height": "GreaterThan"}
    for field, value in (("x", -1), ("y", -3), ("width", 0), ("height", -4)):
        for dto in ("CropImage", "QueueCropImage"):
            data = form(("image", red()), **{**whole, field: value})
            assert await ask.bad(dto, form=data) == (400, rules[field], field)
    assert (await ask.bad("CropImage", form=form(("image", red()), **{**whole, "width": 99})))[0] == 400


async def test_one_side_keeps_the_aspect(ask: Asker) -> None:
    """checklist 60"""
    assert size(await made(ask, "ScaleImage", ("image", red()), width=20)) == (20, 10)
    assert size(await made(ask, "ScaleImage", ("image", red()), height=40)) == (80, 40)
    assert size(await made(ask, "ScaleImage", ("image", red()), width=20, height=20)) == (20, 20)
    assert await ask.bad("ScaleImage", form=form(("image", red()))) == (400, "ArgumentNullException", "width")
    assert await ask.bad("ScaleImage", form=form(("image", red()), width=0)) == (400, "GreaterThan", "width")


async def test_a_watermark_stands_in_each_place_with_its_size_and_its_opacity(ask: Asker) -> None:
    """checklist 61: opacity is opacity and scale is scale; half of it is seen where nothing is said."""
    base, mark = red(100, 80), blue()
    corners = {
        "TopLeft": (10, 10),
        "TopRight": (89, 10),
        "BottomLeft": (10, 69),
        "BottomRight": (89, 69),
        "Center": (50, 40),
    }
    for position, (x, y) in corners.items():
        data = await made(ask, "WatermarkImage", ("image", base), ("watermark", mark), position=position, opacity=1)
        seen = opened(data)
        assert seen(x, y)[2] > 200, position
        others = [at for name, at in corners.items() if name != position]
        assert all(seen(*at)[2] < 50 for at in others), position
    half = opened(await made(ask, "WatermarkImage", ("image", base), ("watermark", mark), position="Center"))(50, 40)
    assert 100 < half[2] < 150
    large = opened(await made(ask, "WatermarkImage", ("image", base), ("watermark", mark), watermarkScale=4, opacity=1))
    assert large(10 + 31, 10 + 15)[2] > 200
    assert await ask.bad("WatermarkImage", form=form(("image", base))) == (400, "ArgumentNullException", "watermark")
    bad = form(("image", base), ("watermark", mark), position="Middle")
    assert await ask.bad("WatermarkImage", form=bad) == (400, "SerializationException", "position")


# ---- video and sound --------------------------------------------------------------------------------------------------


async def test_a_video_is_converted_to_eight_formats(ask: Asker, tmp_path: Path) -> None:
    """checklist 62: those that the reference declares, all of them."""
    kinds = {
        "mp4": "mp4",
        "mov": "mov",
        "webm": "webm",
        "mkv": "mkv",
        "avi": "avi",
        "wmv": "asf",
        "mpeg": "mpeg",
        "ogg": "ogg",
    }
    for name, kind in kinds.items():
        told = await ask.good("ConvertVideo", form=form(("video", silent(), "v.mp4"), outputFormat=name))
        assert told["results"][0]["fileName"] == f"v.{name}"
        facts = await probe(await fetched(ask, told), tmp_path)
        assert (facts.kind.name, facts.width, facts.height) == (kind, 64, 48)
    told = await ask.good("ConvertVideo", form=form(("video", silent(), "v.mp4"), outputFormat="MVK"))
    assert told["results"][0]["fileName"] == "v.mkv"


async def test_a_video_is_cropped_from_its_very_corner(ask: Asker, tmp_path: Path) -> None:
    """checklist 63: 0 is a place like any other."""
    facts = await probe(await made(ask, "CropVideo", ("video", silent()), x=0, y=0, width=32, height=16), tmp_path)
    assert (facts.width, facts.height) == (32, 16)
    bad = form(("video", silent()), x=0, y=0, width=0, height=16)
    assert await ask.bad("CropVideo", form=bad) == (400, "GreaterThan", "width")
    assert (await ask.bad("CropVideo", form=form(("video", silent()), x=-1, y=0, width=8, height=8)))[0] == 400


async def test_a_videos_one_side_keeps_the_aspect(ask: Asker, tmp_path: Path) -> None:
    """checklist 64"""
    facts = await probe(await made(ask, "ScaleVideo", ("video", silent()), width=32), tmp_path)
    assert (facts.width, facts.height) == (32, 24)
    assert await ask.bad("ScaleVideo", form=form(("video", silent()), width=8000)) == (400, "InclusiveBetween", "width")
    assert (await ask.bad("ScaleVideo", form=form(("video", silent()))))[0] == 400


async def test_a_videos_watermark_is_a_fifth_as_wide_in_the_right_corner_below(ask: Asker) -> None:
    """checklist 65"""
    dark = clip("dark.mp4", "-f", "lavfi", "-i", "color=black:s=160x120:r=10:d=0.5", *H264)
    places = {"": (140, 105), "TopLeft": (20, 15), "TopRight": (140, 15), "BottomLeft": (20, 105), "Center": (80, 60)}
    for position, (x, y) in places.items():
        more = {"position": position} if position else {}
        data = await made(ask, "WatermarkVideo", ("video", dark), ("watermark", picture()), **more)
        assert pixel(data, x, y)[0] > 150, position
        assert all(pixel(data, *at)[0] < 60 for name, at in places.items() if name != position), position
        if not position:
            assert pixel(data, 160 - 10 - 32 + 2, 105)[0] > 150
            assert pixel(data, 160 - 10 - 32 - 3, 105)[0] < 60


async def test_a_video_is_trimmed(ask: Asker, tmp_path: Path) -> None:
    """checklist 66, checklist 69: m:ss and all that says a time; what says none is refused by name."""
    assert (
        await probe(await made(ask, "TrimVideo", ("video", video()), startTime="0:01"), tmp_path)
    ).seconds == pytest.approx(1, abs=0.1)
    part = await made(ask, "TrimVideo", ("video", video()), startTime="00:00.5", endTime="0:01")
    assert (await probe(part, tmp_path)).seconds == pytest.approx(0.5, abs=0.1)
    for start, end, field in (("soon", None, "startTime"), ("0:00", "1:99", "endTime"), ("0:01", "0:00", "startTime")):
        data = form(("video", video()), startTime=start, **({"endTime": end} if end else {}))
        assert (await ask.bad("TrimVideo", form=data))[::2] == (400, field)
    assert await ask.bad("TrimVideo", form=form(("video", video()))) == (400, "NotEmpty", "startTime")


async def test_sound_is_converted_to_seven_formats(ask: Asker, tmp_path: Path) -> None:
    """checklist 67"""
    for name in ("mp3", "wav", "aac", "flac", "ogg", "m4a", "wma"):
        data = await made(ask, "ConvertAudio", ("audio", sound(), "tone.wav"), outputFormat=name)
        facts = await probe(data, tmp_path)
        assert (facts.kind.name, round(facts.seconds or 0)) == ("asf" if name == "wma" else name, 2)
    bad = form(("audio", sound()), outputFormat="doc")
    assert await ask.bad("ConvertAudio", form=bad) == (400, "SerializationException", "outputFormat")
    assert (await ask.bad("ConvertImage", form=form(("image", red()), outputFormat="doc")))[::2] == (
        400,
        "outputFormat",
    )
    assert (await ask.bad("ConvertImage", form=form(("image", red()))))[::2] == (400, "outputFormat")


async def test_a_file_that_is_none_is_named(ask: Asker) -> None:
    """checklist 69"""
    assert (await ask.bad("ScaleImage", form=form(("image", b"no picture"), width=5)))[::2] == (400, "image")
    assert (await ask.bad("ConvertVideo", form=form(("video", red()), outputFormat="mp4")))[::2] == (400, "video")


# ---- queued and generic -----------------------------------------------------------------------------------------------


async def test_every_transform_has_a_queued_form(nats: Link, site: Site, ask: Asker) -> None:
    """checklist 68: with refId, tag and replyTo, and results as the sister's."""
    image, film = ("image", red(60, 40)), ("video", silent())
    asked: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "QueueConvertImage": ([image], {"outputFormat": "webp"}),
        "QueueCropImage": ([image], {"x": 0, "y": 0, "width": 8, "height": 8}),
        "QueueScaleImage": ([image], {"width": 10}),
        "QueueWatermarkImage": ([image, ("watermark", blue())], {"position": "Center"}),
        "QueueConvertVideo": ([film], {"outputFormat": "avi"}),
        "QueueCropVideo": ([film], {"x": 0, "y": 0, "width": 16, "height": 16}),
        "QueueScaleVideo": ([film], {"height": 24}),
        "QueueWatermarkVideo": ([film, ("watermark", blue())], {}),
        "QueueTrimVideo": ([film], {"startTime": "0:00", "endTime": "0:01"}),
        "QueueConvertAudio": ([("audio", sound())], {"outputFormat": "mp3"}),
    }
    async with Receiver() as receiver, agent_of(nats, CALLBACKS):
        hook = f"http://127.0.0.1:{receiver.port}/"
        for dto, (files, fields) in asked.items():
            more = {**fields, "refId": f"ref {dto}", "tag": "mine", "replyTo": hook}
            told = await ask.good(dto, form=form(*files, **more))
            assert (told["refId"], told["jobState"]) == (f"ref {dto}", "Queued")
            assert told["statusUrl"].startswith(f"{site.house.url}/api/GetArtifactGenerationStatus?")
            done = await ask.ended(told)
            assert len(done["results"]) == 1
        await until(lambda: len(receiver.seen) == len(asked))
    told = {body["refId"]: body["outputs"][0] for body in (json.loads(data) for _, _, _, data in receiver.seen)}
    sorts = {dto: told[f"ref {dto}"]["outputFormat"] for dto in asked}
    assert sorts == {dto: "Video" if "Video" in dto else "Audio" if "Audio" in dto else "Image" for dto in asked}
    assert all(one["url"].startswith(site.house.url) for one in told.values())


async def test_a_transform_is_asked_for_by_its_kind(ask: Asker, tmp_path: Path) -> None:
    """checklist 68, checklist 69: `CreateMediaTransform`, with the arguments of ffmpeg taken by their meaning."""
    image, film = ("image", red(60, 40)), ("video", silent())

    async def change(*files: Any, **args: Any) -> bytes:
        told = await ask.good("CreateMediaTransform", form=form(*files, request=json.dumps(args)))
        return await fetched(ask, await ask.ended(told))

    assert size(await change(image, taskType="ImageScale", scaleWidth=30)) == (30, 20)
    assert size(await change(image, taskType="ImageCrop", cropX=0, cropY=0, cropWidth=7, cropHeight=5)) == (7, 5)
    assert (await change(image, taskType="ImageConvert", imageOutputFormat="gif"))[:4] == b"GIF8"
    assert (await probe(await change(film, taskType="VideoScale", scaleHeight=24), tmp_path)).width == 32
    assert (await probe(await change(film, taskType="VideoCut", cutStart=0.5), tmp_path)).seconds == pytest.approx(
        0.5, abs=0.1
    )
    assert (
        await probe(await change(("audio", sound()), taskType="AudioCut", cutStart=0, cutEnd=1.5), tmp_path)
    ).seconds == pytest.approx(1.5, abs=0.1)
    assert (await change(("audio", sound()), taskType="AudioConvert", outputFormat="flac"))[:4] == b"fLaC"
    dark = ("video", clip("dark.mp4", "-f", "lavfi", "-i", "color=black:s=160x120:r=10:d=0.5", *H264))
    args = {"taskType": "WatermarkVideo", "watermarkPosition": "main_w-overlay_w-10:10", "watermarkScale": "iw*0.1:-1"}
    data = await change(dark, ("watermark", picture()), **args)
    assert pixel(data, 145, 13)[0] > 150
    assert pixel(data, 125, 13)[0] < 60


async def test_no_expression_of_a_caller_is_run(ask: Asker) -> None:
    """checklist 69: what says more than our words do is refused, by its field."""
    files = (("video", silent()), ("watermark", blue()))
    for args, field in (
        ({"taskType": "WatermarkVideo", "watermarkPosition": "x='sin(t)'"}, "watermarkPosition"),
        ({"taskType": "WatermarkVideo", "watermarkScale": "movie=/etc/passwd"}, "watermarkScale"),
        ({"taskType": "WatermarkVideo", "watermarkScale": "2"}, "watermarkScale"),
        ({"taskType": "VideoConvert", "outputFormat": "mp4", "videoCodec": "h264 -f null"}, "videoCodec"),
        ({"taskType": "VideoConvert"}, "outputFormat"),
        ({"taskType": "VideoCrop", "cropX": 1}, "cropWidth"),
        ({"taskType": "VideoCut", "cutStart": -1}, "cutStart"),
        ({}, "scaleWidth"),
    ):
        status, _, named = await ask.bad("CreateMediaTransform", form=form(*files, request=json.dumps(args)))
        assert (status, named) == (400, field), args
    assert await ask.bad("CreateMediaTransform", {"request": {"taskType": "ImageScale", "scaleWidth": 5}}) == (
        400, "ArgumentNullException", "image",
    )  # fmt: skip
