"""The keeper puts right what crashes left: lost messages, deadlines nobody minds, queues nobody serves."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from bus_house import House, echo, house, request, until

from bus.connection import Link
from bus.keeper import Keeper
from schemas.events import Done, Event
from schemas.job import Claim, Job, State
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Model, Provider

KEY = ApiKey(id="k1", hash="", prefix="", name="test", created=0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"GRACE": 0.3, "ABANDONED": 0.3, "AUDIT_EVERY": 0.3, "TURN": 0.1}.items():
        monkeypatch.setattr(f"bus.keeper.{name}", seconds)


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats, keeper=True) as here:
        await until(lambda: here.keeper.leading)
        yield here


async def accept(made: House, **more: object) -> Job:
    return (await made.jobs.create(msgspec.structs.replace(request(made, **more), durable=True)))[0]


async def settled(look: Callable[[], Awaitable[object]], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - what is looked at is on the server
            await asyncio.sleep(0.02)


async def subjects_of(made: House, stream: str) -> dict[str, int]:
    info = await made.bus.api(f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
    return info["state"].get("subjects") or {}


async def ended(made: House, job: Job) -> State:
    view = await made.desk.wait(KEY, job.id, 8)
    return view.status


async def absent(made: House, *names: str) -> None:
    """Providers that are configured, but have no agent."""
    for name in names:
        await made.config.put_provider(Provider(name=name, kind="openai", models=(Model(name="m"),)))


async def test_jobs_whose_messages_are_gone_get_new_ones_exactly_once_each(made: House) -> None:
    runs: list[int] = []

    async def count(job: Job) -> AsyncIterator[Event]:
        runs.append(job.id)
        yield Done(b"{}")

    await absent(made, "one")
    jobs = [(await made.dispatcher.submit(msgspec.structs.replace(request(made), durable=True))).job for _ in range(40)]
    assert len(await subjects_of(made, "WORK")) == 40
    await made.bus.api("STREAM.PURGE.WORK")

    async def restored() -> bool:
        return len(await subjects_of(made, "WORK")) == 40

    await settled(restored)
    await made.worker(count)
    for job in jobs:
        assert await ended(made, job) is State.DONE
    assert sorted(runs) == sorted(job.id for job in jobs)

    async def nothing() -> bool:
        return not await subjects_of(made, "WORK")

    await settled(nothing)


async def test_a_job_stored_by_a_gateway_that_died_before_it_was_queued_runs(made: House) -> None:
    await made.worker(echo)
    job = await accept(made)
    assert await ended(made, job) is State.DONE


async def test_a_job_in_the_hands_of_a_living_worker_is_left_alone(made: House) -> None:
    opened = asyncio.Event()
    runs: list[int] = []

    async def held(job: Job) -> AsyncIterator[Event]:
        runs.append(job.attempt)
        await opened.wait()
        yield Done(b"{}")

    await made.worker(held)
    await made.worker(held)
    job = (await made.dispatcher.submit(msgspec.structs.replace(request(made), durable=True))).job
    await until(lambda: runs)
    await until(lambda: any(seen.beat.in_flight for seen in made.fleet.agents.values()))
    await made.bus.api("STREAM.PURGE.WORK")
    await until(lambda: made.keeper._missing)
    since = next(iter(made.keeper._missing.values()))
    await until(lambda: time.monotonic() - since > 1.0)
    assert not await subjects_of(made, "WORK")
    opened.set()
    assert await ended(made, job) is State.DONE
    assert runs == [1]


async def test_a_lost_job_goes_on_with_the_attempt_its_claim_tells(made: House) -> None:
    seen: list[tuple[int, tuple[str, ...]]] = []

    async def look(job: Job) -> AsyncIterator[Event]:
        seen.append((job.attempt, job.excluded))
        yield Done(b"{}")

    job = await accept(made)
    await made.jobs.put_claim("default", Claim(job=job.id, attempt=3, agent="", queue="two", excluded=("one",)), 0)
    await made.worker(look, name="two")
    assert await ended(made, job) is State.DONE
    assert seen == [(3, ("one",))]


async def test_a_job_nobody_takes_ends_at_its_deadline_and_leaves_its_queue(made: House) -> None:
    await absent(made, "one")
    job = msgspec.structs.replace(request(made, deadline=time.time() + 0.5), durable=True)
    job = (await made.dispatcher.submit(job)).job
    assert await ended(made, job) is State.FAILED
    record = await made.desk.result(KEY, job.id)
    assert record.fault is not None
    assert record.fault.code is Code.DEADLINE

    async def nothing() -> bool:
        return not await subjects_of(made, "WORK")

    await settled(nothing)


async def test_jobs_move_from_a_queue_nobody_serves_to_one_that_is_served(made: House) -> None:
    await absent(made, "one")
    jobs = [(await made.dispatcher.submit(msgspec.structs.replace(request(made), durable=True))).job for _ in range(10)]
    assert all(subject.startswith("work.one.") for subject in await subjects_of(made, "WORK"))
    await made.worker(echo, name="two")
    for job in jobs:
        assert await ended(made, job) is State.DONE
        assert (await made.desk.result(KEY, job.id)).provider == "two"

    async def nothing() -> bool:
        return not await subjects_of(made, "WORK")

    await settled(nothing)


async def test_jobs_that_cannot_be_moved_do_not_hide_those_that_can(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.keeper.MOVES", 3)
    await made.config.put_provider(
        Provider(name="one", kind="openai", models=(Model(name="m"), Model(name="only-here")))
    )
    stuck = msgspec.structs.replace(request(made, model="only-here"), durable=True)
    for _ in range(7):
        await made.dispatcher.submit(msgspec.structs.replace(stuck, id=made.dispatcher.new_id()))
    job = (await made.dispatcher.submit(msgspec.structs.replace(request(made), durable=True))).job
    await made.worker(echo, name="two")
    assert await ended(made, job) is State.DONE


async def test_a_move_that_stopped_after_its_claim_is_finished(made: House) -> None:
    await absent(made, "one")
    job = (await made.dispatcher.submit(msgspec.structs.replace(request(made), durable=True))).job
    await made.jobs.put_claim("default", Claim(job=job.id, attempt=2, agent="", queue="two"), 0)
    await made.worker(echo, name="two")
    assert await ended(made, job) is State.DONE

    async def nothing() -> bool:
        return not await subjects_of(made, "WORK")

    await settled(nothing)


async def test_a_delayed_attempt_comes_when_its_time_has_come_and_not_before(made: House) -> None:
    started: list[float] = []

    async def note(job: Job) -> AsyncIterator[Event]:
        started.append(time.time())
        yield Done(b"{}")

    await made.worker(note)
    job, at = await accept(made), time.time() + 1.0
    await made.jobs.enqueue(job, "one", at)
    assert await ended(made, job) is State.DONE
    assert at - 0.05 <= started[0] < at + 0.5
    assert not await subjects_of(made, "SCHED")


async def test_of_two_keepers_one_leads_and_the_other_takes_over(made: House, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Keeper(made.dispatcher)
    await other.start()
    first = made.keeper
    until_then = time.monotonic() + 1
    while time.monotonic() < until_then:
        assert not (first.leading and other.leading)
        await asyncio.sleep(0.02)
    assert first.leading

    async def dead() -> bool:
        raise Problem(Code.UNAVAILABLE, "gone")

    monkeypatch.setattr(first, "_lead", dead)
    await made.bus.keep("$KV.LEASES.keeper", b"", headers={"Nats-TTL": "1s"})  # as if its last renewal lapsed
    await until(lambda: other.leading, 6)
    job = await accept(made)
    await made.worker(echo)
    assert await ended(made, job) is State.DONE


async def test_the_list_of_open_jobs_does_not_grow(made: House) -> None:
    await made.worker(echo)
    for _ in range(30):
        job = (await made.dispatcher.submit(msgspec.structs.replace(request(made), durable=True))).job
        await ended(made, job)
    await until(lambda: not made.keeper.open and not made.keeper._missing)
