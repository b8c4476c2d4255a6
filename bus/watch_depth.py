"""How much waits in the queues, and the newest jobs that do: asked of the server each 2 s, only while somebody looks.

What a newcomer would get wrong: WORK holds a job's message until it has ended, so what waits is what no consumer has delivered
yet, and what was given back. The messages hold whole requests: each is read once, at most `AT_A_TIME` and 2 MB a look, whatever
comes in; only what may have been given back is looked up anew, for nothing tells when it is taken.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from bus.acks import ApiError
from bus.connection import Bus
from schemas.job import Job, decode_job
from schemas.problem import Problem

log = structlog.get_logger()

AT_A_TIME = 200
"""Messages read at a look: 4 ms of our time."""
BYTES = 2_000_000
KEPT = 1000
"""The newest waiting jobs that are known."""
PAGE = 256
"""Consumers that the server names in one answer."""
NAMES = 300


class Depth:
    """What waits: `look`, then read."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.live: dict[str, int] = {}
        self.queued: dict[str, int] = {}
        self.unacked: dict[str, int] = {}
        """Delivered from WORK: in somebody's hands, or given back and waiting again."""
        self.scheduled = 0
        self.jobs: dict[int, Job] = {}
        """Sequence in WORK -> the waiting job without its body; the newest `KEPT`, the oldest first."""
        self.back: dict[int, tuple[Job, str]] = {}
        """The same with its queue, of messages that were delivered: in somebody's hands, or given back. Where asked for."""
        self._subjects: dict[int, str] = {}
        self._delivered: dict[str, int] = {}
        """`work.<queue>` -> the sequence up to which its messages were delivered."""
        self._seen = 0

    async def look(self, held: Collection[str] = ()) -> None:
        """Ask. What the bus can't tell now stays as it was. `held`: queues to which jobs may have been given back."""
        try:
            self.live, work = _by_queue(await self._consumers("LIVE")), await self._consumers("WORK")
            self.queued, self.unacked = _by_queue(work), _by_queue(work, "num_ack_pending")
            self._delivered = {_lane(one): int(one["delivered"]["stream_seq"]) for one in work}
            state = (await self.bus.api("STREAM.INFO.WORK"))["state"]
            self._forget(int(state["first_seq"]), {_lane(one): int(one["num_pending"]) for one in work})
            await self._read(int(state["first_seq"]), int(state["last_seq"]))
            await self._look_back([one for one in work if _lane(one).partition(".")[2] in held])
            self.scheduled = int((await self.bus.api("STREAM.INFO.SCHED"))["state"]["messages"])
        except (Problem, ApiError, KeyError) as error:
            log.info("watch.depth_unknown", error=str(error))

    def newest(self, most: int) -> list[tuple[Job, str]]:
        """The newest waiting jobs and their queues, the newest first."""
        found = self.back | {seq: (job, _queue_of(self._subjects[seq])) for seq, job in self.jobs.items()}
        return [found[seq] for seq in sorted(found, reverse=True)[:most]]

    async def _consumers(self, stream: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = await self.bus.api(f"CONSUMER.LIST.{stream}", {"offset": len(found)})
            found += page.get("consumers") or []
            if len(found) >= page.get("total", 0) or not page.get("consumers") or len(found) >= 10 * PAGE:
                return found

    async def _read(self, first: int, last: int) -> None:
        """The messages that are new since the last look, and of many the newest."""
        if last < self._seen:  # another stream than before
            self.jobs, self._subjects, self._seen = {}, {}, 0
        start = max(self._seen + 1, first, last - AT_A_TIME + 1)
        if start > last:
            return
        query = {"seq": start, "batch": AT_A_TIME, "next_by_subj": ">", "max_bytes": BYTES}
        seen = last
        for message in await self.bus.read("WORK", query):
            headers = message.headers or {}
            seen = seq = int(headers["Nats-Sequence"])  # the next look goes on where this one was full
            lane = _lane_of(headers["Nats-Subject"])
            if seq > self._delivered.get(lane, 0):
                with suppress(msgspec.MsgspecError):  # another version's
                    self.jobs[seq], self._subjects[seq] = _slim(decode_job(message.data)), headers["Nats-Subject"]
        self._seen = seen
        for seq in list(self.jobs)[: max(0, len(self.jobs) - KEPT)]:
            self._drop(seq)

    async def _look_back(self, consumers: list[dict[str, Any]]) -> None:
        """What those have delivered and nobody has acked, of each the first."""
        back: dict[int, tuple[Job, str]] = {}
        for one in consumers:
            lane = _lane(one)
            start = int(one["ack_floor"]["stream_seq"]) + 1
            query = {"seq": start, "batch": AT_A_TIME, "next_by_subj": f"{lane}.>", "max_bytes": BYTES}
            for message in await self.bus.read("WORK", query):
                headers = message.headers or {}
                if (seq := int(headers["Nats-Sequence"])) > self._delivered[lane]:
                    break
                with suppress(msgspec.MsgspecError):  # another version's
                    back[seq] = _slim(decode_job(message.data)), _queue_of(headers["Nats-Subject"])
        self.back = back

    def _forget(self, first: int, pending: dict[str, int]) -> None:
        """What was delivered or is no more. A lane that has less than we know of: some were withdrawn; all are read anew."""
        known: dict[str, int] = {}
        now = time.time()
        for seq, subject in list(self._subjects.items()):
            lane = _lane_of(subject)
            if seq < first or seq <= self._delivered.get(lane, 0) or self.jobs[seq].deadline < now:
                self._drop(seq)
            else:
                known[lane] = known.get(lane, 0) + 1
        if any(count > pending.get(lane, count) for lane, count in known.items()):
            self.jobs, self._subjects, self._seen = {}, {}, 0

    def _drop(self, seq: int) -> None:
        self.jobs.pop(seq, None)
        self._subjects.pop(seq, None)


def _slim(job: Job) -> Job:
    """What is shown of it: its request may hold megabytes."""
    return Job(
        id=job.id, tenant=job.tenant, key=job.key, op=job.op, model=job.model, body=b"", created=job.created,
        deadline=job.deadline, style=job.style, stream=job.stream, durable=True, attempt=job.attempt, tag=job.tag[:NAMES],
        ref=job.ref[:NAMES], first=job.first,
    )  # fmt: skip


def _by_queue(consumers: list[dict[str, Any]], what: str = "num_pending") -> dict[str, int]:
    found: dict[str, int] = {}
    for one in consumers:
        queue = _lane(one).partition(".")[2]
        found[queue] = found.get(queue, 0) + int(one.get(what, 0))
    return found


def _queue_of(subject: str) -> str:
    return subject.split(".")[1]


def _lane(consumer: dict[str, Any]) -> str:
    return _lane_of(str(consumer["config"].get("filter_subject", "")))


def _lane_of(subject: str) -> str:
    """`work.<queue>` of a message's subject or a consumer's filter."""
    return ".".join(subject.split(".")[:2])
