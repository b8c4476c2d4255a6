"""Blobs: files of any size in NATS's object store, in and out as streams, with the memory of a few chunks.

Wire compatible with other clients of the object store, but with our own put (a window of chunks under way) and our own get
(pages of a batched direct get, the next one already asked for). What a newcomer would get wrong: a blob has holders. The
same content of one key is stored once, and is gone when the last one that needs it drops it; every change of the holders is
a compare-and-set on the metadata, so that an upload and a delete at the same moment can't take the bytes from each other.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import structlog

from schemas.problem import Code, Problem
from storage.objects import (
    BUCKET,
    STREAM,
    Blob,
    Page,
    Place,
    address_of,
    blob_at,
    blob_name,
    chunk_subject,
    decode_blob,
    encode_blob,
    encode_gone,
    meta_subject,
    pages,
    place_of,
    stamp_of,
)
from storage.upload import Piece, Upload, Wire, purge
from storage.wall import Wall

__all__ = ["Blob", "BlobStore", "Place", "Wire", "address_of", "blob_at", "blob_name", "place_of"]

log = structlog.get_logger()

UNDER_WAY = 32
"""The same for all uploads of a process: what waits to be sent delays everything else on the connection."""
AHEAD = 16
"""Pages that all readers of a process may hold before they need them: fifty slow readers would fill the memory."""
HOLDERS = 2000
"""Metadata is one message, so the list of holders has an end."""
ORPHAN_SECONDS = 3600.0
"""Chunks without metadata are an upload under way, until they are this old."""


class BlobStore:
    """The blobs of the bucket. `refused` are the wire's exceptions for a lost compare-and-set."""

    def __init__(self, wire: Wire, refused: tuple[type[Exception], ...], bulk: Wire | None = None) -> None:
        """`bulk`: a connection of its own for the chunks: whatever shares one with a large file waits behind it."""
        self.wire, self.refused, self.bulk = wire, refused, bulk or wire
        self.wall = Wall(wire)
        self._room = asyncio.Semaphore(UNDER_WAY)
        self._ahead = 0
        self._cleaning: set[asyncio.Task[None]] = set()

    # ---- in -------------------------------------------------------------------------------------------------------

    async def put(
        self,
        data: AsyncIterable[bytes],
        name: Callable[[str], str],
        *,
        holder: str,
        content_type: str = "application/octet-stream",
        limit: int = 0,
    ) -> Blob:
        """Store a stream of bytes; `name` gives the blob's name from its digest (`blob_name`).

        However it fails, nothing stays. Raises `Problem`: TOO_LARGE behind `limit` bytes (0: none), OVERLOADED when the store
        is so full that jobs need the rest (`Wall`); what `data` raises; what the wire raises when the store is away.
        """
        upload = Upload(self.bulk, self._room, self.wall.check)
        kept, named = "", ""
        try:
            await upload.take(data, limit)
            blob = msgspec.structs.replace(
                upload.blob(), content_type=content_type, holders=(holder,), name=name(upload.digest())
            )
            if not upload.in_order:
                return await self._again(blob, name, holder)
            named = blob.name
            stored = await self._hold(blob, holder)
            kept = stored.nuid
            return stored
        finally:
            if kept != upload.nuid:
                self._later(self._undo(upload, "" if kept else named, holder))

    async def _again(self, blob: Blob, name: Callable[[str], str], holder: str) -> Blob:
        """A chunk was sent twice and came late: we could read that, other clients could not, so it is written anew."""
        log.info("blob.reordered", blob=blob.name)
        return await self.put(self.read(blob), name, holder=holder, content_type=blob.content_type)

    async def adopt(self, blob: Blob) -> Blob:
        """Make a blob of chunks that were put otherwise (`storage/strand.py`), for its one holder. Another `nuid` in the
        answer: the same content was there already, and the chunks of `blob` are of no use."""
        return await self._hold(blob, blob.holders[0])

    async def hold(self, name: str, holder: str) -> Blob:
        """One more who needs a stored blob. Raises `Problem(NOT_FOUND)`."""
        found = await self.find(name)
        if found is None:
            raise _gone(name)
        return await self._hold(found, holder, found.nuid)

    async def _hold(self, blob: Blob, holder: str, wanted: str = "") -> Blob:
        """Write the metadata, or enter `holder` in what is there. `wanted`: only in this very object."""
        while True:
            found = await self.wire.last(STREAM, meta_subject(blob.name))
            there = decode_blob(found[1]) if found else None
            if there is not None and holder in there.holders:
                return there
            if wanted and (there is None or there.nuid != wanted):
                raise _gone(blob.name)
            new = blob
            if there is not None:
                if len(there.holders) >= HOLDERS:
                    raise Problem(Code.CONFLICT, f"The same content was stored {HOLDERS} times today; use one of them.")
                new = msgspec.structs.replace(there, holders=(*there.holders, holder))
            if await self._swap(new.name, encode_blob(new), found[0] if found else 0):
                return new

    async def _swap(self, name: str, value: bytes, revision: int, **headers: str) -> bool:
        heads = {"Nats-Rollup": "sub", **{head.replace("_", "-"): text for head, text in headers.items()}}
        try:
            await self.wire.keep(meta_subject(name), value, expect=revision, headers=heads)
        except self.refused:
            return False
        return True

    # ---- out ------------------------------------------------------------------------------------------------------

    async def find(self, name: str) -> Blob | None:
        """The blob of this name, as its leader knows it, or None."""
        found = await self.wire.last(STREAM, meta_subject(name))
        return decode_blob(found[1]) if found else None

    async def read(self, blob: Blob, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to before `stop`, in pieces. Close it (`aclose`) if you don't read to the end.

        A full read is checked: the last piece is given only when the digest is right. Raises `Problem`: NOT_FOUND when it
        is removed meanwhile, INTERNAL for a wrong digest, UNAVAILABLE.
        """
        stop = blob.size if stop is None else min(stop, blob.size)
        if start >= stop:
            return
        sha = hashlib.sha256() if (start, stop) == (0, blob.size) else None
        async with aclosing(self._chunks(blob, start, stop)) as chunks:
            async for first, data in chunks:
                at = first * blob.chunk
                if sha is not None:
                    sha.update(data)
                    if at + len(data) >= stop and sha.hexdigest() != blob.digest:
                        log.error("blob.damaged", blob=blob.name)
                        raise Problem(Code.INTERNAL, "The stored file is damaged: its digest is not what it was.")
                if at < start or at + len(data) > stop:
                    data = data[max(0, start - at) : stop - at]
                if data:
                    yield data

    async def _chunks(self, blob: Blob, start: int, stop: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """(number, bytes) of each chunk that holds a part of the range. One page is under way while another is used."""
        following: asyncio.Task[Sequence[Piece]] | None = None
        behind = 0
        plan = list(pages(blob, start, stop))
        try:
            for place, page in enumerate(plan):
                found = await (following or self._page(blob, page, behind))
                self._ahead -= following is not None
                behind, following = _sequence(found[-1]), None
                if place + 1 < len(plan) and self._ahead < AHEAD:
                    self._ahead += 1
                    following = asyncio.create_task(self._page(blob, plan[place + 1], behind))
                for number, piece in enumerate(found, page.first):
                    yield number, piece.data
        finally:
            if following is not None:
                self._ahead -= 1
                following.cancel()
                await asyncio.wait({following})

    async def _page(self, blob: Blob, page: Page, behind: int) -> Sequence[Piece]:
        if page.chunks == 1 and page.seq:
            one = await self.bulk.at(STREAM, page.seq, timeout=30.0)
            if one is None or (one.headers or {}).get("Nats-Subject") != chunk_subject(blob.nuid):
                raise _gone(blob.name)
            return [one]
        query = {"seq": page.seq or behind + 1, "batch": page.chunks, "next_by_subj": chunk_subject(blob.nuid)}
        found = await self.bulk.read(STREAM, query, timeout=30.0)
        if len(found) != page.chunks:
            raise _gone(blob.name)
        return found

    # ---- away -----------------------------------------------------------------------------------------------------

    async def drop(self, name: str, holder: str) -> None:
        """`holder` needs it no more; with the last holder the blob is gone. Doing it twice changes nothing."""
        while True:
            found = await self.wire.last(STREAM, meta_subject(name))
            blob = decode_blob(found[1]) if found else None
            if found is None or blob is None or (blob.holders and holder not in blob.holders):
                return
            left = tuple(one for one in blob.holders if one != holder)
            if left:
                value, headers = encode_blob(msgspec.structs.replace(blob, holders=left)), {}
            else:
                value, headers = encode_gone(blob), {"Nats_TTL": "60s"}
            if await self._swap(name, value, found[0], **headers):
                if not left and blob.chunks:
                    await purge(self.wire, blob.nuid)
                return

    async def _undo(self, upload: Upload, name: str, holder: str) -> None:
        """Remove what an upload left. `name`: its metadata may be on the way, or stored though nobody heard of it; then
        the chunks may be another holder's already, and without looking none of them is touched."""
        if name:
            try:
                await self.drop(name, holder)
                found = await self.find(name)
            except Exception as error:
                log.warning("blob.left_to_the_sweep", blob=name, error=str(error))
                return
            if found is not None and found.nuid == upload.nuid:
                return
        await upload.undo()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """In a task of its own: the caller may be cancelled already, and the rest must go nevertheless."""
        task = asyncio.create_task(work)
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def close(self) -> None:
        """Wait until what failed is cleaned up."""
        if self._cleaning:
            await asyncio.wait(self._cleaning, timeout=5)

    async def sweep(self, older: float = ORPHAN_SECONDS, needed: Collection[str] = ()) -> int:
        """Remove the chunks that a killed process left: without metadata, and older than `older` seconds. How many blobs.

        `needed`: names (`nuid`) of chunks that are on their way for longer than that.
        """
        known = {blob.nuid async for blob in self.all()}
        removed = 0
        for nuid in await self._nuids():
            if nuid not in known and nuid not in needed and await self._age(nuid) > older:
                await purge(self.wire, nuid)
                removed += 1
        return removed

    async def all(self, prefix: str = "") -> AsyncIterator[Blob]:
        """Every blob whose name begins with `prefix`."""
        after, page = 0, 100
        while True:
            query = {"seq": after + 1, "batch": page, "next_by_subj": f"$O.{BUCKET}.M.>"}
            found = await self.wire.read(STREAM, query)
            for piece in found:
                blob = decode_blob(piece.data) if piece.data else None
                if blob is not None and blob.name.startswith(prefix):
                    yield blob
            if len(found) < page:
                return
            after = _sequence(found[-1])

    async def _nuids(self) -> list[str]:
        found: list[str] = []
        while True:
            query = {"subjects_filter": f"$O.{BUCKET}.C.>", "offset": len(found)}
            info = await self.wire.api(f"STREAM.INFO.{STREAM}", query, timeout=20)
            page = info["state"].get("subjects") or {}
            found += (subject.rpartition(".")[2] for subject in page)
            if not page or len(found) >= info.get("total", 0):
                return found

    async def _age(self, nuid: str) -> float:
        """Seconds since the last chunk came."""
        found = await self.wire.read(STREAM, {"multi_last": [chunk_subject(nuid)], "batch": 1})
        stamp = (found[0].headers or {}).get("Nats-Time-Stamp", "") if found else ""
        return time.time() - stamp_of(stamp) if stamp else 0.0


def _sequence(piece: Piece) -> int:
    return int((piece.headers or {})["Nats-Sequence"])


def _gone(name: str) -> Problem:
    return Problem(Code.NOT_FOUND, "The file is no longer there.", param=name.rpartition("/")[2] or None)
