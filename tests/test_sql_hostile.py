"""SQL from strangers: a table of escapes, each refused with a sentence, nothing read, nothing written; and what people
ordinarily ask, which works."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
from sql_kit import Asker, asker, rows, write

from schemas.problem import Code, Problem
from storage import functions, guard
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


ESCAPES = [
    # statements that do something
    "COPY requests TO '{out}'",
    "COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "COPY requests FROM '{csv}'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '{out}'",
    "explain/**/analyze/**/copy (select 1) to '{out}'",
    "WITH a AS (COPY (SELECT 1) TO '{out}') SELECT 1",
    "WITH a AS MATERIALIZED (COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)) FROM a",
    "WITH a AS (DELETE FROM bus.hot RETURNING *) SELECT * FROM a",
    "WITH a AS (INSERT INTO bus.hot SELECT * FROM bus.hot RETURNING *) SELECT * FROM a",
    "WITH a AS (UPDATE bus.hot SET job = 1 RETURNING *) FROM a",
    "ATTACH '{out}' AS x",
    "ATTACH '{csv}' (TYPE sqlite)",
    "DETACH memory",
    "USE bus",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{csv}'",
    "FORCE INSTALL httpfs FROM 'http://127.0.0.1:9/'",
    "UPDATE EXTENSIONS",
    "SET threads = 8",
    "SET GLOBAL enable_external_access = true",
    "SET lock_configuration = false",
    "SET VARIABLE x = 1",
    "RESET allowed_directories",
    "PRAGMA database_list",
    "PRAGMA memory_limit = '100GB'",
    "PRAGMA enable_profiling",
    "PRAGMA show_tables",
    "CALL enable_logging()",
    "CALL pragma_version()",
    "CREATE TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW requests AS SELECT 1",
    "CREATE TEMP MACRO requests() AS TABLE SELECT 1",
    "CREATE MACRO f(a) AS (SELECT max(content) FROM read_text(a))",
    "CREATE FUNCTION f() AS 1",
    "CREATE SECRET (TYPE s3)",
    "CREATE SCHEMA x",
    "CREATE TYPE x AS ENUM ('a')",
    "DROP VIEW requests",
    "DROP SCHEMA bus CASCADE",
    "INSERT INTO bus.hot SELECT * FROM bus.hot",
    "UPDATE bus.hot SET job = 1",
    "DELETE FROM bus.hot",
    "TRUNCATE bus.hot",
    "MERGE INTO bus.hot USING bus.hot b ON true WHEN MATCHED THEN DELETE",
    "ALTER VIEW requests RENAME TO x",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{place}'",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "DEALLOCATE x",
    "COMMENT ON TABLE bus.hot IS 'x'",
    # several, or none
    "SELECT 1; SELECT 2",
    "SELECT 1;;COPY (SELECT 1) TO '{out}'",
    "SELECT 1 -- ;\n; COPY (SELECT 1) TO '{out}'",
    "SELECT 1) TO '{out}'; --",
    "SELECT 1 UNION ALL (COPY (SELECT 1) TO '{out}')",
    "",
    "   -- nothing",
    "/* SELECT 1 */",
    "nonsense",
    "SELECT 1 /* without end",
    "SELECT 'without end",
    "SELECT 1\0; DROP VIEW requests",
    # other files
    "SELECT * FROM read_csv('{csv}')",
    "SELECT * FROM READ_CSV_AUTO('{csv}')",
    "SELECT * FROM \"read_csv\"('{csv}')",
    "FROM '{csv}'",
    'FROM "{csv}"',
    "SELECT * FROM '{part}'",
    "SELECT * FROM read_parquet('{part}')",
    "SELECT * FROM parquet_scan(['{part}'])",
    "SELECT * FROM read_parquet('{place}/archive/requests/*/*.parquet')",
    "SELECT * FROM read_text('{csv}')",
    "SELECT * FROM read_blob('{place}/archive/state.json')",
    "SELECT * FROM read_json('{place}/archive/state.json')",
    "SELECT * FROM read_ndjson('{place}/own/hot-requests.ndjson')",
    "SELECT * FROM read_duckdb('{out}')",
    "SELECT * FROM read_text('http://127.0.0.1:9/')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('{csv}')",
    "SELECT * FROM parquet_metadata('{part}')",
    "SELECT * FROM parquet_schema('{part}')",
    "SELECT * FROM parquet_kv_metadata('{part}')",
    "SELECT (SELECT max(content) FROM read_text('{csv}'))",
    "SELECT * FROM requests WHERE tag IN (SELECT content FROM read_text('{csv}'))",
    "SELECT * FROM requests ORDER BY (SELECT max(content) FROM read_text('{csv}'))",
    "SELECT * FROM requests LIMIT (SELECT count(*) FROM glob('*'))",
    "SELECT list_transform([1], lambda x: (SELECT max(content) FROM read_text('{csv}')))",
    "SELECT [x for x in [1] if (SELECT true FROM read_text('{csv}'))]",
    "VALUES ((SELECT max(content) FROM read_text('{csv}')))",
    "WITH a AS (SELECT * FROM read_text('{csv}')) SELECT * FROM a",
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT length(content) FROM read_text('{csv}')) FROM a",
    "SELECT * FROM requests, LATERAL (SELECT * FROM read_text('{csv}'))",
    "SELECT * FROM requests JOIN read_text('{csv}') ON true",
    "SELECT sum(job) OVER (ORDER BY (SELECT max(content) FROM read_text('{csv}'))) FROM requests",
    "DESCRIBE '{csv}'",
    "DESCRIBE SELECT * FROM read_csv('{csv}')",
    "SUMMARIZE '{csv}'",
    "SUMMARIZE SELECT * FROM read_csv('{csv}')",
    "PIVOT '{csv}' ON a IN (1) USING count(*)",
    "PIVOT read_csv('{csv}') ON a USING count(*)",
    "UNPIVOT '{csv}' ON a",
    "WITH \"{csv}\" AS (SELECT 1) FROM (SELECT 1), '{csv}'",
    "FROM (WITH \"x.csv\" AS (SELECT 1) SELECT 1), 'x.csv'",
    # SQL inside of text
    "FROM query('SELECT 1')",
    "FROM query_table('requests')",
    "FROM query_table(['requests'])",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT json_serialize_plan('SELECT * FROM read_text(''{csv}'')')",
    "PRAGMA json_execute_serialized_sql('x')",
    # what there is beside the tables
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT current_query()",
    "SELECT getvariable('x')",
    "SELECT stats(tag) FROM requests",
    "SELECT pg_get_viewdef(0)",
    "SELECT write_log('x')",
    "SELECT sleep_ms(100000)",
    "SELECT nextval('x')",
    "FROM bus.hot",
    "FROM memory.bus.hot",
    "FROM temp.main.requests",
    "FROM information_schema.tables",
    "FROM INFORMATION_SCHEMA.columns",
    "FROM pg_catalog.pg_class",
    "FROM sqlite_master",
    "FROM duckdb_views",
    "FROM duckdb_views()",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM duckdb_functions()",
    "FROM duckdb_logs",
    "FROM duckdb_external_file_cache()",
    "FROM pragma_table_info('requests')",
    "FROM pragma_storage_info('requests')",
    "FROM which_secret('x', 's3')",
    "FROM test_all_types()",
    "FROM histogram(requests, job)",
    "FROM seq_scan('x')",
    "FROM pandas_scan(0)",
    "FROM arrow_scan(1, 2, 3)",
    "FROM python_map_function(0)",
    "FROM sql",
    "FROM ask",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "SHOW TABLES FROM bus",
    "SHOW threads",
    "WITH duckdb_views AS (FROM duckdb_views) FROM duckdb_views",
    "FROM (WITH x AS (SELECT 1) FROM x), x",
    "WITH x AS (FROM x) FROM x",
    "WITH RECURSIVE x AS (FROM x UNION ALL FROM x) FROM x",
    "SELECT * FROM requests AT (VERSION => 1)",
    # in disguise
    "\ufeffCOPY (SELECT 1) TO '{out}'",
    "ＣＯＰＹ (SELECT 1) TO '{out}'",
    "SELECT * FROM rеad_csv('{csv}')",
    "SELECT * FROM\u00a0read_csv('{csv}')",
    "SELECT * FROM/**/read_csv/**/('{csv}')",
    "SELECT * FROM main.read_csv('{csv}')",
    "SELECT * FROM system.main.read_csv('{csv}')",
    "SELECT $$x$$ FROM read_csv($a${csv}$a$)",
    "FROM (FROM (FROM ('{csv}')))",
    "SELECT ?",
    "SELECT $x",
]  # fmt: skip


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


ORDINARY = [
    "SELECT * FROM requests",
    "FROM requests",
    "from requests select model, count(*) group by all order by all",
    "TABLE requests",
    "VALUES (1, 'a'), (2, 'b')",
    "(SELECT 1);",
    "SELECT 1 -- the end",
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
