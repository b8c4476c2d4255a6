# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""What every topic shares: how an answer says that something went wrong, how a list is asked for and answered.

Here too are the two that only try the line: `Hello`, and the sink for callbacks.
"""

from typing import Annotated, Generic, TypeVar

from schemas.dtos._model import MAX_INT, Dto, Ref, api, doc, within

T = TypeVar("T")
TKey = TypeVar("TKey")
TValue = TypeVar("TValue")

RefId = Annotated[str | None, doc("Your own name for the job, unique; made up when left out.")]
JobRef = Annotated[str | None, doc("The name that the job was given, instead of its number.")]
Tag = Annotated[str | None, doc("A word to find the job by later.")]
ReplyTo = Annotated[str | None, doc("Where the result is posted when the job has ended.")]
State = Annotated[str | None, doc("Handed back as it is in the callback.")]
Seed = Annotated[
    int | None, within(0, MAX_INT), doc("The same seed, model and input give the same result; random when left out.")
]


class ResponseError(Dto):
    """What is wrong with one field."""

    error_code: Ref[str] = None
    field_name: Ref[str] = None
    message: Ref[str] = None
    meta: Annotated[Ref[dict[str, str]], doc("More about it.")] = None


class ResponseStatus(Dto):
    """How a request ended. An answer that went well has none."""

    error_code: Annotated[Ref[str], doc("A word for machines; `NotFound`, `NotEmpty`.")] = None
    message: Annotated[Ref[str], doc("A sentence for people.")] = None
    stack_trace: Annotated[Ref[str], doc("Never filled in by this server.")] = None
    errors: Annotated[Ref[list[ResponseError]], doc("What is wrong, field by field.")] = None
    meta: Ref[dict[str, str]] = None


class EmptyResponse(Dto):
    """Nothing but that it was done."""

    response_status: Ref[ResponseStatus] = None


class IdResponse(Dto):
    """The id of what was made or changed."""

    id: str = ""
    response_status: Ref[ResponseStatus] = None


class StringResponse(Dto):
    """One text."""

    result: str = ""
    meta: Ref[dict[str, str]] = None
    response_status: Ref[ResponseStatus] = None


class StringsResponse(Dto):
    """A list of texts."""

    results: list[str] = []
    meta: Ref[dict[str, str]] = None
    response_status: Ref[ResponseStatus] = None


class BoolResponse(Dto):
    """Yes or no."""

    result: bool = False
    meta: Ref[dict[str, str]] = None
    response_status: Ref[ResponseStatus] = None


class KeyValuePair(Dto, Generic[TKey, TValue]):
    """A pair, where a list of pairs and not a map is meant."""

    key: Ref[TKey] = None
    value: Ref[TValue] = None


class QueryBase(Dto):
    """How a list is asked for. Any field of a row can be a filter too: `NameContains`, `IdIn`, `Priority>`."""

    skip: Annotated[int | None, doc("How many rows to leave out first.")] = None
    take: Annotated[int | None, doc("How many rows to give; 1000 at most.")] = None
    order_by: Annotated[Ref[str], doc("Names of fields, with commas; `-` before one turns its order round.")] = None
    order_by_desc: Annotated[Ref[str], doc("The same, the last first.")] = None
    include: Annotated[Ref[str], doc("`total` counts all rows that fit.")] = None
    fields: Annotated[Ref[str], doc("Give only these fields, with commas.")] = None
    meta: Ref[dict[str, str]] = None


class QueryDb(QueryBase, Generic[T]):
    """A query of stored rows."""


class QueryData(QueryBase, Generic[T]):
    """A query of rows that the server holds in memory."""


class QueryResponse(Dto, Generic[T]):
    """A page of rows."""

    offset: Annotated[int, doc("How many rows came before.")] = 0
    total: Annotated[int, doc("How many there are, if `include=total` asked for it.")] = 0
    results: list[T] = []
    meta: Ref[dict[str, str]] = None
    response_status: Ref[ResponseStatus] = None


class HelloResponse(Dto):
    """The greeting."""

    result: str = ""


@api("GET", HelloResponse, routes=("/hello/{Name}",), markers=("IGet",))
class Hello(Dto):
    """Try the line: says hello, asks for no key."""

    name: str = ""


class DummyReplyToResponse(Dto):
    """The `refId` that was noted."""

    ref_id: str | None = None


@api("POST", DummyReplyToResponse, routes=("/dummyreplyto",), any_verb=True, hidden=True)
class DummyReplyTo(Dto):
    """A sink for callbacks: remembers the `refId` it was sent."""

    ref_id: RefId = None


@api("POST", any_verb=True, hidden=True)
class HasDummyReplyTo(Dto):
    """Whether the sink has heard of a `refId`: 404 if not. Asking takes it out."""

    ref_id: JobRef = None
