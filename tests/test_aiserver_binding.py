"""Values as clients of the AI Server dialect write them: query, JSON, JSV, forms; what does not fit is told by its name."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.aiserver import jsv
from gateway.aiserver.convert import bound
from gateway.aiserver.formats import UnspokenError, as_csv, encoded, format_of
from gateway.aiserver.loose import named
from schemas.dtos import TYPES
from schemas.dtos._model import DateTime, Dto, Long, TimeSpan
from schemas.dtos.chat import OpenAiChatCompletion, QueueOpenAiChatCompletion
from schemas.dtos.checks import prune
from schemas.dtos.media import TextToImage, TextToSpeech
from schemas.problem import FieldFault


class Colour(StrEnum):
    Red = "red"
    DeepBlue = "deep_blue"


class Size(IntEnum):
    Small = 1
    Large = 4


class Inner(Dto):
    name: str = ""
    numbers: list[int] = []  # noqa: RUF012  # msgspec copies an empty list for each struct


class Every(Dto):
    """One field of every kind."""

    some_text: str | None = None
    whole: int | None = None
    long: Long = 0
    real: float | None = None
    flag: bool | None = None
    when: DateTime | None = None
    span: TimeSpan | None = None
    colour: Colour | None = None
    size: Size | None = None
    words: Annotated[list[str], None] = []  # noqa: RUF012
    inner: Inner | None = None
    inners: list[Inner] | None = None
    table: dict[str, int] | None = None


for _kind in (Inner, Every):  # they are of no API
    TYPES.pop(_kind.__name__, None)

FITTING: list[tuple[str, Any, str, Any]] = [
    ("someText", 5, "some_text", "5"),
    ("some_text", True, "some_text", "true"),
    ("SOMETEXT", {"a": 1}, "some_text", '{"a":1}'),
    ("whole", "12", "whole", 12),
    ("Whole", 12.0, "whole", 12),
    ("whole", " -3 ", "whole", -3),
    ("whole", "", "whole", None),
    ("long", "9007199254740993", "long", 9007199254740993),
    ("real", "1e3", "real", 1000.0),
    ("real", 2, "real", 2.0),
    ("flag", "True", "flag", True),
    ("flag", "on", "flag", True),
    ("flag", 0, "flag", False),
    ("when", "2025-05-09T20:26:10.1234567Z", "when", datetime(2025, 5, 9, 20, 26, 10, 123456, UTC)),
    ("when", "2025-05-09", "when", datetime(2025, 5, 9, tzinfo=UTC)),
    ("when", "/Date(1000)/", "when", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("when", 1746822370, "when", datetime(2025, 5, 9, 20, 26, 10, tzinfo=UTC)),
    ("span", "PT4.5S", "span", timedelta(seconds=4.5)),
    ("span", "-P1DT1H", "span", -timedelta(days=1, hours=1)),
    ("span", "01:02:03", "span", timedelta(hours=1, minutes=2, seconds=3)),
    ("span", "2.5", "span", timedelta(seconds=2.5)),
    ("colour", "DeepBlue", "colour", Colour.DeepBlue),
    ("colour", "deep_blue", "colour", Colour.DeepBlue),
    ("colour", "1", "colour", Colour.DeepBlue),
    ("size", "large", "size", Size.Large),
    ("size", 4, "size", Size.Large),
    ("words", "a,b", "words", ["a", "b"]),
    ("words", "[a,b]", "words", ["a", "b"]),
    ("words", '["a","b,c"]', "words", ["a", "b,c"]),
    ("words", ["a", "b"], "words", ["a", "b"]),
    ("inner", '{"name":"x","numbers":[1]}', "inner", Inner(name="x", numbers=[1])),
    ("inner", "{Name:x,numbers:[1,2]}", "inner", Inner(name="x", numbers=[1, 2])),
    ("inners", "[{name:a},{name:b}]", "inners", [Inner(name="a"), Inner(name="b")]),
    ("table", "{a:1,b:2}", "table", {"a": 1, "b": 2}),
]


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), FITTING)
def test_a_value_is_understood_however_it_is_written(name: str, value: Any, attribute: str, expected: Any) -> None:
    """checklist 137"""
    found: list[FieldFault] = []
    dto = bound(Every, {name: value, "unknown": "ignored"}, found)
    assert ([], expected) == (found, getattr(dto, attribute))


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"whole": "x"}, ["whole"]),
        ({"whole": 1.5}, ["whole"]),
        ({"whole": True}, ["whole"]),
        ({"long": 2**63}, ["long"]),
        ({"real": "nan"}, ["real"]),
        ({"real": "1e999"}, ["real"]),
        ({"flag": "maybe"}, ["flag"]),
        ({"when": "yesterday"}, ["when"]),
        ({"when": 1e30}, ["when"]),
        ({"span": "P"}, ["span"]),
        ({"span": "soon"}, ["span"]),
        ({"colour": "green"}, ["colour"]),
        ({"size": 9}, ["size"]),
        ({"inner": "x"}, ["inner"]),
        ({"inner": [1]}, ["inner"]),
        ({"words": {"a": 1}}, ["words"]),
        ({"inners": [{"numbers": ["x", 1]}]}, ["inners[0].numbers[0]"]),
        ({"table": {"a": "x"}}, ["table.a"]),
        ({"some_text": "fine", "WHOLE": "x", "Flag": "x"}, ["whole", "flag"]),
    ],
)
def test_all_that_does_not_fit_is_told_at_once_by_its_name_on_the_wire(
    values: dict[str, Any], fields: list[str]
) -> None:
    """checklist 135"""
    found: list[FieldFault] = []
    bound(Every, values, found)
    assert fields == [fault.field for fault in found]
    assert all(fault.rule == "SerializationException" for fault in found)


def test_a_fault_never_repeats_the_value_for_it_may_be_a_secret() -> None:
    found: list[FieldFault] = []
    bound(Every, {"whole": "ak-secret", "inner": "ak-secret", "colour": "ak-secret"}, found)
    assert len(found) == 3
    assert "ak-secret" not in "".join(fault.message for fault in found)


def test_a_sister_dtos_name_is_understood_and_ones_own_wins() -> None:
    assert bound(TextToSpeech, {"text": "a"}, []).input == "a"
    assert bound(TextToSpeech, {"text": "a", "Input": "b"}, []).input == "b"
    assert bound(TextToSpeech, {"input": "b", "text": "a"}, []).input == "b"


leaves = some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary().map(repr)
values = some.recursive(
    leaves, lambda inside: some.lists(inside) | some.dictionaries(some.text(), inside), max_leaves=12
)
NAMES = some.sampled_from([*Every.__struct_encode_fields__, "SomeText", "some_text", "nothing"])


@given(some.dictionaries(NAMES, values))
def test_no_value_whatever_breaks_the_binder(said: dict[str, Any]) -> None:
    found: list[FieldFault] = []
    assert isinstance(bound(Every, said, found), Every)
    assert all(fault.field and fault.message for fault in found)


@given(some.text(alphabet='{}[],:" ab1\n', max_size=40))
def test_no_text_whatever_breaks_the_reader_of_jsv(text: str) -> None:
    for reader in (jsv.read, jsv.read_list):
        try:
            reader(text)
        except ValueError:
            continue


words = some.text(alphabet='ab ,:{}[]"\n', max_size=8)
nested = some.recursive(
    words, lambda inside: some.lists(inside, min_size=1) | some.dictionaries(words, inside, min_size=1), max_leaves=10
)


@given(some.dictionaries(words, nested, min_size=1))
def test_what_is_written_as_jsv_is_read_as_the_same(value: dict[str, Any]) -> None:
    assert value == jsv.read(jsv.write(value))


def test_jsv_nested_a_million_deep_is_refused_and_not_followed() -> None:
    with pytest.raises(ValueError, match="deep"):
        jsv.read("{a:" * 1_000_000)


# ---- chats, which are handed on ---------------------------------------------------------------------------------------


def test_a_chat_keeps_what_the_dto_does_not_know_and_gets_its_names_right() -> None:
    """checklist 138"""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"Role": 1}}}]
    said = {"Model": "m", "MaxTokens": 5, "Messages": [{"Role": "user", "content": [{"type": "text"}]}], "tools": tools}
    assert {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [{"type": "text"}]}],
        "tools": tools,
    } == named(OpenAiChatCompletion, {**said, "refId": None})


def test_a_chat_in_a_form_is_read_as_json_or_jsv() -> None:
    for text in (
        '{"model":"m","messages":[{"role":"user","content":"a,b"}]}',
        '{model:m,messages:[{role:user,content:"a,b"}]}',
    ):
        got = named(QueueOpenAiChatCompletion, {"request": text, "refid": "r"})
        assert got == {"request": {"model": "m", "messages": [{"role": "user", "content": "a,b"}]}, "refId": "r"}


# ---- formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "accept", "wanted"),
    [
        (None, b"", "json"),
        (None, b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        (None, b"text/csv", "csv"),
        (None, b"application/x-ndjson", "jsonl"),
        (None, b"image/png", "json"),
        ("csv", b"application/json", "csv"),
        ("JSONL", b"", "jsonl"),
    ],
)
def test_the_format_is_the_paths_the_querys_or_the_headers(said: str | None, accept: bytes, wanted: str) -> None:
    """checklist 136"""
    assert wanted == format_of(said, accept)


@pytest.mark.parametrize(("said", "accept"), [("xml", b""), ("php", b""), (None, b"application/xml, text/xml")])
def test_a_format_that_nobody_speaks_is_refused_in_words(said: str | None, accept: bytes) -> None:
    with pytest.raises(UnspokenError, match="ask for json, csv or jsonl"):
        format_of(said, accept)


def test_csv_has_a_header_of_property_names_and_quotes_what_must_be() -> None:
    """checklist 136"""
    rows = [
        Every(some_text='a "b", c', flag=True, words=["x", "y,z"], span=timedelta(seconds=4.5)),
        Every(inner=Inner(name="n")),
    ]
    lines = as_csv(rows).decode().split("\r\n")
    assert lines[0] == "SomeText,Whole,Long,Real,Flag,When,Span,Colour,Size,Words,Inner,Inners,Table"
    assert lines[1] == '"a ""b"", c",,0,,True,,PT4.5S,,,"[x,""y,z""]",,,'
    assert lines[2:] == [',,0,,,,,,,[],"{name:n,numbers:[]}",,', ""]
    assert as_csv(["a", "b,c"]) == b'a\r\n"b,c"\r\n'
    assert as_csv([]) == b""


def test_jsonl_is_one_row_a_line() -> None:
    """checklist 136"""
    assert encoded({"results": [{"a": 1}, {"a": None}]}, "jsonl") == b'{"a":1}\n{}\n'


def test_nulls_are_left_out_of_an_answer_and_zeros_are_not() -> None:
    told = prune(TextToImage(width=0))
    assert (told["width"], "height" in told) == (0, False)
