"""What each process of the house costs while it is pressed: processor time a request, memory at rest and under load."""

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
