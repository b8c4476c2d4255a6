"""Who is struck when: decided beforehand from a seed, then done. A run can be told again with the same seed.

A freeze is longer than the lease (15 s), so a frozen agent's jobs go to others, and what it does when it thaws must be
refused: that is the one blow which tells a fence from luck.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from typing import Literal

import msgspec

from ops.prove import proc
from ops.prove.house import House

LEASE = 15.0
"""Seconds after which a silent agent's job is given to another (`ack_wait` of WORK)."""

FREEZE = LEASE + 3.0
"""Seconds a frozen agent stays so."""

SAY = 3.0
"""Seconds in which a thawed agent is left alone, so that it can try to end what is no longer its own."""

SHORTEST = 30.0
"""Seconds a storm takes at least: in less, no moment is left to kill NATS before or after the first freeze."""

HOLDS_JOBS = 5.0
"""Seconds after its start by which an agent has its share of the slots: one that holds nothing proves nothing."""

TARGETS = ("gateway", "agent", "more", "nats", "archiver", "supervisor")
"""`more` is an agent process that runs beside `up`, for the same provider."""

APART = 12.0
"""Seconds between two kills of NATS or its supervisor: more than five exits a minute and `up` gives NATS up, rightly."""


class Blow(msgspec.Struct, frozen=True):
    at: float
    """Seconds after the storm began."""
    target: str
    kind: Literal["kill", "freeze"] = "kill"


def plan(seed: int, seconds: float) -> list[Blow]:
    """The blows of a storm of `seconds`, by time. Every target is killed at least once, and every freeze can thaw.

    During the first freeze neither its victim nor NATS is killed: a NATS that starts again starts the lease again too, and
    then the sleeper may rightly end its jobs. Nor is the gateway away just before, or the sleeper would hold no job at all.
    Later freezes meet whatever comes.

    Raises ValueError when `seconds` is below `SHORTEST`.
    """
    if seconds < SHORTEST:
        raise ValueError(f"a storm takes at least {SHORTEST:g} seconds, not {seconds:g}")
    dice = random.Random(seed)
    latest = max(HOLDS_JOBS + 1, seconds - FREEZE - SAY - 5)
    blows = [Blow(dice.uniform(HOLDS_JOBS, latest), "more", "freeze")]
    freezes = ("more" if n % 2 else "agent" for n in range(int(seconds / 40) - 1))
    blows += [Blow(dice.uniform(HOLDS_JOBS, latest), target, "freeze") for target in freezes]
    for target in TARGETS:
        times = (dice.uniform(0.05, 0.95) * seconds for _ in range(1000))
        blows.append(Blow(next(at for at in times if _allowed(target, at, blows[0])), target))
    for _ in range(int(seconds / 4) - len(TARGETS)):
        blow = Blow(dice.uniform(0.02, 0.95) * seconds, dice.choice(TARGETS))
        if _allowed(blow.target, blow.at, blows[0]) and _apart(blow, blows):
            blows.append(blow)
    return sorted(blows, key=lambda blow: blow.at)


def _allowed(target: str, at: float, first: Blow) -> bool:
    if target in ("nats", "more"):
        return not first.at - HOLDS_JOBS < at < first.at + FREEZE + SAY
    if target in ("gateway", "supervisor"):
        return not first.at - HOLDS_JOBS < at < first.at
    return True


def _apart(blow: Blow, others: list[Blow]) -> bool:
    grave = ("nats", "supervisor")
    return blow.target not in grave or all(abs(blow.at - o.at) >= APART for o in others if o.target in grave)


class Storm:
    """Does what the plan says to the processes of one house, and counts what it did."""

    def __init__(self, house: House, blows: list[Blow], seed: int) -> None:
        self.house = house
        self.blows = blows
        self.done: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self._dice = random.Random(seed + 1)
        self._frozen: dict[int, proc.Process] = {}

    async def rage(self) -> None:
        """Returns when the last blow has fallen and everything frozen has thawed."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for blow in self.blows:
                tasks.create_task(self._strike(blow, begun))

    async def _strike(self, blow: Blow, begun: float) -> None:
        await asyncio.sleep(max(0.0, begun + blow.at - time.monotonic()))
        victim = await self._victim(blow.target, HOLDS_JOBS if blow.kind == "freeze" else 0.0)
        name = f"{blow.kind} {blow.target}"
        if victim is None:
            self.missed[name] += 1
            return
        if blow.kind == "kill":
            self.done[name] += victim.signal(signal.SIGKILL)
            return
        await self._freeze(victim, name)

    async def _victim(self, target: str, age: float) -> proc.Process | None:
        """One process of that role that lives since `age` seconds and is not frozen; waits a while for one."""
        deadline = time.monotonic() + 2 * FREEZE
        while time.monotonic() < deadline:
            found = self.house.processes().get(target, [])
            alive = [p for p in found if p.pid not in self._frozen and p.age >= age]
            if alive:
                return self._dice.choice(alive)
            await asyncio.sleep(0.1)
        return None

    async def _freeze(self, victim: proc.Process, name: str) -> None:
        self._frozen[victim.pid] = victim
        try:
            self.done[name] += victim.signal(signal.SIGSTOP)
            await asyncio.sleep(FREEZE)
        finally:
            victim.signal(signal.SIGCONT)
        await asyncio.sleep(SAY)
        self._frozen.pop(victim.pid, None)
