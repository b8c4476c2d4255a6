"""A key's priority: whose live calls go first when all slots are taken."""

import asyncio
from collections.abc import AsyncIterator

from bus_house import House, house, request, until

from bus.connection import Link
from schemas.events import Done, Event
from schemas.job import Job
from schemas.provider import ApiKey, Priority


def keyed(house: House, priority: Priority) -> str:
    """A key of this priority; its id."""
    key = ApiKey(id=f"key-{priority}", hash="", prefix="", name=priority, created=0, priority=priority)
    house.config.keys = {**house.config.keys, key.id: key}
    return key.id


async def order(nats: Link, first: Priority, second: Priority) -> list[str]:
    """Who is served first when two calls come, in this order, while the one slot is taken."""
    served: list[str] = []
    free = asyncio.Event()

    async def script(job: Job) -> AsyncIterator[Event]:
        served.append(job.key)
        await free.wait()
        yield Done(b"{}")

    async with house(nats) as made:
        await made.worker(script, slots=1)
        holder = asyncio.create_task(ask(made, "holder"))
        await until(lambda: served == ["holder"])
        calls = []
        for priority in (first, second):
            calls.append(asyncio.create_task(ask(made, keyed(made, priority))))
            await asyncio.sleep(0.1)  # the order in which they come is what is tested
        free.set()
        await asyncio.gather(holder, *calls)
    return [name.removeprefix("key-") for name in served[1:]]


async def ask(made: House, key: str) -> Event:
    call = await made.dispatcher.live(request(made, key=key))
    try:
        return await call.next()
    finally:
        call.close()


async def test_a_low_key_lets_everyone_go_first(nats: Link) -> None:
    assert await order(nats, Priority.LOW, Priority.NORMAL) == ["normal", "low"]


async def test_keys_of_one_priority_are_served_as_they_come(nats: Link) -> None:
    assert await order(nats, Priority.NORMAL, Priority.LOW) == ["normal", "low"]


async def test_a_normal_key_lets_a_waiting_high_one_go_first(nats: Link) -> None:
    """The high call waits in the line already; a normal one that comes behind it stays behind it."""
    assert await order(nats, Priority.HIGH, Priority.NORMAL) == ["high", "normal"]


async def test_a_low_key_is_served_in_the_end_though_the_slots_stay_taken(nats: Link, monkeypatch: object) -> None:
    from bus import dispatch

    before = dict(dispatch.GIVE_WAY)
    dispatch.GIVE_WAY[Priority.LOW] = 0.2
    try:
        assert await order(nats, Priority.LOW, Priority.LOW) == ["low", "low"]
    finally:
        dispatch.GIVE_WAY.update(before)
