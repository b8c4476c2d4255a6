"""What is in a media file: length, size of the picture, codecs. Told by ffprobe, or by what `ffmpeg -i` says on stderr.

What a newcomer would get wrong: a file can lie about itself. Its tags may hold lines that look like ffmpeg's own, and its
header may name any length and size. So nothing but its own job depends on these facts, and every number is checked.
"""

import re
from pathlib import Path
from typing import Any

import msgspec

from agents._command import Command, Ended, Limits, run, words
from agents._ffmpeg_binary import THREADS, Toolbox
from agents._ffmpeg_sniff import Kind
from schemas.problem import Code, Problem

PIXELS = 64_000_000
"""Of one frame that we decode; 8192×4320 is 35 million."""
SIDE = 16_384
MEMORY = 6 * 1024**3
_LIMITS = Limits(seconds=30.0, cpu=30, memory=MEMORY)
_LONGEST = 30 * 86400.0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`width`, `height`: as shown, after rotation; 0 without a video stream. A cover picture in a sound file is none."""

    kind: Kind
    seconds: float | None = None
    """None: the file does not say."""
    estimated: bool = False
    """`seconds` is a guess from the bit rate."""
    video: str = ""
    """Codec, as ffmpeg calls it; empty: there is no video stream."""
    pixels: str = ""
    """Pixel format."""
    width: int = 0
    height: int = 0
    turned: bool = False
    aspect: float = 1.0
    """Width of a pixel by its height, as shown."""
    audio: str = ""


def opened(kind: Kind, path: Path) -> tuple[str, ...]:
    """The options that open an input: this demuxer alone, this file alone, frames of a sane size alone."""
    only = ("-protocol_whitelist", "file", "-format_whitelist", kind.demuxer, "-f", kind.demuxer)
    return (*only, "-max_pixels", str(PIXELS), "-threads", str(THREADS), "-i", str(path))


def asking(tools: Toolbox, kind: Kind, path: Path) -> list[Command]:
    """The commands that tell the facts, best first. An old ffprobe of the system's may know less than our ffmpeg."""
    ffmpeg = (tools.ffmpeg, "-nostdin", "-hide_banner", "-v", "info")
    ffprobe = (tools.ffprobe, "-hide_banner", "-v", "warning", "-of", "json", "-show_format", "-show_streams")
    heads = [ffprobe, ffmpeg] if tools.ffprobe else [ffmpeg]
    return [Command(argv=(*head, *opened(kind, path)), folder=path.parent, limits=_LIMITS) for head in heads]


async def facts_of(tools: Toolbox, kind: Kind, path: Path, field: str) -> Facts:
    """Raises `Problem(INVALID_REQUEST)` that names `field` when the file cannot be read."""
    said = ""
    for command in asking(tools, kind, path):
        ended = await run(command)
        said, probed = ended.tail, command.argv[0] == tools.ffprobe
        found = from_json(kind, ended) if probed else from_words(kind, said)
        refuse_size(said, found, field)
        if found is not None and (found.video or found.audio):
            return found
    raise unreadable(field, kind, said)


def from_words(kind: Kind, said: str) -> Facts | None:
    """Out of `ffmpeg -i`'s stderr. Tags are indented deeper than the lines that count."""
    found = re.search(r"^  Duration: (?:(\d+):(\d\d):(\d\d(?:\.\d+)?)|N/A)", said, re.M)
    if not found:
        return None
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found[1] else None
    about: dict[str, Any] = {"seconds": _length(seconds), "estimated": "Estimating duration" in said}
    for stream in re.split(r"^  Stream #0:", said[found.end() :], flags=re.M)[1:]:
        told = re.match(r"\d+(?:\[\w+\])?(?:\(\w+\))?: (Video|Audio): (\w+)(?: \([^)]*\))*(?:, (\w+))?(.*)", stream)
        if told and told[1] == "Audio":
            about.setdefault("audio", told[2])
        elif told and "video" not in about and "(attached pic)" not in told[4] and told[2] != "none":
            about |= {"video": told[2], "pixels": told[3] or "", **_shape(told[4], stream)}
    return Facts(kind=kind, **about)


def from_json(kind: Kind, ended: Ended) -> Facts | None:
    """Out of ffprobe's JSON."""
    try:
        told = msgspec.json.decode(ended.output, type=dict[str, Any])
        about: dict[str, Any] = {"seconds": _length(_number(told.get("format", {}).get("duration")))}
        for stream in told.get("streams", []):
            codec = str(stream.get("codec_name", ""))
            if stream.get("codec_type") == "audio":
                about.setdefault("audio", codec)
            elif stream.get("codec_type") == "video" and "video" not in about and not _is_cover(stream):
                turn = next((_number(side.get("rotation")) for side in stream.get("side_data_list", [])), None) or 0.0
                across, _, down = str(stream.get("sample_aspect_ratio", "1:1")).partition(":")
                size = (int(stream.get("width", 0)), int(stream.get("height", 0)))
                shape = _shown(size, turn, (_number(across) or 0) / (_number(down) or 1))
                about |= {"video": codec, "pixels": str(stream.get("pix_fmt", "")), **shape}
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError):
        return None
    return Facts(kind=kind, estimated="Estimating duration" in ended.tail, **about)


def refuse_size(said: str, found: Facts | None, field: str) -> None:
    """Raises `Problem(TOO_LARGE)` for frames that nobody should decode; their header alone was read."""
    area = found.width * found.height if found else 0
    side = max(found.width, found.height) if found else 0
    if area > PIXELS or side > SIDE or re.search(r"Picture size .* (?:is invalid|exceeds)", said):
        size = f" ({found.width}x{found.height})" if found and area else ""
        sentence = (
            f"The picture in {field} is too large{size}: at most {PIXELS // 1_000_000} million pixels can be worked on"
        )
        raise Problem(Code.TOO_LARGE, sentence, param=field)


def unreadable(field: str, kind: Kind, said: str) -> Problem:
    told = words(said)
    why = f" ({told})" if told else ""
    sentence = f"The file in '{field}' looks like {kind.name} but can't be read: it is damaged or cut short{why}"
    return Problem(Code.INVALID_REQUEST, sentence, param=field)


def _shape(rest: str, stream: str) -> dict[str, Any]:
    size = re.search(r", (\d{1,6})x(\d{1,6})(?: \[SAR (\d{1,9}):(\d{1,9}))?", rest)
    turn = re.search(r"(?i)display ?matrix: rotation of (-?\d+(?:\.\d+)?) degrees", stream)
    if not size:
        return {}
    aspect = int(size[3]) / (int(size[4]) or 1) if size[3] else 1.0
    return _shown((int(size[1]), int(size[2])), float(turn[1]) if turn else 0.0, aspect)


def _shown(size: tuple[int, int], turn: float, aspect: float) -> dict[str, Any]:
    aspect = aspect if 0.01 < aspect < 100 else 1.0
    turned = abs(turn) >= 1
    if round(abs(turn)) % 180 == 90:
        return {"width": size[1], "height": size[0], "aspect": 1 / aspect, "turned": turned}
    return {"width": size[0], "height": size[1], "aspect": aspect, "turned": turned}


def _is_cover(stream: dict[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic")) or stream.get("codec_name") in (None, "unknown")


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _length(seconds: float | None) -> float | None:
    """What a header says, if it can be true."""
    return seconds if seconds is not None and 0 < seconds < _LONGEST else None
