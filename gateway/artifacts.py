"""`/artifacts/…`: files by their addresses. Who may read one is known from the address alone.

What a newcomer would get wrong: the path is judged as it came over the wire, undecoded and to the letter. A blob has one
address; whatever needs decoding, has two slashes or walks upwards is simply not that address, and there is nothing there.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

from litestar.types import Receive, Send

from bus.acks import ApiError
from gateway.access import Access
from gateway.files import Files, number_of
from gateway.links import forged, signed
from gateway.sending import PRIVATE_CACHE, PUBLIC_CACHE, attachment, send_blob, type_headers
from schemas.files import FILE, PUBLIC
from schemas.problem import Code, Problem
from storage.blobs import Blob, Place, blob_at, place_of

METHODS = "GET, HEAD, OPTIONS"
SHARED = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "content-length, content-range, content-disposition, etag, accept-ranges",
    "cross-origin-resource-policy": "cross-origin",
}
"""A public file may be shown and read by any page."""
PREFLIGHT = {
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": "range, if-range, if-none-match",
    "access-control-max-age": "86400",
}


class Links(Protocol):
    """Signed links (`gateway/links.py`)."""

    def check(self, path: str, query: bytes, now: float) -> bool:
        """Whether `query` is a signature of `path` that holds at `now` (Unix seconds)."""


class Artifacts:
    """Reads files by address, for one gateway."""

    def __init__(self, files: Files, access: Access, links: Links | None = None) -> None:
        self.files, self.access, self.links = files, access, links

    async def answer(self, scope: Any, receive: Receive, send: Send) -> None:
        """A request for an address. Raises `Problem` for whatever is not answered with the file."""
        path = raw_path(scope)
        name = blob_at(path)
        place = place_of(name) if name else None
        if name is None or place is None:
            raise nothing_at(path)
        if scope["method"] == "OPTIONS":
            await _bare(send, 204, {**(SHARED | PREFLIGHT if place.area == PUBLIC else {}), "allow": METHODS})
        elif scope["method"] not in ("GET", "HEAD"):
            await _bare(send, 405, {"allow": METHODS, "content-length": "0"})
        else:
            self.allow(place, scope)
            blob = await self.find(name, path)
            headers = await self._headers(blob, place, scope["query_string"])
            await send_blob(scope, receive, send, (self.files.blobs, blob), headers)

    async def _headers(self, blob: Blob, place: Place, query: bytes) -> dict[str, str]:
        headers = {"cache-control": PRIVATE_CACHE, **type_headers(blob.content_type)}
        if headers["content-type"].startswith("text/"):
            headers["content-type"] += "; charset=utf-8"  # what jobs write is; without it a browser guesses
        if place.area == PUBLIC:
            headers |= {**SHARED, "cache-control": PUBLIC_CACHE}
        if (parse_qs(query.decode("latin-1")).get("download") or ["0"])[-1] not in ("0", "false"):
            headers["content-disposition"] = attachment(await self._called(blob, place))
        return headers

    def allow(self, place: Place, scope: Any, now: float | None = None) -> None:
        """Raises `Problem` unless this request may read files of that place: UNAUTHENTICATED without a key, NOT_FOUND with
        another's, in the words for a file that never was."""
        if place.area == PUBLIC:
            return
        path = raw_path(scope)
        if self.links is not None and signed(scope["query_string"]):
            if self.links.check(path, scope["query_string"], now or time.time()):
                return
            raise forged()
        heads: Mapping[bytes, bytes] = dict(scope["headers"])
        key = self.access.who(heads)
        if (key.tenant, key.id) != (place.tenant, place.key) and "admin" not in key.scopes:
            raise nothing_at(path)

    async def find(self, name: str, path: str) -> Blob:
        """The blob of that name. Raises `Problem(NOT_FOUND)` that names `path`, UNAVAILABLE."""
        try:
            blob = await self.files.blobs.find(name)
        except ApiError as error:
            raise Problem(Code.UNAVAILABLE, "The file store is not ready; try again.", retry_after=1) from error
        if blob is None:
            raise nothing_at(path)
        return blob

    async def _called(self, blob: Blob, place: Place) -> str:
        """What its owner calls it; of several files with these bytes the newest counts."""
        for holder in reversed(blob.holders):
            if number := number_of(holder, FILE):
                found = await self.files.records.get(place.tenant, place.key, number)
                if found is not None:
                    return found[1].filename
        return blob.name.rpartition("/")[2]


def raw_path(scope: Any) -> str:
    """The path as it was sent."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def nothing_at(path: str) -> Problem:
    shown = path if len(path) <= 80 else f"{path[:80]}…"
    return Problem(Code.NOT_FOUND, f"There is no file at {shown}")


async def _bare(send: Send, status: int, headers: Mapping[str, str]) -> None:
    told = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
