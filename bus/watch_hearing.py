"""What the processes of the house tell, as it comes in: how they are, what they have in hand, what has ended in them.

What a newcomer would get wrong: a job may be told of by two processes at once (it was handed on, or its gateway takes it for
waiting still), so each row has an owner, and only the owner's word that it is gone counts.
"""

import time
from collections.abc import Callable

import msgspec
import structlog

from bus import subjects
from bus.watch_hour import Hour
from bus.watch_rows import failed_row, moved_fields, running_row
from bus.watch_table import Table
from bus.wire import Message
from schemas.provider import ApiKey
from schemas.watch import MOST_FAILURES, MOST_RUNS, Failure, Hands, Running, Told, Vitals, decode_told

log = structlog.get_logger()

MOST_PROCESSES = 500
LARGEST = 4_000_000
"""Bytes of one message."""


class Process:
    """One process's last word."""

    __slots__ = ("at", "clock", "hands", "n", "vitals", "watched")

    def __init__(self, vitals: Vitals) -> None:
        self.vitals = vitals
        self.at, self.clock = 0.0, 0.0
        """When it was heard, monotonic and in Unix seconds."""
        self.n = -1
        self.hands: list[Hands] = []
        self.watched = 0.0
        """When it last told what it has in hand (monotonic)."""


class Hearing:
    """`heard` is called with each message on `watch.told.*`."""

    def __init__(self, key_of: Callable[[str], ApiKey | None]) -> None:
        self.hour = Hour()
        self.processes: dict[str, Process] = {}
        self.jobs, self.failed = Table("job"), Table("id")
        self.doubt = False
        """Something was lost: have everybody tell all of it anew."""
        self.begun = False
        """Somebody looks: keep what is in hand."""
        self._key_of = key_of
        self._owner: dict[int, str] = {}
        self._full = False
        """An attempt found no room in the table."""

    def heard(self, message: Message) -> None:
        try:
            if len(message.data) > LARGEST:
                raise ValueError("too long")
            told = decode_told(message.data)
            if message.subject != subjects.watch_told(told.process):
                raise ValueError("under another name")
        except (msgspec.MsgspecError, ValueError) as error:
            log.warning("watch.unreadable", subject=message.subject, error=str(error))
            return
        if told.left:
            self.forget(told.process)
            return
        process = self._process(told)
        if process is None:
            return
        self.hour.heard(told.process, told.minutes, told.keys, process.clock)
        for failure in told.failed:
            self.fail(failure)
        if told.hands is not None:
            process.hands = told.hands
        if told.watched:
            process.watched = process.at
        if self.begun:
            self._in_hand(told)

    def _process(self, told: Told) -> Process | None:
        process = self.processes.get(told.process)
        if process is None:
            if len(self.processes) >= MOST_PROCESSES:
                return None
            process = self.processes[told.process] = Process(told.vitals)
        elif told.n != process.n + 1 and not told.whole:
            self.doubt = True
        process.vitals, process.n = told.vitals, told.n
        process.at, process.clock = time.monotonic(), time.time()
        return process

    def fail(self, failure: Failure) -> None:
        """A request has failed: of all that are known the last `MOST_FAILURES` stay."""
        if failure.id in self.failed.rows:
            return
        rows = self.failed.rows
        if len(rows) >= MOST_FAILURES:
            oldest = min(rows, key=lambda name: float(rows[name]["at"]))
            if rows[oldest]["at"] >= failure.at:
                return
            self.failed.drop(oldest)
        self.failed.put(failed_row(failure, self._key_of(failure.key)))

    # ---- what is in hand ------------------------------------------------------------------------------------------

    def _in_hand(self, told: Told) -> None:
        name = told.process
        if told.whole:
            kept = {run.job for run in told.fresh}
            self._drop(name, [job for job, owner in self._owner.items() if owner == name and job not in kept])
        self._drop(name, [job for job in told.gone if self._owner.get(job) == name])
        for run in told.fresh:
            self._fresh(name, run)
        for moved in told.moved:
            if self._owner.get(moved.job) == name:
                self.jobs.patch(moved.job, moved_fields(moved))

    def _fresh(self, process: str, run: Running) -> None:
        known = self.jobs.rows.get(run.job)
        if known is None and len(self.jobs.rows) >= MOST_RUNS:
            self._full = True
            return
        if known is not None and self._owner[run.job] != process and (run.waiting or known["attempt"] > run.attempt):
            return  # somebody has it in hand who knows better
        self._owner[run.job] = process
        self.jobs.put(running_row(run, process, self._key_of(run.key)))

    def _drop(self, process: str, jobs: list[int]) -> None:
        for job in jobs:
            self._owner.pop(job, None)
            self.jobs.drop(job)
        if self._full and jobs and len(self.jobs.rows) < MOST_RUNS * 0.9:
            self._full, self.doubt = False, True

    def drop_hands(self, process: str) -> None:
        """The process is lost: what it had in hand is in nobody's."""
        self.processes[process].hands = []
        self._drop(process, [job for job, owner in self._owner.items() if owner == process])

    def forget(self, process: str) -> None:
        if process in self.processes:
            self.drop_hands(process)
            del self.processes[process]

    def begin(self, looking: bool) -> None:
        """Somebody begins to look, or nobody does any more: what was in hand before counts for nothing."""
        self.begun, self._full, self.doubt = looking, False, False
        self._owner.clear()
        self.jobs.clear()
        self.jobs.told()
        for process in self.processes.values():
            process.hands = []
