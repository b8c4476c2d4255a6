"""A held queue: nothing new starts, what runs ends, what waits waits or moves; and everybody knows at once."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from bus_house import House, echo, house, request, until

from bus.config import Config
from bus.connection import Link, open_bus
from bus.history import versions
from bus.hold import Hold, Mode
from bus.lanes import put_first
from bus.listing import Listing
from bus.live_call import LiveCall
from bus.underway import subjects_of
from schemas.events import Delta, Done, Event, Failed
from schemas.job import Job, State
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"GRACE": 0.3, "ABANDONED": 0.2, "AUDIT_EVERY": 0.3, "TURN": 0.1}.items():
        monkeypatch.setattr(f"bus.keeper.{name}", seconds)


async def accept(home: House, **more: object) -> Job:
    return (await home.dispatcher.submit(request(home, durable=True, style="queued", **more))).job


async def hold(home: House, mode: Mode = Mode.PAUSE, queue: str = "one") -> None:
    await home.config.put_hold(Hold(queue=queue, mode=mode, at=time.time(), by="boss", note="new fans"))


async def state_of(home: House, job: Job) -> State:
    found = await home.jobs.read(job.tenant, job.id)
    assert found is not None
    return found[1].state


async def ended(home: House, *jobs: Job, state: State = State.DONE) -> None:
    async with asyncio.timeout(8):
        while {await state_of(home, job) for job in jobs} != {state}:  # noqa: ASYNC110  # it happens in the server
            await asyncio.sleep(0.01)


async def last(call: LiveCall) -> Event:
    while not isinstance(event := await call.next(), Done | Failed):
        pass
    call.close()
    return event


async def crowded(home: House) -> tuple[asyncio.Event, LiveCall, LiveCall]:
    """A call that has the one slot until the gate opens, and one that waits behind it."""
    gate = asyncio.Event()

    async def slow(job: Job) -> AsyncIterator[Event]:
        await gate.wait()
        yield Done(b"{}")

    await home.worker(slow, slots=1, reserve=0)
    taken = await home.dispatcher.live(request(home))
    await until(lambda: home.workers[0].runs)
    return gate, taken, await home.dispatcher.live(request(home))


async def test_a_held_queue_starts_nothing_and_what_runs_ends(nats: Link) -> None:
    """A stream that is under way when the queue is held is told to its end."""
    async with house(nats) as home:
        gate, began = asyncio.Event(), list[int]()

        async def slow(job: Job) -> AsyncIterator[Event]:
            began.append(job.id)
            yield Delta([b'{"n":1}'])
            await gate.wait()
            yield Delta([b'{"n":2}'])
            yield Done(b"{}")

        await home.worker(slow, slots=8)
        call = await home.dispatcher.live(request(home, stream=True))
        assert isinstance(await call.next(), Delta)
        await hold(home)
        waiting = [await accept(home) for _ in range(3)]
        with pytest.raises(Problem) as caught:
            await home.dispatcher.live(request(home))
        assert caught.value.code is Code.NO_PROVIDER
        assert "paused by an operator: new fans" in str(caught.value)
        gate.set()
        assert isinstance(await last(call), Done)
        since = time.monotonic()
        await until(lambda: time.monotonic() - since > 0.7)
        assert len(began) == 1
        await home.config.drop_hold("one", "boss")
        await ended(home, *waiting)
        assert sorted(began[1:]) == sorted(job.id for job in waiting)


async def test_calls_go_where_nobody_holds_them_and_those_that_wait_there_already_go_too(nats: Link) -> None:
    async with house(nats) as home:
        gate, taken, stuck = await crowded(home)
        await home.worker(echo, name="two")
        await hold(home)
        first = await last(stuck)
        assert isinstance(first, Done)
        assert first.provider == "two"
        other = await last(await home.dispatcher.live(request(home)))
        assert isinstance(other, Done)
        assert other.provider == "two"
        job = await accept(home)
        await ended(home, job)
        gate.set()
        assert isinstance(await last(taken), Done)


async def test_a_call_that_waits_where_nobody_else_serves_hears_that_it_is_held(nats: Link) -> None:
    async with house(nats) as home:
        gate, taken, stuck = await crowded(home)
        await hold(home)
        async with asyncio.timeout(3):
            event = await last(stuck)
        assert isinstance(event, Failed)
        assert event.fault.code is Code.NO_PROVIDER
        assert "paused" in event.fault.message
        gate.set()
        assert isinstance(await last(taken), Done)


@pytest.mark.parametrize("mode", [Mode.PAUSE, Mode.DRAIN])
async def test_what_waits_moves_when_the_queue_is_drained_and_only_then(nats: Link, mode: Mode) -> None:
    async with house(nats, keeper=True) as home:
        await until(lambda: home.keeper.leading)
        gate, ran = asyncio.Event(), list[tuple[str, int]]()

        async def slow(job: Job) -> AsyncIterator[Event]:
            ran.append(("one", job.id))
            await gate.wait()
            yield Done(b"{}")

        async def other(job: Job) -> AsyncIterator[Event]:
            ran.append(("two", job.id))
            yield Done(b"{}")

        await home.worker(slow, slots=1, reserve=0)
        jobs = [await accept(home) for _ in range(6)]
        await until(lambda: ran)
        await put_first(home.dispatcher, jobs[5].tenant, jobs[5].id)
        await home.worker(other, name="two", slots=1)
        await hold(home, mode)
        if mode is Mode.DRAIN:
            await ended(home, *jobs[1:])
            assert sorted(ran[1:]) == sorted(("two", job.id) for job in jobs[1:])
        else:
            since = time.monotonic()
            await until(lambda: time.monotonic() - since > 0.8)
            assert ran == [("one", jobs[0].id)]
        gate.set()
        await ended(home, jobs[0])
        await home.config.drop_hold("one")
        await ended(home, *jobs)
        assert sorted(number for _, number in ran) == sorted(job.id for job in jobs)


async def test_deadlines_hold_in_a_held_queue(nats: Link) -> None:
    async with house(nats, keeper=True) as home:
        await until(lambda: home.keeper.leading)
        await home.worker(echo)
        await hold(home)
        job = await accept(home, deadline=time.time() + 0.5)
        await ended(home, job, state=State.FAILED)
        found = await home.jobs.read(job.tenant, job.id)
        assert found is not None
        assert found[1].fault is not None
        assert found[1].fault.code is Code.DEADLINE


async def test_a_hold_is_known_to_those_who_come_later_and_has_a_history(nats: Link) -> None:
    async with house(nats) as home:
        await home.worker(echo)
        await hold(home)
        async with open_bus(nats, "later") as bus:
            later = Config(bus)
            await later.start()
            assert later.holds["one"].note == "new fans"
            await home.config.drop_hold("one", "other")
            await until(lambda: not later.holds)
        told = await versions(home.bus, "queues", "one")
        assert [(one.by, one.note, one.gone) for one in told] == [
            ("boss", "pause: new fans", False), ("other", "resumed", True),
        ]  # fmt: skip


async def test_pausing_and_resuming_while_jobs_run_loses_and_doubles_none(nats: Link) -> None:
    async with house(nats) as home:
        ran: list[int] = []

        async def count(job: Job) -> AsyncIterator[Event]:
            ran.append(job.id)
            await asyncio.sleep(0.002)
            yield Done(b"{}")

        await home.worker(count, slots=4)
        jobs = []
        for number in range(60):
            jobs.append(await accept(home))
            if number % 6 == 0:
                await hold(home)
            elif number % 6 == 3:
                await home.config.drop_hold("one")
        await home.config.drop_hold("one")
        await ended(home, *jobs)
        assert sorted(ran) == sorted(job.id for job in jobs)


async def test_a_list_by_queue_finds_jobs_where_they_have_moved_to(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.listing.MOVED_SECONDS", 0.0)
    async with house(nats, keeper=True) as home:
        await until(lambda: home.keeper.leading)
        gate, listing = asyncio.Event(), Listing(home.bus)

        async def slow(job: Job) -> AsyncIterator[Event]:
            await gate.wait()
            yield Done(b"{}")

        await home.config.put_provider(Provider(name="one", kind="openai", models=(Model(name="m"),)))
        jobs = [await accept(home) for _ in range(3)]
        assert {one.queue for one in await listing.below()} == {"one"}
        await home.worker(slow, name="two", slots=1)
        async with asyncio.timeout(8):
            while await subjects_of(home.bus, "WORK", "work.one.>"):  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.02)
        assert {(one.job, one.queue) for one in await listing.below(queues=True)} == {(job.id, "two") for job in jobs}
        gate.set()
        await ended(home, *jobs)
