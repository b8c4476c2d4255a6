"""Limits of keys, counted by several gateways on one real server: never more than the limit, whoever asks where."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bus import limits as rules
from bus.config import new_key
from bus.connection import Bus, Link, open_bus
from bus.counters import Counters, stream_of
from bus.limits import DAY, MICRO, REQUESTS, Limits, settle_job
from bus.streams import declare, declare_again
from bus.subjects import count
from ops.embedded import EmbeddedNats
from schemas.problem import Code, Problem
from schemas.provider import ApiKey


def key_with(**limits: float) -> ApiKey:
    from msgspec.structs import replace

    return replace(new_key("limited")[1], **limits)


@pytest.fixture
async def gateways(nats: Link) -> AsyncIterator[list[Limits]]:
    """Three gateways' accounts, each on a connection of its own."""
    async with AsyncExitStack() as things:
        buses = [await things.enter_async_context(open_bus(nats, f"gw{n}")) for n in range(3)]
        await declare(buses[0])
        declare_again(buses[0])
        yield [Limits(bus) for bus in buses]


@pytest.fixture(autouse=True)
def _one_minute() -> None:
    """The clock's minute must not end in the middle of a test."""
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60 + 0.1)


async def ask(gateway: Limits, key: ApiKey, tokens: int = 1, cost: float = 0.0) -> rules.Hold | None:
    try:
        return await gateway.admit(key, tokens, cost)
    except Problem as problem:
        if problem.code not in (Code.RATE_LIMITED, Code.QUOTA) or not problem.fault.retry_after:
            raise
        return None


async def total(bus: Bus, key: ApiKey, window: rules.Window) -> int:
    return await Counters(bus).total(count(window.kind, key.tenant, key.id, window.name(time.time())))


@pytest.mark.parametrize("limit", [1, 2, 7, 60, 500])
async def test_three_gateways_together_let_exactly_the_limit_through(gateways: list[Limits], limit: int) -> None:
    key = key_with(requests_per_minute=limit)
    tries = [ask(gateways[n % 3], key) for n in range(3 * limit + 30)]
    passed = sum(hold is not None for hold in await asyncio.gather(*tries))
    assert passed <= limit
    held = 3 * max(1, limit // 10)
    assert passed >= limit - held, "no more than one slice a gateway lies unused"


async def test_what_a_gateway_does_not_use_another_gets(gateways: list[Limits]) -> None:
    key = key_with(requests_per_minute=10)
    assert await ask(gateways[0], key)  # it has reserved more than this one
    for gateway in gateways:
        gateway.start()
    passed, until = 1, time.monotonic() + 8
    while passed < 10 and time.monotonic() < until:
        passed += await ask(gateways[1], key) is not None
        await asyncio.sleep(0.05)
    assert passed == 10
    assert await ask(gateways[2], key) is None


async def test_a_refusal_says_when_to_come_again(gateways: list[Limits]) -> None:
    key = key_with(requests_per_minute=1)
    await gateways[0].admit(key, 1, 0.0)
    with pytest.raises(Problem, match="1 requests a minute") as refused:
        await gateways[0].admit(key, 1, 0.0)
    assert refused.value.code is Code.RATE_LIMITED
    assert refused.value.fault.retry_after is not None
    assert 0 < refused.value.fault.retry_after <= 60


async def test_a_spent_budget_is_another_code_and_waits_for_the_day(gateways: list[Limits]) -> None:
    key = key_with(budget_day=0.01)
    hold = await gateways[0].admit(key, 1, 0.004)
    hold.settle(10, 0.0101)
    async with asyncio.timeout(5):
        while await total(gateways[0].bus, key, DAY) < 10_100:
            await gateways[0]._tidy(0.0)
    with pytest.raises(Problem, match=r"budget of \$0\.01 a day") as refused:
        await gateways[1].admit(key, 1, 0.004)
    assert refused.value.code is Code.QUOTA
    assert 0 < (refused.value.fault.retry_after or 0) <= 86_400


async def test_a_request_refused_by_one_limit_costs_nothing_of_the_others(gateways: list[Limits]) -> None:
    key = key_with(requests_per_minute=5, tokens_per_minute=100)
    assert await ask(gateways[0], key, tokens=100)
    for _ in range(20):
        assert await ask(gateways[0], key, tokens=100) is None
    await gateways[0]._tidy(0.0)
    assert await total(gateways[0].bus, key, REQUESTS) == 1


async def test_tokens_are_put_right_when_the_answer_is_known(gateways: list[Limits]) -> None:
    key = key_with(tokens_per_minute=1000)
    hold = await ask(gateways[0], key, tokens=900)
    assert hold is not None
    assert await ask(gateways[1], key, tokens=500) is None
    hold.settle(100, None)
    async with asyncio.timeout(5):
        while await ask(gateways[1], key, tokens=500) is None:
            await gateways[0]._tidy(0.0)
            await asyncio.sleep(0.05)


async def test_many_gateways_and_answers_dearer_than_thought_stay_within_what_was_under_way(
    gateways: list[Limits],
) -> None:
    """Estimates are half of the truth: the budget is passed by the calls under way, and by nothing more."""
    key, spent, together = key_with(budget_day=1.0), 0.0, 6

    async def caller(gateway: Limits) -> None:
        nonlocal spent
        while (hold := await ask(gateway, key, cost=0.01)) is not None:
            await asyncio.sleep(0.002)
            spent += 0.02
            hold.settle(10, 0.02)

    await asyncio.gather(*(caller(gateways[n % 3]) for n in range(together)))
    slices = 3 * 1.0 / DAY.share
    assert 1.0 - slices - 0.02 <= spent <= 1.0 + together * 0.01 + slices


async def test_a_killed_server_makes_no_budget_larger(server: EmbeddedNats, gateways: list[Limits]) -> None:
    """Answers are lost with the connection again and again; what was added is found out by its name."""
    key, spent = key_with(budget_month=0.5), 0

    async def caller(gateway: Limits, until: float) -> None:
        nonlocal spent
        while time.monotonic() < until:
            try:
                hold = await gateway.admit(key, 1, 0.001)
            except Problem as problem:
                if problem.code is Code.QUOTA:
                    return
                await asyncio.sleep(0.05)
                continue
            spent += 1000
            hold.settle(1, 0.001)
            await asyncio.sleep(0.01)

    callers = [asyncio.create_task(caller(gateways[n % 3], time.monotonic() + 15)) for n in range(6)]
    for _ in range(2):
        await asyncio.sleep(0.6)
        os.kill(server.pid, signal.SIGKILL)
    await asyncio.gather(*callers)
    for gateway in gateways:
        await gateway._tidy(0.0)
    assert spent <= 0.5 * MICRO
    assert spent >= 0.5 * MICRO * 0.7, "and little of it is lost"
    until = time.monotonic() + 5
    while time.monotonic() < until:
        counted = await total(gateways[0].bus, key, rules.MONTH)
        if counted >= spent:
            break
        await asyncio.sleep(0.1)
    assert counted >= spent, "never less is counted than was spent"


async def test_a_durable_job_is_settled_once_though_it_is_told_twice(gateways: list[Limits]) -> None:
    key, bus = key_with(budget_day=1.0), gateways[0].bus
    for _ in range(2):
        await settle_job(bus, key, (77, time.time()), 1234)
    assert await total(bus, key, DAY) == 1234


def test_a_key_without_limits_costs_nothing_worth_mentioning() -> None:
    key = key_with()
    begun = time.perf_counter()
    for _ in range(10_000):
        Limits.applies(key)
    assert (time.perf_counter() - begun) / 10_000 < 5e-6


def test_every_counter_has_a_stream() -> None:
    kinds = {window.kind: window.stream for window in (rules.REQUESTS, rules.TOKENS, rules.DAY, rules.MONTH)}
    assert kinds == {kind: stream_of(count(kind, "t", "k", "1")) for kind in kinds}


@pytest.mark.parametrize(
    ("now", "day", "month"),
    [
        ("2026-12-31T23:59:30", 30, 30),
        ("2026-02-01T00:00:00", 86_400, 28 * 86_400),
        ("2028-02-28T12:00:00", 43_200, 1.5 * 86_400),
    ],
)
def test_days_and_months_end_by_the_clock_of_utc(now: str, day: float, month: float) -> None:
    import calendar

    at = calendar.timegm(time.strptime(now, "%Y-%m-%dT%H:%M:%S"))
    assert (rules.DAY.end(at) - at, rules.MONTH.end(at) - at) == (day, month)
