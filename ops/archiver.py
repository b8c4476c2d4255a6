"""The archiver's role: LOG in stream order, a batch a second, into Parquet.

What a newcomer would get wrong: there is no consumer and no ack. The position in LOG is the archive's own mark, committed
together with the rows, so it can't disagree with them. A durable consumer redelivers what a killed archiver held after the
next one has read on, out of order, and a mark would then pass rows it never saw.

Each read starts at the last archived message and compares its time stamp. LOG is written asynchronously, so a power loss
may take its tail, and the sequences are given again to other messages: then a new epoch begins (`storage.parts`).
"""

import asyncio
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from bus.acks import ApiError
from bus.connection import Bus
from bus.counts import Counts, answer
from bus.wire import Message
from schemas.discretion import Discretion
from schemas.log import RequestLog, Row, decode_rows
from schemas.problem import Code, Problem
from storage.archive import Archive
from storage.keeping import Rules
from storage.parts import Mark, read_mark
from storage.sql import Hot

log = structlog.get_logger()

ROWS = 10_000
"""Rows of one batch, about."""
BYTES = 16 << 20
"""Bytes of one batch, about: bodies may be in the rows."""
PAGE, PAGE_BYTES = 1000, 1 << 20
"""Messages and bytes of one read."""
HOT_ROWS = 50_000
MERGE_SECONDS = 10.0
"""Between two looks for files to merge."""
SILENCE = 5.0
"""Seconds a page may take."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds before a failed round is tried again."""


class Moved(Exception):
    """The stream is not the one that was archived: made anew, or its tail was lost and written again."""


class Batch(msgspec.Struct):
    """What follows the mark, up to the message `last` with the time stamp `stamp`. `more`: LOG holds still more."""

    rows: list[tuple[int, Row]]
    last: int
    stamp: str
    garbled: list[tuple[int, bytes]]
    more: bool = False
    size: int = 0


class LogReader:
    """LOG by batched direct get: many messages an answer, from any sequence, and nothing to remember in the server."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._inbox = bus.nc.new_inbox()
        self._pages = 0
        self._missed = 0

    async def after(self, mark: Mark, limit: int = ROWS) -> Batch:
        """What LOG holds after the mark, about `limit` rows of it. Raises `Moved`, `Problem(UNAVAILABLE)`."""
        batch = Batch([], mark.seq, mark.time, [], more=True)
        start = mark.seq or 1  # the first page begins with the marked message itself, to see that it is still the same
        while batch.more and len(batch.rows) < limit and batch.size < BYTES:
            messages, more = await self._page(start)
            batch.more = more and bool(messages)
            if messages and _seq(messages[0]) == batch.last:
                if _stamp(messages[0]) != batch.stamp:
                    raise Moved
                messages = messages[1:]
            elif messages:
                self._count_missed(batch.last, _seq(messages[0]))
            elif batch.last and await self.end() < batch.last:
                raise Moved
            for message in messages:
                _take(batch, message)
            start = batch.last + 1  # a marked message of a megabyte fills its page alone: never ask for it again
        return batch

    async def end(self) -> int:
        """The stream's last sequence."""
        try:
            info = await self.bus.api("STREAM.INFO.LOG")
        except ApiError as error:
            raise Problem(Code.UNAVAILABLE, f"The stream LOG can't be read: {error}", retry_after=1) from error
        return int(info["state"]["last_seq"])

    def _count_missed(self, last: int, first: int) -> None:
        """The stream forgets after 60 days: an archiver that was away for longer has lost something, and says so."""
        if first > last + 1 and last > self._missed:
            self._missed = first
            log.error("archive.rows_missed", after=last, before=first)

    async def _page(self, seq: int) -> tuple[list[Message], bool]:
        """The messages from `seq` on without a hole, and whether more follow. Raises `Problem(UNAVAILABLE)`."""
        self._pages += 1
        inbox = f"{self._inbox}.{self._pages}"
        got: asyncio.Queue[Message] = asyncio.Queue()
        found: list[Message] = []
        ear = await self.bus.listen(inbox, got.put_nowait)
        try:
            ask = {"seq": seq, "batch": PAGE, "max_bytes": PAGE_BYTES, "next_by_subj": "log.>"}
            self.bus.tell("$JS.API.DIRECT.GET.LOG", msgspec.json.encode(ask), inbox)
            async with asyncio.timeout(SILENCE):
                while not (message := await got.get()).status:
                    found.append(message)
        except TimeoutError:
            raise Problem(Code.UNAVAILABLE, "The stream LOG does not answer.", retry_after=1) from None
        finally:
            await ear.close()
        if message.status not in ("204", "404"):
            raise Problem(Code.UNAVAILABLE, f"The stream LOG can't be read ({message.status}).", retry_after=1)
        whole = _without_hole(found)
        pending = (message.headers or {}).get("Nats-Num-Pending", "0")
        return whole, pending != "0" or len(whole) < len(found)


async def run_archiver(
    bus: Bus, archive: Path, flush_seconds: float, stop: asyncio.Event, rules: Rules | None = None
) -> None:
    """Archive LOG until `stop`, at most `flush_seconds` behind, and then what is left of it. `rules`: how long it is kept.

    Waits while another archiver has the folder. Losing NATS or the disk is waited out; nothing is lost by it, since LOG
    keeps its messages for 60 days.
    """
    writer = Archive(archive)
    if not await _take_folder(writer, stop):
        return
    from ops.keeping import Chores  # the gateway reads LOG with this file, and does no chores

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
            if not more:
                await _sleep(stop, self.flush_seconds - (time.monotonic() - began))
        try:
            while await self.round():
                pass
        except Exception as error:
            log.warning("archive.last_round_failed", error=str(error) or type(error).__name__)

    async def round(self) -> bool:
        """Archive what has come since the last round; whether there is more already."""
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
            await asyncio.to_thread(self._write, batch)
        if not batch.more:
            self.level = began
        return batch.more

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


async def read_hot(bus: Bus, archive: Path, limit: int = HOT_ROWS) -> Hot:
    """The rows that are on the bus and not in the archive yet, about `limit` at most, for `storage.sql.Sql`.

    Raises `Problem(UNAVAILABLE)` when LOG can't be read.
    """
    mark, reader = read_mark(archive), LogReader(bus)
    check = False
    try:
        batch = await reader.after(mark, limit)
    except Moved:
        check = True
        batch = await reader.after(Mark(), limit)
    requests = [(seq, row) for seq, row in batch.rows if isinstance(row, RequestLog)]
    others = [(seq, row) for seq, row in batch.rows if not isinstance(row, RequestLog)]
    return Hot(mark.epoch, requests, check=check, more=batch.more, others=others)


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


def _take(batch: Batch, message: Message) -> None:
    """Add one message's rows. One that can't be read is put aside, for it would stop the archive for ever."""
    seq = _seq(message)
    try:
        subject = (message.headers or {}).get("Nats-Subject", "")
        batch.rows += [(seq, row) for row in decode_rows(subject, message.data)]
    except msgspec.MsgspecError:
        batch.garbled.append((seq, message.data))
    batch.last, batch.stamp = seq, _stamp(message)
    batch.size += len(message.data)


def _without_hole(messages: list[Message]) -> list[Message]:
    """The messages up to the first that was dropped on its way: each names the one before it."""
    for n in range(1, len(messages)):
        if int((messages[n].headers or {}).get("Nats-Last-Sequence", "0")) != _seq(messages[n - 1]):
            return messages[:n]
    return messages


def _seq(message: Message) -> int:
    return int((message.headers or {}).get("Nats-Sequence", "0"))


def _stamp(message: Message) -> str:
    return (message.headers or {}).get("Nats-Time-Stamp", "")
