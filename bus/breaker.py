"""A provider's health as its worker sees it: fit, cooling, or half open. Pure: the time is a parameter.

After a 429 the provider is left alone as long as it asks, and then all may come again. After other failures one job goes
first, as a probe: its success closes the circuit, its failure doubles the pause up to `LONGEST`. What a newcomer would get
wrong: calls that were under way when the pause began say nothing about it, for good or ill, so thirty that break together
count as one failure, and a late success does not cut a `Retry-After` short.
"""

from bus import retry
from schemas.problem import Code, Fault

LONGEST = 30.0


class Breaker:
    """One worker's. `until`: Unix seconds until which nothing is taken; 0: fit."""

    def __init__(self) -> None:
        self.until = 0.0
        self.reason = ""
        self.wary = False
        """The pause ends with a probe."""
        self._failures = 0
        self._pause = 0.0
        self._since = 0.0
        """When the last pause was called for."""
        self._probe: int | None = None

    def room(self, free: int, now: float) -> int:
        """How many jobs may begin of `free` slots."""
        if now < self.until:
            return 0
        if not self.wary:
            return free
        return min(free, 1) if self._probe is None else 0

    def probing(self, now: float) -> bool:
        """Half open."""
        return self.wary and now >= self.until

    def began(self, job: int, now: float) -> None:
        if self.probing(now) and self._probe is None:
            self._probe = job

    def ended(self, job: int) -> None:
        """Whatever came of it: the next one may be the probe."""
        if self._probe == job:
            self._probe = None

    def succeeded(self, started: float) -> bool:
        """A call that `started` then went well. True: the provider is fit again."""
        if started < self._since:
            return False
        self._failures = 0
        if not self.until:
            return False
        self.until, self.reason, self.wary, self._pause = 0.0, "", False, 0.0
        return True

    def failed(self, fault: Fault, started: float, now: float) -> float:
        """A call that `started` then went wrong. The seconds of a new or longer pause; 0: none."""
        if fault.code not in retry.ELSEWHERE:  # the provider is well, the request is not
            self._failures = 0
            if self.probing(now) and started >= self._since:
                self.succeeded(started)
            return 0.0
        limited = fault.code is Code.PROVIDER_RATE_LIMITED
        if started < self._since and not (limited and fault.retry_after):
            return 0.0
        probe = self.wary and started >= self._since
        self._failures += 1
        pause = retry.cooldown(fault, self._failures)
        if probe and not limited:
            pause = max(pause, min(LONGEST, 2 * self._pause))
        if pause <= 0 or now + pause <= self.until:
            return 0.0
        self.until, self.reason, self._since = now + pause, fault.message, now
        self.wary = not limited
        self._pause = 0.0 if limited else pause
        return pause
