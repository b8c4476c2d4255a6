"""Who is next: so many at a time, and between those who wait, asker by asker.

What a newcomer would get wrong: a semaphore is fair to questions, not to people. Ten questions of one dashboard would keep
everybody else waiting; here each asker's next one comes after one of everybody else's. And turns alone don't help while
questions of five minutes stand in every place: so the longer one may take, the fewer places there are for it (`Pace`).
"""

import asyncio
from collections import OrderedDict, deque
from enum import IntEnum

from schemas.problem import Code, Problem


class Pace(IntEnum):
    """How long a question may stand in its place; also how many places are not for it, nor for slower ones."""

    OURS = 0
    """A page of ours: it was written to be quick."""
    SHORT = 1
    """A person's, of half a minute at most."""
    LONG = 2


class Turns:
    """`together` at a time. At most `most` of a pace wait, `each` of them of one asker: a crowd of people leaves room to
    wait for a page of ours."""

    def __init__(self, together: int, most: int = 64, each: int = 16) -> None:
        self.together, self.most, self.each = together, most, each
        self._taken = [0] * len(Pace)
        self._lines: OrderedDict[tuple[str, Pace], deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    async def wait(self, asker: str, pace: Pace = Pace.SHORT) -> None:
        """For one's turn, which lasts until `done`. Raises `Problem(OVERLOADED)` when too many wait."""
        if self._may(pace):  # then nobody who waits may: they are waiting for another sort of place
            self._taken[pace] += 1
            return
        line = self._lines.get((asker, pace), deque())
        crowd = sum(len(others) for (_, other), others in self._lines.items() if other == pace)
        if crowd >= self.most or len(line) >= self.each:
            raise Problem(
                Code.OVERLOADED, "Too many questions wait for the archive; try again in a moment.", retry_after=2
            )
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        self._lines[asker, pace] = line
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.done(pace)  # the turn came as we left
            elif mine in line:
                line.remove(mine)
                if not line:
                    self._lines.pop((asker, pace), None)
            raise

    def done(self, pace: Pace = Pace.SHORT) -> None:
        """The turn is over: it goes to the first asker who may have it, and he goes to the end."""
        self._taken[pace] -= 1
        while (found := next((one for one in self._lines if self._may(one[1])), None)) is not None:
            line = self._lines.pop(found)
            mine = line.popleft()
            if line:
                self._lines[found] = line
            if not mine.done():
                self._taken[found[1]] += 1
                mine.set_result(None)

    def _may(self, pace: Pace) -> bool:
        slower = sum(self._taken[pace:])
        return sum(self._taken) < self.together and slower < max(1, self.together - pace)
