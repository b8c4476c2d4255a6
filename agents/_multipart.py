"""A form with files (`multipart/form-data`) as a body that is written while it is read: memory stays flat.

What a newcomer would get wrong: a call may go out twice (a kept-alive connection that was dead, another form of the same
call), so a form holds how to open its files and not the bytes, and each time it is written it opens them anew.
Source: RFC 7578; names are written as HTML says (percent-encoded quotes and line ends), which every server understands.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing
from secrets import token_hex
from typing import Any

import msgspec

from schemas.problem import Code, Problem

_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a form. `size`: bytes, None where nobody knows; `open` yields them from the start, each time."""

    filename: str
    content_type: str
    open: Callable[[], AsyncIterable[bytes]]
    size: int | None = None


Field = tuple[str, str | Upload]


class Form:
    """The body. `failed` holds why a file could not be read, for aiohttp would tell of a broken connection."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.failed: Problem | None = None
        self._fields = tuple(fields)
        self._boundary = f"form-{token_hex(16)}"

    @property
    def headers(self) -> dict[str, str]:
        """Without a length the body goes out in chunks, which some servers do not take: it is told where it is known."""
        kind = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        size = self.size
        return kind if size is None else {**kind, "Content-Length": str(size)}

    @property
    def size(self) -> int | None:
        total = len(self._end())
        for name, value in self._fields:
            size = value.size if isinstance(value, Upload) else len(value.encode())
            if size is None:
                return None
            total += len(self._head(name, value)) + size + 2
        return total

    def text(self, name: str) -> str:
        """The value of a plain field; empty where there is none."""
        return next((value for field, value in self._fields if field == name and isinstance(value, str)), "")

    def without(self, *names: str) -> "Form":
        """The same form, less these fields."""
        return Form([field for field in self._fields if field[0] not in names])

    def changed(self, name: str, value: str) -> "Form":
        """The same form with one field said otherwise."""
        return Form([(field, value if field == name else old) for field, old in self._fields])

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._written()

    async def _written(self) -> AsyncGenerator[bytes, None]:
        for name, value in self._fields:
            yield self._head(name, value)
            if isinstance(value, str):
                yield value.encode()
            else:
                async with aclosing(self._file(value)) as pieces:
                    async for piece in pieces:
                        yield piece
            yield b"\r\n"
        yield self._end()

    async def _file(self, upload: Upload) -> AsyncGenerator[bytes, None]:
        sent, source = 0, aiter(upload.open())
        try:
            async for piece in source:
                sent += len(piece)
                yield piece
            if upload.size not in (None, sent):
                raise Problem(Code.UNAVAILABLE, "A file changed while it was sent to the provider")
        except Problem as problem:
            self.failed = problem
            raise
        finally:
            await _closed(source)

    def _head(self, name: str, value: str | Upload) -> bytes:
        said = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name.translate(_ESCAPED)}"'
        if isinstance(value, Upload):
            said += f'; filename="{value.filename.translate(_ESCAPED)}"\r\nContent-Type: {value.content_type}'
        return f"{said}\r\n\r\n".encode()

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


async def _closed(source: Any) -> None:
    closing = getattr(source, "aclose", None)
    if closing is not None:
        await closing()
