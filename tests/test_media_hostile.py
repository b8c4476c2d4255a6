"""What a careless or hostile caller sends, at the real doors of a whole house, to its real agents: each time a clear refusal
that names the field, and nothing left behind: no record, no bytes in the store, no temporary folder."""

import json
import os
import socket
import struct
import urllib.error
import urllib.request
import zlib
from asyncio import Runner
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import pyvips
from ffmpeg_kit import AAC, H264, SINE, TESTSRC, clip
from up_house import Up, cli, house, until

from bus.connection import Link, open_bus
from storage.blobs import BUCKET, STREAM, BlobStore

Parts = tuple[tuple[str, str | tuple[str, str]], ...]
"""Names of a form's parts with their text, or with the name of one of our files and the name it is sent under."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "temp").mkdir()
    text = '[providers.speech]\nkind = "speech"\nslots = 1\n'
    with house(folder, settings=text, env={"AI_SERVER_TRANSFORMS": "1", "TMPDIR": str(folder / "temp")}) as running:
        until(
            lambda: {"whisper-1", "ffmpeg", "image"} <= set(cli("models", data=running.data).stdout.split()),
            30,
            "models",
        )
        yield running
        if running in LOOPS:
            LOOPS.pop(running).close()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    picture = pyvips.Image.gaussnoise(320, 200).cast("uchar").bandjoin([90, 30]).copy(interpretation="srgb")
    jpeg: bytes = picture.jpegsave_buffer()
    film = clip("clip.mp4", *TESTSRC, *H264)
    return {
        "good.png": picture.pngsave_buffer(),
        "cut.jpg": jpeg[: len(jpeg) // 3],
        "text.png": b"these are words and no picture\n" * 20,
        "empty.png": b"",
        "bomb.png": bomb(40_000),
        "clip.mp4": film,
        "cut.mp4": film[: len(film) // 2],
        "sound.mp4": clip("sound.mp4", *SINE, *AAC),
    }


def bomb(side: int) -> bytes:
    """A whole png of `side` x `side` black pixels, and small."""
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes((side // 8 + 1) * 1000)) for _ in range(side // 1000)]
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", b"".join(rows) + packer.flush()), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def part(name: str, file: str, told: str = "") -> tuple[str, tuple[str, str]]:
    return name, (file, told or file)


BAD: dict[str, tuple[str, Parts, int, str]] = {
    "cut_jpeg": ("/media/convert_image", (part("image", "cut.jpg"), ("output_format", "webp")), 400, "image"),
    "text_as_png": ("/media/convert_image", (part("image", "text.png"), ("output_format", "webp")), 400, "image"),
    "no_bytes": ("/media/scale_image", (part("image", "empty.png"), ("width", "20")), 400, "image"),
    "bomb": ("/media/scale_image", (part("image", "bomb.png"), ("width", "20")), 413, "image"),
    "bomb_as_a_watermark": (
        "/media/watermark_image", (part("image", "good.png"), part("watermark", "bomb.png")), 413, "watermark",
    ),
    "bomb_on_a_film": (
        "/media/watermark_video", (part("video", "clip.mp4"), part("watermark", "bomb.png")), 413, "watermark",
    ),
    "text_as_a_watermark": (
        "/media/watermark_image", (part("image", "good.png"), part("watermark", "text.png")), 400, "watermark",
    ),
    "film_without_pictures": (
        "/media/convert_video", (part("video", "sound.mp4"), ("output_format", "webm")), 400, "video",
    ),
    "cut_film": ("/media/trim_video", (part("video", "cut.mp4"), ("start_time", "1")), 400, "video"),
    "picture_as_a_film": ("/media/trim_video", (part("video", "good.png", "a.mp4"), ("start_time", "1")), 400, "video"),
    "silent_sound": ("/media/trim_audio", (part("audio", "clip.mp4"), ("start_time", "1")), 400, "audio"),
    "crop_outside_the_picture": (
        "/media/crop_image", (part("image", "good.png"), ("x", "300"), ("width", "50"), ("height", "9")), 400, "width",
    ),
    "crop_outside_the_film": (
        "/media/crop_video", (part("video", "clip.mp4"), ("y", "100"), ("width", "9"), ("height", "50")), 400, "height",
    ),
    "trim_past_the_end": ("/media/trim_video", (part("video", "clip.mp4"), ("start_time", "0:09")), 400, "start_time"),
    "trim_backwards": (
        "/media/trim_video", (part("video", "clip.mp4"), ("startTime", "1"), ("endTime", "0.5")), 400, "startTime",
    ),
    "no_time": ("/media/trim_video", (part("video", "clip.mp4"), ("start_time", "1;-i /etc/passwd")), 400, "start_time"),
    "format_that_is_none": (
        "/media/convert_image", (part("image", "good.png"), ("outputFormat", "xcf")), 400, "outputFormat",
    ),
    "format_that_is_a_path": (
        "/media/convert_video", (part("video", "clip.mp4"), ("output_format", "../../x")), 400, "output_format",
    ),
    "no_file": ("/media/convert_image", (("output_format", "webp"),), 400, "image"),
    "no_second_file": ("/media/watermark_image", (part("image", "good.png"),), 400, "watermark"),
    "file_in_a_field_that_is_none": (
        "/media/convert_image", (part("picture", "good.png"), ("output_format", "webp")), 400, "picture",
    ),
    "path_as_a_file": (
        "/media/convert_image", (("image", "/artifacts/../../etc/passwd"), ("output_format", "webp")), 404, "image",
    ),
    "file_of_this_machine": (
        "/media/convert_image", (("image", "file:///etc/passwd"), ("output_format", "webp")), 400, "image",
    ),
    "text_as_sound": ("/v1/audio/transcriptions", (("model", "whisper-1"), part("file", "text.png", "a.mp3")), 400, "file"),
    "picture_as_sound": ("/v1/audio/transcriptions", (("model", "whisper-1"), part("file", "good.png")), 400, "file"),
    "no_sound": ("/v1/audio/transcriptions", (("model", "whisper-1"), part("file", "empty.png")), 400, "file"),
    "sound_missing": ("/v1/audio/transcriptions", (("model", "whisper-1"),), 400, "file"),
    "empty_upload": ("/files", (part("file", "empty.png"),), 400, "file"),
    "area_that_is_none": ("/files", (("area", "../public"), part("file", "good.png")), 400, "area"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_by_its_field_and_leaves_nothing(up: Up, files: dict[str, bytes], case: str) -> None:
    path, parts, status, param = BAD[case]
    got, told = post(up, path, parts, files)
    assert (got, told["error"]["param"]) == (status, param), told
    assert len(told["error"]["message"]) > 15
    assert not any(place in told["error"]["message"] for place in ("/tmp", str(up.folder), "Traceback"))
    clean(up)


def test_names_with_paths_are_names_and_nothing_more(up: Up, files: dict[str, bytes]) -> None:
    for told in ("../../../etc/passwd", "..\\..\\boot.ini", "/etc/cron.d/x", "a\0b.png", "C:evil.png", ".", "-y.png"):
        got, made = post(up, "/files", (part("file", "good.png", told),), files)
        assert got == 201, made
        assert not {"/", "\\", "\0"} & set(made["file_name"])
        assert made["url"].split("/")[2] == "private"
        assert ask(up, made["url"])[0] == 200
        assert ask(up, f"/files/{made['id']}", method="DELETE")[0] == 200
    for path in ("/files/..%2f..%2fetc%2fpasswd", "/artifacts/private/../../../etc/passwd"):
        assert ask(up, path, method="PUT" if path.startswith("/files") else "GET", data=b"x")[0] in (400, 404, 405)
    clean(up)


def test_what_is_over_the_quota_is_refused_before_it_comes_and_while_it_comes(up: Up) -> None:
    key = cli("keys", "create", "small", "--storage", "1MB", data=up.data).stdout.strip()
    form = "multipart/form-data; boundary=x"
    head = b'--x\r\nContent-Disposition: form-data; name="%b"; filename="a.mp4"\r\n\r\n'
    length, chunked = f"Content-Length: {3 * 1024**3}", "Transfer-Encoding: chunked"
    for method, path, kind, first, told, pieces in (
        ("PUT", "/files/a.bin", "video/mp4", b"", length, 0),  # not one byte of it is sent
        ("POST", "/media/trim_video", form, b"", length, 0),
        ("POST", "/files", form, head % b"file", length, 40),
        ("PUT", "/files/a.bin", "video/mp4", b"", chunked, 40),
        ("POST", "/files", form, head % b"file", chunked, 40),
        ("POST", "/media/trim_video", form, head % b"video", chunked, 40),
    ):
        said = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nContent-Type: {kind}\r\n{told}\r\n\r\n"
        status, answer = raw(up, said.encode(), first, pieces, framed=told == chunked)
        assert (status, answer["error"]["code"]) == (413, "request_too_large"), (path, answer)
        if pieces:
            assert answer["error"]["param"] in ("file", "video")
            assert "1,000,000 bytes" in answer["error"]["message"]
    usage = json.loads(ask(up, "/files/usage", key=key)[1])
    assert (usage["used"], usage["files"]) == (0, 0)
    clean(up)


def test_variants_of_what_is_no_picture_are_refused(up: Up, files: dict[str, bytes]) -> None:
    for name, status in (("text.png", 400), ("cut.jpg", 400), ("bomb.png", 413)):
        _, made = post(up, "/files", (part("file", name),), files)
        got, body = ask(up, f"/variants/width=50{made['url'].removeprefix('/artifacts')}")
        assert got == status, body
        assert ask(up, f"/files/{made['id']}", method="DELETE")[0] == 200
    clean(up)


def test_the_house_has_seen_no_fault_of_its_own(up: Up) -> None:
    """The last one here: the bytes are gone too, all that was refused was foreseen, and nobody died of it."""
    until(lambda: LOOPS.setdefault(up, Runner()).run(stored(up)) == ([], []), 5, "the bytes to be gone")
    log = up.log.read_text()
    assert "Traceback" not in log
    assert not any(word in log for word in ("child.ended", "request.failed", "job.left", "input.not_dropped"))


# ---- asking ------------------------------------------------------------------------------------------------------------


def post(up: Up, path: str, parts: Parts, files: dict[str, bytes]) -> tuple[int, Any]:
    body = b""
    for name, value in parts:
        head, data = f'--x\r\nContent-Disposition: form-data; name="{name}"', b""
        if isinstance(value, tuple):
            head, data = f'{head}; filename="{value[1]}"\r\nContent-Type: image/png', files[value[0]]
        else:
            data = value.encode()
        body += head.encode() + b"\r\n\r\n" + data + b"\r\n"
    status, told = ask(up, path, "POST", body + b"--x--\r\n", **{"Content-Type": "multipart/form-data; boundary=x"})
    return status, json.loads(told)


def ask(
    up: Up, path: str, method: str = "GET", data: bytes | None = None, key: str = "", **headers: str
) -> tuple[int, bytes]:
    heads = {"X-Api-Key": key or up.keys["app"], **headers}
    request = urllib.request.Request(up.url + path, data=data, method=method, headers=heads)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def raw(up: Up, head: bytes, first: bytes, most: int, *, framed: bool) -> tuple[int, Any]:
    """The answer to a request whose body never ends: at most `most` pieces of 256 KiB are sent, each after a look for it."""
    place = urlsplit(up.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as line:
        line.sendall(head)
        line.settimeout(0.05 if most else 10)
        got = b""
        for number in range(most):
            piece = (first if not number else b"") + os.urandom(262_144)
            try:
                line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if framed else piece)
                got = line.recv(65_536)
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        line.settimeout(10)
        while b"\r\n\r\n" not in got or not got.partition(b"\r\n\r\n")[2].endswith(b"}"):
            piece = line.recv(65_536)
            assert piece, got
            got += piece
    return int(got.split()[1]), json.loads(got.partition(b"\r\n\r\n")[2])


# ---- what is left ------------------------------------------------------------------------------------------------------

LOOPS: dict[Up, Runner] = {}
NOTHING: dict[str, list[str]] = {"records": [], "blobs": [], "folders": []}


def clean(up: Up) -> None:
    """What was refused is thrown away just after it was told."""
    found: list[dict[str, list[str]]] = []
    with suppress(AssertionError):
        until(lambda: found.append(left(up)) or found[-1] == NOTHING, 5)
    assert found[-1] == NOTHING


def left(up: Up) -> dict[str, list[str]]:
    listed = json.loads(ask(up, "/files?limit=100")[1])["data"]
    blobs, _ = LOOPS.setdefault(up, Runner()).run(stored(up))
    folders = [path.name for path in (up.folder / "temp").glob("ai-server-job-*")]
    return {"records": [one["file_name"] for one in listed], "blobs": blobs, "folders": folders}


async def stored(up: Up) -> tuple[list[str], list[str]]:
    """Names of blobs, and of chunks, in the whole store."""
    link = json.loads((up.data / "nats" / "run" / "link.json").read_text())
    async with open_bus(Link(link["url"], link["user"], link["password"]), "test") as bus:
        blobs = [blob.name async for blob in BlobStore(bus, ()).all()]
        info = await bus.api(f"STREAM.INFO.{STREAM}", {"subjects_filter": f"$O.{BUCKET}.C.>"}, timeout=5)
        return blobs, sorted(info["state"].get("subjects") or {})
