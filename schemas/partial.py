"""An upload that comes in pieces, over hours: its record in the bucket PARTIALS, and the bytes that fill no chunk yet."""

import msgspec

from schemas.files import PRIVATE


class PartialRecord(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """An upload under way. How much has come is not here: the chunks themselves say it (`storage/strand.py`)."""

    id: int
    """Of the file that it becomes."""
    tenant: str
    key: str
    nuid: str
    """Names its chunks."""
    length: int
    """Bytes of the whole file."""
    created: float
    """Unix seconds."""
    expires: float
    """Unix seconds; what is not whole by then is removed."""
    filename: str = "file"
    content_type: str = ""
    """Empty: to be told from the bytes."""
    area: str = PRIVATE
    life: float = 0.0
    """Seconds that the file is kept; 0: for ever."""
    ranged: bool = False
    """Sent by `Content-Range`, and found by its name; else by tus, and found by its id."""
    done: bool = False


class Tail(msgspec.Struct, frozen=True, array_like=True):
    """The bytes behind the last whole chunk, which `at` chunks go before. With other chunks there they count nothing."""

    at: int
    data: bytes = b""
    checking: bool = False
    """A piece is on its way whose checksum is not verified yet: what stands behind `at` chunks does not count."""


encode_partial = msgspec.msgpack.Encoder().encode
decode_partial = msgspec.msgpack.Decoder(PartialRecord).decode
encode_tail = msgspec.msgpack.Encoder().encode
decode_tail = msgspec.msgpack.Decoder(Tail).decode
