"""Clips made by ffmpeg itself, and a handle run over them: what the tests of the agent `ffmpeg` share."""

import functools
import os
import subprocess
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shelf_kit import Kit

from agents._ffmpeg_binary import toolbox
from agents._ffmpeg_facts import Facts, facts_of
from agents._ffmpeg_sniff import kind_of
from agents._http import Http
from agents.agent import Tools
from agents.ffmpeg import agent
from schemas.events import Done, Event, Progress
from schemas.media import Artifact, FileRef, MediaResult, decode_media
from schemas.provider import Provider

TESTSRC = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=2")
SINE = ("-f", "lavfi", "-i", "sine=f=440:r=44100:d=2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")
RAMP = ("-f", "lavfi", "-i", "nullsrc=s=160x120:r=25:d=2,format=gray,geq=lum='N*5'")
"""Each frame is by 5 brighter than the one before: its brightness tells its number."""


@functools.cache
def ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@functools.cache
def clip(name: str, *args: str) -> bytes:
    """A file called `name`, made by ffmpeg with `args`."""
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        subprocess.run([ffmpeg(), "-nostdin", "-v", "error", "-y", *args, str(path)], check=True, timeout=60)
        return path.read_bytes()


def video(name: str = "clip.mp4") -> bytes:
    """Two seconds, 160x120, 25 frames a second, with sound."""
    return clip(name, *TESTSRC, *SINE, *H264, *AAC)


def long(seconds: int = 30) -> bytes:
    """Takes several seconds to become webm, also on a fast machine; one of 5 about one."""
    return clip(f"long{seconds}.mp4", "-f", "lavfi", "-i", f"testsrc=s=640x480:r=25:d={seconds}", *H264)


def sound(name: str = "tone.wav") -> bytes:
    return clip(name, *SINE)


def picture(name: str = "mark.png", size: str = "40x20", colour: str = "red") -> bytes:
    return clip(name, "-f", "lavfi", "-i", f"color={colour}:s={size}:d=0.04", "-frames:v", "1")


def grey(data: bytes, at: int = 0) -> int:
    """Mean brightness of a frame."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "in")
        path.write_bytes(data)
        chain = f"select=eq(n\\,{at}),format=gray,scale=1:1:flags=area"
        argv = [ffmpeg(), "-nostdin", "-v", "error", "-i", str(path), "-vf", chain, "-frames:v", "1"]
        raw = subprocess.run([*argv, "-f", "rawvideo", "-pix_fmt", "gray", "-"], capture_output=True, check=True)
    return raw.stdout[0]


def pixel(data: bytes, x: int, y: int) -> tuple[int, int, int]:
    """Red, green and blue of a pixel of the first frame."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "in")
        path.write_bytes(data)
        chain = f"crop=1:1:{x}:{y}:exact=1,format=rgb24"
        argv = [ffmpeg(), "-nostdin", "-v", "error", "-i", str(path), "-vf", f"format=gbrp,{chain}", "-frames:v", "1"]
        raw = subprocess.run([*argv, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    return raw.stdout[0], raw.stdout[1], raw.stdout[2]


def processes(of: Path | str) -> list[int]:
    """Of our own children, those that run this program."""
    found = []
    for stat in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((stat / "stat").read_text().rpartition(") ")[2].split()[1])
            if parent == os.getpid() and str(of).encode() in (stat / "cmdline").read_bytes():
                found.append(int(stat.name))
        except OSError:
            continue
    return found


async def probe(data: bytes, tmp_path: Path) -> Facts:
    """What a file that came back really is."""
    kind = kind_of(data[: 1024 * 1024])
    assert kind is not None, data[:16]
    path = tmp_path / "probed"
    path.write_bytes(data)
    return await facts_of(await toolbox(), kind, path, "file")


def tools_of(shelf: Kit, job: Any = None) -> Tools:
    tools = Tools(Http(), Provider(name="ffmpeg", kind="ffmpeg"))
    tools.files = shelf.files(job)
    return tools


async def events_of(shelf: Kit, op: str, /, **body: Any) -> list[Event]:
    """All that the handle says. Bytes in the body become files."""
    given = {name: await _ref(shelf, value, name) for name, value in body.items()}
    job = shelf.job(op, given, "ffmpeg")
    async with aclosing(agent.handles[op](job, tools_of(shelf, job))) as events:
        return [event async for event in events]


async def made(shelf: Kit, op: str, /, **body: Any) -> tuple[Artifact, bytes]:
    """The one artifact and its bytes."""
    events = await events_of(shelf, op, **body)
    assert all(isinstance(event, Progress) for event in events[:-1])
    done = events[-1]
    assert isinstance(done, Done)
    result: MediaResult = decode_media(done.body)
    (artifact,) = result.artifacts
    return artifact, await shelf.bytes_of(artifact)


async def _ref(shelf: Kit, value: Any, name: str) -> Any:
    if not isinstance(value, bytes):
        return value
    return await shelf.given(value, "application/octet-stream", f"{name}.mp4") if value else FileRef(blob="x", size=0)
