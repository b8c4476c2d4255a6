"""`/variants/…`: pictures made smaller on the fly, by whichever image agent is free, and kept for the next who asks.

A variant is looked for in memory, then in the bucket VARIANTS, and only then made: once, however many ask. What a newcomer
would get wrong: a variant is no file. It has no record, no owner and no address of its own; it may be forgotten at any time,
and it can be read as long as its source can, so the source is asked for at each request (at most once a second each).
Nor is it a request of somebody's: its job is told to nobody's log, budget or limit.
"""

import asyncio
import base64
import hashlib
import time
from collections import OrderedDict
from typing import Any, cast

import msgspec
import structlog

from bus import subjects
from bus.acks import ApiError, Full
from gateway.artifacts import Artifacts
from gateway.live import whole
from gateway.parts import Parts
from gateway.variant_memory import Flights, Memory
from gateway.variant_options import Address, Format, Wish
from schemas.events import Done
from schemas.files import FILE
from schemas.job import Job
from schemas.media import FileRef, Media, Poster, Variant, decode_media
from schemas.operations import POSTER, VARIANT, Operation
from schemas.problem import Code, Fault, Problem
from storage.blobs import Blob, blob_at

log = structlog.get_logger()

LARGEST = 6 * 1024 * 1024
"""Of one that is kept."""
FRESH = 1.0
"""Seconds for which a source that was there counts as being there."""
SECONDS = 30.0
"""For one variant, with its wait for a free agent; a video's poster has as many besides."""
AT_ONCE, WAITING = 16, 512
"""Variants that a gateway has made at a time, and callers that may wait for their turn."""
REFUSED_SECONDS = 60.0
"""A source that can't be read is not tried again so soon."""
ROOM = 4096
HOUSE = "variants"
"""The key in whose name posters are made: no caller's, so that nobody's list or quota shows them."""
WAVE = (1280, 320)
_STREAM = "KV_VARIANTS"
_encode = msgspec.json.Encoder().encode


class Variants:
    """The variants of one gateway."""

    def __init__(self, parts: Parts, artifacts: Artifacts) -> None:
        self.parts, self.artifacts = parts, artifacts
        self.memory = Memory()
        self._bus = parts.bulk or parts.bus
        self._sources: OrderedDict[str, tuple[float, Blob]] = OrderedDict()
        self._refused: OrderedDict[tuple[str, str], tuple[float, Fault]] = OrderedDict()
        self._looking: Flights[Blob] = Flights()
        self._making: Flights[bytes] = Flights()
        self._posing: Flights[bytes] = Flights()
        self._turns, self._waiting = asyncio.Semaphore(AT_ONCE), 0

    async def start(self) -> None:
        """Give the bucket its size. Its declaration leaves that open, for only the gateway knows the setting."""
        wanted = self.parts.files.variant_bytes
        found = (await self.parts.bus.api(f"STREAM.INFO.{_STREAM}"))["config"]
        if wanted and found.get("max_bytes") != wanted:
            await self.parts.bus.api(f"STREAM.UPDATE.{_STREAM}", {**found, "max_bytes": wanted})

    async def stop(self) -> None:
        for flights in (self._looking, self._making, self._posing):
            await flights.stop()

    # ---- the source -------------------------------------------------------------------------------------------------

    async def source(self, address: Address) -> Blob:
        """It is there, or was within the last second. Raises `Problem(NOT_FOUND)`, and forgets what was made of it."""
        seen = self._sources.get(address.name)
        if seen is not None and seen[0] > time.monotonic():
            return seen[1]
        return await self._looking.join(address.name, lambda: self._look(address))

    async def _look(self, address: Address) -> Blob:
        name = address.name
        try:
            blob = await self.artifacts.find(name, address.path)
        except Problem as problem:
            if problem.code is Code.NOT_FOUND:
                self._sources.pop(name, None)
                self.memory.drop(name)
                self.parts.bus.spawn(self._purge(name))
            raise
        _remember(self._sources, name, (time.monotonic() + FRESH, blob))
        return blob

    # ---- the variant ------------------------------------------------------------------------------------------------

    async def get(self, address: Address, wish: Wish, blob: Blob) -> bytes:
        """The picture; `wish` with a format. Raises `Problem`: INVALID_REQUEST for a source that can't be read,
        NO_PROVIDER while no agent is online, OVERLOADED, DEADLINE."""
        found = self.memory.get(address.name, wish.text)
        if found is not None:
            return found
        refused = self._refused.get((address.name, wish.text))
        if refused is not None and refused[0] > time.monotonic():
            raise Problem.of(refused[1])
        name = _subject(address.name, wish.text)
        return await self._making.join(name, lambda: self._have(name, address, wish, blob))

    async def _have(self, subject: str, address: Address, wish: Wish, blob: Blob) -> bytes:
        data = await self._read(subject)
        if data is None:
            try:
                data = await self._made(address, wish, blob)
            except Problem as problem:
                if problem.code in (Code.INVALID_REQUEST, Code.TOO_LARGE):
                    until = time.monotonic() + REFUSED_SECONDS
                    _remember(self._refused, (address.name, wish.text), (until, problem.fault))
                raise
            self._keep(subject, data)
        if address.name in self._sources:  # it may have gone meanwhile
            self.memory.put(address.name, wish.text, data)
        return data

    async def _made(self, address: Address, wish: Wish, blob: Blob) -> bytes:
        picture: str | FileRef = FileRef(blob=blob.name, content_type=blob.content_type, size=blob.size)
        if blob.content_type.startswith(("video/", "audio/")):
            poster = await self._poster(address, blob)
            picture = f"data:application/octet-stream;base64,{base64.b64encode(poster).decode()}"
        asked = Variant(
            model=VARIANT.model,
            image=picture,
            width=wish.width,
            height=wish.height,
            fit=cast(Any, wish.fit),
            output_format=cast(Format, wish.format),
            quality=wish.quality,
            pixels=self.parts.files.variant_pixels,
        )
        return (await self._ask(VARIANT, asked, address, address.place.key)).body

    async def _poster(self, address: Address, blob: Blob) -> bytes:
        """The picture that stands for a video or a sound. Its agent stores it; it is fetched, kept here, and removed there."""
        name = _subject(address.name, "poster")
        return await self._posing.join(name, lambda: self._posed(name, address, blob))

    async def _posed(self, subject: str, address: Address, blob: Blob) -> bytes:
        if (kept := await self._read(subject)) is not None:
            return kept
        width, height = WAVE if blob.content_type.startswith("audio/") else (WAVE[0], WAVE[0])
        ref = FileRef(blob=blob.name, content_type=blob.content_type, size=blob.size)
        asked = Poster(model=POSTER.model, file=ref, width=width, height=height)
        told = decode_media((await self._ask(POSTER, asked, address, HOUSE)).body).artifacts[0]
        files, owner = self.artifacts.files, (address.place.tenant, HOUSE)
        try:
            stored = await files.blobs.find(blob_at(told.url[told.url.find("/artifacts/") :]) or "")
            if stored is None:
                raise Problem(Code.UNAVAILABLE, "The poster was lost; try again.", retry_after=1)
            data = b"".join([piece async for piece in files.blobs.read(stored)])
        finally:
            await asyncio.shield(files.withdraw(owner, int(told.id.removeprefix(FILE))))
        self._keep(subject, data)
        return data

    async def _ask(self, operation: Operation, asked: Media, address: Address, key: str) -> Done:
        """A live job of the house's own: routed and balanced like any other, recorded nowhere."""
        if self._waiting >= WAITING:
            raise Problem(Code.OVERLOADED, "Too many variants are being made; try again in a moment.", retry_after=2)
        self._waiting += 1
        try:
            async with self._turns:
                return await self._live(operation, asked, address, key)
        finally:
            self._waiting -= 1

    async def _live(self, operation: Operation, asked: Media, address: Address, key: str) -> Done:
        now = time.time()
        job = Job(
            id=self.parts.dispatcher.new_id(),
            tenant=address.place.tenant,
            key=key,
            op=operation.name,
            model=operation.model,
            body=_encode(asked),
            created=now,
            deadline=now + SECONDS,
        )
        try:
            end = await whole(self.parts.dispatcher, job)
        except Problem as problem:
            raise _nobody(problem, operation) from problem
        log.debug("variant.made", job=job.id, op=operation.name, seconds=round(time.time() - now, 3))
        return end

    # ---- the bucket -------------------------------------------------------------------------------------------------

    async def _read(self, subject: str) -> bytes | None:
        """What is kept. A bucket that does not answer is an empty one."""
        try:
            message = await self._bus.ask(f"$JS.API.DIRECT.GET.{_STREAM}.{subject}", b"", 2.0)
        except Problem as problem:
            log.warning("variant.unread", error=str(problem))
            return None
        return None if message.status or not message.data else message.data

    def _keep(self, subject: str, data: bytes) -> None:
        if self.parts.files.variant_bytes and len(data) <= LARGEST:
            self.parts.bus.spawn(self._write(subject, data))

    async def _write(self, subject: str, data: bytes) -> None:
        try:
            await self._bus.keep(subject, data, timeout=5.0)
        except (Problem, Full, ApiError) as error:
            log.warning("variant.unwritten", error=str(error))

    async def _purge(self, name: str) -> None:
        """The source is gone: so is all that was made of it."""
        try:
            await self.parts.bus.api(f"STREAM.PURGE.{_STREAM}", {"filter": f"{_subject(name, '')}>"})
        except (Problem, ApiError) as error:  # the bucket's own age has the rest
            log.warning("variant.unpurged", error=str(error))


def _subject(name: str, text: str) -> str:
    """Where variants of the blob `name` are kept, and this one; with an empty `text` the beginning of all."""
    return subjects.variant_key(_short(name), _short(text) if text else "")


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _remember(things: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    things[key] = value
    things.move_to_end(key)
    while len(things) > ROOM:
        things.popitem(last=False)


def _nobody(problem: Problem, operation: Operation) -> Problem:
    """That no provider is there is our trouble, not the address's."""
    if problem.code not in (Code.NO_PROVIDER, Code.MODEL_NOT_FOUND):
        return problem
    sentence = (
        f"No agent that makes {'pictures' if operation is VARIANT else 'posters'} is online; try again in a moment."
    )
    return Problem(Code.NO_PROVIDER, sentence, retry_after=5)
