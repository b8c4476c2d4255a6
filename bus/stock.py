"""Taking stock: which jobs are open by JOBS, and which have a message in WORK or SCHED.

What a newcomer would get wrong: JOBS holds the finished jobs of a week too, so it is read by its headers alone.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from bus.acks import ApiError
from bus.connection import Bus
from bus.underway import subjects_of
from bus.wire import Headers, Message
from schemas.problem import Code, Problem

RECORDS = "$KV.JOBS.job.>"
Note = Callable[[str, Headers], None]
"""Told of a record: its subject and its headers."""


async def scan(bus: Bus, name: str, note: Note) -> None:
    """The last record of each job. `name`: of the consumer that is made for it."""
    config = {
        "name": name,
        "deliver_policy": "last_per_subject",
        "filter_subject": RECORDS,
        "ack_policy": "none",
        "headers_only": True,
        "mem_storage": True,
        "inactive_threshold": 30_000_000_000,
    }
    with contextlib.suppress(ApiError):
        await bus.api(f"CONSUMER.DELETE.KV_JOBS.{name}")
    info = await bus.api(f"CONSUMER.CREATE.KV_JOBS.{name}.{RECORDS}", {"stream_name": "KV_JOBS", "config": config})
    await _fetch_all(bus, f"KV_JOBS.{name}", info["num_pending"], note)


async def _fetch_all(bus: Bus, consumer: str, pending: int, note: Note) -> None:
    """Everything a consumer has now, by an inbox of its own: deliveries carry the stream's subject."""
    if not pending:
        return
    left, done = pending, asyncio.Event()

    def take(message: Message) -> None:
        nonlocal left
        if not message.status:
            left -= 1
            note(message.subject, message.headers or {})
        if message.status in ("404", "408", "409", "503") or left <= 0:
            done.set()

    inbox = bus.nc.new_inbox()
    ear = await bus.listen(inbox, take)
    try:
        query = {"batch": pending, "no_wait": True, "expires": 20_000_000_000}
        bus.tell(f"$JS.API.CONSUMER.MSG.NEXT.{consumer}", msgspec.json.encode(query), inbox)
        async with asyncio.timeout(25):
            await done.wait()
    except TimeoutError:
        raise Problem(Code.UNAVAILABLE, "JOBS could not be read in time") from None
    finally:
        await ear.close()


async def numbers_of(bus: Bus) -> set[int]:
    """Ids of all jobs that have a message in WORK or SCHED."""
    held: set[int] = set()
    for stream, at in (("WORK", {"work": 3, "first": 3}), ("SCHED", {"sched": 1, "due": 3})):
        for subject in await subjects_of(bus, stream):
            words = subject.split(".")
            held.add(int(words[at[words[0]]]))
    return held
