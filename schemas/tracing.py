"""Tracing as the house sees it: a tracer begins spans, and a span's context is a text that travels.

What a newcomer would get wrong: nothing here knows OpenTelemetry. Who traces is handed a `Tracer` (`ops/telemetry.py`); where
nobody traces there is None, and one look at it is all that tracing costs. The context is a W3C `traceparent`; it stands in
`Job.trace`, in a NATS header of direct publishers and in the HTTP header of that name.
"""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

HEADER = "traceparent"
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?\Z")

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
        """Its `traceparent`, for whatever comes of it."""

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
        """A span that begins now. `parent`: a `traceparent`; empty, or none at all: it begins a trace."""

    def content(self, key: str) -> bool:
        """Whether the text of this key's requests and answers may be recorded."""


CURRENT: ContextVar[str] = ContextVar("trace", default="")
"""The context of the span that this task works for. Set only where somebody traces."""


def traceparent(said: str) -> str:
    """What a caller sent as `traceparent`, if it is one; else nothing, and a trace begins here."""
    said = said.strip()
    return said[:55] if _TRACEPARENT.match(said) else ""
