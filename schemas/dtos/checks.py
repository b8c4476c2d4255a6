"""Is this request allowed by its own rules, and how does this answer look on the wire?

What a newcomer would get wrong: only None is left out of an answer. A zero, a false and an empty list are values, and
clients in other languages count on them.
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import msgspec

from schemas.dtos._model import Dto
from schemas.dtos.members import Member, members

Fault = tuple[str, str, str]
"""Wire name of the field, error code, a sentence."""


def faults(dto: Dto) -> list[Fault]:
    """What is wrong with a request by the rules beside its fields, in their order. Files are checked where they arrive."""
    found = (_fault(member, getattr(dto, member.name)) for member in _ruled(type(dto)))
    return [fault for fault in found if fault]


@functools.cache
def _ruled(kind: type[Dto]) -> tuple[Member, ...]:
    return tuple(m for m in members(kind) if not m.file and (m.rule or m.range or m.required))


def _fault(member: Member, value: Any) -> Fault | None:
    if (member.rule == "NotEmpty" or (member.required and isinstance(value, str))) and _empty(value):
        return member.wire, "NotEmpty", f"'{member.wire}' must not be empty."
    if value is None:
        return (member.wire, "NotNull", f"'{member.wire}' must be given.") if member.required else None
    if member.rule == "GreaterThan" and not value > 0:
        return member.wire, "GreaterThan", f"'{member.wire}' must be greater than 0, not {value}."
    if member.range and not member.range[0] <= value <= member.range[1]:
        low, high = member.range
        return member.wire, "InclusiveBetween", f"'{member.wire}' must be from {low:g} to {high:.10g}, not {value}."
    return None


def _empty(value: Any) -> bool:
    return not value.strip() if isinstance(value, str) else not value


def encode(value: Any) -> bytes:
    """JSON of a DTO, or of a list of them."""
    return msgspec.json.encode(prune(value))


def prune(value: Any) -> Any:
    """The same as dictionaries, lists and plain values: nulls left out, dates, durations and enums as they travel."""
    turn = _TURNS.get(type(value)) or _turn(type(value))
    return turn(value) if turn else value


def date_text(when: datetime) -> str:
    """`2025-05-09T20:26:10.0000000Z`; a date without a zone is taken for UTC."""
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    return f"{when.replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"


def duration_text(span: timedelta) -> str:
    """`PT4.5S`, `P1DT2H`, `-PT1M`, `PT0S`: an XSD duration, exact to the microsecond."""
    micros = abs(span) // timedelta(microseconds=1)
    seconds, micros = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = f".{micros:06d}".rstrip("0") if micros else ""
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    clock += f"{seconds}{fraction}S" if seconds or micros else ""
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return ("-" if span < timedelta() else "") + "P" + (text or "T0S")


_Turn = Callable[[Any], Any] | None
_ATOMS = frozenset({str, int, float, bool, type(None)})


def _struct_turn(kind: type[msgspec.Struct]) -> Callable[[Any], dict[str, Any]]:
    """One function for each struct: the names are looked up once, not for each row of a long list."""
    pairs = tuple(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))

    def turn(value: Any) -> dict[str, Any]:
        out = {}
        for name, wire in pairs:
            held = getattr(value, name)
            if held is None:
                continue
            out[wire] = held if type(held) in _ATOMS else prune(held)
        return out

    return turn


def _list_turn(value: Any) -> list[Any]:
    return [prune(one) for one in value]


def _dict_turn(value: dict[Any, Any]) -> dict[Any, Any]:
    return {prune(key): prune(one) for key, one in value.items() if one is not None}


_TURNS: dict[type, Callable[[Any], Any]] = {
    list: _list_turn,
    tuple: _list_turn,
    dict: _dict_turn,
    datetime: date_text,
    timedelta: duration_text,
}


def _turn(kind: type) -> _Turn:
    """How a type met for the first time is turned; what needs no turning is not kept."""
    if issubclass(kind, msgspec.Struct):
        _TURNS[kind] = _struct_turn(kind)
    elif issubclass(kind, Enum):
        _TURNS[kind] = lambda value: value.value
    return _TURNS.get(kind)
