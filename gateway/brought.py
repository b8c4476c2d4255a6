"""The files that one request brought along: in the store at once, files of its key when it is accepted.

What a newcomer would get wrong: a key's name for the bytes is made before the bytes are known to be wanted, so `drop` must
be right at any moment: after none, some or all of them were stored, and before or after `keep`.
"""

import mimetypes
import time
from collections.abc import AsyncIterable, AsyncIterator

import msgspec
import structlog

from gateway.files import About, Files, file_name, media_type
from gateway.quota import Quota
from gateway.sniff import HEAD, kind_of
from gateway.uploads import Part
from schemas.files import INPUT
from schemas.media import FileRef
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import Blob

log = structlog.get_logger()


class Brought:
    """One request's. `life`: seconds until they lapse."""

    def __init__(self, files: Files, quota: Quota, key: ApiKey, job: int, life: float) -> None:
        self.files, self.quota, self.key, self.job, self.life = files, quota, key, job, life
        self.owner = (key.tenant, key.id)
        self.bytes = 0
        self._stored: list[tuple[About, Blob]] = []
        self._kept = 0

    async def take(self, part: Part, limit: int) -> FileRef | None:
        """Store a part of a form. None: a browser's empty field. `limit`: bytes of all files together.

        Raises `Problem`: INVALID_REQUEST for an empty one, TOO_LARGE, OVERLOADED; what the reading of it raises.
        """
        head = bytearray()
        async for piece in part.content:
            head += piece
            if len(head) >= HEAD:
                break
        if not head and not part.filename:
            return None
        source = _behind(bytes(head), part.content)
        return await self.store(part.name[:60], part.filename or "", part.content_type, source, limit)

    async def store(self, field: str, filename: str, said: str, data: "AsyncIterator[bytes]", limit: int) -> FileRef:
        """Store the bytes of the file in `field`. The first piece holds what tells its type."""
        head = await anext(data, b"")
        if not head:
            raise Problem(Code.INVALID_REQUEST, f"'{field}' is empty: the file has no bytes.", param=field)
        kind = kind_of(head[:HEAD], media_type(said))
        about = About(
            id=self.files.new_id(),
            filename=_named(filename, kind),
            purpose=INPUT,
            content_type=kind,
            life=self.life,
            job=self.job,
        )
        try:
            text = f"'{field}' is too large: a request's files may have at most {limit / 1e6:g} MB together."
            source = _within(_behind(head, data), limit - self.bytes, Problem(Code.TOO_LARGE, text, param=field))
            blob = await self.files.store(self.owner, self.quota.guard(self.key, about.id, source), about)
        except BaseException as error:
            await self.quota.release(self.key, about.id)
            if isinstance(error, Problem):
                raise Problem.of(msgspec.structs.replace(error.fault, param=field)) from None
            raise
        self._stored.append((about, blob))
        self.bytes += blob.size
        return FileRef(blob=blob.name, content_type=kind, size=blob.size, name=about.filename)

    async def keep(self) -> None:
        """Make them files of the key. Raises `Problem`; whoever hears it drops."""
        while self._kept < len(self._stored):
            about, blob = self._stored[self._kept]
            self._kept += 1  # before it is known: what fails here may have been written all the same
            await self.files.enter(self.owner, about, blob, time.time())
            await self.quota.release(self.key, about.id)

    async def drop(self) -> None:
        """Throw all of them away. Raises nothing: what stays the sweep finds."""
        stored, self._stored = self._stored, []
        for number, (about, blob) in enumerate(stored):
            try:
                if number < self._kept:
                    await self.files.withdraw(self.owner, about.id)
                await self.files.discard(about, blob)
                await self.quota.release(self.key, about.id)
            except Exception as error:
                log.warning("input.not_dropped", request=self.job, error=str(error))
        self._kept = 0


async def _behind(head: bytes, rest: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for piece in rest:
        yield piece


async def _within(data: AsyncIterable[bytes], room: int, refusal: Problem) -> AsyncIterator[bytes]:
    async for piece in data:
        room -= len(piece)
        if room < 0:
            raise refusal
        yield piece


def _named(filename: str, kind: str) -> str:
    """A name with an ending, which the blob's name takes over."""
    name = file_name(filename)
    return name if "." in name else name + (mimetypes.guess_extension(kind) or "")
