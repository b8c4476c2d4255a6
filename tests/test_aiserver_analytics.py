"""Figures in the AI Server dialect: each equals what `ai-server sql` says of the same data."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiserver_admin_kit import Desk, open_desk
from archive_kit import row

from bus.connection import Link
from bus.ids import make_id
from gateway.aiserver._agents import client_of
from gateway.aiserver._numbers import number_of
from schemas.log import RequestLog, encode_logs
from storage.archive import Archive
from storage.sql import Sql

CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
EDGE = CHROME + " Edg/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) AppleWebKit/605 (KHTML, like Gecko) Version/19.0 Safari/604.1"
AGENTS = (CHROME, EDGE, IPHONE, "OpenAI/Python 2.1", "Googlebot/2.1 (+http://www.google.com/bot.html)", "")


def rows() -> list[RequestLog]:
    """Two months, two keys, six programs, three operations; one failure, one cached answer, one callback."""
    found = []
    for n in range(60):
        month, op = 3 + n % 2, ("chat", "chat", "convert_image")[n % 3]
        at = datetime(2026, month, 1 + n % 5, 12, 0, n, tzinfo=UTC).timestamp()
        found.append(
            row(
                make_id(int(at), 1, n), created=at, op=op, model="gpt-4o", served="gpt-4o-mini" if n % 4 == 0 else "",
                provider=f"p{n % 3}", key=("a" * 16, "b" * 16)[n % 2], client=f"10.0.0.{n % 7}", user_agent=AGENTS[n % 6],
                tokens_in=n, tokens_out=2 * n, total_ms=float(n * n * 10), request="x" * n,
                outcome="failed" if n == 13 else "done", status=502 if n == 13 else 200,
                error="provider_error" if n == 13 else None, message="It broke." if n == 13 else None, cached=n == 14,
            )
        )  # fmt: skip
    at = datetime(2026, 4, 2, tzinfo=UTC).timestamp()
    found.append(row(make_id(int(at), 2, 0), created=at, op="callback", provider="callbacks", tokens_in=0))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archive = Archive(tmp_path)
    archive.open()
    archive.renew(0)
    found = rows()
    archive.append([(place, one) for place, one in enumerate(found, 1)], len(found), "t")
    archive.close()
    return tmp_path


def sql(folder: Path, text: str) -> list[tuple[Any, ...]]:
    return Sql(folder).query(text).rows


async def report(desk: Desk, **query: Any) -> dict[str, Any]:
    return (await desk.get("GetAnalyticsReports", **query))["result"]  # type: ignore[no-any-return]


async def test_stats_by_provider_model_and_month_are_those_of_sql(nats: Link, folder: Path) -> None:
    async with open_desk(nats, folder, team=False) as desk:
        told = await desk.get("GetSummaryStats")
        served = "outcome = 'done' AND op <> 'callback' AND NOT cached"
        for part, by in (
            ("providerStats", "provider"),
            ("modelStats", "coalesce(nullif(served, ''), model)"),
            ("monthStats", "month"),
        ):
            wanted = sql(
                folder,
                f"SELECT {by}, count(*), sum(tokens_in)::BIGINT, sum(tokens_out)::BIGINT, round(sum(total_ms) / 60000, 2), "
                f"round(sum(tokens_in + tokens_out) / (sum(total_ms) / 1000), 2) FROM requests WHERE {served} GROUP BY 1",
            )
            names = ("name", "total", "totalPromptTokens", "totalCompletionTokens", "totalMinutes", "tokensPerSecond")
            assert sorted(tuple(one[name] for name in names) for one in told[part]) == sorted(wanted)
        assert {one["name"] for one in told["monthStats"]} == {"2026-03", "2026-04"}
        day = await desk.get("GetSummaryStats", **{"from": "2026-03-02", "to": "2026-03-02"})
        (count,) = sql(folder, f"SELECT count(*) FROM requests WHERE {served} AND created::DATE = '2026-03-02'")
        assert sum(one["total"] for one in day["providerStats"]) == count[0] > 0
        assert (await desk.get("GetSummaryStats", to="2020-01-01"))["providerStats"] == []


async def test_nothing_has_to_be_filled_in_later(nats: Link, folder: Path) -> None:
    """checklist 140"""
    async with open_desk(nats, folder, team=False) as desk:
        before = await desk.get("GetSummaryStats")
        assert (await desk.get("PopulateChatSummary"))["results"] == []
        assert await desk.get("GetSummaryStats") == before


async def test_a_months_report_sums_up_in_each_way(nats: Link, folder: Path) -> None:
    async with open_desk(nats, folder, team=False) as desk:
        told = await report(desk, month="2026-03-01")
        where = "FROM requests WHERE month = '2026-03'"
        for part, by in (
            ("apis", "op"),
            ("ips", "client"),
            ("status", "status::VARCHAR"),
            ("days", "strftime(created, '%-d')"),
        ):
            wanted = sql(
                folder, f"SELECT {by}, count(*), sum(strlen(request)), max(total_ms) {where} AND {by} <> '' GROUP BY 1"
            )
            found = [
                (name, one["totalRequests"], one["totalRequestLength"], one["maxDuration"])
                for name, one in told[part].items()
            ]
            assert sorted(found) == sorted(wanted), part
        total = sql(folder, f"SELECT count(*) {where}")[0][0]
        for part in ("users", "tags", "apiKeys", "devices"):
            assert 0 < sum(one["totalRequests"] for one in told[part].values()) <= total
        assert sum(told["durations"].values()) == total
        assert set(told["browsers"]) == {"Chrome", "Safari", "None"} or "Chrome" in told["browsers"]
        assert told["apis"]["chat"]["status"].keys() <= {"200", "502"}
        assert sum(told["apis"]["chat"]["ips"].values()) == told["apis"]["chat"]["totalRequests"]
        assert (await report(desk, month="2020-01-01"))["apis"] == {}


async def test_each_keys_figures_can_be_seen_alone(nats: Link, folder: Path) -> None:
    """checklist 99"""
    async with open_desk(nats, folder, team=False) as desk:
        mine = desk.house.key.id
        at = time.time()
        await desk.house.bus.keep(
            "log.default.chat", encode_logs([row(9, created=at, key=mine, client="1.2.3.4")]), msg_id="x"
        )
        told = await report(desk, filter="apiKey", value=str(number_of(mine)))
        assert (told["apis"]["chat"]["totalRequests"], list(told["apiKeys"])) == (1, [str(number_of(mine))])
        assert told["apiKeys"][str(number_of(mine))]["name"] == "app"
        assert (await report(desk, filter="user", value="app"))["apis"]["chat"]["totalRequests"] == 1
        info = await desk.get("GetAnalyticsInfo", apiKey="app")
        assert (info["result"]["ip"], info["result"]["apiKey"]) == ("1.2.3.4", "app")
        assert info["months"] == [datetime.now(UTC).strftime("%Y-%m"), "2026-04", "2026-03"]
        logs = await desk.get("RequestLogs", bearerToken=desk.house.secret)
        assert [one["id"] for one in logs["results"]] == [9]
        assert (await desk.ask("GetAnalyticsReports", method="GET", filter="shoe", value="1"))[0] == 400


async def test_request_logs_are_there_by_month_with_filters(nats: Link, folder: Path) -> None:
    """checklist 123"""
    async with open_desk(nats, folder, team=False) as desk:
        told = await desk.get("RequestLogs", month="2026-03-01", take=5)
        assert (told["total"], len(told["results"])) == (30, 5)
        assert told["results"][0]["id"] > told["results"][1]["id"]
        (bad,) = (await desk.get("RequestLogs", withErrors="true"))["results"]
        assert (bad["statusCode"], bad["errorResponse"]["message"]) == (502, "It broke.")
        assert bad["requestDuration"] == "PT1.69S"
        assert bad["headers"]["User-Agent"] == AGENTS[13 % 6]
        for query, test in (
            ({"ipAddress": "10.0.0.3"}, "client = '10.0.0.3'"),
            ({"operationName": "convert_image"}, "op = 'convert_image'"),
            ({"durationLongerThan": "PT20S"}, "total_ms > 20000"),
            ({"userAuthId": "a" * 16}, f"key = '{'a' * 16}'"),
            ({"pathInfo": "/v1/chat/completions"}, "op = 'chat'"),
            ({"afterId": rows()[10].job}, f"job > {rows()[10].job}"),
            ({"ids": f"{rows()[1].job},{rows()[2].job}"}, f"job IN ({rows()[1].job}, {rows()[2].job})"),
        ):
            assert (await desk.get("RequestLogs", **query))["total"] == sql(
                folder, f"SELECT count(*) FROM requests WHERE {test}"
            )[0][0]
        page = await desk.get(
            "AdminQueryRequestLogs", month="2026-04-01", **{"statusCode>": 200}, orderBy="-requestDuration", take=2
        )
        wanted = sql(folder, "SELECT job FROM requests WHERE month = '2026-04' ORDER BY total_ms DESC LIMIT 2")
        assert [(one["id"],) for one in page["results"]] == wanted
        assert (await desk.get("AdminQueryRequestLogs", ipAddressStartsWith="10.0.0.1"))["total"] == 9
        assert (await desk.ask("RequestLogs", by=desk.house.secret, method="GET"))[0] == 403


async def test_the_archives_table_can_be_looked_at_and_not_be_written(nats: Link, folder: Path) -> None:
    async with open_desk(nats, folder, team=False) as desk:
        told = await desk.get(
            "AdminDatabase",
            db="2026-03",
            table="requests",
            fields="job,op",
            take=3,
            orderBy="job",
            include="total,columns",
        )
        assert (told["total"], [set(one) for one in told["results"]]) == (30, [{"job", "op"}] * 3)
        assert [one["name"] for one in told["columns"]] == ["job", "op"]
        for wrong in ({"table": "secrets"}, {"fields": "job; DROP TABLE requests"}, {"orderBy": "(SELECT 1)"}):
            assert (await desk.ask("AdminDatabase", method="GET", **wrong))[0] == 400
        labels = {one["label"]: one["total"] for one in (await desk.get("AdminData"))["pageStats"]}
        assert labels["JobSummary"] == len(rows())
        assert labels["ApiKey"] == 3


async def test_a_server_without_an_archive_says_so(nats: Link) -> None:
    async with open_desk(nats, None, team=False) as desk:
        status, answer = await desk.ask("GetSummaryStats", method="GET")
        assert (status, answer["responseStatus"]["errorCode"]) == (503, "ServiceUnavailable")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (CHROME, ("Chrome", "Windows", "")),
        (EDGE, ("Edge", "Windows", "")),
        (IPHONE, ("Safari", "iPhone", "")),
        ("OpenAI/Python 2.1", ("OpenAI", "None", "")),
        (AGENTS[4], ("", "None", "Googlebot")),
        ("", ("None", "", "")),
        ("\x00\xff" * 50, ("None", "None", "")),
    ],
)
def test_a_user_agent_is_told_in_a_word(said: str, told: tuple[str, str, str]) -> None:
    assert client_of(said) == told
