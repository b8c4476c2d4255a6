"""What a process tells those who watch the house: how it is, what it has in hand, and what has ended in it this minute.

One message a second at most, on `watch.told.<process>`. Counters are sums since the minute's beginning and not steps, so a
message that was lost or came twice does no harm. What a newcomer would get wrong: all lists are bounded, because whoever
reads them must not trust the sender: a message that is longer than it may be is refused whole.
"""

from typing import Annotated

import msgspec

from schemas.events import Attempt

MOST_RUNS = 500
"""Attempts that one process tells of, and that a view shows."""
MOST_KEYS = 1000
"""Counters of keys in one message."""
MOST_FAILURES = 50
BUCKETS = 4
"""Of latencies: so many in each doubling, which makes a quantile exact to 9 %."""
_Names = Annotated[list[str], msgspec.Meta(max_length=200)]


class MinuteCount(msgspec.Struct, array_like=True):
    """What has ended in one minute, of one tenant. Not frozen: it is counted up in place."""

    minute: int
    """Unix seconds of its beginning."""
    tenant: str
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    total_ms: float = 0.0
    """Of those that were done, all together."""
    first_ms: float = 0.0
    """To their first tokens, all together …"""
    firsts: int = 0
    """… and how many had one."""
    buckets: dict[int, int] = msgspec.field(default_factory=dict)
    """`bucket_of` their latency -> how many."""


class KeyCount(msgspec.Struct, array_like=True):
    """What one key's requests came to in one minute."""

    minute: int
    tenant: str
    key: str
    requests: int = 0
    failed: int = 0
    tokens: int = 0


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """A request that has failed."""

    id: str
    """Of the job's run: `5`, `5-1`."""
    job: int
    at: float
    op: str
    model: str
    queue: str
    provider: str
    key: str
    tenant: str
    style: str
    code: str
    message: str
    attempts: int
    seconds: float
    tag: str = ""
    ref: str = ""


class Running(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """An attempt in hand, or a live call that waits for an agent (`waiting`)."""

    job: int
    op: str
    model: str
    queue: str
    key: str
    tenant: str
    style: str
    attempt: int
    created: float
    deadline: float
    provider: str = ""
    agent: str = ""
    started: float = 0.0
    stream: bool = False
    durable: bool = False
    waiting: bool = False
    trail: Annotated[tuple[Attempt, ...], msgspec.Meta(max_length=20)] = ()
    tag: str = ""
    ref: str = ""
    client: str = ""


class Moved(msgspec.Struct, frozen=True, array_like=True):
    """How far an attempt is. It is told again only when it differs."""

    job: int
    tokens: int = 0
    share: float | None = None
    stage: str = ""
    eta: float | None = None
    first: float = 0.0
    previews: int = 0
    """Pictures until now; they themselves are told only to who asks for them."""


class Hands(msgspec.Struct, frozen=True, array_like=True):
    """How much of one key is in hand: all of it, though not every attempt is told of."""

    tenant: str
    key: str
    live: int = 0
    durable: int = 0


class Vitals(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """How a process is."""

    role: str
    host: str
    pid: int
    version: str
    started: float
    rss: int = 0
    """Bytes."""
    lag_ms: float = 0.0
    """How late its event loop was at worst since its last word."""
    in_flight: int = 0
    streams: int = 0
    providers: _Names = []


class Told(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One message. An empty list says nothing new, but with `whole`: then it is all there is."""

    process: str
    n: int
    """Counted up: a hole means that something was lost."""
    vitals: Vitals
    whole: bool = False
    """What this process had in hand before counts no more."""
    watched: bool = False
    """It tells what it has in hand; else only how it is."""
    left: bool = False
    """Its last word."""
    minutes: Annotated[list[MinuteCount], msgspec.Meta(max_length=1000)] = []
    keys: Annotated[list[KeyCount], msgspec.Meta(max_length=MOST_KEYS)] = []
    failed: Annotated[list[Failure], msgspec.Meta(max_length=MOST_FAILURES)] = []
    hands: Annotated[list[Hands], msgspec.Meta(max_length=2000)] | None = None
    """None: as before."""
    fresh: Annotated[list[Running], msgspec.Meta(max_length=MOST_RUNS)] = []
    moved: Annotated[list[Moved], msgspec.Meta(max_length=MOST_RUNS)] = []
    gone: Annotated[list[int], msgspec.Meta(max_length=2 * MOST_RUNS)] = []


encode_told = msgspec.msgpack.Encoder().encode
decode_told = msgspec.msgpack.Decoder(Told).decode
