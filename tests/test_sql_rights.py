"""Whose rows one sees: nobody gets a row of somebody else's, nor a word out of one, by any trick."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sql_kit import MINE, OTHER, SECRET, THEIRS, Asker, asker, rows, write

from gateway.past import sight
from schemas.log import AuditLog, FileLog, RequestLog
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage import frames, reader
from storage.frames import Question, Waiting
from storage.parts import read_mark
from storage.rights import ALL, Whose
from storage.table import Column, Table
from storage.tables import TABLES
from storage.views import Hot

OWN, TENANT = Whose("default", MINE), Whose("default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty rows of each kind in files."""
    folder = tmp_path_factory.mktemp("rights") / "archive"
    write(folder, rows())
    return folder


@pytest.fixture(scope="module")
def ask(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    with asker(folder, tmp_path_factory.mktemp("own")) as found:
        yield found


@pytest.fixture(scope="module")
def waiting(folder: Path) -> Waiting:
    """And thirty that are still on the bus."""
    given = rows(61, 30)
    requests = [(seq, one) for seq, one in given if isinstance(one, RequestLog)]
    others = [(seq, one) for seq, one in given if isinstance(one, FileLog | AuditLog)]
    return frames.waiting(Hot(read_mark(folder).epoch, requests, others=others))


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_key_sees_its_own_rows_of_each_table_and_all_of_them(ask: Asker, waiting: Waiting, table: str) -> None:
    column = next(one.name for one in TABLES[table].columns if one.name in ("key", "actor"))
    every = ask.rows(f"SELECT {column}, tenant, count(*) FROM {table} GROUP BY ALL", ALL, waiting)
    assert {key for key, _, _ in every} == {MINE, THEIRS, OTHER}, "or the test shows nothing"
    own = ask.rows(f"SELECT {column}, tenant, count(*) FROM {table} GROUP BY ALL", OWN, waiting)
    assert own == [one for one in every if one[0] == MINE]
    tenant = ask.rows(f"SELECT {column}, tenant, count(*) FROM {table} GROUP BY ALL ORDER BY 1", TENANT, waiting)
    assert tenant == sorted(one for one in every if one[1] == "default")
    assert ask.rows(f"SELECT count(*) FROM {table}", Whose("default", "f" * 16), waiting) == [[0]]


def test_a_right_is_of_its_question_and_not_of_the_one_before(ask: Asker) -> None:
    counts = [
        ask.rows("SELECT count(*) FROM requests", whose)[0][0] for whose in (ALL, OWN, ALL, TENANT, OWN, Whose("acme"))
    ]
    assert counts == [60, 20, 60, 40, 20, 20]
    assert ask.rows("SELECT count(*) FROM requests", OWN, month="2026-11") == [[10]]
    assert ask.rows("SELECT count(*) FROM requests", ALL, month="2026-11") == [[30]]


def test_our_own_question_leaves_no_view_without_a_fence_for_a_stranger_s(ask: Asker) -> None:
    ours = Question(id="q", sqls=["SELECT count(*) FROM requests"], whose=OWN, trusted=True)
    found = reader.answer(ask.warm, ours)
    assert isinstance(found, frames.Rows)
    assert list(found.tables[0].rows[0]) == [20]
    ask.rows("SELECT count(*) FROM requests", OWN)
    ((view,),) = ask.warm._open().execute("SELECT sql FROM duckdb_views() WHERE view_name = 'requests'").fetchall()
    assert "LIMIT" in view.rpartition("WHERE")[2]


def test_a_table_that_does_not_say_whose_its_rows_are_shows_none() -> None:
    from storage import rights

    table = Table("t", "", (Column("a", "INTEGER", ""),))
    assert "false AND false" in rights.view(table, "SELECT 1 AS a, '' AS month", OWN)


TRICKS = [
    "SELECT * FROM requests WHERE key <> '{mine}' OR true",
    "SELECT * FROM requests UNION ALL SELECT * FROM requests",
    "SELECT (SELECT string_agg(tag) FROM requests), (SELECT max(user_agent) FROM requests)",
    "SELECT max(tag), min(model), arg_max(tag, job), any_value(client), mode(tag), list(tag), histogram(tag) FROM requests",
    "SELECT approx_top_k(tag, 100), approx_count_distinct(tag), count(*) FROM requests",
    "SELECT first(tag), last(tag), first(tag ORDER BY tokens_in DESC) FROM requests",
    "SELECT tag FROM requests ORDER BY tokens_in DESC LIMIT 10",
    "SELECT DISTINCT tag FROM requests",
    "SELECT tag FROM requests USING SAMPLE 1000 ROWS",
    "SELECT tag FROM requests TABLESAMPLE 100%",
    "SELECT tag FROM requests TABLESAMPLE SYSTEM (99%)",
    "SUMMARIZE requests",
    "SUMMARIZE SELECT tag, tokens_in FROM requests",
    "DESCRIBE requests",
    "SHOW TABLES",
    "SELECT * FROM requests r LEFT JOIN requests s ON s.key <> r.key",
    "SELECT r.job, s.tag FROM range(100) r(job) LEFT JOIN requests s ON r.job = s.job",
    "SELECT * FROM range(200) r(job) ASOF LEFT JOIN requests s ON r.job >= s.job",
    "SELECT * FROM requests POSITIONAL JOIN attempts",
    "SELECT lag(tag) OVER (ORDER BY job), lead(tag) OVER (ORDER BY job), max(tag) OVER () FROM requests",
    "WITH requests AS (SELECT * FROM main.requests) FROM requests",
    "SELECT * FROM requests WHERE error(tag) IS NULL",
    "SELECT * FROM requests WHERE tag::INTEGER >= 0",
    "SELECT * FROM requests WHERE CAST(user_agent || '0' AS INTEGER) = 0",
    "SELECT * FROM requests WHERE CAST(user_agent || '0' AS INTEGER) = 0 AND key <> '{mine}'",
    "SELECT * FROM requests WHERE CASE WHEN key <> '{mine}' THEN error(tag) IS NULL ELSE true END",
    "SELECT * FROM requests WHERE tokens_in > 1000 AND error(tag) IS NULL",
    "SELECT * FROM requests WHERE job IN (2, 3) AND error(tag) IS NULL",
    "SELECT CASE WHEN key <> '{mine}' THEN error(tag) END FROM requests",
    "SELECT sum(CASE WHEN key <> '{mine}' THEN error(tag)::INTEGER ELSE 1 END) FROM requests",
    "SELECT * FROM requests r JOIN range(10) x ON error(r.client) = x.range",
    "SELECT * FROM requests r JOIN range(10) x ON CAST(r.user_agent || '1' AS INTEGER) = x.range",
    "SELECT * FROM range(3) x WHERE x.range IN (SELECT CAST(user_agent || '1' AS INTEGER) FROM requests)",
    "SELECT * FROM range(3) x WHERE EXISTS (SELECT 1 FROM requests r WHERE CAST(r.user_agent || '1' AS INTEGER) = x.range)",
    "SELECT (SELECT max(CAST(r.user_agent || '1' AS INTEGER)) FROM requests r WHERE r.job > x.range) FROM range(3) x",
    "SELECT * FROM range(3) x, LATERAL (SELECT * FROM requests r WHERE CAST(r.user_agent || x.range AS INTEGER) >= 0)",
    "SELECT count(*) FROM requests GROUP BY CAST(user_agent || '1' AS INTEGER)",
    "SELECT job FROM requests ORDER BY CAST(user_agent || '1' AS INTEGER)",
    "SELECT job FROM requests QUALIFY row_number() OVER (PARTITION BY CAST(user_agent || '1' AS INTEGER)) = 1",
    "SELECT count(*) FILTER (WHERE CAST(user_agent || '1' AS INTEGER) = 1) FROM requests",
    "SELECT regexp_extract(tag, model || '(') FROM requests",
    "SELECT * FROM requests WHERE regexp_matches('x', CASE WHEN key = '{mine}' THEN 'x' ELSE tag || '(' END)",
    "SELECT strptime(CASE WHEN key = '{mine}' THEN '2026' ELSE tag END, '%Y') FROM requests",
    "SELECT * FROM requests WHERE strptime(CASE WHEN key = '{mine}' THEN '2026' ELSE tag END, '%Y') IS NOT NULL",
    "SELECT * FROM requests WHERE 1 / (CASE WHEN key = '{mine}' THEN 1 ELSE 0 END) >= 0 AND assert_true(key = '{mine}', tag)",
    "SELECT json_extract(CASE WHEN key = '{mine}' THEN '{{}}' ELSE tag END, '$') FROM requests",
    "SELECT from_json(CASE WHEN key = '{mine}' THEN '1' ELSE tag END, '\"INTEGER\"') FROM requests",
    "SELECT CAST(CASE WHEN key = '{mine}' THEN '2026-01-01' ELSE tag END AS TIMESTAMP) FROM requests",
    "SELECT substr(tag, 1, (CASE WHEN key = '{mine}' THEN 1 ELSE 9223372036854775807 END) + 1) FROM requests",
    "SELECT sum(tokens_in * 9000000000000) FROM requests",
    "SELECT CAST(tokens_in AS TINYINT) FROM requests",
    "SELECT * FROM requests WHERE CAST(tokens_in AS TINYINT) > 0",
    "PIVOT requests ON key IN ('{mine}', '{theirs}') USING max(tag)",
    "UNPIVOT requests ON tag, model INTO NAME a VALUE b",
    "SELECT unnest(list(tag)) FROM requests",
    "SELECT requests FROM requests",
    "SELECT COLUMNS(*) FROM requests",
    "SELECT * FROM requests WHERE (SELECT count(*) FROM requests r WHERE r.tag > requests.tag) > 100",
    "SELECT filename, file_row_number FROM requests",
    "SELECT rowid FROM requests",
    "SELECT stats(tag) FROM requests",
    "SELECT bitstring_agg(tokens_in) FROM requests",
    "SELECT pg_get_viewdef(1)",
    "FROM duckdb_views()",
    "FROM duckdb_columns()",
    "FROM bus.hot",
    "FROM bus.hot_audit",
    "EXPLAIN SELECT * FROM requests",
    "EXPLAIN ANALYZE SELECT * FROM requests WHERE key <> '{mine}'",
]


def seen(ask: Asker, sql: str, waiting: Waiting, table: str = "requests") -> str:
    """All that comes back, be it an error."""
    text = re.sub(r"\brequests\b", table, sql.format(mine=MINE, theirs=THEIRS))
    try:
        return str(ask.json(text, OWN, hot=waiting))
    except Problem as problem:
        return str(problem)


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_brings_no_word_of_another_keys_row(ask: Asker, waiting: Waiting, trick: str) -> None:
    found = seen(ask, trick, waiting)
    quoted = trick.format(mine=MINE, theirs=THEIRS)
    assert SECRET not in found
    assert THEIRS not in found.replace(quoted, "").replace(f"'{THEIRS}'", "") or "PIVOT" in trick
    assert OTHER not in found
    assert "10000" not in found, "tokens_in of others begin there"


WILD = [trick for trick in TRICKS if "error(" in trick or "CAST(user_agent" in trick or "r.user_agent" in trick]


@pytest.mark.parametrize("table", ["attempts", "jobs", "callbacks"])
def test_nor_does_an_error_from_a_derived_table(ask: Asker, waiting: Waiting, table: str) -> None:
    for trick in WILD:
        text = trick.replace("user_agent", "provider").replace("client", "provider").replace("tag", "provider")
        text = text.replace("tokens_in", "run")
        found = seen(ask, text, waiting, table)
        assert SECRET not in found, text


@pytest.mark.parametrize("trick", ["SELECT count(*) FROM requests WHERE CAST(user_agent || '1' AS INTEGER) = 1"])
def test_whether_an_error_comes_does_not_depend_on_others_rows(ask: Asker, waiting: Waiting, trick: str) -> None:
    """Or one could ask of another's row whether it begins with `a`, with `b` …"""
    with pytest.raises(Problem, match="Could not convert"):
        ask.json(trick, ALL, hot=waiting)
    assert ask.rows(trick, OWN, waiting) == [[30]]


@pytest.mark.parametrize(
    "condition", ["tokens_in > 60", "tokens_in > 10000000", "tag > 'zzzz'", "tag IS NULL", "job > 999"]
)
def test_nor_does_it_depend_on_what_the_files_statistics_say_of_others(
    ask: Asker, waiting: Waiting, condition: str
) -> None:
    """Were a condition known to be false of every row in the files, nothing of the statement would be worked out."""
    with pytest.raises(Problem, match="worked out"):
        ask.json(f"SELECT * FROM requests WHERE {condition} AND (SELECT error('worked out')) IS NULL", OWN, hot=waiting)


def test_the_askers_conditions_stay_above_the_fence(ask: Asker) -> None:
    """Today DuckDB would try the key first in any case; this holds when it changes its mind."""
    ask.rows("SELECT count(*) FROM requests", OWN)
    con = ask.warm._open()
    plan = con.execute("EXPLAIN SELECT * FROM requests WHERE error(tag) IS NULL AND month = '2026-11'").fetchall()[0][1]
    assert -1 < plan.index('"error"(tag)') < plan.index("Limit") < plan.index(MINE)


TEXTS = ("tag", "model", "user_agent", "client", "provider", "ref", "message", "trail")
SPOILT = (
    "CAST({0} || '1' AS INTEGER) >= 0", "error({0}) IS NULL", "regexp_matches('a', {0} || '(')", "length({0}) > 2",
    "strptime({0}, '%Y') IS NULL", "json({0}) IS NULL", "{0} > 'z'", "{0} LIKE 'zz%'", "key <> '" + MINE + "'", "job % 3 = 1",
    "created > TIMESTAMP '2026-11-01'", "tokens_in > 1000", "month = '2026-11'",
)  # fmt: skip
SHAPES = (
    "SELECT {0} FROM requests WHERE {1}", "SELECT max({0}), count(*) FROM requests WHERE {1}",
    "SELECT r.{0} FROM requests r JOIN requests s USING (job) WHERE s.job IN (SELECT job FROM requests WHERE {1})",
    "SELECT {0} FROM (SELECT * FROM requests ORDER BY {0} LIMIT 50) requests WHERE {1}",
    "SELECT {0}, count(*) FROM requests GROUP BY {0} HAVING bool_or({1})",
    "SELECT list({0}) FILTER (WHERE {1}) FROM requests",
    "WITH c AS MATERIALIZED (FROM requests) SELECT {0} FROM c WHERE {1}",
    "SELECT (SELECT max({0}) FROM requests WHERE ({1}) AND job > x.range) FROM range(3) x",
    "SELECT {0} FROM requests QUALIFY row_number() OVER (PARTITION BY ({1}) ORDER BY job) < 3",
    "SELECT {0} FROM requests WHERE {1} UNION SELECT model FROM attempts",
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.sampled_from(SHAPES),
    shown=st.sampled_from(TEXTS),
    tests=st.lists(st.tuples(st.sampled_from(SPOILT), st.sampled_from(TEXTS)), min_size=1, max_size=3),
    joined=st.sampled_from((" AND ", " OR ")),
)
def test_no_way_of_asking_brings_a_word_of_another_keys_row(
    ask: Asker, waiting: Waiting, shape: str, shown: str, tests: list[tuple[str, str]], joined: str
) -> None:
    condition = joined.join(f"({one.format(column)})" for one, column in tests)
    found = seen(ask, shape.replace("{0}", shown).replace("{1}", condition.replace("{", "{{")), waiting)
    assert SECRET not in found
    assert OTHER not in found


@pytest.mark.parametrize(
    ("scopes", "tenant", "whose"),
    [
        (("admin",), "default", ALL),
        (("admin", "analytics"), "default", ALL),
        (("admin",), "acme", Whose("acme")),
        (("analytics",), "default", Whose("default", MINE)),
        (("analytics", "metrics"), "acme", Whose("acme", MINE)),
        ((), "default", None),
        (("metrics",), "default", None),
    ],
)
def test_a_scope_says_whose_rows(scopes: tuple[str, ...], tenant: str, whose: Any) -> None:
    key = ApiKey(id=MINE, hash="h", prefix="ais-x", name="n", created=0, tenant=tenant, scopes=scopes)
    if whose is not None:
        assert sight(key) == whose
        return
    with pytest.raises(Problem) as caught:
        sight(key)
    assert caught.value.code == Code.FORBIDDEN
