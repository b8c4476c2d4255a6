"""A ComfyUI as one process knows it: its line, what its nodes are, and how files get there. One for all jobs of a provider.

What a newcomer would get wrong: what ComfyUI can do changes while it runs (a checkpoint is copied into a folder, nodes are
installed), and asking costs half a megabyte. So it is kept, and asked again when something was not found in it.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from agents._comfy_line import Line
from agents._comfy_wire import PIECE, Wire
from agents._files import Files
from agents._flow import ObjectInfo
from agents.agent import Tools
from schemas.media import FileRef
from schemas.problem import Code, Problem

AT_ONCE = 4
"""Inputs uploaded at the same time."""
STALE = 5.0
"""Seconds after which it is worth asking again for what was not found."""
CONNECT = 2.0
"""Seconds a job waits for the socket's first try: without it, it would hear of nothing until the history is asked."""
_DIGEST = re.compile(r"/([0-9a-f]{64})\.[a-z0-9]+$")
T = TypeVar("T")


class Comfy:
    """`tools` are the provider's, without a job's files."""

    def __init__(self, tools: Tools) -> None:
        self.wire = Wire(tools)
        self.line = Line(self.wire)
        self._info: ObjectInfo | None = None
        self._asked = 0.0
        self._asking = asyncio.Lock()

    async def info(self, age: float = float("inf")) -> ObjectInfo:
        """What its nodes are, as heard at most `age` seconds ago."""
        async with self._asking:
            if self._info is None or time.monotonic() - self._asked > age:
                self._info = ObjectInfo(await self.wire.info())
                self._asked = time.monotonic()
            return self._info

    async def read(self, build: Callable[[ObjectInfo], T]) -> T:
        """What `build` makes of it; if it finds fault, once more with what the nodes are now."""
        known = await self.info()
        try:
            return build(known)
        except Problem:
            fresh = await self.info(STALE)
            if fresh is known:
                raise
            return build(fresh)

    def doubt(self) -> None:
        """ComfyUI refused what we thought it could do: ask again before the next job."""
        self._asked = min(self._asked, time.monotonic() - 3600)
        self._info = None

    async def upload(self, files: dict[str, FileRef], shelf: Files) -> dict[str, str]:
        """The job's inputs onto ComfyUI, some at a time; what each is called there, by the same keys."""
        if not files:
            return {}
        turn = asyncio.Semaphore(AT_ONCE)
        async with shelf.folder() as folder:

            async def one(ref: FileRef, key: str) -> str:
                async with turn:
                    try:
                        path = await shelf.fetch(ref, folder)
                        name = await asyncio.to_thread(_name_of, path, ref)
                        return await self.wire.upload(path, name, ref.content_type)
                    except Problem as problem:
                        raise _blamed(problem, key) from problem

            tasks = [asyncio.ensure_future(one(ref, key)) for key, ref in files.items()]
            try:
                names = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return dict(zip(files, names, strict=True))


@asynccontextmanager
async def connected(tools: Tools) -> AsyncGenerator[Comfy, None]:
    """The provider's `Comfy`; one for the moment where none was started (a test of the provider)."""
    if isinstance(tools.thing, Comfy):
        yield tools.thing
        return
    async with opened(tools) as comfy:
        yield comfy


@asynccontextmanager
async def opened(tools: Tools) -> AsyncGenerator[Comfy, None]:
    """A new one, its line held until the end of the block."""
    comfy = Comfy(tools)
    holding = asyncio.create_task(comfy.line.run(), name=f"comfyui {tools.provider.name}")
    try:
        yield comfy
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def ready(comfy: Comfy) -> None:
    """Wait a moment for the first try to connect."""
    try:
        async with asyncio.timeout(CONNECT):
            await comfy.line.tried.wait()
    except TimeoutError:
        return


def _name_of(path: Path, ref: FileRef) -> str:
    """A name of ours: by content, so that the same file is stored once and no name of a caller's reaches a disk.

    Not in a folder: many nodes offer only what stands directly among ComfyUI's inputs.
    """
    found = _DIGEST.search(ref.blob)
    digest = found[1] if found else _digest(path)
    return f"ai-server-{digest[:40]}{path.suffix}"


def _digest(path: Path) -> str:
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            seen.update(piece)
    return seen.hexdigest()


def _blamed(problem: Problem, key: str) -> Problem:
    """Which of the caller's files it was."""
    fault = problem.fault
    about = problem.code in (Code.INVALID_REQUEST, Code.NOT_FOUND, Code.TOO_LARGE)
    if not about:
        return problem
    param = key.partition(".")[0]
    return Problem(
        fault.code, fault.message, param=param, provider=fault.provider, provider_status=fault.provider_status
    )
