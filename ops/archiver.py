"""The archiver's role: LOG in stream order, in batches, into Parquet.

What a newcomer would get wrong: there is no consumer and no ack. The position in LOG is the archive's own mark, committed
together with the rows, so it can't disagree with them. A durable consumer redelivers what a killed archiver held after the
next one has read on, out of order, and a mark would then pass rows it never saw.

A batch costs 50 ms of CPU whatever is in it, so a few rows wait a little for company. Nobody misses them meanwhile: whoever
asks reads them from LOG (`ops.log_reader`).
"""

import asyncio
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import structlog

from bus.connection import Bus
from bus.counts import Counts, answer
from ops.keeping import Chores
from ops.log_reader import Batch, LogReader, Moved
from schemas.discretion import Discretion
from schemas.problem import Problem
from storage.archive import Archive
from storage.keeping import Rules

log = structlog.get_logger()

FEW, PATIENCE = 100, 3
"""Fewer rows than this wait until the last batch was so many times `flush_seconds` ago."""
REST_SECONDS = 10.0
"""After so long without a row DuckDB's memory is given back: 25 MB, for 20 ms at the next batch."""
MERGE_SECONDS = 10.0
"""Between two looks for files to merge."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds before a failed round is tried again."""


async def run_archiver(
    bus: Bus, archive: Path, flush_seconds: float, stop: asyncio.Event, rules: Rules | None = None
) -> None:
    """Archive LOG until `stop`, `flush_seconds` behind (a few rows: four times that), and then what is left of it. `rules`:
    how long it is kept.

    Waits while another archiver has the folder. Losing NATS or the disk is waited out; nothing is lost by it, since LOG
    keeps its messages for 60 days.
    """
    writer = Archive(archive)
    if not await _take_folder(writer, stop):
        return
    rules = rules or Rules()
    role = Archiver(writer, LogReader(bus), flush_seconds, rules)
    counts, name = Counts(), f"{socket.gethostname()[:20].replace('.', '-')}-{os.getpid()}-archiver"
    bus.on_reconnect.append(counts.reconnected)
    await answer(bus, lambda: counts.process(name, "archiver", **role.facts()))
    chores = asyncio.create_task(Chores(bus, writer, rules).run(stop), name="archive.chores")
    try:
        await role.run(stop)
    finally:
        chores.cancel()
        await asyncio.to_thread(writer.close)


class Archiver:
    """The loop around one writer and one reader."""

    def __init__(self, writer: Archive, reader: LogReader, flush_seconds: float, rules: Rules | None = None) -> None:
        """`rules.redact`: rows come without what shall not be written; those of an older process, and acts, lose it here."""
        self.writer, self.reader, self.flush_seconds, self.rules = writer, reader, flush_seconds, rules or Rules()
        self.rows, self.level = 0, time.time()
        """Rows written by this process; and a time (Unix seconds) until which LOG is archived for certain."""
        self._written = 0.0
        """When the last batch was written (monotonic seconds); 0: long ago."""
        self._merge: asyncio.Task[None] | None = None
        self._merge_at = time.monotonic() + MERGE_SECONDS

    def facts(self) -> dict[str, float]:
        """For `/metrics`."""
        behind = max(0.0, time.time() - self.level)
        return {
            "lag_seconds": behind, "mark": self.writer.mark.seq, "rows": self.rows, "damaged_files": len(self.writer.damaged)
        }  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        pause = SHORTEST_PAUSE
        while not stop.is_set():
            began = time.monotonic()
            try:
                more = await self.round()
            except Exception as error:
                log.warning("archive.round_failed", error=str(error) or type(error).__name__, retry_seconds=pause)
                await _sleep(stop, pause)
                pause = min(LONGEST_PAUSE, pause * 2)
                continue
            pause = SHORTEST_PAUSE
            self._merge_now_and_then()
            await self._rest()
            if not more:
                await _sleep(stop, self.flush_seconds - (time.monotonic() - began))
        try:
            while await self.round(last=True):
                pass
        except Exception as error:
            log.warning("archive.last_round_failed", error=str(error) or type(error).__name__)

    async def round(self, last: bool = False) -> bool:
        """Archive what has come since the last round; whether there is more already. `last`: however little it is."""
        began = time.time()
        try:
            if not self.writer.mark.epoch:
                raise Moved
            batch = await self.reader.after(self.writer.mark)
        except Moved:
            end = await self.reader.end()
            await asyncio.to_thread(self.writer.renew, end)
            return True
        if batch.last > self.writer.mark.seq:
            if not last and self._waits(batch):
                return False
            await asyncio.to_thread(self._write, batch)
            self._written = time.monotonic()
        if not batch.more:
            self.level = began
        return batch.more

    def _waits(self, batch: Batch) -> bool:
        few = not batch.more and len(batch.rows) < FEW
        return few and time.monotonic() < self._written + PATIENCE * self.flush_seconds

    async def _rest(self) -> None:
        if self._written and time.monotonic() > self._written + REST_SECONDS:
            self._written = 0.0
            await asyncio.to_thread(self.writer.rest)

    def _write(self, batch: Batch) -> None:
        began = time.monotonic()
        for seq, data in batch.garbled:
            self.writer.refuse(seq, data, "msgpack")
        discretion = Discretion(redact=self.rules.redact)
        rows = [(seq, discretion.veiled(row)) for seq, row in batch.rows]
        written = self.writer.append(rows, batch.last, batch.stamp)
        self.rows += written
        seconds = round(time.monotonic() - began, 3)
        log.debug("archive.batch_written", rows=written, again=len(batch.rows) - written, seconds=seconds)

    def _merge_now_and_then(self) -> None:
        if time.monotonic() >= self._merge_at and (self._merge is None or self._merge.done()):
            self._merge_at = time.monotonic() + MERGE_SECONDS
            self._merge = asyncio.create_task(self._merge_all(), name="archive.merge")

    async def _merge_all(self) -> None:
        try:
            while await asyncio.to_thread(self.writer.complete):
                pass  # a damaged requests file is left out from the second look on
            while await asyncio.to_thread(self.writer.merge, time.time()):
                pass
        except Exception as error:
            log.warning("archive.merge_failed", error=str(error))


async def _take_folder(writer: Archive, stop: asyncio.Event) -> bool:
    """Open the archive, however long another archiver has it; False: stopped meanwhile."""
    waits = False
    while not stop.is_set():
        try:
            await asyncio.to_thread(writer.open)
            return True
        except Problem as problem:
            if not waits:
                log.info("archive.waiting", why=str(problem))
            waits = True
        await _sleep(stop, 0.5)
    return False


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
