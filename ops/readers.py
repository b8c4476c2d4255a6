"""The readers of the archive, seen from the process that asks: started when a question comes, ended when none has come for
a while, and killed when one takes more time or memory than it may.

What a newcomer would get wrong: a reader is one question's. It is killed with that question, and no other is lost by it;
its successor starts with the next question. What a caller gives up (a cancelled task) is broken off in the reader too,
and the reader is free again only when it has said so.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ops.turns import Pace, Turns
from schemas.problem import Code, Problem
from storage import frames
from storage.frames import Answer, Cancel, Question, Ready, Refused, Saved, Waiting

log = structlog.get_logger()

TOGETHER = 3
"""Questions at a time, so readers too. One place is for our own pages alone; of the others one is for questions of at most …"""
SHORT = 30.0
"""… seconds."""
MEMORY = 512
"""MB for DuckDB in each; Python, its code and an answer on its way come on top …"""
BESIDE = 384
"""… MB; a reader that takes more is killed."""
IDLE = 300.0
"""Seconds without a question after which a reader ends."""
START = 30.0
"""Seconds a reader may take to start: Python and DuckDB on a busy machine."""
GRACE = 2.0
"""Seconds beyond its time after which a question that does not stop is stopped with its reader."""
LOOK = 0.1
"""Seconds between two looks at a reader's memory."""
_PROC = Path("/proc/self/statm").exists()
_ENVIRONMENT = ("PATH", "PYTHONPATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "VIRTUAL_ENV", "SYSTEMROOT")
"""What a reader gets of ours: no address of NATS, no secret."""


_CANCELLED = Problem(Code.CANCELLED, "The query was cancelled.")


class Reader:
    """One reader's process."""

    def __init__(self, archive: Path, memory: int = MEMORY) -> None:
        self.archive, self.memory = archive, memory
        self.folder = Path(tempfile.mkdtemp(prefix="ai-server-reader-"))
        self.process: asyncio.subprocess.Process | None = None
        self._why: Problem | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Raises `Problem(UNAVAILABLE)`."""
        began = time.monotonic()
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "storage.reader", str(self.archive), str(self.folder), f"{self.memory}MB",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: value for name in _ENVIRONMENT if (value := os.environ.get(name))} | _way(),
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )  # fmt: skip
        with suppress(TimeoutError):
            if isinstance(await asyncio.wait_for(self._read(), START), Ready):
                log.info("reader.started", pid=self.process.pid, seconds=round(time.monotonic() - began, 3))
                return
        await self.end()
        raise Problem(Code.UNAVAILABLE, "The reader of the archive does not start.", retry_after=5)

    async def ask(self, question: Question) -> Answer:
        """The answer, however it turns out. Raises `Problem` for a reader that died, or was killed, over it."""
        assert self.process is not None
        assert self.process.stdin is not None
        watch = asyncio.create_task(self._watch(question.seconds + GRACE))
        try:
            with suppress(ConnectionError):
                self.process.stdin.write(frames.frame(question))
                await self.process.stdin.drain()
            while (answer := await self._read()) is not None:
                if not isinstance(answer, Ready) and answer.id == question.id:
                    return answer
        finally:
            watch.cancel()
        code = await self.process.wait()
        log.warning("reader.died", code=code, why=str(self._why or "by itself"))
        if self._why is None and code < 0 and code not in (-signal.SIGKILL, -signal.SIGTERM):
            raise _refused("DuckDB crashed over this question; ask it in another way.")
        raise self._why or Problem(
            Code.UNAVAILABLE, "The reader of the archive died over this question; ask again.", retry_after=1
        )

    def cancel(self, question_id: str) -> None:
        """Break the question off; who does not stop within the grace is killed."""
        if self.process is not None and self.process.stdin is not None and self.alive:
            self.process.stdin.write(frames.frame(Cancel(question_id)))

    def kill(self, why: Problem) -> None:
        if self.alive and self.process is not None:
            self._why = self._why or why
            with suppress(ProcessLookupError):
                self.process.kill()

    async def end(self) -> None:
        """Returns when the process is gone."""
        if self.process is not None:
            if self.process.stdin is not None:
                self.process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 1)
            with suppress(ProcessLookupError):
                if self.alive:
                    self.process.kill()
            await self.process.wait()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _read(self) -> Answer | None:
        """None: it will say nothing any more."""
        assert self.process is not None
        assert self.process.stdout is not None
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            size = int.from_bytes(await self.process.stdout.readexactly(4), "big")
            if size <= frames.LARGEST:
                answer: Answer = frames.decode_answer(await self.process.stdout.readexactly(size))
                return answer
            self.kill(Problem(Code.UNAVAILABLE, "The reader of the archive talks nonsense.", retry_after=1))
        return None

    async def _watch(self, seconds: float) -> None:
        assert self.process is not None
        end, most = time.monotonic() + seconds, (self.memory + BESIDE) << 20
        while self.alive:
            if time.monotonic() > end:
                self.kill(_refused("The query took too long, and did not stop; narrow it, for example to a month."))
            elif await resident(self.process.pid) > most:
                self.kill(_refused("The query needs too much memory; narrow it, or aggregate."))
            await asyncio.sleep(LOOK)


class Readers:
    """Those of one archive. `answer` takes turns; `close` ends them all."""

    def __init__(self, archive: Path, *, together: int = TOGETHER, memory: int = MEMORY, idle: float = IDLE) -> None:
        self.archive, self.memory, self.idle = archive, memory, idle
        self.turns = Turns(together)
        self._free: list[tuple[Reader, asyncio.TimerHandle]] = []
        self._busy: set[Reader] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        every = [*self._busy, *(reader for reader, _ in self._free)]
        return [reader.process.pid for reader in every if reader.process is not None and reader.alive]

    async def answer(
        self, question: Question, asker: str, hot: Callable[[], Awaitable[Waiting]] | None = None
    ) -> tuple[Answer, Path]:
        """The answer, and the folder that a file is in. Cancelling the task breaks the question off. Raises `Problem`.

        `hot` gives what is not archived yet. It is asked when the turn has come: who waits holds no rows.
        """
        pace = Pace.OURS if question.trusted else Pace.SHORT if question.seconds <= SHORT else Pace.LONG
        await self.turns.wait(asker, pace)
        try:
            if hot is not None:
                question = msgspec.structs.replace(question, hot=await hot())
            reader = await self._take()
        except BaseException:
            self.turns.done(pace)
            raise
        asking = asyncio.ensure_future(self._ask(reader, question, pace))
        try:
            answer = await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(lambda done: _forget(done, reader.folder / question.target))
            reader.cancel(question.id)
            asyncio.get_running_loop().call_later(GRACE, _overdue, asking, reader)
            raise
        if isinstance(answer, Refused):
            raise Problem.of(answer.fault)
        return answer, reader.folder

    async def close(self) -> None:
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        free, self._free = self._free, []
        for _, timer in free:
            timer.cancel()
        await asyncio.gather(*(reader.end() for reader in [*self._busy, *(reader for reader, _ in free)]))
        self._busy.clear()

    async def _ask(self, reader: Reader, question: Question, pace: Pace) -> Answer:
        """The turn and the reader are the question's until the reader is done with it, whether anybody still waits or not."""
        try:
            answer = await reader.ask(question)
            self._give_back(reader)
            return answer
        except BaseException:
            self._busy.discard(reader)
            self._keep(reader.end())
            raise
        finally:
            self.turns.done(pace)

    async def _take(self) -> Reader:
        """The one used last, which is the warmest; else a new one."""
        while self._free:
            reader, timer = self._free.pop()
            timer.cancel()
            if reader.alive:
                self._busy.add(reader)
                return reader
            await reader.end()
        reader = Reader(self.archive, self.memory)
        self._busy.add(reader)
        try:
            await reader.start()
        except BaseException:
            self._busy.discard(reader)
            reader.kill(_CANCELLED)
            self._keep(reader.end())
            raise
        return reader

    def _give_back(self, reader: Reader) -> None:
        self._busy.discard(reader)
        if self._closed or not reader.alive:
            self._keep(reader.end())
            return
        timer = asyncio.get_running_loop().call_later(self.idle, self._retire, reader)
        self._free.append((reader, timer))

    def _retire(self, reader: Reader) -> None:
        self._free = [one for one in self._free if one[0] is not reader]
        log.info("reader.ended", pid=reader.process.pid if reader.process else 0)
        self._keep(reader.end())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def resident(pid: int) -> int:
    """Bytes of memory that a process has; 0: not known, or gone."""
    if _PROC:
        with suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/statm") as file:  # noqa: ASYNC230  no disk
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0
    ps = await asyncio.create_subprocess_exec("ps", "-o", "rss=", "-p", str(pid), stdout=asyncio.subprocess.PIPE)
    told, _ = await ps.communicate()
    return int(told or b"0") * 1024


def _refused(sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence, param="sql")


def _way() -> dict[str, str]:
    """Where a child finds our own code, however this process found it."""
    here = str(Path(__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{here}{os.pathsep}{known}" if known else here}


def _forget(done: "asyncio.Future[Answer]", target: Path) -> None:
    """Nobody takes the answer. Had it been ready just before, its file would lie there as long as the reader lives."""
    if not done.cancelled() and done.exception() is None and isinstance(done.result(), Saved):
        target.unlink(missing_ok=True)


def _overdue(asking: "asyncio.Future[Answer]", reader: Reader) -> None:
    """The question was cancelled some time ago."""
    if not asking.done():
        reader.kill(_CANCELLED)
