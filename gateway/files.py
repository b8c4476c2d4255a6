"""A key's files: a record in FILES that names a blob in the object store. Upload, look, read, delete, lapse.

What a newcomer would get wrong: the record is written last and removed first, so that a file that is seen has its bytes;
whoever dies in between leaves a blob that the sweep finds, for a blob names the files that hold it.
"""

import re
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Collection

import msgspec
import structlog

from bus.acks import ApiError, Conflict, Full
from bus.connection import Bus
from bus.file_notes import FileNotes
from bus.filing import files_of
from bus.ids import created_at
from schemas.files import (
    BATCH_FILE_LIFE,
    FILE,
    LONGEST_LIFE,
    PRIVATE,
    PURPOSES,
    SHORTEST_LIFE,
    FileRecord,
)
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import Blob, BlobStore, blob_name, place_of

log = structlog.get_logger()

_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_MEDIA = re.compile(r"[a-zA-Z0-9!#$&^_.+-]{1,80}/[a-zA-Z0-9!#$&^_.+-]{1,80}")
NAME_LENGTH = 255
_TRIES = 8
SWEEPER = "janitor"
"""Who it was, where no person took a file away."""
DRAFT_SECONDS = 26 * 3600.0
"""What a job makes becomes a file when the job succeeds, and a job may take a day."""


class Files:
    """The files of all keys, for one process."""

    def __init__(self, bus: Bus, new_id: Callable[[], int], bulk: Bus | None = None) -> None:
        """`bulk`: a connection for the bytes alone, so that no call waits behind them. None: they go over `bus` too."""
        self.bus, self.new_id = bus, new_id
        self.blobs = BlobStore(bus, (Conflict, ApiError), bulk)
        self.records = files_of(bus)
        self.notes = FileNotes(bus)

    async def stop(self) -> None:
        await self.notes.stop()
        await self.blobs.close()

    # ---- in -------------------------------------------------------------------------------------------------------

    async def store(self, owner: tuple[str, str], data: AsyncIterable[bytes], about: "About", limit: int = 0) -> Blob:
        """The bytes of a file to be: not seen before `enter`. Raises `Problem`: TOO_LARGE, OVERLOADED, UNAVAILABLE."""
        now = time.time()

        def name(digest: str) -> str:
            return blob_name(owner, about.area, now, digest, about.filename.rpartition(".")[2])

        try:
            return await self.blobs.put(
                data, name, holder=holder(about.id), content_type=about.content_type, limit=limit
            )
        except Full as error:
            raise Problem(
                Code.OVERLOADED, "The file store is full; delete files or try later.", retry_after=60
            ) from error

    async def adopt(self, owner: tuple[str, str], about: "About", blob: Blob, created: float) -> Blob:
        """The bytes of a file to be, from chunks that came by and by. `created`: what the name's day is taken from, always the
        same for one upload, so that doing it twice changes nothing. See `BlobStore.adopt`."""
        name = blob_name(owner, about.area, created, blob.digest, about.filename.rpartition(".")[2])
        named = msgspec.structs.replace(blob, name=name, content_type=about.content_type, holders=(holder(about.id),))
        return await self.blobs.adopt(named)

    async def enter(self, owner: tuple[str, str], about: "About", blob: Blob, created: float = 0.0) -> FileRecord:
        """Make the stored bytes a file of `owner`. Doing it twice changes nothing."""
        created = created or time.time()
        record = record_of(owner, about, blob, created)
        try:
            revision = await self.records.put(record)
        except Conflict:  # we did it before, and died before we could say so
            found = await self.records.get(*owner, record.id)
            if found is None:
                raise
            if found[1].blob != blob.name:
                await self.discard(about, blob)
            revision, record = found
        self.notes.add("stored", record, revision, record.created)
        return record

    async def replace(self, owner: tuple[str, str], about: "About", blob: Blob) -> FileRecord:
        """The same for a file whose number stays: whoever had it before is gone, bytes and all. Raises `Problem(CONFLICT)`."""
        record = record_of(owner, about, blob, time.time())
        for _ in range(_TRIES):
            revision, before = await self.records.at(*owner, about.id)
            try:
                stored = await self.records.put(record, revision)
            except Conflict:  # somebody else writes it just now
                continue
            if before is not None:
                self.notes.add("deleted", before, revision, record.created)
            self.notes.add("stored", record, stored, record.created)
            if before is not None and before.blob != blob.name:
                await self.blobs.drop(before.blob, holder(about.id))
            return record
        raise Problem(Code.CONFLICT, f"'{about.filename}' is being changed by others; try again.")

    async def withdraw(self, owner: tuple[str, str], number: int, event: str = "deleted", actor: str = "") -> None:
        """Take back a file that was entered, bytes and all, if it is there. `event`: why, for the archive: deleted, lapsed
        or evicted. `actor`: who, if it is not the owner."""
        found = await self.records.get(*owner, number)
        if found is not None:
            await self._remove(found[1], found[0], event, actor)

    async def discard(self, about: "About", blob: Blob) -> None:
        """Throw stored bytes away that become no file."""
        await self.blobs.drop(blob.name, holder(about.id))

    # ---- out ------------------------------------------------------------------------------------------------------

    async def get(self, key: ApiKey, name: str, param: str = "file_id") -> FileRecord:
        """The file `file-…` of this key. Raises `Problem(NOT_FOUND)`, in the same words for whatever is not this key's."""
        return (await self._find(key, name, param))[1]

    async def of(self, key: ApiKey) -> list[FileRecord]:
        """All files of the key, oldest first."""
        now = time.time()
        return [record for record in await self.records.of(key.tenant, key.id) if not _lapsed(record, now)]

    async def blob(self, record: FileRecord) -> Blob:
        """Where its bytes are. Raises `Problem(NOT_FOUND)`."""
        found = await self.blobs.find(record.blob)
        if found is None or holder(record.id) not in found.holders:
            raise no_file(f"{FILE}{record.id}")
        return found

    async def delete(self, key: ApiKey, name: str) -> None:
        """Raises `Problem(NOT_FOUND)`."""
        revision, record = await self._find(key, name, "file_id")
        await self._remove(record, revision)

    async def _find(self, key: ApiKey, name: str, param: str) -> tuple[int, FileRecord]:
        number = number_of(name, FILE)
        found = await self.records.get(key.tenant, key.id, number) if number else None
        if found is None or _lapsed(found[1], time.time()):
            raise no_file(name, param)
        return found

    async def _remove(self, record: FileRecord, revision: int, event: str = "deleted", actor: str = "") -> None:
        try:
            await self.records.remove(record, revision)
            self.notes.add(event, record, revision, time.time(), actor)
        except Conflict:  # another call was faster; the bytes must go all the same
            log.info("file.removed_before", file=record.id)
        await self.blobs.drop(record.blob, holder(record.id))

    # ---- order ----------------------------------------------------------------------------------------------------

    async def sweep(
        self,
        grace: float = 3600.0,
        drafts: float = DRAFT_SECONDS,
        spared: Callable[[FileRecord], Awaitable[bool]] | None = None,
        needed: Collection[str] = (),
    ) -> int:
        """Remove what has lapsed, and what nobody needs: chunks without metadata that are older than `grace` seconds, and
        whole blobs that have had no record for `drafts` seconds. How many blobs had neither record nor metadata.

        `spared`: what is kept though it has lapsed. `needed`: chunks of uploads that take days.
        """
        now = time.time()
        known: dict[str, str] = {}
        for revision, record in await self.records.all():
            if _lapsed(record, now) and not (spared and await spared(record)):
                log.info("file.lapsed", file=record.id)
                await self._remove(record, revision, "lapsed", SWEEPER)
            else:
                known[holder(record.id)] = record.blob
        orphans = 0
        async for blob in self.blobs.all():
            for one in blob.holders:
                if one.startswith(FILE) and known.get(one) != blob.name:
                    orphans += await self._unhold(blob, one, drafts)
        return orphans + await self.blobs.sweep(grace, needed)

    async def _unhold(self, blob: Blob, one: str, grace: float) -> bool:
        """A holder without a record: an upload that ends just now, or what one that died has left."""
        number, place = number_of(one, FILE), place_of(blob.name)
        if place is None or time.time() - max(blob.created, created_at(number)) < grace:
            return False
        found = await self.records.get(place.tenant, place.key, number)
        if found is None or found[1].blob != blob.name:
            log.info("blob.orphan_removed", blob=blob.name, holder=one)
            await self.blobs.drop(blob.name, one)
            return True
        return False


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a file beside its bytes. `life`: seconds until it lapses, 0 for never."""

    id: int
    filename: str = "file"
    purpose: str = ""
    content_type: str = "application/octet-stream"
    life: float = 0.0
    area: str = PRIVATE
    job: int = 0
    """The job that made it or brought it."""
    width: int = 0
    height: int = 0
    seconds: float = 0.0


def record_of(owner: tuple[str, str], about: About, blob: Blob, created: float) -> FileRecord:
    return FileRecord(
        id=about.id,
        tenant=owner[0],
        key=owner[1],
        filename=about.filename,
        purpose=about.purpose,
        size=blob.size,
        blob=blob.name,
        digest=blob.digest,
        content_type=about.content_type,
        created=created,
        expires=created + about.life if about.life else 0.0,
        area=about.area,
        job=about.job,
        width=about.width,
        height=about.height,
        seconds=about.seconds,
    )


def holder(number: int) -> str:
    """How a blob names the file that needs it."""
    return f"{FILE}{number}"


def number_of(name: str, prefix: str) -> int:
    """The number in `file-123`; 0 for what can't be one."""
    rest = name.removeprefix(prefix)
    return int(rest) if rest != name and _NUMBER.fullmatch(rest) and int(rest) < 2**53 else 0


def no_file(name: str, param: str = "file_id") -> Problem:
    return Problem(Code.NOT_FOUND, f"No such File object: {name[:60]}", param=param)


def purpose_of(fields: dict[str, str]) -> str:
    """Raises `Problem(INVALID_REQUEST)`."""
    purpose = fields.get("purpose", "")
    if not purpose:
        raise Problem(Code.INVALID_REQUEST, "Missing required parameter: 'purpose'.", param="purpose")
    if purpose not in PURPOSES:
        known = ", ".join(PURPOSES)
        raise Problem(Code.INVALID_REQUEST, f"'{purpose[:40]}' is not one of: {known}.", param="purpose")
    return purpose


def life_of(fields: dict[str, str], purpose: str) -> float:
    """Seconds until the file lapses (0: never), from `expires_after[…]`. Raises `Problem(INVALID_REQUEST)`."""
    seconds, anchor = fields.get("expires_after[seconds]"), fields.get("expires_after[anchor]")
    if seconds is None and anchor is None:
        return float(BATCH_FILE_LIFE) if purpose == "batch" else 0.0
    if anchor != "created_at":
        raise _expires("expires_after[anchor] must be 'created_at'.")
    if seconds is None or not seconds.isdigit() or not SHORTEST_LIFE <= int(seconds[:9]) <= LONGEST_LIFE:
        raise _expires(f"expires_after[seconds] must be a whole number from {SHORTEST_LIFE} to {LONGEST_LIFE}.")
    return float(seconds)


def media_type(said: str) -> str:
    """What the uploader calls it, if it may stand in a header."""
    return said if _MEDIA.fullmatch(said) else "application/octet-stream"


def file_name(said: str) -> str:
    """A name to show: the last part of a path, printable, of a length that fits everywhere."""
    last = re.split(r"[/\\]", said)[-1]
    clean = "".join(char for char in last if char.isprintable() and char not in '"<>|:*?').strip(". ")
    return clean[:NAME_LENGTH] or "file"


def _expires(text: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, text, param="expires_after")


def _lapsed(record: FileRecord, now: float) -> bool:
    return bool(record.expires) and record.expires <= now
