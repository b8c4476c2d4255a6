"""POST /admin/sql: whose rows, which format, what is told of a mistake; and whom it may not hold up."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
import pytest_asyncio
from gateway_house import House, open_house, until
from sql_kit import SECRET, rows, write

from bus.config import new_key
from bus.connection import Link, open_bus
from ops.embedded import EmbeddedNats
from ops.past import Archived
from schemas.log import RequestLog, encode_logs
from storage.tables import TABLES

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b"


class Desk:
    """A house whose archive holds sixty rows; `boss`, `analyst` (with rows) and `acme` are keys."""

    def __init__(self, house: House, past: Archived, secrets: dict[str, str], analyst: str) -> None:
        self.house, self.past, self.secrets, self.analyst = house, past, secrets, analyst

    async def ask(self, sql: str, by: str = "boss", **more: Any) -> tuple[int, Any]:
        status, _, told = await self.house.get("/admin/sql", self.secrets[by], "POST", json={"sql": sql, **more})
        return status, told

    async def file(self, sql: str, kind: str, by: str = "boss", **more: Any) -> tuple[dict[str, str], bytes]:
        body = {"sql": sql, "format": kind, **more}
        heads = {"X-Api-Key": self.secrets[by]}
        async with self.house.http.post(f"{self.house.url}/admin/sql", json=body, headers=heads) as reply:
            assert reply.status == 200, await reply.text()
            return {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


@asynccontextmanager
async def open_desk(link: Link, folder: Path) -> AsyncIterator[Desk]:
    made = {
        "boss": new_key("boss", ("admin",)),
        "analyst": new_key("analyst", ("analytics",)),
        "acme": new_key("acme", ("admin",), tenant="acme"),
    }
    analyst = made["analyst"][1].id
    given = [(seq, _lent(one, analyst)) for seq, one in rows() if isinstance(one, RequestLog)]
    await asyncio.to_thread(write, folder, given)
    async with open_bus(link, "past") as bus:
        past = Archived(bus, folder)
        try:
            async with open_house(link, agent=False, past=past) as house:
                for _, key in made.values():
                    await house.config.put_key(key)
                yield Desk(
                    house, past, {name: secret for name, (secret, _) in made.items()} | {"app": house.secret}, analyst
                )
        finally:
            await past.aclose()


def _lent(row: RequestLog, key: str) -> RequestLog:
    """What is nobody's secret in the kit belongs to the analyst here."""
    import msgspec

    return row if SECRET in row.tag else msgspec.structs.replace(row, key=key)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One for all tests of this file."""
    folder = tmp_path_factory.mktemp("desk")
    async with (
        EmbeddedNats(folder / "nats", durability="process") as server,
        open_desk(server.link, folder / "archive") as opened,
    ):
        yield opened


async def test_rows_come_by_right_hot_ones_too(desk: Desk) -> None:
    status, told = await desk.ask("SELECT count(*) AS n, sum(job) AS s FROM requests")
    assert status == 200
    assert told["columns"] == [{"name": "n", "type": "BIGINT"}, {"name": "s", "type": "HUGEINT"}]
    assert (told["rows"], told["row_count"], told["cut"], told["warnings"]) == ([[60, 1830]], 1, False, [])
    assert told["elapsed_ms"] >= 0
    assert told["id"]
    assert (await desk.ask("SELECT DISTINCT tenant FROM requests", "acme"))[1]["rows"] == [["acme"]]
    assert (await desk.ask("SELECT key, count(*) FROM requests GROUP BY 1", "analyst"))[1]["rows"] == [
        [desk.analyst, 20]
    ]
    assert (await desk.ask("SELECT count(*) FROM requests", month="2026-11"))[1]["rows"] == [[30]]
    cut = (await desk.ask("SELECT job FROM requests ORDER BY 1", limit=3))[1]
    assert (cut["rows"], cut["cut"]) == ([[1], [2], [3]], True)

    mark = await desk.past.ask("SELECT max(job) FROM requests")
    assert mark[0].rows == [(60,)]
    late = [_lent(one, desk.analyst) for _, one in rows(61, 3) if isinstance(one, RequestLog)]
    await desk.house.bus.keep("log.default.chat", encode_logs(late), msg_id="late")
    assert (await desk.ask("SELECT max(job) FROM requests"))[1]["rows"] == [[63]]
    assert (await desk.ask("SELECT count(*) FROM jobs", "analyst"))[0] == 200
    assert await desk.past.months() == ["2026-11", "2026-10"]


async def test_who_has_no_scope_for_it_and_what_is_wrong_are_told_so(desk: Desk, tmp_path: Path) -> None:
    for wish, status, word in (
        ({"sql": "SELECT tokns_in FROM requests"}, 400, "tokens_in"),
        ({"sql": "SELECT job\nFROM requests\nWHERE nix = 1"}, 400, "(line 3, column 7)"),
        ({"sql": "SELEC 1"}, 400, "(line 1, column 1)"),
        ({"sql": "FROM requets"}, 400, "did you mean `requests`"),
        ({"sql": f"FROM read_text('{tmp_path}/archive/state.json')"}, 400, "not allowed"),
        ({"sql": "COPY requests TO 'x'"}, 400, "Only one reading statement"),
        ({"sql": "SELECT CAST(tag || 'x' AS INTEGER) FROM requests"}, 400, "Could not convert"),
        ({"sql": ENDLESS, "seconds": 0.2}, 400, "too long"),
        ({"sql": " "}, 400, "empty"),
        ({}, 400, "sql"),
        ({"sql": "SELECT 1", "limit": 100_001}, 400, "limit"),
        ({"sql": "SELECT 1", "seconds": 301}, 400, "seconds"),
        ({"sql": "SELECT 1", "format": "xlsx"}, 400, "format"),
        ({"sql": "SELECT 1", "month": "November"}, 400, "2026-11"),
        ({"sql": "SELECT 1", "id": "a b"}, 400, "id"),
        ({"sql": "EXPLAIN SELECT 1", "format": "csv"}, 400, "SELECT"),
        ({"sql": "SELECT 1", "timeout": 5}, 400, "timeout"),
    ):
        found, told = await desk.ask(wish.pop("sql", None), **wish) if "sql" in wish else await _bare(desk, wish)  # type: ignore[arg-type]
        assert (found, word in told["error"]["message"]) == (status, True), told
        assert str(tmp_path) not in str(told).replace(f"'{tmp_path}", "")
    for path, method in (("/admin/sql", "POST"), ("/admin/sql/schema", "GET"), ("/admin/sql/x", "DELETE")):
        status, _, _ = await desk.house.get(path, desk.secrets["app"], method, json={"sql": "SELECT 1"})
        assert status == 403, path
        status, _, _ = await desk.house.get(path, "ais-nobody", method, json={"sql": "SELECT 1"})
        assert status == 401, path
    status, _, told = await desk.house.get("/admin/sql/schema", desk.secrets["analyst"])
    assert [one["name"] for one in told["tables"]] == list(TABLES)
    assert told["tables"][0]["columns"][0] == {
        "name": "job",
        "type": "BIGINT",
        "about": TABLES["requests"].columns[0].about,
    }


async def _bare(desk: Desk, wish: dict[str, Any]) -> tuple[int, Any]:
    status, _, told = await desk.house.get("/admin/sql", desk.secrets["boss"], "POST", json=wish)
    return status, told


async def test_csv_and_parquet_are_downloads_and_leave_nothing_behind(desk: Desk, tmp_path: Path) -> None:
    heads, body = await desk.file("SELECT job, tag FROM requests WHERE job <= 60 ORDER BY job", "csv", "analyst")
    assert heads["content-disposition"] == 'attachment; filename="query.csv"'
    assert (heads["content-type"], heads["x-row-count"]) == ("text/csv; charset=utf-8", "20")
    found = list(csv.reader(io.StringIO(body.decode())))
    assert (found[0], len(found)) == (["job", "tag"], 21)
    heads, body = await desk.file("FROM requests", "parquet", limit=7)
    assert heads["x-row-count"] == "7"
    target = tmp_path / "got.parquet"
    await asyncio.to_thread(target.write_bytes, body)
    with duckdb.connect() as con:
        assert con.execute(f"SELECT count(*), max(month) FROM '{target}'").fetchall()[0][0] == 7
    ((reader, _),) = desk.past.readers._free
    left = [path.name for path in reader.folder.iterdir() if path.suffix in (".csv", ".parquet")]
    assert left == []


async def test_a_query_is_cancelled_by_its_id_and_when_the_caller_hangs_up(desk: Desk) -> None:
    readers = desk.past.readers
    asking = asyncio.create_task(desk.ask(ENDLESS, id="mine"))
    await until(lambda: readers._busy)
    status, told = await desk.ask("SELECT 1", id="mine")
    assert (status, told["error"]["code"]) == (409, "conflict")
    status, _, _ = await desk.house.get("/admin/sql/mine", desk.secrets["analyst"], "DELETE")
    assert status == 404, "it is another's"
    status, _, told = await desk.house.get("/admin/sql/mine", desk.secrets["boss"], "DELETE")
    assert (status, told) == (200, {"id": "mine", "cancelled": True})
    status, told = await asking
    assert (status, told["error"]["code"]) == (499, "cancelled")
    await until(lambda: not readers._busy)

    leaving = asyncio.create_task(desk.ask(ENDLESS, id="mine"))
    await until(lambda: readers._busy)
    leaving.cancel()
    await until(lambda: not readers._busy)
    assert (await desk.ask("SELECT 1", id="mine"))[1]["rows"] == [[1]]
    status, _, _ = await desk.house.get("/admin/sql/mine", desk.secrets["boss"], "DELETE")
    assert status == 404


async def test_downloads_that_nobody_fetches_don_t_pile_up_on_the_disk(desk: Desk) -> None:
    body = {"sql": "SELECT repeat('x', 1000) FROM range(20000)", "format": "csv"}
    heads = {"X-Api-Key": desk.secrets["boss"]}
    slow = [await desk.house.http.post(f"{desk.house.url}/admin/sql", json=body, headers=heads) for _ in range(2)]
    status, told = await desk.ask("SELECT 1", format="csv")
    assert (status, "being fetched" in told["error"]["message"]) == (503, True)
    assert (await desk.ask("SELECT 1"))[0] == 200
    slow[0].close()
    assert len(await slow[1].read()) > 20_000_000

    async def free() -> bool:
        async with desk.house.http.post(f"{desk.house.url}/admin/sql", json=body, headers=heads) as reply:
            return reply.status == 200

    await until(free)


async def test_the_longest_questions_of_a_stranger_hold_up_nobody_else(desk: Desk) -> None:
    def each(seconds: float) -> list[Any]:
        return [asyncio.create_task(desk.ask(ENDLESS, "analyst", seconds=seconds)) for _ in range(2)]

    asking = [*each(300), *each(30)]
    readers = desk.past.readers
    await until(lambda: len(readers._busy) == 2 and readers.turns.waiting == 2)
    status, _, page = await desk.house.get("/admin/requests?limit=1", desk.secrets["boss"])
    assert (status, len(page["data"])) == (200, 1)
    for one in asking:
        one.cancel()
    await until(lambda: not readers._busy)
