"""What a key may use: requests and tokens a minute, US dollars a day and a month, exact over all gateways.

The counters are a stream of NATS that adds (`Nats-Incr`). A gateway never asks it for each request: it reserves a slice
ahead (a tenth of a limit, a fiftieth of a budget), serves from that, and returns what it does not use. A slice is granted only
as far as the counter stood below the limit before, so all that is granted together never passes it. What a newcomer would get
wrong: tokens and dollars are charged by estimate before and put right after, so these two may pass the limit by what the
calls under way were underestimated; and a gateway that is killed takes its slice along until the minute, day or month ends.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec
import structlog

from bus import subjects
from bus.connection import Bus
from bus.counters import RESOLVE_SECONDS, Counters
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

log = structlog.get_logger()

MICRO = 1_000_000
ASK_AGAIN = 0.25
"""Seconds after a refusal before the counter is asked again: another gateway may have returned something."""
IDLE = 2.0
"""Seconds after which an unused slice goes back."""


class Window(msgspec.Struct, frozen=True):
    """One sort of limit: the clock that it goes by, and how much of it is reserved at a time."""

    kind: str
    """Token of the counter's subject."""
    stream: str
    share: int
    """A slice is the limit divided by this."""
    name: Callable[[float], str]
    end: Callable[[float], float]


def _minute(now: float) -> str:
    return str(int(now // 60))


def _day(now: float) -> str:
    return time.strftime("%Y%m%d", time.gmtime(now))


def _month(now: float) -> str:
    return time.strftime("%Y%m", time.gmtime(now))


def _month_end(now: float) -> float:
    at = time.gmtime(now)
    days = 32 - at.tm_mday
    later = time.gmtime(now + days * 86400)
    into = ((later.tm_mday - 1) * 24 + later.tm_hour) * 3600 + later.tm_min * 60 + later.tm_sec
    return now + days * 86400 - into


REQUESTS = Window("req", "COUNT_MINUTE", 10, _minute, lambda now: (now // 60 + 1) * 60)
TOKENS = Window("tok", "COUNT_MINUTE", 10, _minute, lambda now: (now // 60 + 1) * 60)
DAY = Window("day", "COUNT", 50, _day, lambda now: (now // 86400 + 1) * 86400)
MONTH = Window("month", "COUNT", 50, _month, _month_end)


def amounts(key: ApiKey) -> tuple[tuple[Window, int], ...]:
    """The key's limits; dollars in millionths."""
    told = (
        (REQUESTS, key.requests_per_minute),
        (TOKENS, key.tokens_per_minute),
        (DAY, round(key.budget_day * MICRO)),
        (MONTH, round(key.budget_month * MICRO)),
    )
    return tuple((window, limit) for window, limit in told if limit > 0)


class Meter:
    """One limit of one key in this gateway."""

    def __init__(self, counters: Counters, key: ApiKey, window: Window, limit: int) -> None:
        self.counters, self.key, self.window, self.limit = counters, key, window, limit
        self.slice = max(1, limit // window.share)
        self.left = 0
        """Reserved and not used; below 0: used more than reserved."""
        self.name = ""
        """Of the minute, day or month it holds for."""
        self.used_at = 0.0
        self._refused_at = -ASK_AGAIN
        self._asking: asyncio.Task[None] | None = None

    @property
    def subject(self) -> str:
        return subjects.count(self.window.kind, self.key.tenant, self.key.id, self.name)

    async def take(self, amount: int) -> int:
        """What was taken (at most the whole limit). Raises `Problem` when it is not to be had in this window."""
        amount = min(amount, self.limit)
        self.roll()
        while self.left < amount:
            if time.monotonic() - self._refused_at < ASK_AGAIN:
                raise self.spent()
            await self._reserve(max(self.slice, amount - self.left))
            self.roll()
        self.left -= amount
        self.used_at = time.monotonic()
        if self.left < self.slice // 4 and time.monotonic() - self._refused_at >= ASK_AGAIN:
            self._ask(self.slice)
        return amount

    def give(self, amount: int, name: str) -> None:
        """Put right what was taken in the window `name`; that of a window that has ended is nobody's any more."""
        if name == self.name:
            self.left += amount

    def roll(self) -> None:
        name = self.window.name(time.time())
        if name != self.name:
            self.name, self.left, self._refused_at = name, 0, -ASK_AGAIN

    def spent(self) -> Problem:
        now = time.time()
        wait = max(1.0, self.window.end(now) - now)
        if self.window in (REQUESTS, TOKENS):
            what = "requests" if self.window is REQUESTS else "tokens"
            text = f"This API key may use {self.limit:,} {what} a minute. Try again in {wait:.0f} s."
            return Problem(Code.RATE_LIMITED, text, retry_after=wait)
        text = f"This API key has used up its budget of ${self.limit / MICRO:,.2f} a {self.window.kind}"
        until = time.strftime("%Y-%m-%d", time.gmtime(now + wait))
        return Problem(Code.QUOTA, f"{text}; it begins anew on {until} (UTC).", retry_after=wait)

    def tidy(self, idle: float = IDLE) -> tuple[str, int] | None:
        """What the counter must be told: unused slices go back, what was used beyond them is added."""
        self.roll()
        unused = time.monotonic() - self.used_at >= idle
        amount = -self.left if self.left < 0 or unused else 0
        if self.left > 2 * self.slice and not unused:
            amount = self.slice - self.left
        if not amount or self._asking is not None:
            return None
        self.left += amount
        return self.subject, amount

    def _ask(self, amount: int) -> "asyncio.Task[None]":
        """One question at a time."""
        if self._asking is None:
            self._asking = self.counters.bus.spawn(self._asked(amount))
        return self._asking

    async def _reserve(self, amount: int) -> None:
        asking = self._ask(amount)
        await asyncio.wait([asking])
        if not asking.cancelled() and (error := asking.exception()) is not None:
            raise error

    async def _asked(self, amount: int) -> None:
        subject, window, name = self.subject, self.name, self.counters.name()
        try:
            total = await self.counters.add(subject, amount, name=name)
        except Problem:  # nobody knows whether it was added: find out, and take it back
            self.counters.bus.spawn(self._take_back(subject, amount, name))
            raise
        finally:
            self._asking = None
        granted = max(0, min(amount, self.limit - (total - amount)))
        if granted < amount:
            self._refused_at = time.monotonic()
            self.counters.bus.spawn(self.counters.surely(subject, granted - amount))
        if window == self.name:
            self.left += granted

    async def _take_back(self, subject: str, amount: int, name: str) -> None:
        with contextlib.suppress(Problem):
            await self.counters.add(subject, amount, name=name, timeout=RESOLVE_SECONDS)
            await self.counters.surely(subject, -amount)


class Hold:
    """What one request was charged, to be put right at its end."""

    __slots__ = ("_taken", "micros", "tokens")

    def __init__(self, taken: list[tuple[Meter, int, str]]) -> None:
        self._taken = taken
        self.tokens = next((amount for meter, amount, _ in taken if meter.window is TOKENS), 0)
        self.micros = max((amount for meter, amount, _ in taken if meter.window in (DAY, MONTH)), default=0)

    def settle(self, tokens: int, cost: float | None) -> None:
        """What it really used. `cost` None: nobody knows, so the estimate stands."""
        for meter, amount, name in self._taken:
            if meter.window is TOKENS:
                meter.give(amount - tokens, name)
            elif meter.window is not REQUESTS and cost is not None:
                meter.give(amount - round(cost * MICRO), name)
        self._taken = []

    def undo(self) -> None:
        """It became nothing: not even the request counts."""
        for meter, amount, name in self._taken:
            meter.give(amount, name)
        self._taken = []


class Limits:
    """The limits of all keys, as this gateway keeps them. A key without limits costs one look at four fields."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.counters = Counters(bus)
        self._meters: dict[str, tuple[ApiKey, list[Meter]]] = {}
        self._task: asyncio.Task[None] | None = None

    @staticmethod
    def applies(key: ApiKey) -> bool:
        return bool(key.requests_per_minute or key.tokens_per_minute or key.budget_day or key.budget_month)

    def start(self) -> None:
        self._task = self.bus.spawn(self._mind())

    async def stop(self) -> None:
        """Return what is reserved."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._tidy(0.0)

    async def admit(self, key: ApiKey, tokens: int, cost: float) -> Hold:
        """Charge a request of about so many tokens and dollars. Raises `Problem`: RATE_LIMITED, QUOTA, UNAVAILABLE."""
        taken: list[tuple[Meter, int, str]] = []
        hold: Hold | None = None
        try:
            for meter in self._of(key):
                wanted = {"req": 1, "tok": tokens}.get(meter.window.kind, max(1, round(cost * MICRO)))
                amount = await meter.take(wanted)
                taken.append((meter, amount, meter.name))
            hold = Hold(taken)
            return hold
        finally:
            if hold is None:
                Hold(taken).undo()

    def _of(self, key: ApiKey) -> list[Meter]:
        known = self._meters.get(key.id)
        if known is not None and known[0] is key:
            return known[1]
        old = {meter.window.kind: meter for meter in known[1]} if known else {}
        meters = []
        for window, limit in amounts(key):
            meter = Meter(self.counters, key, window, limit)
            if (before := old.get(window.kind)) is not None:  # the key was changed: what is reserved stays
                meter.name, meter.left, meter.used_at = before.name, before.left, before.used_at
            meters.append(meter)
        self._meters[key.id] = (key, meters)
        return meters

    async def _mind(self) -> None:
        while True:
            await asyncio.sleep(1)
            try:
                await self._tidy()
            except Exception:
                log.exception("limits.tidy_failed")

    async def _tidy(self, idle: float = IDLE) -> None:
        told = [note for _, meters in list(self._meters.values()) for meter in meters if (note := meter.tidy(idle))]
        if told:
            await asyncio.wait([self.bus.spawn(self.counters.surely(subject, amount)) for subject, amount in told])


async def settle_job(bus: Bus, key: ApiKey, job: tuple[int | str, float], micros: int) -> None:
    """A durable job ends in another process than took it in: add what it cost beyond what it was charged (or less).

    `job`: its label and when it was accepted, for it belongs to that day. May be told twice within two minutes.
    """
    counters, (number, created) = Counters(bus), job
    for window, limit in amounts(key):
        if window in (DAY, MONTH) and limit and micros:
            subject = subjects.count(window.kind, key.tenant, key.id, window.name(created))
            await counters.surely(subject, micros, f"settle.{number}.{window.kind}")
