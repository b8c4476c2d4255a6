"""AutoQuery over the archive: the same filters and orders as `query.py`, as SQL, for there may be millions of rows.

Pure. What a newcomer would get wrong: nothing that a caller wrote gets into the SQL but as a quoted value; names are looked
up, and what names no field is ignored.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from gateway.aiserver import jsv
from gateway.aiserver.convert import WRONG, fitting, fold, names_of
from gateway.aiserver.query import MAX_ROWS, element_of, split
from gateway.dialects._status import invalid
from gateway.past import text
from schemas.dtos._model import Dto
from schemas.dtos.base import QueryBase
from schemas.dtos.members import Member, members
from schemas.problem import FieldFault

_COMPARE = {
    "": "=", "equalto": "=", "notequalto": "!=", "greaterthan": ">", "greaterthanorequalto": ">=", "lessthan": "<",
    "lessthanorequalto": "<=", "above": ">", "below": "<", "beginning": ">=", "ending": "<=", "from": ">=",
    "since": ">=", "after": ">", "until": "<=", "to": "<=", "before": "<",
}  # fmt: skip
_TEXT = {"startswith": "starts_with", "endswith": "ends_with", "contains": "contains"}
_FIELDS = frozenset(fold(one.wire) for one in members(QueryBase))
Columns = Mapping[str, str]
"""Attribute of the row's DTO -> SQL. What is not there is null in every row."""
Words = Sequence[tuple[str, str]]


class Asked(NamedTuple):
    """What a query wants of a table: `where` and `order` are whole clauses, or empty."""

    where: str
    order: str
    skip: int
    take: int


def sql_of(kind: type[Dto], columns: Columns, asked: QueryBase, words: Words, first: str) -> Asked:
    """`first`: the order where none is asked for. Raises `Problem(INVALID_REQUEST)` that names the field."""
    found: list[FieldFault] = []
    tests = [test for name, value in words if (test := _test(kind, columns, (name, value), found))]
    order = _order(kind, columns, asked, found) or first
    skip, take = max(asked.skip or 0, 0), MAX_ROWS if asked.take is None else max(0, min(asked.take, MAX_ROWS))
    if found:
        raise invalid(found)
    return Asked(f"WHERE {' AND '.join(tests)}" if tests else "", f"ORDER BY {order}", skip, take)


def _test(kind: type[Dto], columns: Columns, word: tuple[str, str], found: list[FieldFault]) -> str:
    written, value = word
    member, rule = split(kind, written)
    if member is None or fold(written) in _FIELDS:
        return ""
    column = columns.get(member.name, "NULL")
    if rule in ("isnull", "isnotnull"):
        return f"({column}) IS {'NOT ' if rule == 'isnotnull' else ''}NULL"
    if rule in _TEXT:
        return f"{_TEXT[rule]}(lower(({column})::VARCHAR), lower({text(value)}))"
    if rule == "like":
        pattern = value.replace("\\", "\\\\").replace("_", "\\_")
        return f"lower(({column})::VARCHAR) LIKE lower({text(pattern)}) ESCAPE '\\'"
    values = _values(member, rule, word, found)
    if not values:
        return "" if rule not in ("in", "ids") else "false"
    if rule in ("in", "ids"):
        return f"{_plain(column, values[0])} IN ({', '.join(_literal(one) for one in values)})"
    if rule == "between":
        low, high = values[0], values[-1]
        return f"{_plain(column, low)} BETWEEN {_literal(low)} AND {_literal(high)}" if len(values) == 2 else "false"
    test = f"{_plain(column, values[0])} {_COMPARE[rule]} {_literal(values[0])}"
    return f"({test} OR ({column}) IS NULL)" if rule == "notequalto" else test


def _values(member: Member, rule: str, word: tuple[str, str], found: list[FieldFault]) -> list[Any]:
    written, value = word
    try:
        texts = [str(one) for one in jsv.read_list(value)] if rule in ("in", "ids", "between") else [value]
    except ValueError:
        found.append(FieldFault("SerializationException", written, f"'{written}' must be a list."))
        return []
    made = [fitting(element_of(member))(one, written, found) for one in texts]
    return [one for one in made if one is not WRONG and one is not None]


def _plain(column: str, value: Any) -> str:
    """Text is compared without regard to case."""
    return f"lower(({column})::VARCHAR)" if isinstance(value, str | Enum) else f"({column})"


def _literal(value: Any) -> str:
    if isinstance(value, Enum):
        value = str(value.value)
    if isinstance(value, str):
        return f"lower({text(value)})"
    if isinstance(value, datetime):
        return moment(value)
    return text(value / timedelta(milliseconds=1)) if isinstance(value, timedelta) else text(value)


def moment(when: datetime) -> str:
    """A time as the archive has it: UTC."""
    plain = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    return f"TIMESTAMP {text(plain.isoformat(sep=' '))}"


def _order(kind: type[Dto], columns: Columns, asked: QueryBase, found: list[FieldFault]) -> str:
    names, down, param = (
        (asked.order_by_desc, True, "orderByDesc") if asked.order_by_desc else (asked.order_by, False, "orderBy")
    )
    keys = []
    for written in (names or "").split(","):
        word = written.strip()
        member = names_of(kind).get(fold(word.lstrip("-+")))
        if member is not None:
            turned = down != word.startswith("-")
            keys.append(f"({columns.get(member.name, 'NULL')}) {'DESC' if turned else 'ASC'} NULLS LAST")
        elif word:
            found.append(FieldFault("ArgumentException", param, f"'{word[:60]}' is no field to order by."))
    return ", ".join(keys)
