"""The command lines: an edit, the facts and the toolbox become plans to try one after the other. Pure.

A plan is one or more steps, for a gif needs its palette first. What a newcomer would get wrong: options stand before the
file they are about, so the same `-ss` before the input seeks and decodes from there, and behind it throws away what came
before. Both are exact to the frame; the first is fast, and not possible in formats that can't be sought.
"""

from pathlib import Path

import msgspec

from agents._ffmpeg_binary import THREADS, Hardware, Toolbox
from agents._ffmpeg_edits import Edit
from agents._ffmpeg_facts import Facts, opened
from agents._ffmpeg_formats import JPEG
from agents._ffmpeg_sniff import Kind

CARD_PIXELS = 320 * 240
"""Below, cards refuse or lose."""
GIF_RATE = 15
"""Frames a second at most: gif counts in hundredths, and no palette makes it small."""
_SEEKS = ("mov", "matroska", "avi", "wav", "flac", "mp3", "ogg", "gif")
_STEREO = "aformat=channel_layouts=stereo|mono"
_ALLOC = 2 * 1024**3


class Input(msgspec.Struct, frozen=True):
    kind: Kind
    path: Path


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`way`: copy, hardware or software. Each step is a whole argv; the last one writes `out`."""

    way: str
    steps: tuple[tuple[str, ...], ...]
    out: Path


def ladder(tools: Toolbox, edit: Edit, facts: Facts, inputs: tuple[Input, ...]) -> list[Plan]:
    """What to try, in this order. The last one is the plain way, in software."""
    plans = []
    if _copyable(edit, facts, facts.video):
        plans.append(_plan(tools, edit, facts, inputs, "copy"))
    if edit.to.h264 and tools.hardware and (edit.width or 0) * (edit.height or 0) >= CARD_PIXELS:
        plans.append(_plan(tools, edit, facts, inputs, "hardware"))
    plans.append(_plan(tools, edit, facts, inputs, "software"))
    if edit.to is JPEG and edit.start:  # a slide show may have its only picture at the very start
        plans.append(_plan(tools, msgspec.structs.replace(edit, start=0.0), facts, inputs, "software"))
    return plans


def measuring(tools: Toolbox, source: Input) -> tuple[str, ...]:
    """Reads a file to its end without decoding it: for its real length."""
    return (*_front(tools), *opened(source.kind, source.path), "-map", "0", "-c", "copy", "-f", "null", "-")


def _plan(tools: Toolbox, edit: Edit, facts: Facts, inputs: tuple[Input, ...], way: str) -> Plan:
    out = inputs[0].path.parent / f"out.{edit.to.name}"
    if edit.to.name == "gif":
        return Plan(way=way, steps=_gif(tools, edit, inputs, out), out=out)
    card = tools.hardware if way == "hardware" else None
    argv = (
        *_front(tools),
        *(card.start if card else ()),
        *_sources(edit, inputs),
        *_picture(edit, facts, card, way),
        *_sound(edit, facts),
        *("-sn", "-dn", "-f", *edit.to.muxer, str(out)),
    )
    return Plan(way=way, steps=(argv,), out=out)


def _front(tools: Toolbox) -> tuple[str, ...]:
    """Before everything: quiet, no questions, progress on stdout."""
    talk = ("-nostdin", "-hide_banner", "-v", "error", "-nostats", "-progress", "pipe:1", "-stats_period", "0.2")
    limits = ("-max_alloc", str(_ALLOC), "-filter_threads", str(THREADS), "-filter_complex_threads", str(THREADS))
    return (tools.ffmpeg, *talk, *limits, "-y")


def _sources(edit: Edit, inputs: tuple[Input, ...]) -> tuple[str, ...]:
    first, *others = inputs
    span = _span(edit)
    args = opened(first.kind, first.path)
    args = (*span, *args) if first.kind.demuxer in _SEEKS else args
    for other in others:
        args = (*args, *opened(other.kind, other.path))
    return args if first.kind.demuxer in _SEEKS else (*args, *span)


def _span(edit: Edit) -> tuple[str, ...]:
    start = ("-ss", f"{edit.start:.6f}") if edit.start else ()
    return (*start, "-t", f"{edit.length:.6f}") if edit.length is not None else start


def _picture(edit: Edit, facts: Facts, card: Hardware | None, way: str) -> tuple[str, ...]:
    if edit.wave:
        return ("-filter_complex", f"[0:a:0]{edit.wave}[v]", "-map", "[v]", *edit.to.video)
    if not edit.to.video:
        return ("-vn",)
    upload = card.upload if card else ()
    encoder = ("-c:v", "copy") if way == "copy" else (card.encoder if card else edit.to.video)
    threads = () if way == "copy" or card else ("-threads:v", str(THREADS))
    if edit.mark:
        return (*_laid(edit, upload), *encoder, *threads)
    chain = ",".join((*edit.filters, *upload))
    return ("-map", "0:V:0", *(("-vf", chain) if chain else ()), *encoder, *threads)


def _laid(edit: Edit, upload: tuple[str, ...]) -> tuple[str, ...]:
    """The second input over the first."""
    across, down = edit.place
    chain = ",".join((f"overlay={across}:{down}", *edit.filters, *upload))
    graph = f"[1:v:0]{','.join(edit.mark)}[mark];[0:V:0][mark]{chain}[v]"
    return ("-filter_complex", graph, "-map", "[v]")


def _sound(edit: Edit, facts: Facts) -> tuple[str, ...]:
    if not facts.audio or not edit.to.audio:
        return ("-an",)
    if edit.to.video and _copyable(edit, facts, facts.audio, sound=True):
        return ("-map", "0:a:0", "-c:a", "copy")
    mixed = ("-af", _STEREO) if edit.to.stereo else ()
    return ("-map", "0:a:0", *mixed, *edit.to.audio)


def _copyable(edit: Edit, facts: Facts, codec: str, sound: bool = False) -> bool:
    """Nothing is done to the stream, and the container takes it. A turned picture is turned for good instead."""
    if edit.cut or codec not in edit.to.copies:
        return False
    plain = facts.pixels in ("yuv420p", "yuvj420p") and not facts.turned
    return sound or (plain and not edit.filters and not edit.mark)


def _gif(tools: Toolbox, edit: Edit, inputs: tuple[Input, ...], out: Path) -> tuple[tuple[str, ...], ...]:
    """Palette first, then the picture: in one run, the filter would hold all frames in memory.

    Only a gif is cut into a gif, and it can be sought: `sources` ends with an input.
    """
    palette = out.parent / "palette.png"
    rate = f"fps=fps='min(source_fps,{GIF_RATE})'"
    front, sources = _front(tools), _sources(edit, inputs)
    across, down = edit.place
    drawn = ",".join((*([f"overlay={across}:{down}"] if edit.mark else []), rate, *edit.filters))
    above = f"[1:v:0]{','.join(edit.mark)}[mark];[0:V:0][mark]" if edit.mark else "[0:V:0]"
    first = ("-filter_complex", f"{above}{drawn},palettegen=stats_mode=diff[v]", "-map", "[v]", "-frames:v", "1")
    colours = ("-protocol_whitelist", "file", "-f", "png_pipe", "-i", str(palette))
    paint = f"{above}{drawn}[p];[p][{len(inputs)}:v:0]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle[v]"
    second = ("-filter_complex", paint, "-map", "[v]", "-an", "-sn", "-dn")
    return (
        (*front, *sources, *first, "-c:v", "png", "-f", "image2pipe", str(palette)),
        (*front, *sources, *colours, *second, *edit.to.video, "-f", *edit.to.muxer, str(out)),
    )
