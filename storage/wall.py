"""How full the store may get with files: so far that jobs can still be accepted, and no further.

Files and jobs share one disk limit, and a server that has reached it refuses every write, jobs included. What a newcomer
would get wrong: `max_bytes` of the bucket would be a reservation, not just a wall. A server that finds less room at its next
start than its streams have reserved creates and changes none any more, not even to lower it (10047, measured with 2.15.1),
and no gateway would come up. So each process that stores files looks before it writes.
"""

import time

from schemas.problem import Code, Problem
from storage.upload import Wire

GB = 1024**3
FRESH = 2.0
"""Seconds for which what the server said of its room is believed."""


def kept_free(limit: int) -> int:
    """Bytes of `limit` that files must leave to everything else: an eighth, at least 1 GB and at most 16."""
    return min(max(GB, limit // 8), 16 * GB)


class Wall:
    """One process's look at it. A server that names no limit has none here either."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.kept_free = kept_free
        self._room = 0
        self._limited = True
        self._asked = 0.0

    async def check(self, more: int = 0) -> None:
        """Raises `Problem(OVERLOADED)` when `more` bytes would not leave enough."""
        if time.monotonic() - self._asked > FRESH:
            told = await self.wire.api("INFO")
            limit = int(told.get("limits", {}).get("max_storage", -1))
            self._limited = limit > 0
            self._room = limit - self.kept_free(limit) - int(told.get("storage", 0))
            self._asked = time.monotonic()
        if self._limited and more >= self._room:
            raise Problem(
                Code.OVERLOADED,
                "The file store is full. Delete files, or give the server more disk; until then no file is taken.",
                retry_after=60,
            )
