"""Reading a request: its bytes within the limit, then the typed struct, with an error that names the field.

A body that says it is too long is refused before a byte is read: a client that waits for `100 Continue` never sends it,
and the server throws away what the others send, so that they see our answer and not a reset connection.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from litestar import Request
from litestar.types import Receive

from gateway.parsing import parse
from schemas.operations import OPERATIONS, Operation
from schemas.problem import Code, Problem

BODY_SECONDS = 60.0
"""How long the body of a request may take to arrive."""

_DECODE: dict[str, Callable[[bytes], Any]] = {
    operation.name: msgspec.json.Decoder(operation.request).decode for operation in OPERATIONS.values()
}


class Gone(Exception):
    """The caller hung up before its request was whole: nobody is there to answer."""


async def read_body(receive: Receive, heads: Mapping[bytes, bytes], limit: int) -> bytes:
    """The request's body. Raises `Problem(TOO_LARGE)`, `Problem(INVALID_REQUEST)` when it stalls, `Gone`."""
    length = heads.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise too_large(limit)
    message: Any = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _rest(receive, body, limit)
        except TimeoutError:
            raise Problem(
                Code.INVALID_REQUEST, f"The request's body did not arrive within {BODY_SECONDS:.0f} seconds."
            ) from None
    if len(body) > limit:
        raise too_large(limit)
    return body


async def body_of(request: Request[Any, Any, Any], most: int) -> bytes:
    """The body of a request to one of Litestar's routes, which reads 10 MB at most. Raises `Problem(TOO_LARGE)`."""
    length = request.headers.get("content-length", "")
    told = int(length) if length.isdigit() else 0
    if told > most or len(body := await request.body()) > most:
        raise Problem(Code.TOO_LARGE, f"The request is too large: at most {most / 1e6:g} MB.")
    return body


async def _rest(receive: Receive, first: bytes, limit: int) -> bytes:
    parts, size = [first], len(first)
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return b"".join(parts)


def too_large(limit: int) -> Problem:
    return Problem(
        Code.TOO_LARGE, f"The request is too large: at most {limit / 1e6:g} MB. Send media by URL instead of inline."
    )


def decode(operation: Operation, body: bytes, packed: bytes = b"") -> Any:
    """The typed request. `packed`: its Content-Encoding. Raises `Problem(INVALID_REQUEST)` with the field's path."""
    return parse(_DECODE[operation.name], body, packed, kind=operation.request)
