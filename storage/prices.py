"""What a request costs in US dollars: list prices of genai-prices, offline, and the user's own prices before them.

The library is never imported by a role: it would bring 35 MB and 0.4 s (pydantic, an HTTP client) to each process. Its data is
read once per version by `storage/price_list.py`, kept as JSON in the data directory, and looked up here by the library's
own rules (`tests/test_cost.py` compares every model). Nothing is ever fetched. Prices are those of the provider's list:
discounts, free tiers and batch prices are the user's to enter in `prices.toml`.
"""

import re
import time
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

FREE_KINDS = frozenset({"local", "ollama", "callbacks"})
"""Kinds that run on the user's own machines, unless `base_url` says otherwise."""
HOLD = 900.0
"""Seconds a looked-up price is used: some change at a date or an hour."""
MILLION = 1_000_000.0
_OWN = re.compile(
    r"^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[?::1)|\.(local|internal|lan)$|^[^.]+$"
)


class Tier(msgspec.Struct, frozen=True, array_like=True):
    """Above `start` prompt tokens the whole request pays this."""

    start: int
    price: float


class Rate(msgspec.Struct, frozen=True, array_like=True):
    """USD per million tokens."""

    base: float
    tiers: tuple[Tier, ...] = ()

    def at(self, tokens_in: int) -> float:
        price = self.base
        for tier in self.tiers:
            if tokens_in > tier.start:
                price = tier.price
        return price


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model's prices. None: not priced apart, so it costs what its parent costs (cached as input)."""

    input: Rate | None = None
    output: Rate | None = None
    cached: Rate | None = None
    written: Rate | None = None
    reasoning: Rate | None = None
    request: float = 0.0
    """USD a request."""
    since: str = ""
    """Only from this date (UTC) on …"""
    hours: tuple[str, str] | None = None
    """… and between these times of day."""

    def active(self, now: float) -> bool:
        at = time.gmtime(now)
        if self.since and time.strftime("%Y-%m-%d", at) < self.since:
            return False
        if self.hours is None:
            return True
        (start, end), clock = self.hours, time.strftime("%H:%M:%S", at)
        return start <= clock < end if start <= end else clock >= start or clock < end

    def cost(self, tokens_in: int, tokens_out: int, cached: int, written: int, reasoning: int) -> float:
        """USD. `tokens_in` holds `cached` and `written`, `tokens_out` holds `reasoning`, as OpenAI counts."""
        asked, told = self.input or _NOTHING, self.output or _NOTHING
        each, out = asked.at(tokens_in), told.at(tokens_in)
        total = tokens_in * each + tokens_out * out
        if cached and self.cached is not None:
            total += cached * (self.cached.at(tokens_in) - each)
        if written and self.written is not None:
            total += written * (self.written.at(tokens_in) - each)
        if reasoning and self.reasoning is not None:
            total += reasoning * (self.reasoning.at(tokens_in) - out)
        return total / MILLION + self.request


_NOTHING = Rate(0.0)
FREE = Price()


class Listed(msgspec.Struct, frozen=True):
    """A model in the library's list: what names it, and its prices, of which the last active one counts."""

    match: Any
    prices: tuple[Price, ...]


class Maker(msgspec.Struct, frozen=True):
    """A provider in the library's list."""

    id: str
    address: str
    """Regular expression over its base URL."""
    known_as: Any
    makes: Any
    """Which models are surely its own, whoever serves them."""
    models: tuple[Listed, ...]
    others: tuple[str, ...] = ()
    """Ids of providers whose models it serves too."""


class Where(msgspec.Struct, frozen=True):
    """Of a provider, what its prices depend on."""

    name: str
    kind: str
    base_url: str = ""
    type: str = ""


class Prices:
    """Prices by provider and native model name. Without data everything but free and own prices is unknown."""

    def __init__(self, makers: tuple[Maker, ...] = (), own: Mapping[str, Any] | None = None) -> None:
        self._makers = makers
        self._own = _own_prices(own or {})
        self._known: dict[tuple[Where, str], tuple[float, Price | None, bool]] = {}

    def price(self, where: Where, model: str) -> tuple[Price | None, bool]:
        """The price, and whether it is only probable: the model's maker's, for a provider that is not in the list."""
        now = time.time()
        found = self._known.get((where, model))
        if found is None or found[0] < now:
            price, guessed = self._look_up(where, model, now)
            if len(self._known) > 10_000:
                self._known.clear()
            found = self._known[where, model] = (now + HOLD, price, guessed)
        return found[1], found[2]

    def _look_up(self, where: Where, model: str, now: float) -> tuple[Price | None, bool]:
        for pattern, price in self._own:
            if fnmatchcase(f"{where.name}/{model}", pattern) or fnmatchcase(model, pattern):
                return price, False
        if maker := self._maker(where):
            return self._listed(maker, model, now), False
        host = urlsplit(where.base_url).hostname or ""
        if (where.kind in FREE_KINDS and not host) or (host and _OWN.search(host)):
            return FREE, False
        for maker in self._makers:  # an unlisted reseller: what the maker asks is the best guess
            if maker.makes is not None and _matches(maker.makes, model.lower()):
                return self._listed(maker, model, now), True
        return None, False

    def _maker(self, where: Where) -> Maker | None:
        if where.base_url:
            found = next((one for one in self._makers if re.match(one.address, where.base_url)), None)
            if found is not None:
                return found
            if not where.type:
                return None
        for name in (where.type, where.kind if not where.base_url else ""):
            if name:
                for one in self._makers:
                    if one.id == name or (one.known_as is not None and _matches(one.known_as, name)):
                        return one
        return None

    def _listed(self, maker: Maker, model: str, now: float) -> Price | None:
        listed = self._find(maker, model.lower())
        if listed is None:
            return None
        for price in reversed(listed.prices):
            if price.active(now):
                return price
        return listed.prices[0]

    def _find(self, maker: Maker, model: str) -> Listed | None:
        for listed in maker.models:
            if _matches(listed.match, model):
                return listed
        for other in maker.others:
            found = next((one for one in self._makers if one.id == other), None)
            if found is not None and (listed_there := self._find(found, model)):
                return listed_there
        return None


def _matches(clause: Any, text: str) -> bool:
    (kind, value), *_ = clause.items()
    match kind:
        case "equals":
            return text.lower() == str(value).lower()
        case "starts_with":
            return text.lower().startswith(value.lower())
        case "ends_with":
            return text.lower().endswith(value.lower())
        case "contains":
            return value.lower() in text.lower()
        case "regex":
            return re.search(value, text) is not None
        case "or":
            return any(_matches(one, text) for one in value)
        case "and":
            return all(_matches(one, text) for one in value)
    return False


# ---- the user's own ---------------------------------------------------------------------------------------------------


class OwnPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`["openai/gpt-4o*"]` in `prices.toml`: USD per million tokens; `request` USD a request."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    written: float | None = None
    reasoning: float | None = None
    request: float = 0.0


def _own_prices(table: Mapping[str, Any]) -> list[tuple[str, Price]]:
    own = msgspec.convert(dict(table), dict[str, OwnPrice], strict=False)

    def rate(value: float | None) -> Rate | None:
        return None if value is None else Rate(value)

    return [
        (
            pattern,
            Price(
                input=rate(one.input),
                output=rate(one.output),
                cached=rate(one.cached),
                written=rate(one.written),
                reasoning=rate(one.reasoning),
                request=one.request,
            ),
        )
        for pattern, one in own.items()
    ]


def read_own(data: Path) -> dict[str, Any]:
    """`prices.toml` of the data directory. Raises ValueError with a sentence that names what is wrong."""
    path = data / "prices.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        _own_prices(table)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error
    return table
