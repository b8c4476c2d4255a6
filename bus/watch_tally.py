"""What has ended in this process, counted by the minute: it costs a microsecond a request, whether anybody looks or not.

The counts are sums since the minute's beginning, told when they have changed (`bus/watch_teller.py`). What a newcomer would
get wrong: the last minutes are kept and told again to whoever asks anew, for the listener may have been away.
"""

import math
from collections import deque

from schemas.log import RequestLog
from schemas.watch import BUCKETS, MOST_FAILURES, MOST_KEYS, Failure, KeyCount, MinuteCount

KEPT = 5
"""Minutes that are told again."""
KEYS_A_MINUTE = 5000
"""Keys counted one by one in a minute; what comes beyond them is counted for the house alone."""
HOUSEWORK = "callback"
"""The house's own operation: its failures are told, but it is nobody's request."""
SHORT = 300


class Tally:
    """One process's."""

    def __init__(self) -> None:
        self._minute = 0
        self._tenants: dict[str, MinuteCount] = {}
        self._keys: dict[tuple[str, str], KeyCount] = {}
        self._past: deque[tuple[list[MinuteCount], list[KeyCount]]] = deque(maxlen=KEPT)
        self._dirty: dict[tuple[int, str], MinuteCount] = {}
        self._dirty_keys: dict[tuple[int, str, str], KeyCount] = {}
        self._failed: deque[Failure] = deque(maxlen=MOST_FAILURES)
        """Not told yet …"""
        self._lately: deque[Failure] = deque(maxlen=MOST_FAILURES)
        """… and told."""

    @property
    def news(self) -> bool:
        """There is something to tell."""
        return bool(self._dirty or self._dirty_keys or self._failed)

    def add(self, row: RequestLog, at: float) -> None:
        """A request has ended at Unix time `at`. Never raises."""
        if row.error is not None and row.outcome == "failed":
            self._failed.append(failure_of(row, at))
        if row.op == HOUSEWORK:
            return
        minute = int(at) // 60 * 60
        if minute != self._minute:
            self._turn(minute)
        count = self._tenants.get(row.tenant)
        if count is None:
            count = self._tenants[row.tenant] = MinuteCount(minute, row.tenant)
        self._dirty[minute, row.tenant] = count
        count_in(count, row)
        key = self._keys.get((row.tenant, row.key))
        if key is None:
            if len(self._keys) >= KEYS_A_MINUTE:
                return
            key = self._keys[row.tenant, row.key] = KeyCount(minute, row.tenant, row.key)
        self._dirty_keys[minute, row.tenant, row.key] = key
        key.requests += 1
        key.failed += row.outcome == "failed"
        key.tokens += row.tokens_in + row.tokens_out

    def take(self) -> tuple[list[MinuteCount], list[KeyCount], list[Failure]]:
        """What has changed since the last time, as much as fits into a message; the rest stays for the next."""
        minutes, self._dirty = list(self._dirty.values()), {}
        names = list(self._dirty_keys)[:MOST_KEYS]
        keys = [self._dirty_keys.pop(name) for name in names]
        failed = list(self._failed)
        self._lately += failed
        self._failed.clear()
        return minutes[-MOST_KEYS:], keys, failed

    def again(self) -> None:
        """Tell the last minutes anew."""
        for minutes, keys in (*self._past, (list(self._tenants.values()), list(self._keys.values()))):
            self._dirty |= {(one.minute, one.tenant): one for one in minutes}
            self._dirty_keys |= {(one.minute, one.tenant, one.key): one for one in keys}
        self._failed = deque([*self._lately, *self._failed], maxlen=MOST_FAILURES)
        self._lately.clear()

    def _turn(self, minute: int) -> None:
        """A new minute. A clock that goes back begins one too: what was told of it before is told smaller, and ignored."""
        if self._tenants:
            self._past.append((list(self._tenants.values()), list(self._keys.values())))
        self._minute, self._tenants, self._keys = minute, {}, {}


def count_in(count: MinuteCount, row: RequestLog) -> None:
    """Add one request to its minute."""
    count.tokens_in += row.tokens_in
    count.tokens_out += row.tokens_out
    if row.outcome == "failed":
        count.failed += 1
        return
    if row.outcome != "done":
        count.cancelled += 1
        return
    count.done += 1
    count.total_ms += row.total_ms
    bucket = bucket_of(row.total_ms)
    count.buckets[bucket] = count.buckets.get(bucket, 0) + 1
    if row.first_ms is not None:
        count.first_ms += row.first_ms
        count.firsts += 1


def bucket_of(ms: float) -> int:
    """Which bucket a latency falls into; below a millisecond all are one."""
    return int(math.log2(ms) * BUCKETS) if ms > 1.0 else 0


def quantile(buckets: dict[int, int], share: float) -> float | None:
    """Milliseconds below which `share` of them lie, by the middle of its bucket; None for none."""
    left = math.ceil(share * sum(buckets.values()))
    for bucket in sorted(buckets):
        left -= buckets[bucket]
        if left <= 0 and buckets[bucket]:
            return round(float(2 ** ((bucket + 0.5) / BUCKETS)), 1)
    return None


def failure_of(row: RequestLog, at: float) -> Failure:
    """A failed request as it is told."""
    name = f"{row.job}-{row.run}" if row.run else str(row.job)
    return Failure(
        name, row.job, at, row.op, row.served or row.model, row.queue, row.provider, row.key, row.tenant, row.style,
        row.error or "", (row.message or "")[:SHORT], row.attempts, round(row.total_ms / 1000, 3), row.tag, row.ref,
    )  # fmt: skip
