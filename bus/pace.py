"""A provider's own rate limits, kept by us: requests and tokens a minute, as buckets that fill steadily.

Each agent process has the part of the limit that its slots are of the provider's, so that together they keep it. A burst may
take a tenth of a minute's worth; together with the filling no 60 seconds see more than the limit (below 20 a minute: one
more). Tokens are counted twice: as estimated when the call begins, and put right when it ends.
"""

UNLIMITED = 1 << 30


class Bucket:
    """Fills by `rate` a second up to `size`; may go below nothing, and is waited for then."""

    __slots__ = ("_at", "level", "limit", "rate", "size")

    def __init__(self, limit: float) -> None:
        """`limit` a minute."""
        self.level = self.size = self.rate = 0.0
        self.limit = -1.0
        self._at = 0.0
        self.set(limit)
        self.level = self.size

    def set(self, limit: float) -> None:
        if limit == self.limit:
            return
        self.limit = limit
        self.size = max(1.0, limit / 10)
        self.rate = (limit - self.size if limit >= 20 else limit) / 60
        self.level = min(self.level, self.size)

    def fill(self, now: float) -> float:
        """What is in it now (monotonic seconds)."""
        if self._at:
            self.level = min(self.size, self.level + (now - self._at) * self.rate)
        self._at = now
        return self.level

    def wait(self, wanted: float) -> float:
        """Seconds until `wanted` is in it."""
        missing = wanted - self.level
        if missing <= 0:
            return 0.0
        return missing / self.rate if self.rate > 0 else 60.0


class Pace:
    """Both limits of one provider in one process. 0: no limit."""

    def __init__(self, requests: int, tokens: int) -> None:
        self._limits = (requests, tokens)
        self._requests = Bucket(requests) if requests else None
        self._tokens = Bucket(tokens) if tokens else None

    @property
    def limited(self) -> bool:
        return self._requests is not None or self._tokens is not None

    def share(self, part: float) -> None:
        """This process has `part` (0 to 1) of the provider's limits."""
        requests, tokens = self._limits
        if self._requests is not None:
            self._requests.set(requests * part)
        if self._tokens is not None:
            self._tokens.set(tokens * part)

    def room(self, now: float) -> int:
        """How many calls may begin now."""
        room = UNLIMITED
        if self._requests is not None:
            room = max(0, int(self._requests.fill(now) + 1e-9))
        if self._tokens is not None and self._tokens.fill(now) <= 0:
            room = 0
        return room

    def wait(self, now: float) -> float:
        """Seconds until the next call may begin."""
        wait = 0.0
        if self._requests is not None:
            self._requests.fill(now)
            wait = self._requests.wait(1.0)
        if self._tokens is not None:
            self._tokens.fill(now)
            wait = max(wait, self._tokens.wait(1.0))
        return wait

    def took(self, tokens: int) -> None:
        """A call begins, with so many tokens as far as can be told."""
        if self._requests is not None:
            self._requests.level -= 1
        self.spent(tokens)

    def spent(self, tokens: int) -> None:
        """More (or fewer) tokens than were counted."""
        if self._tokens is not None:
            self._tokens.level = min(self._tokens.size, self._tokens.level - tokens)
