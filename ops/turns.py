"""Who is next: so many at a time, and between those who wait, asker by asker.

What a newcomer would get wrong: a semaphore is fair to questions, not to people. Ten questions of one dashboard would keep
everybody else waiting; here each asker's next one comes after one of everybody else's.
"""

import asyncio
from collections import OrderedDict, deque

from schemas.problem import Code, Problem


class Turns:
    """`together` at a time. At most `most` wait, `each` of them of one asker."""

    def __init__(self, together: int, most: int = 64, each: int = 16) -> None:
        self.together, self.most, self.each = together, most, each
        self._free = together
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    async def wait(self, asker: str) -> None:
        """For one's turn, which lasts until `done`. Raises `Problem(OVERLOADED)` when too many wait."""
        if self._free and not self._lines:
            self._free -= 1
            return
        line = self._lines.get(asker, deque())
        if self.waiting >= self.most or len(line) >= self.each:
            raise Problem(
                Code.OVERLOADED, "Too many questions wait for the archive; try again in a moment.", retry_after=2
            )
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        self._lines[asker] = line
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.done()  # the turn came as we left
            elif mine in line:
                line.remove(mine)
                if not line:
                    self._lines.pop(asker, None)
            raise

    def done(self) -> None:
        """The turn is over: it goes to the asker at the head, who then goes to the end."""
        while self._lines:
            asker, line = self._lines.popitem(last=False)
            mine = line.popleft()
            if line:
                self._lines[asker] = line
            if not mine.done():
                mine.set_result(None)
                return
        self._free += 1
