"""The janitor removes what is over: lapsed files and uploads, old artifacts and inputs, what no file needs any more.

One gateway at a time, by a lease, at most one round a minute. What a newcomer would get wrong: age alone decides nothing. What
a live job or an unfinished batch still reads is spared, round after round, until that has ended.
"""

import asyncio
import re
import time
from collections import Counter

import structlog

from bus.acks import ApiError, Conflict, Full
from bus.filing import Lease
from bus.jobs import Jobs
from gateway.files import SWEEPER, Files
from gateway.partials import Partials
from gateway.parts import FileRules
from schemas.files import ARTIFACT, FILE, INPUT, FileRecord
from schemas.job import State
from schemas.problem import Problem

log = structlog.get_logger()

EVERY = 60.0
"""Seconds from the end of a round to the next; longer where a round takes long."""
LEASE = 150
SWEEP_EVERY = 600.0
"""Seconds between two looks for bytes that nobody needs: that reads all metadata."""
PAGE = 100
_BLOB = re.compile(rb'"blob":\s*"([^"\\]{1,400})"')
REST = 20
"""A round is followed by at least so many times its own length."""


class Janitor:
    """Runs in every gateway; acts only while it holds the lease."""

    def __init__(self, files: Files, partials: Partials, jobs: Jobs, rules: FileRules) -> None:
        self.files, self.partials, self.jobs, self.rules = files, partials, jobs, rules
        self._lease = Lease(files.bus, "janitor", LEASE)
        self._swept = 0.0
        self._named: set[str] | None = None
        """Blobs that queued jobs read, asked for once a round, and only if something is to go."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._mind())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=3)

    async def _mind(self) -> None:
        while True:
            started = time.monotonic()
            try:
                if await self._lease.hold():
                    await self.round(time.time())
            except (Problem, ApiError, Conflict, Full) as error:
                log.warning("janitor.failed", error=str(error))
            except Exception:
                log.exception("janitor.failed")
            await asyncio.sleep(max(EVERY, REST * (time.monotonic() - started)))

    async def round(self, now: float) -> Counter[str]:
        """Everything that is due at `now` (Unix seconds), and how many of what sort went."""
        gone: Counter[str] = Counter()
        needed, gone["upload"] = await self.partials.sweep(now)
        self._named = None
        left: list[FileRecord] = []
        for _, record in await self.files.records.all():
            why = due(record, now, self.rules)
            if why and await self._removed(record, "lapsed"):
                gone[why] += 1
            else:
                left.append(record)
        for record in surplus(left, self.rules.total_bytes):
            gone["surplus"] += await self._removed(record, "evicted")
        if time.monotonic() - self._swept > SWEEP_EVERY or not self._swept:
            gone["orphan"] = await self.files.sweep(spared=self.held, needed=needed)
            self._swept = time.monotonic()
        if +gone:
            log.info("janitor.removed", **+gone)
        return gone

    async def _removed(self, record: FileRecord, event: str) -> bool:
        if await self.held(record):
            return False
        await self.files.withdraw((record.tenant, record.key), record.id, event, SWEEPER)
        return True

    async def held(self, record: FileRecord) -> bool:
        """Does a live job or an unfinished batch still need it?"""
        if record.job:
            found = await self.jobs.read(record.tenant, record.job)
            if found is not None and found[1].state in (State.QUEUED, State.RUNNING):
                return True
        if self._named is None:
            self._named = await self._named_by_jobs()
        if record.blob in self._named:
            return True
        blob = await self.files.blobs.find(record.blob)
        return blob is not None and any(not holder.startswith(FILE) for holder in blob.holders)

    async def _named_by_jobs(self) -> set[str]:
        """Blobs that stand in the requests of queued jobs, by whatever way their caller named them. WORK and SCHED hold a
        message of each job that has not ended."""
        named: set[str] = set()
        for stream, pattern in (("WORK", "work.>"), ("WORK", "first.>"), ("SCHED", "sched.>"), ("SCHED", "due.>")):
            after, full = 0, True
            while full:
                query = {"seq": after + 1, "batch": PAGE, "next_by_subj": pattern}
                page = await self.files.bus.read(stream, query)
                for message in page:
                    after = int((message.headers or {})["Nats-Sequence"])
                    named.update(name.decode() for name in _BLOB.findall(message.data))
                full = bool(page)  # one that is not full may have ended at 64 MB
        return named


def due(record: FileRecord, now: float, rules: FileRules) -> str:
    """Why a file has to go; empty: it has not."""
    age = now - record.created
    if record.expires and record.expires <= now:
        return "lapsed"
    if record.purpose == ARTIFACT and rules.artifact_days and age > rules.artifact_days * 86400:
        return "artifact"
    return "input" if record.purpose == INPUT and age > rules.input_hours * 3600 else ""


def surplus(records: list[FileRecord], total: int) -> list[FileRecord]:
    """The oldest artifacts, as many as must go until all files together are `total` bytes (0: any size is right)."""
    sizes = {record.blob: record.size for record in records}
    over = sum(sizes.values()) - total if total else 0
    users = Counter(record.blob for record in records)
    going = []
    for record in sorted(records, key=lambda one: (one.created, one.id)):
        if over <= 0:
            break
        if record.purpose != ARTIFACT:
            continue
        going.append(record)
        users[record.blob] -= 1
        if not users[record.blob]:  # the same bytes are stored once, and go with the last file that has them
            over -= record.size
    return going
