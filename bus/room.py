"""How much a worker may begin now: free slots, less what is kept for others, while the provider is fit.

Live calls and queued jobs share the slots in turns (`bus/turns.py`), with a reserve for live ones; a queue's lane in front goes
before the other (`bus/front.py`). What a newcomer would get wrong: this is asked twice a message, when it is pulled and when it
comes, for more was asked for than there is room.
"""

import time
from typing import TYPE_CHECKING

from bus.breaker import Breaker
from bus.front import Front
from bus.pace import Pace
from bus.turns import Turns

if TYPE_CHECKING:
    from bus.worker import Worker

PARKED = 256
"""Live calls held by a worker whose provider cools, until they can go on."""


class Room:
    """One worker's."""

    def __init__(self, worker: "Worker") -> None:
        provider = worker.provider
        self.worker = worker
        self.reserve = provider.reserve
        """Slots kept for live calls; negative: an eighth of them."""
        self.share = 0
        """Our slots of the provider's."""
        self.holding = 0
        """How many of them are taken."""
        self.parked = 0
        """Calls that wait here and hold none."""
        self.breaker, self.turns, self.front = Breaker(), Turns(), Front()
        self.pace = Pace(provider.requests_per_minute, provider.tokens_per_minute)

    @property
    def free(self) -> int:
        return self.share - self.holding

    def now(self) -> int:
        """Jobs that may begin now: free slots, unless the provider cools, is on probation, or is asked too often."""
        if not self._open():
            return 0
        room = self.breaker.room(self.free, time.time())
        return min(room, self.pace.room(time.monotonic())) if self.pace.limited else room

    def _open(self) -> bool:
        worker = self.worker
        return not (worker.draining or worker.offline or worker.paused)

    # ---- what the pulls may ask for -------------------------------------------------------------------------------

    def live(self) -> int:
        """Live calls, or such as only wait here."""
        return self.begins() or self.parks()

    def begins(self) -> int:
        """Live calls that have a slot."""
        return self.turns.live(self.now(), time.monotonic())

    def parks(self) -> int:
        """While the whole queue cools, or is held, its callers are not left waiting here: they go where somebody is fit."""
        worker = self.worker
        if worker.draining or self.parked >= PARKED:
            return 0
        if worker.paused:
            return PARKED - self.parked
        if self.breaker.until <= time.time() + 0.5:
            return 0
        return PARKED - self.parked if worker.fleet.cools(worker.queue) else 0

    def work(self) -> int:
        """Queued jobs: what the lane in front leaves."""
        room = self.queued()
        return 0 if self.front.passes(room, time.monotonic()) else room

    def first(self) -> int:
        """Queued jobs of the lane in front. One is asked for without room too, to learn that somebody waits."""
        fit = self._open() and self.breaker.room(1, time.time()) > 0
        return max(self.queued(), self.front.probe() if fit else 0)

    def queued(self) -> int:
        """The reserve stays for live calls, but never so much that durable work starves."""
        wanted = self.reserve if self.reserve >= 0 else max(1, self.share // 8)
        reserve = min(wanted, max(0, self.share - 1))
        return self.turns.work(min(self.now(), self.free - reserve), time.monotonic())
