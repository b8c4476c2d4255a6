"""Records of live calls: one row each, sent to LOG in batches. Durable jobs are recorded by their worker.

A batch is made once and published under one id until it is stored, so a lost answer makes no second row. While NATS is
away the rows wait here, up to a bound; what does not fit is dropped and counted in the log, for a gateway that runs out of
memory loses every call and not a record.
"""

import asyncio
import time
from collections import deque
from contextlib import suppress

import msgspec
import structlog

from bus import subjects
from bus.acks import Full
from bus.connection import Bus
from bus.counts import Counts
from bus.watch_tally import Tally
from schemas.discretion import DISCREET, Discretion
from schemas.events import Done, Failed
from schemas.job import Job
from schemas.log import RequestLog, encode_logs
from schemas.problem import Problem
from schemas.rows import NO_ACCOUNTS, Accounts, Bill, row

log = structlog.get_logger()

SECONDS = 0.2
"""From one round of messages to the next: a lone row goes at once, and a killed gateway takes it along only in that moment."""
ROWS = 500
BATCH_BYTES = 2_500_000
"""Size at which a batch is full. One row holds up to 4 MB of bodies, and both must pass NATS's 8 MB together."""
HELD_ROWS = 50_000
HELD_BYTES = 256_000_000

Batch = list[RequestLog]


class Records:
    """The rows of one gateway. `add` never blocks and never fails."""

    def __init__(
        self,
        bus: Bus,
        *,
        discretion: Discretion = DISCREET,
        held_rows: int = HELD_ROWS,
        accounts: Accounts = NO_ACCOUNTS,
    ) -> None:
        self._bus, self.discretion, self._held_rows, self._accounts = bus, discretion, held_rows, accounts
        self.tally: Tally | None = None
        """Counts what has ended here, for those who watch the house."""
        self.counts: Counts | None = None
        """The same for `/metrics`."""
        self._rows: dict[tuple[str, str], deque[RequestLog]] = {}
        """By tenant and operation, as the subjects are."""
        self._count = self._bytes = self._dropped = 0
        self._unsent: Batch = []
        self._some, self._full = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, job: Job, end: Done | Failed, bill: Bill | None = None) -> Bill:
        """Record how `job` ended, now. Returns what it cost."""
        bill = bill or self._accounts.bill(job, end)
        if self._count >= self._held_rows or self._bytes > HELD_BYTES:
            self._dropped += 1
            return bill
        now = time.time()
        made = row(job, end, finished=now, discretion=self.discretion, bill=bill)
        if self.tally is not None:
            self.tally.add(made, now)
        if self.counts is not None:
            self.counts.ended(made)
        rows = self._rows.get((job.tenant, job.op))
        if rows is None:
            rows = self._rows[(job.tenant, job.op)] = deque()
        rows.append(made)
        self._count += 1
        self._bytes += _size(made)
        if self._count >= ROWS:
            self._full.set()
        self._some.set()
        return bill

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self, seconds: float = 5.0) -> None:
        """Send what is left, for at most `seconds`; what stays behind is counted in the log."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        until = time.monotonic() + seconds
        try:
            while self._unsent or self._count:
                self._unsent = self._unsent or self._batch()
                await self._send(self._unsent, max(0.1, until - time.monotonic()))
                self._unsent = []
        except (Problem, Full):
            self._dropped += self._count + len(self._unsent)
        self._tell_dropped()

    async def _run(self) -> None:
        loop, due = asyncio.get_running_loop(), 0.0
        while True:
            await self._some.wait()
            self._some.clear()
            if self._count < ROWS:
                self._full.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await self._full.wait()
            due = loop.time() + SECONDS
            while self._count:
                self._unsent = self._batch()
                await self._send_surely()
            self._tell_dropped()

    def _batch(self) -> Batch:
        """Rows that may travel together: one tenant, one operation, one message's size."""
        kind, rows = next(iter(self._rows.items()))
        batch: Batch = []
        size = 0
        while rows and len(batch) < ROWS and size < BATCH_BYTES:
            batch.append(rows.popleft())
            size += _size(batch[-1])
        if not rows:
            del self._rows[kind]
        self._count -= len(batch)
        self._bytes -= size
        return batch

    async def _send_surely(self) -> None:
        """Until it is stored. A later try says `again`, for the server forgets message ids after 30 minutes."""
        pause = SECONDS
        while self._unsent:
            try:
                await self._send(self._unsent, 10.0)
                self._unsent = []
            except (Problem, Full) as error:
                log.warning("records.delayed", rows=len(self._unsent), waiting=self._count, error=str(error))
                self._unsent = [msgspec.structs.replace(made, again=True) for made in self._unsent]
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            except Exception:
                log.exception("records.refused", rows=len(self._unsent))
                self._dropped += len(self._unsent)
                self._unsent = []

    async def _send(self, batch: Batch, timeout: float) -> None:
        first = batch[0]
        subject = subjects.log(first.tenant, first.op)
        await self._bus.keep(subject, encode_logs(batch), msg_id=f"live-{first.job}", timeout=timeout)

    def _tell_dropped(self) -> None:
        if self._dropped:
            log.warning("records.dropped", rows=self._dropped)
            self._dropped = 0


def _size(made: RequestLog) -> int:
    return 1000 + len(made.request or "") + len(made.response or "")
