"""The open jobs a page at a time: who they are is known from the index of WORK and SCHED, what they are is read for the page.

What a newcomer would get wrong: with 100,000 open jobs their records are a few hundred megabytes, so nobody reads them all to
show the newest fifty; the ids alone tell the order.
"""

import asyncio
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from bus import subjects
from bus.connection import Bus, Ear
from bus.ids import make_id
from bus.jobs import STATE
from bus.streams import LANES
from bus.underway import INDEX, Open, claims, enter, subjects_of
from bus.wire import Message
from schemas.events import Progress, decode_event
from schemas.job import Claim, Job, Record, decode_claim, decode_job, decode_record

TOGETHER = 200
"""Subjects of one batched read: the server refuses more than 1,024."""
RENEW_SECONDS = 60.0
"""Between two readings of the whole index; what happens between them is heard, but for moves from queue to queue."""
MOVED_SECONDS = 2.0
"""The same for those who want to know where jobs wait."""
YOUNG = 10.0
"""Seconds an accepted job may be on its way into its queue, and so in none."""
IDLE_SECONDS = 120.0
"""Nobody asked for so long: the index is forgotten, and nothing is listened to."""
LINGER = 3.0
"""Seconds an ended job stays in the index: its row is on its way to the archive."""
TURN = 2000
"""Subjects after which others may have the loop."""


class Seen(msgspec.Struct, frozen=True):
    """A job of the index with its record (which may have ended since), its revision, claim and last word."""

    revision: int
    record: Record
    queue: str = ""
    claim: Claim | None = None
    progress: Progress | None = None

    @property
    def running(self) -> bool:
        return not self.record.state.terminal and self.claim is not None and self.claim.agent != ""

    @property
    def first(self) -> bool:
        return self.record.job.first or (self.claim is not None and self.claim.first)


class Listing:
    """One process's view of the open jobs. It is read once, and then kept by what JOBS tells of its changes."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._found: dict[int, Open] = {}
        self._ids: list[int] = []
        """Ascending; may hold some that are gone."""
        self._ear: Ear | None = None
        self._read_at = float("-inf")
        self._used = 0.0
        self._ended: deque[tuple[float, int]] = deque()
        self._meanwhile: list[Message] | None = None
        self._reading = asyncio.Lock()

    async def index(self, queues: bool = False) -> dict[int, Open]:
        """All open jobs by id, as they are now; a queue is empty where it was not told. `queues`: where they wait matters."""
        self._used = time.monotonic()
        age = MOVED_SECONDS if queues else RENEW_SECONDS
        if self._is_old(age):
            async with self._reading:
                if self._is_old(age):
                    await self._renew()
        while self._ended and self._ended[0][0] <= self._used:
            self._found.pop(self._ended.popleft()[1], None)
        return self._found

    def _is_old(self, age: float) -> bool:
        return self._ear is None or time.monotonic() - self._read_at >= age

    async def _renew(self) -> None:
        if self._ear is None:
            self._ear = await self.bus.listen(subjects.JOB_CHANGES, self._heard)
            self.bus.on_reconnect.append(self._doubt)
        self._meanwhile, losses = [], self.bus.losses
        young = make_id(int(time.time() - YOUNG), 0, 0)
        found = {one: known for one in self._ids[bisect_left(self._ids, young) :] if (known := self._found.get(one))}
        try:
            for stream in INDEX:
                for place, subject in enumerate(await subjects_of(self.bus, stream)):
                    enter(found, subject)
                    if place % TURN == 0:
                        await asyncio.sleep(0)
            self._found, self._ids = found, sorted(found)
            for message in self._meanwhile:
                self._apply(message)
        finally:
            self._meanwhile = None
        if self.bus.losses == losses:
            self._read_at = time.monotonic()

    def _doubt(self) -> None:
        """The connection was lost, and what happened meanwhile was not heard."""
        self._read_at = float("-inf")
        self._found, self._ids, self._ended = {}, [], deque()

    def _heard(self, message: Message) -> None:
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.bus.spawn(self._forget())
        elif self._meanwhile is not None:
            self._meanwhile.append(message)
        else:
            self._apply(message)

    def _apply(self, message: Message) -> None:
        tenant, _, number = message.subject.removeprefix(subjects.JOB_CHANGES[:-1]).partition(".")
        job, state = int(number), (message.headers or {}).get(STATE)
        if state == "open":
            if job not in self._found:
                self._found[job] = Open(job, tenant)
                if self._ids and self._ids[-1] > job:
                    insort(self._ids, job)
                else:
                    self._ids.append(job)
            # It may have ended a moment ago and be open again.
            self._ended = deque(one for one in self._ended if one[1] != job) if self._ended else self._ended
        elif job in self._found:
            self._ended.append((time.monotonic() + LINGER, job))

    async def _forget(self) -> None:
        ear, self._ear = self._ear, None
        self._found, self._ids, self._ended = {}, [], deque()
        if ear is not None:
            self.bus.on_reconnect.remove(self._doubt)
            await ear.close()

    async def below(self, job: int = 0, tenant: str = "", queues: bool = False) -> list[Open]:
        """Those with smaller ids (0: all), the newest first. `tenant` empty: everybody's. One that waits for its time may be
        another tenant's: its record says."""
        found = await self.index(queues)
        ids = self._ids[: bisect_left(self._ids, job)] if job else self._ids
        every = (found[number] for number in reversed(ids) if number in found)
        return [one for one in every if not tenant or one.tenant in ("", tenant)]

    @property
    def lingering(self) -> int:
        """Jobs in the index that have ended."""
        return len(self._ended)

    async def running(self) -> set[int]:
        """Those that an agent has in hand."""
        found = await self.index()
        return {claim.job for claim in (await claims(self.bus)).values() if claim.agent and claim.job in found}

    async def read(self, some: Sequence[Open]) -> dict[int, Seen]:
        """Their records as they are now, by id; for those that still have one."""
        tenants = {one.job: one.tenant for one in some if one.tenant}
        for message in await latest(self.bus, "SCHED", [f"sched.{one.job}.*" for one in some if not one.tenant]):
            job: Job = decode_job(message[2])
            tenants[job.id] = job.tenant
        wanted = [subjects.job_key(tenant, job) for job, tenant in tenants.items()]
        held = [subjects.claim_key(tenant, job) for job, tenant in tenants.items()]
        owned = {
            claim.job: claim
            for _, _, data in await latest(self.bus, "KV_CLAIMS", held)
            if (claim := decode_claim(data))
        }
        at_work = [subjects.evt(tenants[job], job) for job, claim in owned.items() if claim.agent]
        told = {
            int(subject.rpartition(".")[2]): decode_event(data)
            for subject, _, data in await latest(self.bus, "EVENTS", at_work)
        }
        queues = {one.job: one.queue for one in some}
        standing = await self._standing([job for job in tenants if not queues[job] and job not in owned], tenants)
        found: dict[int, Seen] = {}
        for _, revision, data in await latest(self.bus, "KV_JOBS", wanted):
            record = decode_record(data)
            number = record.job.id
            mine, event = owned.get(number), told.get(number)
            queue = mine.queue if mine and mine.queue else queues[number] or standing.get(number, "")
            found[number] = Seen(revision, record, queue, mine, event if isinstance(event, Progress) else None)
        return found

    async def _standing(self, some: list[int], tenants: dict[int, str]) -> dict[int, str]:
        """Where jobs wait whose queue the index does not tell."""
        wanted = [f"{lane}.*.{tenants[job]}.{job}.*" for job in some for lane in LANES]
        return {
            int(words[3]): words[1]
            for subject, _, _ in await latest(self.bus, "WORK", wanted)
            if (words := subject.split("."))
        }


async def record_anywhere(bus: Bus, number: int, tenant: str = "") -> tuple[int, Record] | None:
    """A job's record with its revision; `tenant` empty: whosever it is."""
    for _, revision, data in await latest(bus, "KV_JOBS", [f"$KV.JOBS.job.{tenant or '*'}.{number}"]):
        return revision, decode_record(data)
    return None


async def latest(bus: Bus, stream: str, wanted: Iterable[str]) -> list[tuple[str, int, bytes]]:
    """(subject, sequence, data) of the newest message of each subject, for those that have one with data."""
    every, found = list(wanted), list[tuple[str, int, bytes]]()
    for start in range(0, len(every), TOGETHER):
        some = every[start : start + TOGETHER]
        while some:
            page = await bus.read(stream, {"multi_last": some, "batch": TOGETHER * 4}, timeout=30.0)
            heads = [message.headers or {} for message in page]
            for message, head in zip(page, heads, strict=True):
                if message.data:
                    found.append((head["Nats-Subject"], int(head["Nats-Sequence"]), message.data))
            if not page or heads[-1].get("Nats-Num-Pending", "0") == "0":
                break
            seen = {head["Nats-Subject"] for head in heads}  # a batch ends at 64 MB: ask for the rest
            some = [subject for subject in some if subject not in seen]
    return found
