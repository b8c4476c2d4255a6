"""The whole house as it is now, for as long as somebody looks: what every process tells, put together in tables.

Heard all the time are only the processes' words on how they are and their counters of the minute (`Hour`); what they have in
hand they tell while `look` is called now and then. What a newcomer would get wrong: a process tells of an attempt once and
then what has moved, so a hole in its numbers, a reconnect or a full table means: ask for all of it anew.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from bus import subjects
from bus.fleet import STALE, Fleet
from bus.router import QueueView
from bus.watch_depth import Depth
from bus.watch_hearing import Hearing
from bus.watch_hour import SHOWN_KEYS, Whose
from bus.watch_rows import NOTHING, Row, held, key_row, process_row, provider_row, queue_row, queued_row
from bus.watch_table import Table
from bus.watch_teller import QUIET_EVERY, WHOLE
from schemas.problem import Problem
from schemas.provider import ApiKey, Heartbeat

log = structlog.get_logger()

TURN = 1.0
"""Seconds between two turns of a house that is looked at."""
ASK_EVERY, SLOWLY = 3.0, 2.0
"""Seconds between two words to the processes; between two looks at the queues' depth and at the keys."""
LOOKED = 8.0
"""Seconds that one look counts."""
SOON = 3.5
"""Seconds of silence after which a process is lost while it is asked …"""
LATER = 2 * QUIET_EVERY + 2
"""… and while nobody looks."""
REMEMBERED = 600.0
"""Seconds a lost process is shown."""
FIRST_SECONDS = 1.5
"""How long a first look waits for the processes."""
QUEUED = 50
ANEW_EVERY = 5.0
"""Seconds between two times that everything is asked for because something was lost."""


class Watched:
    """Start it once a process; `look` makes its tables current. They hold what docs/reference/live.md says."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.bus, self.config = fleet, fleet.bus, fleet.config
        self.hearing, self.depth = Hearing(self._key), Depth(fleet.bus)
        self.hour = self.hearing.hour
        self.tables = {
            "queues": Table("name"), "providers": Table("name"), "keys": Table("id"), "processes": Table("process"),
            "jobs": self.hearing.jobs, "queued": Table("job"), "failed": self.hearing.failed,
        }  # fmt: skip
        self.on_turn: list[Callable[[], None]] = []
        """Called once a second while somebody looks."""
        self._until = self._since = 0.0
        """Somebody looks since then, and until then (monotonic)."""
        self._asked = self._anew = self._slow = 0.0
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        await self.bus.listen(subjects.watch_told("*"), self.hearing.heard)
        self.bus.on_reconnect.append(self._reconnected)

    async def look(self) -> None:
        """Somebody looks, for the next seconds. Returns when the tables hold what there is."""
        self._until = time.monotonic() + LOOKED
        if self._task is None or self._task.done():
            self._ready = asyncio.Event()
            self._task = self.bus.spawn(self._run())
        await self._ready.wait()

    def keep(self) -> None:
        """Somebody looks still."""
        self._until = time.monotonic() + LOOKED

    def _reconnected(self) -> None:
        """Words were lost, and silence says nothing: the bus was away."""
        self._since, self.hearing.doubt, self._anew = time.monotonic(), True, 0.0

    # ---- once a second --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """While somebody looks."""
        try:
            self._since = time.monotonic()
            self.hearing.begin(looking=True)
            await self._first()
            while time.monotonic() < self._until:
                await self._turn()
                self._ready.set()
                for told in self.on_turn:
                    told()
                await asyncio.sleep(TURN)
        finally:
            self._ready.set()
            self.hearing.begin(looking=False)

    async def _first(self) -> None:
        """Ask everybody, and wait until those who are known have answered."""
        begun = self._since
        self._ask(whole=True)
        await self._look_deep()
        while time.monotonic() < begun + FIRST_SECONDS:
            await asyncio.sleep(0.05)
            known = list(self.hearing.processes.values())
            silent = [one for one in known if one.watched < begun and one.at > begun - LATER]
            if known and not silent and time.monotonic() > begun + 0.2:
                return

    async def _turn(self) -> None:
        now = time.monotonic()
        anew = self.hearing.doubt and now - self._anew >= ANEW_EVERY
        if anew or now - self._asked >= ASK_EVERY:
            self._ask(anew)
        if slowly := now - self._slow >= SLOWLY:
            await self._look_deep()
        try:
            self._refresh(time.monotonic(), time.time(), slowly)
        except Exception:
            log.exception("watch.refresh_failed")

    def _ask(self, whole: bool) -> None:
        self._asked = time.monotonic()
        if whole:
            self._anew, self.hearing.doubt = self._asked, False
        with suppress(Problem):
            self.bus.tell(subjects.WATCH_ASK, WHOLE if whole else b"")

    async def _look_deep(self) -> None:
        self._slow = time.monotonic()
        if self.bus.nc.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.depth.look({view.name for view in self.fleet.queues() if self._back(view)})

    # ---- tables made of what others know --------------------------------------------------------------------------

    def _refresh(self, now: float, clock: float, slowly: bool) -> None:
        providers: dict[str, list[Heartbeat]] = {}
        queues: dict[str, list[Heartbeat]] = {}
        for seen in self.fleet.agents.values():
            if now - seen.at < STALE:
                providers.setdefault(seen.beat.provider, []).append(seen.beat)
                queues.setdefault(seen.beat.queue, []).append(seen.beat)
        known = self.config.providers
        self.tables["providers"].fill(
            [
                provider_row(name, known.get(name), providers.get(name, []), clock)
                for name in sorted({*known, *providers})
            ]
        )
        self.tables["queues"].fill(
            [
                queue_row(view, queues.get(view.name, []), held(self.config, view.name), self._depth(view), clock)
                for view in sorted(self.fleet.queues(), key=lambda view: view.name)
            ]
        )
        self._mind_processes(now)
        if slowly or not self._ready.is_set():
            self.hour.prune(clock)
            self.tables["keys"].fill(self._keys(clock))
            self.tables["queued"].fill(self._queued())

    def _depth(self, view: QueueView) -> tuple[int, int]:
        return self.depth.live.get(view.name, 0), self.depth.queued.get(view.name, 0) + self._back(view)

    def _back(self, view: QueueView) -> int:
        """How many queued jobs were given back and wait again: delivered, and in nobody's hands."""
        unacked = self.depth.unacked.get(view.name, 0)
        if not unacked:
            return 0
        hands = self.tables["jobs"].rows.values()
        live = sum(1 for row in hands if row["queue"] == view.name and not row["durable"] and row["state"] == "running")
        return max(0, unacked - max(0, view.in_flight - live))

    def _mind_processes(self, now: float) -> None:
        """Who is lost, and since when; what was in its hands is in nobody's."""
        steady = self.bus.nc.is_connected and now - self._since > SOON + 0.5
        rows: list[Row] = []
        for name, one in list(self.hearing.processes.items()):
            silence = now - one.at
            lost = silence > (SOON if steady and one.watched >= self._since - SOON else LATER)
            if silence > REMEMBERED:
                self.hearing.forget(name)
                continue
            if lost:
                self.hearing.drop_hands(name)
            rows.append(process_row(name, one.vitals, one.clock if lost else 0.0))
        self.tables["processes"].fill(rows)

    def _queued(self) -> list[Row]:
        running = self.tables["jobs"].rows
        newest = [found for found in self.depth.newest(2 * QUEUED) if found[0].id not in running]
        return [queued_row(job, queue, self._key(job.key)) for job, queue in newest[:QUEUED]]

    def _keys(self, clock: float) -> list[Row]:
        """Who has something in hand comes first, then who asked most."""
        running = self.in_hand()
        queued: dict[Whose, int] = {}
        for job in self.depth.jobs.values():
            queued[job.tenant, job.key] = queued.get((job.tenant, job.key), 0) + 1
        counts = self.hour.keys(clock)
        names = [*running, *(name for name in (*counts, *queued) if name not in running)]
        return [
            key_row(
                name, self._key(name[1]), sum(running.get(name, (0, 0))), queued.get(name, 0), counts.get(name, NOTHING)
            )
            for name in dict.fromkeys(names[:SHOWN_KEYS])
        ]

    def in_hand(self) -> dict[Whose, tuple[int, int]]:
        """Live and durable attempts in hand, by tenant and key."""
        found: dict[Whose, tuple[int, int]] = {}
        for one in self.hearing.processes.values():
            for hand in one.hands:
                live, durable = found.get((hand.tenant, hand.key), (0, 0))
                found[hand.tenant, hand.key] = (live + hand.live, durable + hand.durable)
        return found

    def _key(self, name: str) -> ApiKey | None:
        return self.config.keys.get(name)
