"""AutoQuery over rows in memory: filters, order, page, fields and total, as the query of a `Query…` request asks. Pure.

`NameContains=x`, `IdIn=1,2`, `PriorityGreaterThan=0`, `Priority>=1`, `name=x`, `orderBy=-priority,name`. What a newcomer would
get wrong: text is compared without regard to case, as the reference's databases do, and a parameter that names no field
is ignored: clients send more than filters.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from gateway.aiserver import jsv
from gateway.aiserver.convert import WRONG, fitting, fold, names_of
from gateway.dialects._status import invalid
from schemas.dtos._model import Dto
from schemas.dtos.base import QueryBase, QueryResponse
from schemas.dtos.checks import prune
from schemas.dtos.members import Member, members
from schemas.problem import FieldFault

MAX_ROWS = 1000
Test = Callable[[Any], bool]
Words = Iterable[tuple[str, str]]
"""Names and values of a query, as they came."""


class Rule(NamedTuple):
    """What a suffix or a sign behind a field's name asks."""

    holds: Callable[[Any, Any], bool]
    """(the row's value, the value asked for)"""
    listed: bool = False
    text: bool = False


def _text(value: Any) -> str:
    return str(value).casefold()


RULES: dict[str, Rule] = {
    "": Rule(lambda own, asked: own == asked),
    "equalto": Rule(lambda own, asked: own == asked),
    "notequalto": Rule(lambda own, asked: own != asked),
    "greaterthan": Rule(lambda own, asked: own > asked),
    "greaterthanorequalto": Rule(lambda own, asked: own >= asked),
    "lessthan": Rule(lambda own, asked: own < asked),
    "lessthanorequalto": Rule(lambda own, asked: own <= asked),
    "above": Rule(lambda own, asked: own > asked),
    "below": Rule(lambda own, asked: own < asked),
    "beginning": Rule(lambda own, asked: own >= asked),
    "ending": Rule(lambda own, asked: own <= asked),
    "from": Rule(lambda own, asked: own >= asked),
    "since": Rule(lambda own, asked: own >= asked),
    "after": Rule(lambda own, asked: own > asked),
    "until": Rule(lambda own, asked: own <= asked),
    "to": Rule(lambda own, asked: own <= asked),
    "before": Rule(lambda own, asked: own < asked),
    "startswith": Rule(lambda own, asked: own.startswith(asked), text=True),
    "endswith": Rule(lambda own, asked: own.endswith(asked), text=True),
    "contains": Rule(lambda own, asked: asked in own, text=True),
    "like": Rule(lambda own, asked: _like(own, asked), text=True),
    "in": Rule(lambda own, asked: own in asked, listed=True),
    "ids": Rule(lambda own, asked: own in asked, listed=True),
    "between": Rule(lambda own, asked: len(asked) == 2 and asked[0] <= own <= asked[1], listed=True),
}
"""By suffix, in small letters."""
_NULLS = {"isnull": True, "isnotnull": False}
_SIGNS = {">": "greaterthanorequalto", "<": "lessthanorequalto", "!": "notequalto"}
_BEFORE = {">": "greaterthan", "<": "lessthan"}
_FIELDS = frozenset(fold(one.wire) for one in members(QueryBase))


def query(kind: type[Dto], rows: Sequence[Any], asked: QueryBase, words: Words) -> QueryResponse[Any]:
    """The answer. `kind`: of the rows; `words`: the query, for filters that the request has no field for.

    Raises `Problem(INVALID_REQUEST)` for a value that is not of its field's type, or an order by no field.
    """
    found: list[FieldFault] = []
    tests = [test for name, value in words if (test := _test(kind, name, value, found)) is not None]
    kept = [row for row in rows if all(test(row) for test in tests)]
    for names, down in ((asked.order_by_desc, True), (asked.order_by, False)):
        if names:
            kept = _ordered(kind, kept, names, (down, "orderByDesc" if down else "orderBy"), found)
            break
    skip, take = _page(asked, found)
    if found:
        raise invalid(found)
    page: list[Any] = kept[skip : skip + take]
    if asked.fields:
        page = chosen(kind, page, asked.fields)
    return QueryResponse(offset=skip, total=len(kept), results=page)


def _page(asked: QueryBase, found: list[FieldFault]) -> tuple[int, int]:
    for name, value in (("skip", asked.skip), ("take", asked.take)):
        if value is not None and value < 0:
            found.append(FieldFault("GreaterThanOrEqual", name, f"'{name}' must be 0 or more."))
    return max(asked.skip or 0, 0), min(MAX_ROWS if asked.take is None else max(asked.take, 0), MAX_ROWS)


# ---- filters ----------------------------------------------------------------------------------------------------------


def _test(kind: type[Dto], written: str, value: str, found: list[FieldFault]) -> Test | None:
    """The filter that a word of the query is; None: it is none."""
    member, rule = split(kind, written)
    if member is None or fold(written) in _FIELDS:
        return None
    if rule in _NULLS:
        wanted = _NULLS[rule]
        return lambda row: (getattr(row, member.name) is None) == wanted
    how = RULES[rule]
    try:
        texts = [str(one) for one in jsv.read_list(value)] if how.listed else [value]
    except ValueError:
        found.append(FieldFault("SerializationException", written, f"'{written}' must be a list."))
        return None
    if how.text:
        return _holding(member, how, texts[0].casefold())
    made = [fitting(element_of(member))(text, written, found) for text in texts]
    if any(one is WRONG for one in made):
        return None
    plain = [_plain(one) for one in made]
    return _holding(member, how, plain if how.listed else plain[0])


@functools.cache
def split(kind: type[Dto], written: str) -> tuple[Member | None, str]:
    """The field and the rule that a name means: the whole of it is a field, or it ends with a rule."""
    name = written.strip()
    sign = name[-1:]
    if sign in _SIGNS:
        return names_of(kind).get(fold(name[:-1])), _SIGNS[sign]
    if name[:1] in _BEFORE:
        return names_of(kind).get(fold(name[1:])), _BEFORE[name[:1]]
    known, folded = names_of(kind), fold(name)
    if folded in known:
        return known[folded], ""
    for rule in sorted((*RULES, *_NULLS), key=len, reverse=True):
        if rule and folded.endswith(rule) and (member := known.get(folded.removesuffix(rule))) is not None:
            return member, rule
    if folded.endswith("s") and (member := known.get(folded[:-1])) is not None:  # `Ids=1,2`
        return member, "in"
    return None, ""


def _holding(member: Member, rule: Rule, asked: Any) -> Test:
    name, holds = member.name, rule.holds

    def test(row: Any) -> bool:
        own = getattr(row, name)
        if own is None:
            return rule is RULES["notequalto"]
        if isinstance(own, list | dict):  # of several values any will do
            return any(_fits(one, rule, holds, asked) for one in own)
        return _fits(own, rule, holds, asked)

    return test


def _fits(own: Any, rule: Rule, holds: Callable[[Any, Any], bool], asked: Any) -> bool:
    value = _text(own.value if isinstance(own, Enum) else own) if rule.text else _plain(own)
    try:
        return holds(value, asked)
    except TypeError:  # of different kinds: not comparable, so it does not hold
        return False


def element_of(member: Member) -> Any:
    """What the values of a field are: of a list its items."""
    arguments = getattr(member.type, "__args__", None)
    return arguments[0] if arguments and getattr(member.type, "__origin__", None) in (list, dict) else member.type


def _plain(value: Any) -> Any:
    """A value as it is compared: text without case, dates with their zone."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _like(own: str, pattern: str) -> bool:
    """SQL's `%`: anything, or nothing."""
    parts = pattern.split("%")
    if len(parts) == 1:
        return own == pattern
    if not own.startswith(parts[0]) or not own.endswith(parts[-1]) or len(own) < len(parts[0]) + len(parts[-1]):
        return False
    at = len(parts[0])
    end = len(own) - len(parts[-1])
    for part in parts[1:-1]:
        place = own.find(part, at, end)
        if place < 0:
            return False
        at = place + len(part)
    return True


# ---- order and fields -------------------------------------------------------------------------------------------------


def _ordered(kind: type[Dto], rows: list[Any], names: str, how: tuple[bool, str], found: list[FieldFault]) -> list[Any]:
    """By several fields, the first one first; `-name` turns one around. Rows without a value stand last."""
    down, param = how
    for written in reversed(names.split(",")):
        word = written.strip()
        turned = word.startswith("-")
        member = names_of(kind).get(fold(word.lstrip("-+")))
        if member is None:
            if word:
                found.append(FieldFault("ArgumentException", param, f"'{word[:60]}' is no field to order by."))
            continue
        rows = _sorted(rows, member.name, down != turned)
    return rows


def _sorted(rows: list[Any], name: str, down: bool) -> list[Any]:
    there = [row for row in rows if getattr(row, name) is not None]
    return sorted(there, key=lambda row: _key(getattr(row, name)), reverse=down) + [
        row for row in rows if getattr(row, name) is None
    ]


def _key(value: Any) -> Any:
    if isinstance(value, list | dict | msgspec.Struct):
        return msgspec.json.encode(prune(value)).decode()
    return _plain(value)


def chosen(kind: type[Dto], rows: list[Any], fields: str) -> list[dict[str, Any]]:
    """The named fields of each row alone, in their order; names that are no fields are left out."""
    known = names_of(kind)
    wanted = [known[name] for written in fields.split(",") if (name := fold(written.strip())) in known]
    return [{one.wire: getattr(row, one.name) for one in wanted} for row in rows]
