"""A worker's account of the lane in front (`bus/lanes.py`): does somebody wait there, and must the other lane let it pass?

Pure: time is a parameter. What a newcomer would get wrong: that nobody waits can't be known, only that nothing came: so a
slot that is kept for the lane is let go after `HOLD`, and a standing pull tells of the next one at once.
"""

HOLD = 0.5
"""Seconds a free slot is kept for the lane while nothing comes."""


class Front:
    """One worker's."""

    def __init__(self) -> None:
        self.waits = False
        """A delivery was given back for want of a slot, or more wait behind the last one."""
        self._since = 0.0

    def probe(self) -> int:
        """Messages to ask for though no slot is free, to learn that somebody waits."""
        return 0 if self.waits else 1

    def refused(self) -> None:
        """A delivery found no slot."""
        self.waits, self._since = True, 0.0

    def began(self, behind: int) -> None:
        """A job of the lane has its slot; so many wait behind it."""
        self.waits, self._since = behind > 0, 0.0

    def passes(self, room: int, now: float) -> bool:
        """Whether the free slots (`room`) are kept from the other lane."""
        if not self.waits:
            return False
        if room <= 0:
            self._since = 0.0
            return True
        self._since = self._since or now
        if now - self._since < HOLD:
            return True
        self.waits, self._since = False, 0.0  # another worker has them, or they were taken back
        return False
