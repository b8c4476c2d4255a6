"""A worker as a process of its own, for tests that kill or freeze it.

`python bus_worker.py URL USER PASSWORD SCRIPT ACK_WAIT`
"""

import asyncio
import sys
from collections.abc import AsyncIterator

from bus_house import echo, house, until

from bus import leases, streams, worker
from bus.connection import Link
from schemas.events import Delta, Done, Event
from schemas.job import Job


async def slow(job: Job) -> AsyncIterator[Event]:
    """Holds the job for longer than any test."""
    await asyncio.sleep(60)
    yield Done(b'{"from":"slow"}')


async def second(job: Job) -> AsyncIterator[Event]:
    await asyncio.sleep(1)
    yield Done(b'{"from":"zombie"}')


async def talks(job: Job) -> AsyncIterator[Event]:
    """Streams for longer than any test."""
    for number in range(6000):
        yield Delta([b'{"n":%d}' % number])
        await asyncio.sleep(0.01)


async def deadly(job: Job) -> AsyncIterator[Event]:
    """Poison: takes the process with it."""
    import os

    os._exit(9)
    yield Done()


SCRIPTS = {"slow": slow, "second": second, "talks": talks, "deadly": deadly, "echo": echo}


def short_lease(seconds: float) -> None:
    """A lease of `seconds` instead of 15."""
    streams.ACK_WAIT = seconds
    worker.LEASE = seconds - 0.5
    leases.WIP_EVERY = 1.0


async def main() -> None:
    url, user, password, script, ack_wait = sys.argv[1:]
    short_lease(float(ack_wait))
    async with house(Link(url, user, password)) as here:
        await here.worker(SCRIPTS[script])
        await until(lambda: False, 120)


if __name__ == "__main__":
    asyncio.run(main())
