"""Values of a result on their way: as msgpack between our processes, and as JSON to whoever asked over HTTP.

JSON: a number stays a number while JavaScript's doubles hold it exactly, else it is a string of the same digits; so a job's
id is a number and a sum beyond 2**53 is none. Times are ISO 8601 in UTC with Z, intervals ISO 8601 durations, bytes base64,
NaN and the infinities strings. What a newcomer would get wrong: MessagePack has no whole numbers beyond 64 bits, and
msgspec reads a plain datetime back as text: both travel as extensions.
"""

import base64
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

SAFE = 2**53 - 1
"""The largest whole number that a double holds exactly, as all below it."""
_PLAIN = frozenset(
    (
        "BIGINT",
        "BOOLEAN",
        "DOUBLE",
        "FLOAT",
        "INTEGER",
        "SMALLINT",
        "TINYINT",
        "UINTEGER",
        "USMALLINT",
        "UTINYINT",
        "VARCHAR",
    )
)
_READ: dict[int, Callable[[str], Any]] = {
    1: datetime.fromisoformat,
    2: date.fromisoformat,
    3: time.fromisoformat,
    4: lambda text: timedelta(*map(int, text.split())),
    5: Decimal,
    6: UUID,
    7: int,
}
_encode = msgspec.json.Encoder().encode
_Wide = type[datetime] | type[date] | type[time] | type[timedelta] | type[Decimal] | type[UUID]


def packed(rows: Sequence[tuple[Any, ...]], types: Sequence[str]) -> list[Sequence[Any]]:
    """Rows for msgpack."""
    places = [n for n, kind in enumerate(types) if kind not in _PLAIN]
    if not places:
        return list(rows)
    found: list[Sequence[Any]] = []
    for row in rows:
        cells = list(row)
        for n in places:
            cells[n] = _pack(cells[n])
        found.append(cells)
    return found


def unpack(code: int, data: memoryview) -> Any:
    """msgspec's hook for extensions. Raises ValueError for one that is none of ours."""
    return _READ[code](bytes(data).decode())


def _pack(value: Any) -> Any:
    match value:
        case None | bool() | str() | float() | bytes():
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else _extension(7, value)
        case list() | tuple():
            return [_pack(one) for one in value]
        case dict():
            return {_key(key): _pack(one) for key, one in value.items()}
        case datetime():
            return _extension(1, value.isoformat())
        case date():
            return _extension(2, value.isoformat())
        case time():
            return _extension(3, value.isoformat())
        case timedelta():
            return _extension(4, f"{value.days} {value.seconds} {value.microseconds}")
        case Decimal():
            return _extension(5, value)
        case UUID():
            return _extension(6, value)
    return str(value)


def _extension(code: int, value: object) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, str(value).encode())


def _key(value: Any) -> Any:
    return value if isinstance(value, str | int) else str(value)


# ---- JSON -----------------------------------------------------------------------------------------------------------


def json_rows(rows: Sequence[tuple[Any, ...]], types: Sequence[str]) -> bytes:
    """The rows as JSON arrays with commas between; no brackets around them."""
    turns: list[Callable[[Any], Any]] = [
        _same if kind in ("VARCHAR", "BOOLEAN", "INTEGER") else plain for kind in types
    ]
    return _encode([[turn(cell) for turn, cell in zip(turns, row, strict=True)] for row in rows])[1:-1]


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -SAFE <= value <= SAFE else str(value)
        case float():
            return value if math.isfinite(value) else _odd(value)
        case Decimal():
            return _number(value)
        case datetime():
            return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat() + "Z"
        case list() | tuple():
            return [plain(one) for one in value]
        case dict():
            return {one if isinstance(one, str) else str(plain(one)): plain(held) for one, held in value.items()}
        case bytes():
            return base64.b64encode(value).decode()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return msgspec.to_builtins(value)
    return str(value)


def _number(value: Decimal) -> Any:
    near = float(value) if value.is_finite() else 0.0
    return near if value.is_finite() and Decimal(repr(near)) == value else str(value)


def _odd(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _same(value: Any) -> Any:
    return value
