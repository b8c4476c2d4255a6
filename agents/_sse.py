"""Server-sent events, parsed as they arrive: bytes in, events out, no I/O.

A piece of the network ends anywhere, also between CR and LF or inside a character, so nothing is decoded here and a line
counts only once its end is seen. The last event of a stream often lacks its blank line: `end` hands it out all the same.
"""

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event."""

_BOM = b"\xef\xbb\xbf"


class TooLargeError(ValueError):
    """One event is larger than `MAX_EVENT`."""


class Parser:
    """`feed` returns the (event name, data) pairs that a piece completes. The name is empty for a plain message."""

    __slots__ = ("_data", "_fresh", "_limit", "_name", "_partial", "_size", "_skip_lf")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._partial: list[bytes] = []  # pieces of a line without its end: joined once, so a giant line stays linear
        self._data: list[bytes] = []
        self._name = b""
        self._size = 0
        self._skip_lf = False
        self._fresh = True

    def feed(self, piece: bytes) -> list[tuple[bytes, bytes]]:
        """Raises `TooLargeError`; the parser is of no use afterwards."""
        if self._skip_lf and piece:
            self._skip_lf = False
            piece = piece.removeprefix(b"\n")
        if not piece:
            return []
        lines = piece.splitlines()
        ended = piece[-1] in b"\r\n"
        self._skip_lf = piece[-1:] == b"\r"
        rest = b"" if ended else lines.pop()
        if lines and self._partial:
            lines[0] = b"".join((*self._partial, lines[0]))
            self._size -= sum(map(len, self._partial))
            self._partial.clear()
        events: list[tuple[bytes, bytes]] = []
        for line in lines:
            self._line(line, events)
        if rest:
            self._grow(len(rest))
            self._partial.append(rest)
        return events

    def end(self) -> list[tuple[bytes, bytes]]:
        """The event that the stream's end completes, if any."""
        events: list[tuple[bytes, bytes]] = []
        if self._partial:
            line = b"".join(self._partial)
            self._partial.clear()
            self._line(line, events)
        self._line(b"", events)
        return events

    def _line(self, line: bytes, events: list[tuple[bytes, bytes]]) -> None:
        if self._fresh:
            self._fresh = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append((self._name, data))
                self._data = []
            self._name = b""
            self._size = 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._grow(len(value) + 1)
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise TooLargeError(f"an event of more than {self._limit} bytes")
