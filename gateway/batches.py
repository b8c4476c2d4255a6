"""Batches: who asked for which, and which process works at it. The work itself is in `gateway/batch_run.py`.

Every gateway looks for unfinished batches and takes those that nobody holds, by a lease that lapses six seconds after its
holder died. What a newcomer would get wrong: losing the lease does no harm. Two processes at one batch send the same jobs
under the same refs, and of two changes to its record the second is refused.
"""

import asyncio
import re
import time

import structlog
from msgspec.structs import replace

from bus import subjects
from bus.acks import ApiError, Conflict, Full
from bus.connection import Bus
from bus.filing import Lease, batches_of
from bus.ids import created_at
from bus.jobs import STATE
from bus.wire import Message
from gateway.access import Access
from gateway.batch_input import Tools
from gateway.batch_run import Run
from gateway.dialects._dialect import Door
from gateway.dialects.doors import DOORS
from gateway.files import Files, number_of
from gateway.parts import Parts
from gateway.till import Till
from schemas.files import BATCH, BatchRecord, BatchRequest, BatchStatus, page_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

log = structlog.get_logger()

ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")
"""What a batch may be for, where the gateway serves it."""
LOOK_EVERY = 2.0
"""Seconds between two looks for batches that nobody works at."""
LEASE = 6
AT_ONCE = 8
"""Batches that one process works at."""
AGAIN = 5.0
"""Seconds after which a batch that failed on a fault of ours is taken up again."""
LONGEST = 72 * 3600
_UNITS = {"s": 1, "m": 60, "h": 3600}
_WINDOW = re.compile(r"([0-9]+)([smh])")
Owner = tuple[str, str, int]


class Batches:
    """The batches of all keys, for one gateway process."""

    def __init__(self, parts: Parts, files: Files, access: Access, till: Till | None = None) -> None:
        self.bus: Bus = parts.bus
        self.files = files
        self.doors: dict[str, Door] = {path: DOORS[path] for path in ENDPOINTS if path in DOORS}
        self.records = batches_of(self.bus)
        self._tools = Tools(parts.dispatcher, files, self.records, access, parts.limits, till)
        self._running: dict[Owner, tuple[Run, asyncio.Task[None]]] = {}
        self._not_before: dict[Owner, float] = {}
        self._wake = asyncio.Event()
        self._mind: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to mind the batches of all keys."""
        await self.bus.listen(subjects.JOB_CHANGES, self._heard)
        self._mind = asyncio.create_task(self._minding())

    async def stop(self) -> None:
        """Let go of everything: another gateway goes on, or this one when it is back."""
        if self._mind is not None:
            self._mind.cancel()
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=3)

    # ---- what callers ask -----------------------------------------------------------------------------------------

    async def create(self, key: ApiKey, asked: BatchRequest) -> BatchRecord:
        """Accept a batch: when this returns it is stored. Raises `Problem`: INVALID_REQUEST, NOT_FOUND (the file)."""
        if asked.endpoint not in self.doors:
            known = ", ".join(sorted(self.doors))
            raise Problem(Code.INVALID_REQUEST, f"endpoint must be one of: {known}.", param="endpoint")
        file = await self.files.get(key, asked.input_file_id, "input_file_id")
        if file.purpose != "batch":
            text = f"The file was uploaded for '{file.purpose}'; a batch reads one of purpose 'batch'."
            raise Problem(Code.INVALID_REQUEST, text, param="input_file_id")
        now, number = time.time(), self.files.new_id()
        record = BatchRecord(
            id=number,
            tenant=key.tenant,
            key=key.id,
            endpoint=asked.endpoint,
            input_file=file.id,
            blob=file.blob,
            window=asked.completion_window,
            created=now,
            expires=now + window_seconds(asked.completion_window),
            metadata=asked.metadata,
            output_life=asked.output_expires_after.seconds if asked.output_expires_after else 0,
        )
        await self.files.blobs.hold(file.blob, f"{BATCH}{number}")
        await self.records.flag(record)
        await self.records.put(record)
        self._wake.set()
        return record

    async def get(self, key: ApiKey, name: str) -> BatchRecord:
        """The batch `batch_…` of this key. Raises `Problem(NOT_FOUND)`."""
        return (await self._find(key, name))[1]

    async def page(self, key: ApiKey, limit: int, after: str | None) -> tuple[list[BatchRecord], bool]:
        """The newest first, and whether there are more."""
        number = number_of(after, BATCH) if after else 0
        if after and not number:
            raise Problem(Code.INVALID_REQUEST, "after must be the id of a batch.", param="after")
        return page_of(await self.records.of(key.tenant, key.id), limit, number, descending=True)

    async def cancel(self, key: ApiKey, name: str) -> BatchRecord:
        """Have it end soon, with what is done by then. Raises `Problem`: NOT_FOUND, CONFLICT when it has ended."""
        while True:
            revision, record = await self._find(key, name)
            if record.status is BatchStatus.CANCELLING:
                return record
            if record.status.terminal or record.status is BatchStatus.FINALIZING:
                text = f"Cannot cancel a batch with status '{record.status}'."
                raise Problem(Code.CONFLICT, text, param="batch_id")
            new = replace(record, status=BatchStatus.CANCELLING, cancelling=time.time())
            try:
                await self.records.put(new, revision)
            except Conflict:
                continue
            self._wake.set()
            return new

    async def _find(self, key: ApiKey, name: str) -> tuple[int, BatchRecord]:
        number = number_of(name, BATCH)
        found = await self.records.get(key.tenant, key.id, number) if number else None
        if found is None:
            raise Problem(Code.NOT_FOUND, f"No such Batch object: {name[:60]}", param="batch_id")
        return found

    # ---- who works at what ----------------------------------------------------------------------------------------

    async def _minding(self) -> None:
        while True:
            try:
                await self._take_up()
            except (Problem, ApiError, Conflict, Full) as error:
                log.warning("batches.look_failed", error=str(error))
            except Exception:
                log.exception("batches.look_failed")
            self._wake.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _take_up(self) -> None:
        for owner in await self.records.flagged():
            if owner in self._running or len(self._running) >= AT_ONCE:
                continue  # the next look sees it again
            if self._not_before.get(owner, 0.0) > time.monotonic():
                continue
            lease = Lease(self.bus, f"batch-{owner[2]}", LEASE)
            if await lease.hold():
                found = await self.records.get(*owner)
                if found is not None and found[1].endpoint in self.doors:
                    self._begin(owner, Run(self._tools, found, self.doors), lease)
                elif (
                    found is None and time.time() - created_at(owner[2]) > LEASE
                ):  # its maker died before the record was written
                    await self.records.unflag(owner)

    def _begin(self, owner: Owner, run: Run, lease: Lease) -> None:
        task = asyncio.create_task(self._hold(owner, run, lease))
        self._running[owner] = run, task
        task.add_done_callback(lambda _: self._running.pop(owner, None))

    async def _hold(self, owner: Owner, run: Run, lease: Lease) -> None:
        """The work, for as long as the lease is ours."""
        work = asyncio.create_task(run.go())
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=LEASE / 3)
                if not work.done() and not await lease.hold():
                    log.warning("batch.lease_lost", batch=owner[2])
                    return
            work.result()
            self._not_before.pop(owner, None)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._not_before[owner] = time.monotonic() + AGAIN
            expected = isinstance(error, Problem | ApiError | Conflict | Full)
            log.warning("batch.interrupted", batch=owner[2], error=str(error), exc_info=None if expected else error)
        finally:
            work.cancel()
            await asyncio.wait({work}, timeout=2)
            await lease.drop()

    def _heard(self, message: Message) -> None:
        if self._running and message.headers and message.headers.get(STATE) == "done":
            job = int(message.subject.rpartition(".")[2])
            for run, _ in self._running.values():
                run.ended(job)


def window_seconds(text: str) -> float:
    """`24h` in seconds. Raises `Problem(INVALID_REQUEST)`."""
    found = _WINDOW.fullmatch(text)
    seconds = int(found.group(1)) * _UNITS[found.group(2)] if found else 0
    if not 0 < seconds <= LONGEST:
        raise Problem(
            Code.INVALID_REQUEST,
            "completion_window must be '24h', or another time up to 72h.",
            param="completion_window",
        )
    return float(seconds)
