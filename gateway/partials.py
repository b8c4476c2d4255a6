"""Uploads that come in pieces, by tus or by `Content-Range`: begun, gone on with, made a file, removed.

What has come is in the stream (`storage/strand.py`) and, behind the last whole chunk, in a message of its own (`Tail`), so an
upload goes on in any gateway after anything has died. What a newcomer would get wrong: the lease only keeps two pieces from
being read at once; that no byte is stored twice or in the wrong place is the work of compare-and-set.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterable
from contextlib import suppress

from msgspec.structs import replace

from bus.acks import Conflict, Full
from bus.filing import MARK, Lease, partials_of
from gateway.files import Files
from gateway.piece import LEASE, LIFE, Bad, Check, Piece, no_upload, offset_of, subject_of
from gateway.quota import Quota
from schemas.files import FileRecord
from schemas.partial import PartialRecord, Tail, decode_tail
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.strand import Strand

__all__ = ["Bad", "Check", "Partials"]

MOST = 200
"""Uploads that one key may have under way."""
WARM = 64
"""Uploads whose hash so far is remembered."""


class Partials:
    """The uploads under way of all keys, for one gateway process."""

    def __init__(self, files: Files, quota: Quota) -> None:
        self.files, self.quota, self.bus = files, quota, files.bus
        self.records = partials_of(self.bus)
        self._warm: dict[int, Strand] = {}

    # ---- what callers ask -----------------------------------------------------------------------------------------

    async def create(self, key: ApiKey, wanted: PartialRecord) -> PartialRecord:
        """Begin an upload: `wanted` says length, name, type, area and life. Raises `Problem`: TOO_LARGE (the quota)."""
        if len(await self.of(key)) >= MOST:
            text = f"This key has {MOST} unfinished uploads; finish or delete some, or wait until they lapse."
            raise Problem(Code.OVERLOADED, text, retry_after=60)
        now = time.time()
        record = replace(
            wanted, id=self.files.new_id(), tenant=key.tenant, key=key.id, nuid=secrets.token_hex(11),
            created=now, expires=now + LIFE,
        )  # fmt: skip
        await self.quota.reserve(key, record.id, record.length, record.length, int(7 * LIFE))
        await self.records.put(record, life=int(7 * LIFE))
        return record

    async def of(self, key: ApiKey) -> list[PartialRecord]:
        """Those that are not whole, oldest first."""
        now = time.time()
        return [one for one in await self.records.of(key.tenant, key.id) if not one.done and one.expires > now]

    async def whole(self, key: ApiKey, filename: str, length: int) -> PartialRecord | None:
        """One that has become a file of late, by its name: for who missed the answer."""
        found = await self.records.of(key.tenant, key.id)
        return next(
            (
                one
                for one in reversed(found)
                if one.done and one.ranged and (one.filename, one.length) == (filename, length)
            ),
            None,
        )

    async def get(self, key: ApiKey, number: int) -> PartialRecord:
        """Raises `Problem(NOT_FOUND)` for what is not this key's, has lapsed, or never was."""
        found = await self.records.get(key.tenant, key.id, number) if number else None
        if found is None or found[1].expires <= time.time():
            raise no_upload(number)
        return found[1]

    async def offset(self, record: PartialRecord) -> int:
        """How many bytes have come and are safe."""
        if record.done:
            return record.length
        strand, tail, _ = await self.look(record, Strand(self.files.blobs.bulk, record.nuid))
        return offset_of(strand, tail)

    async def write(
        self, key: ApiKey, record: PartialRecord, at: int, data: AsyncIterable[bytes], check: Check | None = None
    ) -> tuple[int, FileRecord | None]:
        """Put `data` behind the `at` bytes that there are: the offset now, and the file if that is all of it.

        Raises `Problem`: CONFLICT (another offset, or a piece is on its way already), TOO_LARGE, `Bad`; and what `data` raises,
        with what came until then stored (not if it had a checksum).
        """
        lease = Lease(self.bus, f"upload-{record.id}", LEASE)
        if not await lease.hold():
            raise Problem(Code.CONFLICT, "A piece of this upload is on its way already; wait for its end.")
        try:
            return await Piece(self, key, record, lease).write(at, data, check)
        except Conflict as error:
            raise Problem(Code.CONFLICT, "The upload went on elsewhere meanwhile; ask for its offset.") from error
        except Full as error:
            raise Problem(Code.OVERLOADED, "The file store is full; try again later.", retry_after=60) from error
        finally:
            with suppress(Problem, Conflict):
                await lease.drop()

    async def remove(self, key: ApiKey, record: PartialRecord) -> None:
        """Throw an upload away. Of a whole one the file stays."""
        if not record.done:
            lease = Lease(self.bus, f"upload-{record.id}", LEASE)
            if not await lease.hold():
                raise Problem(Code.CONFLICT, "A piece of this upload is on its way; wait for its end.")
        await self.forget(record)
        await self.quota.release(key, record.id)

    async def forget(self, record: PartialRecord) -> None:
        """Record, tail and chunks. The record goes first, so that nobody goes on."""
        self._warm.pop(record.id, None)
        await self.bus.keep(subject_of("rec", record), b"", headers=MARK)
        await self.bus.keep(subject_of("tail", record), b"", headers=MARK)
        if not record.done:
            await Strand(self.files.blobs.bulk, record.nuid).remove()

    # ---- order ----------------------------------------------------------------------------------------------------

    async def sweep(self, now: float) -> tuple[set[str], int]:
        """Remove what has lapsed at `now`: the names of the chunks that are still needed, and how many uploads are gone."""
        needed, gone = set(), 0
        for _, record in await self.records.all():
            if record.expires > now:
                needed.add(record.nuid)
                continue
            lease = Lease(self.bus, f"upload-{record.id}", LEASE)
            if await lease.hold():
                await self.forget(record)
                await self.bus.keep(subject_of("hold", record), b"", headers=MARK)
                await lease.drop()
                gone += not record.done
        return needed, gone

    # ---- below ----------------------------------------------------------------------------------------------------

    async def look(self, record: PartialRecord, strand: Strand) -> tuple[Strand, Tail, int]:
        """Where the upload stands, and the revision of its tail."""
        found, _ = await asyncio.gather(self.bus.last("KV_PARTIALS", subject_of("tail", record)), strand.look())
        tail = decode_tail(found[1]) if found and found[1] else Tail(0)
        return strand, tail, found[0] if found else 0

    def take_warm(self, record: PartialRecord) -> Strand:
        """The strand as the last piece left it, for one at a time; else one that knows nothing yet."""
        return self._warm.pop(record.id, None) or Strand(self.files.blobs.bulk, record.nuid)

    def keep_warm(self, record: PartialRecord, strand: Strand) -> None:
        self._warm[record.id] = strand
        while len(self._warm) > WARM:
            self._warm.pop(next(iter(self._warm)))
