"""A document that everybody gets the same: held packed and plain, with the tag by which a browser knows that it has it.

What a newcomer would get wrong: an answer of 304 carries the same headers as the whole one, or a cache in between forgets
how long it may keep what it has.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it is sent."""

    body: bytes
    packed: bytes
    """gzip."""
    etag: str

    @classmethod
    def of(cls, body: bytes) -> "Paper":
        return cls(body, gzip.compress(body, 6, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def answer(self, request: Request[Any, Any, Any], kind: str, headers: Mapping[str, str]) -> Response[bytes]:
        """The document, packed where the caller can unpack it; 304 where he has it."""
        told = {**headers, "etag": self.etag, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
        if self.etag in _said(request.headers.get("if-none-match", "").replace("W/", "")):
            return Response(b"", status_code=304, headers=told, media_type=kind)
        if _said(request.headers.get("accept-encoding", "")).get("gzip", "0").strip("0."):  # `gzip;q=0` is a no
            return Response(self.packed, headers={**told, "content-encoding": "gzip"}, media_type=kind)
        return Response(self.body, headers=told, media_type=kind)


def _said(header: str) -> dict[str, str]:
    """The words of a list in a header, each with its weight: `gzip, br;q=0` → {"gzip": "1", "br": "0"}."""
    words = (one.partition(";") for one in header.split(","))
    return {word.strip(): weight.partition("=")[2].strip() or "1" for word, _, weight in words}
