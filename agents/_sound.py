"""Sound for the speech models: any file to plain samples, and spoken samples to the format that was asked for.

What a newcomer would get wrong: samples are written to a file and mapped, not read through a pipe, so an hour of sound is
the kernel's to keep in memory or not.
"""

from pathlib import Path
from typing import Any

from agents._command import Command, Limits, run
from agents._ffmpeg_binary import THREADS, toolbox
from agents._ffmpeg_facts import MEMORY, facts_of, opened, unreadable
from agents._ffmpeg_sniff import sniff
from schemas.problem import Code, Problem

_LIMITS = Limits(seconds=600.0, cpu=600, memory=MEMORY)
_SPEECH = ("-vn", "-sn", "-dn", "-map_metadata", "-1")
FORMATS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "mp3": ("audio/mpeg", ".mp3", ("-c:a", "libmp3lame", "-q:a", "4", "-f", "mp3")),
    "opus": ("audio/ogg", ".opus", ("-c:a", "libopus", "-b:a", "48k", "-f", "ogg")),
    "ogg": ("audio/ogg", ".ogg", ("-c:a", "libopus", "-b:a", "48k", "-f", "ogg")),
    "aac": ("audio/aac", ".aac", ("-c:a", "aac", "-b:a", "96k", "-f", "adts")),
    "flac": ("audio/flac", ".flac", ("-c:a", "flac", "-f", "flac")),
    # Without a header, so its rate is a convention: OpenAI's 24 kHz.
    "pcm": ("audio/pcm", ".pcm", ("-c:a", "pcm_s16le", "-ar", "24000", "-ac", "1", "-f", "s16le")),
}
"""Format -> content type, extension, how ffmpeg makes it. `wav` is what there is already."""


async def samples(path: Path, folder: Path, rate: int, longest: float) -> Any:
    """The file's sound as a numpy array of float32 from -1 to 1, one channel, `rate` a second.

    Raises `Problem(INVALID_REQUEST)` on `audio` for what holds no sound, TOO_LARGE for more than `longest` seconds.
    """
    import numpy

    tools, kind = await toolbox(), sniff(path, "audio")
    facts = await facts_of(tools, kind, path, "audio")
    if not facts.audio:
        raise Problem(Code.INVALID_REQUEST, "The file in 'audio' holds no sound", param="audio")
    out = folder / "samples.f32"
    form = (*_SPEECH, "-ac", "1", "-ar", str(rate), "-t", f"{longest + 1:g}", "-f", "f32le")
    argv = (tools.ffmpeg, "-nostdin", "-hide_banner", "-v", "error", *opened(kind, path), *form, str(out))
    ended = await run(Command(argv=argv, folder=folder, limits=_LIMITS))
    size = out.stat().st_size // 4 if out.exists() else 0
    if not ended.good and not size:
        raise unreadable("audio", kind, ended.tail)
    if not size:
        raise Problem(Code.INVALID_REQUEST, "The file in 'audio' holds no sound", param="audio")
    if size > longest * rate:
        sentence = (
            f"The sound is longer than the {longest / 3600:g} hours that are heard in one request; cut it in parts"
        )
        raise Problem(Code.TOO_LARGE, sentence, param="audio")
    return numpy.memmap(out, dtype=numpy.float32, mode="r")


async def encoded(wav: Path, folder: Path, wanted: str) -> tuple[str, Path]:
    """(content type, file) of our own `wav` in the format `wanted`."""
    if wanted == "wav":
        return "audio/wav", wav
    content_type, extension, form = FORMATS[wanted]
    out = wav.with_suffix(extension)
    tools = await toolbox()
    source = ("-threads", str(THREADS), "-f", "wav", "-i", str(wav))
    argv = (tools.ffmpeg, "-nostdin", "-hide_banner", "-v", "error", *source, *_SPEECH, *form, str(out))
    ended = await run(Command(argv=argv, folder=folder, limits=_LIMITS))
    if not ended.good:
        raise Problem(Code.INTERNAL, f"The speech could not be written as {wanted}")
    return content_type, out
