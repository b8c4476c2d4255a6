"""What the reader of the archive (`storage/reader.py`) and whoever started it say to each other, over the child's pipes.

A frame is four bytes of length and one of these as MessagePack. What a newcomer would get wrong: no pickle. The reader
runs strangers' SQL, and what comes out of it must not be able to do anything here.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.log import AuditLog, FileLog, RequestLog
from schemas.problem import Fault
from storage import cells
from storage.rights import ALL, Whose
from storage.views import Hot

LARGEST = 256 << 20
"""Bytes of one frame."""


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """`Hot`, with a list for each kind of row: none says of itself what it is."""

    epoch: str = ""
    check: bool = False
    more: bool = False
    requests: Sequence[tuple[int, RequestLog]] = ()
    files: Sequence[tuple[int, FileLog]] = ()
    audit: Sequence[tuple[int, AuditLog]] = ()

    @property
    def hot(self) -> Hot:
        return Hot(self.epoch, self.requests, self.check, self.more, [*self.files, *self.audit])


def waiting(hot: Hot) -> Waiting:
    files = [(seq, row) for seq, row in hot.others if isinstance(row, FileLog)]
    audit = [(seq, row) for seq, row in hot.others if isinstance(row, AuditLog)]
    return Waiting(hot.epoch, hot.check, hot.more, hot.rows, files, audit)


class Question(msgspec.Struct, frozen=True, kw_only=True, tag="question"):
    """Statements over one moment of the archive. Several, or trusted ones, only as `rows`."""

    id: str
    sqls: list[str]
    kind: str = "rows"
    """rows (for our own use), json, csv or parquet."""
    month: str = ""
    limit: int = 10_000
    seconds: float = 30.0
    whose: Whose = ALL
    trusted: bool = False
    """Our own code wrote them."""
    target: str = ""
    """Name of the file for csv and parquet, in the reader's own folder."""
    hot: Waiting = Waiting()


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    id: str


class Table(msgspec.Struct, frozen=True, array_like=True):
    """A result as it travels."""

    columns: list[str]
    types: list[str]
    rows: list[Any]
    cut: bool
    warnings: list[str]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The reader has started."""


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    id: str
    tables: list[Table]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """The answer to HTTP, ready made."""

    id: str
    body: bytes
    rows: int


class Saved(msgspec.Struct, frozen=True, tag="saved"):
    id: str
    rows: int


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    id: str
    fault: Fault


Answer = Ready | Rows | Text | Saved | Refused

_encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Question | Cancel).decode
decode_answer = msgspec.msgpack.Decoder(Answer, ext_hook=cells.unpack).decode


def frame(message: Question | Cancel | Answer) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(4, "big") + body
