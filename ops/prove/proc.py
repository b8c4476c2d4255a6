"""Processes as the kernel tells them: who is whose child, what each costs. Linux (/proc) alone.

A pid is reused once its process is gone, so a process is named by its pid and its start time together; nothing here is
ever signalled by the pid alone.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    pid: int
    parent: int
    started: int
    """Clock ticks since boot: with the pid, a name that is never used twice."""
    cpu: float
    """Seconds of processor time, user and system, since its start."""
    rss: int
    """Bytes of memory resident now."""
    state: str
    command: tuple[str, ...]

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / _TICKS

    @property
    def alive(self) -> bool:
        now = read(self.pid)
        return now is not None and now.started == self.started and now.state not in "ZX"

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal to this very process. False: it was gone."""
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


def read(pid: int) -> Process | None:
    """The process now, or None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()  # the name in brackets may hold anything
    return Process(
        pid=pid,
        parent=int(fields[1]),
        started=int(fields[19]),
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
        rss=int(fields[21]) * _PAGE,
        state=fields[0],
        command=tuple(part.decode("utf-8", "replace") for part in command.split(b"\0") if part),
    )


def everyone() -> list[Process]:
    """All processes that we may see."""
    return [found for name in os.listdir("/proc") if name.isdigit() and (found := read(int(name)))]


def below(roots: set[int]) -> list[Process]:
    """All processes that descend from `roots`, without them, and without the dead that wait to be reaped."""
    people = everyone()
    family: set[int] = set(roots)
    grown = True
    while grown:
        more = {process.pid for process in people if process.parent in family} - family
        family |= more
        grown = bool(more)
    return [p for p in people if p.pid in family and p.pid not in roots and p.state not in "ZX"]


def role(process: Process) -> str:
    """gateway, archiver, nats, or `agent NAME…`, read from the command line; empty: none of ours."""
    words = process.command
    if not words:
        return ""
    if "nats-server" in Path(words[0]).name:
        return "nats"
    if "ops.run" in words:
        rest = [word for word in words[words.index("ops.run") + 1 :] if not word.startswith("-")]
        return " ".join(rest[:1]) if rest[:1] != ["agent"] else "agent"
    return ""
