"""Put a failed job back into a queue: the same job under the same id, for one more run.

A run is a story of its own with an end of its own: its row in the archive, its callback and its charge carry the run's label
(`Job.label`), so that what was told of the run before is neither told again nor taken for this one's. What a newcomer would
get wrong: the failed run may not have been told yet (its worker died after the commit), and once the record is open again
nobody could: so it is told first.
"""

import time

import msgspec
import structlog

from bus import subjects
from bus.acks import ApiError, Conflict, Full
from bus.dispatch import Dispatcher
from bus.finish import CALLBACKS
from bus.jobs import DEADLINE, STATE
from bus.router import Route, routed
from schemas.job import Job, Record, State, claimed, decode_claim, encode_record
from schemas.problem import Code, Problem

log = structlog.get_logger()

TRIES = 5


async def requeue(dispatcher: Dispatcher, tenant: str, number: int) -> Job:
    """The job as it waits now. It may take as long as it might at first, from now on.

    Raises `Problem`: NOT_FOUND (never was, or its record has lapsed), CONFLICT (it has not failed, or somebody else put it
    back in this moment), and what `submit` raises when nobody serves its model.
    """
    found = await dispatcher.jobs.read(tenant, number)
    if found is None:
        raise Problem(Code.NOT_FOUND, f"There is no job {number}, or its record has lapsed: it is kept for a week.")
    revision, record = found
    if record.state is not State.FAILED:
        raise Problem(Code.CONFLICT, f"Job {number} is {record.state}; only a failed job can be put back.")
    job = _again(record, await _claimed_attempt(dispatcher, record.job))
    choice = dispatcher.choice_for(job) if job.op != "callback" else Route(CALLBACKS, (), model=job.model)
    job = routed(job, choice)
    await dispatcher.finish.report(record, again=True)
    await _forget_events(dispatcher, record.job)
    job = await _open(dispatcher, job, revision)
    await _claim(dispatcher, job, choice.queue)
    dispatcher.fleet.took(choice.queue)
    try:
        await dispatcher.jobs.enqueue(job, choice.queue, choice.wait_until)
    except (Problem, Full, ApiError) as error:  # it is open again: the keeper gives it a message
        log.warning("job.enqueue_failed", job=job.id, queue=choice.queue, error=str(error))
    log.info("job.requeued", job=job.id, run=job.run, queue=choice.queue)
    return job


def _again(record: Record, attempt: int) -> Job:
    """The job as its caller asked for it, with nothing held against anybody. Attempts go on counting: a message of the run
    before, come late, is known by its lower number."""
    job, now = record.job, time.time()
    return msgspec.structs.replace(
        job,
        created=now,
        deadline=now + (job.deadline - job.created),
        model=job.asked or job.model,
        asked="",
        chain=(),
        attempt=max(job.attempt, attempt, len(record.attempts)) + 1,
        excluded=(),
        trail=(),
        steps=(),
        first_run=0.0,
        reserved=0,
        revision=0,
        run=max(job.run, record.requeues) + 1,
    )


async def _claimed_attempt(dispatcher: Dispatcher, job: Job) -> int:
    found = await dispatcher.jobs.claim_of(job.tenant, job.id)
    return found[1].attempt if found else 0


async def _forget_events(dispatcher: Dispatcher, job: Job) -> None:
    """Whoever follows the job from now on must not hear of the old end first."""
    await dispatcher.bus.api("STREAM.PURGE.EVENTS", {"filter": subjects.evt(job.tenant, job.id)})


async def _open(dispatcher: Dispatcher, job: Job, revision: int) -> Job:
    """The record is open again: of several who want that, one succeeds. Its new revision fences whoever had it before."""
    value = encode_record(Record(job=job, state=State.QUEUED, requeues=job.run))
    headers = {STATE: "open", DEADLINE: f"{job.deadline:.0f}"}
    try:
        subject = subjects.job_key(job.tenant, job.id)
        ack = await dispatcher.bus.keep(subject, value, expect=revision, headers=headers)
    except Conflict:
        raise Problem(Code.CONFLICT, f"Job {job.id} was put back by somebody else in this moment.") from None
    except Full as error:
        raise Problem(Code.OVERLOADED, "The job store is full; try again later.", retry_after=30) from error
    return msgspec.structs.replace(job, revision=ack.seq)


async def _claim(dispatcher: Dispatcher, job: Job, queue: str) -> None:
    """Say which attempt is the right one now. A message of the run before would start that run's attempt else."""
    for _ in range(TRIES):
        found = await dispatcher.bus.last("KV_CLAIMS", subjects.claim_key(job.tenant, job.id))
        if found is not None and found[1] and decode_claim(found[1]).attempt >= job.attempt:
            return  # a worker has it already
        claim = claimed(job, queue=queue)
        if await dispatcher.jobs.put_claim(job.tenant, claim, found[0] if found else 0) is not None:
            return
    log.warning("job.claim_not_set", job=job.id, attempt=job.attempt)
