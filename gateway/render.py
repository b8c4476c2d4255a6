"""A media result as an answer: the bytes of a file, a file inside JSON, or a few events. Read from the object store while it
is sent.

A dialect's `render` returns a `Shown`; JSON that needs no bytes is `Dialect.whole`'s. What a newcomer would get wrong: a
result names files, and only files of the job's own key are read here, whatever its agent wrote into it.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from gateway.files import Files, holder, number_of
from schemas.events import Done
from schemas.files import FILE, FileRecord
from schemas.job import Job
from schemas.media import Artifact, MediaResult, decode_media
from schemas.problem import Code, Problem
from storage.blobs import Blob, BlobStore

JSON_TYPE, SSE_TYPE = "application/json", "text/event-stream; charset=utf-8"
_encode = encode_echo = msgspec.json.Encoder().encode


class Shown(NamedTuple):
    """An answer's body. `size` is known before its first byte is read."""

    content_type: str
    size: int
    pieces: AsyncIterator[bytes]
    headers: tuple[tuple[str, str], ...] = ()


class Stored(NamedTuple):
    record: FileRecord
    blob: Blob


class Packed(NamedTuple):
    """A file as base64 inside an answer."""

    blob: Blob


class Echo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the answer to a media request must know of it (`Job.echo`)."""

    base: str = ""
    """Stands before the paths of files."""
    raw: bool = False
    """The file itself, if there is one."""
    format: str = ""
    b64: bool = False
    stream: bool = False
    words: bool = False
    segments: bool = True
    facts: dict[str, str] = {}
    """Fields of the request that the answer repeats."""


_echo = msgspec.json.Decoder(Echo).decode


class Store:
    """The files of results, for one gateway."""

    def __init__(self, files: Files) -> None:
        self._files = files

    @property
    def blobs(self) -> BlobStore:
        return self._files.blobs

    async def of(self, job: Job, artifact: Artifact) -> Stored:
        """Raises `Problem(NOT_FOUND)` for a file that is gone, or not of the job's key."""
        number = number_of(artifact.id, FILE)
        found = await self._files.records.get(job.tenant, job.key, number) if number else None
        if found is not None:
            blob = await self.blobs.find(found[1].blob)
            if blob is not None and holder(number) in blob.holders:
                return Stored(found[1], blob)
        raise Problem(Code.NOT_FOUND, "The file that the job made is no longer there.")

    async def all(self, job: Job, result: MediaResult) -> list[Stored]:
        return [await self.of(job, artifact) for artifact in result.artifacts]


def echo_of(job: Job) -> Echo:
    return _echo(job.echo) if job.echo else Echo()


def result_in(end: Done) -> MediaResult:
    return decode_media(end.body) if end.body else MediaResult()


def at_base(result: MediaResult, base: str) -> MediaResult:
    """The result with whole URLs."""
    if not base:
        return result
    replace = msgspec.structs.replace
    made = (replace(one, url=base + one.url) if one.url.startswith("/") else one for one in result.artifacts)
    return replace(result, artifacts=tuple(made))


def text(body: str | bytes, content_type: str) -> Shown:
    data = body.encode() if isinstance(body, str) else body
    return Shown(content_type, len(data), _flow(None, [data]))


def file(stored: Stored, store: Store) -> Shown:
    """The file itself."""
    name = quote(stored.record.filename)
    headers = (
        ("content-disposition", f"inline; filename*=UTF-8''{name}"),
        ("etag", stored.blob.etag),
        ("x-content-type-options", "nosniff"),
    )
    return Shown(stored.record.content_type, stored.blob.size, store.blobs.read(stored.blob), headers)


def mixed(parts: Sequence[bytes | Packed], store: Store, content_type: str = JSON_TYPE) -> Shown:
    """Text with files in it as base64; no file is in memory as a whole."""
    size = sum(len(part) if isinstance(part, bytes) else (part.blob.size + 2) // 3 * 4 for part in parts)
    return Shown(content_type, size, _flow(store, parts))


async def _flow(store: Store | None, parts: Sequence[bytes | Packed]) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            assert store is not None
            async for piece in _base64(store.blobs.read(part.blob)):
                yield piece


async def _base64(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        data = rest + piece
        cut = len(data) - len(data) % 3
        rest = data[cut:]
        if cut:
            yield base64.b64encode(data[:cut])
    if rest:
        yield base64.b64encode(rest)


def event(told: dict[str, object]) -> bytes:
    """One server-sent event, as OpenAI's clients read them."""
    return b"data: " + _encode(told) + b"\n\n"
