"""`ai-server sql`, which needs no server; and which process loads DuckDB."""

import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sql_kit import rows, write
from up_house import ROOT, clean_env

from ops import report
from schemas.problem import Problem
from storage.sql import Result, Sql, write_csv

DEAF = "SELECT sum(levenshtein(repeat('a', 200000) || range, repeat('b', 200000))) FROM range(9)"
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b"


def test_a_gateway_starts_without_duckdb_and_sqlglot() -> None:
    code = (
        "import sys, gateway.app, ops.run, ops.past, gateway.routes.sql\n"
        "print([name for name in ('duckdb', 'sqlglot') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == "[]\n"


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


@pytest.mark.parametrize("query", [ENDLESS, DEAF], ids=["endless", "deaf"])
def test_ctrl_c_ends_the_command_be_duckdb_deaf_or_not(data: Path, tmp_path: Path, query: str) -> None:
    code = "import ops.report as r; r.GRACE = 0.2; from ops.cli import main; main()"
    words = [sys.executable, "-c", code, "sql", query, "--data", str(data)]
    env = clean_env(TMPDIR=str(tmp_path))
    with subprocess.Popen(words, cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"no AI Server" in process.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.8)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
    assert list(tmp_path.iterdir()) == []


def test_csv_on_stdout_is_what_a_file_has(data: Path, tmp_path: Path) -> None:
    query = (
        "SELECT true, [1, NULL], {'a': DATE '2026-01-01'}, '\\xff'::BLOB, INTERVAL '1 year 2 hours', 1.10, 0.5, created, "
        "NULL, 'a,b'"
    )
    engine, out = Sql(data / "archive"), io.StringIO()
    write_csv(engine.query(f"{query} FROM requests LIMIT 1", texts=True), out)
    engine.save(f"{query} FROM requests LIMIT 1", tmp_path / "x.csv", "csv")
    assert out.getvalue() == (tmp_path / "x.csv").read_text()


def test_what_a_stranger_wrote_is_no_markup_and_drives_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report.tell(Result(["[red]a"], ["VARCHAR"], [("[/b] \x1b[31m \x9b1m",)]), report.Wish("q"))
    told = capsys.readouterr().out
    assert "[red]a" in told
    assert "[/b]" in told
    assert not {"\x1b", "\x9b"} & set(told)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"month": "2026-13"}, "2026-11"),
        ({"limit": 0}, "--limit"),
        ({"seconds": 0}, "--seconds"),
        ({"output": Path("/")}, "--output /"),
        ({"output": Path("/nowhere/x.csv")}, "no folder"),
    ],
)
def test_a_wish_that_can_t_be_is_told(more: dict[str, Any], word: str) -> None:
    with pytest.raises(Problem, match=word):
        report._check(report.Wish("SELECT 1", **more))
