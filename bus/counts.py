"""What a process has counted since it began: the requests that ended in it and the attempts it made, for `/metrics`.

A request costs one look into a dictionary and a few additions; labels become text, and buckets cumulative, only when somebody
scrapes. What a newcomer would get wrong: whoever calls chooses the name of the model (and, on the bus, of the operation), so a
name counts only if somebody here serves it; all others are `other`, however many there are.
"""

import os
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Collection

import msgspec

from bus import subjects
from bus.connection import Bus, Ear
from bus.wire import Message
from schemas.log import RequestLog
from schemas.operations import OPERATIONS

SECONDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
)  # fmt: skip
"""Bounds of a whole request's and of an attempt's seconds: those of OpenTelemetry's GenAI conventions, and three more, for
films take longer than chats."""
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0)
PACE = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)
MOST = 2000
"""Sets of labels of one process. What comes then is counted under the model `other`."""
MOST_KEYED = 10_000
"""The same where keys are labels."""
OTHER = "other"
NAMES_SECONDS = 1.0
"""How old the list of served models may be."""
_OPS = frozenset((*OPERATIONS, "callback"))


class Spread(msgspec.Struct, array_like=True):
    """How values were distributed: how many lay up to each bound and above the one before; the last is beyond all bounds."""

    counts: list[int]
    sum: float = 0.0

    def add(self, bounds: tuple[float, ...], value: float) -> None:
        self.counts[bisect_left(bounds, value)] += 1
        self.sum += value


def spread(bounds: tuple[float, ...]) -> Spread:
    return Spread([0] * (len(bounds) + 1))


class Ended(msgspec.Struct, array_like=True):
    """Requests that ended alike."""

    op: str
    model: str
    provider: str
    style: str
    outcome: str
    code: str
    tenant: str
    key: str
    """These two are empty unless the setting wants them."""
    seconds: Spread
    """Of each, so that the sum of its counts is how many there were."""
    first: Spread
    pace: Spread
    wait: Spread
    tokens: list[int]
    """As `KINDS` names them."""
    cost: float = 0.0
    cached: int = 0
    retries: int = 0
    count: int = 0


KINDS = ("input", "output", "cached", "reasoning", "written")


class Tried(msgspec.Struct, array_like=True):
    """Attempts at one provider that ended alike. `code`: empty for a success."""

    op: str
    model: str
    provider: str
    code: str
    seconds: Spread
    tokens_in: Spread
    tokens_out: Spread
    count: int = 0


class Process(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What a process answers to `metrics.ask`: all it has counted. `facts`: what only its role can tell."""

    process: str
    role: str
    started: float
    """Unix seconds."""
    cpu: float
    """Seconds of CPU since it began."""
    rss: int
    """Bytes."""
    ended: list[Ended] = []
    tried: list[Tried] = []
    refused: dict[str, int] = {}
    facts: dict[str, float] = {}
    missed: dict[str, int] = {}
    """Requests that the response cache had no answer for, by operation."""


Names = Callable[[], Collection[str]]


class Counts:
    """One process's counts. Nothing here blocks, fails or forgets."""

    def __init__(self, names: Names = tuple, keyed: bool = False) -> None:
        """`names`: the models that somebody serves; `keyed`: count by key and tenant too."""
        self.keyed = keyed
        self.refused: dict[str, int] = {}
        """Requests refused by the limits of their key, by code."""
        self.missed: dict[str, int] = {}
        """Requests that looked into the response cache in vain, by operation."""
        self.reconnects = 0
        self.started = time.time()
        self._ended: dict[tuple[str, ...], Ended] = {}
        self._tried: dict[tuple[str, str, str, str], Tried] = {}
        self._names, self._known, self._looked = names, frozenset[str](), 0.0

    def ended(self, row: RequestLog) -> None:
        """A request has come to its end here."""
        name: tuple[str, ...] = (
            row.op, row.served or row.model, row.provider, row.style, row.outcome, row.error or "",
        )  # fmt: skip
        if self.keyed:
            name = (*name, row.tenant, row.key)
        one = self._ended.get(name) or self._alike(name)
        one.count += 1
        total = row.total_ms / 1000
        one.seconds.add(SECONDS, total)
        if row.wait_ms is not None:
            one.wait.add(SECONDS, row.wait_ms / 1000)
        if row.first_ms is not None:
            first = row.first_ms / 1000
            one.first.add(FIRST, first)
            if row.tokens_out > 1 and row.outcome == "done":
                one.pace.add(PACE, (total - first) / (row.tokens_out - 1))
        tokens = one.tokens
        tokens[0] += row.tokens_in
        tokens[1] += row.tokens_out
        if row.tokens_cached or row.tokens_reasoning or row.tokens_written:
            tokens[2] += row.tokens_cached
            tokens[3] += row.tokens_reasoning
            tokens[4] += row.tokens_written
        if row.cost:
            one.cost += row.cost
        if row.cached:
            one.cached += 1
        if row.attempts > 1:
            one.retries += row.attempts - 1

    def tried(self, op: str, model: str, provider: str, code: str, seconds: float, tokens: tuple[int, int]) -> None:
        """An attempt at a provider is over. `tokens`: in and out."""
        name = (op, model, provider, code)
        one = self._tried.get(name)
        if one is None:
            if len(self._tried) >= MOST:
                name = (op, OTHER, provider, code)
            one = self._tried.get(name)
            if one is None:
                one = self._tried[name] = Tried(*name, spread(SECONDS), spread(TOKENS), spread(TOKENS))
        one.count += 1
        one.seconds.add(SECONDS, seconds)
        if tokens[0]:
            one.tokens_in.add(TOKENS, tokens[0])
        if tokens[1]:
            one.tokens_out.add(TOKENS, tokens[1])

    def refuse(self, code: str) -> None:
        """The limits of its key refused a request."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def miss(self, op: str) -> None:
        """The response cache had no answer."""
        self.missed[op] = self.missed.get(op, 0) + 1

    def reconnected(self) -> None:
        self.reconnects += 1

    def process(self, name: str, role: str, **facts: float) -> Process:
        """All of it as it stands, still the same objects: encode it at once."""
        return Process(
            process=name, role=role, started=self.started, cpu=time.process_time(), rss=resident(),
            ended=list(self._ended.values()), tried=list(self._tried.values()), refused=self.refused,
            facts={"nats_reconnects": self.reconnects, **facts}, missed=self.missed,
        )  # fmt: skip

    def _alike(self, name: tuple[str, ...]) -> Ended:
        """Where requests of that kind are counted, under names that are no more than there are."""
        op, model, provider, *rest = name
        if op not in _OPS:
            op = OTHER
        if not provider and model not in self._served():
            model = OTHER
        if len(self._ended) >= (MOST_KEYED if self.keyed else MOST):
            model, rest[3:] = OTHER, [OTHER] * len(rest[3:])
        name = (op, model, provider, *rest)
        one = self._ended.get(name)
        if one is None:
            labels = name if self.keyed else (*name, "", "")
            spreads = (spread(SECONDS), spread(FIRST), spread(PACE), spread(SECONDS))
            one = self._ended[name] = msgspec.convert((*labels, *spreads, [0] * len(KINDS)), Ended)
        return one

    def _served(self) -> frozenset[str]:
        now = time.monotonic()
        if now - self._looked > NAMES_SECONDS:
            self._looked, self._known = now, frozenset(self._names())
        return self._known


def resident() -> int:
    """Bytes of resident memory; elsewhere than on Linux the most there ever was."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024)


async def answer(bus: Bus, told: Callable[[], Process]) -> Ear:
    """Have this process answer each census with what `told` gives then."""

    def asked(message: Message) -> None:
        if message.reply:
            bus.tell(message.reply, encode_process(told()))

    return await bus.listen(subjects.METRICS_ASK, asked)


encode_process = msgspec.msgpack.Encoder().encode
decode_process = msgspec.msgpack.Decoder(Process).decode
