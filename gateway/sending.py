"""A stored blob as an HTTP answer: whole or in part, streamed, with the headers that make it safe and worth caching.

What a newcomer would get wrong: once the headers are out there is no status to take back. A blob that turns out damaged or
vanishes on the way is not ended like a good one: the connection is cut short of the announced length, so that nobody takes
what came for the file.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import structlog
from litestar.types import Receive, Send

from gateway.files import media_type
from gateway.ranges import Part, part_of
from schemas.problem import Problem
from storage.blobs import Blob, BlobStore

log = structlog.get_logger()

Header = tuple[bytes, bytes]

PUBLIC_CACHE = "public, max-age=31536000, immutable"
NAMED_CACHE = "public, no-cache"
"""Under a name that may come to stand for another file; the ETag tells."""
PRIVATE_CACHE = "private, no-cache"
"""A browser may keep it, but asks each time whether it may still show it: that costs a 304."""

_SANDBOX = "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
_SHOWN = ("image/", "audio/", "video/", "font/", "model/")
_TEXT = ("text/plain", "text/csv", "text/markdown", "text/vtt", "application/json", "application/pdf")


def type_headers(content_type: str) -> dict[str, str]:
    """The type, and what keeps a browser from running it. Whatever could hold a script is for saving, not for showing."""
    kind = media_type(content_type.partition(";")[0].strip().lower())
    headers = {"content-type": kind, "x-content-type-options": "nosniff"}
    if kind != "application/pdf":  # browsers show no PDF in a sandbox, and run none of it in this page's name
        headers["content-security-policy"] = _SANDBOX
    if not may_show(kind):
        headers["content-disposition"] = "attachment"
    return headers


def may_show(kind: str) -> bool:
    """Whether a browser may open it in place: pictures, sound, video, plain text. Not HTML, SVG, XML or the unknown."""
    return kind in _TEXT or (kind.startswith(_SHOWN) and not kind.endswith("xml"))


def attachment(name: str) -> str:
    """Content-Disposition for saving under `name`, for old and new clients (RFC 6266)."""
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%;' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


class BlobAnswer:
    """What a handler of Litestar returns to have a blob sent. `headers` come beside those for range, length and ETag."""

    def __init__(self, source: tuple[BlobStore, Blob], headers: Mapping[str, str]) -> None:
        self.source, self.headers = source, dict(headers)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await send_blob(scope, receive, send, self.source, self.headers)


async def send_blob(
    scope: Any, receive: Receive, send: Send, source: tuple[BlobStore, Blob], headers: Mapping[str, str]
) -> None:
    """Answer GET or HEAD with a blob. `headers` come beside those for range, length and ETag.

    Raises `Problem` while nothing is sent yet; later it ends the connection.
    """
    blobs, blob = source
    heads = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    only_head = scope["method"] == "HEAD"
    if only_head:
        heads.pop("range", None)  # RFC 9110, 14.2: for GET alone
    part = part_of(heads, blob.size, blob.etag)
    told = {**headers, "etag": blob.etag, "accept-ranges": "bytes", **part.headers(blob.size)}
    if part.status != 304:
        told["content-length"] = str(part.stop - part.start)
    start = {
        "type": "http.response.start",
        "status": part.status,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in told.items()],
    }
    if only_head or part.start >= part.stop:
        await send(start)  # type: ignore[arg-type]
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    async with aclosing(blobs.read(blob, part.start, part.stop)) as pieces:
        first = await anext(pieces)  # what can't be read at all still gets an honest status
        await send(start)  # type: ignore[arg-type]
        await _stream(first, pieces, receive, send, (blob, part))


async def _stream(
    piece: bytes, pieces: AsyncGenerator[bytes, None], receive: Receive, send: Send, what: tuple[Blob, Part]
) -> None:
    blob, part = what
    left = part.stop - part.start
    gone = asyncio.ensure_future(_hung_up(receive))
    try:
        while not gone.done():
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            if not left:
                return
            piece = await anext(pieces)
    except (Problem, StopAsyncIteration) as problem:
        log.error(
            "blob.cut", blob=blob.name, missing=left, reason=str(problem)
        )  # the server hangs up: the body is short
    finally:
        gone.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
