"""The desk: a job is seen, awaited and followed by its own key, and by nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from bus_house import House, echo, house, request, until

from bus import subjects
from bus.connection import Link
from schemas.events import Delta, Done, Event, Failed, Progress
from schemas.job import Job, State
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Model, Provider

KEY = ApiKey(id="k1", hash="", prefix="", name="test", created=0)
OTHER = ApiKey(id="k2", hash="", prefix="", name="other", created=0)
ADMIN = ApiKey(id="k3", hash="", prefix="", name="admin", created=0, scopes=("admin",))
ELSEWHERE = ApiKey(id="k1", hash="", prefix="", name="elsewhere", created=0, tenant="acme")


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats) as here:
        yield here


async def submit(made: House, **more: object) -> Job:
    return (await made.dispatcher.submit(msgspec.structs.replace(request(made, **more), durable=True))).job


async def story(made: House, job: Job, after: int = 0, key: ApiKey = KEY) -> list[tuple[int, Event]]:
    async with asyncio.timeout(8):
        return [told async for told in made.desk.follow(key, job.id, after)]


async def tells(job: Job) -> AsyncIterator[Event]:
    yield Progress(0.5, "half")
    for number in range(3):
        yield Delta([b"%d" % number])
    yield Done(b'{"ok":true}')


async def test_a_job_is_seen_queued_running_and_done(made: House) -> None:
    opened = asyncio.Event()

    async def half(job: Job) -> AsyncIterator[Event]:
        yield Progress(0.5, "half")
        await opened.wait()
        yield Done(b'{"ok":true}')

    await made.config.put_provider(Provider(name="one", kind="openai", models=(Model(name="m"),)))
    job = await submit(made, tag="t", ref="r")
    view = await made.desk.view(KEY, job.id)
    assert (view.status, view.tag, view.ref_id, view.attempt, view.result) == (State.QUEUED, "t", "r", 0, None)
    await made.worker(half)
    async with asyncio.timeout(5):
        while (view := await made.desk.view(KEY, job.id)).stage != "half":  # noqa: ASYNC110 - looked at on the server
            await asyncio.sleep(0.01)
    assert (view.status, view.progress, view.provider, view.attempt) == (State.RUNNING, 0.5, "one", 1)
    opened.set()
    view = await made.desk.wait(KEY, job.id, 5)
    assert (view.status, view.progress, bytes(view.result or b"")) == (State.DONE, 1.0, b'{"ok":true}')
    assert view.finished
    assert len(view.attempts) == 1
    assert "agent" not in view.attempts[0], "hosts and processes are nobody's business"


@pytest.mark.parametrize("key", [OTHER, ELSEWHERE])
async def test_a_job_of_another_key_is_as_if_it_did_not_exist(made: House, key: ApiKey) -> None:
    await made.worker(echo)
    job = await submit(made)
    await made.desk.wait(KEY, job.id, 5)
    told = set()
    for number in (job.id, 12345):
        for ask in (made.desk.view, made.desk.result, made.desk.cancel):
            with pytest.raises(Problem) as caught:
                await ask(key, number)
            told.add((caught.value.code, str(caught.value).replace(str(number), "N")))
        with pytest.raises(Problem) as caught:
            await made.desk.wait(key, number, 1)
        told.add((caught.value.code, str(caught.value).replace(str(number), "N")))
        with pytest.raises(Problem) as caught:
            await anext(made.desk.follow(key, number))
        told.add((caught.value.code, str(caught.value).replace(str(number), "N")))
    assert len(told) == 1
    assert told.pop()[0] is Code.NOT_FOUND
    assert (await made.desk.view(ADMIN, job.id)).status is State.DONE


async def test_waiting_ends_with_the_job_within_milliseconds(made: House) -> None:
    opened = asyncio.Event()

    async def gate(job: Job) -> AsyncIterator[Event]:
        await opened.wait()
        yield Done(b"{}")

    await made.worker(gate)
    job = await submit(made)
    waits = [asyncio.create_task(made.desk.wait(KEY, job.id, 20)) for _ in range(20)]
    await until(lambda: job.id in made.desk._waiting)
    started = time.monotonic()
    opened.set()
    views = await asyncio.wait_for(asyncio.gather(*waits), 3)
    assert time.monotonic() - started < 1
    assert {view.status for view in views} == {State.DONE}
    assert not made.desk._waiting


async def test_waiting_ends_in_time_when_the_job_does_not(made: House) -> None:
    await made.config.put_provider(Provider(name="one", kind="openai", models=(Model(name="m"),)))
    job = await submit(made)
    started = time.monotonic()
    assert (await made.desk.wait(KEY, job.id, 0.3)).status is State.QUEUED
    assert 0.25 < time.monotonic() - started < 1
    assert not made.desk._waiting


async def test_a_follower_hears_the_whole_story_once_and_in_order(made: House) -> None:
    await made.config.put_provider(Provider(name="one", kind="openai", models=(Model(name="m"),)))
    job = await submit(made)
    following = asyncio.create_task(story(made, job))
    ears = len(made.bus.ears)
    await until(lambda: len(made.bus.ears) > ears)
    await made.worker(tells)
    told = await following
    assert [type(event).__name__ for _, event in told] == ["Progress", "Progress", "Delta", "Delta", "Delta", "Done"]
    assert [event.n for _, event in told if isinstance(event, Delta)] == [0, 1, 2]
    numbers = [number for number, _ in told]
    assert numbers == sorted(set(numbers))
    assert await story(made, job) == told, "who comes late hears the same"


async def test_a_follower_goes_on_where_it_broke_off(made: House) -> None:
    await made.worker(tells)
    job = await submit(made)
    await made.desk.wait(KEY, job.id, 5)
    told = await story(made, job)
    for cut in range(len(told)):
        assert await story(made, job, told[cut][0]) == (told[cut + 1 :] or [(told[-1][0] + 1, told[-1][1])])


async def test_the_end_is_told_even_when_the_events_have_expired(made: House) -> None:
    await made.worker(tells)
    job = await submit(made)
    await made.desk.wait(KEY, job.id, 5)
    await until(lambda: not made.workers[0].runs)
    await made.bus.api("STREAM.PURGE.EVENTS", {"filter": subjects.evt("default", job.id)})
    [(_, end)] = await story(made, job, 3)
    assert isinstance(end, Done)
    assert end.body == b'{"ok":true}'


async def test_a_follower_hears_of_a_failure_and_of_a_cancel(made: House) -> None:
    async def fails(job: Job) -> AsyncIterator[Event]:
        raise Problem(Code.INVALID_REQUEST, "no")
        yield Done()

    await made.worker(fails)
    job = await submit(made)
    end = (await story(made, job))[-1][1]
    assert isinstance(end, Failed)
    assert end.fault.message == "no"
    await made.config.put_provider(Provider(name="two", kind="openai", models=(Model(name="n"),)))
    job = await submit(made, model="n")
    following = asyncio.create_task(story(made, job))
    await made.desk.cancel(KEY, job.id)
    end = (await following)[-1][1]
    assert isinstance(end, Failed)
    assert end.fault.code is Code.CANCELLED


async def test_a_follower_that_leaves_is_forgotten(made: House) -> None:
    await made.config.put_provider(Provider(name="one", kind="openai", models=(Model(name="m"),)))
    job = await submit(made)
    ears = len(made.bus.ears)
    following = asyncio.create_task(story(made, job))
    await until(lambda: len(made.bus.ears) == ears + 1)
    following.cancel()
    await until(lambda: len(made.bus.ears) == ears)


async def test_a_cancel_after_the_end_changes_nothing(made: House) -> None:
    await made.worker(echo)
    job = await submit(made)
    await made.desk.wait(KEY, job.id, 5)
    assert (await made.desk.cancel(KEY, job.id)).status is State.DONE
