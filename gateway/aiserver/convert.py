"""Values as callers write them to values of a DTO's types: text to numbers, dates, durations, enums, lists, objects. Pure.

What a newcomer would get wrong: nothing here raises. What does not fit is noted (`found`) and left at its default, so that
a caller hears of all that is wrong at once. Names are matched without regard to case and underscores; unknown ones are
ignored, as clients of newer and older versions expect it.
"""

import functools
import re
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from gateway.aiserver import jsv
from schemas.dtos._model import SYNONYMS, Dto
from schemas.dtos.members import Member, members
from schemas.problem import FieldFault

BAD = "SerializationException"
"""The name of the error for a value that is not of its field's type."""
LARGEST = 2**63
_TRUE, _FALSE = ("true", "1", "on", "yes", "y", "t"), ("false", "0", "off", "no", "n", "f")
_WCF = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/$")
_SPAN = re.compile(r"(-)?(?:(\d{1,7})\.)?(\d{1,4}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,7})?))?$")
_XSD = re.compile(
    r"(-)?P(?:(\d{1,7})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$", re.IGNORECASE
)
_FRACTION = re.compile(r"(\.\d{6})\d+")

Fits = Callable[[Any, str, list[FieldFault]], Any]
"""(value, path, what was found wrong) -> the value, or WRONG."""


class _Wrong:
    """What stands for a value that does not fit."""


WRONG = _Wrong()


def fold(name: str) -> str:
    """What all spellings of a name have in common."""
    return name.replace("_", "").lower()


@functools.cache
def names_of(kind: type[Dto]) -> dict[str, Member]:
    """Folded name -> field."""
    known = {fold(one.wire): one for one in members(kind)}
    return {fold(one.name): one for one in members(kind)} | known


def member_of(kind: type[Dto], written: str) -> Member | None:
    return _exact(kind).get(written) or names_of(kind).get(fold(written))


def bound(kind: type[Dto], values: dict[str, Any], found: list[FieldFault], at: str = "") -> Any:
    """The DTO with these values. What is wrong with them is added to `found`."""
    given: dict[str, Any] = {}
    for name, (member, value) in meant(kind, values).items():
        fits = fitting(member.type)
        path = f"{at}.{member.wire}" if at else member.wire
        made = fits(value, path, found)
        if made is not WRONG and made is not None:
            given[name] = made
    return kind(**given)


def meant(kind: type[Dto], values: dict[str, Any]) -> dict[str, tuple[Member, Any]]:
    """Attribute -> (field, value) for the values whose names are known; a name of its own goes before a synonym."""
    known, said = _exact(kind), {}
    later: list[tuple[str, Any]] = []
    for written, value in values.items():
        member = known.get(written) or names_of(kind).get(fold(written))
        if member is None:
            later.append((written, value))
        elif value is not None:
            said[member.name] = (member, value)
    synonyms = SYNONYMS.get(kind.__name__)
    for written, value in later if synonyms else ():
        for theirs, ours in (synonyms or {}).items():
            if fold(theirs) == fold(written) and value is not None:
                member = names_of(kind)[fold(ours)]
                said.setdefault(member.name, (member, value))
    return said


@functools.cache
def _exact(kind: type[Dto]) -> dict[str, Member]:
    return {one.wire: one for one in members(kind)}


# ---- by type ----------------------------------------------------------------------------------------------------------


@functools.cache
def fitting(hint: Any) -> Fits:
    """How a value becomes one of this type."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        return fitting(kinds[0]) if len(kinds) == 1 else _as_it_is
    if origin is list or hint is list:
        return _list_of(fitting((get_args(hint) or (Any,))[0]))
    if origin is dict or hint is dict:
        key, value = get_args(hint) or (str, Any)
        return _map_of(fitting(key), fitting(value))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return functools.partial(_enum, hint)
    if isinstance(hint, type) and issubclass(hint, Dto):
        return functools.partial(_struct, hint)
    return _ATOMS.get(hint, _as_it_is)


def _as_it_is(value: Any, at: str, found: list[FieldFault]) -> Any:
    return value


def _text(value: Any, at: str, found: list[FieldFault]) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):  # ServiceStack's own reader keeps the JSON where text is wanted
        return msgspec.json.encode(value).decode()
    return value if isinstance(value, msgspec.Struct) else str(value)


def _int(value: Any, at: str, found: list[FieldFault]) -> Any:
    if isinstance(value, str):
        if not value.strip():
            return None
        value = _number(value)
    if isinstance(value, float) and value == value // 1:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -LARGEST <= value < LARGEST:
        return value
    return _wrong(at, "a whole number", found)


def _float(value: Any, at: str, found: list[FieldFault]) -> Any:
    if isinstance(value, str):
        if not value.strip():
            return None
        value = _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308:
        return float(value)
    return _wrong(at, "a number", found)


def _number(text: str) -> int | float | None:
    text = text.strip()
    try:
        return float(text) if len(text) > 20 or not text.lstrip("+-").isdigit() else int(text)
    except ValueError:
        return None


def _bool(value: Any, at: str, found: list[FieldFault]) -> Any:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if not word:
        return None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    return _wrong(at, "true or false", found)


def _date(value: Any, at: str, found: list[FieldFault]) -> Any:
    text = str(value).strip()
    if not text:
        return None
    try:
        if wcf := _WCF.match(text):
            return datetime.fromtimestamp(int(wcf[1]) / 1000, UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
        when = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return _wrong(at, "a date like 2025-05-09T20:26:10Z", found)


def _span(value: Any, at: str, found: list[FieldFault]) -> Any:
    text = str(value).strip()
    if not text:
        return None
    sign, days, hours, minutes, seconds = "", None, None, None, None
    if said := _XSD.match(text) or _SPAN.match(text):
        sign, days, hours, minutes, seconds = said.groups()
    elif isinstance(number := _number(text), int | float) and abs(number) < 1e9:
        return timedelta(seconds=number)
    if text.upper().rstrip("T") in ("P", "-P") or not (days or hours or minutes or seconds):
        return _wrong(at, "a duration like PT4.5S", found)
    span = timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0))
    return -span if sign else span


_ATOMS: dict[Any, Fits] = {str: _text, int: _int, float: _float, bool: _bool, datetime: _date, timedelta: _span}


def _enum(kind: type[Enum], value: Any, at: str, found: list[FieldFault]) -> Any:
    """By name, by its value on the wire, or by number; `AudioFormat.M_P3` is how Python writes one into a form."""
    text = str(value).strip().removeprefix(f"{kind.__name__}.")
    if not text:
        return None if not str(value).strip() else _wrong(at, "a member and not its type alone", found)
    made = _words(kind).get(fold(text))
    if made is None:
        some = ", ".join(one.name for one in list(kind)[:12]) + (" …" if len(kind) > 12 else "")
        return _wrong(at, f"one of {some}", found)
    return made


@functools.cache
def _words(kind: type[Enum]) -> dict[str, Enum]:
    numbered = {str(place): one for place, one in enumerate(kind)} if not issubclass(kind, int) else {}
    return numbered | {fold(one.name): one for one in kind} | {fold(str(one.value)): one for one in kind}


def _struct(kind: type[Dto], value: Any, at: str, found: list[FieldFault]) -> Any:
    if isinstance(value, str):
        value = _read(value, found, at)
    if value is WRONG or isinstance(value, kind):
        return value
    if value == "":
        return None
    return bound(kind, value, found, at) if isinstance(value, dict) else _wrong(at, "an object", found)


def _list_of(item: Fits) -> Fits:
    def fits(value: Any, at: str, found: list[FieldFault]) -> Any:
        if isinstance(value, str):
            try:
                value = jsv.read_list(value)
            except ValueError:
                return _wrong(at, "a list", found)
        if isinstance(value, dict):
            return _wrong(at, "a list", found)
        values = value if isinstance(value, list) else [value]
        made = [item(one, f"{at}[{place}]", found) for place, one in enumerate(values)]
        return [one for one in made if one is not WRONG and one is not None]

    return fits


def _map_of(key: Fits, item: Fits) -> Fits:
    def fits(value: Any, at: str, found: list[FieldFault]) -> Any:
        if isinstance(value, str):
            value = _read(value, found, at)
        if value is WRONG or value == "":
            return value or None
        if not isinstance(value, dict):
            return _wrong(at, "an object", found)
        made = {key(name, at, found): item(one, f"{at}.{name}", found) for name, one in value.items()}
        return {name: one for name, one in made.items() if name is not WRONG and one is not WRONG}

    return fits


def _read(text: str, found: list[FieldFault], at: str) -> Any:
    try:
        return jsv.read(text)
    except ValueError:
        return _wrong(at, "an object, as JSON", found)


def _wrong(at: str, wanted: str, found: list[FieldFault]) -> _Wrong:
    """Never with the value in the sentence: it may be a key."""
    found.append(FieldFault(BAD, at, f"'{at}' must be {wanted}."))
    return WRONG
