"""What media handles share: the request, its files on the way to a provider, and the result. No provider's words here.

What a newcomer would get wrong: only the files that the edge has resolved are files. A field that still holds text never
reaches a provider, for it could name anything.
"""

import asyncio
import time
from collections.abc import AsyncIterable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import aiofiles
import msgspec
import structlog

from agents._ffmpeg_sniff import kind_of
from agents._files import Files
from agents._http import MAX_BODY
from agents._multipart import Upload
from agents.agent import Again, Call, Tools, reply_to
from schemas.events import Done, Usage
from schemas.job import Job
from schemas.media import Artifact, FileRef, Media, MediaResult, Told, encode_media
from schemas.problem import Code, Problem

log = structlog.get_logger()

T = TypeVar("T", bound=Media)
R = TypeVar("R")

PATIENCE = 5.0
"""Times the provider's `first_timeout` (120 s as a rule) until the headers: a picture of good quality takes minutes."""
PIECE = 256 * 1024
TITLE = 1000
"""Characters of a title: some providers write an essay about their picture."""

EXTENSIONS = {
    "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif",
    "image/bmp": "bmp", "image/tiff": "tiff", "audio/mpeg": "mp3", "audio/wav": "wav", "audio/flac": "flac",
    "audio/ogg": "ogg", "audio/opus": "opus", "audio/aac": "aac", "audio/mp4": "m4a", "video/mp4": "mp4",
    "video/webm": "webm", "video/quicktime": "mov", "video/x-matroska": "mkv", "video/mpeg": "mpeg",
}  # fmt: skip
TYPES = {ending: kind for kind, ending in EXTENSIONS.items()}


def asked(job: Job, request: type[T]) -> T:
    """The request. Raises `Problem(INVALID_REQUEST)`: somebody wrote into the job what the edge would have refused."""
    try:
        return msgspec.json.decode(job.body, type=request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, f"The body is not a request for {job.op}") from error


def file(value: str | FileRef, param: str) -> FileRef:
    """A file of the request, resolved."""
    if isinstance(value, FileRef) and (value.blob or value.url):
        return value
    raise Problem(Code.INVALID_REQUEST, f"{param} must be a file", param=param)


def sniff(head: bytes) -> str:
    """The content type that the first bytes of a picture, sound or film tell; empty: none that we know."""
    kind = kind_of(head)
    return TYPES.get(kind.name, "") if kind is not None else ""


async def upload(shelf: Files, ref: FileRef, stack: AsyncExitStack, param: str) -> Upload:
    """A file as a part of a form. What is on the web comes to disk first, so that its length and type are known."""
    if ref.blob and ref.size:
        kind, size = ref.content_type, ref.size

        def opened() -> AsyncIterable[bytes]:
            return shelf.read(ref)
    else:
        path = await shelf.fetch(ref, await stack.enter_async_context(shelf.folder()))
        kind, size = await asyncio.to_thread(_measured, path, ref.content_type)

        def opened() -> AsyncIterable[bytes]:
            return _read(path)

    if not size:
        raise Problem(Code.INVALID_REQUEST, f"The file in '{param}' is empty", param=param)
    return Upload(filename=f"{param}.{_ending(ref, kind)}", content_type=kind, open=opened, size=size)


def in_memory(data: bytes, kind: str, name: str) -> Upload:
    """Bytes as a part of a form."""

    async def once() -> AsyncIterable[bytes]:
        yield data

    return Upload(filename=f"{name}.{EXTENSIONS.get(kind, 'bin')}", content_type=kind, open=once, size=len(data))


class Made(msgspec.Struct, kw_only=True):
    """What came of a request, while it is gathered."""

    artifacts: list[Artifact] = []
    texts: list[Told] = []
    usage: dict[str, Any] | None = None
    """As the provider says it, in OpenAI's shape."""
    counted: Usage = Usage()
    seconds: float = 0.0
    """That the provider says it worked; 0: as we saw it."""
    began: float = msgspec.field(default_factory=time.monotonic)

    def add(self, other: "Made") -> None:
        """Another call's share of the same result."""
        self.artifacts += other.artifacts
        self.texts += other.texts
        self.usage = summed(self.usage, other.usage)
        one, two = self.counted, other.counted
        tokens_in, tokens_out = one.tokens_in + two.tokens_in, one.tokens_out + two.tokens_out
        self.counted = Usage(tokens_in, tokens_out, one.tokens_cached + two.tokens_cached)
        self.seconds = max(self.seconds, other.seconds)

    def done(self, job: Job, tools: Tools, request: Media) -> Done:
        result = MediaResult(
            artifacts=tuple(self.artifacts),
            texts=tuple(self.texts),
            duration=round(self.seconds or time.monotonic() - self.began, 3),
            model=tools.native(job.model, job.op),
            state=request.state,
            usage=self.usage,
        )
        return Done(body=encode_media(result), usage=self.counted)


def summed(one: Any, two: Any) -> Any:
    """Two usages as one: numbers add up, whatever they are called."""
    if one is None or two is None:
        return two if one is None else one
    if isinstance(one, dict) and isinstance(two, dict):
        return {name: summed(one.get(name), two.get(name)) for name in {**one, **two}}
    return one + two if isinstance(one, int | float) and isinstance(two, int | float) else one


async def each(works: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
    """What came of several calls at a time, those that failed left out. Raises the first failure if none succeeded.

    A picture that is paid for is not thrown away because its neighbour failed; the log says how many are missing.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    found = [one for one in ended if not isinstance(one, BaseException)]
    for failure in ended:
        if isinstance(failure, BaseException) and not (found and isinstance(failure, Problem)):
            raise failure
    if len(found) < len(tasks):
        log.warning("media.short", wanted=len(tasks), made=len(found))
    return found


async def body_of(call: Call, tools: Tools, again: Again | None = None, limit: int = MAX_BODY) -> bytes:
    """The whole answer."""
    reply = await reply_to(call, tools, again)
    try:
        return await reply.read(limit)
    finally:
        reply.close()


def bearer(tools: Tools) -> dict[str, str]:
    return {"Authorization": f"Bearer {tools.key}"} if tools.key else {}


def answer(body: bytes, shape: type[R], tools: Tools, what: str) -> R:
    """A provider's JSON. Raises `Problem(PROVIDER_GARBLED)`; `what` goes on after `instead of`."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = "a web page" if body.lstrip()[:1] == b"<" else "something else"
        raise tools.problem(Code.PROVIDER_GARBLED, f"answered {found} instead of {what}") from error


def _ending(ref: FileRef, kind: str) -> str:
    """Providers go by the extension. Never more of the caller's name than that."""
    known = EXTENSIONS.get(kind, "")
    named = Path(ref.name).suffix.lstrip(".").lower()
    return known or (named if named.isascii() and named.isalnum() and len(named) <= 5 else "bin")


def _measured(path: Path, said: str) -> tuple[str, int]:
    with path.open("rb") as opened:
        kind = sniff(opened.read(64 * 1024))
    return kind or said, path.stat().st_size


async def _read(path: Path) -> AsyncIterable[bytes]:
    async with aiofiles.open(path, "rb") as opened:
        while piece := await opened.read(PIECE):
            yield piece
