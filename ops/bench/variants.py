"""Variants: how many pictures a second are made smaller, and how many are given out again; with thumbor beside us.

Both are asked for the same picture (2000 x 1333, JPEG) as 500 pixels of WebP, in turns, by the same callers. Uncached means a
quality that nobody asked for before. What a newcomer would get wrong: thumbor has its source on the local disk and answers
from the process that resizes; ours comes out of the object store and is made by an agent over the bus.
"""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import pyvips

from ops.bench.load import Task
from ops.bench.press import press
from ops.bench.rounds import Site
from ops.prove.figures import Figures
from ops.prove.house import free_port

VENV = Path("build/thumbor")
CALLERS = 8
WIDTH, HEIGHT = 2000, 1333
_ACCEPT = {"Accept": "image/webp,*/*"}
_CONFIG = """
ALLOW_UNSAFE_URL = True
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {folder!r}
STORAGE = "thumbor.storages.no_storage"
RESULT_STORAGE = "thumbor.result_storages.file_storage"
RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = {kept!r}
RESULT_STORAGE_STORES_UNSAFE = True
"""

Ask = Callable[[int, int], str]
"""Width and quality -> the path that is asked for."""


async def pictures(site: Site, figures: Figures, rounds: int, seconds: float) -> None:
    """The figures of the rounds' middle."""
    source = await asyncio.to_thread(photo)
    address = await _uploaded(site, source)
    async with thumbor(site.folder / "thumbor", source) as port:
        ours = (
            site.house.port,
            lambda width, quality: f"/variants/width={width},format=webp,quality={quality}{address}",
        )
        theirs = (port, lambda width, quality: f"/unsafe/{width}x0/filters:format(webp):quality({quality})/photo.jpg")
        wishes, fresh = _wishes(), list[tuple[float, float]]()
        held: list[tuple[float, float]] = []
        for _ in range(rounds):
            fresh.append(
                (await made(site, ours, wishes, seconds), await made(site, theirs, wishes, seconds) if port else 0)
            )
            held.append((await given(site, ours, seconds), await given(site, theirs, seconds) if port else 0))
    _tell(figures, "variants made a second", fresh, 40)
    _tell(figures, "variants given out a second", held, 2000)
    if not port:
        print("thumbor is not to be had here: its figures are left out", file=sys.stderr)


def photo() -> bytes:
    """Something between a wall and a meadow: smooth forms with grain, about 600 kB."""
    bands = [pyvips.Image.perlin(WIDTH, HEIGHT, cell_size=cells, seed=cells) * 60 + 128 for cells in (300, 90, 30)]
    image = bands[0].bandjoin(bands[1:]) + pyvips.Image.gaussnoise(WIDTH, HEIGHT, sigma=6, seed=1)
    data: bytes = image.cast("uchar").copy(interpretation="srgb").write_to_buffer(".jpg", Q=90)
    return data


async def made(site: Site, who: tuple[int, Ask], wishes: Iterator[tuple[int, int]], seconds: float) -> float:
    """Pictures a second, each asked for the first time."""
    port, path = who
    done, begun = 0, time.perf_counter()
    until = begun + seconds

    async def caller(http: aiohttp.ClientSession) -> None:
        nonlocal done
        while time.perf_counter() < until:
            async with http.get(path(*next(wishes)), headers=_ACCEPT) as reply:
                data = await reply.read()
                site.errors += reply.status != 200 or data[8:12] != b"WEBP"
            done += 1

    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        await asyncio.gather(*(caller(http) for _ in range(CALLERS)))
    return done / (time.perf_counter() - begun)


async def given(site: Site, who: tuple[int, Ask], seconds: float) -> float:
    """Pictures a second, always the same one."""
    port, path = who
    task = Task(port=port, path=path(500, 80), method="GET", headers=_ACCEPT, connections=32, seconds=seconds)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http, http.get(task.path, headers=_ACCEPT) as reply:
        site.errors += reply.status != 200
    load = await press(task, site.folder)
    site.errors += load.errors
    return load.rate


def _wishes() -> Iterator[tuple[int, int]]:
    """Never the same twice: about 500 pixels wide, of about quality 80."""
    for begin in count(450, 100):
        yield from ((width, quality) for quality in range(60, 96) for width in range(begin, begin + 100))


def _tell(figures: Figures, name: str, rates: list[tuple[float, float]], goal: float) -> None:
    figures.at_least(name, median(ours for ours, _ in rates), goal, "1/s")
    if all(theirs for _, theirs in rates):
        figures.tell(f"{name}, thumbor", median(theirs for _, theirs in rates), "1/s")
        figures.tell(f"{name}, ratio to thumbor", median(ours / theirs for ours, theirs in rates))


async def _uploaded(site: Site, data: bytes) -> str:
    """What stands behind the options in its variants' paths."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{site.house.port}", headers=site.headers) as http:
        async with http.put("/files/photo.jpg?area=public", data=data) as reply:
            told: dict[str, Any] = await reply.json()
        address = str(told["url"]).partition("/artifacts")[2]
        path = f"/variants/width=501{address}"
        until = time.monotonic() + 30
        while True:  # the agents of media start last
            async with http.get(path) as reply:
                if reply.status == 200:
                    return address
                if time.monotonic() > until:
                    raise RuntimeError(f"no variant was made: {(await reply.text())[:300]}")
            await asyncio.sleep(0.2)


@asynccontextmanager
async def thumbor(folder: Path, source: bytes) -> AsyncIterator[int]:
    """thumbor on a port of its own, with two processes as we have; 0 where it can't be installed."""
    program = await _installed()
    if program is None:
        yield 0
        return
    await asyncio.to_thread(_prepare, folder, source)
    port = free_port()
    words = ["-i", "127.0.0.1", "-p", str(port), "-c", str(folder / "thumbor.conf"), "-l", "error", "--processes", "2"]
    child = await asyncio.create_subprocess_exec(
        str(program), *words, stdin=-3, stdout=-3, stderr=-3, start_new_session=True
    )
    try:
        await _answers(port, child)
        yield port
    finally:
        if child.returncode is None:
            os.killpg(child.pid, 9)
            await child.wait()


async def _installed() -> Path | None:
    """thumbor in an environment of its own, made only where it is missing."""
    program = VENV / "bin" / "thumbor"
    if program.exists():
        return program.absolute()
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", "thumbor>=7.7"]
    for words in ([sys.executable, "-m", "venv", str(VENV)], pip):
        child = await asyncio.create_subprocess_exec(*words, stdin=-3, stdout=-3, stderr=-3)
        try:
            ended = await asyncio.wait_for(child.wait(), 300)
        except TimeoutError:
            child.kill()
            ended = await child.wait() or 1
        if ended:
            await asyncio.to_thread(shutil.rmtree, VENV, True)
            return None
    return program.absolute() if program.exists() else None


def _prepare(folder: Path, source: bytes) -> None:
    (folder / "kept").mkdir(parents=True, exist_ok=True)
    (folder / "photo.jpg").write_bytes(source)
    (folder / "thumbor.conf").write_text(_CONFIG.format(folder=str(folder), kept=str(folder / "kept")))


async def _answers(port: int, child: asyncio.subprocess.Process) -> None:
    until = time.monotonic() + 20
    while child.returncode is None and time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise RuntimeError("thumbor did not start")
