"""What happens to files, on its way to the archive's table `files`: rows in batches, behind the back of whoever acts.

What a newcomer would get wrong: whoever stores or deletes a file waits for nothing here, so a process that is killed at once
takes the row with it (a busy one the rows of 0.2 s). A row's id says what happened to which revision of the record, so two
that tell the same tell one row; and a batch goes out under one name until it is stored.
"""

import asyncio
import secrets
import time
from collections import deque

import structlog

from bus import subjects
from bus.acks import ApiError, Full
from bus.connection import Bus
from schemas.files import FileRecord
from schemas.log import FileLog, encode_logs
from schemas.problem import Problem

log = structlog.get_logger()

SECONDS = 0.2
"""Between two messages at least: what comes meanwhile is gathered."""
ROWS = 500
HELD = 20_000
"""Rows that wait at most while the bus is away; further ones are dropped, and counted in the log."""


class FileNotes:
    """The rows of one process. `add` never blocks and never fails."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._rows: deque[FileLog] = deque()
        self._task: asyncio.Task[None] | None = None
        self._dropped = 0
        self._next = 0.0
        """When the next message may go (monotonic seconds)."""

    def add(self, event: str, record: FileRecord, revision: int, time: float, actor: str = "") -> None:
        """`event`: stored, deleted, lapsed or evicted. `revision`: the record's, as it is stored or was removed."""
        if len(self._rows) >= HELD:
            self._dropped += 1
            return
        self._rows.append(file_row(event, record, revision, time, actor))
        if self._task is None or self._task.done():
            self._task = self.bus.spawn(self._run())

    async def stop(self, seconds: float = 3.0) -> None:
        """Send what is left, for at most `seconds`."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=seconds)

    async def _run(self) -> None:
        while self._rows:
            if len(self._rows) < ROWS:
                await asyncio.sleep(self._next - time.monotonic())
            self._next = time.monotonic() + SECONDS
            batch = self._batch()
            await self._send(subjects.log(batch[0].tenant, "file"), encode_logs(batch))
        if self._dropped:
            log.warning("file_notes.dropped", rows=self._dropped)
            self._dropped = 0

    def _batch(self) -> list[FileLog]:
        """The first rows, as long as they are one tenant's."""
        batch = [self._rows.popleft()]
        while self._rows and len(batch) < ROWS and self._rows[0].tenant == batch[0].tenant:
            batch.append(self._rows.popleft())
        return batch

    async def _send(self, subject: str, data: bytes) -> None:
        name, pause = f"files-{secrets.token_hex(12)}", SECONDS
        while True:
            try:
                await self.bus.keep(subject, data, msg_id=name)
                return
            except (Problem, Full, ApiError) as error:
                log.info("file_notes.delayed", waiting=len(self._rows), error=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)


def file_row(event: str, record: FileRecord, revision: int, time: float, actor: str) -> FileLog:
    """The row, the same whoever makes it. A file's bytes may be replaced under one number, so the revision is in its id."""
    return FileLog(
        id=f"{record.id}-{event}-{revision}",
        time=time,
        tenant=record.tenant,
        key=record.key,
        event=event,
        file=record.id,
        purpose=record.purpose,
        name=record.filename,
        content_type=record.content_type,
        size=record.size,
        sha256=record.digest,
        area=record.area,
        job=record.job,
        actor=actor,
    )
