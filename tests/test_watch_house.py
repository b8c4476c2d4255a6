"""The live view over a real bus: what runs is seen with how far it is, what waits, cools or dies is seen as that, and neither
floods nor nonsense nor a restart of NATS blind it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from bus_house import House, house, request, until
from watch_kit import State, quick, seen, shown  # noqa: F401

from bus import subjects
from bus.connection import Link, open_bus
from bus.hold import Hold
from bus.watch_house import Watched
from ops.embedded import EmbeddedNats
from schemas.events import Delta, Done, Event, Progress
from schemas.job import Job, Style
from schemas.problem import Code, Problem
from schemas.watch import MOST_RUNS, Running, Told, Vitals, encode_told

HERE = Path(__file__).parent
GIF = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


class Stage:
    """Scripted agents that wait for the test."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def talks(self, job: Job) -> AsyncIterator[Event]:
        for number in range(3):
            yield Delta([b'{"n":%d}' % number])
        await self.go.wait()
        yield Done(b"{}")

    async def draws(self, job: Job) -> AsyncIterator[Event]:
        yield Progress(0.25, "sampling", 12.0, GIF)
        yield Progress(0.5, "sampling", 6.0)
        await self.go.wait()
        yield Done(b"{}")

    async def holds(self, job: Job) -> AsyncIterator[Event]:
        await self.go.wait()
        yield Done(b"{}")

    async def limited(self, job: Job) -> AsyncIterator[Event]:
        raise Problem(Code.PROVIDER_RATE_LIMITED, "Too many requests.", retry_after=60)
        yield Done()


@asynccontextmanager
async def watching(link: Link) -> AsyncIterator[tuple[House, Watched, Stage]]:
    """A house with one who looks, and agents that wait."""
    async with house(link) as made:
        watched, stage = Watched(made.fleet), Stage()
        await watched.start()
        try:
            yield made, watched, stage
        finally:
            stage.go.set()


def job_of(number: int) -> Any:
    return lambda state: state["jobs"].get(number)


def far(state: State, job: int, field: str) -> Any:
    """How far a job is, if it is seen."""
    return state["jobs"].get(job, {}).get(field)


async def test_a_stream_is_seen_with_its_tokens_and_goes_when_it_ends(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.talks)
        call = await made.dispatcher.live(request(made, stream=True, key="k1", tag="blue"))
        row = await seen(watched, lambda state: far(state, call.job.id, "tokens") and state["jobs"][call.job.id])
        told = {
            name: row[name]
            for name in ("state", "op", "model", "provider", "queue", "style", "stream", "attempt", "tag")
        }
        assert told == {
            "state": "running", "op": "chat", "model": "m", "provider": "one", "queue": "one", "style": "sync",
            "stream": True, "attempt": 1, "tag": "blue",
        }  # fmt: skip
        assert (row["tokens"], row["durable"]) == (3, False)
        assert row["created"] <= row["started"] <= row["first"] <= time.time()
        await seen(watched, lambda state: state["totals"]["running_live"] == 1)
        await seen(watched, lambda state: state["keys"].get("k1", {}).get("running") == 1)  # keys are counted each 2 s
        stage.go.set()
        await seen(watched, lambda state: not state["jobs"])
        call.close()
        state = await seen(watched, lambda state: state["totals"]["running"] == 0 and state)
        assert state["queues"]["one"]["state"] == "ready"


async def test_a_queued_job_is_seen_waiting_then_running_with_percent_stage_and_picture(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.draws, slots=1, reserve=0)
        first = await made.dispatcher.submit(request(made, durable=True, style=Style.QUEUED))
        row = await seen(watched, lambda state: far(state, first.id, "percent") == 50 and state["jobs"][first.id])
        assert {name: row[name] for name in ("stage", "eta_seconds", "preview", "previews", "durable", "style")} == {
            "stage": "sampling", "eta_seconds": 6.0, "preview": True, "previews": 1, "durable": True, "style": "queued",
        }  # fmt: skip
        picture = await made.bus.ask(subjects.WATCH_PREVIEW, b"%d" % first.id)
        assert picture.data == GIF.encode()
        second = await made.dispatcher.submit(request(made, durable=True, style=Style.QUEUED, ref="mine"))
        state = await seen(watched, lambda state: second.id in state["queued"] and state)
        assert state["queued"][second.id]["ref"] == "mine"
        assert first.id not in state["queued"]
        assert state["queues"]["one"]["waiting_queued"] == state["totals"]["waiting_queued"] == 1
        assert state["queues"]["one"]["wait_seconds"] > 0
        assert await made.dispatcher.cancel(second.job)
        await seen(watched, lambda state: not state["queued"] and state["totals"]["waiting_queued"] == 0)


async def test_large_requests_that_wait_are_seen_though_one_look_does_not_hold_them_all(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.holds, slots=1, reserve=0)
        large = b'{"x":"%b"}' % (b"y" * 900_000)
        jobs = [
            (await made.dispatcher.submit(request(made, durable=True, style=Style.QUEUED, body=large))).id
            for _ in range(6)
        ]
        await seen(watched, lambda state: sorted([*state["jobs"], *state["queued"]]) == sorted(jobs))


async def test_jobs_that_a_held_queue_gave_back_are_seen_waiting(nats: Link) -> None:
    """An agent may have asked for some of them before it heard of the hold."""
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.holds, slots=16)
        call = await made.dispatcher.live(request(made))
        await seen(watched, job_of(call.job.id))
        await made.config.put_hold(Hold(queue="one", at=time.time(), by="boss"))
        await seen(watched, lambda state: state["queues"]["one"]["state"] == "paused")
        jobs = [(await made.dispatcher.submit(request(made, durable=True, style=Style.QUEUED))).id for _ in range(6)]
        await seen(watched, lambda state: sorted(state["queued"]) == sorted(jobs))
        await seen(watched, lambda state: state["queues"]["one"]["waiting_queued"] == 6)
        stage.go.set()
        await made.config.drop_hold("one", "boss")
        await seen(watched, lambda state: not state["queued"] and not state["queues"]["one"]["waiting_queued"])
        call.close()


async def test_what_cools_is_held_or_away_says_so_and_why(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.limited)
        call = await made.dispatcher.live(request(made, deadline=time.time() + 3))
        state = await seen(watched, lambda state: state["queues"]["one"]["state"] == "cooling" and state)
        call.close()
        assert "Too many requests" in state["queues"]["one"]["why"]
        assert 0 < state["queues"]["one"]["until"] - time.time() <= 61
        assert state["queues"]["one"]["wait_seconds"] is not None or state["queues"]["one"]["slots"] == 0
        assert (state["providers"]["one"]["state"], state["totals"]["cooling"]) == ("cooling", 1)
        await made.config.put_hold(Hold(queue="one", at=time.time(), by="boss", note="repairs"))
        state = await seen(watched, lambda state: state["queues"]["one"]["state"] == "paused" and state)
        assert "repairs" in state["queues"]["one"]["why"]
        await made.config.drop_hold("one", "boss")
        await made.workers.pop().drain(0)
        await seen(watched, lambda state: "one" not in state["providers"] and "one" not in state["queues"])


async def test_a_thousand_running_jobs_are_counted_and_a_part_of_them_shown(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.holds, slots=1000, reserve=0)
        calls = [await made.dispatcher.live(request(made, key=f"k{n % 2}")) for n in range(1000)]
        state = await seen(watched, lambda state: state["totals"]["running"] == 1000 and state, 15)
        assert state["totals"]["shown"] == len(state["jobs"]) == MOST_RUNS
        await seen(watched, lambda state: [row["running"] for row in state["keys"].values()] == [500, 500])
        first = set(state["jobs"])
        for call in calls:
            if call.job.id in first:
                call.close()
        await seen(watched, lambda state: len(state["jobs"]) == MOST_RUNS and not first & set(state["jobs"]), 15)
        for call in calls:
            call.close()
        await seen(watched, lambda state: not state["jobs"] and not state["totals"]["running"])


async def test_a_killed_agent_is_lost_and_what_it_had_is_nobodys(nats: Link) -> None:
    words = (str(HERE / "bus_worker.py"), nats.url, nats.user, nats.password, "slow", "5")
    async with watching(nats) as (made, watched, _):
        path = {"PYTHONPATH": f".:{HERE}", "PATH": "/usr/bin"}
        process = subprocess.Popen([sys.executable, *words], cwd=HERE.parent, env=path)  # noqa: ASYNC220
        try:
            await until(lambda: any(seen.beat.slots > 0 for seen in made.fleet.agents.values()), 15)
            call = await made.dispatcher.live(request(made))
            row = await seen(watched, job_of(call.job.id))
            name, killed = row["process"], time.time()
        finally:
            process.kill()
            process.wait()

        def lost(state: State) -> Any:
            return state["processes"][name]["state"] == "lost" and state["processes"][name]

        found = await seen(watched, lost, 10)
        assert killed - 2 <= found["heard"] <= killed + 1
        assert (found["pid"], found["role"]) == (process.pid, "gateway"), "that process has a dispatcher of its own"
        state = shown(watched)
        assert call.job.id not in state["jobs"] or state["jobs"][call.job.id]["state"] == "waiting"
        call.close()


async def test_nonsense_on_the_bus_is_refused_and_the_rest_is_seen(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.holds)
        call = await made.dispatcher.live(request(made))
        await seen(watched, job_of(call.job.id))
        how = Vitals(role="agent", host="h", pid=1, version="", started=0.0)
        run = Running(
            job=9, op="chat", model="m", queue="q", key="k", tenant="t", style="sync", attempt=1, created=0.0, deadline=0.0
        )  # fmt: skip
        many = [msgspec.structs.replace(run, job=n) for n in range(MOST_RUNS + 1)]
        good = encode_told(Told(process="evil", n=0, vitals=how, watched=True, fresh=[run]))
        for data in (
            b"", b"\xff" * 100, b"{}", good[:-3], b"\x91" * 5000,
            encode_told(Told(process="evil", n=0, vitals=how, fresh=many)),
            encode_told(Told(process="another", n=0, vitals=how, fresh=[run])),
            encode_told(Told(process="evil", n=0, vitals=how, gone=[*range(5000)])),
        ):  # fmt: skip
            made.bus.tell(subjects.watch_told("evil"), data)
        made.bus.tell(
            subjects.watch_told("evil"), encode_told(Told(process="evil", n=0, vitals=how, gone=[call.job.id]))
        )
        state = await seen(watched, lambda state: "evil" in state["processes"] and state)
        assert "another" not in state["processes"]
        assert list(state["jobs"]) == [call.job.id], "nobody can take a job out of another's hands"
        call.close()


async def test_a_word_that_was_lost_is_asked_for_again(nats: Link) -> None:
    async with watching(nats) as (made, watched, stage):
        await made.worker(stage.holds)
        await watched.look()
        teller = made.fleet.teller
        call = await made.dispatcher.live(request(made))
        await until(lambda: len(made.workers[0].runs) == 1)
        teller._in_hand()  # told to nobody
        teller._n += 1
        await seen(watched, job_of(call.job.id), 12)
        call.close()


async def test_it_goes_on_by_itself_after_nats_was_killed(server: EmbeddedNats) -> None:
    async with watching(server.link) as (made, watched, stage):
        await made.worker(stage.holds)
        await watched.look()
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: not made.bus.nc.is_connected or server.restarts == 1, 10)
        await until(lambda: server.restarts == 1 and made.bus.nc.is_connected, 20)
        # The streams come back a moment later than the connection.
        calls: list[Any] = []

        async def running() -> bool:
            calls.append(await made.dispatcher.live(request(made)))
            await asyncio.sleep(0.3)
            return bool(made.workers[0].runs)

        async with asyncio.timeout(15):
            while not await running():
                calls.pop().close()
        state = await seen(watched, lambda state: calls[-1].job.id in state["jobs"] and state, 15)
        assert state["totals"]["bus"]
        assert all(one["state"] == "ok" for one in state["processes"].values())
        for call in calls:
            call.close()


async def test_nobody_tells_what_it_has_in_hand_while_nobody_looks(nats: Link) -> None:
    async with watching(nats) as (made, _, stage):
        told: list[Told] = []
        async with open_bus(nats, "listener") as other:
            await other.listen(
                "watch.told.*", lambda message: told.append(msgspec.msgpack.decode(message.data, type=Told))
            )
            await made.worker(stage.holds)
            call = await made.dispatcher.live(request(made))
            await until(lambda: bool(made.workers[0].runs))
            made.fleet.teller._speak()
            await until(lambda: bool(told))
            assert all(not one.watched and not one.fresh and one.hands is None for one in told)
            call.close()
