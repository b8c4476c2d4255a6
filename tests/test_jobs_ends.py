"""Jobs that are ended early: by their callers, by deadlines, by readers too slow; no slot is lost, and one end counts."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from bus_house import House, echo, house, request, until
from jobs_kit import (
    KEY,
    Script,
    answer,
    durable,
    empty,
    fails,
    filled,
    forever,
    messages,
    outcome,
    rows,
    stored,
)

from bus import retry, subjects
from bus.connection import Link
from schemas.events import Alive, Delta, Done, Event, Failed, encode_event
from schemas.job import Job, State
from schemas.problem import Code, Problem


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats) as here:
        yield here


async def test_a_hole_in_a_stream_is_a_typed_error_and_stops_the_provider(made: House) -> None:
    script = Script(forever)
    await made.worker(script)
    call = await made.dispatcher.live(request(made, stream=True))
    await until(lambda: script.jobs)
    made.bus.tell(call.job.reply, encode_event(Delta([b"0"], 0)))
    made.bus.tell(call.job.reply, encode_event(Delta([b"2"], 2)))
    events = await answer(call)
    assert isinstance(events[-1], Failed)
    assert events[-1].fault.code is Code.STREAM_BROKEN
    await until(lambda: script.cancelled == 1)


async def test_a_reader_too_slow_is_let_go_and_the_provider_stopped(made: House) -> None:
    async def flood(job: Job) -> AsyncIterator[Event]:
        while True:
            yield Delta([b"x" * 100_000])
            await asyncio.sleep(0)

    script = Script(flood)
    worker = await made.worker(script)
    call = await made.dispatcher.live(request(made, stream=True))
    await until(lambda: call.ended)
    await until(lambda: not worker.runs)
    events = await answer(call)
    assert isinstance(events[-1], Failed)
    assert events[-1].fault.code is Code.STREAM_BROKEN
    assert sum(len(chunk) for event in events if isinstance(event, Delta) for chunk in event.chunks) < 6_000_000


async def test_a_cancel_during_the_wait_for_a_second_try_ends_it(made: House) -> None:
    script = fails(Code.PROVIDER_RATE_LIMITED, retry_after=5)
    worker = await made.worker(script)
    call = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs and worker.room.holding == 0)
    call.cancel()
    await until(lambda: not worker.runs)
    call.close()
    assert len(script.jobs) == 1


async def test_a_cancel_reaches_the_agent_within_milliseconds(made: House) -> None:
    script = Script(forever)
    worker = await made.worker(script)
    call = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs)
    started = time.monotonic()
    call.cancel()
    await until(lambda: script.cancelled == 1)
    assert time.monotonic() - started < 0.2
    await until(lambda: worker.room.holding == 0)
    call.close()


async def test_a_cancel_right_behind_the_call_leaks_no_slot(made: House) -> None:
    """Both messages are read in one go: the run is cancelled before its task has begun."""
    worker = await made.worker(Script(forever), slots=4)
    for _ in range(50):
        (await made.dispatcher.live(request(made))).close()
    await until(lambda: not worker.runs and worker.room.holding == 0)
    [done] = await asyncio.gather(answer(await made.dispatcher.live(request(made, deadline=time.time() + 0.3))))
    assert isinstance(done[-1], Failed), "the worker still takes calls"
    assert not made.dispatcher.calls


async def test_a_call_cancelled_while_it_waits_is_never_performed(made: House) -> None:
    script = Script(forever)
    await made.worker(script, slots=1)
    busy = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs)
    waiting = await made.dispatcher.live(request(made))
    await filled(made, "LIVE")
    waiting.close()
    await empty(made, "LIVE")
    busy.close()
    await until(lambda: script.cancelled == 1)
    assert len(script.jobs) == 1


async def test_an_agent_that_works_for_a_caller_nobody_knows_is_stopped(made: House) -> None:
    script = Script(forever)
    worker = await made.worker(script)
    call = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs)
    made.dispatcher.lines.forget(call)  # as if the cancel had been lost
    worker.bus.tell(call.job.reply, encode_event(Alive()))
    await until(lambda: script.cancelled == 1)


async def test_the_deadline_stops_the_provider(made: House) -> None:
    script = Script(forever)
    await made.worker(script)
    [failed] = await answer(await made.dispatcher.live(request(made, deadline=time.time() + 0.5)))
    assert isinstance(failed, Failed)
    assert failed.fault.code is Code.DEADLINE
    await until(lambda: script.cancelled == 1)


async def test_no_slot_is_lost_in_a_storm_of_calls_cancels_and_failures(made: House) -> None:
    async def moody(job: Job) -> AsyncIterator[Event]:
        match job.id % 5:
            case 0 if job.attempt == 1:
                raise Problem(Code.PROVIDER_RATE_LIMITED, "slow", retry_after=0.01)
            case 1:
                await asyncio.sleep(0.05)
            case 2:
                yield Delta([b"x"])
                raise ZeroDivisionError
        yield Done(b"{}")

    workers = [await made.worker(moody, name=name, slots=3) for name in ("one", "two")]

    async def one(number: int) -> None:
        with suppress(Problem):
            call = await made.dispatcher.live(request(made, deadline=time.time() + 5))
            if number % 3 == 0:
                await asyncio.sleep(0.001 * (number % 20))
                call.close()
            else:
                await answer(call)

    await asyncio.gather(*map(one, range(150)))
    await until(lambda: all(not worker.runs and worker.room.holding == 0 for worker in workers))
    assert not made.dispatcher.calls
    await empty(made, "LIVE")


async def test_a_queued_job_is_cancelled_and_its_message_withdrawn(made: House) -> None:
    script = Script(forever)
    await made.worker(script, slots=1)
    busy = (await made.dispatcher.submit(durable(request(made)))).job
    await until(lambda: script.jobs)
    job = (await made.dispatcher.submit(durable(request(made)))).job
    view = await made.desk.cancel(KEY, job.id)
    assert view.status is State.CANCELLED
    assert await messages(made, "WORK") == 1
    assert (await made.desk.cancel(KEY, busy.id)).status is State.CANCELLED
    await empty(made, "WORK")
    assert len(script.jobs) == 1
    assert sorted(row.outcome for row in await rows(made)) == ["cancelled"] * 2


async def test_a_running_job_is_cancelled_through_to_its_agent(made: House) -> None:
    script = Script(forever)
    worker = await made.worker(script)
    job = (await made.dispatcher.submit(durable(request(made)))).job
    await until(lambda: script.jobs)
    started = time.monotonic()
    view = await made.desk.cancel(KEY, job.id)
    assert view.status is State.CANCELLED
    assert time.monotonic() - started < 0.5
    assert script.cancelled == 1
    assert view.attempts
    await until(lambda: worker.room.holding == 0)
    await empty(made, "WORK")


async def test_a_job_that_waits_for_its_next_try_is_cancelled_for_good(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "BACKOFF", (1.0,))
    await made.keeper.start()
    script = fails(Code.PROVIDER_ERROR)
    await made.worker(script)
    job = (await made.dispatcher.submit(durable(request(made)))).job
    await filled(made, "SCHED")
    assert (await made.desk.cancel(KEY, job.id)).status is State.CANCELLED
    assert await messages(made, "SCHED") == 0
    await empty(made, "WORK")
    assert len(script.jobs) == 1


async def test_a_cancel_that_races_with_the_end_leaves_one_terminal_state(made: House) -> None:
    async def brief(job: Job) -> AsyncIterator[Event]:
        await asyncio.sleep(0.001 * (job.id % 7))
        yield Done(b"{}")

    worker = await made.worker(brief, slots=8)
    ends: dict[int, int] = {}

    def ended(message: object) -> None:
        if message.headers.get("Ai-State") == "done":  # type: ignore[attr-defined]
            job = int(message.subject.rpartition(".")[2])  # type: ignore[attr-defined]
            ends[job] = ends.get(job, 0) + 1

    await made.bus.listen("jobev.job.>", ended)

    async def race(number: int) -> tuple[int, State]:
        job = (await made.dispatcher.submit(durable(request(made)))).job
        await asyncio.sleep(0.0005 * (number % 16))
        return job.id, (await made.desk.cancel(KEY, job.id)).status

    results = await asyncio.gather(*map(race, range(80)))
    assert {state for _, state in results} <= {State.DONE, State.CANCELLED}
    await empty(made, "WORK")
    await until(lambda: not worker.runs and worker.room.holding == 0)
    assert ends == {job: 1 for job, _ in results}
    told = {row.job: row.outcome for row in await rows(made)}
    assert told == {job: str(state) for job, state in results}


async def test_a_cancel_during_claim_or_commit_loses_nothing(made: House) -> None:
    """The cancel arrives at each await of a run in turn: the job ends at once, and its message is away."""
    worker = await made.worker(echo)
    for turns in range(60):
        job = (await made.dispatcher.submit(durable(request(made)))).job
        for _ in range(turns):
            await asyncio.sleep(0)
        made.bus.tell(subjects.cancel(job.id))
        record = await outcome(made, job, 3)
        assert record.state in (State.DONE, State.CANCELLED)
    await until(lambda: not worker.runs and worker.room.holding == 0)
    await empty(made, "WORK", 2)
    assert len(await rows(made)) == 60


async def test_the_deadline_of_a_running_job_stops_it(made: House) -> None:
    """checklist 18: a job has a deadline."""
    script = Script(forever)
    await made.worker(script)
    job = (await made.dispatcher.submit(durable(request(made, deadline=time.time() + 0.5)))).job
    record = await outcome(made, job)
    assert record.fault is not None
    assert record.fault.code is Code.DEADLINE
    assert script.cancelled == 1
    await empty(made, "WORK")


async def test_a_job_delivered_after_its_deadline_is_not_performed(made: House) -> None:
    script = Script()
    job = await stored(made, request(made, deadline=time.time() - 1))
    await made.jobs.enqueue(job, "one")
    await made.worker(script)
    record = await outcome(made, job)
    assert record.fault is not None
    assert record.fault.code is Code.DEADLINE
    assert not script.jobs
    await empty(made, "WORK")
