"""The lane in front: what an operator puts first goes first, and stays one job whatever dies in between."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from bus_house import House, house, request, until

from bus.connection import Link
from bus.front import HOLD, Front
from bus.lanes import put_first
from bus.requeue import requeue
from schemas.events import Done, Event
from schemas.job import Job, State, claimed
from schemas.problem import Code, Fault, Problem
from schemas.provider import Model, Provider


class Clerk:
    """An agent that notes what it began, and waits for the gate."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.at_once = self.most = 0
        self.gate = asyncio.Event()
        self.fail: set[int] = set()

    async def __call__(self, job: Job) -> AsyncIterator[Event]:
        self.began.append(job.id)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.gate.wait()
            if job.id in self.fail:
                self.fail.discard(job.id)
                raise Problem.of(Fault(Code.INVALID_REQUEST, "no"))
            yield Done(b"{}")
        finally:
            self.at_once -= 1


async def accept(home: House, **more: object) -> Job:
    return (await home.dispatcher.submit(request(home, durable=True, style="queued", **more))).job


async def absent(home: House) -> None:
    await home.config.put_provider(Provider(name="one", kind="openai", models=(Model(name="m"),)))


async def waiting(home: House) -> set[str]:
    info = await home.bus.api("STREAM.INFO.WORK", {"subjects_filter": ">"})
    return {subject.rpartition(".")[0] for subject in info["state"].get("subjects") or {}}


async def state_of(home: House, job: Job) -> State:
    found = await home.jobs.read(job.tenant, job.id)
    assert found is not None
    return found[1].state


async def first_unless_at_work(home: House, job: Job) -> None:
    found = (await asyncio.gather(put_first(home.dispatcher, job.tenant, job.id), return_exceptions=True))[0]
    assert isinstance(found, Job) or (isinstance(found, Problem) and found.code is Code.CONFLICT)


async def all_done(home: House, jobs: list[Job], state: State = State.DONE) -> None:
    async with asyncio.timeout(10):
        while {await state_of(home, job) for job in jobs} != {state}:  # noqa: ASYNC110  # it happens in the server
            await asyncio.sleep(0.01)


async def test_what_is_put_first_goes_before_the_others_of_its_queue(nats: Link) -> None:
    """Though the one slot is taken when it is put first, and though the others stand in line before it."""
    async with house(nats) as home:
        clerk = Clerk()
        await home.worker(clerk, slots=1)
        jobs = [await accept(home) for _ in range(6)]
        await until(lambda: clerk.began)
        for job in (jobs[5], jobs[4]):
            await put_first(home.dispatcher, job.tenant, job.id)
        await until(lambda: home.workers[0].room.front.waits)
        clerk.gate.set()
        await all_done(home, jobs)
        order = [jobs.index(next(job for job in jobs if job.id == number)) for number in clerk.began]
        assert order == [0, 5, 4, 1, 2, 3]
        await until(lambda: not home.workers[0].runs)
        assert await waiting(home) == set()


async def test_both_lanes_together_stay_behind_the_slots(nats: Link) -> None:
    async with house(nats) as home:
        clerk = Clerk()
        first = await home.worker(clerk, slots=4, reserve=0)
        await home.worker(clerk, slots=4, reserve=0)
        jobs = [await accept(home) for _ in range(12)]
        for job in jobs[6:]:
            await first_unless_at_work(home, job)
        await until(lambda: clerk.at_once == 4)
        quick = home.workers[0].share + home.workers[1].share
        assert quick == 4
        clerk.gate.set()
        await all_done(home, jobs)
        assert clerk.most <= 4
        assert first.share == 2


async def test_the_servers_wall_counts_both_lanes(nats: Link) -> None:
    async with house(nats) as home:
        clerk = Clerk()
        await absent(home)
        jobs = [await accept(home) for _ in range(3)]
        await put_first(home.dispatcher, jobs[0].tenant, jobs[0].id)
        await home.worker(clerk, slots=4, reserve=0)

        async def wall() -> int:
            info = await home.bus.api("CONSUMER.INFO.WORK.work-one")
            return int(info["config"]["max_ack_pending"])

        async with asyncio.timeout(5):
            while await wall() != 3:  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.02)
        clerk.gate.set()
        await all_done(home, jobs)
        async with asyncio.timeout(5):
            while await wall() != 4:  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.02)


async def test_putting_first_twice_or_from_two_sides_makes_one_message_and_one_run(nats: Link) -> None:
    async with house(nats) as home:
        await absent(home)
        jobs = [await accept(home) for _ in range(3)]
        many = [put_first(home.dispatcher, jobs[1].tenant, jobs[1].id) for _ in range(20)]
        found = await asyncio.gather(*many, return_exceptions=True)
        assert all(not isinstance(one, BaseException) or isinstance(one, Problem) for one in found)
        await put_first(home.dispatcher, jobs[1].tenant, jobs[1].id)
        subjects = await waiting(home)
        assert subjects == {
            f"work.one.default.{jobs[0].id}",
            f"first.one.default.{jobs[1].id}",
            f"work.one.default.{jobs[2].id}",
        }
        clerk = Clerk()
        clerk.gate.set()
        await home.worker(clerk)
        await all_done(home, jobs)
        assert sorted(clerk.began) == sorted(job.id for job in jobs)


@pytest.mark.parametrize("step", ["claimed", "sent"])
async def test_a_move_that_was_killed_half_way_loses_and_doubles_nothing(nats: Link, step: str) -> None:
    """kill -9 after the claim was written, or after the new message was sent and before the old one went."""
    async with house(nats) as home:
        await absent(home)
        job = await accept(home)
        ahead = msgspec.structs.replace(job, attempt=2, first=True)
        assert await home.jobs.put_claim(job.tenant, claimed(ahead, queue="one"), 0)
        if step == "sent":
            await home.jobs.enqueue(ahead, "one")
            assert len(await waiting(home)) == 2
        clerk = Clerk()
        clerk.gate.set()
        worker = await home.worker(clerk)
        await all_done(home, [job])
        async with asyncio.timeout(5):
            while await waiting(home):  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.01)
        await until(lambda: worker.idle)
        assert clerk.began == [job.id]


async def test_a_worker_and_an_operator_that_reach_for_a_job_at_once_make_one_run(nats: Link) -> None:
    async with house(nats) as home:
        clerk = Clerk()
        clerk.gate.set()
        await home.worker(clerk, slots=8)
        jobs = []
        for _ in range(30):
            job = await accept(home)
            jobs.append(job)
            await first_unless_at_work(home, job)
        await all_done(home, jobs)
        assert sorted(clerk.began) == sorted(job.id for job in jobs)


async def test_the_keeper_gives_a_lost_message_back_to_its_lane(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"GRACE": 0.2, "ABANDONED": 0.2, "AUDIT_EVERY": 0.2, "TURN": 0.1}.items():
        monkeypatch.setattr(f"bus.keeper.{name}", seconds)
    async with house(nats, keeper=True) as home:
        await absent(home)
        job = await accept(home)
        await put_first(home.dispatcher, job.tenant, job.id)
        await home.bus.api("STREAM.PURGE.WORK")
        async with asyncio.timeout(5):
            while await waiting(home) != {f"first.one.default.{job.id}"}:  # noqa: ASYNC110  # it happens in the server
                await asyncio.sleep(0.02)


async def test_a_job_stays_first_when_it_is_put_back_and_when_it_waited_for_its_time(nats: Link) -> None:
    async with house(nats) as home:
        clerk = Clerk()
        clerk.gate.set()
        await absent(home)
        job = await accept(home)
        clerk.fail.add(job.id)
        await put_first(home.dispatcher, job.tenant, job.id)
        worker = await home.worker(clerk)
        await all_done(home, [job], State.FAILED)
        await until(lambda: worker.idle)
        await worker.drain(0.1)
        await requeue(home.dispatcher, job.tenant, job.id)
        assert await waiting(home) == {f"first.one.default.{job.id}"}

        later, _ = await home.jobs.create(request(home, durable=True))
        await home.jobs.enqueue(later, "one", time.time() + 60)
        await put_first(home.dispatcher, later.tenant, later.id)
        assert f"first.one.default.{later.id}" in await waiting(home)
        assert (await home.bus.api("STREAM.INFO.SCHED"))["state"]["messages"] == 0


async def test_what_has_ended_or_never_was_can_not_go_first_and_a_cancelled_one_is_gone_from_the_lane(
    nats: Link,
) -> None:
    async with house(nats) as home:
        await absent(home)
        job = await accept(home)
        await put_first(home.dispatcher, job.tenant, job.id)
        assert await home.dispatcher.cancel(job)
        assert await waiting(home) == set()
        for tenant, number, code in (
            ("default", job.id, Code.CONFLICT),
            ("default", 5, Code.NOT_FOUND),
            ("b", job.id, Code.NOT_FOUND),
        ):
            with pytest.raises(Problem) as caught:
                await put_first(home.dispatcher, tenant, number)
            assert caught.value.code is code


def test_a_slot_is_kept_for_the_lane_in_front_only_while_somebody_comes() -> None:
    front = Front()
    assert (front.probe(), front.passes(3, 0.0)) == (1, False)
    front.refused()
    assert (front.probe(), front.passes(0, 1.0), front.passes(2, 2.0)) == (0, True, True)
    assert front.passes(2, 2.0 + HOLD / 2)
    assert not front.passes(2, 2.1 + HOLD)
    assert front.probe() == 1
    front.began(behind=2)
    assert front.passes(1, 9.0)
    front.began(behind=0)
    assert not front.passes(1, 9.0)
