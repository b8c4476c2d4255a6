"""How much a key's files may take together, exact over all gateways and uploads under way.

What is stored is counted from the records themselves. What is on its way is held: a note in the bucket PARTIALS with the
bytes it may still become. A note is written first and counted afterwards, and only notes with a lower sequence count
against it: of two uploads that would pass the limit together, the later one is refused. What a newcomer would get
wrong: the notes are read before the records, and an upload that became a file meanwhile counts once, by its number.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from typing import NamedTuple

import structlog

from bus.connection import Bus
from bus.filing import MARK, files_of
from gateway.parts import FileRules
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

log = structlog.get_logger()

STREAM, HOLDS = "KV_PARTIALS", "$KV.PARTIALS.hold"
SLICE = 32 * 1024 * 1024
"""How much an upload of unknown length asks for at a time."""
LIFE, RENEW = 180, 60.0
"""Seconds that a note lives without being renewed, and between two renewals."""
PAGE = 500
ROOM = 10_000
"""Keys whose sizes are remembered."""
FRESH = 30.0
"""Seconds for which what changed is enough: a deleted record's mark stays for 60."""


class Usage(NamedTuple):
    """What a key has stored, in bytes and in files."""

    used: int
    files: int


class _Known:
    """The sizes of one key's files, as far as FILES was read."""

    __slots__ = ("after", "at", "reading", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.after, self.at = 0, -FRESH
        self.reading = asyncio.Lock()


class Quota:
    """The quotas of all keys. `rules.quota_bytes`: for a key that has none of its own; 0: no limit."""

    def __init__(self, bus: Bus, rules: FileRules | None = None) -> None:
        self.bus, self.rules = bus, rules or FileRules()
        self._records = files_of(bus)
        self._known: dict[str, _Known] = {}

    def limit(self, key: ApiKey) -> int:
        """Bytes; 0: none."""
        return key.storage_bytes or self.rules.quota_bytes

    async def usage(self, key: ApiKey) -> Usage:
        """Files that are stored, uploads under way left out."""
        sizes = await self._sizes(key)
        return Usage(sum(sizes.values()), len(sizes))

    async def guard(
        self, key: ApiKey, number: int, data: AsyncIterable[bytes], declared: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """`data`, for as long as the key has room for it. The caller releases `number` when all is done or has failed.

        `declared`: its length if that is known, which is then refused before a byte is read. Raises `Problem(TOO_LARGE)`.
        """
        if not self.limit(key):
            async for piece in data:
                yield piece
            return
        room = await self.reserve(key, number, declared, declared or SLICE)
        size, at = 0, time.monotonic()
        async for piece in data:
            size += len(piece)
            if size > room:
                room, at = await self.reserve(key, number, size, size + SLICE), time.monotonic()
            elif time.monotonic() - at > RENEW:
                room, at = await self.reserve(key, number, size, room), time.monotonic()
            yield piece

    async def reserve(self, key: ApiKey, number: int, need: int, wish: int, life: int = LIFE) -> int:
        """Hold `wish` bytes for upload `number`, or what there is if that is at least `need`. How much is held.

        Raises `Problem(TOO_LARGE)`, and then nothing is held.
        """
        limit, size, free = self.limit(key), wish, 0
        if not limit:
            return wish
        for _ in range(8):
            kept = await self.bus.keep(_subject(key, number), b"%d" % size, headers={"Nats-TTL": f"{life}s"})
            free = limit - await self._taken(key, number, kept.seq)
            if size <= free:
                return size
            if max(1, need) > free:
                break
            size = free
        await self.release(key, number)
        raise too_much(need, free, limit)

    async def release(self, key: ApiKey, number: int) -> None:
        """The upload is a file, or nothing. A note that can't be removed now lapses."""
        if self.limit(key):
            with suppress(Problem):
                await self.bus.keep(_subject(key, number), b"", headers={**MARK, "Nats-TTL": "10s"})

    async def _taken(self, key: ApiKey, number: int, before: int) -> int:
        """Bytes of all files, and of what was held before the note `before`."""
        held = await self._held(key, before)
        sizes = {**held, **await self._sizes(key)}
        sizes.pop(number, None)
        return sum(sizes.values())

    async def _held(self, key: ApiKey, before: int) -> dict[int, int]:
        held: dict[int, int] = {}
        after, full = 0, True
        while full:
            query = {"seq": after + 1, "batch": PAGE, "next_by_subj": f"{HOLDS}.{key.tenant}.{key.id}.*"}
            page = await self.bus.read(STREAM, query)
            for message in page:
                heads = message.headers or {}
                after = int(heads["Nats-Sequence"])
                if message.data and after < before:
                    held[int(heads["Nats-Subject"].rpartition(".")[2])] = int(message.data)
            full = len(page) == PAGE
        return held

    async def _sizes(self, key: ApiKey) -> dict[int, int]:
        """File -> bytes. Read whole now and then, and only what is new in between."""
        if len(self._known) > ROOM:
            self._known.clear()
        known = self._known.setdefault(key.id, _Known())
        async with known.reading:
            started = time.monotonic()
            if started - known.at > FRESH:
                known.sizes, known.after = {}, 0
            async for seq, number, record in self._records.since(key.tenant, key.id, known.after):
                known.after = max(known.after, seq)
                if record is None:
                    known.sizes.pop(number, None)
                else:
                    known.sizes[number] = record.size
            known.at = started
            return dict(known.sizes)


def too_much(need: int, free: int, limit: int) -> Problem:
    """413: the same request would be refused for ever, until something is deleted."""
    wanted = f"This needs {need:,} bytes, but" if need else "No more fits:"
    return Problem(
        Code.TOO_LARGE,
        f"{wanted} {max(0, free):,} of this key's {limit:,} bytes are free. "
        "Delete files (GET /files lists them), or ask your administrator for more.",
        param="file",
    )


def _subject(key: ApiKey, number: int) -> str:
    return f"{HOLDS}.{key.tenant}.{key.id}.{number}"
