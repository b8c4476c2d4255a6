"""What requests cost: the library's prices without the library, and what is asked of a provider by its own names."""

import datetime
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from bus_house import house, request, until

from bus.config import Config, new_key
from bus.connection import Bus, Link
from bus.counters import Counters
from bus.limits import DAY, MICRO
from bus.subjects import count
from ops.pricing import Books
from schemas.events import Attempt, Done, Event, Failed, Usage
from schemas.job import Job
from schemas.log import RequestLog, decode_logs
from schemas.problem import Code, Fault
from schemas.provider import Model, Provider
from schemas.rows import UNKNOWN
from storage import prices as of
from storage.price_list import load
from storage.prices import FREE, Prices, Where, read_own

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> tuple[of.Maker, ...]:
    return load(tmp_path_factory.mktemp("prices"))


def test_every_model_of_the_library_costs_here_what_it_costs_there(listed: tuple[of.Maker, ...]) -> None:
    """2,300 models, below and above the tiers, with cached and written tokens."""
    from genai_prices import Usage as Theirs
    from genai_prices import data_snapshot

    snapshot, ours, wrong, seen = data_snapshot.get_snapshot(), Prices(listed), [], 0
    now = datetime.datetime.now(datetime.UTC)
    makers = {maker.id: maker for maker in listed}
    for provider in snapshot.providers:
        for model in provider.models:
            for tokens_in in (1000, 300_000):
                usage = Theirs(input_tokens=tokens_in, output_tokens=500, cache_read_tokens=300, cache_write_tokens=200)
                price = ours._listed(makers[provider.id], model.id, now.timestamp())
                here = price.cost(tokens_in, 500, 300, 200, 0) if price else -1.0
                try:
                    there = float(snapshot.calc(usage, model.id, provider.id, None, now).total_price)
                except LookupError:  # its own rules do not find some of its ids
                    there = -1.0
                seen += 1
                if abs(here - there) > 1e-9:
                    wrong.append((provider.id, model.id, tokens_in, here, there))
    assert wrong == []
    assert seen > 4000


@pytest.mark.parametrize(
    ("where", "model", "guessed"),
    [
        (Where("o", "openai", "https://api.openai.com/v1", "openai"), "gpt-4o", False),
        (Where("o", "openai", "", "openai"), "gpt-4o", False),
        (Where("x", "openai", "https://openrouter.ai/api/v1", "openrouter"), "openai/gpt-4o", False),
        (Where("a", "anthropic", "", "anthropic"), "claude-sonnet-4-5", False),
        (Where("r", "openai", "https://resold.example.com/v1"), "gpt-4o", True),
    ],
)
def test_a_price_is_found(listed: tuple[of.Maker, ...], where: Where, model: str, guessed: bool) -> None:
    price, told = Prices(listed).price(where, model)
    assert price is not None
    assert price.cost(1000, 1000, 0, 0, 0) > 0
    assert told is guessed


@pytest.mark.parametrize(
    "where",
    [
        Where("o", "ollama"),
        Where("l", "local"),
        Where("v", "openai", "http://127.0.0.1:8000/v1"),
        Where("v", "openai", "http://10.1.2.3:8000/v1"),
        Where("v", "openai", "http://gpu-box:8000/v1"),
        Where("v", "openai", "http://gpu.local:8000/v1"),
    ],
)
def test_ones_own_machines_cost_nothing(listed: tuple[of.Maker, ...], where: Where) -> None:
    assert Prices(listed).price(where, "gpt-oss-20b") == (FREE, False)


def test_what_nobody_prices_is_unknown_and_not_free(listed: tuple[of.Maker, ...]) -> None:
    assert Prices(listed).price(Where("v", "openai", "https://ai.example.com/v1"), "our-own-model") == (None, False)


def test_the_operators_prices_come_first(listed: tuple[of.Maker, ...], tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text('["cheap/gpt-4o*"]\ninput = 1.0\noutput = 2.0\ncached = 0.1\nrequest = 0.5\n')
    prices = Prices(listed, read_own(tmp_path))
    price, guessed = prices.price(Where("cheap", "openai", "https://api.openai.com/v1"), "gpt-4o-mini")
    assert price is not None
    assert not guessed
    assert price.cost(1_000_000, 1_000_000, 500_000, 0, 0) == pytest.approx(0.5 + 0.05 + 2.0 + 0.5)
    other, _ = prices.price(Where("dear", "openai", "https://api.openai.com/v1"), "gpt-4o-mini")
    assert other is not None
    assert other.request == 0


@pytest.mark.parametrize("text", ["[", '["m"]\ninputt = 1.0', '["m"]\ninput = "much"'])
def test_a_wrong_price_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(ValueError, match=r"prices\.toml"):
        read_own(tmp_path)


def test_reasoning_is_part_of_the_answer_unless_it_is_priced_apart() -> None:
    plain = of.Price(input=of.Rate(1.0), output=of.Rate(10.0))
    apart = of.Price(input=of.Rate(1.0), output=of.Rate(10.0), reasoning=of.Rate(4.0))
    assert plain.cost(0, 1_000_000, 0, 0, 600_000) == 10.0
    assert apart.cost(0, 1_000_000, 0, 0, 500_000) == 7.0


def test_prices_change_at_their_date_and_hour() -> None:
    at = time.mktime(time.strptime("2026-11-23T12:00", "%Y-%m-%dT%H:%M")) - time.timezone
    assert of.Price(since="2026-11-23").active(at)
    assert not of.Price(since="2026-11-24").active(at)
    assert not of.Price(hours=("16:30:00", "00:30:00")).active(at)
    assert of.Price(hours=("16:30:00", "00:30:00")).active(at + 12 * 3600)


def test_the_list_is_made_once_and_kept(tmp_path: Path) -> None:
    made = load(tmp_path)
    file = next((tmp_path / "cache").glob("prices-*.json"))
    stamp = file.stat().st_mtime_ns
    assert load(tmp_path) == made
    assert file.stat().st_mtime_ns == stamp


def test_no_role_loads_the_library_or_asks_the_network(tmp_path: Path) -> None:
    """Its import costs 35 MB and 0.4 s, and brings an HTTP client."""
    script = (
        "import json, pathlib, socket, sys\n"
        "def no(*a, **k): raise SystemExit('network')\n"
        "socket.socket.connect = no\n"
        "import gateway.app, ops.pricing, ops.provide\n"
        "from storage import price_list\n"
        f"price_list.load(pathlib.Path({str(tmp_path)!r}))\n"
        "print(json.dumps(sorted(m for m in ('genai_prices', 'pydantic', 'httpx2') if m in sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout or "0")) == (0, []), done.stderr[-500:]


# ---- the books --------------------------------------------------------------------------------------------------------


async def books_of(bus: Bus, data: Path, *providers: Provider) -> Books:
    config = Config(bus)
    await config.start()
    for provider in providers:
        await config.put_provider(provider)
    books = Books(config, data)
    await books.start()
    await until(lambda: books.prices._makers, 10)
    return books


def job_for(model: str, **more: object) -> Job:
    values: dict[str, object] = {
        "id": 1, "tenant": "default", "key": "k", "op": "chat", "model": model, "body": b"{}", "created": 0.0,
        "deadline": 0.0,
    }  # fmt: skip
    return Job(**(values | more))  # type: ignore[arg-type]


OPENAI = Provider(
    name="main", kind="openai", base_url="https://api.openai.com/v1", models=(Model(name="best", native="gpt-4o"),)
)


async def test_a_request_is_priced_by_the_providers_own_name_of_its_model(bus: Bus, tmp_path: Path) -> None:
    books = await books_of(bus, tmp_path, OPENAI)
    bill = books.bill(job_for("best"), Done(b"", Usage(1_000_000, 100_000), provider="main"))
    expected, _ = books.prices.price(Where("main", "openai", OPENAI.base_url), "gpt-4o")
    assert expected is not None
    assert bill.cost == pytest.approx(expected.cost(1_000_000, 100_000, 0, 0, 0))
    assert bill.cost
    assert not bill.estimated


async def test_cached_tokens_cost_less_and_estimates_are_flagged(bus: Bus, tmp_path: Path) -> None:
    books = await books_of(bus, tmp_path, OPENAI)
    full = books.bill(job_for("best"), Done(b"", Usage(10_000, 10), provider="main"))
    cached = books.bill(job_for("best"), Done(b"", Usage(10_000, 10, 9_000, estimated=True), provider="main"))
    assert full.cost
    assert cached.cost
    assert cached.cost < full.cost
    assert (full.estimated, cached.estimated) == (False, True)


async def test_a_failure_before_any_token_costs_nothing_and_a_broken_stream_what_it_had(
    bus: Bus, tmp_path: Path
) -> None:
    books = await books_of(bus, tmp_path, OPENAI)
    fault = Fault(Code.STREAM_BROKEN, "")
    tried = (Attempt(1, "main", "main", "a", 0.0, 0.1),)
    assert books.bill(job_for("best"), Failed(fault)).cost == 0
    assert books.bill(job_for("best"), Failed(fault, provider="main", attempts=tried)).cost == 0
    broken = books.bill(job_for("best"), Failed(fault, Usage(100, 5, estimated=True), "main", tried))
    assert broken.cost
    assert broken.estimated


async def test_an_unknown_model_has_no_cost_rather_than_none_at_all(bus: Bus, tmp_path: Path) -> None:
    away = Provider(name="away", kind="openai", base_url="https://ai.example.com/v1", models=(Model(name="own"),))
    books = await books_of(bus, tmp_path, away)
    assert books.bill(job_for("own"), Done(b"", Usage(5, 5), provider="away")) == UNKNOWN


async def test_an_estimate_is_that_of_the_dearest_who_may_serve_it(bus: Bus, tmp_path: Path) -> None:
    free = Provider(name="box", kind="ollama", models=(Model(name="best"),))
    books = await books_of(bus, tmp_path, OPENAI, free)
    assert books.estimate(job_for("best"), 1000, 1000) > 0
    assert books.list_price(("box",), "best") == 0
    assert books.list_price(("main",), "best") > 0
    assert books.estimate(job_for("nobody's"), 1000, 1000) == 0


async def test_a_queued_jobs_cost_stands_in_its_view_and_its_row_and_puts_its_keys_budget_right(
    nats: Link, tmp_path: Path
) -> None:
    async with house(nats) as made:
        await made.config.put_provider(OPENAI)
        raw, key = new_key("app")
        assert raw
        key = msgspec.structs.replace(key, budget_day=5.0)
        await made.config.put_key(key)
        made.finish.accounts = books = Books(made.config, tmp_path)
        await books.start()
        await until(lambda: books.prices._makers, 10)
        rows: list[RequestLog] = []
        await made.bus.listen("log.*.chat", lambda message: rows.extend(decode_logs(message.data)))

        async def answers(job: Job) -> AsyncIterator[Event]:
            yield Done(b"{}", Usage(10_000, 1_000))

        await made.worker(answers, name="main", models=OPENAI.models)
        accepted = await made.dispatcher.submit(
            request(made, model="best", key=key.id, durable=True, ref="r", reserved=1_000)
        )
        view = await made.desk.wait(key, accepted.id, 5)
        await until(lambda: rows)
        assert view.cost
        assert (view.cost, view.cost_estimated) == (rows[0].cost, rows[0].cost_estimated)
        day = count("day", key.tenant, key.id, DAY.name(accepted.job.created))
        await until(lambda: not made.workers[0].runs)  # settled, and then the message is acked
        assert await Counters(made.bus).total(day) == round(view.cost * MICRO) - 1_000


async def test_a_bill_takes_microseconds(bus: Bus, tmp_path: Path) -> None:
    books = await books_of(bus, tmp_path, OPENAI)
    job, end = job_for("best"), Done(b"", Usage(1000, 100, 10), provider="main")
    books.bill(job, end)
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(2000):
            books.bill(job, end)
        best = min(best, (time.perf_counter() - begun) / 2000)
    assert best < 5e-6
