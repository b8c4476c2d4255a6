"""`/me/cost`: a key learns what its answers cost, and nothing of models that it may not ask."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from gateway_house import House, open_house

from bus.config import new_key
from bus.connection import Link
from schemas.events import Done, Failed
from schemas.job import Job
from schemas.rows import UNKNOWN, Bill, NoAccounts

ASKED = "/me/cost?provider=fake&tokens_in=1000&tokens_out=10&tokens_cached=5&tokens_reasoning=4"


class Dear(NoAccounts):
    """A token read costs a thousandth, one written a tenth, of one model alone."""

    def bill(self, job: Job, end: Done | Failed) -> Bill:
        used = end.usage
        if (job.model, job.op, end.provider) != ("m", "chat", "fake") or used.tokens_cached != 5:
            return UNKNOWN
        return Bill(used.tokens_in / 1000 + used.tokens_out / 10, estimated=True)


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False, accounts=Dear()) as opened:
        yield opened


async def test_the_accounts_are_asked_and_an_unknown_price_is_null(house: House) -> None:
    _, _, told = await house.get(f"{ASKED}&model=m")
    assert told == {"cost": 2.0, "estimated": True}
    _, _, told = await house.get(f"{ASKED}&model=other")
    assert told == {"cost": None, "estimated": False}


async def test_a_key_asks_for_its_own_models_alone_and_for_sane_numbers(house: House) -> None:
    secret, key = new_key("narrow")
    await house.config.put_key(msgspec.structs.replace(key, models=("n*",)))
    assert (await house.get(f"{ASKED}&model=m", secret))[0] == 404
    assert (await house.get(f"{ASKED}&model=n1", secret))[0] == 200
    assert (await house.get(f"{ASKED}&model=m", "wrong"))[0] == 401
    for bad in ("-1", "x", "99999999999999"):
        assert (await house.get(f"/me/cost?model=m&provider=fake&tokens_in={bad}"))[0] == 400
