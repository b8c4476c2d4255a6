"""A small house for tests of the bus: one dispatcher and any number of workers with scripted agents, on a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from bus.config import Config
from bus.connection import Bus, Link, open_bus
from bus.desk import Desk
from bus.dispatch import Dispatcher
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from bus.keeper import Keeper
from bus.streams import declare
from bus.worker import Worker
from schemas.events import Delta, Done, Event, Usage
from schemas.job import Job
from schemas.provider import Model, Provider

Script = Callable[[Job], AsyncIterator[Event]]


class House:
    """What a test holds. `close()` happens by itself."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.config = Config(bus)
        self.fleet = Fleet(bus, self.config)
        self.ids = Ids(bus)
        self.jobs = Jobs(bus)
        self.finish = Finish(bus, self.jobs, self.ids)
        self.dispatcher = Dispatcher(self.fleet, self.jobs, self.ids, self.finish)
        self.desk = Desk(self.dispatcher)
        self.keeper = Keeper(self.dispatcher)
        self.workers: list[Worker] = []

    async def start(self, keeper: bool = False) -> None:
        await declare(self.bus)
        await self.config.start()
        await self.fleet.start()
        await self.ids.start()
        await self.dispatcher.start()
        await self.desk.start()
        if keeper:
            await self.keeper.start()

    async def worker(self, script: Script, **provider: object) -> Worker:
        """A worker in this process, serving model `m` with `script`."""
        settings: dict[str, object] = {"name": "one", "kind": "openai", "models": (Model(name="m"),), "slots": 4}
        made = Worker(
            self.fleet, self.finish, Provider(**(settings | provider)), lambda job: (script(job), lambda: Usage())
        )
        await made.start()
        self.workers.append(made)
        await until(lambda: made.agent in self.fleet.agents and self.fleet.agents[made.agent].beat.slots > 0)
        return made


@asynccontextmanager
async def house(link: Link, keeper: bool = False) -> AsyncIterator[House]:
    async with open_bus(link, "test") as bus:
        made = House(bus)
        await made.start(keeper)
        try:
            yield made
        finally:
            for worker in made.workers:
                with suppress(Exception):
                    await worker.drain(0.1)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Poll until it is true; fails with the condition's name after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for is in other processes
            await asyncio.sleep(0.005)


async def echo(job: Job) -> AsyncIterator[Event]:
    """Answers with the request's own body."""
    if job.stream:
        yield Delta([b'{"n":1}', b'{"n":2}'])
        yield Delta([b'{"n":3}'])
    yield Done(job.body or b"{}", Usage(3, 5))


def request(house: House, **more: object) -> Job:
    import time

    values: dict[str, object] = {
        "id": house.dispatcher.new_id(),
        "tenant": "default",
        "key": "k1",
        "op": "chat",
        "model": "m",
        "body": b'{"x":1}',
        "created": time.time(),
        "deadline": time.time() + 30,
    }
    return Job(**(values | more))
