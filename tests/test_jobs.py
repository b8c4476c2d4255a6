"""Live and durable jobs, through a real server: what a caller is promised, whatever dies in between."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from bus_house import House, echo, house, request, until
from bus_worker import short_lease

from bus import retry, subjects
from bus.connection import Link
from bus.dispatch import SILENCE, LiveCall
from bus.finish import CALLBACKS
from bus.run import DELIVERIES
from ops.embedded import EmbeddedNats
from schemas.events import Alive, Delta, Done, Event, Failed, encode_event
from schemas.job import Claim, Job, Record, State
from schemas.log import RequestLog, decode_logs, kind_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Model

KEY = ApiKey(id="k1", hash="", prefix="", name="test", created=0)
HERE = Path(__file__).parent


# ---- helpers ------------------------------------------------------------------------------------------------------


async def answer(call: LiveCall, seconds: float = 10.0) -> list[Event]:
    """All events of a call, the last of them `Done` or `Failed`."""
    events: list[Event] = []
    async with asyncio.timeout(seconds):
        while not events or not isinstance(events[-1], Done | Failed):
            events.append(await call.next())
    call.close()
    return events


async def outcome(made: House, job: Job, seconds: float = 10.0) -> Record:
    """The record of a durable job once it has ended."""
    view = await made.desk.wait(KEY, job.id, seconds)
    assert view.status.terminal, f"still {view.status} after {seconds} s"
    return await made.desk.result(KEY, job.id)


async def messages(made: House, stream: str) -> int:
    return int((await made.bus.api(f"STREAM.INFO.{stream}"))["state"]["messages"])


async def settled(look: Callable[[], Awaitable[object]], seconds: float = 5.0) -> None:
    """Poll until what `look` finds is true."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - what is looked at is on the server
            await asyncio.sleep(0.02)


async def empty(made: House, stream: str, seconds: float = 5.0) -> None:
    async def nothing() -> bool:
        return await messages(made, stream) == 0

    await settled(nothing, seconds)


async def filled(made: House, stream: str) -> None:
    await settled(lambda: messages(made, stream))


async def running(made: House, job: Job) -> None:
    async def look() -> bool:
        return (await made.desk.view(KEY, job.id)).status is State.RUNNING

    await settled(look)


async def rows(made: House) -> list[RequestLog]:
    found = await made.bus.read("LOG", {"seq": 1, "batch": 1000, "next_by_subj": "log.>"})
    mine = [message for message in found if kind_of((message.headers or {})["Nats-Subject"]) is RequestLog]
    return [row for message in mine for row in decode_logs(message.data)]


async def stored(made: House, job: Job) -> Job:
    """As accepted, but in no queue yet."""
    return (await made.jobs.create(durable(job)))[0]


def durable(job: Job) -> Job:
    return msgspec.structs.replace(job, durable=True)


def fails(code: Code, **more: float) -> "Script":
    async def script(job: Job) -> AsyncIterator[Event]:
        raise Problem(code, "as planned", **more)  # type: ignore[arg-type]
        yield Done()

    return Script(script)


class Script:
    """An agent's part that counts who called and who was cancelled."""

    def __init__(self, play: object = echo) -> None:
        self.play, self.jobs, self.cancelled = play, list[Job](), 0

    async def __call__(self, job: Job) -> AsyncIterator[Event]:
        self.jobs.append(job)
        try:
            async for event in self.play(job):  # type: ignore[operator]
                yield event
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def forever(job: Job) -> AsyncIterator[Event]:
    await asyncio.sleep(3600)
    yield Done()


def gate(opened: asyncio.Event, body: bytes = b'{"ok":1}') -> Script:
    async def script(job: Job) -> AsyncIterator[Event]:
        await opened.wait()
        yield Done(body)

    return Script(script)


@asynccontextmanager
async def process(link: Link, script: str, lease: float = 2.0) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "bus_worker.py"), link.url, link.user, link.password, script, str(lease)),
        env={**os.environ, "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def serving(made: House, besides: tuple[str, ...] = ()) -> list[str]:
    return [name for name, seen in made.fleet.agents.items() if seen.beat.slots > 0 and name not in besides]


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of 2 seconds, here and in worker processes."""
    for name in ("streams.ACK_WAIT", "worker.LEASE", "worker.WIP_EVERY"):
        module, _, field = name.partition(".")
        monkeypatch.setattr(f"bus.{module}.{field}", getattr(__import__(f"bus.{module}", fromlist=[field]), field))
    short_lease(2.0)
    for module in ("fleet", "worker"):  # or a dead agent's slots stay its own for 3.5 s
        monkeypatch.setattr(f"bus.{module}.STALE", 1.8)


@pytest.fixture
async def made(nats: Link) -> AsyncIterator[House]:
    async with house(nats) as here:
        yield here


# ---- live ---------------------------------------------------------------------------------------------------------


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
    await until(lambda: worker._holding == 0 and not worker.runs)
    assert worker.free == 1


async def test_a_wait_longer_than_the_silence_that_means_death_is_no_death(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.dispatch.SILENCE", 1.2)
    monkeypatch.setattr("bus.dispatch.UNSEEN", 0.3)
    monkeypatch.setattr("bus.worker.ALIVE_EVERY", 0.3)

    async def limited(job: Job) -> AsyncIterator[Event]:
        if job.attempt == 1:
            raise Problem(Code.PROVIDER_RATE_LIMITED, "slow down", retry_after=2.6)
        yield Done(b"{}")

    await made.worker(limited)
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)


async def test_a_call_handed_to_a_busy_queue_waits_there(made: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.dispatch.SILENCE", 1.2)
    monkeypatch.setattr("bus.dispatch.UNSEEN", 0.5)
    monkeypatch.setattr("bus.worker.ALIVE_EVERY", 0.3)
    opened = asyncio.Event()
    await made.worker(fails(Code.PROVIDER_ERROR), name="one", priority=0)
    await made.worker(gate(opened), name="two", priority=5, slots=1, models=(Model(name="m"), Model(name="n")))
    busy = await made.dispatcher.live(request(made, model="n"))
    call = await made.dispatcher.live(request(made))
    asyncio.get_running_loop().call_later(2.8, opened.set)
    [done] = await answer(call)
    assert isinstance(done, Done)
    busy.close()


async def test_a_cancel_during_the_wait_for_a_second_try_ends_it(made: House) -> None:
    script = fails(Code.PROVIDER_RATE_LIMITED, retry_after=5)
    worker = await made.worker(script)
    call = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs and worker._holding == 0)
    call.cancel()
    await until(lambda: not worker.runs)
    call.close()
    assert len(script.jobs) == 1


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
    worker.cooling_until = time.time() + 0.8
    worker.beat()
    await until(lambda: 0 < made.fleet.queues()[0].cooling_until < time.time() + 1)
    [done] = await answer(await made.dispatcher.live(request(made)))
    assert isinstance(done, Done)


async def test_when_all_slots_stay_busy_the_caller_is_told_and_the_message_taken_back(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.dispatch.UNSEEN", 0.5)
    monkeypatch.setattr("bus.worker.ALIVE_EVERY", 0.1)
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


async def test_a_cancel_reaches_the_agent_within_milliseconds(made: House) -> None:
    script = Script(forever)
    worker = await made.worker(script)
    call = await made.dispatcher.live(request(made))
    await until(lambda: script.jobs)
    started = time.monotonic()
    call.cancel()
    await until(lambda: script.cancelled == 1)
    assert time.monotonic() - started < 0.2
    await until(lambda: worker._holding == 0)
    call.close()


async def test_a_cancel_right_behind_the_call_leaks_no_slot(made: House) -> None:
    """Both messages are read in one go: the run is cancelled before its task has begun."""
    worker = await made.worker(Script(forever), slots=4)
    for _ in range(50):
        (await made.dispatcher.live(request(made))).close()
    await until(lambda: not worker.runs and worker._holding == 0)
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
    made.dispatcher.forget(call)  # as if the cancel had been lost
    worker.bus.tell(call.job.reply, encode_event(Alive()))
    await until(lambda: script.cancelled == 1)


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


async def test_the_deadline_stops_the_provider(made: House) -> None:
    script = Script(forever)
    await made.worker(script)
    [failed] = await answer(await made.dispatcher.live(request(made, deadline=time.time() + 0.5)))
    assert isinstance(failed, Failed)
    assert failed.fault.code is Code.DEADLINE
    await until(lambda: script.cancelled == 1)


async def test_an_agent_killed_in_the_middle_of_a_call_is_noticed(
    made: House, nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SILENCE <= 8
    monkeypatch.setattr("bus.dispatch.SILENCE", 3.0)
    async with process(nats, "talks") as child:
        await until(lambda: serving(made))
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
    await until(lambda: all(not worker.runs and worker._holding == 0 for worker in workers))
    assert not made.dispatcher.calls
    await empty(made, "LIVE")


# ---- durable ------------------------------------------------------------------------------------------------------


async def test_a_durable_job_ends_once_with_one_row_and_an_empty_queue(made: House) -> None:
    await made.worker(echo)
    jobs = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(30)]
    for job in jobs:
        record = await outcome(made, job)
        assert (record.state, record.result, record.provider) == (State.DONE, b'{"x":1}', "one")
    await empty(made, "WORK")
    told = [row.job for row in await rows(made)]
    assert sorted(told) == sorted(job.id for job in jobs)


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


async def test_a_job_goes_on_when_its_agent_is_killed(made: House, nats: Link, lease: None) -> None:
    async with process(nats, "slow") as child:
        await until(lambda: serving(made))
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
        await until(lambda: serving(made))
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
                await until(lambda: serving(made))
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
    assert first._holding == 0


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


# ---- cancel -------------------------------------------------------------------------------------------------------


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
    await until(lambda: worker._holding == 0)
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
    await until(lambda: not worker.runs and worker._holding == 0)
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
    await until(lambda: not worker.runs and worker._holding == 0)
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


# ---- callbacks ----------------------------------------------------------------------------------------------------


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


# ---- the server dies ----------------------------------------------------------------------------------------------


async def test_after_kill_9_of_the_server_everything_works_again_within_seconds(
    server: EmbeddedNats, lease: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.dispatch.SILENCE", 2.5)
    monkeypatch.setattr("bus.dispatch.UNSEEN", 2.5)
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
        assert all(not worker.runs and worker._holding == 0 for worker in made.workers)


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
