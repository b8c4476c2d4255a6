"""What only rows know: browsers, devices and bots, guessed in SQL as elsewhere; classes of durations; the log by each."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import duckdb
import msgspec
import pytest
from report_kit import Asker, drawn, fill

from gateway.aiserver._agents import client_of
from schemas.log import RequestLog
from schemas.problem import Problem
from storage import callers, request_log
from storage.hourly import SPANS
from storage.report_words import wanted_of
from storage.reports import REPORTS

NOW = datetime(2026, 11, 18, 11, 30)
AGENTS = (
    "", "curl/8.5.0", "OpenAI/Python 1.2", "  spaced", "ünïcode/1", "/", "12345", "python-requests/2.31", "a" * 90,
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23 Chrome/115 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/120 Mobile Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "AhrefsBot", "my-Crawler.x/2", "' OR 1=1 --",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14) Gecko/20100101 Firefox/121.0", "Mozilla/4.0", "<img src=x onerror=alert(1)>",
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[RequestLog]:
    return [
        msgspec.structs.replace(one, user_agent=AGENTS[n % len(AGENTS)], status=(200, 429, 500)[n % 3])
        for n, one in enumerate(drawn(600))
    ]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, rows: list[RequestLog]) -> Iterator[Asker]:
    root = tmp_path_factory.mktemp("callers") / "archive"
    warm = Asker(root, fill(root, rows, hot=50))
    yield warm
    warm.close()


def asked(engine: Asker, name: str, **said: str) -> list[dict[str, Any]]:
    wanted = wanted_of(REPORTS[name], said, (), (), NOW)
    found = engine.query(REPORTS[name].sql(wanted))
    return [dict(zip(found.columns, line, strict=True)) for line in found.rows]


@pytest.mark.parametrize("agent", AGENTS)
def test_sql_and_python_guess_the_same_client(agent: str) -> None:
    told = client_of(agent)
    with duckdb.connect() as con:
        names = ", ".join(callers.NAMES[name] for name in ("browser", "device", "bot"))
        assert con.execute(f"SELECT {names} FROM (SELECT ? AS user_agent)", [agent]).fetchone() == (
            told.browser,
            told.device,
            told.bot,
        )


def _class(total: float) -> str:
    least = max([0, *(one for one in callers.BOUNDS if one < total)])
    most = next((str(one) for one in callers.BOUNDS if total <= one), "")
    return f"{least}-{most}"


TRAITS: dict[str, Callable[[RequestLog], str]] = {
    "status": lambda one: str(one.status),
    "tag": lambda one: one.tag,
    "duration": lambda one: _class(one.total_ms or 0),
    "client": lambda one: one.client,
    "browser": lambda one: client_of(one.user_agent).browser,
    "device": lambda one: client_of(one.user_agent).device,
    "bot": lambda one: client_of(one.user_agent).bot,
    "user_agent": lambda one: one.user_agent,
    "error": lambda one: one.error or "",
}


@pytest.mark.parametrize("by", callers.TRAITS)
def test_a_breakdown_counts_each_request_once_and_the_log_shows_the_same_ones(
    engine: Asker, rows: list[RequestLog], by: str
) -> None:
    of = TRAITS[by]
    found = asked(engine, "breakdown", by=by)
    assert {one[by]: one["requests"] for one in found} == Counter(of(one) for one in rows if one.op != "callback")
    for name in [one[by] for one in found if one[by]][:4]:
        page = request_log.page({by: name, "limit": "500"}, now=NOW)
        assert {line[0] for line in engine.query(page.sql).rows} == {one.job for one in rows if of(one) == name}


def test_the_summary_is_the_sum_of_the_usage(engine: Asker, rows: list[RequestLog]) -> None:
    (one,) = asked(engine, "summary")
    usage = asked(engine, "usage", by="op")
    for name in ("requests", "failed", "cancelled", "tokens_in", "tokens_out", "unpriced"):
        assert one[name] == sum(line[name] for line in usage)
    assert one["cost"] == pytest.approx(sum(line["cost"] for line in usage), abs=1e-5)
    mine = [row for row in rows if row.op != "callback"]
    assert (one["keys"], one["from_our_cache"]) == (3, sum(row.cached for row in mine))
    for metric, column in SPANS.items():
        values = sorted(value for row in mine if (value := getattr(row, column)) is not None)
        for percent in (50, 95, 99):
            exact = values[max(0, -(-len(values) * percent // 100) - 1)]
            assert one[f"{metric}_p{percent}_ms"] == pytest.approx(exact, rel=0.03, abs=0.011)


@pytest.mark.parametrize(
    ("word", "said"),
    [("status", "abc"), ("status", "1000"), ("duration", "fast"), ("duration", "1-2; drop"), ("duration", "-5")],
)
def test_a_wrong_filter_is_named(word: str, said: str) -> None:
    with pytest.raises(Problem) as told:
        request_log.page({word: said}, now=NOW)
    assert told.value.fault.param == word
