"""Records of live calls: in batches, once each, through an outage of NATS, and never at the price of memory."""

import asyncio
import os
import signal
import time
from pathlib import Path

from gateway_house import until

from bus.connection import Bus, open_bus
from bus.streams import declare
from gateway.records import Records
from ops.embedded import EmbeddedNats
from schemas.discretion import Discretion
from schemas.events import Done
from schemas.job import Job
from schemas.log import RequestLog, decode_logs, kind_of


def job(number: int, tenant: str = "default") -> Job:
    now = time.time()
    return Job(id=number, tenant=tenant, key="k", op="chat", model="m", body=b"{}", created=now, deadline=now + 60)


async def stored(bus: Bus) -> list[list[RequestLog]]:
    """All batches in LOG."""
    found = await bus.read("LOG", {"seq": 1, "batch": 1000, "next_by_subj": "log.>"})
    subjects = [(message.headers or {})["Nats-Subject"] for message in found]
    return [decode_logs(one.data) for one, name in zip(found, subjects, strict=True) if kind_of(name) is RequestLog]


async def test_rows_travel_in_batches_by_tenant_within_a_moment(bus: Bus) -> None:
    records = Records(bus)
    records.start()
    for number in range(600):
        records.add(job(number, "a" if number % 2 else "b"), Done(body=b"{}"))

    async def all_there() -> bool:
        return sum(map(len, await stored(bus))) == 600

    began = time.monotonic()
    await until(all_there)
    assert time.monotonic() - began < 2.0
    batches = await stored(bus)
    assert len(batches) <= 4
    assert all(len({row.tenant for row in batch}) == 1 for batch in batches)
    await records.stop()


async def test_stop_sends_what_is_left(bus: Bus) -> None:
    records = Records(bus)
    records.start()
    records.add(job(1), Done())
    await records.stop()
    assert [[row.job for row in batch] for batch in await stored(bus)] == [[1]]


async def test_rows_survive_a_killed_nats_server_and_arrive_once(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path, durability="process") as server, open_bus(server.link, "test") as bus:
        await declare(bus)
        records = Records(bus)
        records.start()
        records.add(job(1), Done())
        os.kill(server.pid, signal.SIGKILL)
        for number in range(2, 200):
            records.add(job(number), Done())

        async def all_there() -> bool:
            try:
                async with asyncio.timeout(1):  # a question asked during the outage is lost
                    return sum(map(len, await stored(bus))) >= 199
            except Exception:
                return False

        await until(all_there, 30)
        assert sorted(row.job for batch in await stored(bus) for row in batch) == list(range(1, 200))
        await records.stop()


async def test_a_full_buffer_drops_and_counts_instead_of_growing(bus: Bus) -> None:
    records = Records(bus, held_rows=10)
    for number in range(25):
        records.add(job(number), Done())
    records.start()
    await records.stop()
    assert sum(map(len, await stored(bus))) == 10


async def test_long_bodies_are_cut_so_that_a_batch_fits_into_a_message(bus: Bus) -> None:
    records = Records(bus, discretion=Discretion(bodies=True))
    long = Done(body=b"y" * 6_000_000)
    for number in range(3):
        records.add(job(number), long)
    records.start()
    await records.stop()
    rows = [row for batch in await stored(bus) for row in batch]
    assert [len(row.response or "") for row in rows] == [2_000_000] * 3
