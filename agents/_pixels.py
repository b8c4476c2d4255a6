"""Pictures in memory: opened with care, made upright and sRGB, saved in seven formats. libvips is spoken to here.

A picture comes from a stranger, so its first bytes decide which loader reads it, every other loader is blocked, and its
header is held against the limits before a pixel is decoded. What a newcomer would get wrong: a picture is lazy. That it is
damaged shows only when it is saved, so both ends turn libvips' errors into a `Problem` that names the field.
"""

import os
import re
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pyvips

from agents import _bmp
from schemas.problem import Code, Problem

MAX_PIXELS = 100_000_000
"""Of one picture, over all its frames; by the header, before it is decoded, and of what shall come out."""
MAX_FRAMES = 1_000
MAX_BYTES = 256 * 1024 * 1024
LARGE = 16_000_000
"""Pixels from which on a picture is worked on alone: two of 100 million at a time would be two times 400 MB."""
WORKERS = min(8, max(2, os.cpu_count() or 2))

FORMATS = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "avif": "image/avif",
}
READABLE = "jpg, png, gif, bmp, tiff, webp, avif and svg"
MOVING = ("gif", "webp")
"""Formats that may hold several frames."""
_SIDES = {"jpg": 65_500, "webp": 16_383, "gif": 65_535, "avif": 16_384}
"""The longest side that a format (or its encoder) can hold."""
_MOST = {"avif": 25_000_000, "gif": 50_000_000, "bmp": 50_000_000}
"""Pixels, where an encoder needs all of them at once or a minute for them: 15 s and 500 MB for as large an AVIF."""
_LOADERS = {"jpg": "jpeg", "png": "png", "gif": "gif", "webp": "webp", "tiff": "tiff", "avif": "heif"}
_QUALITY = {"jpg": 90, "webp": 80, "avif": 60}
_SAVE: dict[str, dict[str, Any]] = {
    "jpg": {"optimize_coding": True},
    "png": {"compression": 6},
    "gif": {"effort": 5},
    "tiff": {"compression": "deflate", "predictor": "horizontal"},
    "webp": {"effort": 2},  # half the time of libwebp's own 4, for 4 % more bytes
    "avif": {"effort": 2, "compression": "av1", "bitdepth": 8},  # 4 takes seven times as long, for 15 % fewer bytes
}
_alone = threading.Lock()


def _begin() -> None:
    pyvips.cache_set_max(0)  # operations are never the same twice, and a cached one holds its pixels
    pyvips.concurrency_set(1)  # many pictures at a time are better than one picture in many threads
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in ("Jpeg", "Png", "Nsgif", "Webp", "Tiff", "Heif"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)


_begin()


class Stopped(Exception):
    """The job was cancelled while its picture was worked on."""


class Switch:
    """Stops one job's work in its thread: `watch` what is evaluated there, `kill` from anywhere."""

    def __init__(self) -> None:
        self.dead = False
        self._image: Any = None

    def watch(self, image: Any) -> Any:
        self._image = image
        if self.dead:
            raise Stopped
        return image

    def kill(self) -> None:
        self.dead = True
        if (image := self._image) is not None:
            image.set_kill(True)


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """An open picture. `image` holds all frames below each other, `height` is that of one."""

    image: Any
    kind: str
    width: int
    height: int
    frames: int = 1
    param: str = "image"

    @property
    def moving(self) -> bool:
        return self.frames > 1

    def each(self, change: Callable[[Any], Any]) -> "Picture":
        """The same picture with `change` made to each frame."""
        if not self.moving:
            image = change(self.image)
            return msgspec.structs.replace(self, image=image, width=image.width, height=image.height)
        rows = (self.image.crop(0, at * self.height, self.width, self.height) for at in range(self.frames))
        made = [change(row) for row in rows]
        image = pyvips.Image.arrayjoin(made, across=1).copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", made[0].height)
        return msgspec.structs.replace(self, image=image, width=made[0].width, height=made[0].height)


def kind_of(head: bytes) -> str:
    """What a file is by its first bytes; empty: no picture that we know."""
    for start, kind in ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF8", "gif"), (b"BM", "bmp")):
        if head.startswith(start):
            return kind
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and (b"avif" in head[8:64] or b"avis" in head[8:64]):
        return "avif"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "svg" if text.startswith((b"<?xml", b"<svg", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in head else ""


def open_picture(
    source: bytes | Path, param: str = "image", *, moving: bool = True, target: float = 0, most: int = MAX_PIXELS
) -> Picture:
    """Open it and check its header; `moving`: with all of its frames, `most`: pixels. Raises `Problem` that names `param`.

    `target`: the least factor by which it will be made smaller; a JPEG is then decoded smaller, which costs a fraction.
    """
    head = source[:4096] if isinstance(source, bytes) else _head(source)
    if not head:
        raise _bad(param, "the file is empty")
    kind = kind_of(head)
    if kind == "bmp":
        return _open_bmp(source if isinstance(source, bytes) else source.read_bytes(), param, most)
    if kind not in _LOADERS:
        raise _bad(param, f"it is none of {READABLE}")
    try:
        image = _load(source, kind)
        frames = int(image.get("n-pages")) if image.get_typeof("n-pages") and kind in MOVING and moving else 1
        _check_size(param, (image.width, image.height, frames), most)
        if frames > 1:
            image = _load(source, kind, n=-1, access="random")
            height = image.height // frames
            return Picture(image=image, kind=kind, width=image.width, height=height, frames=frames, param=param)
        if kind == "jpg" and target >= 4:  # the same margin as vips' own thumbnail: half the work is left to the filter
            image = _load(source, kind, shrink=8 if target >= 16 else 4 if target >= 8 else 2)
        image = _upright(image)
    except pyvips.Error as error:
        raise _damaged(param, error) from error
    return Picture(image=image, kind=kind, width=image.width, height=image.height, param=param)


def srgb(picture: Picture, deep: bool = False) -> Picture:
    """The same colours as 8-bit sRGB or grey (`deep`: 16 bits where it has 16), so that no profile need go along."""
    image = picture.image
    deep = deep and image.interpretation in ("rgb16", "grey16")
    if image.get_typeof("icc-profile-data"):
        try:
            image = image.icc_transform("srgb", embedded=True, depth=16 if deep else 8)
        except pyvips.Error:  # a profile that doesn't fit its picture
            image = image.copy()
            image.remove("icc-profile-data")
    wanted = {False: ("srgb", "b-w"), True: ("rgb16", "grey16")}[deep]
    try:
        if image.interpretation not in wanted:
            image = image.colourspace(wanted[1] if image.bands <= 2 and image.interpretation == "grey16" else wanted[0])
        if not deep and image.format != "uchar":
            image = image.cast("uchar")
    except pyvips.Error as error:
        raise _damaged(picture.param, error) from error
    return msgspec.structs.replace(picture, image=image)


def save(picture: Picture, to: str, switch: Switch, quality: int | None = None, param: str = "output_format") -> bytes:
    """The picture as a file of format `to`, without metadata. Frames are kept where the format can hold them.

    Raises `Problem` for a damaged picture and for one too large for the format (then it names `param`), `Stopped` when it
    was killed.
    """
    if picture.moving and to not in MOVING:
        first = picture.image.crop(0, 0, picture.width, picture.height).copy()
        first.remove("page-height")
        picture = msgspec.structs.replace(picture, image=first, frames=1)
    longest, pixels = _SIDES.get(to, 65_535), picture.image.width * picture.image.height
    if max(picture.width, picture.height) > longest or pixels > _MOST.get(to, MAX_PIXELS):
        most = f"{longest} pixels a side and {_MOST.get(to, MAX_PIXELS) // 1_000_000} million in all"
        raise _wrong(param, f"A {to} can have at most {most}; this one would have {picture.width} x {picture.height}.")
    picture = srgb(picture, deep=to in ("png", "tiff"))
    with _alone if pixels > LARGE else nullcontext():
        try:
            return _saved(switch, picture.image, to, quality or _QUALITY.get(to, 0))
        except pyvips.Error as error:
            if switch.dead:
                raise Stopped from error
            raise _damaged(picture.param, error) from error


def decoded(picture: Picture, switch: Switch) -> Any:
    """Its pixels in memory, now. Raises `Problem` when it is damaged, `Stopped` when it was killed."""
    try:
        return switch.watch(picture.image).copy_memory()
    except pyvips.Error as error:
        if switch.dead:
            raise Stopped from error
        raise _damaged(picture.param, error) from error


def check_result(width: int, height: int, frames: int, param: str) -> None:
    """Refuse to make what nobody could open. Raises `Problem`."""
    if width * height * frames > MAX_PIXELS:
        sentence = f"The result would have {width} x {height} pixels"
        each = f" in each of {frames} frames" if frames > 1 else ""
        raise _wrong(param, f"{sentence}{each}; at most {MAX_PIXELS // 1_000_000} million can be made.")


def _saved(switch: Switch, image: Any, to: str, quality: int) -> bytes:
    if image.hasalpha() and to == "jpg":
        image = image.flatten(background=255)
    if to == "bmp":
        image = image if image.bands > 2 else image.colourspace("srgb")
        return _bmp.save(switch.watch(image).copy_memory())
    options = dict(_SAVE[to])
    if to in _QUALITY:
        options["Q"] = quality
    if image.width * image.height > LARGE:
        options.pop("optimize_coding", None)  # it would hold the whole file's coefficients
    made: bytes = switch.watch(image).write_to_buffer(f".{to}", keep="none", **options)
    return made


def _load(source: bytes | Path, kind: str, **options: Any) -> Any:
    more = {"access": "sequential", "fail_on": "truncated", **options}
    name = f"{_LOADERS[kind]}load"
    if isinstance(source, bytes):
        return getattr(pyvips.Image, f"{name}_buffer")(source, **more)
    return getattr(pyvips.Image, name)(str(source), **more)


def _upright(image: Any) -> Any:
    """As its EXIF says it was held. A turned picture is read in another order than it is stored, so it must be whole."""
    turned = image.get("orientation") if image.get_typeof("orientation") else 1
    return image.copy_memory().autorot() if turned in range(2, 9) else image


def _open_bmp(data: bytes, param: str, most: int) -> Picture:
    try:
        head = _bmp.header_of(data)
        _check_size(param, (head.width, head.height, 1), most)
        image = _bmp.load(data)
    except (ValueError, pyvips.Error) as error:
        raise _bad(param, str(error) if isinstance(error, ValueError) else "it is damaged") from error
    return Picture(image=image, kind="bmp", width=image.width, height=image.height, param=param)


def _check_size(param: str, size: tuple[int, int, int], most: int) -> None:
    width, height, frames = size
    if frames > MAX_FRAMES:
        raise _too_large(param, f"{frames} frames; at most {MAX_FRAMES} can be worked on")
    if width * height * frames > min(most, MAX_PIXELS):
        each = f" in each of {frames} frames" if frames > 1 else ""
        what = f"{width} x {height} pixels{each}; at most {min(most, MAX_PIXELS) / 1e6:g} million can be worked on"
        raise _too_large(param, what)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _wrong(param: str, sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence, param=param)


def _bad(param: str, why: str) -> Problem:
    return _wrong(param, f"The file in '{param}' is no picture that can be read: {why}.")


def _too_large(param: str, what: str) -> Problem:
    return Problem(Code.TOO_LARGE, f"The picture in '{param}' has {what}.", param=param)


def _damaged(param: str, error: pyvips.Error) -> Problem:
    """libvips' own words, the first line of them (those behind it only say that nothing could be made of it), without
    what could be a path."""
    lines = [line.strip() for line in str(error.detail or error).splitlines() if line.strip()]
    words = re.sub(r"\S*/\S*", "…", lines[0])[:120] if lines else "it can't be decoded"
    return _bad(param, f"it is damaged or cut off ({words})")
