"""What a caller is promised though agents, gateways or the server die in between."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
import pytest
from bus_house import House, echo, house, request, until
from jobs_kit import (
    KEY,
    Script,
    answer,
    durable,
    empty,
    forever,
    gate,
    outcome,
    process,
    rows,
    running,
    serving,
    short_leases,
    stored,
)

from bus import subjects
from bus.connection import Link
from bus.durable_run import DELIVERIES
from bus.lines import SILENCE
from ops.embedded import EmbeddedNats
from schemas.events import Delta, Done, Event, Failed
from schemas.job import Claim, Job, Record, State
from schemas.problem import Code, Problem
from schemas.provider import Model


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats) as here:
        yield here


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> None:
    short_leases(monkeypatch)


async def test_an_agent_killed_in_the_middle_of_a_call_is_noticed(
    made: House, nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SILENCE <= 8
    monkeypatch.setattr("bus.lines.SILENCE", 3.0)
    async with process(nats, "talks") as child:
        await until(lambda: serving(made), 20)  # another process starts
        call = await made.dispatcher.live(request(made, stream=True))
        first = await asyncio.wait_for(call.next(), 5)
        assert isinstance(first, Delta)
        started = time.monotonic()
        child.kill()
        events = await answer(call, 12)
        assert isinstance(events[-1], Failed)
        assert events[-1].fault.code is Code.AGENT_LOST
        assert time.monotonic() - started < 5


async def test_the_calls_of_a_gateway_that_died_are_stopped(made: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.fleet.STALE", 0.6)
    script = Script(forever)
    await made.worker(script)
    job = request(made, reply="rep.dead.1")
    made.bus.tell(subjects.gateway_hb("dead"))
    from schemas.job import encode_job

    await made.bus.keep(subjects.live("one", "default", job.id), encode_job(job))
    await until(lambda: script.jobs)
    await until(lambda: script.cancelled == 1)


async def test_accepted_means_stored_though_nobody_serves_and_the_server_dies(
    server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """checklist 20. WORK is written asynchronously and may lose its last milliseconds: the keeper finds those jobs in JOBS."""
    monkeypatch.setattr("bus.keeper.GRACE", 1.0)
    async with house(server.link, keeper=True) as made:
        worker = await made.worker(echo)
        await worker.drain(0)
        await made.config.put_provider(worker.provider)
        await until(lambda: not serving(made))
        jobs = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(20)]
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: server.restarts == 1)
        await made.worker(echo)
        for job in jobs:
            assert (await outcome(made, job)).state is State.DONE
        await empty(made, "WORK")


async def test_a_job_goes_on_when_its_agent_is_killed(made: House, nats: Link, lease: None) -> None:
    async with process(nats, "slow") as child:
        await until(lambda: serving(made), 20)  # another process starts
        job = (await made.dispatcher.submit(durable(request(made)))).job
        await running(made, job)
        child.kill()
        await child.wait()
        await made.worker(echo)
        record = await outcome(made, job)
    assert record.state is State.DONE
    await empty(made, "WORK")
    assert [row.job for row in await rows(made)] == [job.id]


async def test_a_zombie_is_fenced_and_its_late_result_thrown_away(made: House, nats: Link, lease: None) -> None:
    async with process(nats, "second") as child:
        await until(lambda: serving(made), 20)  # another process starts
        job = (await made.dispatcher.submit(durable(request(made)))).job
        await running(made, job)
        child.send_signal(signal.SIGSTOP)
        opened = asyncio.Event()
        here = gate(opened, b'{"from":"here"}')
        await made.worker(here)
        await until(lambda: here.jobs, 8)
        child.send_signal(signal.SIGCONT)  # its own second has passed: it has a result at once
        ended = asyncio.Event()
        await made.bus.listen("jobev.job.>", lambda _: ended.set())
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1.0)
        assert not ended.is_set(), "the zombie committed"
        opened.set()
        record = await outcome(made, job)
    assert record.result == b'{"from":"here"}'
    await empty(made, "WORK")
    assert len(await rows(made)) == 1


async def test_poison_ends_after_so_many_agents_with_its_history_and_the_next_job_runs(
    made: House, lease: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deaths are played: each earlier agent left its claim and never came back."""
    script = Script()
    await made.worker(echo, name="other", models=(Model(name="other"),))
    job = await stored(made, request(made))
    claim = Claim(job=job.id, attempt=1, agent="dead", queue="one", delivery=DELIVERIES, started=time.time())
    await made.jobs.put_claim(job.tenant, claim, 0)
    await made.jobs.enqueue(job, "one")
    await made.worker(script, slots=1)
    record = await outcome(made, job)
    assert record.state is State.FAILED
    assert record.fault is not None
    assert record.fault.code is Code.AGENT_LOST
    assert f"{DELIVERIES} agents" in record.fault.message
    assert record.attempts
    assert not script.jobs
    assert (await outcome(made, (await made.dispatcher.submit(durable(request(made)))).job)).state is State.DONE
    await empty(made, "WORK")


async def test_each_death_of_an_agent_is_counted(made: House, nats: Link, lease: None) -> None:
    job: Job | None = None
    for count in (1, 2):
        async with process(nats, "deadly") as child:
            if job is None:
                await until(lambda: serving(made), 20)  # another process starts
                job = (await made.dispatcher.submit(durable(request(made)))).job
            assert await asyncio.wait_for(child.wait(), 10) == 9
            claim = await made.jobs.claim_of("default", job.id)
            assert claim is not None
            assert claim[1].delivery == count
    await made.worker(echo)
    assert job is not None
    assert (await outcome(made, job)).state is State.DONE


async def test_a_hand_over_that_died_before_its_message_was_sent_is_finished(made: House, lease: None) -> None:
    script = Script()
    await made.worker(script, name="two")
    await made.worker(echo, name="one", models=())
    job = await stored(made, request(made))
    claim = Claim(job=job.id, attempt=2, agent="", queue="two", excluded=("one",))
    await made.jobs.put_claim(job.tenant, claim, 0)
    await made.jobs.enqueue(job, "one")  # attempt 1, delivered again
    record = await outcome(made, job)
    assert record.state is State.DONE
    assert [(one.attempt, one.excluded) for one in script.jobs] == [(2, ("one",))]
    await empty(made, "WORK")


async def test_a_hand_over_that_died_before_the_old_message_was_acked_runs_once(made: House, lease: None) -> None:
    script = Script()
    job = await stored(made, request(made))
    claim = Claim(job=job.id, attempt=2, agent="", queue="two", excluded=("one",))
    await made.jobs.put_claim(job.tenant, claim, 0)
    await made.jobs.enqueue(job, "one")
    await made.jobs.enqueue(msgspec.structs.replace(job, attempt=2, excluded=("one",)), "two")
    await made.worker(script, name="two")
    await made.worker(script, name="one", models=())
    assert (await outcome(made, job)).state is State.DONE
    await empty(made, "WORK")
    assert len(script.jobs) == 1


async def test_a_worker_that_died_between_commit_and_report_is_spoken_for(made: House) -> None:
    job = await stored(made, request(made))
    await made.jobs.enqueue(job, "one")
    await made.jobs.commit(Record(job=job, state=State.DONE, result=b"{}", finished=time.time()))
    script = Script()
    claim = Claim(job=job.id, attempt=1, agent="dead", queue="one")
    await made.jobs.put_claim(job.tenant, claim, 0)
    await made.worker(script)
    await empty(made, "WORK")
    assert [(row.job, row.again) for row in await rows(made)] == [(job.id, True)]
    assert not script.jobs


async def test_after_kill_9_of_the_server_everything_works_again_within_seconds(
    server: EmbeddedNats, lease: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.lines.SILENCE", 2.5)
    monkeypatch.setattr("bus.lines.UNSEEN", 2.5)
    monkeypatch.setattr("bus.keeper.GRACE", 1.0)
    async with house(server.link, keeper=True) as made:

        async def brief(job: Job) -> AsyncIterator[Event]:
            await asyncio.sleep(0.05)
            yield Done(b"{}")

        await made.worker(brief, slots=4)
        jobs = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(40)]
        live = [await made.dispatcher.live(request(made)) for _ in range(8)]
        os.kill(server.pid, signal.SIGKILL)
        killed = time.monotonic()
        await until(lambda: server.restarts == 1)
        async with asyncio.timeout(10):
            while True:
                with suppress(Problem):
                    call = await made.dispatcher.live(request(made))
                    if isinstance((await answer(call))[-1], Done):
                        break
                await asyncio.sleep(0.05)
        assert time.monotonic() - killed < 6, "live calls work again"
        for call in live:
            end = (await answer(call, 15))[-1]
            assert isinstance(end, Done) or end.fault.code in (Code.AGENT_LOST, Code.UNAVAILABLE)  # type: ignore[union-attr]
        for job in jobs:
            assert (await outcome(made, job, 25)).state is State.DONE
        assert (await outcome(made, (await made.dispatcher.submit(durable(request(made)))).job)).state is State.DONE
        events = [event async for _, event in made.desk.follow(KEY, jobs[0].id)]
        assert isinstance(events[-1], Done)
        assert (await made.bus.last("KV_LEASES", subjects.lease_key(f"node-{made.ids.node}"))) is not None
        await until(lambda: made.keeper.leading)
        await empty(made, "WORK", 20)
        told = [row.job for row in await rows(made)]
        assert len(told) == len(set(told)), "no job has two rows"
        assert not made.dispatcher.calls
        assert all(not worker.runs and worker.room.holding == 0 for worker in made.workers)


async def test_a_long_job_outlives_a_restart_of_the_server(server: EmbeddedNats) -> None:
    async with house(server.link) as made:
        opened = asyncio.Event()
        script = gate(opened)
        await made.worker(script)
        job = (await made.dispatcher.submit(durable(request(made)))).job
        await until(lambda: script.jobs)
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: not made.bus.nc.is_connected)
        opened.set()  # its result is there while the server is not
        record = await outcome(made, job)
        assert record.state is State.DONE
        assert len(script.jobs) == 1
        await empty(made, "WORK", 8)
