"""What people ordinarily ask, which works; and the slips of their hands, of which they are told what was meant."""

from collections.abc import Iterator
from typing import Any

import pytest
from sql_kit import Asker, asker, rows, write

from schemas.problem import Code, Problem
from storage import duck


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    folder = tmp_path_factory.mktemp("ordinary")
    write(folder / "archive", rows())
    with asker(folder / "archive", folder / "own") as found:
        yield found


ORDINARY = [
    "SELECT * FROM requests",
    "FROM requests",
    "from requests select model, count(*) group by all order by all",
    "TABLE requests",
    "VALUES (1, 'a'), (2, 'b')",
    "(SELECT 1);",
    "SELECT 1 -- the end",
    "SELECT ';' -- ; the\n; /* very */; -- end;",
    "EXPLAIN SELECT 1; -- end",
    "SELECT user FROM (SELECT key AS user FROM requests)",
    "/* first */ SELECT ';', '--', $$ it's $$",
    "SELECT main.requests.job FROM main.requests",
    'SELECT "job" FROM "requests" AS "r x"',
    "DESCRIBE requests",
    "DESCRIBE SELECT job, tag FROM requests",
    "SHOW TABLES",
    "SHOW requests",
    "SUMMARIZE requests",
    "SUMMARIZE SELECT job FROM attempts",
    "EXPLAIN SELECT count(*) FROM requests",
    "EXPLAIN ANALYZE SELECT count(*) FROM requests",
    "WITH a AS (SELECT * FROM requests), b AS (SELECT job FROM a) FROM a JOIN b USING (job) ORDER BY (FROM b LIMIT 1)",
    "WITH a AS MATERIALIZED (FROM requests) SELECT max(job) FROM a, (WITH c AS (FROM a) SELECT count(*) FROM c)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT * FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n LIMIT 3",
    "SELECT job, rank() OVER (PARTITION BY key ORDER BY job) FROM requests QUALIFY row_number() OVER (ORDER BY job) < 5",
    "SELECT sum(job) OVER w, lag(job) OVER w FROM requests WINDOW w AS (ORDER BY job ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)",
    "SELECT quantile_cont(total_ms, [0.5, 0.99]), approx_quantile(total_ms, 0.9), median(total_ms) FROM requests",
    "SELECT count(*) FILTER (WHERE outcome = 'done'), arg_max(model, created), any_value(tag), mode(model) FROM requests",
    "SELECT op, count(*) FROM requests GROUP BY ROLLUP (op) HAVING count(*) > 0 ORDER BY ALL",
    "SELECT DISTINCT ON (key) * FROM requests ORDER BY key, job DESC",
    "SELECT date_trunc('hour', created) AS h, count(*) FROM requests WHERE created > now() - INTERVAL 1 YEAR GROUP BY h",
    "SELECT time_bucket(INTERVAL '15 minutes', created), strftime(created, '%Y-%m-%d') FROM requests",
    "SELECT trail->>'$[0].queue', json_extract(trail, '$[*].code'), json_array_length(trail) FROM requests",
    "SELECT value->>'code' FROM requests, json_each(trail)",
    "SELECT unnest(from_json(trail, '[\"JSON\"]')) FROM requests LIMIT 3",
    "SELECT list_transform([1, 2, 3], lambda x: x + 1), list_filter([1, 2], lambda x: x > 1), [x * 2 for x in [1, 2]]",
    "SELECT list(job ORDER BY job)[1:3], {'a': 1, 'b': [1, 2]}.b[1], map {'k': 1}['k'] FROM requests",
    "SELECT * EXCLUDE (trail) REPLACE (upper(op) AS op) FROM requests",
    "SELECT COLUMNS('tokens_.*') FROM requests",
    "SELECT op.upper().lower() FROM requests",
    "SELECT n: job, m: model FROM requests",
    "PIVOT requests ON op IN ('chat', 'callback') USING count(*) GROUP BY key",
    "SELECT * FROM (PIVOT requests ON op IN ('chat') USING count(*))",
    "SELECT * FROM requests PIVOT (count(*) FOR op IN ('chat', 'callback'))",
    "UNPIVOT (SELECT job, tokens_in, tokens_out FROM requests) ON tokens_in, tokens_out INTO NAME kind VALUE tokens",
    "SELECT r.job, a.n FROM requests r LEFT JOIN attempts a ON r.job = a.job AND r.run = a.run",
    "SELECT * FROM requests SEMI JOIN jobs USING (job)",
    "SELECT * FROM requests r ASOF JOIN requests s ON r.key = s.key AND r.created >= s.created",
    "SELECT i, count(r.job) FROM generate_series(1, 12) g(i) LEFT JOIN requests r ON month(r.created) = i GROUP BY i",
    "SELECT * FROM requests POSITIONAL JOIN range(3)",
    "SELECT s.* FROM (SELECT 1 AS a) s, LATERAL (SELECT s.a + 1)",
    "SELECT job FROM requests UNION ALL BY NAME SELECT job, 'x' AS y FROM jobs ORDER BY 1 LIMIT 2",
    "SELECT job FROM requests WHERE tag IN (SELECT tag FROM requests WHERE job < 5) AND EXISTS (FROM jobs)",
    "SELECT * FROM requests USING SAMPLE 10",
    "SELECT * FROM requests TABLESAMPLE 10%",
    "SELECT CASE WHEN job > 3 THEN 'a' ELSE 'b' END, coalesce(error, ''), job BETWEEN 1 AND 3, model ILIKE '%g%' FROM requests",
    "SELECT try_cast(tag AS INTEGER), tag::VARCHAR, -job // 3, job % 2, regexp_extract(tag, '\\d+') FROM requests",
    "SELECT 1 AS a, 2 AS a",
    "SELECT month, count(*) FROM requests WHERE month = '2026-11' GROUP BY ALL",
    "SELECT * FROM hourly",
    "SELECT count(*) FROM callbacks",
    "SELECT event, count(*) FROM files GROUP BY 1",
    "SELECT actor, action FROM audit",
    "SELECT format('{} of {}', 1, 2), printf('%d', 3), md5('x'), uuid(), random()",
]  # fmt: skip


@pytest.mark.parametrize("statement", ORDINARY)
def test_what_people_ask_is_answered(ask: Asker, statement: str) -> None:
    assert ask.json(statement)["columns"]


SLIPS = [
    ("SELECT tokens FROM requests", "tokens_in"),
    ("SELECT * FROM request", "did you mean `requests`?"),
    ('SELECT * FROM requests WHERE model = "gpt-4"', "a text is written 'gpt-4'"),
    ("SELECT job WHERE job = 1", "the FROM clause is missing"),
    ("SELECT dateadd(created, INTERVAL 1 DAY) FROM requests", "did you mean `date_add`?"),
    ("SELECT user, count(*) FROM requests GROUP BY 1", "no column `user`: rows have a `key`"),
    ("SELECT * FROM requests WHERE order = 1", "(line 1, column 30)"),
    ("DESCRIBE", "Expected table name. Line 1"),
    ("SELECT INTERVAL 2000000000 DAY", "CAST(… AS VARCHAR)"),
    ("SELECT [INTERVAL 2000000000 DAY]", "CAST(… AS VARCHAR)"),
    ("SELECT (SELECT job FROM requests)", "scalar subqueries can only return a single row."),
    ("SELECT regexp_matches(tag, '(') FROM requests", "missing ): ("),
    ("SELECT strptime(tag, '%Q') FROM requests", "%Q"),
    ("SELECT json(tag) FROM requests", "Malformed JSON"),
    ("SELECT error('why') FROM requests", "why"),
    ("SELECT get_type(job) FROM requests", "Unsupported type"),
]


@pytest.mark.parametrize(("slip", "told"), SLIPS)
def test_a_slip_is_told_and_does_not_read_the_archive_to_find_a_damaged_file(
    ask: Asker, monkeypatch: pytest.MonkeyPatch, slip: str, told: str
) -> None:
    looked: list[Any] = []
    monkeypatch.setattr(duck, "blame", lambda _, paths: looked.append(paths))
    with pytest.raises(Problem) as caught:
        ask.json(slip)
    assert (caught.value.code, looked) == (Code.INVALID_REQUEST, [])
    assert told in str(caught.value)
    assert "SET " not in str(caught.value)
    assert "Token" not in str(caught.value)


def test_a_time_with_a_zone_is_shown_in_utc_and_a_mere_hour_with_its_zone(ask: Asker) -> None:
    found = ask.rows("SELECT TIMESTAMPTZ '2026-11-18 12:00:00+02', TIMETZ '12:00:00+02'")
    assert found == [["2026-11-18T10:00:00Z", "12:00:00+02"]]
