"""The log of requests and the reports over HTTP: pages that neither skip nor repeat, and nobody sees what is another's."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from archive_kit import NOVEMBER, row
from gateway_house import House, open_house, until
from report_kit import drawn, fill

from bus.config import new_key
from bus.connection import Link, open_bus
from ops.past import Archived
from schemas.log import FileLog, RequestLog, encode_logs
from schemas.problem import Problem
from storage import request_log
from storage.archive import Archive
from storage.sql import Sql

COUNT = 400


class Reader:
    """Asks as one key."""

    def __init__(self, house: House, secret: str) -> None:
        self.house, self.secret = house, secret

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        status, _, answer = await self.house.get(f"/admin{path}", self.secret, params=query)
        return status, answer

    async def want(self, path: str, **query: str) -> Any:
        status, answer = await self.get(path, **query)
        assert status == 200, answer
        return answer

    async def text(self, path: str, **query: str) -> tuple[Any, str]:
        headers = {"X-Api-Key": self.secret}
        async with self.house.http.get(f"{self.house.url}/admin{path}", headers=headers, params=query) as reply:
            return reply.headers, await reply.text()

    async def jobs(self, **query: str) -> list[int]:
        """All pages, one after the other."""
        found: list[int] = []
        while True:
            page = await self.want("/requests", **query)
            found += [one["job"] for one in page["data"]]
            if page["next"] is None:
                return found
            query["after"] = page["next"]


class Desk:
    def __init__(self, house: House, root: Path, rows: list[RequestLog], readers: dict[str, Reader]) -> None:
        self.house, self.root, self.rows, self.readers = house, root, rows, readers
        self.boss = readers["boss"]

    def job_ids(self, fits: Any = lambda one: True) -> list[int]:
        """As the log should have them."""
        return [one.job for one in sorted(self.rows, key=lambda one: (-one.created, -one.job)) if fits(one)]


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RequestLog]]:
    """Rows of two months; each fifth is of another tenant, and some are of one and the same instant."""
    root = tmp_path_factory.mktemp("log") / "archive"
    rows = [
        msgspec.structs.replace(one, created=NOVEMBER - 50.0) if 300 < one.job <= 330 else one for one in drawn(COUNT)
    ]
    fill(root, rows)
    writer = Archive(root)
    writer.open()
    seq = writer.mark.seq + 1
    made = FileLog(
        id="f1", time=NOVEMBER, tenant="default", key="k1", event="stored", file=7, purpose="artifact", name="a.png",
        content_type="image/png", size=5, job=COUNT - 1,
    )  # fmt: skip
    writer.append([(seq, made)], seq, "f")
    writer.close()
    return root, rows


@pytest.fixture
async def desk(nats: Link, archived: tuple[Path, list[RequestLog]]) -> AsyncIterator[Desk]:
    root, rows = archived
    async with (
        open_bus(nats, "past") as bus,
        aclosing(Archived(bus, root)) as past,
        open_house(nats, agent=False, past=past) as house,
    ):
        readers = {}
        for name, scopes, tenant in (
            ("boss", ("admin",), "default"), ("chief", ("admin",), "other"), ("analyst", ("analytics",), "default"),
            ("app", (), "default"),
        ):  # fmt: skip
            secret, key = new_key(name, scopes, tenant)
            await house.config.put_key(key)
            readers[name] = Reader(house, secret)
        yield Desk(house, root, rows, readers)


async def test_pages_go_through_all_rows_once_the_newest_first(desk: Desk) -> None:
    assert await desk.boss.jobs(limit="7", month="2026-10") == desk.job_ids(lambda one: _month(one) == "2026-10")
    assert await desk.boss.jobs(limit="150") == desk.job_ids()
    first = await desk.boss.want("/requests", limit="1")
    assert first["data"][0]["created"] == pytest.approx(max(one.created for one in desk.rows), abs=1e-5)
    assert not {"request", "response", "trail"} & first["data"][0].keys()


async def test_a_page_goes_on_where_it_was_while_new_rows_come(desk: Desk) -> None:
    page = await desk.boss.want("/requests", limit="150")
    new = row(9_000_001, NOVEMBER + 1, op="chat", ref="brand-new")
    await desk.house.bus.keep("log.default.chat", encode_logs([new]), msg_id="job.9000001")
    found = await until(lambda: desk.boss.jobs(q="brand-new"))
    assert found == [9_000_001]
    rest = await desk.boss.jobs(limit="150", after=page["next"])
    assert [one["job"] for one in page["data"]] + rest == desk.job_ids()


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({"key": "k2"}, lambda one: one.key == "k2"),
        ({"model": "o'x"}, lambda one: one.model == "o'x"),
        ({"model": "gpt-5-mini"}, lambda one: one.served == "gpt-5-mini"),
        ({"provider": "p1", "op": "chat"}, lambda one: (one.provider, one.op) == ("p1", "chat")),
        ({"outcome": "cancelled"}, lambda one: one.outcome == "cancelled"),
        ({"error": "timeout", "client": "10.0.0.1"}, lambda one: (one.error, one.client) == ("timeout", "10.0.0.1")),
        ({"from": "2026-11-05", "to": "2026-11-10"}, lambda one: "2026-11-05" <= _day(one) <= "2026-11-10"),
        ({"q": "TIMEOUT said"}, lambda one: one.error == "timeout"),
        ({"q": "ref-39"}, lambda one: "ref-39" in one.ref),
        ({"q": "NIGHT"}, lambda one: one.tag == "nightly"),
        ({"q": "33"}, lambda one: one.job == 33 or "33" in f"{one.ref} {one.message}"),
        ({"q": "100%"}, lambda one: False),
        ({"q": "' OR 1=1 --"}, lambda one: False),
        ({"key": "x') OR ('1'='1"}, lambda one: False),
    ],
)  # fmt: skip
async def test_filters(archived: tuple[Path, list[RequestLog]], query: dict[str, str], fits: Any) -> None:
    root, rows = archived
    page = request_log.page({**query, "limit": "500"}, now=datetime(2026, 11, 18, 12))
    wanted = [one.job for one in sorted(rows, key=lambda one: (-one.created, -one.job)) if fits(one)]
    assert [line[0] for line in Sql(root).query(page.sql).rows] == wanted


async def test_a_search_looks_through_some_rows_at_a_time_and_finds_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.request_log.REACH", 60)
    query, pages, found = {"q": "timeout said", "limit": "5"}, [], []
    while True:
        page = await desk.boss.want("/requests", **query)
        pages.append(page)
        found += [one["job"] for one in page["data"]]
        assert all(one["created"] >= (page["looked_back_to"] or 0) for one in page["data"])
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert found == desk.job_ids(lambda one: one.error == "timeout")
    assert 3 < len([page for page in pages if page["looked_back_to"]]) < 12
    nothing = await desk.boss.want("/requests", q="wombat")
    assert (nothing["data"], nothing["looked_back_to"] % 86400) == ([], 0)
    assert nothing["next"]


async def test_all_that_is_known_of_a_request(desk: Desk) -> None:
    found = await desk.boss.want(f"/requests/{COUNT - 1}")
    asked = desk.rows[COUNT - 2]
    assert (found["request"]["job"], found["request"]["ref"]) == (COUNT - 1, asked.ref)
    assert {"trail", "response", "user_agent"} <= found["request"].keys()
    assert [(one["provider"], one["n"], one["last"]) for one in found["attempts"]] == [("p1", 1, True)]
    assert [(one["file"], one["event"]) for one in found["files"]] == [(7, "stored")]
    assert (found["runs"], found["callbacks"]) == ([], [])
    for unknown in ("123456789", "0"):
        status, answer = await desk.boss.get(f"/requests/{unknown}")
        assert (status, answer["error"]["code"]) == (404, "not_found")


async def test_the_export_is_the_log_as_a_table(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.routes.reports.PIECE", 90)
    headers, text = await desk.boss.text("/requests", format="csv", op="chat")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert headers["content-type"].startswith("text/csv")
    assert "requests.csv" in headers["content-disposition"]
    assert [int(line["job"]) for line in lines] == desk.job_ids(lambda one: one.op == "chat")
    assert datetime.fromisoformat(lines[0]["created"]).tzinfo == UTC
    monkeypatch.setattr("storage.request_log.LONGEST_EXPORT", 100)
    assert len((await desk.boss.text("/requests", format="csv"))[1].splitlines()) == 101


async def test_each_sees_what_is_theirs(desk: Desk) -> None:
    chief = await desk.readers["chief"].jobs(limit="500")
    assert chief == desk.job_ids(lambda one: one.tenant == "other")
    assert await desk.readers["chief"].jobs(limit="500", q="nightly") == desk.job_ids(
        lambda one: one.tenant == "other" and one.tag == "nightly"
    )
    assert await desk.readers["analyst"].jobs() == []
    usage = await desk.readers["chief"].want("/reports/usage", by="tenant")
    assert [line[0] for line in usage["rows"]] == ["other"]
    assert (await desk.readers["analyst"].want("/reports/usage"))["rows"] == []
    assert (await desk.readers["chief"].get(f"/requests/{COUNT - 1}"))[0] == 404
    for path in ("/reports", "/reports/usage", "/requests", "/requests/5"):
        status, answer = await desk.readers["app"].get(path)
        assert (status, answer["error"]["code"]) == (403, "forbidden")


async def test_an_analytics_key_sees_its_own_rows(nats: Link, tmp_path: Path) -> None:
    secret, key = new_key("analyst", ("analytics",))
    fill(tmp_path / "a", [row(n, NOVEMBER + n, key=key.id if n % 2 else "another") for n in range(1, 9)])
    async with (
        open_bus(nats, "past") as bus,
        aclosing(Archived(bus, tmp_path / "a")) as past,
        open_house(nats, agent=False, past=past) as house,
    ):
        await house.config.put_key(key)
        reader = Reader(house, secret)
        assert await reader.jobs(limit="3") == [7, 5, 3, 1]
        usage = await reader.want("/reports/usage", by="key")
        assert usage["columns"][:4] == ["key", "key_name", "key_user", "requests"]
        assert usage["rows"][0][:4] == [key.id, "analyst", None, 4]
        idle = await reader.want("/reports/idle", days="1")
        assert {line[0] for line in idle["rows"]} <= {key.id}
        assert (await reader.get("/requests/2"))[0] == 404


async def test_a_report_answers_with_its_sql_and_as_a_table(desk: Desk) -> None:
    listed = await desk.boss.want("/reports")
    assert {"usage", "latency", "errors", "idle"} <= {one["name"] for one in listed["data"]}
    found = await desk.boss.want("/reports/usage", by="hour", to="2026-11-10T10:30:00Z", limit="3")
    assert found["columns"][0] == "hour"
    assert found["parameters"] == {"by": ["hour"], "to": 1794306600.0, "limit": 3}
    assert found["rows"][0][0] % 3600 == 0
    assert ["whole hours" in found["warnings"][0], "3 rows" in found["warnings"][1]] == [True, True]
    assert found["elapsed_ms"] > 0
    again = Sql(desk.root).query(found["sql"]).rows
    assert [line[1] for line in again] == [line[1] for line in found["rows"]]
    headers, text = await desk.boss.text("/reports/usage", by="key", format="csv")
    assert headers["content-type"].startswith("text/csv")
    assert text.splitlines()[0].startswith("key,key_name,key_user,requests")
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "501"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"after": "abc"}, "after"),
        ({"after": "é"}, "after"),
        ({"after": "W10"}, "after"),
        ({"after": "Wzk5OTk5OTk5OTk5OTk5OTk5OTksMSwwXQ"}, "after"),
        ({"colour": "red"}, "colour"),
        ({"from": "soon"}, "from"),
        ({"q": "x" * 201}, "q"),
    ],
)
def test_a_wrong_word_is_refused_by_name(query: dict[str, str], param: str) -> None:
    with pytest.raises(Problem) as caught:
        request_log.page(query)
    assert caught.value.fault.param == param


async def test_refusals_over_http_name_the_word(desk: Desk) -> None:
    for path, query, param in (
        ("/reports/usage", {"by": "nonsense"}, "by"),
        ("/reports/usage", {"format": "xml"}, "format"),
        ("/requests", {"after": "abc"}, "after"),
        ("/requests", {"format": "csv", "from": "soon"}, "from"),
    ):
        status, answer = await desk.boss.get(path, **query)
        assert (status, answer["error"]["param"]) == (400, param)
    assert (await desk.boss.get("/reports/wombat"))[0] == 404


def _month(one: RequestLog) -> str:
    return _day(one)[:7]


def _day(one: RequestLog) -> str:
    return datetime.fromtimestamp(one.created, UTC).strftime("%Y-%m-%d")
