"""AutoQuery over rows in memory: what a filter means, and that no query whatever breaks it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.aiserver.query import MAX_ROWS, RULES, query
from schemas.dtos import TYPES
from schemas.dtos._model import DateTime, Dto
from schemas.dtos.base import QueryBase
from schemas.problem import Problem


class Kind(StrEnum):
    Fast = "fast"
    Slow = "slow"


class Item(Dto):
    id: int = 0
    name: str = ""
    rating: float | None = None
    kind: Kind = Kind.Fast
    tags: list[str] = []  # noqa: RUF012  # msgspec copies an empty list for each struct
    created_date: DateTime | None = None
    enabled: bool = False


TYPES.pop("Item", None)  # it is of no API

ROWS = [
    Item(id=1, name="Alpha", rating=3.0, tags=["a", "b"], created_date=datetime(2025, 1, 1, tzinfo=UTC), enabled=True),
    Item(id=2, name="beta", rating=None, kind=Kind.Slow, created_date=datetime(2025, 2, 1, tzinfo=UTC)),
    Item(id=3, name="Gamma ray", rating=1.0, tags=["b"], created_date=datetime(2025, 3, 1, tzinfo=UTC)),
    Item(id=4, name="alphabet", rating=2.0, enabled=True),
]


def ids(words: dict[str, str], **asked: Any) -> list[int]:
    return [row.id for row in query(Item, ROWS, QueryBase(**asked), list(words.items())).results or []]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"name": "ALPHA"}, [1]),
        ({"Id": "2"}, [2]),
        ({"NameContains": "ALPHA"}, [1, 4]),
        ({"nameStartsWith": "al"}, [1, 4]),
        ({"name_ends_with": "ray"}, [3]),
        ({"NameLike": "a%a%"}, [1, 4]),
        ({"NameLike": "%a"}, [1, 2]),
        ({"IdIn": "1,3"}, [1, 3]),
        ({"Ids": "[4,2]"}, [2, 4]),
        ({"IdBetween": "2,3"}, [2, 3]),
        ({"RatingGreaterThan": "1"}, [1, 4]),
        ({"RatingGreaterThanOrEqualTo": "1"}, [1, 3, 4]),
        ({"Rating>": "2"}, [1, 4]),
        ({">Rating": "2"}, [1]),
        ({"Rating<": "2"}, [3, 4]),
        ({"<Rating": "2"}, [3]),
        ({"Rating!": "2"}, [1, 2, 3]),
        ({"RatingIsNull": ""}, [2]),
        ({"RatingIsNotNull": ""}, [1, 3, 4]),
        ({"Kind": "Slow"}, [2]),
        ({"KindIn": "slow,fast"}, [1, 2, 3, 4]),
        ({"KindNotEqualTo": "slow"}, [1, 3, 4]),
        ({"Enabled": "true"}, [1, 4]),
        ({"Tags": "b"}, [1, 3]),
        ({"TagsContains": "A"}, [1]),
        ({"CreatedDateSince": "2025-02-01"}, [2, 3]),
        ({"CreatedDate<": "2025-01-31T00:00:00Z"}, [1]),
        ({"NameContains": "alpha", "Rating>": "3"}, [1]),
        ({"jsconfig": "eccn", "skip": "9", "nothing": "x", "Contains": "x", "": "x", ">": "1"}, [1, 2, 3, 4]),
    ],
)
def test_an_implicit_filter_keeps_what_it_says(words: dict[str, str], expected: list[int]) -> None:
    """checklist 32"""
    assert expected == ids(words)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"order_by": "name"}, [1, 4, 2, 3]),
        ({"order_by_desc": "id"}, [4, 3, 2, 1]),
        ({"order_by": "-id"}, [4, 3, 2, 1]),
        ({"order_by": "enabled,-id"}, [3, 2, 4, 1]),
        ({"order_by": "rating"}, [3, 4, 1, 2]),
        ({"order_by_desc": "Rating"}, [1, 4, 3, 2]),
        ({"skip": 1, "take": 2}, [2, 3]),
        ({"take": 0}, []),
        ({"skip": 99}, []),
    ],
)
def test_rows_are_ordered_and_paged(asked: dict[str, Any], expected: list[int]) -> None:
    """checklist 32"""
    assert expected == ids({}, **asked)


def test_the_answer_tells_where_it_begins_and_how_many_there_are() -> None:
    found = query(Item, ROWS, QueryBase(skip=1, take=1, include="total"), [("Enabled", "true")])
    assert (found.offset, found.total, [row.id for row in found.results or []]) == (1, 2, [4])


def test_fields_alone_are_answered_in_their_order() -> None:
    found = query(Item, ROWS, QueryBase(take=1, fields="Name, created_date,nothing,id"), [])
    assert [{"name": "Alpha", "createdDate": ROWS[0].created_date, "id": 1}] == found.results


@pytest.mark.parametrize(
    ("asked", "words", "field"),
    [
        ({"order_by": "nothing"}, [], "orderBy"),
        ({"skip": -1}, [], "skip"),
        ({"take": -1}, [], "take"),
        ({}, [("IdGreaterThan", "x")], "IdGreaterThan"),
        ({}, [("kind", "purple")], "kind"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    asked: dict[str, Any], words: list[tuple[str, str]], field: str
) -> None:
    """checklist 135"""
    with pytest.raises(Problem) as caught:
        query(Item, ROWS, QueryBase(**asked), words)
    assert [field] == [fault.field for fault in caught.value.fault.errors]


SUFFIXES = ["", "IsNull", ">", "<", "!", "s", *RULES]
words = some.tuples(
    some.builds(
        str.__add__,
        some.sampled_from(["id", "Name", "rating", "Kind", "tags", "CreatedDate"]),
        some.sampled_from(SUFFIXES),
    ),
    some.text(max_size=12) | some.sampled_from(["1", "1,2", "2025-01-01", "fast", "true", "[", "{a:1}"]),
)


@given(some.lists(words, max_size=4), some.none() | some.integers(0, 5), some.none() | some.integers(0, 5))
def test_no_query_whatever_breaks_it_and_its_rows_are_rows_in_their_order(
    said: list[tuple[str, str]], skip: int | None, take: int | None
) -> None:
    try:
        found = query(Item, ROWS, QueryBase(skip=skip, take=take), said)
    except Problem:
        return
    got = [row.id for row in found.results or []]
    assert got == sorted(set(got))
    assert len(got) == min(max(found.total - (skip or 0), 0), MAX_ROWS if take is None else take)


numbers = some.lists(some.integers(-9, 9), max_size=30)


@given(numbers, some.integers(-9, 9))
def test_a_filter_and_its_opposite_share_the_rows_between_them(values: list[int], bound: int) -> None:
    rows = [Item(id=value) for value in values]

    def count(name: str) -> int:
        return query(Item, rows, QueryBase(), [(name, str(bound))]).total

    for one, other in (("Id", "Id!"), ("IdGreaterThan", "IdLessThanOrEqualTo"), ("IdLessThan", "Id>")):
        assert len(rows) == count(one) + count(other)


@given(some.lists(some.tuples(some.integers(0, 3), some.none() | some.floats(0, 3)), max_size=20))
def test_an_order_is_one_of_all_rows_and_keeps_equals_in_their_place(values: list[tuple[int, float | None]]) -> None:
    rows = [Item(id=place, rating=rating, name=str(name)) for place, (name, rating) in enumerate(values)]
    got = query(Item, rows, QueryBase(order_by="name,rating"), []).results or []
    expected = sorted(rows, key=lambda row: (row.name, row.rating is None, row.rating or 0, row.id))
    assert [row.id for row in expected] == [row.id for row in got]


def test_no_more_than_a_thousand_rows_are_answered_at_a_time() -> None:
    rows = [Item(id=number) for number in range(MAX_ROWS + 5)]
    for take in (None, 5000):
        found = query(Item, rows, QueryBase(take=take), [])
        assert (len(found.results or []), found.total) == (MAX_ROWS, MAX_ROWS + 5)
