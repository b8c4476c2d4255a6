"""Files that mean harm, and files that are merely broken: a clear refusal that names the field, and nothing else happens."""

import asyncio
import random
import struct
import subprocess
import zlib
from collections.abc import AsyncIterator

import pytest
from ffmpeg_kit import AAC, H264, SINE, TESTSRC, clip, events_of, ffmpeg, made, picture, sound, video
from shelf_kit import Kit, open_shelf

from agents import _ffmpeg_binary
from agents._command import run
from agents._ffmpeg_binary import Hardware, Toolbox, toolbox, trial
from bus.connection import Link
from schemas.events import Done, Event
from schemas.media import FileRef
from schemas.problem import Code, Problem

MP3 = {"output_format": "mp3"}
MP4 = {"output_format": "mp4"}


@pytest.fixture
async def shelf(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as kit:
        yield kit


@pytest.fixture
async def visited() -> AsyncIterator[tuple[int, list[str]]]:
    """A port of ours, and who came."""
    came: list[str] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("somebody")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


async def refusal(shelf: Kit, op: str, /, **body: object) -> Problem:
    with pytest.raises(Problem) as refused:
        await events_of(shelf, op, **body)
    assert "/tmp" not in refused.value.fault.message
    assert "0x" not in refused.value.fault.message
    return refused.value


async def test_a_playlist_reads_no_other_file_and_no_address(shelf: Kit, visited: tuple[int, list[str]]) -> None:
    port, came = visited
    web, files = f"http://127.0.0.1:{port}/x.ts", "/etc/passwd"
    playlists = [text for place in (web, files) for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{place}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{place}'\n",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
        f"<?xml version='1.0'?><MPD><Period><BaseURL>{place}</BaseURL></Period></MPD>",
        f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{place}'/></svg>",
    )]  # fmt: skip
    disguises = (
        b"",
        b"ID3\x04\0\0\0\0\0\0",
        b"GIF89a",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
        b"\x1a\x45\xdf\xa3",
        b"OggS",
    )
    for number, text in enumerate(playlists):
        disguise = disguises[number % len(disguises)]
        for op, field, more in (
            ("convert_video", "video", MP4),
            ("convert_audio", "audio", MP3),
            ("poster", "file", {}),
        ):
            problem = await refusal(shelf, op, **{field: disguise + text.encode()}, **more)
            assert problem.code in (Code.INVALID_REQUEST, Code.TOO_LARGE), "text behind GIF89a makes a huge frame"
            assert problem.fault.param == field
            assert "root:" not in problem.fault.message
    problem = await refusal(shelf, "watermark_video", video=video(), watermark=playlists[4].encode())
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "watermark")
    assert not came


async def test_what_is_no_video_is_refused(shelf: Kit) -> None:
    for data, words in (
        (b"just some text", "not a video"),
        (b"\x00" * 5000, "not a video"),
        (b"\xff\xd8\xff\xe0" * 100, "jpg"),
        (b"GIF89a", "gif"),
        (b"RIFF\x10\0\0\0AVI LIST", "avi"),
        (b"\x1a\x45\xdf\xa3webm" + b"\0" * 99, "webm"),
        (b"FLV\x01\x05" + b"\0" * 99, "flv"),
    ):
        problem = await refusal(shelf, "convert_video", video=data, **MP4)
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "video")
        assert words in problem.fault.message


async def test_an_empty_file_is_refused(shelf: Kit) -> None:
    empty = await shelf.given(b"", "video/mp4", "empty.mp4")
    problem = await refusal(shelf, "convert_video", video=empty, **MP4)
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "video")
    assert "empty" in problem.fault.message


async def test_a_file_that_was_cut_short_is_refused(shelf: Kit) -> None:
    early = clip("fast.mp4", *TESTSRC, *SINE, *H264, *AAC, "-movflags", "+faststart")
    webm = clip("clip.webm", *TESTSRC, *SINE)
    for source in (video(), early, webm, video("clip.mkv"), video("clip.avi")):
        problem = await refusal(shelf, "scale_video", video=source[: len(source) // 2], width=80)
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "video")
        assert "cut short" in problem.fault.message
    for name in ("tone.flac", "tone.wav", "tone.m4a"):
        tone = sound(name)
        problem = await refusal(shelf, "convert_audio", audio=tone[: len(tone) // 2], **MP3)
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "audio")


async def test_what_only_looks_cut_short_is_not_refused(shelf: Kit) -> None:
    still = clip("still.mp4", "-f", "lavfi", "-i", "color=white:s=160x120:r=1/4:d=4", *H264)
    brief = clip("brief.mp4", *TESTSRC, "-f", "lavfi", "-i", "sine=d=0.5", *H264, *AAC)
    artifact, _ = await made(shelf, "convert_video", video=still, output_format="webm")
    assert artifact.seconds == pytest.approx(4.0, abs=0.05)
    artifact, _ = await made(shelf, "poster", file=still)
    assert artifact.width == 160
    artifact, _ = await made(shelf, "convert_audio", audio=brief, output_format="wav")
    assert artifact.size > 40_000


async def test_a_video_field_wants_a_video_stream(shelf: Kit, tmp_path: object) -> None:
    silent_picture = clip("sound.mp4", *SINE, *AAC)
    for source, words in ((silent_picture, "no video in it"), (sound("tone.mp3"), "is mp3"), (picture(), "is png")):
        problem = await refusal(shelf, "convert_video", video=source, **MP4)
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "video")
        assert words in problem.fault.message


async def test_an_audio_field_wants_sound(shelf: Kit) -> None:
    mute = clip("mute.mp4", *TESTSRC, *H264)
    problem = await refusal(shelf, "convert_audio", audio=mute, **MP3)
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "audio")
    artifact, _ = await made(shelf, "convert_video", video=mute, output_format="webm")
    assert artifact.content_type == "video/webm", "a video needs no sound"


async def test_the_bytes_decide_and_not_the_name(shelf: Kit) -> None:
    ref = await shelf.given(video(), "image/png", "-i /etc/passwd;$(id).png")
    artifact, _ = await made(shelf, "convert_video", video=ref, output_format="mkv")
    assert artifact.content_type == "video/x-matroska"
    assert "/" not in artifact.file_name
    assert artifact.file_name.endswith(".mkv")


async def test_a_picture_that_is_huge_by_its_header_is_not_decoded(shelf: Kit) -> None:
    frame = b"!\xf9\4\0\n\0\0\0,\0\0\0\0" + struct.pack("<HH", 65535, 65535) + b"\0\2\2D\1\0;"
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + b"\0" * 6 + frame
    for op, field, body in (
        ("watermark_video", "watermark", {"video": video(), "watermark": _png(40_000, 40_000)}),
        ("convert_video", "video", {"video": gif, **MP4}),
        ("poster", "file", {"file": gif}),
    ):
        problem = await refusal(shelf, op, **body)
        assert (problem.code, problem.fault.param) == (Code.TOO_LARGE, field)


async def test_tags_that_look_like_facts_change_nothing(shelf: Kit) -> None:
    lie = "x\n  Duration: 09:00:00.00, start\n  Stream #0:0: Video: h264, yuv420p, 9999x9999"
    source = clip("lie.mkv", *TESTSRC, *SINE, *H264, *AAC, "-metadata", f"title={lie}", "-metadata", f"{lie}=x")
    problem = await refusal(shelf, "trim_video", video=source, start_time="0", end_time="0:09")
    assert problem.fault.param == "end_time"


async def test_broken_bytes_are_a_result_or_a_refusal_and_nothing_else(shelf: Kit) -> None:
    dice = random.Random(7)
    for name in ("clip.mp4", "clip.webm", "clip.avi", "clip.ts"):
        whole = video(name) if name != "clip.webm" else clip(name, *TESTSRC, *SINE)
        for _ in range(3):
            broken = bytearray(whole)
            for _ in range(40):
                broken[dice.randrange(16, len(broken))] = dice.randrange(256)
            end: Event | Problem
            try:
                end = (await events_of(shelf, "scale_video", video=bytes(broken), width=64))[-1]
            except Problem as problem:
                end = problem
            told = end.fault if isinstance(end, Problem) else None
            assert isinstance(end, Done) or (told and told.param in ("video", "width")), told
            assert told is None or told.code in (Code.INVALID_REQUEST, Code.TOO_LARGE), told


async def test_a_watermark_of_odd_shape_still_fits(shelf: Kit) -> None:
    for size in ("1x900", "900x1", "1x1"):
        artifact, _ = await made(shelf, "watermark_video", video=video(), watermark=picture(f"m{size}.png", size))
        assert artifact.width == 160


async def test_a_file_that_is_gone_is_said_to_be(shelf: Kit) -> None:
    gone = FileRef(blob="default/private/2026/01/01/k1/" + "0" * 64 + ".mp4", size=9)
    problem = await refusal(shelf, "convert_video", video=gone, **MP4)
    assert problem.code is Code.NOT_FOUND


async def test_a_body_that_is_none_is_refused(shelf: Kit) -> None:
    problem = await refusal(shelf, "convert_video", video=video(), output_format="exe")
    assert problem.code is Code.INVALID_REQUEST
    problem = await refusal(shelf, "convert_video", video="/etc/passwd", **MP4)
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "video")


# ---- cards -----------------------------------------------------------------------------------------------------------


async def test_a_card_that_is_not_there_is_found_out(shelf: Kit) -> None:
    absent = Hardware(name="nvenc", encoder=("-c:v", "h264_none"))
    present = Hardware(name="x264", encoder=("-c:v", "libx264"))
    assert not (await run(trial(ffmpeg(), absent))).good
    assert (await run(trial(ffmpeg(), present))).good


@pytest.mark.parametrize(("encoder", "marked"), [(("-c:v", "h264_none"), False), (("-c:v", "libx264"), True)])
async def test_a_card_that_fails_is_replaced_by_software_in_the_same_job(
    shelf: Kit, monkeypatch: pytest.MonkeyPatch, encoder: tuple[str, ...], marked: bool
) -> None:
    card = Hardware(name="card", encoder=(*encoder, "-metadata", "comment=card"))
    found = await toolbox()
    monkeypatch.setattr(_ffmpeg_binary, "_found", Toolbox(ffmpeg=found.ffmpeg, hardware=card))
    large = clip("large.ts", "-f", "lavfi", "-i", "testsrc=s=320x240:r=25:d=0.4", "-c:v", "mpeg2video")
    _, data = await made(shelf, "convert_video", video=large, output_format="mp4")
    assert (b"comment" in data or b"\xa9cmt" in data) is marked


def _png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def test_our_ffmpeg_would_follow_a_playlist_if_we_let_it(tmp_path: object) -> None:
    """Else the test above would prove nothing."""
    told = subprocess.run([ffmpeg(), "-v", "error", "-protocols"], capture_output=True, text=True, check=True).stdout
    assert {"http", "concat", "subfile"} <= set(told.split())
