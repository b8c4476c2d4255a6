"""An upload as it arrives: `multipart/form-data`, part by part, the file's bytes handed on and never collected.

What a newcomer would get wrong: the parts come in any order, so the file may be stored before the field that refuses it is
read; whoever stores it must be ready to throw it away. The parser is Litestar's own (`multipart`), used from its push side.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Generic, NamedTuple, TypeVar

from litestar.types import Receive
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from gateway.reading import BODY_SECONDS, Gone
from schemas.problem import Code, Problem

FIELDS, FIELD_BYTES = 32, 64 * 1024
"""How many parts a form may have, and how much a part that is no file."""
HEADERS = 64 * 1024
"""Bytes that the form needs beside its file."""

T = TypeVar("T")
Taker = Callable[[str, str, AsyncIterator[bytes]], Awaitable[T]]
"""(file name, content type, bytes) -> what became of it."""


class Form(Generic[T]):
    """What a form held: its fields, and what `take` made of its file."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.file: T | None = None


async def read_form(receive: Receive, heads: Mapping[bytes, bytes], limit: int, form: Form[T], take: Taker[T]) -> None:
    """Read the whole request into `form`, which holds what came so far if this fails.

    Raises `Problem`: INVALID_REQUEST (no form, a broken one, two files, a stall), TOO_LARGE; `Gone`; what `take` raises.
    """
    async with aclosing(parts_of(receive, heads, limit)) as parts:
        async for part in parts:
            if part.name == "file":
                if form.file is not None:
                    raise Problem(Code.INVALID_REQUEST, "Send one file at a time.", param="file")
                form.file = await take(part.filename or "file", part.content_type, part.content)
            else:
                form.fields[part.name] = await text_of(part, FIELD_BYTES)


class Part(NamedTuple):
    """One part of a form. `filename` None: it is a field. Its `content` is gone once the next part is asked for."""

    name: str
    filename: str | None
    content_type: str
    content: AsyncIterator[bytes]


async def parts_of(receive: Receive, heads: Mapping[bytes, bytes], limit: int) -> AsyncGenerator[Part, None]:
    """The parts of a form as they come; what nobody reads of one is passed over. Close it (`aclosing`).

    Raises `Problem`: INVALID_REQUEST (no form, a broken one, a stall), TOO_LARGE by what it says of itself; `Gone`.
    """
    events = _events(receive, _boundary(heads, limit))
    async with aclosing(events):
        async for event in events:
            if isinstance(event, MultipartSegment):
                kind = event.content_type or "application/octet-stream"
                yield Part(event.name, event.filename, kind, _content(events))


def _boundary(heads: Mapping[bytes, bytes], limit: int) -> str:
    kind, options = parse_options_header(heads.get(b"content-type", b"").decode("latin-1"))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Problem(Code.INVALID_REQUEST, "Send the file as multipart/form-data, in the part `file`.", param="file")
    length = heads.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit + HEADERS:
        raise Problem(Code.TOO_LARGE, f"The file is too large: at most {limit / 1e6:g} MB.", param="file")
    return str(options["boundary"])


async def _events(receive: Receive, boundary: str) -> AsyncGenerator[Any, None]:
    """The parser's events: a segment, its bytes, None at its end."""
    try:
        parser = PushMultipartParser(boundary, max_segment_count=FIELDS)
        async for data in pieces(receive):
            for event in parser.parse(data):
                yield event
        parser.close()
    except MultipartError as error:
        raise Problem(Code.INVALID_REQUEST, f"The form is broken: {error}.") from error


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body's bytes as they come. Raises `Problem(INVALID_REQUEST)` when it stalls, `Gone` when the caller leaves."""
    more = True
    while more:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message: Any = await receive()
        except TimeoutError:
            stalled = f"Nothing more of the upload came for {BODY_SECONDS:.0f} seconds."
            raise Problem(Code.INVALID_REQUEST, stalled) from None
        if message["type"] == "http.disconnect":
            raise Gone
        more = message.get("more_body", False)
        if data := message.get("body", b""):
            yield data


async def _content(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for event in events:
        if event is None:
            return
        yield event


async def text_of(part: Part, limit: int) -> str:
    """A field's text. Raises `Problem(INVALID_REQUEST)` behind `limit` bytes."""
    name, pieces, size = part.name[:40], [], 0
    async for piece in part.content:
        size += len(piece)
        if size > limit:
            raise Problem(Code.INVALID_REQUEST, f"The field '{name}' is too long.", param=name)
        pieces.append(bytes(piece))
    return b"".join(pieces).decode("utf-8", "replace")
