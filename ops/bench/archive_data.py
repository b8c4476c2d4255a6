"""An archive of millions of requests as months of use leave it: made by DuckDB itself, laid out as the archiver lays it out.

What a newcomer would get wrong: the rows are no noise. Few keys do most of the work, each with few models, errors are rare
and durations log-normal, days are busier than nights; a rollup or a sorted file of noise would tell nothing of the real one.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from storage import duck, parts
from storage.parts import Mark, Part
from storage.tables import DERIVED, REQUESTS, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

DAYS = 120
EPOCH = "20260101T000000000Z"
GROUP = 122_880
"""Rows of a row group, as merging writes them."""
_TIME = (
    "epoch_ms(($end - $days * 86400000.0 * (1 - (x + 0.8 * sin(2 * pi() * $days * x) / (2 * pi() * $days))))::BIGINT)"
)
"""When request x (0 to 1) came: more by day than by night."""
_MADE = """
WITH u AS (
    SELECT i, (i + 0.5) / $n AS x, hash(i) % 1000000 / 1e6 AS a, hash(i + 7919000000) % 1000000 / 1e6 AS b,
        (hash(i * 3 + 1) % 1000000 + 1) / 1e6 AS c, hash(i * 5 + 2) % 1000000 / 1e6 AS d, hash(i * 7 + 3) % 1000000 / 1e6 AS e
    FROM range($first, $last) t(i)
), w AS (
    SELECT *, $time AS created, least(59, floor(60 * pow(a, 2.2)))::INT AS who, floor(3 * b * b)::INT AS pick,
        sqrt(-2 * ln(c)) * cos(2 * pi() * d) AS g, sqrt(-2 * ln(c)) * sin(2 * pi() * d) AS h, e < 0.02 AS bad, e > 0.985 AS hit
    FROM u
), k AS (
    SELECT *, CASE WHEN who % 10 = 9 THEN 'embeddings' WHEN who % 10 = 8 AND b < 0.6 THEN 'text_to_image'
        WHEN who % 10 = 7 AND b < 0.3 THEN 'speech_to_text' ELSE 'chat' END AS op,
        ['gpt-5', 'claude-sonnet-5', 'llama3.3:70b', 'gemini-3-pro', 'qwen3:32b', 'mistral-large', 'gpt-5-mini',
         'claude-haiku-5', 'deepseek-r2', 'gemma3:27b'][(who + pick * 3) % 10 + 1] AS talker FROM w
), m AS (
    SELECT *, CASE op WHEN 'chat' THEN talker WHEN 'embeddings' THEN 'embed-3' WHEN 'text_to_image' THEN 'flux'
        ELSE 'whisper' END AS model, round(exp(6.2 + 0.9 * g), 3) AS total, exp(5.0 + 1.1 * h)::BIGINT AS tin,
        exp(4.6 + 1.0 * g)::BIGINT AS tout, (e * 300)::INT % 6 + 1 AS fault FROM k
), p AS (
    SELECT *, CASE WHEN hit THEN '' ELSE 'p-' || left(md5(model || (hash(i * 11) % 10 < 3)::INT), 4) END AS served_by FROM m
)
SELECT (epoch(created) - 1735689600)::BIGINT * 4194304 + i % 4194304 AS job, created, 'default' AS tenant,
    left(md5('key' || who), 16) AS key, op,
    CASE who % 5 WHEN 0 THEN 'queued' WHEN 1 THEN CASE WHEN b < 0.5 THEN 'callback' ELSE 'sync' END ELSE 'sync' END AS style,
    op = 'chat' AND who % 5 > 1 AS stream, model,
    CASE WHEN NOT bad THEN 'done' WHEN fault = 1 THEN 'cancelled' ELSE 'failed' END AS outcome,
    CASE WHEN bad THEN [499, 429, 503, 502, 400, 504][fault] ELSE 200 END AS status, served_by AS queue, served_by AS provider,
    CASE WHEN hit THEN '' ELSE served_by || '-1' END AS agent,
    CASE WHEN hit THEN 0 WHEN hash(i * 13) % 100 < 3 THEN 2 ELSE 1 END AS attempts,
    CASE WHEN bad THEN ['cancelled', 'provider_rate_limited', 'unavailable', 'provider_error', 'invalid_request',
        'provider_timeout'][fault] END AS error,
    CASE WHEN bad THEN 'The provider said no, ' || hash(i) % 40 || ' times.' END AS message, tin AS tokens_in,
    CASE WHEN bad OR op <> 'chat' THEN 0 ELSE tout END AS tokens_out,
    CASE WHEN who % 3 = 0 THEN tin // 2 ELSE 0 END AS tokens_cached,
    CASE WHEN model = 'gpt-5' THEN tout // 3 ELSE 0 END AS tokens_reasoning, model LIKE '%:%' AND b < 0.1 AS estimated,
    CASE WHEN op = 'chat' AND NOT bad THEN round(total * (0.1 + 0.3 * b), 3) END AS first_ms,
    CASE WHEN NOT hit THEN round(exp(1 + g), 3) END AS wait_ms, total AS total_ms,
    CASE WHEN who % 5 = 0 THEN 'ref-' || i ELSE '' END AS ref, CASE WHEN who % 4 = 0 THEN 'app-' || who ELSE '' END AS tag,
    '10.' || who || '.0.' || hash(i * 17) % 9 AS client,
    ['OpenAI/Python 2.8.0', 'curl/8.5.0', 'python-requests/2.32', 'okhttp/5', 'Mozilla/5.0'][who % 5 + 1] AS user_agent,
    CASE WHEN NOT hit THEN '[{"number":1,"queue":"' || served_by || '","provider":"' || served_by || '","agent":"'
        || served_by || '-1","started":' || epoch(created) || ',"seconds":' || total / 1000 || ',"code":'
        || CASE WHEN bad THEN '"provider_error"' ELSE 'null' END || ',"message":null}]' END AS trail,
    0 AS parent, i + 1 AS seq, CASE WHEN model LIKE '%:%' THEN NULL WHEN hit THEN 0
        ELSE round(tin * 2e-6 + tout * 8e-6, 8) END AS cost, hash(i * 19) % 5 = 0 AS cost_estimated, hit AS cached,
    '' AS served, 0 AS tokens_written, 0 AS run, '' AS target
FROM p"""


def make(root: Path, rows: int, end: datetime) -> None:
    """Fill the folder `root` with `rows` requests of the months before `end`, and what is derived of them."""
    (root / ".tmp").mkdir(parents=True)
    values = {"n": rows, "end": end.replace(tzinfo=UTC).timestamp() * 1000, "days": DAYS}
    last = 0
    with duck.connect(root / ".tmp", "2GB", threads=2) as con:
        for month, first, last in _months(con, values):
            part = parts.new_part(REQUESTS.name, month, EPOCH, first + 1, last)
            made = _filled(_MADE, {**values, "time": _TIME, "first": first, "last": last})
            _write(con, root, REQUESTS, part, _typed(con, made))
            for table in DERIVED:
                source = duck.select(REQUESTS, [part.path(root)])
                _write(con, root, table, msgspec.structs.replace(part, table=table.name), table.derived(source))
    parts.write_mark(root, Mark(epoch=EPOCH, seq=last, time="none"))


def _months(con: "Con", values: dict[str, float]) -> list[tuple[str, int, int]]:
    """Each month with its first request and the one after its last."""
    when = _filled(_TIME, values)
    sql = f"""SELECT strftime({when}, '%Y-%m') AS month, min(i), max(i) + 1
        FROM (SELECT i, (i + 0.5) / {values["n"]} AS x FROM range({values["n"]}) t(i)) GROUP BY 1 ORDER BY 1"""
    return con.execute(sql).fetchall()


def _filled(sql: str, values: dict[str, object] | dict[str, float]) -> str:
    for name in ("time", "first", "last", "n", "end", "days"):
        sql = sql.replace(f"${name}", str(values.get(name, "")))
    return sql


def _typed(con: "Con", made: str) -> str:
    """The rows with the columns and types of the table; a column that is not made here is null."""
    there = con.sql(made).columns
    columns = ", ".join(f"{c.name if c.name in there else 'NULL'}::{c.type} AS {c.name}" for c in REQUESTS.columns)
    return f"SELECT {columns} FROM ({made})"


def _write(con: "Con", root: Path, table: Table, part: Part, select: str) -> None:
    path = part.path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    order = table.sort or table.time
    con.execute(
        f"COPY (SELECT * FROM ({select}) ORDER BY {order}) TO {duck.quoted(path)} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP})"
    )
