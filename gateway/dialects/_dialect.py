"""What a dialect is: how it reads a request, how it tells an answer, how it says no.

A `Dialect` has no state and knows no request; a `Teller` is one stream under way; a `Door` is one route into the house.
What a newcomer would get wrong: an answer may be told long after its request (a queued job, a callback), by another
process: all that is left of the request then is its `Job`. What else must be repeated travels in `Job.echo`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gateway.problems import Header
from schemas.events import Done
from schemas.job import Job, Record
from schemas.operations import Operation
from schemas.problem import Code, Fault, Problem
from schemas.status import status_of

if TYPE_CHECKING:
    from gateway.render import Shown, Store
    from gateway.spelling import Words

SSE: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the tokens
]
COMMENT = b": keep-alive\n\n"


class Teller(Protocol):
    """One stream in the caller's words. `tell* (done | broken)`; what they return goes out as it is."""

    def tell(self, chunks: list[bytes]) -> bytes:
        """Some more `chat.completion.chunk`s as JSON. May be nothing yet."""

    def done(self, end: Done) -> bytes:
        """The end of a whole answer."""

    def broken(self, fault: Fault) -> bytes:
        """The end of an answer that broke off: the status is spent, so the stream itself must say it."""

    def quiet(self) -> bytes:
        """What keeps a silent connection alive; may be nothing."""


class Place(msgspec.Struct, frozen=True):
    """What the URL and the headers say of a request, in dialects where they say something."""

    model: str = ""
    stream: bool = False
    array: bool = False
    """The stream is one growing JSON array (Gemini without `alt=sse`)."""
    betas: tuple[str, ...] = ()
    """What `anthropic-beta` names, which is where Anthropic's SDKs put a caller's `betas`."""


NOWHERE = Place()


def placed(place: Place, headers: Iterable[Header]) -> Place:
    """The place with what the headers add. A header may stand there several times, and each may hold a list."""
    said = ",".join(value.decode("latin-1") for name, value in headers if name == b"anthropic-beta")
    betas = tuple(dict.fromkeys(named(said)))
    return msgspec.structs.replace(place, betas=betas) if betas else place


def named(said: Any) -> list[str]:
    """The names in a list, or in text with commas between; none in anything else."""
    names = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
    return [name.strip() for name in names if isinstance(name, str) and name.strip()]


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A request, translated. `body`: canonical JSON for the door's operation."""

    body: bytes = b""
    echo: bytes = b""
    """JSON of what the answer repeats of the request."""
    answer: bytes | None = None
    """The whole answer, where no provider has to be asked."""
    flags: tuple[Header, ...] = ()
    """Headers of the answer that speak of the request, for example that a count is a guess."""
    previous: int = 0
    """The stored job this request goes on from; the door's `join` puts the two together."""
    background: bool = False
    store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire. `name` is what `Job.dialect` says."""

    name: str
    error: Callable[[Fault, str], bytes]
    """The body of an error answer, for a request with this id."""
    whole: Callable[[Job, Done, float], bytes] | None = None
    """The result in this dialect; the float is when it was there (Unix seconds). None: it is canonical."""
    teller: Callable[[Job], Teller] | None = None
    stream: Callable[[Job], list[Header]] = lambda _: SSE
    """The headers of a stream."""
    request_id: bytes = b""
    """A header more in which the request's number is told."""
    accepted: Callable[[Record], bytes] | None = None
    """A job under way, for a dialect that has words for it."""
    render: "Callable[[Job, Done, float, Store], Awaitable[Shown | None]] | None" = None
    """The result where it is more than JSON: read from the object store while it is sent. None, or nothing from it: `whole`."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    """Canonical field -> the caller's."""
    status: Callable[[Fault], int] = status_of
    """The HTTP status of an error answer."""
    posted: Callable[[Record], bytes] | None = None
    """The body of a web callback, for a dialect whose receivers expect no envelope."""

    def told(self, fault: Fault, request: int) -> bytes:
        """The body of an error answer, its field spelt as the caller spells it."""
        return self.error(respelt(fault, self.spelling), str(request))


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One kind of request: what it asks for and in which words. `read` None: the body is canonical already.

    `media`: the request may be a form and bring files; its `Words` say how it is spelt (`gateway/inputs.py`).
    """

    operation: Operation
    dialect: Dialect
    read: Callable[[bytes, Place], Read] | None = None
    join: Callable[[Read, Record], Read] | None = None
    media: "Words | None" = None


def respelt(fault: Fault, spelling: Mapping[str, str]) -> Fault:
    """The same fault with its field as the caller spelt it."""
    if not fault.param or not spelling:
        return fault
    first = fault.param.split(".")[0].split("[")[0]
    if (name := spelling.get(first)) is None:
        return fault
    param = name + fault.param[len(first) :]
    message = fault.message.replace(f"'{fault.param}'", f"'{param}'")
    return msgspec.structs.replace(fault, param=param, message=message)


def refuse(message: str, param: str | None) -> Problem:
    """A request that this dialect's words cannot carry to any provider."""
    return Problem(Code.INVALID_REQUEST, message, param=param)


def ours(fields: dict[str, msgspec.Raw], known: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields meant for us (replyTo, refId, tag, provider), and those that neither we nor the canonical form know."""
    mine: dict[str, Any] = {name: fields[name] for name in ("replyTo", "refId", "tag", "provider") if name in fields}
    foreign: dict[str, Any] = {name: value for name, value in fields.items() if name not in known and name not in mine}
    return mine, foreign
