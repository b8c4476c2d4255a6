"""Small accounts of a worker: whose turn it is for a slot, and how fast the provider has been. Pure: time is a parameter.

Live calls go before queued jobs, but not for ever: of slots that both wait for, live calls get `LIVE_TURNS` and then a queued
job gets one. Who waits is known from deliveries that found no room; a slot kept for somebody who does not come is let go.
"""

LIVE_TURNS = 4
"""Live calls that may begin for each queued job while both wait."""
HOLD = 0.5
"""Seconds a free slot is kept for the kind whose turn it is."""
IDLE = 30.0
"""Seconds after which a measurement begins to fade, by half in each such time."""


class Turns:
    """Both kinds ask at the same time; the one whose turn it is not is offered one slot less."""

    def __init__(self) -> None:
        self.refused_live = self.refused_work = False
        """A delivery of this kind found no room since the last one began."""
        self._row = 0
        """Live calls begun since the last queued job."""
        self._held = 0.0

    def live(self, room: int, now: float) -> int:
        """What live calls may have of `room` free slots."""
        if room > 0 and self.refused_work and self._row >= LIVE_TURNS:
            if self._keeps(now):
                return room - 1
            self.refused_work = False
        return room

    def work(self, room: int, now: float) -> int:
        if room > 0 and self.refused_live and self._row < LIVE_TURNS:
            if self._keeps(now):
                return room - 1
            self.refused_live = False
        return room

    def began_live(self) -> None:
        self.refused_live, self._held = False, 0.0
        self._row += 1

    def began_work(self) -> None:
        self.refused_work, self._held = False, 0.0
        self._row = 0

    def _keeps(self, now: float) -> bool:
        self._held = self._held or now
        if now - self._held < HOLD:
            return True
        self._held = 0.0
        return False


class Timing:
    """Moving averages of what calls took. They fade while idle, so that a provider that was slow once is tried again."""

    def __init__(self) -> None:
        self._first = self._whole = 0.0
        self._first_at = self._whole_at = 0.0

    def measured(self, whole: float, first: float, now: float) -> None:
        """Seconds of a whole call, and to its first token (0: it was no stream)."""
        self._whole, self._whole_at = _mixed(self.whole(now), whole), now
        if first > 0:
            self._first, self._first_at = _mixed(self.first(now), first), now

    def first(self, now: float) -> float:
        return _faded(self._first, now - self._first_at)

    def whole(self, now: float) -> float:
        return _faded(self._whole, now - self._whole_at)


def _mixed(old: float, new: float) -> float:
    return old + 0.2 * (new - old) if old else new


def _faded(value: float, idle: float) -> float:
    if idle > IDLE:
        value *= 0.5 ** ((idle - IDLE) / IDLE)
    return round(value, 4) if value > 0.002 else 0.0
