"""Runs plans: progress out of `-progress`, the next plan when one fails, and what went wrong in words for the caller.

What a newcomer would get wrong: ffmpeg ends with 0 on a file that was cut short, and writes what it found. So its complaints
are read, and for sound the length of what came out is compared with what the file promised.
"""

import math
import shutil
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec
import structlog

from agents._command import Command, Limits, running, words
from agents._ffmpeg_binary import THREADS, Toolbox
from agents._ffmpeg_facts import MEMORY, Facts, unreadable
from agents._ffmpeg_plan import Input, Plan, measuring
from schemas.events import Progress
from schemas.problem import Code, Problem

log = structlog.get_logger()

RESERVE = 256 * 1024 * 1024
"""Bytes of disk that no job takes."""
LARGEST = 2 * 1024**3
"""Bytes of a result."""
MEASURE = 60.0
"""Seconds for reading a file to its end."""
TICK = 0.25
"""Seconds between two words of progress."""
_SHORT = (0.5, 0.03)
"""A result may lack so many seconds, or this share of its length, before we call the file cut short."""
_CUT = ("partial file", "File ended prematurely")
_FULL = ("No space left on device",)
_BIG = ("File too large",)
_GREEDY = ("Cannot allocate memory", "Resource temporarily unavailable")
_OURS = ("Unknown encoder", "Encoder not found", "No such filter", "Unrecognized option", "Error loading shared")


class Made(msgspec.Struct, frozen=True):
    """What came out. `seconds`: where the last frame begins, as ffmpeg counts."""

    out: Path
    seconds: float
    way: str


class Count:
    """Follows `-progress` over the steps of a plan: blocks of `name=value` lines, each ended by `progress=…`."""

    def __init__(self, expected: float | None, steps: int = 1) -> None:
        self.expected, self.steps = expected, steps
        self.seconds = 0.0
        self.step = 0
        self._share = 0.0
        self._started = time.monotonic()

    def feed(self, line: str) -> Progress | None:
        """Progress at the end of a block. Never less than before, never quite 1: the file is still to be stored."""
        name, _, value = line.strip().partition("=")
        if name == "out_time_us" and value.lstrip("-").isdecimal():
            self.seconds = max(self.seconds, int(value) / 1e6)
        return self.told() if name == "progress" else None

    def told(self) -> Progress:
        if not self.expected:
            return Progress(None, "encoding")
        share = (self.step + min(1.0, self.seconds / self.expected)) / self.steps
        self._share = max(self._share, min(0.99, share))
        spent = time.monotonic() - self._started
        eta = round(spent * (1 - self._share) / self._share, 1) if self._share > 0.02 else None
        return Progress(round(self._share, 4), "encoding", eta)

    def next(self) -> None:
        self.step, self.seconds = self.step + 1, 0.0


def room(folder: Path, wanted: int = 0) -> int:
    """Bytes that a job may write. Raises `Problem(OVERLOADED)` when the disk has none to spare."""
    free = shutil.disk_usage(folder).free - RESERVE - wanted
    if free <= 0:
        raise Problem(Code.OVERLOADED, "The agent's disk is full: try again later", retry_after=60)
    return min(free, LARGEST)


def limits(folder: Path, deadline: float, hardware: bool) -> Limits:
    """`deadline`: Unix seconds. A card's driver maps more memory than it uses, so there it has no limit."""
    seconds = max(1.0, deadline - time.time())
    cpu = math.ceil(min(seconds, 86_400) * (THREADS + 1)) + 5
    return Limits(seconds=seconds, cpu=cpu, file=room(folder), memory=0 if hardware else MEMORY)


async def encode(
    plans: list[Plan], expected: float | None, source: tuple[str, Facts], deadline: float
) -> AsyncGenerator[Progress | Made, None]:
    """`Progress* Made`, by the first plan that works. `source`: the field that is blamed, and its facts."""
    top = 0.0  # progress does not fall when a plan fails and the next one begins
    for plan in plans:
        try:
            async with aclosing(_attempt(plan, expected, source, deadline)) as events:
                async for event in events:
                    if isinstance(event, Progress) and event.share is not None:
                        top = max(top, event.share)
                        event = Progress(top, event.stage, event.eta)
                    yield event
            return
        except Problem as problem:
            if plan is plans[-1] or problem.code not in (Code.INVALID_REQUEST, Code.PROVIDER_ERROR):
                raise
            log.info("ffmpeg.fell_back", way=plan.way, kind=source[1].kind.name, why=problem.fault.message[:200])


async def length_of(tools: Toolbox, source: Input, field: str, deadline: float) -> float:
    """The real length in seconds, for a file that does not tell it."""
    count = Count(None)
    asked = limits(source.path.parent, min(deadline, time.time() + MEASURE), hardware=False)
    async with running(Command(argv=measuring(tools, source), folder=source.path.parent, limits=asked)) as program:
        async for line in program.lines():
            count.feed(line)
        ended = await program.end()
    if not ended.good or count.seconds <= 0:
        raise _problem(ended.code, ended.tail, field, None) or unreadable(field, source.kind, ended.tail)
    return count.seconds


async def _attempt(
    plan: Plan, expected: float | None, source: tuple[str, Facts], deadline: float
) -> AsyncGenerator[Progress | Made, None]:
    field, facts = source
    count, last, folder = Count(expected, len(plan.steps)), 0.0, plan.out.parent
    for step in plan.steps:
        asked = limits(folder, deadline, plan.way == "hardware")
        async with running(Command(argv=step, folder=folder, limits=asked)) as program:
            async for line in program.lines():
                told, now = count.feed(line), time.monotonic()
                if told is not None and now - last >= TICK:
                    last = now
                    yield told
            ended = await program.end()
        if ended.late:
            raise Problem(Code.DEADLINE, "The job's deadline passed while ffmpeg was at work")
        if not ended.good:
            raise _problem(ended.code, ended.tail, field, facts) or unreadable(field, facts.kind, ended.tail)
        seconds = count.seconds
        count.next()
    _whole(Made(plan.out, seconds, plan.way), expected, source, ended.tail)
    yield Made(plan.out, seconds, plan.way)


def _whole(made: Made, expected: float | None, source: tuple[str, Facts], said: str) -> None:
    """Raises `Problem(INVALID_REQUEST)` when there is nothing in the result, or less than there should be.

    Lengths are compared for sound alone: the last picture of a slide show begins long before the end.
    """
    field, facts = source
    if not made.out.exists() or made.out.stat().st_size == 0:
        raise unreadable(field, facts.kind, "nothing could be decoded")
    if expected is None:
        return
    fixed, share = _SHORT
    steady = not facts.video and not facts.estimated
    if any(sign in said for sign in _CUT) or (steady and made.seconds < expected - max(fixed, share * expected)):
        sentence = (
            f"The file in '{field}' is cut short: about {expected:.2f} s were expected of it, and some are missing"
        )
        raise Problem(Code.INVALID_REQUEST, sentence, param=field)


def _problem(code: int, said: str, field: str, facts: Facts | None) -> Problem | None:
    """What ended ffmpeg, if it was not the file."""

    def has(signs: tuple[str, ...]) -> bool:
        return any(sign in said for sign in signs)

    if has(_FULL):
        return Problem(Code.OVERLOADED, "The agent's disk is full: try again later", retry_after=60)
    if code == -signal.SIGXFSZ or has(_BIG):
        return Problem(Code.TOO_LARGE, "The result would be larger than the agent may write", param=field)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return Problem(Code.TOO_LARGE, f"The file in '{field}' takes more work than the agent may do", param=field)
    if has(_GREEDY):
        return Problem(Code.TOO_LARGE, f"The file in '{field}' takes more memory than the agent may use", param=field)
    if has(_OURS):
        return Problem(Code.PROVIDER_ERROR, f"This ffmpeg can't do that: {words(said)}")
    return None
