"""A killed server may have lost messages that it had handed out, and gives their places to others: none of those is lost."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from bus_house import House, house, request, until
from bus_worker import short_lease
from jobs_kit import durable, empty, outcome

from bus import subjects
from bus.puller import ACK
from bus.receipts import Receipt
from ops.embedded import EmbeddedNats
from schemas.events import Done, Event
from schemas.job import Job, State
from schemas.provider import Model


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of 2 seconds, and a keeper that does not wait 10."""
    for module, field in (("streams", "ACK_WAIT"), ("worker", "LEASE"), ("leases", "WIP_EVERY")):
        found = getattr(__import__(f"bus.{module}", fromlist=[field]), field)
        monkeypatch.setattr(f"bus.{module}.{field}", found)
    short_lease(2.0)
    for name in ("fleet.STALE", "peers.STALE"):
        monkeypatch.setattr(f"bus.{name}", 1.8)
    monkeypatch.setattr("bus.keeper.GRACE", 0.5)
    monkeypatch.setattr("bus.keeper.TURN", 0.3)


class Gate:
    """An agent's part that waits until it is let."""

    def __init__(self) -> None:
        self.open, self.jobs = asyncio.Event(), list[int]()

    async def __call__(self, job: Job) -> AsyncIterator[Event]:
        self.jobs.append(job.id)
        await self.open.wait()
        yield Done(b"{}")


def _delivered(state: Path) -> int:
    """How many deliveries a consumer's file remembers: `[ack floor, delivered]` as varints behind two bytes of head."""
    values, value, shift = [], 0, 0
    for byte in state.read_bytes()[2:] if state.exists() else b"":
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    return values[3] if len(values) > 3 else 0


def _die_and_forget(server: EmbeddedNats, stream: str) -> None:
    """kill -9 before the stream's messages were written, though its consumers' state was. In one go, so that the server can't
    be started again in between: its supervisor lives in this loop."""
    os.kill(server.pid, signal.SIGKILL)
    with suppress(FileNotFoundError, ProcessLookupError):  # another thread may have taken note of its end already
        while Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            pass
    for folder in server.home.path.glob(f"js/jetstream/*/streams/{stream}/msgs"):
        shutil.rmtree(folder)
        folder.mkdir()


async def _remembered(server: EmbeddedNats, stream: str, consumer: str, count: int) -> None:
    """Wait until the consumer's state on the disk tells of so many deliveries."""
    pattern = f"js/jetstream/*/streams/{stream}/obs/{consumer}/o.dat"
    await until(lambda: any(_delivered(file) >= count for file in server.home.path.glob(pattern)), 10)


async def _back(server: EmbeddedNats, made: House) -> None:
    await until(lambda: server.restarts == 1 and made.bus.nc.is_connected, 10)


async def test_a_late_ack_takes_no_message_away_that_came_to_stand_in_a_lost_ones_place(server: EmbeddedNats) -> None:
    async with house(server.link, keeper=True) as made:
        gate = Gate()
        await made.worker(gate, slots=4)
        old = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(3)]
        await until(lambda: len(gate.jobs) == 3)
        await _remembered(server, "WORK", "work-one", 3)
        _die_and_forget(server, "WORK")
        await _back(server, made)
        gate.open.set()  # the three end, and their messages are no more
        for job in old:
            assert (await outcome(made, job)).state is State.DONE
        new = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(5)]
        for job in new:
            assert (await outcome(made, job)).state is State.DONE
        await empty(made, "WORK", 8)
        assert len(gate.jobs) == 8, "each was done once"


async def test_a_queue_leaves_alone_what_another_ones_lost_delivery_brings_it(server: EmbeddedNats) -> None:
    """The server delivers by sequence: what stands in the place of a lost message may be for another provider."""
    async with house(server.link, keeper=True) as made:
        gate, other = Gate(), Gate()
        await made.worker(gate, slots=4)
        await made.worker(other, slots=4, name="two", models=(Model(name="n"),))
        old = [(await made.dispatcher.submit(durable(request(made)))).job for _ in range(3)]
        await until(lambda: len(gate.jobs) == 3)
        await _remembered(server, "WORK", "work-one", 3)
        _die_and_forget(server, "WORK")
        await _back(server, made)
        new = [(await made.dispatcher.submit(durable(request(made, model="n")))).job for _ in range(3)]
        await until(lambda: len(other.jobs) == 3)
        gate.open.set()
        for job in old:
            assert (await outcome(made, job)).state is State.DONE
        await until(lambda: made.workers[0].deliveries.misled >= 1, 6)
        other.open.set()
        for job in new:
            assert (await outcome(made, job)).state is State.DONE
        assert sorted(gate.jobs) == [job.id for job in old]
        assert sorted(other.jobs) == [job.id for job in new]
        await empty(made, "WORK", 8)


async def test_a_receipt_is_good_for_its_connection_and_is_looked_at_again_after_it(server: EmbeddedNats) -> None:
    async with house(server.link) as made:
        bus = made.bus
        ack = await bus.keep(subject := subjects.work("q", "default", 1, 1), b"x")
        reply = f"$JS.ACK.WORK.work-q.1.{ack.seq}.1.0.0"
        mine, lost, foreign = (
            Receipt(bus, subject, reply),
            Receipt(bus, subject, f"$JS.ACK.WORK.work-q.1.{ack.seq + 1}.1.0.0"),
            Receipt(bus, subjects.work("q", "default", 2, 1), reply),
        )
        assert all(one.good(bus) for one in (mine, lost, foreign))
        await bus.nc.force_reconnect()
        await until(lambda: bus.losses == 1 and bus.nc.is_connected)
        assert not any(one.good(bus) for one in (mine, lost, foreign))
        for one in (mine, lost, foreign):
            await one.answer(bus, ACK)
        assert mine.good(bus)
        assert (lost.reply, foreign.reply) == ("", "")
