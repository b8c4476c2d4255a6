"""The rollup `hourly`: one row for each hour and kind of request, so that a report over millions reads thousands of rows.

Durations are kept as counts in buckets whose bounds grow by 5 %, so a percentile made of them is at most 2.5 % off, and
sums of counts are counts again. What a newcomer would get wrong: an hour's rows stand in several files until they are
merged, so whoever reads it sums up; and nothing here may be an average or a distinct count, for those can't be added.
"""

from storage.table import Column, Table

GROWTH = 1.05
LEAST = 0.01
"""Milliseconds; what is shorter is in bucket 0."""

SPANS = {"total": "total_ms", "first": "first_ms", "wait": "wait_ms"}
"""What is measured -> its column in `requests`; the histogram is `<name>_hist`."""
_HISTOGRAM = "MAP(USMALLINT, UBIGINT)"

_KINDS = (
    Column("hour", "TIMESTAMP", "The hour in which the requests were accepted (UTC)."),
    Column("tenant", "VARCHAR", "Whose API key it was."),
    Column("key", "VARCHAR", "Id of the API key."),
    Column("op", "VARCHAR", "Operation: chat …"),
    Column("style", "VARCHAR", "How the caller asked: sync, queued, callback or direct."),
    Column("stream", "BOOLEAN", "The caller wanted the answer piece by piece."),
    Column("model", "VARCHAR", "Model, as the caller wrote it."),
    Column("served", "VARCHAR", "Model that answered or failed last, where that is not `model`; else empty."),
    Column("queue", "VARCHAR", "Queue that took it last; empty: none."),
    Column("provider", "VARCHAR", "Provider that served it or failed last; empty: none was reached."),
    Column("outcome", "VARCHAR", "done, failed or cancelled."),
    Column("error", "VARCHAR", "Code of the failure; null: none."),
    Column("cached", "BOOLEAN", "Answered from the response cache."),
)
_SUMS = (
    (Column("requests", "BIGINT", "How many requests."), "count(*)"),
    (Column("tokens_in", "BIGINT", "Tokens of the prompts."), "sum(tokens_in)"),
    (Column("tokens_out", "BIGINT", "Tokens of the answers, reasoning included."), "sum(tokens_out)"),
    (Column("tokens_cached", "BIGINT", "Tokens of prompts that providers had in their caches."), "sum(tokens_cached)"),
    (Column("tokens_written", "BIGINT", "Tokens of prompts written into providers' caches."), "sum(tokens_written)"),
    (Column("tokens_reasoning", "BIGINT", "Tokens of answers spent on reasoning."), "sum(tokens_reasoning)"),
    (Column("estimated", "BIGINT", "Requests whose tokens were estimated."), "count(*) FILTER (estimated)"),
    (Column("cost", "DOUBLE", "US dollars, of those whose cost is known."), "sum(cost)"),
    (
        Column("unpriced", "BIGINT", "Requests done whose cost is not known."),
        "count(*) FILTER (cost IS NULL AND outcome = 'done')",
    ),
    (Column("cost_estimated", "BIGINT", "Requests whose cost is an estimate."), "count(*) FILTER (cost_estimated)"),
    (Column("total_ms", "DOUBLE", "Sum of milliseconds from accept to the end."), "sum(total_ms)"),
    (Column("first_ms", "DOUBLE", "Sum of milliseconds to the first piece, of those that had one."), "sum(first_ms)"),
    (Column("firsts", "BIGINT", "Requests that had a first piece."), "count(first_ms)"),
    (Column("wait_ms", "DOUBLE", "Sum of milliseconds to the first attempt, of those that had one."), "sum(wait_ms)"),
    (Column("waits", "BIGINT", "Requests that were tried at all."), "count(wait_ms)"),
    (Column("attempts", "BIGINT", "How many times they were tried in all."), "sum(attempts)"),
    (Column("retried", "BIGINT", "Requests that were tried more than once."), "count(*) FILTER (attempts > 1)"),
    (
        Column("stream_tokens", "BIGINT", "Tokens of streamed answers that came to their end."),
        "sum(tokens_out) FILTER ({streamed})",
    ),
    (
        Column("stream_ms", "DOUBLE", "Milliseconds those took from the first piece to the end."),
        "sum(total_ms - first_ms) FILTER ({streamed})",
    ),
)
_STREAMED = "stream AND outcome = 'done' AND first_ms < total_ms AND NOT coalesce(cached, false)"
_HISTOGRAMS = tuple(
    Column(
        f"{name}_hist", _HISTOGRAM,
        f"Requests by bucket of `{column}`: bucket n ends at {LEAST} ms * {GROWTH} ** n, and bucket 0 is all below.",
    )
    for name, column in SPANS.items()
)  # fmt: skip


def bucket(milliseconds: str) -> str:
    """SQL: the bucket of a duration."""
    return (
        f"CASE WHEN {milliseconds} > {LEAST} THEN ceil(round(ln({milliseconds} / {LEAST}) / ln({GROWTH}), 9)) ELSE 0 END"
        "::USMALLINT"
    )


def middle(number: str) -> str:
    """SQL: the milliseconds that no duration in the bucket is further from than 2.5 %."""
    return f"{LEAST} * pow({GROWTH}, {number}) * {2 / (1 + GROWTH)}"


def _derive() -> str:
    kinds = {
        "hour": "date_trunc('hour', created)",
        "served": "coalesce(served, '')",
        "cached": "coalesce(cached, false)",
        "stream": "coalesce(stream, false)",
    }
    groups = ", ".join(f"{kinds.get(column.name, column.name)} AS {column.name}" for column in _KINDS)
    sums = ", ".join(f"coalesce({sql}, 0) AS {column.name}" for column, sql in _SUMS)
    counts = ", ".join(
        f"histogram({bucket(column)}) FILTER ({column} IS NOT NULL) AS {name}_hist" for name, column in SPANS.items()
    )
    numbers = ", ".join(str(n + 1) for n in range(len(_KINDS)))
    return f"SELECT {groups}, {sums.format(streamed=_STREAMED)}, {counts} FROM batch GROUP BY {numbers}"


def _merge() -> str:
    """Each row becomes one with its sums and one for each of its buckets; those are added up, and put together again."""
    kinds = ", ".join(column.name for column in _KINDS)
    sums = ", ".join(column.name for column, _ in _SUMS)
    spread = " UNION ALL BY NAME ".join(
        f"(SELECT {kinds}, '{name}' AS span, unnest(map_keys({name}_hist)) AS bucket, unnest(map_values({name}_hist)) AS n"
        " FROM parts)"
        for name in SPANS
    )
    added = f"SELECT {kinds}, span, bucket, sum(n) AS n FROM ({spread}) GROUP BY ALL"
    totals = ", ".join(f"coalesce(sum({column.name}), 0) AS {column.name}" for column, _ in _SUMS)
    maps = ", ".join(
        f"map_from_entries(list((bucket, n) ORDER BY bucket) FILTER (span = '{name}')) AS {name}_hist" for name in SPANS
    )
    both = f"(SELECT {kinds}, {sums} FROM parts) UNION ALL BY NAME ({added})"
    return f"SELECT {kinds}, {totals}, {maps} FROM ({both}) GROUP BY {kinds}"


HOURLY = Table(
    "hourly",
    "Requests added up by hour and kind: what reports are made of. An hour may have several rows of a kind: sum them up.",
    (*_KINDS, *(column for column, _ in _SUMS), *_HISTOGRAMS),
    derive=_derive(),
    merge=_merge(),
    time="hour",
    sort="hour",
)
