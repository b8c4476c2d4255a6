"""The census: every process asked what it has counted, when somebody scrapes a gateway. Nobody counts out loud before.

Durable jobs end in workers, and their counts must show, once. So of all gateways one speaks for a worker: the one that their
names draw (rendezvous hashing), until a gateway comes or goes. What a newcomer would get wrong: a worker's numbers keep its
own name as a label. Added up they would fall when one of them ends, and a counter that falls is taken for one that began anew.
"""

import asyncio
import hashlib
import time

import msgspec

from bus import subjects
from bus.counts import Process, decode_process
from bus.fleet import Fleet
from bus.wire import Message
from schemas.problem import Problem

PATIENCE = 0.5
"""Seconds that one answer is waited for: a process that is busy is missing from one scrape."""
REMEMBERED = 60.0
"""Seconds for which a process that answered is waited for again."""
FIRST_LOOK = 0.1
"""Seconds that nobody known is waited for: an archiver may be there, or be not."""
FRESH = 0.5
"""Seconds for which one census will do: several scrapers ask at the same second."""


class Census:
    """One gateway's."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        """`name`: of this gateway, as it stands in its sign of life."""
        self.fleet, self.bus, self.name = fleet, fleet.bus, name
        self._known: dict[str, float] = {}
        """Who answered, and when (monotonic)."""
        self._last: list[Process] = []
        self._at = 0.0
        self._asking: asyncio.Task[list[Process]] | None = None

    async def take(self) -> list[Process]:
        """The processes this gateway speaks for, as they are now. Empty while the bus is away."""
        if time.monotonic() - self._at > FRESH:
            if self._asking is None or self._asking.done():
                self._asking = self.bus.spawn(self._take())
            await asyncio.wait([self._asking])
            if self._asking.cancelled() or self._asking.exception() is not None:
                return []
        gateways = [*self.fleet.gateways(), self.name]
        return [one for one in self._last if spokesman(one.process, gateways) == self.name]

    async def _take(self) -> list[Process]:
        begun = time.monotonic()
        self._known = {process: at for process, at in self._known.items() if begun - at < REMEMBERED}
        found: dict[str, Process] = {}
        all_there = asyncio.Event()

        def heard(message: Message) -> None:
            try:
                one = decode_process(message.data)
            except msgspec.MsgspecError:  # another version's
                return
            found[one.process] = one
            if self._complete(found):
                all_there.set()

        reply, token = self.bus.inbox()
        self.bus.expect(token, heard)
        try:
            self.bus.tell(subjects.METRICS_ASK, b"", reply)
            if not self._at:
                await asyncio.sleep(FIRST_LOOK)
            async with asyncio.timeout(PATIENCE):
                while not self._complete(found):
                    await all_there.wait()
        except (TimeoutError, Problem):
            pass
        finally:
            self.bus.expect(token, None)
        self._at = time.monotonic()
        self._known |= dict.fromkeys(found, self._at)
        self._last = list(found.values())
        return self._last

    def _complete(self, found: dict[str, Process]) -> bool:
        """Whether all have answered who beat lately or answered before."""
        if not self._known.keys() <= found.keys():
            return False
        return all(any(name.startswith(process) for name in found) for process in self.fleet.processes())


def spokesman(process: str, gateways: list[str]) -> str:
    """Which gateway shows that process's counts: all of them draw the same, and few change when one comes or goes."""
    return max(gateways, key=lambda gateway: hashlib.sha256(f"{gateway} {process}".encode()).digest())
