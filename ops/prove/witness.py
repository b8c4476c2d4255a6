"""Listens to every change of every job record, told by the server itself after it stored the change.

A job's record is written at accept and at its end. A second end would show here as a third stored write, even if both
ends looked alike. The witness sleeps while NATS is down, so it proves doubling but not its absence; the results that
callers read, the callbacks and the archive are compared as well.
"""

import asyncio
import contextlib
from collections import defaultdict

from nats.errors import Error as NatsError

from bus import subjects
from bus.connection import Bus, open_bus
from bus.wire import Message
from ops.prove.house import House
from schemas.problem import Problem


class Witness:
    def __init__(self, house: House) -> None:
        self.house = house
        self.writes: dict[int, set[int]] = defaultdict(set)
        """Job -> stream sequences of its record's stored versions."""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Witness":
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            link = self.house.link()
            if link is not None:
                with contextlib.suppress(Problem, NatsError, OSError, TimeoutError):
                    async with open_bus(link, "witness") as bus:
                        await self._watch(bus)
            await asyncio.sleep(0.5)

    async def _watch(self, bus: Bus) -> None:
        await bus.listen(subjects.JOB_CHANGES, self._saw)
        while self.house.link() is not None:  # noqa: ASYNC110 - a file, not an event
            await asyncio.sleep(1)

    def _saw(self, message: Message) -> None:
        sequence = int((message.headers or {}).get("Nats-Sequence", 0))
        with contextlib.suppress(ValueError):
            self.writes[int(message.subject.rpartition(".")[2])].add(sequence)

    def doubled(self, jobs: set[int]) -> dict[int, int]:
        """Jobs whose record was stored more than twice, with how often."""
        return {job: len(seen) for job, seen in self.writes.items() if job in jobs and len(seen) > 2}
