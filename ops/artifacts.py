"""The files of jobs, for the agents of one process: what they read, and what they made.

Here the object store is handed to agents, who know no storage (`agents/_files.py`). What a newcomer would get wrong: the
bytes are stored when an agent puts them, but they become a file of the caller only when the job succeeds (`settle`). So a
job that fails, is cancelled or is killed leaves no file; what a killed process stored, the sweep finds.
"""

import asyncio
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import aiofiles
import msgspec
import structlog

from agents._http import Http
from agents._web import download
from bus.connection import Bus, Link, open_bus
from gateway.files import About, Files, file_name, media_type
from ops.settings import Settings
from schemas.content_types import extension_of
from schemas.events import Done, Event
from schemas.files import ARTIFACT, FILE, PRIVATE, PUBLIC
from schemas.job import Job
from schemas.media import Artifact, FileRef
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem
from storage.blobs import Blob, address_of, place_of

log = structlog.get_logger()

PIECE = 256 * 1024
"""Bytes read from disk at a time."""
_FOLDER = "ai-server-job-"
_STARTED = time.time()


class Keeping(msgspec.Struct, kw_only=True):
    """What becomes of results, by the settings `files.*`; changed in place when an operator changes them."""

    public: bool = True
    """Whoever knows a result's address may read it."""
    days: float = 0.0
    """Until a result lapses; 0: never."""
    base_url: str = ""
    """Put before the address of a public result (a CDN)."""
    largest: int = 2_147_483_648
    """Bytes of one file: of a result, or fetched from a URL."""


def keeping_of(settings: Settings) -> Keeping:
    files = settings.files
    return Keeping(
        public=files.public_artifacts,
        days=files.artifact_days,
        base_url=files.base_url,
        largest=settings.limits.file_bytes,
    )


class Shelf:
    """The files of all jobs of one process. Its connection for the bytes is opened when the first job needs it."""

    def __init__(self, bus: Bus, new_id: Callable[[], int], keeping: Keeping | None = None) -> None:
        """`bus`: of the process; records go over it, and the connection for bytes is made like it."""
        self.bus, self.new_id, self.keeping = bus, new_id, keeping or Keeping()
        self._files: Files | None = None
        self._opening = asyncio.Lock()
        self._things = AsyncExitStack()
        self._leaving: set[asyncio.Task[None]] = set()

    def of(self, job: Job, http: Http) -> "JobFiles":
        """The files of one job. `http`: whose guarded twin fetches URLs."""
        return JobFiles(self, job, http)

    async def files(self) -> Files:
        if self._files is None:
            async with self._opening:
                if self._files is None:
                    link: Link = self.bus.link
                    bulk = await self._things.enter_async_context(open_bus(link, f"{self.bus.name}-files"))
                    self._files = Files(self.bus, self.new_id, bulk)
        return self._files

    def later(self, work: Awaitable[None]) -> None:
        """In a task of its own: a job that is cancelled waits for nothing."""
        task = asyncio.ensure_future(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Wait until what failed is thrown away, and hang up."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=5)
        if self._files is not None:
            await self._files.stop()
        await self._things.aclose()


class JobFiles:
    """One attempt at one job: the `Files` that its agent is given."""

    def __init__(self, shelf: Shelf, job: Job, http: Http) -> None:
        self.shelf, self.job, self.http = shelf, job, http
        self._made: list[tuple[About, Blob]] = []
        self._settled = 0
        self._ended = False

    # ---- out ------------------------------------------------------------------------------------------------------

    async def read(self, ref: FileRef) -> AsyncGenerator[bytes, None]:
        """Its bytes, in pieces. What is wrong with the file is a `Problem`."""
        if not ref.blob:
            source = download(ref.url, self.http, self.shelf.keeping.largest)
        else:
            files, blob = await self._stored(ref)
            source = files.blobs.read(blob)
        async with aclosing(source) as pieces:
            async for piece in pieces:
                yield piece

    async def whole(self, ref: FileRef, limit: int = 64 * 1024 * 1024) -> bytes:
        parts, size = [], 0
        async with aclosing(self.read(ref)) as pieces:
            async for piece in pieces:
                size += len(piece)
                if size > limit:
                    raise Problem(Code.TOO_LARGE, f"The file is too large: at most {limit / 1e6:g} MB for this.")
                parts.append(piece)
        return b"".join(parts)

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        path = await asyncio.to_thread(_new_folder)
        try:
            yield path
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, True))

    async def fetch(self, ref: FileRef, folder: Path, name: str = "") -> Path:
        path = folder / (name or f"{secrets.token_hex(6)}.{_ending(ref)}")
        async with aiofiles.open(path, "xb") as file, aclosing(self.read(ref)) as pieces:
            async for piece in pieces:
                await file.write(piece)
        return path

    async def _stored(self, ref: FileRef) -> tuple[Files, Blob]:
        """The edge names only what its caller may read. Should it ever be wrong about that, this is the second wall."""
        place, job = place_of(ref.blob), self.job
        internal = job.op in OPERATIONS and OPERATIONS[job.op].internal
        public = place is not None and place.area == PUBLIC
        if not (public or internal or (place is not None and (place.tenant, place.key) == (job.tenant, job.key))):
            log.error("file.refused", job=job.id)
            raise _gone(ref)
        files = await self.shelf.files()
        blob = await files.blobs.find(ref.blob)
        if blob is None:
            raise _gone(ref)
        return files, blob

    # ---- in -------------------------------------------------------------------------------------------------------

    async def put(
        self, data: bytes | AsyncIterable[bytes], content_type: str, about: Artifact | None = None
    ) -> Artifact:
        told, keeping, job = about or Artifact(), self.shelf.keeping, self.job
        files = await self.shelf.files()
        kind = media_type(content_type.partition(";")[0].strip().lower())
        made = About(
            id=self.shelf.new_id(),
            filename=self._name(told.file_name, kind),
            purpose=ARTIFACT,
            content_type=kind,
            life=keeping.days * 86_400,
            area=PUBLIC if keeping.public else PRIVATE,
            job=job.id,
            width=told.width or 0,
            height=told.height or 0,
            seconds=told.seconds or 0.0,
        )
        source = _pieces(data) if isinstance(data, bytes) else data
        blob = await files.store((job.tenant, job.key), source, made, keeping.largest)
        if self._ended:  # put by a task that outlived its job
            self.shelf.later(files.discard(made, blob))
            raise Problem(Code.CANCELLED, "The job has ended.")
        self._made.append((made, blob))
        url = address_of(blob.name)
        return msgspec.structs.replace(
            told,
            id=f"{FILE}{made.id}",
            url=keeping.base_url.rstrip("/") + url if keeping.public else url,
            file_name=made.filename,
            content_type=kind,
            size=blob.size,
        )

    async def put_file(self, path: Path, content_type: str, about: Artifact | None = None) -> Artifact:
        async with aclosing(_from_disk(path)) as pieces:
            return await self.put(pieces, content_type, about)

    def _name(self, said: str, kind: str) -> str:
        ending = extension_of(kind)
        if not said:
            return f"{self.job.op}-{self.job.id}-{len(self._made) + 1}.{ending}"
        name = file_name(said)
        return name if Path(name).suffix else f"{name}.{ending}"

    # ---- the job's end ----------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """The job succeeded: what was put are files of its key from now on. Doing it twice changes nothing."""
        owner = (self.job.tenant, self.job.key)
        while self._settled < len(self._made):
            about, blob = self._made[self._settled]
            await (await self.shelf.files()).enter(owner, about, blob)
            self._settled += 1

    def discard(self) -> None:
        """The job did not succeed: throw away what was put. It happens behind our back; `Shelf.close` waits for it."""
        self._ended = True
        if self._made:
            self.shelf.later(self._discard())

    async def _discard(self) -> None:
        files = await self.shelf.files()
        for number, (about, blob) in enumerate(self._made):
            try:
                if number < self._settled:
                    await files.withdraw((self.job.tenant, self.job.key), about.id)
                await files.discard(about, blob)
            except Exception as error:  # the sweep has the rest
                log.warning("artifact.discard_failed", job=self.job.id, error=str(error))


async def told(events: AsyncIterator[Event], files: JobFiles) -> AsyncGenerator[Event, None]:
    """A job's events. Its files are there before `Done` says so, and gone if no `Done` comes."""
    done = False
    try:
        async for event in events:
            if isinstance(event, Done):
                await files.settle()
                done = True
            yield event
    finally:
        closing = getattr(events, "aclose", None)
        try:
            if closing is not None:
                await closing()
        finally:
            if not done:
                files.discard()


def _ending(ref: FileRef) -> str:
    """An extension for a file on disk: tools go by it. Of the type first, for a caller may write anything into a name."""
    known = extension_of(ref.content_type)
    named = Path(ref.name or ref.url.partition("?")[0].partition("#")[0]).suffix.lstrip(".").lower()
    return named if known == "bin" and re.fullmatch(r"[a-z0-9]{1,10}", named) else known


def _gone(ref: FileRef) -> Problem:
    return Problem(Code.NOT_FOUND, "The file is no longer there.", param=ref.name or None)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _from_disk(path: Path) -> AsyncGenerator[bytes, None]:
    async with aiofiles.open(path, "rb") as file:
        while piece := await file.read(PIECE):
            yield piece


def _new_folder() -> Path:
    """A new folder; and those that killed processes left are removed."""
    root = Path(tempfile.gettempdir())
    for old in root.glob(f"{_FOLDER}*"):
        owner = old.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdecimal() and _left(old, int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=root))


def _left(folder: Path, owner: int) -> bool:
    """Its process is gone. In a container each process of a role has the number of the one before it."""
    try:
        os.kill(owner, 0)
        return owner == os.getpid() and folder.stat().st_mtime < _STARTED
    except ProcessLookupError:
        return True
    except OSError:  # that process is another user's, or the folder has gone meanwhile
        return False
