"""Tracing as the house sees it: a tracer begins spans, and a span's context is a text that travels.

What a newcomer would get wrong: nothing here knows OpenTelemetry. Who traces is handed a `Tracer` (`ops/telemetry.py`); where
nobody traces there is None, and one look at it is all that tracing costs. The context is a W3C `traceparent` and, after a
blank, the `tracestate` that came with it; it stands in `Job.trace`, and as two headers in HTTP and in NATS.
"""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

HEADER, STATE = "traceparent", "tracestate"
LONGEST, MEMBERS = 512, 32
"""Characters and members of a `tracestate` that go on, as W3C Trace Context wants at least; those on the right are dropped."""
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?\Z")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")

Fact = str | int | float | bool | Sequence[str]
Facts = Mapping[str, Fact]
NOTHING: Facts = MappingProxyType({})


class Kind(StrEnum):
    """What a span is to the one before it."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Span(Protocol):
    """One thing that takes time. `end` it once."""

    @property
    def context(self) -> str:
        """Its `traceparent` and `tracestate`, for whatever comes of it."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""

    @property
    def recording(self) -> bool:
        """False: not sampled; facts about it are thrown away, so don't gather them."""

    def rename(self, name: str) -> None: ...

    def tell(self, facts: Facts) -> None:
        """What is known of it, by OpenTelemetry's names."""

    def event(self, name: str, facts: Facts) -> None: ...

    def end(self, error: str = "") -> None:
        """It is over. `error`: why it failed, in a word (`error.type`)."""


class Tracer(Protocol):
    """Begins spans. Must neither block nor fail."""

    def begin(self, name: str, kind: Kind, parent: str = "", facts: Facts = NOTHING) -> Span:
        """A span that begins now. `parent`: a span's context; empty, or none at all: it begins a trace."""

    def content(self, key: str) -> bool:
        """Whether the text of this key's requests and answers may be recorded."""


CURRENT: ContextVar[str] = ContextVar("trace", default="")
"""The context of the span that this task works for. Set only where somebody traces."""


def context_of(said: str, state: str = "") -> str:
    """The context that a caller's `traceparent` and `tracestate` make; nothing where he sent none: a trace begins here."""
    said = said.strip()
    if not _TRACEPARENT.match(said):
        return ""
    return f"{said[:55]} {kept}" if state and (kept := _kept(state)) else said[:55]


def headers_of(context: str) -> dict[str, str]:
    """The headers that carry it on."""
    parent, _, state = context.partition(" ")
    return {HEADER: parent, STATE: state} if state else {HEADER: parent}


def _kept(state: str) -> str:
    """As much of a `tracestate` as may go on; a wrong one not at all."""
    kept: list[str] = []
    room = LONGEST + 1
    for member in state.split(","):
        if not (member := member.strip()):
            continue
        if not _MEMBER.fullmatch(member):
            return ""
        room -= len(member) + 1
        if room < 0 or len(kept) == MEMBERS:
            break
        kept.append(member)
    return ",".join(kept)
