"""The accounts: what each request cost, by the price list, the operator's own prices and what CONFIG says of the provider.

Loaded in the background: until the list is there (a second on the very first start, some milliseconds later on) a request's
cost is unknown rather than waited for. What a newcomer would get wrong: the price belongs to the provider's own name of the
model, not to the name the caller used.
"""

import asyncio
import os
import time
from pathlib import Path

import structlog

from bus.config import Config
from bus.limits import MICRO, settle_job
from schemas.catalogue import Catalogue
from schemas.events import Done, Failed
from schemas.job import Job
from schemas.provider import Provider
from schemas.rows import UNKNOWN, Bill
from storage.price_list import load
from storage.prices import Price, Prices, Where, read_own

log = structlog.get_logger()

NOTHING = Bill(0.0)
LOOK_SECONDS = 10.0
"""How often `prices.toml` is looked at for a change."""
HOLD = 60.0


class Books:
    """Prices for one process (`schemas.rows.Accounts`)."""

    def __init__(self, config: Config, data: Path, catalogue: Catalogue | None = None) -> None:
        self.config, self.data, self.catalogue = config, data, catalogue or Catalogue()
        self.prices = Prices()
        self._natives: dict[tuple[str, str], tuple[Where, str]] = {}
        self._found: dict[tuple[str, str], tuple[float, Price | None, bool]] = {}
        self._changed = -1.0

    async def start(self) -> None:
        self.config.changed.append(self.forget)
        self.config.bus.spawn(self._mind())

    def forget(self) -> None:
        self._natives.clear()
        self._found.clear()

    def bill(self, job: Job, end: Done | Failed) -> Bill:
        """What it cost. A request that reached no provider cost nothing."""
        usage, provider = end.usage, end.provider
        if not provider or (isinstance(end, Failed) and not (usage.tokens_in or usage.tokens_out)):
            return NOTHING
        now = time.monotonic()
        name = (provider, end.model or job.model)
        found = self._found.get(name)
        if found is None or found[0] < now:
            found = self._found[name] = (now + HOLD, *self._price(*name))
        _, price, guessed = found
        if price is None:
            return UNKNOWN
        cost = price.cost(
            usage.tokens_in, usage.tokens_out, usage.tokens_cached, usage.tokens_written, usage.tokens_reasoning
        )
        return Bill(round(cost, 9), usage.estimated or guessed)

    def estimate(self, job: Job, tokens_in: int, tokens_out: int) -> float:
        """About what it will cost, at the dearest provider that may serve it; 0 where no price is known."""
        dearest = 0.0
        for provider in self._serving(job.op, (*job.chain, job.model)):
            price = self._price(provider[0], provider[1])[0]
            if price is not None:
                dearest = max(dearest, price.cost(tokens_in, tokens_out, 0, 0, 0))
        return dearest

    async def settle(self, job: Job, bill: Bill) -> None:
        """Put a durable job's charge right, where its key has a budget."""
        key = self.config.keys.get(job.key)
        if key is None or bill.cost is None or not (key.budget_day or key.budget_month):
            return
        await settle_job(self.config.bus, key, (job.label, job.created), round(bill.cost * MICRO) - job.reserved)

    def list_price(self, providers: tuple[str, ...], model: str) -> float:
        """USD of a typical request (3,000 tokens in, 1,000 out) at the cheapest of them; infinite where it is unknown."""
        known = [price.cost(3000, 1000, 0, 0, 0) for name in providers if (price := self._price(name, model)[0])]
        return min(known, default=float("inf"))

    def _price(self, provider: str, model: str) -> tuple[Price | None, bool]:
        where, native = self._native(provider, model)
        return self.prices.price(where, native)

    def _native(self, provider: str, model: str) -> tuple[Where, str]:
        found = self._natives.get((provider, model))
        if found is None:
            found = self._natives[provider, model] = self._look_up(provider, model)
            if len(self._natives) > 10_000:
                self._natives.clear()
        return found

    def _look_up(self, provider: str, model: str) -> tuple[Where, str]:
        known = self.config.providers.get(provider)
        if known is None:
            return Where(provider, ""), model
        where = Where(known.name, known.kind, known.base_url, self.catalogue.type_of(known))
        for one in (*known.models, *self.config.models.get(provider, ())):
            if model == one.name or model in one.aliases:
                return where, one.native or one.name
        return where, model

    def _serving(self, op: str, models: tuple[str, ...]) -> list[tuple[str, str]]:
        """(provider, model) of everybody who may serve one of them."""
        return [
            (provider.name, model)
            for provider in self.config.providers.values()
            for model in models
            if provider.enabled and self._serves(provider, op, model)
        ]

    def _serves(self, provider: Provider, op: str, model: str) -> bool:
        listed = (*provider.models, *self.config.models.get(provider.name, ()))
        return any(one.op == op and model in (one.name, *one.aliases) for one in listed)

    async def _mind(self) -> None:
        try:
            makers = await asyncio.to_thread(load, self.data)
        except Exception as error:
            log.warning("prices.missing", error=str(error))
            makers = ()
        self.prices = Prices(makers)
        while True:
            try:
                changed = await asyncio.to_thread(_changed_at, self.data)
                if changed != self._changed:
                    self._changed = changed
                    self.prices = Prices(makers, await asyncio.to_thread(read_own, self.data))
                    self.forget()
            except (OSError, ValueError) as error:
                log.warning("prices.own_unreadable", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)


def _changed_at(data: Path) -> float:
    try:
        return os.stat(data / "prices.toml").st_mtime
    except FileNotFoundError:
        return 0.0
