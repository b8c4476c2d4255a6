"""The keeper puts right what a crash, a power loss or a dead provider left: one leader among all gateways does it.

JOBS is the truth and WORK an index: an open job without a message in WORK or SCHED gets a new one. Past its deadline a
job that nobody holds is ended. Jobs waiting for a queue that nobody serves are moved to one that somebody does. What a
newcomer would get wrong: the keeper never touches a job that a living worker holds; compare-and-set decides any race.
"""

import asyncio
import contextlib
import time

import msgspec
import structlog

from bus import subjects
from bus.acks import ApiError, Conflict
from bus.connection import Bus
from bus.dispatch import Dispatcher
from bus.finish import CALLBACKS
from bus.hold import Mode
from bus.jobs import DEADLINE, STATE, Jobs
from bus.lanes import alive
from bus.puller import ACK, Puller
from bus.receipts import Receipt
from bus.router import Refused, Route, Setting, Wanted, plan, routed
from bus.stock import numbers_of, scan
from bus.streams import LANES
from bus.wire import Headers, Message
from schemas.events import Failed
from schemas.job import Claim, Job, Record, claimed, decode_job, resumed
from schemas.problem import Code, Fault, Problem

log = structlog.get_logger()

LEASE = 10
TURN = 2.0
AUDIT_EVERY = 60.0
"""Seconds between two comparisons of JOBS with WORK and SCHED (and at once after a reconnect)."""
SCAN_EVERY = 1800.0
"""Seconds between two readings of all of JOBS, which holds the finished jobs of a week too."""
GRACE = 10.0
"""Seconds an open job may be without a message: it is on its way from JOBS to WORK."""
ABANDONED = 5.0
"""Seconds a queue must be without a fit agent before its jobs are moved."""
MOVES = 200


class Keeper:
    """Runs in every gateway; acts only while it holds the lease. The promoter acts in all of them."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.bus: Bus = dispatcher.bus
        self.jobs: Jobs = dispatcher.jobs
        self.open: dict[tuple[str, int], float] = {}
        """Open jobs and their deadlines."""
        self.leading = False
        self._revision = 0
        self._audit_at = 0.0
        self._scan_at = 0.0
        self._cursor: dict[str, int] = {}
        self._missing: dict[tuple[str, int], float] = {}
        self._unserved: dict[str, float] = {}

    async def start(self) -> None:
        promoter = Puller(self.bus, "SCHED", "promoter", self._due, lambda: 100)
        await promoter.start()
        await self.bus.listen(subjects.JOB_CHANGES, self._heard)
        self.bus.on_reconnect.append(self._doubt)
        self.bus.spawn(self._mind())

    # ---- delayed attempts -----------------------------------------------------------------------------------------

    def _due(self, message: Message) -> None:
        self.bus.spawn(self._promote(message, Receipt(self.bus, message.subject, message.reply)))

    async def _promote(self, message: Message, receipt: Receipt) -> None:
        """A delayed attempt's time has come: into its queue, then away here. Twice does no harm."""
        try:
            await self.jobs.enqueue(decode_job(message.data), message.subject.split(".")[1])
            await receipt.answer(self.bus, ACK)
        except Exception as error:  # left unacked: it is delivered again
            log.warning("job.promote_failed", subject=message.subject, error=str(error))

    # ---- leading --------------------------------------------------------------------------------------------------

    def _doubt(self) -> None:
        """The server was away: it may have lost what was not fsynced, and we have heard nothing of what happened."""
        self._audit_at = self._scan_at = 0.0

    async def _mind(self) -> None:
        while True:
            await asyncio.sleep(TURN)
            try:
                led, self.leading = self.leading, await self._lead()
                if not self.leading:
                    continue
                if not led:
                    log.info("keeper.leads")
                    self._doubt()
                if time.monotonic() >= self._audit_at:
                    await self._audit()
                    self._audit_at = time.monotonic() + (AUDIT_EVERY if not self._missing else GRACE)
                await self._expire()
                await self._move()
            except (Problem, ApiError, Conflict) as error:
                log.warning("keeper.failed", error=str(error))
            except Exception:
                log.exception("keeper.failed")

    async def _lead(self) -> bool:
        for revision in (self._revision, 0) if self._revision else (0,):
            try:
                headers = {"Nats-TTL": f"{LEASE}s"}
                ack = await self.bus.keep(subjects.lease_key("keeper"), b"", expect=revision, headers=headers)
                self._revision = ack.seq
                return True
            except Conflict:
                self._revision = 0
        return False

    def _heard(self, message: Message) -> None:
        """Follows JOBS between two audits."""
        self._note(message.subject, message.headers or {})

    def _note(self, subject: str, headers: Headers) -> None:
        """A job's record: `….<tenant>.<job>`."""
        *_, tenant, job = subject.split(".")
        if headers.get(STATE) == "open":
            self.open[tenant, int(job)] = float(headers.get(DEADLINE, 0))
        else:
            self.open.pop((tenant, int(job)), None)

    # ---- lost messages --------------------------------------------------------------------------------------------

    async def _audit(self) -> None:
        """Open jobs that have no message: twice seen so, they get a new one."""
        if time.monotonic() >= self._scan_at:  # between two scans `_heard` keeps the list
            # A job that ends during the scan may stay in the list: before anything is done to a job its record is read.
            self.open = {}
            await scan(self.bus, f"keeper-{self.dispatcher.name}", self._note)
            self._scan_at = time.monotonic() + SCAN_EVERY
        held = await numbers_of(self.bus)
        now = time.monotonic()
        missing = {key for key in self.open if key[1] not in held}
        self._missing = {key: self._missing.get(key, now) for key in missing}
        for key, since in list(self._missing.items()):
            if now - since >= GRACE:
                await self._restore(*key)

    async def _restore(self, tenant: str, number: int) -> None:
        found = await self.jobs.read(tenant, number)
        if found is None or found[1].state.terminal:
            self.open.pop((tenant, number), None)
            return
        revision, record = found
        claim = await self.jobs.claim_of(tenant, number)
        if claim is not None and self._at_work(claim[1].agent):
            return
        self._missing.pop((tenant, number), None)
        job = _job_of(record, revision, claim[1] if claim else None)
        choice = self._choice(job, claim[1] if claim else None)
        if choice is not None:
            log.warning("job.restored", job=job.id, queue=choice.queue, attempt=job.attempt)
            await self.jobs.enqueue(routed(job, choice), choice.queue, salt=f"r{int(time.time())}")

    def _choice(self, job: Job, claim: Claim | None) -> Route | None:
        if job.op == "callback":
            return Route(CALLBACKS, (), model=job.model, chain=job.chain)
        if claim is not None:
            return Route(claim.queue, (), model=job.model, chain=job.chain)
        try:
            return self.dispatcher.choice_for(job)
        except Problem as problem:
            log.warning("job.unroutable", job=job.id, error=str(problem))
            return None

    # ---- deadlines ------------------------------------------------------------------------------------------------

    async def _expire(self) -> None:
        """Jobs past their deadline that no worker ended itself (it gets some seconds to do so)."""
        now = time.time()
        for key in [key for key, deadline in self.open.items() if deadline and now > deadline + GRACE][:MOVES]:
            found = await self.jobs.read(*key)
            if found is None or found[1].state.terminal:
                self.open.pop(key, None)
                continue
            job = msgspec.structs.replace(found[1].job, revision=found[0])
            claim = await self.jobs.claim_of(*key)
            trail = claim[1].trail if claim else ()
            fault = Fault(Code.DEADLINE, "The job's deadline passed before a provider could take it.")
            if await self.dispatcher.finish.end(job, Failed(fault, attempts=trail), claim[1].queue if claim else ""):
                await self.dispatcher.withdraw(job)

    # ---- queues that nobody serves --------------------------------------------------------------------------------

    async def _move(self) -> None:
        now, clock = time.monotonic(), time.time()
        views = {view.name: view for view in self.dispatcher.fleet.queues()}
        unfit = {name for name, view in views.items() if view.slots <= 0 or view.cooling_until > clock + ABANDONED}
        holds = self.dispatcher.config.holds
        unfit -= set(holds)  # where somebody holds a queue, it is for him to say what becomes of it
        self._unserved = {name: self._unserved.get(name, now) for name in unfit}
        for name, since in self._unserved.items():
            if now - since >= ABANDONED and name != CALLBACKS:
                await self._empty(name)
        for name in [name for name, hold in holds.items() if hold.mode is Mode.DRAIN and name != CALLBACKS]:
            while await self._empty(name) and time.monotonic() - now < TURN:
                pass

    async def _empty(self, queue: str) -> bool:
        """Move waiting jobs to queues that can take them now. False: that was the last page."""
        full = [await self._empty_lane(f"{lane}.{queue}.>", queue) for lane in LANES]
        return any(full)

    async def _empty_lane(self, pattern: str, queue: str) -> bool:
        query = {"seq": self._cursor.get(pattern, 0) + 1, "batch": MOVES, "next_by_subj": pattern}
        page = await self.bus.read("WORK", query)
        # The next round goes on behind this page: jobs that can't be moved must not hide those that can.
        self._cursor[pattern] = int((page[-1].headers or {})["Nats-Sequence"]) if len(page) == MOVES else 0
        for message in page:
            job = decode_job(message.data)
            excluded = (*job.excluded, queue)
            wanted = Wanted(job.op, job.model, excluded, job.providers, job.stream, job.chain)
            setting = Setting(self.dispatcher.config.rules, explain=job.explain)
            try:
                choice = plan(wanted, self.dispatcher.fleet.queues(), time.time(), setting)
            except Refused:
                continue
            if not choice.wait_until:
                await self._hand_over(routed(job, choice), choice.queue, int((message.headers or {})["Nats-Sequence"]))
        return len(page) == MOVES

    async def _hand_over(self, job: Job, queue: str, seq: int) -> None:
        """Claim the next attempt for the new queue, send it, delete the old message: safe to stop at any step."""
        found = await self.jobs.claim_of(job.tenant, job.id)
        claim = found[1] if found else None
        if claim is not None and claim.agent and (claim.attempt != job.attempt or alive(self.dispatcher, claim.agent)):
            return
        if claim is None or claim.attempt <= job.attempt:
            claim = claimed(msgspec.structs.replace(job, attempt=job.attempt + 1), queue=queue)
            if await self.jobs.put_claim(job.tenant, claim, found[0] if found else 0) is None:
                return
        # else: somebody wrote this hand-over and stopped before the message was sent
        moved = resumed(job, claim)
        await self.jobs.enqueue(moved, claim.queue)
        self.dispatcher.fleet.took(claim.queue)
        with contextlib.suppress(ApiError):  # gone already
            await self.bus.api("STREAM.MSG.DELETE.WORK", {"seq": seq, "no_erase": True})
        log.info("job.moved", job=job.id, queue=claim.queue, attempt=moved.attempt)

    def _at_work(self, agent: str) -> bool:
        """Its claim may be in hand still: only its message was lost."""
        seen = self.dispatcher.fleet.agents.get(agent)
        return alive(self.dispatcher, agent) and seen is not None and seen.beat.in_flight > 0


def _job_of(record: Record, revision: int, claim: Claim | None) -> Job:
    """The job as its next worker must get it."""
    job = msgspec.structs.replace(record.job, revision=revision)
    if claim is None:
        return job
    return resumed(job, claim)
