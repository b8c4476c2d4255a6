"""SQL from strangers: a table of escapes, each refused with a sentence, nothing read, nothing written; and what wants all
there is of time, memory or disk."""

import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import duckdb
import pytest
from sql_escapes import ESCAPES
from sql_kit import Asker, asker, rows, write

from schemas.problem import Code, Problem
from storage import functions, guard, reader
from storage.frames import Question
from storage.guard import check
from storage.tables import TABLES

CANARY = "canary-in-a-file"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write(folder / "archive", rows())
    (folder / "secret.csv").write_text(f"a,b\n{CANARY},1\n")
    return folder


@pytest.fixture(scope="module")
def ask(place: Path) -> Iterator[Asker]:
    with asker(place / "archive", place / "own", "128MB") as found:
        yield found


def look(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file but the engine's own, with its size and time."""
    files = [path for path in folder.rglob("*") if path.is_file() and "own" not in path.relative_to(folder).parts]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("escape", ESCAPES)
def test_an_escape_is_refused_with_a_sentence_and_nothing_is_read_or_written(
    ask: Asker, place: Path, escape: str
) -> None:
    part = next(place.glob("archive/requests/month=2026-11/*.parquet"))
    words = {"{out}": place / "out", "{csv}": place / "secret.csv", "{part}": part, "{place}": place}
    for word, path in words.items():
        escape = escape.replace(word, str(path))
    before = look(place)
    with pytest.raises(Problem) as caught:
        ask.json(escape)
    assert caught.value.code == Code.INVALID_REQUEST
    assert len(str(caught.value)) > 10
    assert CANARY not in str(caught.value)
    assert look(place) == before


def test_after_all_of_them_the_archive_is_as_it_was(ask: Asker) -> None:
    assert ask.rows("SELECT count(*) FROM requests") == [[60]]


def test_the_second_wall_stands_alone(place: Path) -> None:
    """What sqlglot let pass, DuckDB's own tree stops: each escape again with the first wall away."""
    passed = []
    with duckdb.connect() as con:
        for escape in ESCAPES:
            with suppress(Problem, duckdb.Error):
                check(con, escape, TABLES, trusted=True)
                passed.append(escape)
    assert passed == []


def test_the_first_wall_stands_alone_but_for_what_only_the_second_can_see(place: Path) -> None:
    """Functions that sqlglot knows by another name, and which CTE is in sight where."""
    seen = []
    with duckdb.connect() as con, patch.object(guard, "_by_tree", lambda *_: frozenset()):
        for escape in ESCAPES:
            with suppress(Problem, duckdb.Error):
                check(con, escape, TABLES)
                seen.append(escape)
    assert seen == [
        "FROM (WITH x AS (SELECT 1) FROM x), x",
        "WITH x AS (FROM x) FROM x",
        "WITH RECURSIVE x AS (FROM x UNION ALL FROM x) FROM x",
        "SELECT * FROM requests AT (VERSION => 1)",
        "SELECT ?",
        "SELECT $x",
    ]


@pytest.mark.parametrize(
    ("greedy", "why"),
    [
        ("WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT count(*) FROM a", "too long"),
        ("SELECT count(*) FROM generate_series(1, 1000000000000)", "too long"),
        ("SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c", "too long"),
        ("SELECT list(a.range) FROM range(1000000000) a", "memory|too long|disk"),
        ("SELECT a.range, b.range FROM range(1000000) a, range(1000000) b ORDER BY hash(a.range)", "memory|too long|disk"),
    ],
)  # fmt: skip
def test_what_never_ends_or_wants_everything_is_stopped_and_the_next_question_is_answered(
    ask: Asker, greedy: str, why: str
) -> None:
    with pytest.raises(Problem, match=why) as caught:
        ask.json(greedy, seconds=0.4)
    assert caught.value.code == Code.INVALID_REQUEST
    assert ask.rows("SELECT 1") == [[1]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_would_fill_the_disk_is_refused_and_not_left_lying(
    ask: Asker, place: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    large, before = (
        "SELECT hash(range), md5(range::VARCHAR) FROM range(200000)",
        resource.getrlimit(resource.RLIMIT_FSIZE),
    )
    monkeypatch.setattr(reader, "SMALL", 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=8 << 20))
    try:
        reader._leave_room(place)
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 2 << 20
        with pytest.raises(Problem, match="too much room on the disk"):
            reader.answer(ask.warm, Question(id="q", sqls=[large], kind=kind, limit=0, target=f"x.{kind}"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((place / "own").glob(f"x.{kind}"))


@pytest.mark.parametrize(
    "deep",
    [
        "SELECT " + "(" * 2000 + "1" + ")" * 2000,
        "SELECT " + "+".join(["1"] * 5000),
        "SELECT " + "[" * 900 + "]" * 900,
        "SELECT * FROM " + "(SELECT * FROM " * 400 + "requests" + ")" * 400,
        "SELECT '" + "x" * 200_000 + "'",
    ],
)
def test_a_statement_too_deep_or_too_long_is_refused(ask: Asker, deep: str) -> None:
    with pytest.raises(Problem) as caught:
        ask.json(deep)
    assert caught.value.code == Code.INVALID_REQUEST


def test_every_function_of_duckdb_has_been_looked_at() -> None:
    """A newer DuckDB brings functions that nobody has read; they are refused until they are here or on the list."""
    refused = json.loads((Path(__file__).parent / "golden" / "sql_functions.json").read_text())
    with duckdb.connect() as con:
        found = {
            name.lower() for (name,) in con.execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
        }
    known = functions.SCALARS | functions.TABLES | set(refused)
    assert sorted(name for name in found if (name[0].isalpha() or name[0] == "_") and name not in known) == []
    assert functions.SCALARS & set(refused) == set()
