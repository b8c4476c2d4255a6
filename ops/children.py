"""Child processes of `ai-server up`: started, watched, started again with back-off, stopped in order.

What a newcomer would get wrong: a child gets a session of its own, so a Ctrl-C in the terminal reaches the supervisor
alone and it decides who stops when; and a child ends with its supervisor even if that was killed (`end_with_parent`).
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import structlog

log = structlog.get_logger()

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds before a restart: the wait doubles from the first to the longest …"""
HEALTHY_AFTER = 10.0
"""… and begins anew once a child has lived this long."""
SUPERVISOR = "AI_SERVER_SUPERVISOR"
"""Environment: the supervisor's pid. A child whose parent is another one ends."""

Output = Callable[[str, str], None]
"""Takes a child's name and a line it wrote."""


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """It ended and will be started again."""
    STOPPING = "stopping"
    STOPPED = "stopped"


class Child:
    """One child process, kept alive until `stop`. `output` takes its lines; without, it writes where we write."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        fds: Sequence[int] = (),
        output: Output | None = None,
    ) -> None:
        self.name, self.argv, self.env, self.fds, self.output = name, argv, env, fds, output
        self.state = State.STARTING
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        return self._process.pid if self._process and self._process.returncode is None else 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=f"child {self.name}")

    async def stop(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL after `seconds`. Returns when the process is gone."""
        self._stopping, self.state = True, State.STOPPING
        self._signal(signal.SIGTERM)
        if self._task is not None:
            if not self.pid:
                self._task.cancel()
            try:
                await asyncio.wait_for(asyncio.shield(self._task), seconds)
            except TimeoutError:
                log.warning("child.killed", child=self.name, seconds=seconds)
                self.kill()
                await asyncio.wait([self._task], timeout=5)
            except asyncio.CancelledError:
                if not self._task.done():
                    raise
        self.state = State.STOPPED

    def kill(self) -> None:
        self._stopping = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.pid and self._process:
                self._process.send_signal(number)

    async def _keep(self) -> None:
        wait = FIRST_WAIT
        while not self._stopping:
            started = time.monotonic()
            code = await self._run()
            if self._stopping:
                return
            self.state, self.restarts = State.WAITING, self.restarts + 1
            wait = FIRST_WAIT if time.monotonic() - started > HEALTHY_AFTER else wait
            log.warning("child.ended", child=self.name, code=code, restart_in=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _run(self) -> int:
        pipe = asyncio.subprocess.PIPE if self.output else None
        self._process = process = await asyncio.create_subprocess_exec(
            *self.argv,
            env={**self.env, SUPERVISOR: str(os.getpid())},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT if self.output else None,
            pass_fds=tuple(self.fds),
            start_new_session=True,
        )
        self.state = State.RUNNING
        if self._stopping:  # asked to stop while it was being started
            self._signal(signal.SIGTERM)
        if process.stdout is not None:
            await self._read(process.stdout)
        return await process.wait()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        assert self.output is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the reader's limit: the rest comes with the next call
                continue
            if not line:
                return
            self.output(self.name, line.decode("utf-8", "replace").rstrip())


def end_with_parent() -> None:
    """Called by a child first thing: when the supervisor is gone, so are we. Does nothing without a supervisor.

    `kill -9` of the supervisor leaves nobody to restart us or to stop us. What was accepted is safe in that case too,
    so the kernel may end us without ceremony.
    """
    supervisor = int(os.environ.get(SUPERVISOR) or 0)
    if not supervisor:
        return
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    else:
        threading.Thread(target=_watch, args=(supervisor,), daemon=True).start()
    if os.getppid() != supervisor:  # it died before we asked the kernel
        os._exit(1)


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(1)
    os._exit(1)


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError, ValueError):
        return 0.0
