"""Command lines as values: what may stand in them, and what decides it. Nothing runs here."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents._command import Ended
from agents._ffmpeg_binary import Hardware, Toolbox, cards, newest, version_of
from agents._ffmpeg_edits import edit_of, moment, span
from agents._ffmpeg_facts import Facts, asking, from_json, from_words
from agents._ffmpeg_formats import AUDIO, VIDEO
from agents._ffmpeg_plan import Input, ladder
from agents._ffmpeg_run import Count
from agents._ffmpeg_sniff import Kind, kind_of
from schemas import media
from schemas.events import Progress
from schemas.media import FileRef
from schemas.problem import Code, Fault, Problem

MP4, TS, PNG = Kind("mp4", "mov", "film"), Kind("ts", "mpegts", "film"), Kind("png", "png_pipe", "picture")
WAV = Kind("wav", "wav", "sound")
FOLDER = Path("/job")
BOX = Toolbox(ffmpeg="/bin/ffmpeg")
CARD = Hardware(name="vaapi", encoder=("-c:v", "h264_vaapi"), start=("-filter_hw_device", "card"), upload=("hwupload",))
HOSTILE = "$(x) `x` ; -i /etc/passwd ../../ %d file:http://h, [v] \n '\" -y"

texts = st.one_of(st.just(HOSTILE), st.text(min_size=1, max_size=20))
refs = st.builds(lambda name: FileRef(blob=name, name=name, url=name, content_type=name), texts)
frees: dict[str, Any] = {"model": texts, "tag": texts, "state": texts, "ref_id": texts, "reply_to": texts}
sides = st.integers(1, 9000)
facts = st.builds(
    Facts,
    kind=st.sampled_from([MP4, TS, Kind("gif", "gif", "film"), Kind("webm", "matroska", "film")]),
    seconds=st.one_of(st.none(), st.floats(0.01, 1e6)),
    video=st.sampled_from(["h264", "vp9", "gif", "mpeg4"]),
    audio=st.sampled_from(["", "aac", "opus", "mp3"]),
    pixels=st.sampled_from(["yuv420p", "rgb24", ""]),
    width=st.integers(1, 16384),
    height=st.integers(1, 16384),
    turned=st.booleans(),
    aspect=st.floats(0.01, 100),
)
times = st.one_of(st.sampled_from(["0", "1.5", "0:01", "1:00:00.25", "-1", "1e3", HOSTILE[:20]]), st.text(max_size=20))
pixel, length = st.integers(0, 65535), st.integers(1, 65535)
requests = st.one_of(
    st.builds(media.ConvertVideo, video=refs, output_format=st.sampled_from(sorted(VIDEO)), **frees),
    st.builds(media.CropVideo, video=refs, x=pixel, y=pixel, width=length, height=length, **frees),
    st.builds(media.ScaleVideo, video=refs, width=st.one_of(st.none(), sides), height=st.one_of(st.none(), sides), **frees),
    st.builds(
        media.WatermarkVideo, video=refs, watermark=refs, opacity=st.floats(0, 1), watermark_scale=st.floats(0.0001, 1),
        position=st.sampled_from(["TopLeft", "TopRight", "BottomLeft", "BottomRight", "Center"]), **frees,
    ),
    st.builds(media.TrimVideo, video=refs, start_time=times, end_time=st.one_of(st.none(), times), **frees),
    st.builds(media.TrimAudio, audio=refs, start_time=times, end_time=st.one_of(st.none(), times), **frees),
    st.builds(media.ConvertAudio, audio=refs, output_format=st.sampled_from(sorted(AUDIO)), **frees),
    st.builds(media.Poster, file=refs, width=length, height=length, **frees),
)  # fmt: skip
OPTIONS = (
    "-nostdin -hide_banner -v -nostats -progress -stats_period -max_alloc -filter_threads -filter_complex_threads -y"
    " -protocol_whitelist -format_whitelist -f -max_pixels -threads -i -ss -t -map -vf -af -filter_complex -c:v -c:a"
    " -preset -crf -pix_fmt -threads:v -b:a -q:a -q:v -deadline -cpu-used -row-mt -b:v -tag:v -movflags -rf64"
    " -frames:v -vn -an -sn -dn -filter_hw_device"
)
KNOWN = set(re.split(" ", OPTIONS))
GRAPH = re.compile(r"(?:[a-z0-9_]+|[][(),;:=|'.*/+-]|[A-Z])*", re.ASCII)
T = TypeVar("T")


def or_refusal(decide: Callable[[], T]) -> T | Fault:
    """What it decides, or why it does not."""
    try:
        return decide()
    except Problem as refused:
        return refused.fault


PATHS = {"/bin/ffmpeg", "/job/in", "/job/mark", "/job/palette.png"}


@given(request=requests, known=facts, mark=facts, card=st.sampled_from([None, CARD]))
def test_no_text_of_a_caller_comes_into_a_command_line(
    request: media.Media, known: Facts, mark: Facts, card: Hardware | None
) -> None:
    marks = (Input(PNG, FOLDER / "mark"),) if isinstance(request, media.WatermarkVideo) else ()
    edit = or_refusal(lambda: edit_of(request, known, *([mark] if marks else [])))
    if isinstance(edit, Fault):
        assert edit.code is Code.INVALID_REQUEST
        assert edit.param in request.__struct_fields__
        return
    plans = ladder(
        Toolbox(ffmpeg="/bin/ffmpeg", hardware=card), edit, known, (Input(known.kind, FOLDER / "in"), *marks)
    )
    assert plans[-1].way == "software"
    for argv in (argv for plan in plans for argv in plan.steps):
        assert argv[0] == "/bin/ffmpeg"
        assert argv[-1] in (f"/job/out.{edit.to.name}", "/job/palette.png")
        for word in argv[:-1]:
            assert word in KNOWN if word.startswith("-") else word in PATHS or GRAPH.fullmatch(word), word
        inputs = [at for at, word in enumerate(argv) if word == "-i"]
        assert len(inputs) == argv.count("-protocol_whitelist")
        assert all(argv[at + 1] in PATHS for at in inputs)


@given(text=st.text(max_size=20))
def test_a_time_is_seconds_or_a_refusal(text: str) -> None:
    found = or_refusal(lambda: moment(text, "start_time"))
    if isinstance(found, Fault):
        assert (found.code, found.param) == (Code.INVALID_REQUEST, "start_time")
    else:
        assert 0 <= found < 1e8


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("0", 0), ("1:05", 65), ("00:01:05.250", 65.25), ("120:00", 7200), ("2:00:00", 7200),
     ("0:00.5", 0.5)],
)  # fmt: skip
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert moment(text, "start_time") == seconds


@pytest.mark.parametrize(
    "text", ["", "-1", "1:60", "1:60:00", "1:2:3:4", "1e3", "nan", "inf", "١٢", "1,5", "0x10", ":5"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="no time"):
        moment(text, "end_time")


def test_an_end_that_players_round_is_still_the_end() -> None:
    assert span("0", "2.04", 2.0) == (0.0, 2.04)
    with pytest.raises(Problem, match=r"0:02 long"):
        span("0", "2.06", 2.0)


def test_a_card_is_tried_before_software_and_not_for_stamps() -> None:
    box = Toolbox(ffmpeg="/bin/ffmpeg", hardware=CARD)
    large = Facts(kind=TS, seconds=2.0, video="mpeg2video", width=640, height=480)
    for known, ways in (
        (large, ["hardware", "software"]),
        (Facts(kind=TS, video="x", width=160, height=120), ["software"]),
    ):
        edit = edit_of(media.ConvertVideo(video="x", output_format="mp4"), known)
        plans = ladder(box, edit, known, (Input(TS, FOLDER / "in"),))
        assert [plan.way for plan in plans] == ways
    hardware = ladder(box, edit_of(media.ScaleVideo(video="x", width=600), large), large, (Input(TS, FOLDER / "in"),))[
        0
    ]
    assert "scale=600:450,setsar=1,hwupload" in hardware.steps[0]


def test_streams_that_fit_are_copied_and_others_are_not() -> None:
    fit = Facts(kind=Kind("mkv", "matroska", "film"), video="h264", audio="aac", pixels="yuv420p", width=64, height=64)
    request = media.ConvertVideo(video="x", output_format="mp4")

    def ways(known: Facts) -> list[str]:
        return [plan.way for plan in ladder(BOX, edit_of(request, known), known, (Input(known.kind, FOLDER / "in"),))]

    assert ways(fit) == ["copy", "software"]
    for change in ({"turned": True}, {"pixels": "yuv444p"}, {"video": "vp9"}, {"width": 63}):
        assert ways(msgspec.structs.replace(fit, **change)) == ["software"]


def test_a_trim_seeks_where_the_format_can_and_counts_where_not() -> None:
    request = media.TrimVideo(video="x", start_time="1", end_time="1.5")
    for kind, before in ((MP4, True), (TS, False)):
        known = Facts(kind=kind, seconds=2.0, video="h264", pixels="yuv420p", width=64, height=64)
        (argv,) = ladder(BOX, edit_of(request, known), known, (Input(kind, FOLDER / "in"),))[-1].steps
        assert (argv.index("-ss") < argv.index("-i")) is before
        assert argv[argv.index("-t") + 1] == "0.500000"


# ---- the binary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version"),
    [("ffmpeg version n9.0.2-17-g2a5 Copyright", (9, 0, 2)), ("ffmpeg version 5.1.6-0+deb12u1 Copy", (5, 1, 6)),
     ("ffmpeg version 7.1 Copyright", (7, 1)), ("ffmpeg version N-66595-gc2b38619c0-static", ()), ("", ())],
)  # fmt: skip
def test_a_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_the_newer_ffmpeg_is_used_and_the_wheels_where_they_are_equal() -> None:
    assert newest([("wheel", (7, 0, 2)), ("path", (7, 1))])[0] == "path"
    assert newest([("wheel", (7, 1)), ("path", (7, 1))])[0] == "wheel"
    assert newest([("wheel", (7, 1)), ("path", ())])[0] == "wheel"
    with pytest.raises(Problem, match="imageio-ffmpeg"):
        newest([])


def test_only_cards_that_are_there_are_tried(tmp_path: Path) -> None:
    assert cards("linux", tmp_path) == []
    (tmp_path / "nvidia0").touch()
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    assert [card.name for card in cards("linux", tmp_path)] == ["nvenc", "qsv", "vaapi"]
    assert [card.name for card in cards("darwin", tmp_path)] == ["videotoolbox"]


# ---- facts -----------------------------------------------------------------------------------------------------------

SAID = """Input #0, mov,mp4,m4a,3gp,3g2,mj2, from '/job/in':
  Metadata:
    title           :   Duration: 09:00:00.00
    comment         :
                    :   Stream #0:7: Video: png, rgb24, 9999x9999
  Duration: 00:01:02.50, start: 0.000000, bitrate: 118 kb/s
  Stream #0:0[0x1](und): Video: mjpeg (Baseline), yuvj420p(pc), 600x600 [SAR 1:1 DAR 1:1], 90k tbr (attached pic)
  Stream #0:1[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709), 720x576 [SAR 16:15 DAR 4:3], 25 fps
    Side data:
      {matrix}: rotation of -90.00 degrees
  Stream #0:2[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, mono, fltp, 69 kb/s (default)
"""


@pytest.mark.parametrize("matrix", ["displaymatrix", "Display Matrix"])
def test_facts_are_read_from_what_ffmpeg_says(matrix: str) -> None:
    expected = Facts(
        kind=MP4, seconds=62.5, video="h264", pixels="yuv420p", width=576, height=720, turned=True, aspect=15 / 16, audio="aac"
    )  # fmt: skip
    assert from_words(MP4, SAID.format(matrix=matrix)) == expected


def test_facts_are_read_from_ffprobe_too() -> None:
    told = b"""{"streams": [
      {"codec_type": "video", "codec_name": "mjpeg", "width": 600, "height": 600, "disposition": {"attached_pic": 1}},
      {"codec_type": "video", "codec_name": "h264", "width": 720, "height": 576, "pix_fmt": "yuv420p",
       "sample_aspect_ratio": "16:15", "disposition": {"attached_pic": 0}, "side_data_list": [{"rotation": -90}]},
      {"codec_type": "audio", "codec_name": "aac"}], "format": {"duration": "62.500000"}}"""
    expected = from_words(MP4, SAID.format(matrix="displaymatrix"))
    assert from_json(MP4, Ended(code=0, tail="", output=told)) == expected


@given(said=st.one_of(st.text(), st.text().map(lambda text: SAID.format(matrix="x") + text)))
def test_no_text_on_stderr_upsets_the_reader(said: str) -> None:
    found = from_words(MP4, said)
    assert found is None or (found.seconds is None or found.seconds > 0)


@given(output=st.one_of(st.binary(), st.recursive(
    st.one_of(st.none(), st.integers(), st.text(), st.just("streams")),
    lambda inner: st.dictionaries(st.sampled_from(["streams", "format", "duration", "width", "side_data_list"]), inner)
    | st.lists(inner),
).map(lambda value: msgspec.json.encode(value))))  # fmt: skip
def test_no_json_upsets_the_reader(output: bytes) -> None:
    found = from_json(MP4, Ended(code=0, tail="", output=output))
    assert found is None or isinstance(found, Facts)


def test_ffprobe_is_asked_first_where_it_is() -> None:
    assert [command.argv[0] for command in asking(BOX, WAV, FOLDER / "in")] == ["/bin/ffmpeg"]
    both = asking(Toolbox(ffmpeg="/bin/ffmpeg", ffprobe="/bin/ffprobe"), WAV, FOLDER / "in")
    assert [command.argv[0] for command in both] == ["/bin/ffprobe", "/bin/ffmpeg"]
    assert all(one.argv[one.argv.index("-format_whitelist") + 1] == "wav" for one in both)


# ---- sniffing --------------------------------------------------------------------------------------------------------


@given(head=st.binary(max_size=600))
def test_any_bytes_are_a_known_kind_or_none(head: bytes) -> None:
    found = kind_of(head)
    forbidden = {"hls", "concat", "sdp", "dash", "image2", "lavfi", "svg_pipe", "rtsp", "tty", "webvtt", "imf"}
    assert found is None or found.demuxer not in forbidden


@pytest.mark.parametrize(
    "head",
    [b"", b"hello", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"v=0\r\no=- 0 0 IN",
     b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?><MPD/>", b"\xff\xfe\x00\x00", b"RIFF\0\0\0\0ABCD",
     b"[playlist]\n", b"%PDF-1.7"],
)  # fmt: skip
def test_what_is_no_media_is_not_opened(head: bytes) -> None:
    assert kind_of(head + b"\n" * 400) is None


# ---- progress --------------------------------------------------------------------------------------------------------


@given(lines=st.lists(st.one_of(
    st.integers(-(10**9), 10**9).map(lambda us: f"out_time_us={us}"), st.sampled_from(["progress=continue", "out_time_us=N/A"]),
    st.text(max_size=20),
)), expected=st.one_of(st.none(), st.floats(0.01, 100)))  # fmt: skip
def test_progress_never_falls_and_never_leaves_its_range(lines: list[str], expected: float | None) -> None:
    count, before = Count(expected, 2), 0.0
    for number, line in enumerate(lines):
        told = count.feed(line)
        if isinstance(told, Progress) and told.share is not None:
            assert before <= told.share < 1
            before = told.share
        if number == len(lines) // 2:
            count.next()
