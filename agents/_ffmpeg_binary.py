"""Which ffmpeg is used, and which of its hardware encoders really work here.

PATH's one if it is newer than the wheel's, else the wheel's. What a newcomer would get wrong: that ffmpeg lists an encoder
says only that it was compiled in. Whether there is a card, a driver and a free session shows when a clip is encoded.
"""

import importlib
import os
import re
import shutil
import sys
from pathlib import Path

import msgspec
import structlog

from agents._command import Command, Limits, run
from schemas.problem import Code, Problem

log = structlog.get_logger()

THREADS = min(os.cpu_count() or 1, 8)
"""Of one decoder or encoder; more of them cost memory rather than save time."""
_PROBE = Limits(seconds=15.0)
_VIDEOTOOLBOX = ("-c:v", "h264_videotoolbox", "-q:v", "60", "-pix_fmt", "yuv420p")
_NVENC = ("-c:v", "h264_nvenc", "-preset", "p4", "-cq", "23", "-b:v", "0", "-pix_fmt", "yuv420p")
_QSV = ("-c:v", "h264_qsv", "-global_quality", "23", "-pix_fmt", "nv12")
_VAAPI = ("-c:v", "h264_vaapi", "-qp", "23")
_NUMBERED = re.compile(r"^ffmpeg version n?(\d+(?:\.\d+)*)")


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """An H.264 encoder on a card. `start`: options before the inputs; `upload`: the last filters of its chain."""

    name: str
    encoder: tuple[str, ...]
    start: tuple[str, ...] = ()
    upload: tuple[str, ...] = ()


class Toolbox(msgspec.Struct, frozen=True, kw_only=True):
    """Whole paths. `ffprobe` is empty where there is none."""

    ffmpeg: str
    ffprobe: str = ""
    version: tuple[int, ...] = ()
    hardware: Hardware | None = None


_found: Toolbox | None = None


async def toolbox() -> Toolbox:
    """Found once in a process. Raises `Problem(UNAVAILABLE)` where no ffmpeg runs."""
    global _found
    if _found is None:
        _found = await _look()
        card = _found.hardware.name if _found.hardware else ""
        log.info(
            "ffmpeg.found", version=".".join(map(str, _found.version)), hardware=card, ffprobe=bool(_found.ffprobe)
        )
    return _found


def version_of(text: str) -> tuple[int, ...]:
    """Out of what `-version` says; empty for a build from git, which does not tell how old it is."""
    found = _NUMBERED.match(text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def newest(candidates: list[tuple[str, tuple[int, ...]]]) -> tuple[str, tuple[int, ...]]:
    """The first of the newest: the list begins with the wheel's. Raises `Problem(UNAVAILABLE)` for an empty one."""
    if not candidates:
        sentence = "No ffmpeg runs on this machine: install the package imageio-ffmpeg, or put ffmpeg into PATH"
        raise Problem(Code.UNAVAILABLE, sentence)
    return max(candidates, key=lambda one: one[1])


def cards(platform: str, devices: Path) -> list[Hardware]:
    """The encoders worth a try, best first."""
    if platform == "darwin":
        return [Hardware(name="videotoolbox", encoder=_VIDEOTOOLBOX)]
    found = []
    if (devices / "nvidia0").exists() or (devices / "dxg").exists():
        found.append(Hardware(name="nvenc", encoder=_NVENC))
    for node in sorted((devices / "dri").glob("renderD*"))[:1]:
        start = ("-init_hw_device", f"vaapi=card:{node}", "-filter_hw_device", "card")
        found.append(Hardware(name="qsv", encoder=_QSV))
        found.append(Hardware(name="vaapi", encoder=_VAAPI, start=start, upload=("format=nv12", "hwupload")))
    return found


def trial(ffmpeg: str, card: Hardware) -> Command:
    """Encodes eight frames and throws them away."""
    chain = ("-vf", ",".join(card.upload)) if card.upload else ()
    source = ("-f", "lavfi", "-i", "testsrc=s=320x240:r=25:d=0.32")
    argv = (ffmpeg, "-nostdin", "-v", "error", *card.start, *source, *chain, *card.encoder, "-f", "null", "-")
    return Command(argv=argv, limits=_PROBE)


async def _look() -> Toolbox:
    paths = [path for path in (_wheel(), shutil.which("ffmpeg") or "") if path]
    told = [(path, await _version(path)) for path in dict.fromkeys(map(os.path.realpath, paths))]
    ffmpeg, version = newest([(path, version) for path, version in told if version is not None])
    hardware = None
    for card in cards(sys.platform, Path("/dev")):
        if (await run(trial(ffmpeg, card))).good:
            hardware = card
            break
    return Toolbox(ffmpeg=ffmpeg, version=version, ffprobe=shutil.which("ffprobe") or "", hardware=hardware)


async def _version(path: str) -> tuple[int, ...] | None:
    """None: it does not run."""
    try:
        ended = await run(Command(argv=(path, "-version"), limits=_PROBE))
    except Problem:
        return None
    return version_of(ended.output.decode("utf-8", "replace")) if ended.good else None


def _wheel() -> str:
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # not installed, or a platform for which it brings none
        return ""
