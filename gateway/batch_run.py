"""One batch at work: read its lines, send them as jobs a few at a time, write what came of them into two files.

It may stop anywhere and begin again elsewhere. Nothing is remembered but the record's state: a line's ref finds its job, and
the job its result. What a newcomer would get wrong: the input is read three times (to check, to send, to write), because
a batch may be larger than the memory; and results are read from JOBS only when the files are written.
"""

import asyncio
import time
from collections import deque
from contextlib import aclosing, suppress
from typing import Any

import structlog
from msgspec.structs import replace

from bus.acks import Conflict
from bus.filing import TOGETHER, records_of
from gateway.batch_files import Pen
from gateway.batch_input import WAIT, Input, InputGone, Tools, together
from gateway.batch_lines import MOST_LINES, Bad, Request
from gateway.dialects._dialect import Door
from schemas.files import BATCH, BatchRecord, BatchStatus, LineError
from schemas.job import State
from schemas.problem import Problem

log = structlog.get_logger()

TOLD = 100
"""Errors that a failed batch lists."""
AUDIT = 10.0
"""Seconds after which open jobs are looked at: the news of an end may be lost."""
LOOK = 1.0
"""Seconds between two looks at the record (cancelled?) and two writings of the counts."""
KEPT = 30 * 86400
"""Seconds an ended batch can be asked for."""


class Moved(Exception):
    """The record's status was changed by somebody else: begin again with that."""


class Run:
    """One batch in one process. `go` until it has ended; `ended` tells it the end of a job."""

    def __init__(self, tools: Tools, found: tuple[int, BatchRecord], doors: dict[str, Door]) -> None:
        self._tools = tools
        self.revision, self.record = found
        self._input = Input(tools, self.record, doors[self.record.endpoint])
        self._open: set[int] = set()
        self._over: set[int] = set()
        self._strange: deque[int] = deque(maxlen=4096)
        self._news = asyncio.Event()
        self._done = self._failed = 0
        self._looked = self._audited = time.monotonic()

    def ended(self, job: int) -> None:
        """A job has ended, maybe one of ours."""
        if job in self._open:
            self._open.discard(job)
            self._over.add(job)
            self._news.set()
        else:
            self._strange.append(job)

    def _watch(self, job: int) -> None:
        """A job is open; or it has ended before we knew its number."""
        self._open.add(job)
        if job in self._strange:
            self.ended(job)

    async def go(self) -> None:
        """Work until the batch has ended. Raises what made it stop: it may then be begun again."""
        while not self.record.status.terminal:
            try:
                match self.record.status:
                    case BatchStatus.VALIDATING:
                        await self._validate()
                    case BatchStatus.IN_PROGRESS:
                        await self._send_all()
                    case _:
                        await self._finish()
            except Moved:
                continue
            except InputGone:
                await self._fail(0, [LineError(code="file_gone", message="The input file is no longer there.")])
        await self._let_go()

    async def _let_go(self) -> None:
        record = self.record
        await self._tools.files.blobs.drop(record.blob, f"{BATCH}{record.id}")
        await self._tools.records.unflag((record.tenant, record.key, record.id))
        log.info(
            "batch.ended", batch=record.id, status=str(record.status), completed=record.completed, failed=record.failed
        )

    # ---- checking -------------------------------------------------------------------------------------------------

    async def _validate(self) -> None:
        """Count the lines. Only what makes no sense as a whole fails here; a bad line is its own fault."""
        total, model, bad = 0, "", 0
        errors: list[LineError] = []
        async for line in self._input.requests():
            total += 1
            if total > MOST_LINES:
                text = f"The file has more than {MOST_LINES:,} requests; split it."
                return await self._fail(0, [LineError(code="too_many_requests", message=text, line=MOST_LINES + 1)])
            if isinstance(line, Bad):
                bad += 1
                errors += [line.error] if len(errors) < TOLD else []
            elif not model:
                model = line.model
        if not total:
            return await self._fail(0, [LineError(code="empty_file", message="The file holds no requests.")])
        if bad == total:
            return await self._fail(total, errors)
        await self._change(status=BatchStatus.IN_PROGRESS, in_progress=time.time(), total=total, model=model)
        return None

    async def _fail(self, total: int, errors: list[LineError]) -> None:
        await self._end(BatchStatus.FAILED, total=total, failed=total, errors=tuple(errors))

    # ---- sending --------------------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        self._open, self._over = set(), set()
        self._input.refused.clear()
        self._done = self._failed = 0
        async with aclosing(self._input.groups()) as groups:
            async for group in groups:
                sent = await self._sent(group)
                for line in group:
                    if self._late():
                        break
                    if isinstance(line, Request) and line.fault is None:
                        if line.number not in sent:
                            await self._send(line)
                    else:
                        self._failed += 1
                if self._late():
                    break
        while self._open and not self._late():
            await self._wait()
        await self._settle()
        await self._change(status=BatchStatus.FINALIZING, finalizing=time.time())

    async def _sent(self, group: list[Request | Bad]) -> set[int]:
        """The lines that an earlier run has sent: they are counted, or open. A name alone is no job yet: whoever gave it
        may have died before the job was stored."""
        jobs, sent = await self._input.jobs(group), set()
        for some in together(list(jobs)):
            found = await records_of(self._tools.dispatcher.bus, self.record.tenant, [jobs[line] for line in some])
            for line in some:
                record = found.get(jobs[line])
                if record is None:
                    continue
                sent.add(line)
                if not record.state.terminal:
                    self._watch(jobs[line])
                elif record.state is State.DONE:
                    self._done += 1
                else:
                    self._failed += 1
        return sent

    async def _send(self, line: Request) -> None:
        """The line as a job, when there is room for it."""
        while len(self._open) >= self._tools.limits.batch_jobs and not self._late():
            await self._wait()
        while not self._late():
            hold = None
            try:
                key, asked = self._tools.access.named(self.record.key, self.record.tenant), self._input.job(line)
                self._tools.access.allow(key, asked.op, asked.model)
                if self._tools.till is not None and self._tools.till.applies(key):
                    asked, hold = await self._tools.till.admit(key, asked, None)
                accepted = await self._tools.dispatcher.submit(asked)
                if accepted.duplicate and hold is not None:  # sent before a crash, and paid then
                    hold.undo()
                self._watch(accepted.id)
            except Problem as problem:
                if hold is not None:
                    hold.undo()
                if problem.code in WAIT:
                    await self._wait(min(problem.fault.retry_after or 1.0, 10.0))
                    continue
                self._input.refused[line.number] = problem.fault
                self._failed += 1
            return

    def _late(self) -> bool:
        return time.time() >= self.record.expires

    async def _wait(self, seconds: float = LOOK) -> None:
        """Until some job ends or `seconds` have passed; once in a while the record and the open jobs are looked at."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, min(seconds, self.record.expires - time.time()))):
                await self._news.wait()
        now = time.monotonic()
        if now - self._audited > AUDIT:
            await self._audit()
        if now - self._looked > LOOK or len(self._over) > 4 * TOGETHER:
            self._looked = now
            await self._settle()
            await self._tell_counts()

    async def _audit(self) -> None:
        """Look at all open jobs: those that ended unheard, or whose record is gone, are not open any more."""
        self._audited = time.monotonic()
        for some in together(list(self._open)):
            found = await records_of(self._tools.dispatcher.bus, self.record.tenant, some)
            for job in some:
                if job not in found or found[job].state.terminal:
                    self.ended(job)

    async def _settle(self) -> None:
        """Count the jobs that have ended."""
        over, self._over = list(self._over), set()
        for some in together(over):
            found = await records_of(self._tools.dispatcher.bus, self.record.tenant, some)
            good = sum(record.state is State.DONE for record in found.values())
            self._done += good
            self._failed += len(some) - good

    async def _tell_counts(self) -> None:
        """What a caller sees, and our look at what others wrote. After a restart the counts wait until they grow again."""
        done, failed = max(self._done, self.record.completed), max(self._failed, self.record.failed)
        if (done, failed) != (self.record.completed, self.record.failed):
            await self._change(completed=done, failed=failed)
            return
        record = self.record
        found = await self._tools.records.get(record.tenant, record.key, record.id)
        if found is not None and found[0] != self.revision:
            await self._change()

    # ---- the end --------------------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """Stop what still runs, write the files, and say how it ended. `cancelling` or `finalizing`, before and during."""
        await self._stop_open()
        record = self.record
        if not record.output_file:
            new = self._tools.dispatcher.new_id
            await self._change(output_file=new(), error_file=new())
        pen = Pen(self._input, cancelled=record.status is BatchStatus.CANCELLING, late=self._late())
        output = await pen.write(self.record.output_file, "output", pen.output())
        errors = await pen.write(self.record.error_file, "error", pen.errors())
        cancelled = record.status is BatchStatus.CANCELLING
        status = BatchStatus.CANCELLED if cancelled else BatchStatus.EXPIRED if pen.unrun else BatchStatus.COMPLETED
        await self._end(
            status,
            total=pen.done + pen.failed,
            completed=pen.done,
            failed=pen.failed,
            output_file=self.record.output_file if output else 0,
            error_file=self.record.error_file if errors else 0,
            **pen.usage,
        )

    async def _stop_open(self) -> None:
        if self.record.status is not BatchStatus.CANCELLING and not self._late():
            return
        dispatcher = self._tools.dispatcher
        async for group in self._input.groups():
            jobs = list((await self._input.jobs(group)).values())
            for some in together(jobs):
                found = await records_of(dispatcher.bus, self.record.tenant, some)
                open_jobs = [record.job for record in found.values() if not record.state.terminal]
                await asyncio.gather(*(dispatcher.cancel(job) for job in open_jobs))

    async def _end(self, status: BatchStatus, **fields: Any) -> None:
        await self._change(status=status, ended=time.time(), **fields)

    async def _change(self, **fields: Any) -> None:
        """Write the record. Raises `Moved` when somebody has given it another status meanwhile."""
        while True:
            new = replace(self.record, **fields)
            try:
                life = KEPT if new.status.terminal else 0
                self.revision = await self._tools.records.put(new, self.revision, life)
                self.record = new
                return
            except Conflict:
                found = await self._tools.records.get(new.tenant, new.key, new.id)
                if found is None:
                    raise
                before = self.record.status
                self.revision, self.record = found
                if self.record.status is not before:
                    raise Moved from None
