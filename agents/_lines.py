"""JSON lines, parsed as they arrive: the way Ollama streams. The twin of `_sse.Parser`, with the same two methods.

A line counts only once its end is seen; the last one may lack it, and `end` hands it out.
"""

from agents._sse import MAX_EVENT, TooLargeError


class Lines:
    """`feed` returns a pair of an empty name and the line, as `_sse.Parser` does, so that readers take either."""

    __slots__ = ("_limit", "_partial", "_size")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._partial: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[tuple[bytes, bytes]]:
        """Raises `TooLargeError`; the parser is of no use afterwards."""
        *lines, rest = piece.split(b"\n")
        found: list[tuple[bytes, bytes]] = []
        for line in lines:
            found += self._whole(line)
        self._size += len(rest)
        if self._size > self._limit:
            raise TooLargeError(f"a line of more than {self._limit} bytes")
        if rest:
            self._partial.append(rest)
        return found

    def end(self) -> list[tuple[bytes, bytes]]:
        """The line that the stream's end completes, if any."""
        return self._whole(b"")

    def _whole(self, line: bytes) -> list[tuple[bytes, bytes]]:
        if self._partial:
            line = b"".join((*self._partial, line))
            self._partial.clear()
        self._size = 0
        line = line.strip()
        return [(b"", line)] if line else []
