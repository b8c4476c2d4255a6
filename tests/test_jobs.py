"""Durable jobs, through a real server: stored, tried elsewhere or later, each ended once and told once."""

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
    rows,
    settled,
)

from bus import retry
from bus.connection import Link
from bus.finish import CALLBACKS
from schemas.events import Done, Event
from schemas.job import Job, State
from schemas.problem import Code, Problem
from schemas.provider import Model


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats) as here:
        yield here


async def test_a_durable_job_ends_once_with_one_row_and_an_empty_queue(made: House) -> None:
    await made.worker(echo)
    jobs = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(30)]
    for job in jobs:
        record = await outcome(made, job)
        assert (record.state, record.result, record.provider) == (State.DONE, b'{"x":1}', "one")
    await empty(made, "WORK")
    told = [row.job for row in await rows(made)]
    assert sorted(told) == sorted(job.id for job in jobs)


async def test_fifty_submits_of_one_ref_are_one_job(made: House) -> None:
    script = Script()
    await made.worker(script)
    tries = [made.dispatcher.submit(durable(request(made, ref="order-7"))) for _ in range(50)]
    accepted = await asyncio.gather(*tries)
    assert len({one.id for one in accepted}) == 1
    assert sum(not one.duplicate for one in accepted) == 1
    await outcome(made, accepted[0].job)
    assert len(script.jobs) == 1


async def test_one_ref_with_another_body_is_a_conflict(made: House) -> None:
    await made.worker(echo)
    await made.dispatcher.submit(durable(request(made, ref="r")))
    with pytest.raises(Problem) as caught:
        await made.dispatcher.submit(durable(request(made, ref="r", body=b'{"x":2}')))
    assert caught.value.code is Code.CONFLICT
    other = await made.dispatcher.submit(durable(request(made, ref="r", body=b'{"x":2}', key="k2")))
    assert not other.duplicate


async def test_a_model_nobody_knows_is_refused_at_once(made: House) -> None:
    await made.worker(echo)
    with pytest.raises(Problem) as caught:
        await made.dispatcher.submit(durable(request(made, model="nope")))
    assert caught.value.code is Code.MODEL_NOT_FOUND


async def test_a_durable_failure_goes_on_elsewhere(made: House) -> None:
    await made.worker(fails(Code.PROVIDER_ERROR), name="one", priority=0)
    await made.worker(echo, name="two", priority=5)
    record = await outcome(made, (await made.dispatcher.submit(durable(request(made)))).job)
    assert record.state is State.DONE
    assert [(a.queue, a.code) for a in record.attempts] == [("one", "provider_error"), ("two", None)]
    await empty(made, "WORK")


async def test_a_durable_failure_with_nowhere_to_go_is_tried_again_later(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "BACKOFF", (0.2,))
    await made.keeper.start()

    async def third_time(job: Job) -> AsyncIterator[Event]:
        if job.attempt < 3:
            raise Problem(Code.PROVIDER_ERROR, "not yet")
        yield Done(b"{}")

    await made.worker(third_time)
    record = await outcome(made, (await made.dispatcher.submit(durable(request(made)))).job)
    assert (record.state, len(record.attempts)) == (State.DONE, 3)
    await empty(made, "WORK")
    await empty(made, "SCHED")


async def test_a_worker_that_leaves_gives_its_job_to_another_at_once(made: House) -> None:
    script = Script(forever)
    first = await made.worker(script)
    job = (await made.dispatcher.submit(durable(request(made)))).job
    await until(lambda: script.jobs)
    await made.worker(echo)
    started = time.monotonic()
    await first.drain(0)
    record = await outcome(made, job)
    assert record.state is State.DONE
    assert time.monotonic() - started < 3
    assert script.cancelled == 1
    assert not first.runs
    assert first.room.holding == 0


async def test_draining_lets_work_be_finished(made: House) -> None:
    opened = asyncio.Event()
    script = gate(opened)
    worker = await made.worker(script)
    job = (await made.dispatcher.submit(durable(request(made)))).job
    call = await made.dispatcher.live(request(made))
    await until(lambda: len(script.jobs) == 2)
    draining = asyncio.create_task(worker.drain(5))
    asyncio.get_running_loop().call_later(0.2, opened.set)
    assert isinstance((await answer(call))[-1], Done)
    assert (await outcome(made, job)).state is State.DONE
    await asyncio.wait_for(draining, 2)
    await empty(made, "WORK")


async def test_workers_that_come_and_go_lose_nothing_and_double_nothing(made: House) -> None:
    async def brief(job: Job) -> AsyncIterator[Event]:
        await asyncio.sleep(0.02)
        yield Done(b"{}")

    await made.worker(brief, slots=4)
    jobs = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(60)]
    for _ in range(4):
        await made.worker(brief, slots=4)
        await made.workers[-2].drain(0)
    for job in jobs:
        assert (await outcome(made, job)).state is State.DONE
    await empty(made, "WORK")
    assert sorted(row.job for row in await rows(made)) == sorted(job.id for job in jobs)


async def test_a_callback_job_is_made_once_however_often_the_end_is_told(made: House) -> None:
    await made.worker(echo)
    job = (await made.dispatcher.submit(durable(request(made, reply_to="https://example.com/hook")))).job
    record = await outcome(made, job)
    await settled(lambda: rows(made))
    await asyncio.gather(*(made.finish.report(record, again=True) for _ in range(10)))
    found = await made.bus.read("WORK", {"seq": 1, "batch": 100, "next_by_subj": f"work.{CALLBACKS}.>"})
    assert len(found) == 1
    script = Script()
    models = (Model(name=CALLBACKS, op="callback"),)
    await made.worker(script, name=CALLBACKS, kind="callbacks", models=models)
    await empty(made, "WORK")
    assert [(one.parent, one.op) for one in script.jobs] == [(job.id, "callback")]
    assert sorted(row.op for row in await rows(made)) == ["callback", "chat"]
