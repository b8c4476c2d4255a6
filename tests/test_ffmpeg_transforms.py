"""What the agent ffmpeg makes of real clips: every operation, every format, looked at again afterwards."""

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ffmpeg_kit import (
    AAC,
    H264,
    RAMP,
    SINE,
    TESTSRC,
    clip,
    events_of,
    grey,
    long,
    made,
    picture,
    pixel,
    probe,
    sound,
    video,
)
from shelf_kit import Kit, open_shelf

from agents.agent import load
from agents.ffmpeg import OPS
from bus.connection import Link
from schemas.events import Done, Progress
from schemas.media import decode_media
from schemas.problem import Code, Problem

VIDEO_CODECS = {
    "mp4": ("h264", "aac"),
    "mov": ("h264", "aac"),
    "mkv": ("h264", "aac"),
    "webm": ("vp9", "opus"),
    "avi": ("mpeg4", "mp3"),
    "gif": ("gif", ""),
    "wmv": ("wmv2", "wmav2"),
    "mpeg": ("mpeg2video", "mp2"),
    "ogg": ("theora", "vorbis"),
}
AUDIO_CODECS = {
    "mp3": "mp3", "wav": "pcm_s16le", "flac": "flac", "ogg": "vorbis", "m4a": "aac", "opus": "opus", "aac": "aac",
    "wma": "wmav2",
}  # fmt: skip
AS_READ = {"wmv": "asf", "wma": "asf"}
"""What both are called once they are bytes."""


@pytest.fixture
async def shelf(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as kit:
        yield kit


def test_the_agent_serves_every_operation_of_its_model() -> None:
    agent = load("ffmpeg")
    assert set(agent.handles) == set(OPS)
    assert {"convert_video", "crop_video", "scale_video", "watermark_video", "trim_video"} <= set(OPS)
    assert {"convert_audio", "trim_audio", "poster"} <= set(OPS)


async def test_a_video_is_converted_to_every_format(shelf: Kit, tmp_path: Path) -> None:
    for name, (codec, audio) in VIDEO_CODECS.items():
        artifact, data = await made(shelf, "convert_video", video=video("clip.mkv"), output_format=name)
        facts = await probe(data, tmp_path)
        assert (facts.kind.name, facts.video, facts.audio) == (AS_READ.get(name, name), codec, audio)
        assert (facts.width, facts.height) == (160, 120) == (artifact.width, artifact.height)
        assert facts.seconds == pytest.approx(2.0, abs=0.1)
        assert artifact.seconds == pytest.approx(2.0, abs=0.1)
        assert artifact.file_name == f"video.{name}"


async def test_sound_is_converted_to_every_format(shelf: Kit, tmp_path: Path) -> None:
    for name, codec in AUDIO_CODECS.items():
        artifact, data = await made(shelf, "convert_audio", audio=sound(), output_format=name)
        facts = await probe(data, tmp_path)
        assert (facts.kind.name, facts.audio, facts.video) == (AS_READ.get(name, name), codec, "")
        assert facts.seconds == pytest.approx(2.0, abs=0.05)
        assert artifact.file_name == f"audio.{name}"
        assert artifact.seconds == pytest.approx(2.0, abs=0.05)


async def test_the_sound_of_a_video_can_be_taken_out(shelf: Kit, tmp_path: Path) -> None:
    _, data = await made(shelf, "convert_audio", audio=video(), output_format="mp3")
    facts = await probe(data, tmp_path)
    assert (facts.audio, facts.video) == ("mp3", "")


async def test_streams_that_fit_are_copied(shelf: Kit) -> None:
    source = video("clip.mkv")
    _, once = await made(shelf, "convert_video", video=source, output_format="mp4")
    _, back = await made(shelf, "convert_video", video=once, output_format="mkv")
    assert abs(len(back) - len(source)) < 2000, "an encoder would have written other frames"


async def test_more_than_two_channels_are_mixed_where_the_format_wants_it(shelf: Kit, tmp_path: Path) -> None:
    surround = clip("a.wav", "-f", "lavfi", "-i", "anoisesrc=d=0.5:a=0.1,aformat=channel_layouts=5.1(side)")
    for name in ("opus", "mp3", "ogg", "m4a"):
        _, data = await made(shelf, "convert_audio", audio=surround, output_format=name)
        assert (await probe(data, tmp_path)).audio == AUDIO_CODECS[name]


async def test_a_video_is_trimmed_to_the_frame(shelf: Kit, tmp_path: Path) -> None:
    source = clip("ramp.mp4", *RAMP, *SINE, *H264, "-g", "250", *AAC)
    for start, end, length in (("0:00.5", "0:01.5", 1.0), ("0.52", None, 1.48), ("0", "0:00:00.72", 0.72)):
        artifact, data = await made(shelf, "trim_video", video=source, start_time=start, end_time=end)
        facts = await probe(data, tmp_path)
        assert facts.seconds == pytest.approx(length, abs=0.05)
        assert artifact.seconds == pytest.approx(length, abs=0.001)
        first = math.ceil(float(start.removeprefix("0:")) * 25)
        assert grey(data) == pytest.approx(first * 5, abs=2), "the first frame is another one"


async def test_a_trim_is_exact_in_every_format(shelf: Kit, tmp_path: Path) -> None:
    for name in ("clip.webm", "clip.avi", "clip.mov", "clip.ts", "clip.flv"):
        codecs = () if name == "clip.webm" else (*H264, *AAC)
        source = clip(name, *TESTSRC, *SINE, *codecs)
        _, data = await made(shelf, "trim_video", video=source, start_time="0.4", end_time="1.4")
        assert (await probe(data, tmp_path)).seconds == pytest.approx(1.0, abs=0.05), name


async def test_sound_is_trimmed_to_the_millisecond(shelf: Kit, tmp_path: Path) -> None:
    for name in ("tone.wav", "tone.flac", "tone.mp3", "tone.ogg", "tone.m4a", "tone.opus", "tone.aac"):
        _, data = await made(shelf, "trim_audio", audio=sound(name), start_time="0:00.25", end_time="1.25")
        facts = await probe(data, tmp_path)
        assert facts.seconds == pytest.approx(1.0, abs=0.05), name
        assert facts.kind.name == Path(name).suffix[1:]


async def test_a_crop_cuts_what_was_asked_for(shelf: Kit, tmp_path: Path) -> None:
    source = clip("halves.mp4", "-f", "lavfi", "-i", "color=red:s=160x120:d=0.4", "-vf",
                  "drawbox=x=80:y=0:w=80:h=120:color=blue:t=fill", *H264)  # fmt: skip
    artifact, data = await made(shelf, "crop_video", video=source, x=80, y=20, width=61, height=40)
    facts = await probe(data, tmp_path)
    assert (facts.width, facts.height) == (60, 40) == (artifact.width, artifact.height)
    red, _, blue = pixel(data, 5, 5)
    assert red < 60
    assert blue > 180


async def test_a_video_is_scaled_and_one_side_keeps_the_aspect(shelf: Kit, tmp_path: Path) -> None:
    for asked, expected in (
        ({"width": 80}, (80, 60)),
        ({"height": 50}, (66, 50)),
        ({"width": 100, "height": 30}, (100, 30)),
        ({"width": 1}, (2, 2)),
        ({"width": 321}, (320, 240)),
    ):
        artifact, data = await made(shelf, "scale_video", video=video(), **asked)
        facts = await probe(data, tmp_path)
        assert (facts.width, facts.height) == expected == (artifact.width, artifact.height)
        assert facts.aspect == 1.0


async def test_a_turned_video_is_measured_as_it_is_shown(shelf: Kit, tmp_path: Path) -> None:
    upright = tmp_path / "upright.mp4"
    upright.write_bytes(video())
    turned = clip("turned.mp4", "-display_rotation", "90", "-i", str(upright), "-c", "copy")
    assert (await probe(turned, tmp_path)).width == 120
    _, data = await made(shelf, "scale_video", video=turned, height=80)
    facts = await probe(data, tmp_path)
    assert (facts.width, facts.height, facts.turned) == (60, 80, False)
    _, data = await made(shelf, "convert_video", video=turned, output_format="mkv")
    facts = await probe(data, tmp_path)
    assert (facts.width, facts.height, facts.turned) == (120, 160, False)


async def test_a_watermark_lies_where_it_was_put(shelf: Kit) -> None:
    source = clip("blue.mp4", "-f", "lavfi", "-i", "color=blue:s=160x120:d=0.2", *H264)
    inside = {
        "TopLeft": (12, 12), "TopRight": (147, 12), "BottomLeft": (12, 107), "BottomRight": (147, 107), "Center": (80, 60)
    }  # fmt: skip
    for position, place in inside.items():
        mark = picture(size="80x40")
        _, data = await made(shelf, "watermark_video", video=source, watermark=mark, position=position)
        assert pixel(data, *place)[0] > 200
        corner = (min(place[0], 155) // 80 * 151 + 4, place[1] // 60 * 111 + 4)
        assert pixel(data, *corner)[0] < 60, "the margin is 10 pixels"


async def test_a_watermark_has_the_size_and_the_opacity_asked_for(shelf: Kit) -> None:
    source = clip("blue.mp4", "-f", "lavfi", "-i", "color=blue:s=160x120:d=0.2", *H264)
    _, data = await made(
        shelf,
        "watermark_video",
        video=source,
        watermark=picture(),
        position="TopLeft",
        watermark_scale=0.5,
        opacity=0.5,
    )
    assert 90 < pixel(data, 80, 20)[0] < 165, "half red, half blue, 80 pixels wide"
    assert pixel(data, 94, 20)[0] < 60


async def test_a_moving_watermark_does_not_make_the_video_longer(shelf: Kit, tmp_path: Path) -> None:
    source = clip("short.mp4", "-f", "lavfi", "-i", "color=blue:s=160x120:d=0.4", *H264)
    moving = clip("moving.gif", "-f", "lavfi", "-i", "testsrc=s=40x20:r=10:d=3")
    _, data = await made(shelf, "watermark_video", video=source, watermark=moving)
    assert (await probe(data, tmp_path)).seconds == pytest.approx(0.4, abs=0.05)


async def test_a_gif_stays_one_when_it_is_changed(shelf: Kit, tmp_path: Path) -> None:
    source = clip("odd.gif", "-f", "lavfi", "-i", "testsrc=s=61x41:r=10:d=1")
    _, data = await made(shelf, "crop_video", video=source, width=31, height=21)
    facts = await probe(data, tmp_path)
    assert (facts.kind.name, facts.width, facts.height) == ("gif", 31, 21)
    _, data = await made(shelf, "watermark_video", video=source, watermark=picture(), watermark_scale=0.4)
    assert (await probe(data, tmp_path)).kind.name == "gif"
    _, data = await made(shelf, "convert_video", video=source, output_format="mp4")
    facts = await probe(data, tmp_path)
    assert (facts.width, facts.height) == (60, 40)


async def test_the_poster_of_a_video_is_a_frame_that_fits(shelf: Kit) -> None:
    dark = "nullsrc=s=160x120:r=25:d=2,format=gray,geq=lum='if(lt(N,3),0,200)'"
    source = clip("dark.mp4", "-f", "lavfi", "-i", dark, *H264)
    artifact, data = await made(shelf, "poster", file=source, width=80, height=80)
    assert (artifact.content_type, artifact.width, artifact.height) == ("image/jpeg", 80, 60)
    assert data[:3] == b"\xff\xd8\xff"
    assert grey(data) > 150, "black frames stand for nothing"
    artifact, data = await made(shelf, "poster", file=source)
    assert (artifact.width, artifact.height) == (160, 120), "it is never made larger"


async def test_the_poster_of_a_sound_is_its_waveform(shelf: Kit, tmp_path: Path) -> None:
    artifact, data = await made(shelf, "poster", file=sound("tone.mp3"), width=300, height=100)
    assert (artifact.content_type, artifact.width, artifact.height) == ("image/png", 300, 100)
    facts = await probe(data, tmp_path)
    assert (facts.video, facts.width, facts.height) == ("png", 300, 100)


async def test_progress_rises_and_says_how_long_it_will_take(shelf: Kit) -> None:
    events = await events_of(shelf, "convert_video", video=long(5), output_format="webm")
    told = [event for event in events if isinstance(event, Progress)]
    shares = [event.share for event in told if event.share is not None]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    encoding = [event for event in told if event.stage == "encoding"]
    assert any(event.eta is not None and event.share and 0 < event.share < 1 for event in encoding)
    assert [event.stage for event in (told[0], told[-1])] == ["fetching", "storing"]


async def test_the_result_tells_the_callers_state_again(shelf: Kit) -> None:
    done = (await events_of(shelf, "convert_audio", audio=sound(), output_format="mp3", state="mine"))[-1]
    assert isinstance(done, Done)
    result = decode_media(done.body)
    assert (result.state, result.model) == ("mine", "ffmpeg")
    assert result.duration > 0


async def test_what_does_not_fit_the_video_is_refused_by_name(shelf: Kit) -> None:
    for op, body, field, words in (
        ("trim_video", {"start_time": "0", "end_time": "0:09"}, "end_time", "0:02 long"),
        ("trim_video", {"start_time": "1.5", "end_time": "1.5"}, "start_time", "before end_time"),
        ("trim_video", {"start_time": "7"}, "start_time", "0:02 long"),
        ("trim_video", {"start_time": "1:75"}, "start_time", "no time"),
        ("trim_video", {"start_time": "0", "end_time": "soon"}, "end_time", "no time"),
        ("crop_video", {"x": 100, "width": 61, "height": 10}, "width", "160x120"),
        ("crop_video", {"y": 20, "width": 10, "height": 101}, "height", "160x120"),
        ("crop_video", {"x": 160, "width": 1, "height": 1}, "x", "160x120"),
        ("scale_video", {}, "width", "width, height"),
    ):
        with pytest.raises(Problem, match=words) as refused:
            await events_of(shelf, op, video=video(), **body)
        assert (refused.value.code, refused.value.fault.param) == (Code.INVALID_REQUEST, field)
