"""The job store: accept, claim, hand on, commit. Every change is a compare-and-set, so of two writers one wins.

JOBS is the truth and costs an fsync a write: it is written at accept and at the end. CLAIMS says who works on a job and in
which attempt; it may be lost with the power, and the keeper then starts the job again. What a newcomer would get wrong: a
worker whose commit is refused must stay silent (no ack, no nak), for an ack on an old delivery removes the message while
a newer delivery is at work.
"""

import hashlib
import time

import msgspec

from bus import subjects
from bus.acks import Conflict
from bus.connection import Bus
from bus.streams import DONE_TTL
from schemas.job import Claim, Job, Record, State, decode_claim, decode_record, encode_claim, encode_job, encode_record
from schemas.problem import Code, Problem

STATE = "Ai-State"
DEADLINE = "Ai-Deadline"
RESULT_LIMIT = 7_500_000
"""Bytes of a record that one message can carry (`max_payload` 8 MB)."""

COMMIT_SECONDS = 60.0
"""How long the end of a job is offered to a store that is away: the result may have cost money."""


class _Named(msgspec.Struct, array_like=True, frozen=True):
    """The value of an idempotency key: the job it names, and what was asked."""

    job: int
    digest: str


_decode_named = msgspec.msgpack.Decoder(_Named).decode


class Jobs:
    """The records of durable jobs."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def create(self, job: Job) -> tuple[Job, bool]:
        """Accept: when this returns, the job is stored and fsynced.

        Returns the job with its revision, and False if it was there before (the same `ref` of the same key, or a retry).
        Raises `Problem(CONFLICT)` when the ref was used for another request, `Conflict` when the id is taken.
        """
        if job.ref:
            job = msgspec.structs.replace(job, id=await self._name(job))
        try:
            return await self._insert(job), True
        except Conflict:
            found = await self.read(job.tenant, job.id)
            if job.ref and found is not None:
                return msgspec.structs.replace(found[1].job, revision=found[0]), False
            raise

    async def _insert(self, job: Job) -> Job:
        value = encode_record(Record(job=job, state=State.QUEUED))
        headers = {STATE: "open", DEADLINE: f"{job.deadline:.0f}"}
        ack = await self.bus.keep(subjects.job_key(job.tenant, job.id), value, expect=0, headers=headers)
        return msgspec.structs.replace(job, revision=ack.seq)

    async def _name(self, job: Job) -> int:
        """The id that `job.ref` names: this job's own, or an earlier one's."""
        # A caller's own ref must never meet that of a callback, which is made from its parent's id.
        spelt = ("callback\0" if job.parent else "") + job.ref
        subject = subjects.idem_key(job.tenant, job.key, hashlib.sha256(spelt.encode()).hexdigest()[:40])
        digest = hashlib.sha256(job.op.encode() + b"\0" + job.body).hexdigest()
        value = msgspec.msgpack.encode(_Named(job.id, digest))
        try:
            await self.bus.keep(subject, value, expect=0, headers={"Nats-TTL": f"{DONE_TTL}s"})
            return job.id
        except Conflict:
            found = await self.bus.last("KV_JOBS", subject)
        if found is None:  # expired between the two calls
            return job.id
        named = _decode_named(found[1])
        if named.digest != digest:
            raise Problem(
                Code.CONFLICT,
                f"'{job.ref}' already names job {named.job}, which asked for something else.",
                param="refId",
            )
        return named.job

    async def named(self, tenant: str, key: str, ref: str) -> int:
        """The job that a key has named so; 0: none."""
        digest = hashlib.sha256(ref.encode()).hexdigest()[:40]
        found = await self.bus.last("KV_JOBS", subjects.idem_key(tenant, key, digest))
        return _decode_named(found[1]).job if found and found[1] else 0

    async def read(self, tenant: str, job: int) -> tuple[int, Record] | None:
        """The record and its revision, from the leader."""
        found = await self.bus.last("KV_JOBS", subjects.job_key(tenant, job))
        return (found[0], decode_record(found[1])) if found and found[1] else None

    async def commit(self, record: Record) -> bool:
        """Write the end of a job. False: somebody else ended it first, and this result must be thrown away."""
        job = record.job
        value = encode_record(record)
        if len(value) > RESULT_LIMIT:
            slim = msgspec.structs.replace(job, body=b"{}")
            value = encode_record(msgspec.structs.replace(record, job=slim))
        headers = {STATE: "done", "Nats-TTL": f"{DONE_TTL}s"}
        try:
            subject = subjects.job_key(job.tenant, job.id)
            await self.bus.keep(subject, value, expect=job.revision, headers=headers, timeout=COMMIT_SECONDS)
        except Conflict:
            return False
        return True

    async def deposit(self, record: Record) -> None:
        """Store a job that ended before it was stored: a live answer that its caller may ask for again. Raises `Conflict`."""
        value = encode_record(record)
        if len(value) > RESULT_LIMIT:
            slim = msgspec.structs.replace(record.job, body=b"{}")
            value = encode_record(msgspec.structs.replace(record, job=slim))
        headers = {STATE: "done", "Nats-TTL": f"{DONE_TTL}s"}
        await self.bus.keep(subjects.job_key(record.job.tenant, record.job.id), value, expect=0, headers=headers)

    async def remove(self, tenant: str, job: int) -> None:
        """Forget a job that has ended. Its mark stays for a minute, then nothing does."""
        headers = {"Nats-Rollup": "sub", "KV-Operation": "PURGE", "Nats-TTL": "60s"}
        await self.bus.keep(subjects.job_key(tenant, job), b"", headers=headers)

    async def claim_of(self, tenant: str, job: int) -> tuple[int, Claim] | None:
        found = await self.bus.last("KV_CLAIMS", subjects.claim_key(tenant, job))
        return (found[0], decode_claim(found[1])) if found and found[1] else None

    async def put_claim(self, tenant: str, claim: Claim, expect: int) -> int | None:
        """The new revision, or None when the claim has moved on."""
        try:
            subject = subjects.claim_key(tenant, claim.job)
            return (await self.bus.keep(subject, encode_claim(claim), expect=expect)).seq
        except Conflict:
            return None

    async def drop_claim(self, tenant: str, job: int) -> None:
        """After the end: the claim is of no more use, and of no harm if it stays until it expires."""
        headers = {"Nats-Rollup": "sub", "KV-Operation": "PURGE", "Nats-TTL": "60s"}
        self.bus.tell(subjects.claim_key(tenant, job), b"", headers=headers)

    async def enqueue(self, job: Job, queue: str, at: float = 0.0, salt: str = "") -> None:
        """Put the attempt `job.attempt` into `queue`, now or at Unix time `at`. Doing it twice changes nothing.

        `salt` gets a message through that was sent before and is known to be gone.
        """
        msg_id = f"{job.id}.{job.attempt}.{queue}.{job.revision}{'f' if job.first else ''}{salt}"
        payload = encode_job(job)
        try:
            if at <= time.time():
                lane = subjects.first if job.first else subjects.work
                await self.bus.keep(lane(queue, job.tenant, job.id, job.attempt), payload, msg_id=msg_id)
                return
            headers = {
                "Nats-Schedule": "@at " + _rfc3339(at),
                "Nats-Schedule-Target": subjects.due(queue, job.tenant, job.id, job.attempt),
            }
            await self.bus.keep(subjects.sched(job.id, job.attempt), payload, msg_id=msg_id, headers=headers)
        except Conflict:  # it is there already: one message a subject
            return


def _rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
