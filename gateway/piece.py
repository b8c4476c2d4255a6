"""One piece of an upload on its way in: put behind what there is, verified, and the file made when it was the last.

What a newcomer would get wrong: however a piece ends, what came of it is safe and counts, unless it had a checksum: then all of
it counts or nothing, over the death of this process too (`Tail.checking`).
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import structlog
from msgspec.structs import replace

from bus.acks import ApiError, Conflict
from bus.filing import MARK, Lease
from gateway.files import About
from gateway.sniff import HEAD, UNKNOWN, kind_of
from schemas.files import FILE, UPLOAD, FileRecord
from schemas.partial import PartialRecord, Tail, encode_tail
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.objects import CHUNK
from storage.strand import Strand

if TYPE_CHECKING:
    from gateway.partials import Partials

log = structlog.get_logger()

LIFE = 24 * 3600.0
"""Seconds from the last piece until an upload that is not whole is removed."""
KEPT = 3600.0
"""Seconds for which a whole one can still be asked for its offset."""
EXTEND = 3600.0
"""How much of its life an upload must have used before a piece extends it: that is a write to disk."""
LEASE = 20


class Check(NamedTuple):
    """The checksum of a piece: `sha1` or `sha256`, and the digest."""

    algorithm: str
    digest: bytes


class Bad(Problem):
    """The piece is not what its checksum says, and was thrown away."""


class Piece:
    """One piece on its way in."""

    def __init__(self, house: "Partials", key: ApiKey, record: PartialRecord, lease: Lease) -> None:
        self.house, self.key, self.record, self.lease = house, key, record, lease
        self._rest = bytearray()
        """What fills no chunk yet."""
        self._renewed = time.monotonic()

    async def write(self, at: int, data: AsyncIterable[bytes], check: Check | None) -> tuple[int, FileRecord | None]:
        record = self.record
        self._strand, tail, self._revision = await self.house.look(record, self.house.take_warm(record))
        if record.done:
            raise wrong_offset(at, record.length)
        if tail.checking:
            await self._strand.cut(tail.at)
        offset = offset_of(self._strand, tail)
        if at != offset:
            raise wrong_offset(at, offset)
        self._rest += tail.data if tail.at == self._strand.count else b""
        if check is None:
            await self._unchecked(data)
        else:
            await self._checked(data, check, Tail(self._strand.count, bytes(self._rest), True))
        offset = self._strand.size + len(self._rest)
        if offset < record.length:
            self.house.keep_warm(record, self._strand)
            await self._extend()
            return offset, None
        return offset, await self._finish()

    async def _unchecked(self, data: AsyncIterable[bytes]) -> None:
        try:
            await self._take(data)
        finally:  # however it ends, what came is safe
            await asyncio.shield(asyncio.ensure_future(self._save(Tail(self._strand.count, bytes(self._rest)))))

    async def _checked(self, data: AsyncIterable[bytes], check: Check, before: Tail) -> None:
        await self._save(before)
        sha = hashlib.new(check.algorithm)

        async def watched() -> AsyncIterable[bytes]:
            async for piece in data:
                sha.update(piece)
                yield piece

        good = False
        try:
            await self._take(watched())
            good = hmac.compare_digest(sha.digest(), check.digest)
        finally:
            if not good:
                await asyncio.shield(asyncio.ensure_future(self._undo(before)))
        if not good:
            raise Bad(
                Code.INVALID_REQUEST, "The piece does not have this checksum; send it again.", param="Upload-Checksum"
            )
        await self._save(Tail(self._strand.count, bytes(self._rest)))

    async def _undo(self, before: Tail) -> None:
        await self._strand.cut(before.at)
        await self._save(replace(before, checking=False))

    async def _take(self, data: AsyncIterable[bytes]) -> None:
        room = self.record.length - self._strand.size - len(self._rest)
        async for piece in data:
            await self._renew()
            room -= len(piece)
            if room < 0:
                text = f"More bytes came than the upload's length of {self.record.length:,}."
                raise Problem(Code.TOO_LARGE, text, param="Upload-Length")
            at = 0
            while len(self._rest) + len(piece) - at >= CHUNK:
                end = at + CHUNK - len(self._rest)
                chunk = bytes(self._rest) + piece[at:end]
                await self._strand.add(chunk)
                self._rest.clear()
                at = end
            self._rest += memoryview(piece)[at:]

    async def _renew(self) -> None:
        if time.monotonic() - self._renewed > LEASE / 4:
            self._renewed = time.monotonic()
            if not await self.lease.hold():
                raise Conflict("the lease is another's")

    async def _save(self, tail: Tail) -> None:
        if not tail.data and not self._revision and not tail.checking:
            return
        subject = subject_of("tail", self.record)
        headers = {"Nats-TTL": f"{int(7 * LIFE)}s"}
        ack = await self.house.bus.keep(subject, encode_tail(tail), expect=self._revision, headers=headers)
        self._revision = ack.seq

    async def _extend(self) -> None:
        expires = time.time() + LIFE
        if expires - self.record.expires > EXTEND:
            await self._put(replace(self.record, expires=expires), int(7 * LIFE))

    async def _put(self, record: PartialRecord, life: int) -> None:
        found = await self.house.records.get(record.tenant, record.key, record.id)
        if found is None:  # it was removed meanwhile
            raise no_upload(record.id)
        await self.house.records.put(record, found[0], life)
        self.record = record

    # ---- the end --------------------------------------------------------------------------------------------------

    async def _finish(self) -> FileRecord:
        """All is there: a file, under the upload's number. Whoever died within it is followed by one who does it again."""
        record, files, strand = self.record, self.house.files, self._strand
        owner = (record.tenant, record.key)
        if self._rest:
            await strand.add(bytes(self._rest))
            self._rest.clear()
        blob = await strand.blob()
        about = About(
            id=record.id,
            filename=record.filename,
            purpose=UPLOAD,
            content_type=record.content_type or await self._sniffed(),
            life=record.life,
            area=record.area,
        )
        stored = await files.adopt(owner, about, blob, record.created)
        entered = await files.enter(owner, about, stored)
        if stored.nuid != record.nuid:
            await strand.remove()
        await self.house.quota.release(self.key, record.id)
        with suppress(ApiError, Conflict, Problem):  # the file is there; what follows is tidiness
            await self._put(replace(record, done=True, expires=time.time() + KEPT), int(2 * KEPT))
            await self.house.bus.keep(subject_of("tail", record), b"", headers=MARK)
        log.info("upload.done", file=record.id, bytes=record.length)
        return entered

    async def _sniffed(self) -> str:
        head = await self._strand.head(HEAD)
        return kind_of(head, UNKNOWN)


def offset_of(strand: Strand, tail: Tail) -> int:
    if tail.checking:
        return min(tail.at, strand.count) * CHUNK + len(tail.data)
    return strand.size + (len(tail.data) if tail.at == strand.count else 0)


def wrong_offset(at: int, offset: int) -> Problem:
    return Problem(Code.CONFLICT, f"The upload goes on at byte {offset}, not at {at}.", param="Upload-Offset")


def no_upload(number: int) -> Problem:
    return Problem(Code.NOT_FOUND, f"No such upload: {FILE}{number}", param="id")


def subject_of(kind: str, record: PartialRecord) -> str:
    return f"$KV.PARTIALS.{kind}.{record.tenant}.{record.key}.{record.id}"
