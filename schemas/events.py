"""What a job tells while it runs: `Progress* Delta* (Done | Failed)`, once, in this order.

An agent yields `Progress`, `Delta` and `Done`, or raises `Problem`; only the worker makes `Alive` and `Failed`. `Delta.n`
is given by the worker: a reader that sees a hole in the numbers has lost data, for core NATS is at most once.
"""

from typing import Any

import msgspec

from schemas.problem import Fault
from schemas.rules import Step


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Tokens of one answer. `estimated` says that the provider did not count and we did (4 characters a token)."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    estimated: bool = False
    tokens_written: int = 0
    """Of `tokens_in`, those written to the provider's cache: Anthropic charges more for them."""


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try of a job at one provider. `code` is None for the try that succeeded."""

    number: int
    queue: str
    provider: str
    agent: str
    started: float
    """Unix seconds."""
    seconds: float
    code: str | None = None
    message: str | None = None
    status: int | None = None
    """HTTP status of the provider, where it failed with one (and of a callback's receiver)."""
    model: str = ""
    """The model that was asked, where that is not the one the caller wrote."""


class Alive(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """The worker still holds the job, though it has nothing to tell."""

    attempt: int = 1
    queue: str = ""
    """The job was handed on and waits in this queue now."""


class Progress(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """`share` of the work done, 0 to 1 (None: unknown), and what is going on in a word or two."""

    share: float | None = None
    stage: str = ""
    eta: float | None = None
    """Seconds that are left, if that can be told."""
    preview: str = ""
    """A small picture of the work as it stands, as a `data:` URL."""


class Delta(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """Pieces of a stream: for chat, each chunk is one OpenAI `chat.completion.chunk` as JSON bytes."""

    chunks: list[bytes]
    n: int = 0
    """Number of the first chunk, counted from 0 over the job."""
    provider: str = ""
    """Who answers, told with the first chunk: the headers of a stream are sent before its `Done` is known."""
    attempt: int = 0
    """Number of the attempt that speaks, told with the first chunk."""
    steps: tuple[Step, ...] = ()
    """Why it went where it did, told with the first chunk to a caller who asked (`Job.explain`)."""


class Done(msgspec.Struct, frozen=True, array_like=True, tag="o"):
    """The end of a success.

    `body` is the whole result as JSON bytes. For a streamed chat it is the completion assembled from the chunks when
    the job asked for it (`Job.keep`), else empty: a sync reader has seen the chunks already.
    """

    body: bytes = b""
    usage: Usage = Usage()
    content_type: str = "application/json"
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    first: float = 0.0
    """Unix seconds of the first delta (0: none)."""
    steps: tuple[Step, ...] = ()
    model: str = ""
    """The model that answered, where that is not the first one asked for."""


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """The end of a failure. `usage` counts what was streamed before it broke."""

    fault: Fault
    usage: Usage = Usage()
    provider: str = ""
    attempts: tuple[Attempt, ...] = ()
    first: float = 0.0
    steps: tuple[Step, ...] = ()
    model: str = ""


Event = Alive | Progress | Delta | Done | Failed

_encode_json = msgspec.json.Encoder().encode
encode_event = msgspec.msgpack.Encoder().encode
decode_event = msgspec.msgpack.Decoder(Event).decode


def event_messages(event: Event) -> list[bytes]:
    """The event as JSON for readers without our code, one message a chunk: `{"type": "delta", "n": 3, "chunk": {…}}`.

    `done` carries the whole result, `failed` the fault. `Alive` is nothing to tell.
    """
    match event:
        case Alive():
            return []
        case Progress(share, stage, eta, preview):
            more = {name: value for name, value in (("eta", eta), ("preview", preview or None)) if value is not None}
            return [_encode_json({"type": "progress", "share": share, "stage": stage, **more})]
        case Delta(chunks, n):
            return [b'{"type":"delta","n":%d,"chunk":%b}' % (n + i, chunk) for i, chunk in enumerate(chunks)]
        case Done():
            result = event.body if event.content_type == "application/json" and event.body else b"null"
            told = _encode_json({"provider": event.provider, "usage": usage_dict(event.usage)})
            return [b'{"type":"done","result":%b,%b' % (result, told[1:])]
        case Failed(fault):
            facts = {"provider": event.provider, "usage": usage_dict(event.usage)}
            return [_encode_json({"type": "failed", "error": fault_dict(fault), **facts})]


def usage_dict(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in usage.__struct_fields__}


def fault_dict(fault: Fault) -> dict[str, Any]:
    """A fault as callers see it, without what is empty."""
    return {name: value for name in fault.__struct_fields__ if (value := getattr(fault, name)) not in (None, ())}
