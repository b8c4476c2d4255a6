"""Pictures changed by libvips: convert, crop, scale, watermark, and variants for the web.

Work happens in threads of which there are as many as processors, for libvips is C and leaves Python alone meanwhile. What a
newcomer would get wrong: cancelling an `await` does not stop a thread. The `Switch` does, and the thread is free again only
when libvips has noticed. Results are PNG, as AI Server's are, unless the picture moves: then it keeps its format.
"""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from agents import _svg
from agents._media import Made, asked, file
from agents._pixels import FORMATS, MAX_BYTES, WORKERS, Picture, Switch, check_result, decoded, kind_of, save, srgb
from agents._pixels import open_picture as opened
from agents._sizes import check_inside, fitted, place_of, sides_of
from agents.agent import Agent, Handle, Tools
from schemas.events import Done, Event, Progress
from schemas.job import Job
from schemas.media import (
    Artifact,
    ConvertImage,
    CropImage,
    FileRef,
    Media,
    ScaleImage,
    Variant,
    WatermarkImage,
)
from schemas.operations import IMAGE, VARIANT
from schemas.problem import Code, Problem
from schemas.provider import Model

SECONDS = 120.0
"""For one picture, at most."""
SMALL = 32 * 1024 * 1024
"""Bytes of a file that is held in memory while it is read; a larger one goes to disk."""
INLINE = 6_000_000
"""Bytes of a variant: it travels in its job's one answer, and a message of NATS has an end."""

T = TypeVar("T", bound=Media)
Source = bytes | Path
Edit = Callable[[Any, list[Source], Switch], tuple[bytes, str, int, int]]
"""Request and files -> bytes, format, width and height. Runs in a thread."""

_threads = ThreadPoolExecutor(WORKERS, "image")


# ---- what is done to a picture: in a thread, raises `Problem` ----------------------------------------------------------


def convert(request: ConvertImage, files: list[Source], switch: Switch) -> tuple[bytes, str, int, int]:
    picture = opened(files[0])
    data = save(picture, request.output_format, switch, request.quality)
    return data, request.output_format, picture.width, picture.height


def crop(request: CropImage, files: list[Source], switch: Switch) -> tuple[bytes, str, int, int]:
    picture = opened(files[0])
    check_inside(request, picture.width, picture.height)
    box = (request.x, request.y, request.width, request.height)
    if request.y + request.height < picture.height:  # what lies below is not read otherwise, and may be cut off
        last = opened(files[0])
        decoded(msgspec.structs.replace(last, image=last.image.crop(0, last.image.height - 1, last.width, 1)), switch)
    return _kept(picture.each(lambda frame: frame.crop(*box)), switch)


def scale(request: ScaleImage, files: list[Source], switch: Switch) -> tuple[bytes, str, int, int]:
    """Both sides: exactly so, however it distorts."""
    picture = opened(files[0])
    if request.width is None and request.height is None:
        raise Problem(Code.INVALID_REQUEST, "Say width or height, or both.", param="width")
    width, height = sides_of(picture.width, picture.height, request.width, request.height)
    check_result(width, height, picture.frames, "width" if request.width else "height")
    if shrink := min(picture.width / width, picture.height / height):
        picture = opened(files[0], target=shrink)
    return _kept(_resized(picture, width, height), switch)


def watermark(request: WatermarkImage, files: list[Source], switch: Switch) -> tuple[bytes, str, int, int]:
    """Over each frame of a moving picture; of a moving watermark the first."""
    picture = srgb(opened(files[0]))
    mark = srgb(opened(files[1], "watermark", moving=False))
    width, height = (max(1, round(side * request.watermark_scale)) for side in (mark.width, mark.height))
    if width > picture.width or height > picture.height:
        sentence = f"The watermark would be {width} x {height} on a picture of {picture.width} x {picture.height}; "
        raise Problem(Code.INVALID_REQUEST, sentence + "make watermark_scale smaller.", param="watermark_scale")
    over = _veiled(_resized(mark, width, height), request.opacity, switch)
    x, y = place_of(request.position, (picture.width, picture.height), (width, height))

    def laid(frame: Any) -> Any:
        under = frame if frame.bands > 2 else frame.colourspace("srgb")
        made = under.composite2(over, "over", x=x, y=y).cast("uchar")
        return made if frame.hasalpha() else made[:3]

    return _kept(picture.each(laid), switch)


def variant(request: Variant, files: list[Source], switch: Switch) -> tuple[bytes, str, int, int]:
    """`inside` never enlarges. Others give exactly what was asked for: `cover` cuts, `contain` pads, `fill` distorts."""
    to = "jpg" if request.output_format == "jpeg" else request.output_format
    picture = opened(files[0], moving=to == "webp", most=request.pixels)
    inner, outer = fitted(request, picture.width, picture.height)
    check_result(*outer, picture.frames, "width")
    picture = opened(files[0], moving=to == "webp", target=min(picture.width / inner[0], picture.height / inner[1]))
    picture = _resized(picture, *inner)
    if inner != outer:
        picture = picture.each(lambda frame: _framed(frame, outer, request.fit == "cover", to != "jpg"))
    quality = round(request.quality * 0.75) if to == "avif" else request.quality  # what looks alike in both
    return save(picture, to, switch, max(1, quality)), to, picture.width, picture.height


def _resized(picture: Picture, width: int, height: int) -> Picture:
    if (picture.width, picture.height) == (width, height):
        return picture
    return picture.each(lambda frame: frame.thumbnail_image(width, height=height, size="force", no_rotate=True))


def _framed(frame: Any, outer: tuple[int, int], cut: bool, clear: bool) -> Any:
    """Cut to, or padded up to, `outer` around the middle. `clear`: what is added is transparent, else white."""
    x, y = (outer[0] - frame.width) // 2, (outer[1] - frame.height) // 2
    if cut:
        return frame.crop(-x, -y, *outer)
    if frame.interpretation not in ("srgb", "b-w"):
        frame = frame.colourspace("srgb")
    if not clear:
        flat = frame.flatten(background=255) if frame.hasalpha() else frame
        return flat.embed(x, y, *outer, extend="white")
    return (frame if frame.hasalpha() else frame.addalpha()).embed(x, y, *outer, extend="black")


def _veiled(mark: Picture, opacity: float, switch: Switch) -> Any:
    """The watermark with its alpha times `opacity`, decoded: so that its damage is told as its own."""
    image = mark.image if mark.image.bands > 2 else mark.image.colourspace("srgb")
    image = image if image.hasalpha() else image.addalpha()
    image = image[:3].bandjoin((image[3] * opacity).cast("uchar")).copy(interpretation="srgb")
    return decoded(msgspec.structs.replace(mark, image=image), switch)


def _kept(picture: Picture, switch: Switch) -> tuple[bytes, str, int, int]:
    to = picture.kind if picture.moving else "png"
    return save(picture, to, switch, param=picture.param), to, picture.width, picture.height


# ---- the way of a job --------------------------------------------------------------------------------------------------


def transform(request: type[T], edit: Callable[[T, list[Source], Switch], Any], *fields: str) -> Handle:
    """A handle that does `edit` with the files in `fields` and puts away what comes of it."""

    async def handle(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        wish, made = asked(job, request), Made()
        async with AsyncExitStack() as stack:
            files = [await _read(getattr(wish, field), field, tools, stack) for field in fields]
            yield Progress(0.3, "working")
            data, to, width, height = await _in_thread(partial(edit, wish, files))
        yield Progress(0.9, "storing")
        name = _name(getattr(wish, fields[0]), to)
        about = Artifact(file_name=name, width=width, height=height)
        made.artifacts.append(await tools.shelf.put(data, FORMATS[to], about))
        yield made.done(job, tools, wish)

    return handle


async def make_variant(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """Its answer is the picture itself: it becomes nobody's file, and the gateway that asked keeps it for a while."""
    wish = asked(job, Variant)
    async with AsyncExitStack() as stack:
        source = _inline(wish.image) or await _read(wish.image, "image", tools, stack)
        data, to, _, _ = await _in_thread(partial(variant, wish, [source]))
    if len(data) > INLINE:
        sentence = f"This variant would have {len(data) / 1e6:.1f} MB; at most {INLINE // 1_000_000} are made."
        raise Problem(Code.TOO_LARGE, sentence + " Ask for a smaller one, or for webp.", param="width")
    yield Done(body=data, content_type=FORMATS[to])


def _inline(value: str | FileRef) -> bytes:
    """A picture that the gateway sent along: the poster of a video. Empty: it is a file."""
    if not isinstance(value, str) or not value.startswith("data:"):
        return b""
    return base64.b64decode(value.partition(",")[2])


async def _read(value: str | FileRef, param: str, tools: Tools, stack: AsyncExitStack) -> Source:
    """A picture's file: in memory if it is small, else on disk. A drawing comes back as a picture."""
    ref, shelf = file(value, param), tools.shelf
    source: Source
    try:
        if ref.size > MAX_BYTES:
            raise Problem(Code.TOO_LARGE, "")
        if 0 < ref.size <= SMALL:
            source = await shelf.whole(ref, SMALL)
        else:
            source = await shelf.fetch(ref, await stack.enter_async_context(shelf.folder()))
            if (await asyncio.to_thread(source.stat)).st_size > MAX_BYTES:
                raise Problem(Code.TOO_LARGE, "")
    except Problem as problem:
        if problem.code is Code.TOO_LARGE:
            text = f"The file in '{param}' has more than {MAX_BYTES >> 20} MB."
            raise Problem(Code.TOO_LARGE, text, param=param) from problem
        raise Problem.of(msgspec.structs.replace(problem.fault, param=param)) from problem
    head = source[:4096] if isinstance(source, bytes) else await asyncio.to_thread(_head, source)
    if kind_of(head) == "svg":
        whole = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        return await _svg.drawn(whole, param)
    return source


async def _in_thread(work: Callable[[Switch], tuple[bytes, str, int, int]]) -> tuple[bytes, str, int, int]:
    """What `work` gives. Cancelled, it stops the thread's picture; the job need not wait until that has happened."""
    switch, loop = Switch(), asyncio.get_running_loop()
    begun = time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            return await loop.run_in_executor(_threads, work, switch)
    except TimeoutError as error:
        sentence = f"The picture took longer than {time.monotonic() - begun:.0f} s."
        raise Problem(Code.DEADLINE, sentence) from error
    finally:
        switch.kill()


def _head(path: Path) -> bytes:
    with path.open("rb") as opened_file:
        return opened_file.read(4096)


def _name(value: str | FileRef, to: str) -> str:
    """The caller's name of the file, with the ending of what it is now."""
    said = value.name if isinstance(value, FileRef) else ""
    return f"{Path(said).stem}.{to}" if said else ""


async def _models(tools: Tools) -> list[Model]:
    return [Model(name=IMAGE, op=op) for op in agent.handles]


agent = Agent(
    handles={
        "convert_image": transform(ConvertImage, convert, "image"),
        "crop_image": transform(CropImage, crop, "image"),
        "scale_image": transform(ScaleImage, scale, "image"),
        "watermark_image": transform(WatermarkImage, watermark, "image", "watermark"),
        VARIANT.name: make_variant,
    },
    models=_models,
    guarded=True,
)
