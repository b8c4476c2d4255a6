"""The lane in front: jobs of WORK that go before the others of their queue (`first.<queue>.>` beside `work.<queue>.>`).

Each queue has a consumer a lane, and a worker asks the front one first. The lane is strict and only an operator sends jobs
there: a key of priority `high` is no reason, for its bulk would keep all other keys waiting without an end.

What a newcomer would get wrong: two standing pulls race in the server, so asking first is not enough. A pull of the front
lane stands even while no slot is free; what it brings is given back, and from then on the other lane is not asked until the
front one has been served.
"""

import contextlib
import time

import msgspec
import structlog

from bus import subjects
from bus.acks import ApiError
from bus.dispatch import Dispatcher
from bus.finish import CALLBACKS
from schemas.job import Claim, Job, claimed, decode_job, resumed
from schemas.problem import Code, Problem

log = structlog.get_logger()

TRIES = 5
ALIVE = 20.0
"""Seconds after its last sign of life in which an agent may still be at work."""


class Waiting(msgspec.Struct, frozen=True):
    """A message of a job in WORK."""

    subject: str
    seq: int
    job: Job

    @property
    def queue(self) -> str:
        return self.subject.split(".")[1]


async def put_first(dispatcher: Dispatcher, tenant: str, number: int) -> Job:
    """Have a waiting job go before the others of its queue; one that waits for its time need not wait any longer.

    Safe to repeat, and to stop at any step: the claim says which attempt counts and in which lane, so whoever meets an older
    message sends the right one. Raises `Problem`: NOT_FOUND, CONFLICT (it has ended, or is at work).
    """
    for _ in range(TRIES):
        job = await _waiting_job(dispatcher, tenant, number)
        held = await dispatcher.jobs.claim_of(tenant, number)
        claim = held[1] if held else None
        if claim is not None and claim.agent and alive(dispatcher, claim.agent):
            raise Problem(Code.CONFLICT, f"Job {number} is at work already.")
        messages = await _messages(dispatcher, tenant, number)
        if claim is None or claim.agent or not claim.first:
            claim = _promoted(dispatcher, job, claim, messages)
            if await dispatcher.jobs.put_claim(tenant, claim, held[0] if held else 0) is None:
                continue  # a worker, the keeper or another operator was quicker
        moved = resumed(job, claim)
        await dispatcher.jobs.enqueue(moved, claim.queue)
        await _clear(dispatcher, moved, claim.queue, messages)
        log.info("job.first", job=number, queue=claim.queue, attempt=moved.attempt)
        return moved
    raise Problem(Code.CONFLICT, f"Job {number} changes hands in this moment; try again.", retry_after=1)


async def _waiting_job(dispatcher: Dispatcher, tenant: str, number: int) -> Job:
    found = await dispatcher.jobs.read(tenant, number)
    if found is None:
        raise Problem(Code.NOT_FOUND, f"There is no job {number}.")
    if found[1].state.terminal:
        raise Problem(Code.CONFLICT, f"Job {number} is {found[1].state}; only one that waits can go first.")
    return msgspec.structs.replace(found[1].job, revision=found[0])


async def _messages(dispatcher: Dispatcher, tenant: str, number: int) -> list[Waiting]:
    """All there are in both lanes; more than one only where somebody was stopped in between."""
    info = await dispatcher.bus.api("STREAM.INFO.WORK", {"subjects_filter": f"*.*.{tenant}.{number}.*"})
    found = []
    for subject in info["state"].get("subjects") or {}:
        message = await dispatcher.bus.last("WORK", subject)
        if message is not None:
            found.append(Waiting(subject, message[0], decode_job(message[1])))
    return found


def _promoted(dispatcher: Dispatcher, job: Job, claim: Claim | None, messages: list[Waiting]) -> Claim:
    """The claim of the next attempt, in front. What is known of the job's way is in its claim, else in its last message."""
    last = max(messages, key=lambda one: one.job.attempt, default=None)
    if claim is not None:
        job, queue = resumed(job, claim), claim.queue
    elif last is not None:
        job, queue = last.job, last.queue
    else:
        queue = CALLBACKS if job.op == "callback" else dispatcher.choice_for(job).queue
    attempt = max(job.attempt, last.job.attempt if last else 0) + 1
    return claimed(msgspec.structs.replace(job, attempt=attempt, first=True), queue=queue)


async def _clear(dispatcher: Dispatcher, job: Job, queue: str, messages: list[Waiting]) -> None:
    """What was sent before goes: messages in WORK, and one that waits for its time."""
    mine = subjects.first(queue, job.tenant, job.id, job.attempt)
    for one in messages:
        if one.subject != mine:
            with contextlib.suppress(ApiError):  # gone already
                await dispatcher.bus.api("STREAM.MSG.DELETE.WORK", {"seq": one.seq, "no_erase": True})
    for pattern in (f"sched.{job.id}.*", f"due.*.{job.tenant}.{job.id}.*"):
        await dispatcher.bus.api("STREAM.PURGE.SCHED", {"filter": pattern})


def alive(dispatcher: Dispatcher, agent: str) -> bool:
    """Whether a job that this agent has claimed may be in its hands still."""
    seen = dispatcher.fleet.agents.get(agent)
    return seen is not None and time.monotonic() - seen.at < ALIVE
