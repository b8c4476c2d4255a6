"""A foreign program as a value, and the few lines that run it.

Whatever a caller sends ends up in front of a decoder written in C, so the program gets nothing but its arguments: no
environment, no input, no terminal, a session of its own, and limits of the kernel. What a newcomer would get wrong: the time
limit is a timer that kills the whole group, not a cancelled task, for the code that reads may sit in a generator whose
consumer is somewhere else when the time is up.
"""

import asyncio
import ctypes
import os
import re
import resource
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from schemas.problem import Code, Problem

TAIL = 16 * 1024
"""Bytes of stderr that are kept, from its end."""
OUTPUT = 1024 * 1024
"""Bytes of stdout that are kept by `run`."""
_PIECE = 16 * 1024
_SHOWN = 300
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None  # loaded here: a forked child must not


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """0: none."""

    seconds: float = 30.0
    """Of the clock; then the group is killed."""
    cpu: int = 0
    """Seconds of CPU, over all threads."""
    file: int = 0
    """Bytes of any file that it writes."""
    memory: int = 0
    """Bytes of private memory. Not of address space: an allocator reserves 64 MB of that a thread and touches little."""
    nice: int = 10


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """`argv[0]` is a whole path. `folder`: where it runs, and the only place it should write to."""

    argv: tuple[str, ...]
    folder: Path | None = None
    limits: Limits = Limits()


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. `code` is negative when a signal ended it, as in `subprocess`."""

    code: int
    tail: str
    """The end of what it said on stderr, raw: show callers `words` of it."""
    output: bytes = b""
    late: bool = False
    """Our timer ended it."""

    @property
    def good(self) -> bool:
        return self.code == 0 and not self.late


class Running:
    """A program at work. Read `lines()` to their end, then `await end()`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.late = False
        self._tail: deque[bytes] = deque()
        self._drain = asyncio.create_task(self._listen(), name="command.stderr")

    @property
    def pid(self) -> int:
        """Also the number of its group and session."""
        return self.process.pid

    async def pieces(self) -> AsyncIterator[bytes]:
        """What it says on stdout, as it comes."""
        assert self.process.stdout is not None
        while piece := await self.process.stdout.read(_PIECE):
            yield piece

    async def lines(self) -> AsyncIterator[str]:
        """The same by lines. A line that never ends is cut, not collected."""
        rest = b""
        async for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            rest = rest[-_PIECE:]
            for line in whole:
                yield line.decode("utf-8", "replace")

    async def end(self, output: bytes = b"") -> Ended:
        code = await self.process.wait()
        await self._drain
        tail = b"".join(self._tail)[-TAIL:].decode("utf-8", "replace")
        return Ended(code=code, tail=tail, output=output, late=self.late)

    def kill(self) -> None:
        """It and whatever it started. Harmless when they are gone."""
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            os.killpg(self.pid, signal.SIGKILL)

    def expire(self) -> None:
        self.late = True
        self.kill()

    async def gone(self) -> None:
        """Kill it and wait, whoever else wants us to hurry."""
        self.kill()
        self._drain.cancel()
        await asyncio.shield(asyncio.ensure_future(self.process.wait()))

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        size = 0
        while piece := await self.process.stderr.read(_PIECE):
            self._tail.append(piece)
            size += len(piece)
            while size - len(self._tail[0]) >= TAIL:
                size -= len(self._tail.popleft())


@asynccontextmanager
async def running(command: Command) -> AsyncGenerator[Running, None]:
    """Start it; at the end of the block it is gone, with its group. Raises `Problem(UNAVAILABLE)` if it can't be started."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=command.folder,
            env={"LC_ALL": "C"},
            start_new_session=True,
            preexec_fn=_confine(command.limits, os.getpid()),
        )
    except OSError as error:
        name = Path(command.argv[0]).name
        raise Problem(Code.UNAVAILABLE, f"{name} can't be started: {(error.strerror or 'unknown').lower()}") from error
    run = Running(process)
    timer = asyncio.get_running_loop().call_later(command.limits.seconds, run.expire)
    try:
        yield run
    finally:
        timer.cancel()
        await run.gone()


async def run(command: Command) -> Ended:
    """Run it to its end and keep what it said (the first `OUTPUT` bytes)."""
    kept = bytearray()
    async with running(command) as program:
        async for piece in program.pieces():
            kept += piece[: OUTPUT - len(kept)]
        return await program.end(bytes(kept))


def words(tail: str) -> str:
    """The last thing a program said that helps a person, without paths and addresses of memory."""
    lines = [_cleaned(line) for line in tail.splitlines()]
    useful = [
        line for line in lines if line and not line.startswith(("Error opening", "Conversion failed", "At least"))
    ]
    told = (useful or lines or [""])[-1]
    return told if len(told) <= _SHOWN else told[: _SHOWN - 1] + "…"


def _cleaned(line: str) -> str:
    line = re.sub(r"\[([\w#:./,-]+) @ 0x[0-9a-f]+\] ?", "", line)
    line = re.sub(r"0x[0-9a-fA-F]{6,}", "…", line)
    line = re.sub(r"(?:\w+:)?/[^\s:'\"]+|'[^']*/[^']*'", "…", line)
    return "".join(c for c in line if c.isprintable()).strip()


def _confine(limits: Limits, parent: int) -> Callable[[], None]:
    """What the child does to itself between fork and exec: system calls only, for other threads' locks are gone there.

    A wrapper program would do the same without fork's Python, and cost 20 ms for each command.
    """
    wanted = [(resource.RLIMIT_CORE, (0, 0))]
    if limits.cpu:
        wanted.append((resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 2)))
    if limits.file:
        wanted.append((resource.RLIMIT_FSIZE, (limits.file, limits.file)))
    if limits.memory:
        wanted.append((resource.RLIMIT_DATA, (limits.memory, limits.memory)))
    capped = [(kind, _within(kind, pair)) for kind, pair in wanted]
    libc, nice = _libc, limits.nice

    def confine() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:  # our parent was killed before it could be said
                os._exit(125)
        for kind, pair in capped:
            resource.setrlimit(kind, pair)
        os.nice(nice)

    return confine


def _within(kind: int, pair: tuple[int, int]) -> tuple[int, int]:
    """No higher than we may go ourselves."""
    top = resource.getrlimit(kind)[1]
    return pair if top == resource.RLIM_INFINITY else (min(pair[0], top), min(pair[1], top))
