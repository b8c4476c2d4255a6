"""POST /admin/sql: whose rows, which format, what is told of a mistake; and `ai-server sql`, which needs no server."""

import asyncio
import csv
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from gateway_house import House, open_house, until
from sql_kit import SECRET, rows, write
from up_house import ROOT, clean_env

from bus.config import new_key
from bus.connection import Link, open_bus
from ops.past import Archived
from schemas.log import RequestLog, encode_logs
from storage.tables import TABLES

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


async def test_rows_come_by_right_hot_ones_too(nats: Link, tmp_path: Path) -> None:
    async with open_desk(nats, tmp_path / "archive") as desk:
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


async def test_who_has_no_scope_for_it_and_what_is_wrong_are_told_so(nats: Link, tmp_path: Path) -> None:
    async with open_desk(nats, tmp_path / "archive") as desk:
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


async def test_csv_and_parquet_are_downloads_and_leave_nothing_behind(nats: Link, tmp_path: Path) -> None:
    async with open_desk(nats, tmp_path / "archive") as desk:
        heads, body = await desk.file("SELECT job, tag FROM requests ORDER BY job", "csv", "analyst")
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


async def test_a_query_is_cancelled_by_its_id_and_when_the_caller_hangs_up(nats: Link, tmp_path: Path) -> None:
    async with open_desk(nats, tmp_path / "archive") as desk:
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


def test_a_gateway_starts_without_duckdb_and_sqlglot() -> None:
    code = (
        "import sys, gateway.app, ops.run, ops.past, gateway.routes.sql\n"
        "print([name for name in ('duckdb', 'sqlglot') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == "[]\n"


# ---- the command ----------------------------------------------------------------------------------------------------


def sql(data: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "sql", *words, "--data", str(data)], cwd=ROOT, env=clean_env(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write(folder / "archive", rows())
    return folder


def test_the_command_reads_what_was_written_when_no_server_runs(data: Path, tmp_path: Path) -> None:
    done = sql(data, "SELECT count(*) AS n FROM requests", "--month", "2026-11", "--format", "csv")
    assert done.stdout.split() == [b"n", b"30"]
    assert b"no AI Server runs" in done.stderr
    done = sql(data, "SELECT job FROM requests", "--format", "parquet")
    (tmp_path / "out.parquet").write_bytes(done.stdout)
    with duckdb.connect() as con:
        assert con.execute(f"SELECT count(*) FROM '{tmp_path}/out.parquet'").fetchall() == [(60,)]


def test_the_command_says_what_was_meant(data: Path) -> None:
    done = sql(data, "SELECT tokns_in FROM requests", check=False)
    assert done.returncode == 1
    assert b'"tokens_in"' in done.stderr
    assert b"(line 1, column 8)" in done.stderr


def test_ctrl_c_ends_the_command_at_once(data: Path) -> None:
    import signal

    words = [sys.executable, "-m", "ops.cli", "sql", ENDLESS, "--data", str(data)]
    with subprocess.Popen(words, cwd=ROOT, env=clean_env(), stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"no AI Server" in process.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
