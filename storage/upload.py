"""A stream of bytes on its way into the object store: cut into chunks, hashed, and published with a window.

What a newcomer would get wrong: a chunk that is sent again may come behind its follower. We would still find it, but
other clients read the chunks in the stream's order, so `in_order` must be asked before the upload is used.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from schemas.problem import Code, Problem
from storage.objects import CHUNK, STREAM, Blob, chunk_subject, runs_of

WINDOW = 16
"""Chunks of one upload that may wait for their answer (8 MB)."""
STEP = 32 * 1024 * 1024
"""Bytes after which it is asked again whether there is room."""
_SOON = "1s"
"""How long the mark of something removed stays."""


class Kept(Protocol):
    @property
    def seq(self) -> int: ...


class Piece(Protocol):
    data: bytes
    headers: dict[str, str] | None


class Wire(Protocol):
    """What of `bus.connection.Bus` is needed here."""

    async def keep(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        expect: int | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 10.0,
    ) -> Kept: ...

    async def read(self, stream: str, query: dict[str, Any], timeout: float = 10.0) -> Sequence[Piece]: ...

    async def at(self, stream: str, seq: int, timeout: float = 10.0) -> Piece | None: ...

    async def last(self, stream: str, subject: str) -> tuple[int, bytes, dict[str, str]] | None: ...

    async def api(self, verb: str, body: Any = None, timeout: float = 5.0) -> dict[str, Any]: ...


class Upload:
    """One stream on its way in: cut into chunks, hashed, and published with a window."""

    def __init__(
        self, wire: Wire, room: asyncio.Semaphore, wall: Callable[[int], Awaitable[None]] | None = None
    ) -> None:
        """`wall` is asked at the beginning and again and again whether some more bytes may be stored; it raises if not."""
        self.wire, self._room, self._wall = wire, room, wall
        self.nuid = secrets.token_hex(11)
        self.size = 0
        self._sha = hashlib.sha256()
        self._mine = asyncio.Semaphore(WINDOW)
        self._tasks: set[asyncio.Task[None]] = set()
        self._seqs: list[int] = []
        self._fault: BaseException | None = None

    async def take(self, data: AsyncIterable[bytes], limit: int) -> None:
        """All of `data`, until every chunk is stored."""
        waiting: list[bytes] = []
        have, asked = 0, -STEP
        async for piece in data:
            self.size += len(piece)
            if limit and self.size > limit:
                raise Problem(Code.TOO_LARGE, f"The file is too large: at most {limit / 1e6:g} MB.", param="file")
            if self._wall is not None and self.size - asked > STEP:
                asked = self.size
                await self._wall(len(piece))
            self._sha.update(piece)
            while have + len(piece) >= CHUNK:
                waiting.append(piece[: CHUNK - have])
                piece, have = piece[CHUNK - have :], 0
                await self._send(b"".join(waiting))
                waiting.clear()
                await asyncio.sleep(0)  # a fast upload would leave no turn to anybody else
            if piece:
                waiting.append(piece)
                have += len(piece)
        if waiting:
            await self._send(b"".join(waiting))
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._fault is not None:
            raise self._fault

    @property
    def in_order(self) -> bool:
        return all(a < b for a, b in zip(self._seqs, self._seqs[1:], strict=False))

    def digest(self) -> str:
        return self._sha.hexdigest()

    def blob(self) -> Blob:
        return Blob(
            name="",
            nuid=self.nuid,
            size=self.size,
            digest=self.digest(),
            chunks=len(self._seqs),
            runs=runs_of(self._seqs),
            created=round(time.time(), 3),
        )

    async def _send(self, chunk: bytes) -> None:
        await self._mine.acquire()
        await self._room.acquire()
        if self._fault is not None:
            self._mine.release()
            self._room.release()
            raise self._fault
        self._seqs.append(0)
        task = asyncio.create_task(self._keep(len(self._seqs) - 1, chunk))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _keep(self, number: int, chunk: bytes) -> None:
        kept = await self.wire.keep(chunk_subject(self.nuid), chunk, msg_id=f"{self.nuid}.{number}", timeout=30.0)
        self._seqs[number] = kept.seq

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._mine.release()
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = self._fault or error

    async def undo(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._seqs:
            with suppress(Exception):  # what can't be removed now the sweep removes
                await purge(self.wire, self.nuid)


async def purge(wire: Wire, nuid: str) -> None:
    """Replace all chunks by one empty message that lapses. A message stands behind those under way, as a call of the API
    would not; and an agent may write chunks but not purge the stream."""
    try:
        await wire.keep(chunk_subject(nuid), b"", headers={"Nats-Rollup": "sub", "Nats-TTL": _SOON}, timeout=30.0)
    except Exception:  # a full store takes not even that
        await wire.api(f"STREAM.PURGE.{STREAM}", {"filter": chunk_subject(nuid)})
