"""Live calls, through a real server: answers, streams, what is tried elsewhere or again, and what callers are refused with."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from bus_house import House, echo, house, request, until
from jobs_kit import (
    Script,
    answer,
    durable,
    empty,
    fails,
    forever,
    gate,
    outcome,
)

from bus.connection import Link
from schemas.events import Delta, Done, Event, Failed
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats) as here:
        yield here


async def test_a_live_call_is_answered_with_its_result_usage_and_provider(made: House) -> None:
    await made.worker(echo)
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)
    assert (done.body, done.usage.tokens_out, done.provider) == (b'{"x":1}', 5, "one")
    assert [(a.number, a.queue, a.code) for a in done.attempts] == [(1, "one", None)]


async def test_a_stream_arrives_whole_and_in_order(made: House) -> None:
    async def many(job: Job) -> AsyncIterator[Event]:
        for number in range(500):
            yield Delta([b"%d" % (2 * number), b"%d" % (2 * number + 1)])
        yield Done()

    await made.worker(many, slots=8)
    calls = [await made.dispatcher.live(request(made, stream=True)) for _ in range(8)]
    for events in await asyncio.gather(*map(answer, calls)):
        chunks = [chunk for event in events if isinstance(event, Delta) for chunk in event.chunks]
        assert chunks == [b"%d" % number for number in range(1000)]
        assert isinstance(events[-1], Done)


async def test_a_failure_before_the_first_delta_is_routed_on_with_its_queue_excluded(made: House) -> None:
    await made.worker(fails(Code.PROVIDER_ERROR), name="one", priority=0)
    good = Script()
    await made.worker(good, name="two", priority=5)
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)
    assert [(a.number, a.queue, a.code) for a in done.attempts] == [(1, "one", "provider_error"), (2, "two", None)]
    assert good.jobs[0].excluded == ("one",)


async def test_a_failure_after_the_first_delta_is_final(made: House) -> None:
    async def breaks(job: Job) -> AsyncIterator[Event]:
        yield Delta([b"{}"])
        raise Problem(Code.STREAM_BROKEN, "cut")

    other = Script()
    await made.worker(breaks, name="one", priority=0)
    await made.worker(other, name="two", priority=5)
    events = await answer(await made.dispatcher.live(request(made, stream=True)))
    assert [type(event) for event in events] == [Delta, Failed]
    assert not other.jobs


async def test_a_bad_request_is_not_tried_elsewhere(made: House) -> None:
    other = Script()
    await made.worker(fails(Code.INVALID_REQUEST), name="one", priority=0)
    await made.worker(other, name="two", priority=5)
    [failed] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(failed, Failed)
    assert failed.fault.code is Code.INVALID_REQUEST
    assert not other.jobs


async def test_a_429_is_waited_for_and_the_same_provider_tried_again(made: House) -> None:
    """checklist 40: tried again after what Retry-After says."""

    async def limited(job: Job) -> AsyncIterator[Event]:
        if job.attempt == 1:
            raise Problem(Code.PROVIDER_RATE_LIMITED, "slow down", retry_after=0.6)
        yield Done(b"{}")

    worker = await made.worker(limited, slots=1)
    started = time.monotonic()
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)
    assert time.monotonic() - started > 0.55
    assert len(done.attempts) == 2
    await until(lambda: worker.room.holding == 0 and not worker.runs)
    assert worker.free == 1


async def test_a_wait_longer_than_the_silence_that_means_death_is_no_death(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.lines.SILENCE", 1.2)
    monkeypatch.setattr("bus.lines.UNSEEN", 0.3)
    monkeypatch.setattr("bus.leases.ALIVE_EVERY", 0.3)

    async def limited(job: Job) -> AsyncIterator[Event]:
        if job.attempt == 1:
            raise Problem(Code.PROVIDER_RATE_LIMITED, "slow down", retry_after=2.6)
        yield Done(b"{}")

    await made.worker(limited)
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)


async def test_a_call_handed_to_a_busy_queue_waits_there(made: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.lines.SILENCE", 1.2)
    monkeypatch.setattr("bus.lines.UNSEEN", 0.5)
    monkeypatch.setattr("bus.leases.ALIVE_EVERY", 0.3)
    opened = asyncio.Event()
    await made.worker(fails(Code.PROVIDER_ERROR), name="one", priority=0)
    await made.worker(gate(opened), name="two", priority=5, slots=1, models=(Model(name="m"), Model(name="n")))
    busy = await made.dispatcher.live(request(made, model="n"))
    call = await made.dispatcher.live(request(made))
    asyncio.get_running_loop().call_later(2.8, opened.set)
    [done] = await answer(call)
    assert isinstance(done, Done)
    busy.close()


async def test_a_caller_is_refused_when_all_providers_cool_for_too_long(made: House) -> None:
    made.dispatcher.queue_seconds = 1.0
    await made.worker(fails(Code.PROVIDER_RATE_LIMITED, retry_after=100))
    [first] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(first, Failed)
    await until(lambda: made.fleet.queues()[0].cooling_until > time.time())
    with pytest.raises(Problem) as caught:
        await made.dispatcher.live(request(made))
    assert caught.value.code is Code.RATE_LIMITED
    assert 90 < (caught.value.fault.retry_after or 0) <= 100


async def test_a_call_waits_for_a_provider_that_cools_a_little(made: House) -> None:
    calls = [0]

    async def limited(job: Job) -> AsyncIterator[Event]:
        calls[0] += 1
        if calls[0] == 1:
            raise Problem(Code.PROVIDER_AUTH, "no")
        yield Done(b"{}")

    worker = await made.worker(limited)
    await answer(await made.dispatcher.live(request(made)))
    worker.breaker.until = time.time() + 0.8
    worker.beat()
    await until(lambda: 0 < made.fleet.queues()[0].cooling_until < time.time() + 1)
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)


async def test_when_all_slots_stay_busy_the_caller_is_told_and_the_message_taken_back(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.lines.UNSEEN", 0.5)
    monkeypatch.setattr("bus.leases.ALIVE_EVERY", 0.1)
    made.dispatcher.queue_seconds = 1.0
    script = Script(forever)
    await made.worker(script, slots=1)
    busy = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs)
    [failed] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(failed, Failed)
    assert failed.fault.code is Code.OVERLOADED
    await empty(made, "LIVE")
    busy.close()
    await until(lambda: script.cancelled == 1)
    assert len(script.jobs) == 1


async def test_an_unforeseen_error_of_an_agent_is_a_failure_and_frees_the_slot(made: House) -> None:
    async def crash(job: Job) -> AsyncIterator[Event]:
        raise ZeroDivisionError
        yield Done()

    worker = await made.worker(crash, slots=1)
    for _ in range(3):
        [failed] = await answer(await made.dispatcher.live(request(made)))
        assert isinstance(failed, Failed)
        assert failed.fault.code is Code.INTERNAL
    assert worker.free == 1


async def test_a_result_too_large_for_the_bus_is_a_failure_and_not_a_lost_connection(made: House) -> None:
    async def huge(job: Job) -> AsyncIterator[Event]:
        yield Done(b'"' + b"x" * 9_000_000 + b'"')

    await made.worker(huge)
    [failed] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(failed, Failed)
    assert failed.fault.code is Code.TOO_LARGE
    job = (await made.dispatcher.submit(durable(request(made)))).job
    record = await outcome(made, job)
    assert record.fault is not None
    assert record.fault.code is Code.TOO_LARGE
    assert made.bus.nc.stats["reconnects"] == 0
