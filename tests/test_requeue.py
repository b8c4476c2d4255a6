"""A failed job that is put back: one more run under the same id, and each run is told exactly once (checklist 23)."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from archive_kit import row
from bus_house import House, house, request

from bus.config import new_key
from bus.connection import Link
from bus.requeue import requeue
from schemas.events import Done, Event, Failed, Usage
from schemas.job import Job, Record, State
from schemas.log import RequestLog, decode_logs, kind_of
from schemas.problem import Code, Fault, Problem
from storage.archive import Archive
from storage.sql import Sql

NO = Fault(Code.INVALID_REQUEST, "Not today.")


class Moody:
    """An agent that refuses the first `bad` jobs."""

    def __init__(self, bad: int = 1) -> None:
        self.bad, self.ran = bad, list[Job]()

    async def __call__(self, job: Job) -> AsyncIterator[Event]:
        self.ran.append(job)
        if len(self.ran) <= self.bad:
            raise Problem.of(NO)
        yield Done(b'{"ok":true}', Usage(3, 5))


async def told(home: House) -> list[RequestLog]:
    """What is in the stream LOG, as the archiver would read it."""
    rows: list[RequestLog] = []
    for message in await home.bus.read("LOG", {"seq": 1, "batch": 200, "next_by_subj": "log.>"}):
        if kind_of((message.headers or {})["Nats-Subject"]) is RequestLog:
            rows += decode_logs(message.data)
    return rows


async def record_of(home: House, job: Job) -> Record:
    found = await home.jobs.read(job.tenant, job.id)
    assert found is not None
    return found[1]


async def ended(home: House, job: Job, rows: int) -> Record:
    async with asyncio.timeout(5):
        while not (await record_of(home, job)).state.terminal or len(await told(home)) < rows:  # noqa: ASYNC110  # it happens in the server
            await asyncio.sleep(0.01)
    return await record_of(home, job)


async def failed(home: House, **more: object) -> Job:
    accepted = await home.dispatcher.submit(request(home, durable=True, style="queued", **more))
    assert (await ended(home, accepted.job, 1)).state is State.FAILED
    return accepted.job


async def test_a_failed_job_that_is_put_back_runs_again_under_its_own_id(nats: Link) -> None:
    """checklist 23"""
    async with house(nats) as home:
        agent = Moody()
        await home.worker(agent)
        job = await failed(home, tag="t", ref="mine")

        back = await requeue(home.dispatcher, job.tenant, job.id)
        record = await ended(home, job, 2)

        assert (back.id, back.run, record.state, record.requeues) == (job.id, 1, State.DONE, 1)
        rows = await told(home)
        assert [(one.job, one.run, one.outcome) for one in rows] == [(job.id, 0, "failed"), (job.id, 1, "done")]
        assert [one.attempts for one in rows] == [1, 1]
        assert agent.ran[1].attempt > agent.ran[0].attempt
        assert rows[1].tag == "t"
        assert rows[1].ref == "mine"


async def test_what_asked_to_be_told_is_told_of_each_run(nats: Link) -> None:
    async with house(nats) as home:
        await home.worker(Moody())
        job = await failed(home, reply_to="https://example.org/done")
        await requeue(home.dispatcher, job.tenant, job.id)
        await ended(home, job, 2)
        first = await home.jobs.named(job.tenant, job.key, f"callback\0callback.{job.id}")
        second = await home.jobs.named(job.tenant, job.key, f"callback\0callback.{job.id}-1")
        children = [msgspec.structs.replace(job, id=number) for number in (first, second)]
        bodies = [msgspec.json.decode((await record_of(home, child)).job.body) for child in children]
        assert [body["id"] for body in bodies] == [f"msg_{job.id}", f"msg_{job.id}-1"]
        assert [body["payload"]["type"] for body in bodies] == ["job.failed", "job.done"]


async def test_of_two_who_put_a_job_back_at_once_one_succeeds(nats: Link) -> None:
    async with house(nats) as home:
        agent = Moody()
        await home.worker(agent)
        job = await failed(home)
        both = [requeue(home.dispatcher, job.tenant, job.id) for _ in range(2)]
        found = await asyncio.gather(*both, return_exceptions=True)
        refused = [one for one in found if isinstance(one, Problem)]
        assert len(refused) == 1
        assert refused[0].code is Code.CONFLICT
        await ended(home, job, 2)
        assert len(agent.ran) == 2
        assert len(await told(home)) == 2


@pytest.mark.parametrize("state", ["done", "unknown"])
async def test_only_a_failed_job_can_be_put_back(nats: Link, state: str) -> None:
    async with house(nats) as home:
        await home.worker(Moody(bad=0))
        accepted = await home.dispatcher.submit(request(home, durable=True))
        await ended(home, accepted.job, 1)
        number = accepted.id if state == "done" else accepted.id + 1
        with pytest.raises(Problem) as caught:
            await requeue(home.dispatcher, "default", number)
        assert caught.value.code is (Code.CONFLICT if state == "done" else Code.NOT_FOUND)
        assert len(await told(home)) == 1


async def test_a_late_message_of_the_run_before_runs_nothing(nats: Link) -> None:
    """Its worker died after the commit and before the ack, so its message is delivered once more."""
    async with house(nats) as home:
        agent = Moody()
        worker = await home.worker(agent)
        job = await failed(home)
        gate, real = asyncio.Event(), worker.perform

        def held(job: Job) -> object:
            events, used = real(job)

            async def waited() -> AsyncIterator[Event]:
                await gate.wait()
                async for event in events:
                    yield event

            return waited(), used

        worker.perform = held  # type: ignore[assignment]
        await requeue(home.dispatcher, job.tenant, job.id)
        await home.jobs.enqueue(msgspec.structs.replace(job, attempt=1), "one", salt="late")
        async with asyncio.timeout(5):
            while (await home.bus.api("STREAM.INFO.WORK"))["state"]["messages"] != 1:  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.01)
        gate.set()
        await ended(home, job, 2)
        await home.jobs.enqueue(msgspec.structs.replace(job, attempt=1), "one", salt="later")
        async with asyncio.timeout(5):
            while (await home.bus.api("STREAM.INFO.WORK"))["state"]["messages"]:  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.01)
        assert len(agent.ran) == 2
        rows = await told(home)
        assert sorted({(one.run, one.outcome) for one in rows}) == [(0, "failed"), (1, "done")]
        assert len([one for one in rows if not one.again]) == 2


async def test_a_result_of_the_run_before_is_thrown_away(nats: Link) -> None:
    """A worker that was frozen over all of it comes back with an answer: the fence has moved."""
    async with house(nats) as home:
        await home.worker(Moody())
        job = await failed(home)
        stale = msgspec.structs.replace((await record_of(home, job)).job, revision=job.revision)
        await requeue(home.dispatcher, job.tenant, job.id)
        assert not await home.finish.end(stale, Done(b'{"late":1}'), "one")
        assert (await ended(home, job, 2)).result == b'{"ok":true}'


async def test_a_run_that_was_never_told_is_told_before_the_job_goes_back(nats: Link) -> None:
    """Committed as failed, and its worker died in that moment."""
    async with house(nats) as home:
        await home.worker(Moody(bad=0))
        created, _ = await home.jobs.create(request(home, durable=True))
        assert await home.jobs.commit(Record(job=created, state=State.FAILED, fault=NO, finished=time.time()))
        await requeue(home.dispatcher, created.tenant, created.id)
        await ended(home, created, 2)
        assert [(one.run, one.outcome) for one in await told(home)] == [(0, "failed"), (1, "done")]


async def test_a_follower_hears_the_end_of_the_new_run(nats: Link) -> None:
    async with house(nats) as home:
        await home.worker(Moody())
        job = await failed(home)
        await requeue(home.dispatcher, job.tenant, job.id)
        key = msgspec.structs.replace(new_key("x")[1], id=job.key)
        last = None
        async with asyncio.timeout(5):
            async for _, event in home.desk.follow(key, job.id):
                last = event
        assert isinstance(last, Done)
        assert not isinstance(last, Failed)


def test_the_archive_holds_each_run_once_though_both_are_told_twice(tmp_path: Path) -> None:
    first, second = row(7, outcome="failed"), row(7, run=1)
    again = [msgspec.structs.replace(one, again=True) for one in (first, second)]
    archive = Archive(tmp_path)
    archive.open()
    archive.append([(1, first)], 1, "a")
    archive.append([(2, again[0]), (3, second), (4, again[1])], 4, "b")
    archive.append([(5, again[1]), (6, again[0])], 6, "c")
    archive.close()
    found = Sql(tmp_path).query("SELECT job, run, outcome FROM requests ORDER BY run").rows
    assert found == [(7, 0, "failed"), (7, 1, "done")]
