"""The end of a durable job: commit, then tell everyone: events, callback, archive. In this order, each safe to repeat.

The WORK message is acked only after all of it, so a crash anywhere in between makes another worker find the record
terminal and call `report` again: the callback has a fixed name, the archive's row carries `again` and is checked.
"""

import time

import msgspec
import structlog

from bus import subjects
from bus.acks import Full
from bus.connection import Bus
from bus.counts import Counts
from bus.ids import Ids
from bus.jobs import Jobs
from bus.tracing import Sending
from bus.view import Show, canonical, enveloped, view_of
from bus.watch_tally import Tally
from schemas.callback import CallbackRequest, parse_reply_to, webhook_id
from schemas.discretion import DISCREET, Discretion
from schemas.events import Done, Event, Failed, encode_event, event_messages
from schemas.job import Job, Record, State, Style
from schemas.log import encode_logs
from schemas.problem import Code, Fault, Problem
from schemas.rows import NO_ACCOUNTS, Accounts, Bill, row
from schemas.tracing import Tracer

log = structlog.get_logger()

CALLBACKS = "callbacks"
"""The queue (and provider) that delivers web callbacks."""
CALLBACK_SECONDS = 4 * 86400.0
EVENT_LIMIT = 1_000_000
"""Bytes of a result that an event carries; a larger one is fetched from the job."""


class Finish:
    """Ends durable jobs. Used by workers, by whoever cancels, and by the keeper."""

    def __init__(
        self,
        bus: Bus,
        jobs: Jobs,
        ids: Ids,
        discretion: Discretion = DISCREET,
        show: Show = canonical,
        post: Show = enveloped,
    ) -> None:
        """`show`, `post`: how results and whole callbacks look; a process that knows the callers' dialects hands them in."""
        self.show, self.post = show, post
        self.accounts: Accounts = NO_ACCOUNTS
        self.tally: Tally | None = None
        """Counts what has ended here, for those who watch the house."""
        self.counts: Counts | None = None
        """The same for `/metrics`."""
        self.tracer: Tracer | None = None
        self.bus, self.jobs, self.ids, self.discretion = bus, jobs, ids, discretion

    async def end(self, job: Job, end: Done | Failed, queue: str) -> bool:
        """Commit and report. False: somebody else had ended the job; nothing was told, and the caller stays silent."""
        bill = self.accounts.bill(job, end)
        record = Record(
            job=job,
            state=_state(end),
            queue=queue,
            result=end.body if isinstance(end, Done) else b"",
            content_type=end.content_type if isinstance(end, Done) else "application/json",
            fault=end.fault if isinstance(end, Failed) else None,
            usage=end.usage,
            attempts=end.attempts,
            provider=end.provider,
            finished=time.time(),
            first=end.first,
            steps=end.steps,
            model=end.model,
            cost=bill.cost,
            cost_estimated=bill.estimated,
            requeues=job.run,
        )
        if not await self.jobs.commit(record):
            log.warning("job.fenced", job=job.id, attempt=job.attempt, queue=queue)
            return False
        await self.report(record)
        return True

    async def report(self, record: Record, again: bool = False) -> None:
        """Tell the end of a committed job. May be repeated."""
        job, end = record.job, end_of(record)
        self.emit(job, end)
        if job.reply_to:
            await self._call_back(record)
        bill = Bill(record.cost, record.cost_estimated)
        entry = row(job, end, finished=record.finished, discretion=self.discretion, again=again, bill=bill)
        await self.bus.keep(subjects.log(job.tenant, job.op), encode_logs([entry]), msg_id=f"job.{job.label}")
        if self.tally is not None and not again:
            self.tally.add(entry, record.finished)
        if self.counts is not None and not again:
            self.counts.ended(entry)
        await self.jobs.drop_claim(job.tenant, job.id)
        await self.accounts.settle(job, bill)
        log.info("job.ended", job=job.id, op=job.op, state=record.state, provider=record.provider, again=again)

    def emit(self, job: Job, event: Event) -> None:
        """One event of a durable job: to EVENTS, and as JSON to a direct publisher."""
        if isinstance(event, Done) and len(event.body) > EVENT_LIMIT:
            event = msgspec.structs.replace(event, body=b"")
        self.bus.tell(subjects.evt(job.tenant, job.id), encode_event(event))
        if job.out:
            for message in event_messages(event):
                self.bus.tell(job.out, message)

    async def _call_back(self, record: Record) -> None:
        """A job of its own, whose ref is made from the parent's id: asking twice makes one."""
        job, now = record.job, time.time()
        try:
            target = parse_reply_to(job.reply_to)
        except Problem as problem:  # checked at the edge; here only if the rules have changed since
            log.warning("callback.refused", job=job.id, error=str(problem))
            return
        request = CallbackRequest(target=target, id=webhook_id(job.label), payload=msgspec.Raw(self._posted(record)))
        child = Job(
            id=self.ids.new(),
            tenant=job.tenant,
            key=job.key,
            op="callback",
            model=CALLBACKS,
            body=msgspec.json.encode(request),
            created=now,
            deadline=now + CALLBACK_SECONDS,
            style=Style.QUEUED,
            durable=True,
            ref=f"callback.{job.label}",
            parent=job.id,
        )
        if self.tracer is None:
            await self._send_callback(child)
            return
        with Sending(self.tracer, msgspec.structs.replace(child, trace=job.trace), "work") as sending:
            sending.to(CALLBACKS)
            await self._send_callback(sending.job)

    async def _send_callback(self, child: Job) -> None:
        child, _ = await self.jobs.create(child)
        try:
            await self.jobs.enqueue(child, CALLBACKS)
        except Full:  # accepted all the same: the keeper puts it into the queue
            log.warning("callback.queue_full", job=child.id)

    def _posted(self, record: Record) -> bytes:
        """The callback's body: as the caller's dialect has it, else the job in an envelope."""
        if told := self.post(record):
            return told
        body = {
            "type": f"job.{record.state}",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.finished)),
            "data": view_of(record, None, None, self.show),
        }
        return msgspec.json.encode(body)


def end_of(record: Record) -> Done | Failed:
    """The terminal event of a committed record."""
    if record.fault is not None or record.state is not State.DONE:
        fault = record.fault or Fault(Code.CANCELLED, "Cancelled.")
        return Failed(fault, record.usage, record.provider, record.attempts, record.first, record.steps, record.model)
    return Done(
        record.result, record.usage, record.content_type, record.provider, record.attempts, record.first,
        record.steps, record.model,
    )  # fmt: skip


def _state(end: Done | Failed) -> State:
    if isinstance(end, Done):
        return State.DONE
    return State.CANCELLED if end.fault.code is Code.CANCELLED else State.FAILED
