"""The last hour by the minute, and what each key did in it: put together from what all processes tell.

A process tells sums since the minute's beginning; what is added here is the difference to what it had told before, so a
message that is lost or comes twice does no harm. What a newcomer would get wrong: of the minute in which we began to listen
everything is told to us, of those before it only the archive knows (`fill`).
"""

import time
from collections.abc import Iterable
from heapq import nlargest
from typing import Any

from bus.watch_tally import KEYS_A_MINUTE, quantile
from schemas.watch import KeyCount, MinuteCount

HOUR = 60
"""Minutes."""
LATE = 5
"""Minutes after which nobody tells of one any more."""
SHOWN_KEYS = 200
_COUNTS = ("done", "failed", "cancelled", "tokens_in", "tokens_out", "total_ms", "first_ms", "firsts")
_KEY_COUNTS = ("requests", "failed", "tokens")
Whose = tuple[str, str]
"""Tenant and key."""


class Hour:
    """`heard` what processes tell, `rows` of minutes, `keys` of who asked. All times are Unix seconds."""

    def __init__(self, now: float | None = None) -> None:
        self.since = minute_of(time.time() if now is None else now)
        """The first minute we know ourselves."""
        self.changed: set[int] = set()
        """Minutes whose rows are new."""
        self._minutes: dict[int, dict[str, MinuteCount]] = {}
        self._keys: dict[int, dict[Whose, KeyCount]] = {}
        self._sums: dict[Whose, list[int]] = {}
        """Requests, failures and tokens of the hour."""
        self._before: dict[tuple[str, int, str], MinuteCount] = {}
        self._before_keys: dict[tuple[str, int, str, str], KeyCount] = {}
        self._oldest = 0

    def heard(self, process: str, minutes: Iterable[MinuteCount], keys: Iterable[KeyCount], now: float) -> None:
        self.prune(now)
        first, last = max(self.since, minute_of(now) - LATE * 60), minute_of(now) + 60
        for count in minutes:
            if first <= count.minute <= last and count.minute % 60 == 0:
                before = self._before.get((process, count.minute, count.tenant))
                self._before[process, count.minute, count.tenant] = count
                self._add(count, before)
        for one in keys:
            if first <= one.minute <= last and one.minute % 60 == 0:
                earlier = self._before_keys.get((process, one.minute, one.tenant, one.key))
                self._before_keys[process, one.minute, one.tenant, one.key] = one
                self._add_key(one, earlier)

    def fill(self, minutes: Iterable[MinuteCount], keys: Iterable[KeyCount], now: float) -> None:
        """What was before we began, from the archive."""
        first = minute_of(now) - (HOUR - 1) * 60
        for count in minutes:
            if first <= count.minute < self.since:
                self._add(count, None)
        for one in keys:
            if first <= one.minute < self.since:
                self._add_key(one, None)

    def prune(self, now: float) -> None:
        """Forget what is older than an hour."""
        oldest = minute_of(now) - (HOUR - 1) * 60
        if oldest == self._oldest:
            return
        self._oldest = oldest
        for minute in [minute for minute in self._minutes if minute < oldest]:
            del self._minutes[minute]
        for minute in [minute for minute in self._keys if minute < oldest]:
            for whose, one in self._keys.pop(minute).items():
                self._sum(whose, one, -1)
        told = minute_of(now) - LATE * 60
        self._before = {name: count for name, count in self._before.items() if name[1] >= told}
        self._before_keys = {name: one for name, one in self._before_keys.items() if name[1] >= told}

    # ---- what is shown --------------------------------------------------------------------------------------------

    def minutes(self, now: float) -> list[int]:
        """The beginnings of the last 60, the oldest first."""
        last = minute_of(now)
        return [last - back * 60 for back in range(HOUR - 1, -1, -1)]

    def row(self, minute: int, tenant: str) -> dict[str, Any]:
        """One minute. `tenant` empty: of all together."""
        found = self._minutes.get(minute, {})
        counts = list(found.values()) if not tenant else [found[tenant]] if tenant in found else []
        sums = {name: sum(getattr(count, name) for count in counts) for name in _COUNTS}
        buckets: dict[int, int] = {}
        for count in counts:
            for bucket, many in count.buckets.items():
                buckets[bucket] = buckets.get(bucket, 0) + many
        done, firsts, total, first = sums["done"], sums.pop("firsts"), sums.pop("total_ms"), sums.pop("first_ms")
        return {
            "minute": minute, **sums,
            "mean_ms": round(total / done, 1) if done else None,
            "p95_ms": quantile(buckets, 0.95),
            "first_ms": round(first / firsts, 1) if firsts else None,
        }  # fmt: skip

    def requests_minute(self, tenant: str, now: float) -> int:
        """Requests that ended in the last 60 seconds, about."""
        minute = minute_of(now)
        both = [self.row(one, tenant) for one in (minute, minute - 60)]
        new, old = (int(row["done"] + row["failed"] + row["cancelled"]) for row in both)
        return round(new + old * (1 - (now - minute) / 60))

    def keys(self, now: float) -> dict[Whose, dict[str, int]]:
        """Of the keys with most requests: the last 60 seconds, about, and the hour."""
        minute = minute_of(now)
        share = 1 - (now - minute) / 60
        new, old = self._keys.get(minute, {}), self._keys.get(minute - 60, {})
        found: dict[Whose, dict[str, int]] = {}
        for whose in nlargest(SHOWN_KEYS, self._sums, key=lambda one: self._sums[one][0]):
            row: dict[str, int] = {}
            for place, name in enumerate(_KEY_COUNTS):
                recent = getattr(new.get(whose), name, 0) + share * getattr(old.get(whose), name, 0)
                row[f"{name}_minute"], row[f"{name}_hour"] = round(recent), self._sums[whose][place]
            found[whose] = row
        return found

    # ---- adding up ------------------------------------------------------------------------------------------------

    def _add(self, count: MinuteCount, before: MinuteCount | None) -> None:
        tenants = self._minutes.setdefault(count.minute, {})
        mine = tenants.get(count.tenant)
        if mine is None:
            mine = tenants[count.tenant] = MinuteCount(count.minute, count.tenant)
        for name in _COUNTS:
            more = getattr(count, name) - (getattr(before, name) if before else 0)
            if more > 0:
                setattr(mine, name, getattr(mine, name) + more)
        for bucket, many in count.buckets.items():
            more = many - (before.buckets.get(bucket, 0) if before else 0)
            if more > 0:
                mine.buckets[bucket] = mine.buckets.get(bucket, 0) + more
        self.changed.add(count.minute)

    def _add_key(self, one: KeyCount, before: KeyCount | None) -> None:
        whose, keys = (one.tenant, one.key), self._keys.setdefault(one.minute, {})
        mine = keys.get(whose)
        if mine is None:
            if len(keys) >= KEYS_A_MINUTE:
                return
            mine = keys[whose] = KeyCount(one.minute, one.tenant, one.key)
        more = KeyCount(one.minute, one.tenant, one.key)
        for name in _KEY_COUNTS:
            setattr(more, name, max(0, getattr(one, name) - (getattr(before, name) if before else 0)))
            setattr(mine, name, getattr(mine, name) + getattr(more, name))
        self._sum(whose, more, 1)

    def _sum(self, whose: Whose, one: KeyCount, sign: int) -> None:
        sums = self._sums.setdefault(whose, [0, 0, 0])
        for place, name in enumerate(_KEY_COUNTS):
            sums[place] += sign * getattr(one, name)
        if sums[0] <= 0:
            del self._sums[whose]


def minute_of(at: float) -> int:
    return int(at) // 60 * 60
