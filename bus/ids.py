"""Job ids: below 2**53, ordered by time, unique over all processes that make them.

31 bits of seconds since 2025, 8 bits of node, 14 bits of a counter. The node number is leased in LEASES, because random
bits would collide: two gateways at full load make several ids in the same millisecond. More than 16,384 ids in a second
borrow from the next one.
"""

import asyncio
import random
import time
from contextlib import suppress

import structlog

from bus import subjects
from bus.acks import Conflict
from bus.connection import Bus
from schemas.problem import Code, Problem

log = structlog.get_logger()

EPOCH = 1_735_689_600
"""2025-01-01T00:00:00Z."""
NODES = 256
LEASE = 30
"""Seconds a node number stays ours without renewal."""


def make_id(second: int, node: int, count: int) -> int:
    return (second - EPOCH) << 22 | node << 14 | count


def created_at(job: int) -> int:
    """Unix seconds at which an id was made."""
    return (job >> 22) + EPOCH


class Ids:
    """This process's node number and its ids."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.node = -1
        self._revision = 0
        self._second = 0
        self._count = 0
        self._doubt = asyncio.Event()

    @property
    def name(self) -> str:
        """The node as a token: `rep.<name>.<job>`."""
        return str(self.node)

    async def start(self) -> None:
        await self._lease()
        self.bus.on_reconnect.append(self._doubt.set)  # a restarted server has forgotten all leases
        self.bus.spawn(self._renew())

    def new(self) -> int:
        now = int(time.time())
        if now > self._second:
            self._second, self._count = now, 0
        elif self._count >= 1 << 14:
            self._second, self._count = self._second + 1, 0
        self._count += 1
        return make_id(self._second, self.node, self._count - 1)

    async def _lease(self) -> None:
        for node in random.sample(range(NODES), NODES):
            if await self._take(node, 0):
                self.node = node
                return
        raise Problem(Code.UNAVAILABLE, f"All {NODES} node numbers are in use; wait {LEASE} s for a lost one to lapse.")

    async def _take(self, node: int, revision: int) -> bool:
        subject = subjects.lease_key(f"node-{node}")
        try:
            headers = {"Nats-TTL": f"{LEASE}s"}
            self._revision = (await self.bus.keep(subject, b"", expect=revision, headers=headers)).seq
        except Conflict:
            return False
        return True

    async def _renew(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEASE / 3):
                    await self._doubt.wait()
            self._doubt.clear()
            try:
                # Refused: the lease lapsed, or the server was restarted and memory is empty. Then take it afresh, or another.
                if not await self._take(self.node, self._revision) and not await self._take(self.node, 0):
                    log.warning("ids.lease_lost", node=self.node)
                    await self._lease()
            except Problem as problem:
                log.warning("ids.renew_failed", error=str(problem))
