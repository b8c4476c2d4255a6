"""What the providers of a model charge, as the accounts would bill it.

What a newcomer would get wrong: there is no list of prices to read here. The accounts are asked what a small request would
cost, so what is shown is what is charged, the operator's own prices included; a higher price for long prompts is not seen.
"""

from typing import Any

from schemas.events import Done, Usage
from schemas.job import Job
from schemas.rows import Accounts

SAMPLE = 1000
MILLION = 1_000_000


def price_of(accounts: Accounts, provider: str, model: str, op: str) -> dict[str, Any] | None:
    """USD per million tokens: `input`, `output`, and `estimated`: it is the maker's list price. None: no price is known."""
    asked = _bill(accounts, provider, model, op, Usage(tokens_in=SAMPLE))
    told = _bill(accounts, provider, model, op, Usage(tokens_out=SAMPLE))
    if asked is None or told is None:
        return None
    return {"input": asked[0], "output": told[0], "estimated": asked[1]}


def with_prices(models: list[dict[str, Any]], accounts: Accounts) -> list[dict[str, Any]]:
    """The models, each provider with its `price`."""
    for model in models:
        for by in model["providers"]:
            by["price"] = price_of(accounts, by["provider"], by["native"], model["op"])
    return models


def _bill(accounts: Accounts, provider: str, model: str, op: str, usage: Usage) -> tuple[float, bool] | None:
    job = Job(id=0, tenant="", key="", op=op, model=model, body=b"", created=0.0, deadline=0.0)
    bill = accounts.bill(job, Done(usage=usage, provider=provider))
    return None if bill.cost is None else (round(bill.cost * MILLION / SAMPLE, 6), bill.estimated)
