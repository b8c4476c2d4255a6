"""A process's voice for those who watch the house: how it is each 5 s, what has ended in it, and, while somebody looks, what it
has in hand.

It reads what workers and dispatcher know anyway, once a second; nothing of it is on a call's way. What a newcomer would get
wrong: attempts are told once and then only by what has moved, so whoever has missed a message (the numbers have a hole)
asks for all of it anew.
"""

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from bus import subjects
from bus.connection import Bus, Ear
from bus.counts import resident
from bus.watch_tally import SHORT, Tally
from bus.wire import Message
from schemas.events import Attempt
from schemas.job import Job
from schemas.problem import Problem
from schemas.watch import MOST_RUNS, Hands, Moved, Running, Told, Vitals, encode_told

if TYPE_CHECKING:
    from bus.dispatch import Dispatcher
    from bus.live_call import LiveCall
    from bus.run import Run
    from bus.worker import Worker

log = structlog.get_logger()

EVERY, QUIET_EVERY = 1.0, 5.0
"""Seconds between two words while there is something to tell, and while there is nothing."""
WATCHED = 8.0
"""Seconds that one `watch.ask` counts."""
UNHEARD = 1.0
"""Seconds after which a live call that no agent has taken yet is told of."""
MOST_HANDS, MOST_TRAIL = 2000, 20
WHOLE = b"whole"


class Teller:
    """One process's. Its workers and its dispatcher call `begin` when they start."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.tally = Tally()
        self.workers: dict[str, Worker] = {}
        self.dispatcher: Dispatcher | None = None
        self.version = ""
        self.host, self.pid = socket.gethostname(), os.getpid()
        self.process = process_prefix(self.host, self.pid) + secrets.token_hex(2)
        self.started = time.time()
        self._ears: list[Ear] = []
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0
        """Somebody looks until then (monotonic)."""
        self._spoke = 0.0
        self._n = 0
        self._lag = 0.0
        self._rss = 0
        self._told: dict[int, tuple[int, Moved]] = {}
        """Job -> the attempt that was told, and how far it was."""
        self._hands: list[Hands] = []

    async def begin(self, worker: "Worker | None" = None, dispatcher: "Dispatcher | None" = None) -> None:
        """From now on this process is heard, and these are part of it."""
        if worker is not None:
            self.workers[worker.agent] = worker
        self.dispatcher = self.dispatcher or dispatcher
        if self._task is not None:
            return
        self._task = self.bus.spawn(self._run())
        self._ears = [
            await self.bus.listen(subjects.WATCH_ASK, self._asked),
            await self.bus.listen(subjects.WATCH_PREVIEW, self._asked_preview),
        ]
        self._speak(whole=True)

    def leave(self, worker: "Worker") -> None:
        """The worker has ended. With the last one the process says goodbye, unless it is a gateway."""
        self.workers.pop(worker.agent, None)

    def farewell(self) -> None:
        """The process stops in order: it is not lost."""
        if self._task is not None:
            self._task.cancel()
            with suppress(Problem):
                self._tell(Told(process=self.process, n=self._n, vitals=self._vitals(), left=True))

    # ---- being asked ----------------------------------------------------------------------------------------------

    def _asked(self, message: Message) -> None:
        now = time.monotonic()
        fresh, self._until = now >= self._until, now + WATCHED
        if fresh or message.data == WHOLE:
            self._speak(whole=True)

    def _asked_preview(self, message: Message) -> None:
        """Only who has the job answers: the picture as it stands, or nothing where there is none."""
        if message.data.isdigit():
            for worker in self.workers.values():
                if (run := worker.runs.get(int(message.data))) is not None:
                    self.bus.tell(message.reply, run.preview.encode())
                    return

    # ---- telling --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(EVERY)
            now = time.monotonic()
            self._lag = max(self._lag, now - begun - EVERY)
            try:
                if now < self._until or self.tally.news or now - self._spoke >= QUIET_EVERY - 0.1:
                    self._speak()
            except Exception:
                log.exception("watch.tell_failed")

    def _speak(self, whole: bool = False) -> None:
        now = time.monotonic()
        watched = now < self._until
        if whole:
            self._told, self._hands = {}, []
            self.tally.again()
        minutes, keys, failed = self.tally.take()
        fresh, moved, gone = self._in_hand() if watched else ([], [], [])
        hands = self._counted() if watched else []
        changed = watched and (whole or hands != self._hands)
        self._hands = hands
        self._tell(
            Told(
                process=self.process, n=self._n, vitals=self._vitals(), whole=whole, watched=watched, minutes=minutes,
                keys=keys, failed=failed, hands=hands if changed else None, fresh=fresh, moved=moved, gone=gone,
            )
        )  # fmt: skip
        self._spoke, self._lag = now, 0.0

    def _tell(self, told: Told) -> None:
        self._n += 1
        with suppress(Problem):  # the bus is away: the next word says it all
            self.bus.tell(subjects.watch_told(self.process), encode_told(told))

    def _vitals(self) -> Vitals:
        if self._n % 5 == 0:
            self._rss = resident()
        calls = list(self.dispatcher.calls.values()) if self.dispatcher is not None else []
        runs = [run for worker in self.workers.values() for run in worker.runs.values()]
        jobs = [call.job for call in calls] if self.dispatcher is not None else [run.job for run in runs]
        return Vitals(
            role="gateway" if self.dispatcher is not None else "agent",
            host=self.host,
            pid=self.pid,
            version=self.version,
            started=self.started,
            rss=self._rss,
            lag_ms=round(self._lag * 1000, 1),
            in_flight=len(jobs),
            streams=sum(job.stream for job in jobs),
            providers=sorted({worker.provider.name for worker in self.workers.values()})[:200],
        )

    def _in_hand(self) -> tuple[list[Running], list[Moved], list[int]]:
        """What is new, what has moved and what is gone since the last word."""
        runs = {number: run for worker in self.workers.values() for number, run in worker.runs.items()}
        calls = {number: call for number, call in self._unheard() if number not in runs}
        gone = [number for number in self._told if number not in runs and number not in calls]
        for number in gone:
            del self._told[number]
        fresh: list[Running] = []
        moved: list[Moved] = []
        for number, run in runs.items():
            far = far_of(number, run)
            if self._new(number, run.job.attempt):
                fresh.append(told_of(run.job, run))
            if self._moved(number, run.job.attempt, far):
                moved.append(far)
        for number, call in calls.items():
            if self._new(number, 0):
                fresh.append(told_of(call.job, None, call.queue))
        return fresh, moved, gone

    def _new(self, number: int, attempt: int) -> bool:
        """This attempt was not told of yet, and there is room to do so."""
        before = self._told.get(number)
        if (before is None and len(self._told) >= MOST_RUNS) or (before is not None and before[0] == attempt):
            return False
        self._told[number] = (attempt, Moved(number))
        return True

    def _moved(self, number: int, attempt: int, far: Moved) -> bool:
        before = self._told.get(number)
        if before is None or before[1] == far:
            return False
        self._told[number] = (attempt, far)
        return True

    def _unheard(self) -> "list[tuple[int, LiveCall]]":
        """Live calls that wait: the agents don't know of them."""
        if self.dispatcher is None:
            return []
        late = time.monotonic() - UNHEARD
        found = [item for item in self.dispatcher.calls.items() if not item[1].heard and item[1].sent < late]
        return found[:MOST_RUNS]

    def _counted(self) -> list[Hands]:
        """How much of each key is in hand, all of it."""
        counts: dict[tuple[str, str], list[int]] = {}
        for worker in self.workers.values():
            for run in worker.runs.values():
                counts.setdefault((run.job.tenant, run.job.key), [0, 0])[run.job.durable] += 1
        return [Hands(*name, *count) for name, count in sorted(counts.items())[:MOST_HANDS]]


def process_prefix(host: str, pid: int) -> str:
    """How the name begins that a process has for those who watch it."""
    return f"{host[:20].replace('.', '-')}-{pid}-"


def told_of(job: Job, run: "Run | None", queue: str = "") -> Running:
    """An attempt in hand; without `run` a live call that waits in `queue`."""
    worker = run.worker if run is not None else None
    return Running(
        job=job.id,
        op=job.op,
        model=job.model,
        queue=worker.queue if worker is not None else queue,
        provider=worker.provider.name if worker is not None else "",
        agent=worker.agent if worker is not None else "",
        key=job.key,
        tenant=job.tenant,
        style=str(job.style),
        attempt=job.attempt,
        created=job.created,
        deadline=job.deadline,
        started=run.started if run is not None else 0.0,
        stream=job.stream,
        durable=job.durable,
        waiting=run is None,
        trail=tuple(_short(one) for one in job.trail[-MOST_TRAIL:]),
        tag=job.tag[:SHORT],
        ref=job.ref[:SHORT],
        client=job.client[:SHORT],
    )


def far_of(number: int, run: "Run") -> Moved:
    """How far it is: the provider's count of tokens, or pieces of the stream where there is none yet."""
    tokens = (run.used().tokens_out if run.used is not None else 0) or run.chunks
    progress = run.progress
    if progress is None:
        return Moved(number, tokens, first=run.first)
    stage, share, eta = progress.stage[:SHORT], progress.share, progress.eta
    return Moved(number, tokens, share, stage, eta, run.first, run.previews)


def _short(attempt: Attempt) -> Attempt:
    if attempt.message is None or len(attempt.message) <= SHORT:
        return attempt
    return msgspec.structs.replace(attempt, message=attempt.message[:SHORT])
