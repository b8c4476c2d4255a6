"""What is to be done to a file, decided from the request and the file's facts. Pure: nothing runs here.

What a newcomer would get wrong: no text of a caller's comes through. An `Edit` holds numbers and words of our own tables, and
whatever does not fit the file is refused here, with the field's name, before a decoder sees it.
"""

import re
from typing import Any

import msgspec

from agents._ffmpeg_facts import Facts
from agents._ffmpeg_formats import AUDIO, JPEG, PNG, VIDEO, Format, same_audio, same_video
from schemas import media
from schemas.problem import Code, Problem

MARGIN = 10
"""Pixels between a watermark and the edge."""
SLACK = 0.05
"""Seconds by which an end may lie behind the file's: players round."""
LARGEST = 7680
"""Pixels of a side that scaling may lead to."""
CANVAS = 16_000_000
"""Pixels of a waveform."""
_SPLIT = "split_channels=0:colors=0x4f8cff"
_PLACES = {
    "TopLeft": (f"{MARGIN}", f"{MARGIN}"),
    "TopRight": (f"W-w-{MARGIN}", f"{MARGIN}"),
    "BottomLeft": (f"{MARGIN}", f"H-h-{MARGIN}"),
    "BottomRight": (f"W-w-{MARGIN}", f"H-h-{MARGIN}"),
    "Center": ("(W-w)/2", "(H-h)/2"),
}


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """`filters`: of the picture. `mark`: filters of a second input, laid over it at `place`. Times in seconds."""

    to: Format
    filters: tuple[str, ...] = ()
    mark: tuple[str, ...] = ()
    place: tuple[str, str] = ("0", "0")
    start: float = 0.0
    length: float | None = None
    """None: to the end."""
    width: int | None = None
    """Of the result."""
    height: int | None = None
    seconds: float | None = None
    """That the result should have; None: unknown."""
    wave: str = ""
    """A filter that draws the sound."""

    @property
    def cut(self) -> bool:
        return self.start > 0 or self.length is not None


def edit_of(request: media.Media, facts: Facts, mark: Facts | None = None) -> Edit:
    """`mark`: the facts of a watermark. Raises `Problem(INVALID_REQUEST)` that names the field which does not fit the file."""
    match request:
        case media.ConvertVideo():
            return _sized(VIDEO[request.output_format], facts, (facts.width, facts.height))
        case media.CropVideo():
            return _crop(request, facts)
        case media.ScaleVideo():
            width, height = scaled(request.width, request.height, facts)
            square = (f"scale={width}:{height}", "setsar=1")
            return _sized(same_video(facts.kind), facts, (width, height), square)
        case media.WatermarkVideo() if mark is not None:
            return _watermark(request, facts, mark)
        case media.TrimVideo():
            start, end = span(request.start_time, request.end_time, facts.seconds)
            whole = _sized(same_video(facts.kind), facts, (facts.width, facts.height))
            return msgspec.structs.replace(whole, **_part(start, end, facts.seconds))
        case media.ConvertAudio():
            return Edit(to=AUDIO[request.output_format], seconds=facts.seconds)
        case media.TrimAudio():
            start, end = span(request.start_time, request.end_time, facts.seconds)
            return msgspec.structs.replace(Edit(to=same_audio(facts.kind)), **_part(start, end, facts.seconds))
        case media.Poster():
            return _poster(request, facts) if facts.width and facts.height else _waveform(request)
    raise Problem(Code.INVALID_REQUEST, "ffmpeg does not know this operation")


def moment(text: str, field: str) -> float:
    """Seconds of `90`, `1.5`, `m:ss`, `h:mm:ss.ms`. Raises `Problem(INVALID_REQUEST)` that names `field`."""
    found = re.fullmatch(r"(?:(?:(\d{1,3}):)?(\d{1,5}):)?(\d{1,7}(?:\.\d{1,6})?)", text.strip(), re.ASCII)
    hours, minutes, seconds = (int(found[1] or 0), int(found[2] or 0), float(found[3])) if found else (0, 0, -1.0)
    if not found or (found[2] is not None and seconds >= 60) or (found[1] is not None and minutes >= 60):
        sentence = f"{field} is no time: write seconds (90, 1.5), m:ss or h:mm:ss.ms"
        raise Problem(Code.INVALID_REQUEST, sentence, param=field)
    return hours * 3600 + minutes * 60 + seconds


def span(start_time: str, end_time: str | None, length: float | None) -> tuple[float, float | None]:
    """Start and end in seconds, within the file's `length` where that is known."""
    start = moment(start_time, "start_time")
    end = moment(end_time, "end_time") if end_time is not None else None
    if length is not None and end is not None and end > length + SLACK:
        sentence = f"end_time is {_clock(end)}, behind the end of the file, which is {_clock(length)} long"
        raise Problem(Code.INVALID_REQUEST, sentence, param="end_time")
    if end is not None and start >= end:
        sentence = f"start_time ({_clock(start)}) must lie before end_time ({_clock(end)})"
        raise Problem(Code.INVALID_REQUEST, sentence, param="start_time")
    if length is not None and start >= length:
        sentence = f"start_time is {_clock(start)}, behind the end of the file, which is {_clock(length)} long"
        raise Problem(Code.INVALID_REQUEST, sentence, param="start_time")
    return start, end


def scaled(width: int | None, height: int | None, facts: Facts) -> tuple[int, int]:
    """Both sides of the result, even. One alone keeps the aspect as shown, also where pixels are not square."""
    ratio = facts.width * facts.aspect / facts.height
    if width is None and height is None:
        raise Problem(Code.INVALID_REQUEST, "Give width, height or both", param="width")
    wide = width if width is not None else round((height or 0) * ratio)
    high = height if height is not None else round(wide / ratio)
    given, name, other = ("width", "high", high) if height is None else ("height", "wide", wide)
    if other > LARGEST:
        sentence = f"With this {given} the video would be {other} pixels {name}; at most {LARGEST} are possible"
        raise Problem(Code.INVALID_REQUEST, sentence, param=given)
    return even(wide), even(high)


def even(side: int) -> int:
    """The next smaller even number: colours are stored for two by two pixels."""
    return max(2, side - side % 2)


def _sized(to: Format, facts: Facts, size: tuple[int, int], filters: tuple[str, ...] = (), **more: Any) -> Edit:
    """An edit that ends in a size which the format takes."""
    width, height = size if to.name == "gif" else (even(size[0]), even(size[1]))
    if (width, height) != size:
        filters = (*filters, f"scale={width}:{height}")
    return Edit(to=to, filters=filters, width=width, height=height, seconds=facts.seconds, **more)


def _crop(request: media.CropVideo, facts: Facts) -> Edit:
    for field, start, side, whole in (
        ("width", request.x, request.width, facts.width),
        ("height", request.y, request.height, facts.height),
    ):
        at = "x" if field == "width" else "y"
        if start >= whole or start + side > whole:
            param = at if start >= whole else field
            asked = f"{at} {start} and {field} {side}"
            sentence = f"The crop reaches outside the frame: {asked}, but the video is {facts.width}x{facts.height}"
            raise Problem(Code.INVALID_REQUEST, sentence, param=param)
    cut = f"crop={request.width}:{request.height}:{request.x}:{request.y}:exact=1"
    return _sized(same_video(facts.kind), facts, (request.width, request.height), (cut,))


def _watermark(request: media.WatermarkVideo, facts: Facts, mark: Facts) -> Edit:
    """The first picture of the watermark alone: a moving one would make the video as long as itself."""
    wide = max(1, round(facts.width * request.watermark_scale))
    high = max(1, round(wide * mark.height / mark.width))
    if high > facts.height:  # a tall one is as high as the video at most
        wide, high = max(1, round(wide * facts.height / high)), facts.height
    laid = ("trim=end_frame=1", f"scale={wide}:{high}", "format=rgba", f"colorchannelmixer=aa={request.opacity:.4f}")
    size = (facts.width, facts.height)
    return _sized(same_video(facts.kind), facts, size, mark=laid, place=_PLACES[request.position])


def _poster(request: media.Poster, facts: Facts) -> Edit:
    """Not the first frame, which is often black: one of the most usual among thirty, a tenth into the video."""
    wide = facts.width * facts.aspect
    share = min(1.0, request.width / wide, request.height / facts.height)
    width, height = max(1, round(wide * share)), max(1, round(facts.height * share))
    start = min((facts.seconds or 0) / 10, 60.0)
    start = start if start >= 0.1 else 0.0
    filters = (f"scale={width}:{height}", "setsar=1", "thumbnail=30")
    return Edit(to=JPEG, filters=filters, start=start, width=width, height=height)


def _waveform(request: media.Poster) -> Edit:
    width, height = request.width, request.height
    if width * height > CANVAS:
        sentence = f"A waveform can have {CANVAS // 1_000_000} million pixels at most"
        raise Problem(Code.INVALID_REQUEST, sentence, param="width")
    wave = f"aformat=channel_layouts=mono,showwavespic=s={width}x{height}:{_SPLIT}"
    return Edit(to=PNG, wave=wave, width=width, height=height)


def _part(start: float, end: float | None, length: float | None) -> dict[str, float | None]:
    stop = end if length is None or end is None else min(end, length)
    until = stop if stop is not None else length
    asked = stop - start if stop is not None else None
    return {"start": start, "length": asked, "seconds": until - start if until is not None else None}


def _clock(seconds: float) -> str:
    """`0:02`, `1:05.5`, `1:00:00`."""
    whole, part = divmod(round(seconds, 3), 60)
    rest = f"{part:06.3f}".rstrip("0").rstrip(".")
    hours, minutes = divmod(int(whole), 60)
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"
