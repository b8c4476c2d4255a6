"""What the administrators of one tenant see of the house: the state as JSON, and what has changed since the last second.

What a newcomer would get wrong: it is made current once a second and not when somebody asks, so that a state and the changes
that follow it fit together for every viewer.
"""

import time
from typing import Any

import msgspec

from bus.watch_house import Watched
from bus.watch_table import Table

_encode = msgspec.json.Encoder().encode


class Scope:
    """What one tenant's administrators see; the empty tenant is all."""

    def __init__(self, tenant: str, watched: Watched) -> None:
        self.tenant, self.watched = tenant, watched
        self.minutes = Table("minute")
        self.totals: dict[str, Any] = {}
        self.turn = -1
        """When it was made current."""
        self.shot = b""
        """The snapshot of this turn, once somebody wanted it."""

    def refresh(self, turn: int, now: float, whole: bool) -> dict[str, Any]:
        """Make it current. `whole`: also what changed before the last turn. Returns the totals that have changed."""
        hour, minutes = self.watched.hour, self.watched.hour.minutes(now)
        if whole or minutes[-1] not in self.minutes.rows:
            self.minutes.fill([hour.row(minute, self.tenant) for minute in minutes])
        else:
            for minute in hour.changed & set(minutes):
                self.minutes.put(hour.row(minute, self.tenant))
        totals = self._totals(now)
        news = {name: value for name, value in totals.items() if self.totals.get(name) != value}
        self.turn, self.totals, self.shot = turn, totals, b""
        return news

    def _totals(self, now: float) -> dict[str, Any]:
        watched, tables = self.watched, self.watched.tables
        hands = [counts for whose, counts in watched.in_hand().items() if self.tenant in ("", whose[0])]
        live, durable = sum(one[0] for one in hands), sum(one[1] for one in hands)
        queues = list(tables["queues"].rows.values())
        sums = {
            name: sum(row[name] for row in queues) for name in ("slots", "in_flight", "waiting_live", "waiting_queued")
        }
        return {
            "bus": bool(watched.bus.nc.is_connected),
            "running": live + durable,
            "running_live": live,
            "running_durable": durable,
            "shown": len(tables["jobs"].shown(self.tenant)),
            **sums,
            "scheduled": watched.depth.scheduled,
            "cooling": sum(row["state"] == "cooling" for row in tables["providers"].rows.values()),
            "requests_minute": watched.hour.requests_minute(self.tenant, now),
        }

    def state(self, gateway: str) -> bytes:
        """The whole state, as JSON."""
        if not self.shot:
            tables = {name: table.shown(self.tenant) for name, table in self.watched.tables.items()}
            tables["queued"].sort(key=lambda row: -int(row["job"]))
            tables["failed"].sort(key=lambda row: -float(row["at"]))
            head = {"at": round(time.time(), 3), "gateway": gateway, "tenant": self.tenant, "totals": self.totals}
            minutes = sorted(self.minutes.rows.values(), key=lambda row: int(row["minute"]))
            self.shot = _encode({**head, **tables, "minutes": minutes})
        return self.shot

    def change(self, totals: dict[str, Any]) -> bytes:
        """What has changed since the last one, as JSON; empty: nothing."""
        change: dict[str, Any] = {"totals": totals} if totals else {}
        gone: dict[str, Any] = {}
        for name, table in (*self.watched.tables.items(), ("minutes", self.minutes)):
            rows, names = table.news(self.tenant)
            if rows:
                change[name] = rows
            if names:
                gone[name] = names
        if gone:
            change["gone"] = gone
        return _encode({"at": round(time.time(), 3), **change}) if change else b""
