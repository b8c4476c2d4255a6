"""LOG read from any sequence on: by the archiver, and by whoever asks for rows that are not archived yet.

What a newcomer would get wrong: there is no consumer. Each read starts at the last archived message and compares its time
stamp. LOG is written asynchronously by some servers, so a power loss may take its tail, and the sequences are given again to
other messages: then a new epoch begins (`storage.parts`).
"""

import asyncio
from pathlib import Path

import msgspec
import structlog

from bus.acks import ApiError
from bus.connection import Bus
from bus.wire import Message
from schemas.log import RequestLog, Row, decode_rows
from schemas.problem import Code, Problem
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
SILENCE = 5.0
"""Seconds a page may take."""


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
