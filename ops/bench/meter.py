"""What each process of the house costs while it is pressed: processor time a request, memory at rest and under load."""

import asyncio
from pathlib import Path

from ops.prove.house import House

ROLES = ("gateway", "agent", "nats", "archiver", "supervisor")


class Meter:
    """`with Meter(house) as meter: …`, then `meter.cpu` holds each role's processor seconds of that while."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cpu: dict[str, float] = {}
        self._before: dict[str, float] = {}

    def __enter__(self) -> "Meter":
        self._before = _cpu(self.house)
        return self

    def __exit__(self, *_: object) -> None:
        after = _cpu(self.house)
        self.cpu = {role: after[role] - self._before.get(role, 0.0) for role in after}


def _cpu(house: House) -> dict[str, float]:
    return {role: sum(p.cpu for p in house.processes().get(role, [])) for role in ROLES}


def memory(house: House) -> dict[str, float]:
    """MB of resident memory of the largest process of each role."""
    found = house.processes()
    return {role: max((p.rss for p in found.get(role, [])), default=0) / 1e6 for role in ROLES}


async def others(seconds: float) -> float:
    """The share (0 to 1) of this machine's processors that is busy for so long. Asked while we rest, it tells the noise."""
    idle, all_ = _ticks()
    await asyncio.sleep(seconds)
    idle_then, all_then = _ticks()
    return 1 - (idle_then - idle) / max(1, all_then - all_)


def _ticks() -> tuple[int, int]:
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return fields[3] + fields[4], sum(fields[:8])
