"""Who served what: slots over several processes, priorities under load, and that nobody starves."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest
from bus_house import House, house, request, until
from fake_provider import FakeProvider
from fake_scripts import Script

from bus.connection import Link
from bus.jobs import STATE
from bus.wire import Message
from schemas.events import Done, Event, Failed
from schemas.job import Job, State
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider

BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'


@contextmanager
def processes(link: Link, *providers: Provider) -> Iterator[None]:
    script = str(Path(__file__).parent / "agent_process.py")
    started = [
        subprocess.Popen(
            [sys.executable, script, link.url, link.user, link.password, msgspec.json.encode(provider).decode()],
            cwd=Path(__file__).parent.parent,
            env={"PYTHONPATH": f".:{Path(__file__).parent}", "PATH": "/usr/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for provider in providers
    ]
    try:
        yield
    finally:
        for one in started:
            one.kill()
            one.wait()


def provider(name: str, fake: FakeProvider, **more: object) -> Provider:
    values: dict[str, object] = {
        "name": name, "kind": "openai", "base_url": fake.url, "models": (Model(name="m"),), "discover": False,
    }  # fmt: skip
    return Provider(**(values | more))  # type: ignore[arg-type]


async def call(made: House, **more: object) -> Done | Failed:
    line = await made.dispatcher.live(request(made, body=BODY, **more))
    try:
        while not isinstance(event := await line.next(), Done | Failed):
            pass
        return event
    finally:
        line.close()


async def crowd(made: House, callers: int, calls: int) -> list[Done | Failed]:
    """`callers` at a time, each `calls` in a row."""

    async def caller() -> list[Done | Failed]:
        return [await call(made) for _ in range(calls)]

    return [end for ends in await asyncio.gather(*(caller() for _ in range(callers))) for end in ends]


async def all_done(made: House, ids: list[int], seconds: float = 20.0) -> None:
    left = set(ids)

    def heard(message: Message) -> None:
        if message.headers and message.headers.get(STATE) == "done":
            left.discard(int(message.subject.rpartition(".")[2]))

    ear = await made.bus.listen("jobev.job.>", heard)
    for number in ids:
        found = await made.jobs.read("default", number)
        if found is not None and found[1].state.terminal:
            left.discard(number)
    await until(lambda: not left, seconds)
    await ear.close()
    for number in ids:
        found = await made.jobs.read("default", number)
        assert found is not None
        assert found[1].state is State.DONE


def served(ends: list[Done | Failed]) -> Counter[str]:
    assert not [end.fault for end in ends if isinstance(end, Failed)]
    return Counter(end.provider for end in ends)


@asynccontextmanager
async def fakes(count: int, delay: float) -> AsyncIterator[list[FakeProvider]]:
    async with AsyncExitStack() as things:
        yield [await things.enter_async_context(FakeProvider(Script(delay=delay))) for _ in range(count)]


async def test_two_processes_of_one_provider_together_never_pass_its_slots(nats: Link) -> None:
    async with fakes(1, 0.03) as (fake,), house(nats) as made:
        one = provider("one", fake, slots=5)
        with processes(nats, one, one):
            await until(lambda: sorted(seen.beat.slots for seen in made.fleet.agents.values()) == [2, 3], 20)
            jobs = [
                await made.dispatcher.submit(request(made, body=BODY, durable=True, ref=f"r{n}")) for n in range(40)
            ]
            ends = await crowd(made, 20, 6)
            served(ends)
            await all_done(made, [accepted.id for accepted in jobs])
        agents = Counter(end.attempts[-1].agent for end in ends)
    assert fake.peak <= 5, f"{fake.peak} calls at a time"
    assert fake.peak >= 4, "and the slots were used"
    assert len(agents) == 2, "both processes worked"
    assert len(fake.calls) == 160, "nothing was asked twice"


async def test_in_a_pool_the_first_priority_is_full_before_the_next_gets_work(nats: Link) -> None:
    async with fakes(3, 0.03) as three, house(nats) as made:
        pool = [
            provider(name, fake, pool="gpu", slots=2, priority=priority)
            for name, fake, priority in zip(("first", "second", "third"), three, (0, 5, 9), strict=True)
        ]
        with processes(nats, *pool):
            await until(lambda: sum(seen.beat.slots for seen in made.fleet.agents.values()) == 6, 20)
            two = served(await crowd(made, 2, 15))
            four = served(await crowd(made, 4, 15))
            twelve = served(await crowd(made, 12, 10))
    assert two["first"] >= 29, f"two at a time: {two}"
    assert four["first"] >= 28
    assert four["third"] <= 4, f"four at a time: {four}"
    assert min(twelve.values()) >= 30, f"twelve at a time: {twelve}"
    assert all(fake.peak <= 2 for fake in three)


async def test_among_queues_too_the_first_priority_is_preferred(nats: Link) -> None:
    """checklist 36: the least busy first, then by priority."""
    async with fakes(2, 0.02) as (cheap, dear), house(nats) as made:
        with processes(nats, provider("own", cheap, slots=3, priority=0), provider("cloud", dear, slots=3, priority=5)):
            await until(lambda: sum(seen.beat.slots for seen in made.fleet.agents.values()) == 6, 20)
            alone = served(await crowd(made, 1, 20))
            many = served(await crowd(made, 6, 20))
    assert alone["own"] == 20
    assert many["cloud"] >= 20, f"and nobody waits while another is idle: {many}"


async def napping(job: Job) -> AsyncIterator[Event]:
    await asyncio.sleep(0.01)
    yield Done(b"{}")


async def test_queued_jobs_go_on_under_a_steady_flood_of_live_calls(nats: Link) -> None:
    async with house(nats) as made:
        await made.worker(napping, slots=2, reserve=0)
        flood, live = True, 0

        async def caller() -> None:
            nonlocal live
            while flood:
                assert isinstance(await call(made), Done)
                live += 1

        callers = [asyncio.create_task(caller()) for _ in range(16)]
        await until(lambda: live > 50)
        before, begun = live, time.monotonic()
        ids = [(await made.dispatcher.submit(request(made, durable=True, ref=f"r{n}"))).id for n in range(20)]
        try:
            await all_done(made, ids)
        finally:
            flood = False
        between = live - before
        await asyncio.gather(*callers)
        print(f"20 queued jobs in {time.monotonic() - begun:.2f} s, {between} live calls meanwhile")
        assert between >= 20, "and the flood was not held up"


async def test_live_calls_go_on_while_a_long_queue_waits(nats: Link) -> None:
    async with house(nats) as made:
        worker = await made.worker(napping, slots=1, reserve=0)
        for number in range(150):
            await made.dispatcher.submit(request(made, durable=True, ref=f"r{number}"))
        await until(lambda: worker._done > 5, 10)
        waits = []
        for _ in range(20):
            begun = time.monotonic()
            assert isinstance(await call(made), Done)
            waits.append(time.monotonic() - begun)
        queued = worker._done
        assert max(waits) < 1.0, f"a call waits for one job, not for the queue: {max(waits):.2f} s"
        await until(lambda: worker._done >= queued + 10, 10)


async def test_a_long_queue_of_one_key_holds_up_no_live_call_of_another_and_ends_in_order(nats: Link) -> None:
    """Queued jobs of one queue are served first come, first served, whoever asked; live calls have turns of their own."""
    order: list[str] = []

    async def noting(job: Job) -> AsyncIterator[Event]:
        await asyncio.sleep(0.005)
        order.append(job.key)
        yield Done(b"{}")

    async with house(nats) as made:
        await made.worker(noting, slots=1, reserve=0)
        for number in range(80):
            await made.dispatcher.submit(request(made, key="greedy", durable=True, ref=f"g{number}"))
        for number in range(3):
            await made.dispatcher.submit(request(made, key="modest", durable=True, ref=f"m{number}"))
        begun = time.monotonic()
        assert isinstance(await call(made, key="modest"), Done)
        assert time.monotonic() - begun < 0.5
        await until(lambda: len(order) == 84, 20)
    assert order.index("modest") < 80, "the live call went past the queue"
    assert sorted(order[-3:]) == ["modest"] * 3


async def test_when_a_provider_cools_its_waiting_callers_go_elsewhere(nats: Link) -> None:
    """They were routed to it while it was well, and wait for a slot there; the other provider is idle."""
    release = asyncio.Event()

    async def breaks(job: Job) -> AsyncIterator[Event]:
        await release.wait()
        raise Problem(Code.PROVIDER_RATE_LIMITED, "slow down", retry_after=20)
        yield

    async with house(nats) as made:
        await made.worker(breaks, name="bad", slots=1, priority=0, reserve=0)
        calls = [asyncio.create_task(call(made)) for _ in range(6)]
        await until(lambda: sum(seen.beat.in_flight for seen in made.fleet.agents.values()) == 1)
        await made.worker(napping, name="good", slots=2, priority=5)
        begun = time.monotonic()
        release.set()
        ends = await asyncio.gather(*calls)
        assert served(ends) == Counter({"good": 6})
        assert time.monotonic() - begun < 3.0


async def test_after_a_failure_one_job_probes_and_the_others_follow(nats: Link) -> None:
    down, seen, at_once, most = True, 0, 0, 0

    async def flaky(job: Job) -> AsyncIterator[Event]:
        nonlocal seen, at_once, most
        seen += 1
        at_once += 1
        most = max(most, at_once)
        try:
            await asyncio.sleep(0.03)
            if down:
                raise Problem(Code.PROVIDER_UNREACHABLE, "refused")
            yield Done(b"{}")
        finally:
            at_once -= 1

    async with house(nats, keeper=True) as made:
        worker = await made.worker(flaky, slots=8, reserve=0)
        for number in range(8):
            await made.dispatcher.submit(request(made, durable=True, ref=f"r{number}"))
        await until(lambda: worker.breaker.until > 0)
        await until(lambda: at_once == 0)
        most = 0
        await until(lambda: worker.breaker._pause >= 1.0, 10)
        assert most == 1, "one job at a time finds out"
        down = False
        await until(lambda: worker._done >= 8, 20)
        assert worker.breaker.until == 0


async def test_a_provider_whose_health_check_fails_is_offline_until_it_passes(nats: Link) -> None:
    """checklist 39: who is offline is asked again and returns."""
    ill = False

    async def check() -> None:
        if ill:
            raise Problem(Code.PROVIDER_UNREACHABLE, "one cannot be reached: connection refused")

    async with house(nats) as made:
        from bus.worker import Worker
        from schemas.events import Usage

        one = Provider(name="one", kind="openai", models=(Model(name="m"),), check_seconds=0.1)
        worker = Worker(made.fleet, made.finish, one, lambda job: (napping(job), lambda: Usage()), check=check)
        await worker.start()
        made.workers.append(worker)
        await until(lambda: worker.share and made.fleet.queues()[0].slots)
        assert isinstance(await call(made), Done)
        ill = True
        await until(lambda: made.fleet.agents[worker.agent].beat.offline)
        with pytest.raises(Problem, match="connection refused"):
            await made.dispatcher.live(request(made))
        ill = False
        await until(lambda: not made.fleet.agents[worker.agent].beat.offline, 8)
        assert isinstance(await call(made), Done)


async def test_a_provider_is_asked_no_more_often_than_it_allows(nats: Link) -> None:
    times: list[float] = []

    async def noting(job: Job) -> AsyncIterator[Event]:
        times.append(time.monotonic())
        yield Done(b"{}")

    async with house(nats) as made:
        await made.worker(noting, slots=8, requests_per_minute=120)
        begun = time.monotonic()
        ends = await crowd(made, 4, 6)
        served(ends)
    took = time.monotonic() - begun
    assert len(times) == 24
    assert took > 5.0, f"12 at once, then 1.8 a second: {took:.1f} s"
