"""The durable jobs that have not ended: who they are, in which queue, and who is at work on them.

Read from WORK and SCHED, the index of open jobs, and CLAIMS; JOBS itself holds the finished jobs of a week too, and would
have to be read whole. What a newcomer would get wrong: the index may lag behind the truth by some seconds, so whoever acts on
a job reads its record first.
"""

import asyncio
from typing import Any, NamedTuple

import msgspec

from bus.connection import Bus
from bus.jobs import Jobs
from schemas.job import Claim, Record, decode_claim

INDEX = ("SCHED", "WORK", "SCHED")
"""The streams that tell, in the order they are read: between two looks a job may go from either to the other."""
PAGE = 500
TOGETHER = 32
"""Records read at a time: each may hold some megabytes."""


class Open(NamedTuple):
    """An open job. `queue` and `tenant` are empty where only its id is known (it waits for its time)."""

    job: int
    tenant: str = ""
    queue: str = ""


class Underway(msgspec.Struct, frozen=True):
    """An open job with its record and whoever has it."""

    record: Record
    queue: str
    claim: Claim | None


async def open_jobs(bus: Bus) -> dict[int, Open]:
    """All of them, by id; the newest first."""
    found: dict[int, Open] = {}
    for stream in INDEX:
        for subject in await subjects_of(bus, stream):
            enter(found, subject)
    return dict(sorted(found.items(), reverse=True))


def enter(found: dict[int, Open], subject: str) -> None:
    """What a message's subject tells of its job."""
    kind, *words = subject.split(".")
    if kind == "sched":
        found.setdefault(int(words[0]), Open(int(words[0])))
    else:
        queue, tenant, job, _ = words
        found[int(job)] = Open(int(job), tenant, queue)


async def subjects_of(bus: Bus, stream: str, pattern: str = ">") -> list[str]:
    """The subjects that have a message in a stream."""
    found: list[str] = []
    while True:
        query: dict[str, Any] = {"subjects_filter": pattern, "offset": len(found)}
        info = await bus.api(f"STREAM.INFO.{stream}", query, timeout=20)
        page = info["state"].get("subjects") or {}
        found += page
        if not page or len(found) >= info.get("total", 0):
            return found


async def claims(bus: Bus) -> dict[int, Claim]:
    """Who is at work on which job."""
    found: dict[int, Claim] = {}
    after = 0
    while page := await bus.read("KV_CLAIMS", {"seq": after + 1, "batch": PAGE, "next_by_subj": "$KV.CLAIMS.>"}):
        for message in page:
            after = int((message.headers or {})["Nats-Sequence"])
            if message.data:
                claim = decode_claim(message.data)
                found[claim.job] = claim
    return found


async def underway(jobs: Jobs, tenant: str, most: int) -> list[Underway]:
    """The newest `most` open jobs of a tenant, with their records."""
    held = await claims(jobs.bus)
    wanted = [one for one in (await open_jobs(jobs.bus)).values() if one.tenant in ("", tenant)][:most]
    found: list[Underway] = []
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        records = await asyncio.gather(*(jobs.read(tenant, one.job) for one in some))
        for one, record in zip(some, records, strict=True):
            if record is not None and not record[1].state.terminal:
                claim = held.get(one.job)
                found.append(Underway(record[1], one.queue or (claim.queue if claim else ""), claim))
    return found
