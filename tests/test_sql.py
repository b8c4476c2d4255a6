"""SQL over the archive: reads everything that is there, touches nothing that is not."""

import io
import json
import shutil
from pathlib import Path

import duckdb
import pytest
from archive_kit import NOVEMBER, OCTOBER, row

from schemas.problem import Code, Problem
from storage.archive import Archive
from storage.parts import Mark
from storage.sql import Hot, Sql, describe, write_csv, write_json
from storage.tables import REQUESTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months, one file each: jobs 1 and 2 in October, 3 and 4 in November. Who changes it takes `copy`."""
    folder = tmp_path_factory.mktemp("sql") / "archive"
    writer = Archive(folder)
    writer.open()
    writer.renew(0)
    writer.append([(1, row(1, OCTOBER)), (2, row(2, OCTOBER)), (3, row(3)), (4, row(4, model="o'x"))], 4, "t4")
    writer.close()
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "archive"))


def epoch(folder: Path) -> str:
    from storage.parts import read_mark

    return read_mark(folder).epoch


# ---- reading --------------------------------------------------------------------------------------------------------


def test_an_empty_archive_has_the_table_and_no_row(tmp_path: Path) -> None:
    found = Sql(tmp_path / "nowhere").query("SELECT * FROM requests")
    assert found.columns == [*(column.name for column in REQUESTS.columns), "month"]
    assert found.rows == []


def test_the_types_are_those_that_the_schema_tells(folder: Path) -> None:
    for engine in (Sql(folder), Sql(folder / "nowhere")):
        found = engine.query("DESCRIBE requests")
        told = {line[1]: line[2] for line in describe().rows if line[0] == "requests" and line[1]}
        assert {line[0]: line[1] for line in found.rows} == told


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM requests",
        "from requests",
        "WITH a AS (SELECT * FROM requests) SELECT max(job) FROM a",
        "VALUES (1)",
        "(SELECT 1);",
        "SELECT 1 -- the end",
        "/* first */ SELECT ';' ",
        "DESCRIBE requests",
        "SHOW TABLES",
        "SUMMARIZE requests",
        "EXPLAIN SELECT 1",
        "explain analyze select count(*) from requests",
        "SELECT 1 AS a, 2 AS a",
        "SELECT now(), [now()], current_time, {'a': now()}",
        "SELECT date_trunc('day', created), count(*) FROM requests GROUP BY ALL ORDER BY 1",
        "SELECT quantile_cont(total_ms, 0.99) FROM requests WHERE created > now() - INTERVAL 1 MONTH",
        "SELECT trail->>'$[0].queue' FROM requests",
    ],
)
def test_what_reads_is_allowed(folder: Path, statement: str) -> None:
    assert Sql(folder).query(statement).columns


def test_rows_come_in_the_order_asked_for_and_no_more_than_asked_for(folder: Path) -> None:
    found = Sql(folder).query("SELECT job FROM requests ORDER BY job DESC", limit=3)
    assert found.rows == [(4,), (3,), (2,)]
    assert found.cut
    assert not Sql(folder).query("SELECT job FROM requests", limit=4).cut


def test_a_result_with_one_name_twice_has_two_columns(folder: Path) -> None:
    found = Sql(folder).query("SELECT 1 AS a, 2 AS a")
    assert (found.columns, found.rows) == (["a", "a_1"], [(1, 2)])


def test_one_month_can_be_read_alone(folder: Path) -> None:
    hot = Hot(epoch(folder), [(5, row(5, OCTOBER)), (6, row(6))])
    assert Sql(folder, hot, month="2026-10").query("SELECT job FROM requests ORDER BY 1").rows == [(1,), (2,), (5,)]


def test_rows_on_the_bus_are_seen_once_with_those_in_files(folder: Path) -> None:
    late = [row(4), row(5), row(1, OCTOBER, again=True), row(5, again=True), row(6, again=True)]
    rows = list(enumerate(late, 4))
    found = Sql(folder, Hot(epoch(folder), rows)).query("SELECT job FROM requests ORDER BY 1")
    assert found.rows == [(1,), (2,), (3,), (4,), (5,), (6,)]
    another = Sql(folder, Hot(Mark().epoch, rows, check=True)).query("SELECT job FROM requests ORDER BY 1")
    assert another.rows == found.rows


def test_a_file_without_the_newest_columns_opens(copy: Path) -> None:
    old = copy / "requests" / "month=2025-01"
    old.mkdir()
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 9::BIGINT AS job, 'x' AS tenant, 7 AS seq) TO '{old}/hand-made.parquet'")
    found = Sql(copy).query("SELECT job, tenant, trail, created, month FROM requests WHERE job = 9")
    assert found.rows == [(9, "x", None, None, "2025-01")]


def test_plain_duckdb_reads_the_folder(folder: Path) -> None:
    with duckdb.connect() as con:
        files = f"{folder}/requests/*/*.parquet"
        found = con.execute(f"SELECT month, count(*) FROM read_parquet('{files}', hive_partitioning = true) GROUP BY 1")
        assert sorted(found.fetchall()) == [("2026-10", 2), ("2026-11", 2)]


# ---- writing out ----------------------------------------------------------------------------------------------------


def test_results_are_written_as_csv_and_json(folder: Path) -> None:
    found = Sql(folder).query("SELECT job, model, created, NULL AS n FROM requests WHERE job = 4")
    csv, text = io.StringIO(), io.StringIO()
    write_csv(found, csv)
    write_json(found, text)
    assert csv.getvalue().splitlines() == ["job,model,created,n", "4,o'x,2026-11-18 11:00:00.250000,"]
    assert json.loads(text.getvalue()) == [
        {"job": 4, "model": "o'x", "created": "2026-11-18T11:00:00.250000", "n": None}
    ]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_whole_result_is_saved(folder: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"it's {kind}.{kind}"
    assert Sql(folder).save("SELECT job FROM requests ORDER BY job -- all;", target, kind) == 4  # type: ignore[arg-type]
    with duckdb.connect() as con:
        found = con.execute("SELECT job FROM '" + str(target).replace("'", "''") + "'").fetchall()
    assert found == [(1,), (2,), (3,), (4,)]


# ---- the sandbox ----------------------------------------------------------------------------------------------------

ESCAPES = [
    "COPY requests TO '{out}'",
    "COPY (SELECT 1) TO '{file}'",
    "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "explain /* x */ analyze copy (select 1) to '{file}' (use_tmp_file false)",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "WITH a AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT 1",
    "WITH a AS MATERIALIZED (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT * FROM a",
    "EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT 1",
    "WITH a AS (DELETE FROM bus.hot RETURNING *) SELECT * FROM a",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{file}''')",
    "SELECT 1) TO '{out}'; --",
    "ATTACH '{out}' AS x",
    "ATTACH ':memory:' AS x",
    "USE memory",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs FROM 'http://127.0.0.1:9/'",
    "UPDATE EXTENSIONS",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('{state}')",
    "SELECT * FROM read_csv('{file}/../../../state.json')",
    "SELECT * FROM read_json('{state}')",
    "SELECT * FROM read_text('http://127.0.0.1:9/')",
    "SELECT * FROM read_parquet('{folder}/requests/*/*.parquet')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM a",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT * FROM sql",
    "SELECT * FROM paths",
    "SET threads = 8",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET ALL",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CALL enable_logging()",
    "SELECT * FROM enable_logging()",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "CREATE TABLE x (a INT)",
    "CREATE VIEW requests AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "DROP VIEW requests",
    "INSERT INTO bus.hot SELECT * FROM bus.hot",
    "UPDATE bus.hot SET job = 1",
    "DELETE FROM bus.hot",
    "TRUNCATE bus.hot",
    "ALTER VIEW requests RENAME TO x",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{folder}'",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "CREATE SECRET (TYPE s3)",
    "",
    "   -- nothing",
    "nonsense",
    "SELECT 1 /* without end",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_an_escape_is_refused_and_changes_nothing(folder: Path, tmp_path: Path, escape: str) -> None:
    file = next(folder.glob("requests/month=2026-11/*.parquet"))
    out = tmp_path / "out"
    before = file.read_bytes()
    text = escape.format(out=out, file=file, folder=folder, state=folder / "state.json")
    with pytest.raises(Problem) as caught:
        Sql(folder).query(text)
    assert caught.value.code == Code.INVALID_REQUEST
    with pytest.raises(Problem):
        Sql(folder).save(text, tmp_path / "saved", "csv")
    assert file.read_bytes() == before
    assert not out.exists()


def test_an_endless_query_is_stopped(folder: Path) -> None:
    endless = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT count(*) FROM a"
    with pytest.raises(Problem, match="took too long") as caught:
        Sql(folder).query(endless, seconds=0.3)
    assert caught.value.code == Code.INVALID_REQUEST


def test_a_query_that_wants_all_memory_is_stopped(folder: Path) -> None:
    greedy = "SELECT list(a.range) FROM range(100_000_000) a"
    with pytest.raises(Problem, match=r"memory|too long"):
        Sql(folder, memory="64MB").query(greedy, seconds=20)


def test_a_wrong_query_is_told_what_is_wrong(folder: Path) -> None:
    with pytest.raises(Problem, match="tenat"):
        Sql(folder).query("SELECT tenat FROM requests")


# ---- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cut off", "emptied", "overwritten", "no parquet"])
def test_a_damaged_file_is_named_and_the_rest_can_be_read(copy: Path, how: str) -> None:
    broken = next(copy.glob("requests/month=2026-10/*.parquet"))
    data = broken.read_bytes()
    damaged = {
        "cut off": data[: len(data) // 2],
        "emptied": b"",
        "overwritten": data[:4] + b"\0" * 300 + data[304:],
        "no parquet": b"nonsense" * 1000,
    }
    broken.write_bytes(damaged[how])

    with pytest.raises(Problem, match=broken.name) as caught:
        Sql(copy).query("SELECT * FROM requests")
    assert caught.value.code == Code.INTERNAL
    assert [line.split(":")[0] for line in Sql(copy).damaged()] == [str(broken)]

    found = Sql(copy, skip=[f"month=2026-10/{broken.name}"]).query("SELECT job FROM requests ORDER BY 1")
    assert found.rows == [(3,), (4,)]
    assert found.warnings == [f"left out: {broken}"]
    assert Sql(copy, month="2026-11").query("SELECT count(*) FROM requests").rows == [(2,)]


def test_a_statement_that_is_wrong_does_not_blame_a_file(folder: Path) -> None:
    with pytest.raises(Problem) as caught:
        Sql(folder).query("SELECT job::DATE FROM requests")
    assert caught.value.code == Code.INVALID_REQUEST


def test_the_schema_describes_every_column() -> None:
    found = describe()
    told = [line[1] for line in found.rows if line[0] == "requests"]
    assert told == ["", *(column.name for column in REQUESTS.columns), "month"]
    assert all(line[3] for line in found.rows)


def test_months_are_of_utc(folder: Path) -> None:
    from storage.tables import month_of

    assert (month_of(OCTOBER), month_of(NOVEMBER)) == ("2026-10", "2026-11")
