"""The rollups `hourly` and `daily`: a row for each hour, or day, and kind of request, so that a report over millions reads
thousands of rows.

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
_STREAMED = "stream AND outcome = 'done' AND first_ms < total_ms AND NOT coalesce(cached, false)"
_SUMS = (
    (Column("requests", "BIGINT", "How many requests."), "1"),
    (Column("tokens_in", "BIGINT", "Tokens of the prompts."), "tokens_in"),
    (Column("tokens_out", "BIGINT", "Tokens of the answers, reasoning included."), "tokens_out"),
    (Column("tokens_cached", "BIGINT", "Tokens of prompts that providers had in their caches."), "tokens_cached"),
    (Column("tokens_written", "BIGINT", "Tokens of prompts written into providers' caches."), "tokens_written"),
    (Column("tokens_reasoning", "BIGINT", "Tokens of answers spent on reasoning."), "tokens_reasoning"),
    (Column("estimated", "BIGINT", "Requests whose tokens were estimated."), "estimated::INT"),
    (Column("cost", "DOUBLE", "US dollars, of those whose cost is known."), "cost"),
    (
        Column("unpriced", "BIGINT", "Requests done whose cost is not known."),
        "(cost IS NULL AND outcome = 'done')::INT",
    ),
    (Column("cost_estimated", "BIGINT", "Requests whose cost is an estimate."), "cost_estimated::INT"),
    (Column("total_ms", "DOUBLE", "Sum of milliseconds from accept to the end."), "total_ms"),
    (Column("first_ms", "DOUBLE", "Sum of milliseconds to the first piece, of those that had one."), "first_ms"),
    (Column("firsts", "BIGINT", "Requests that had a first piece."), "(first_ms IS NOT NULL)::INT"),
    (Column("wait_ms", "DOUBLE", "Sum of milliseconds to the first attempt, of those that had one."), "wait_ms"),
    (Column("waits", "BIGINT", "Requests that were tried at all."), "(wait_ms IS NOT NULL)::INT"),
    (Column("attempts", "BIGINT", "How many times they were tried in all."), "attempts"),
    (Column("retried", "BIGINT", "Requests that were tried more than once."), "(attempts > 1)::INT"),
    (
        Column("stream_tokens", "BIGINT", "Tokens of streamed answers that came to their end."),
        f"CASE WHEN {_STREAMED} THEN tokens_out END",
    ),
    (
        Column("stream_ms", "DOUBLE", "Milliseconds those took from the first piece to the end."),
        f"CASE WHEN {_STREAMED} THEN total_ms - first_ms END",
    ),
)
"""Each with what one request adds to it, as SQL over `requests`; null: nothing."""
_HISTOGRAMS = tuple(
    Column(
        f"{name}_hist", _HISTOGRAM,
        f"Requests by bucket of `{column}`: bucket n ends at {LEAST} ms * {GROWTH} ** n, and bucket 0 is all below.",
    )
    for name, column in SPANS.items()
)  # fmt: skip

Peaks = tuple[tuple[Column, str], ...]
_PEAKS: Peaks = (
    (Column("last_hour", "TIMESTAMP", "The hour of the last of them (UTC)."), "date_trunc('hour', created)"),
    *(
        (Column(f"{name}_max", "DOUBLE", f"The largest `{column}`; null: none has one."), column)
        for name, column in SPANS.items()
    ),
)
"""What is no sum, but may be put together all the same."""


def bucket(milliseconds: str) -> str:
    """SQL: the bucket of a duration."""
    return (
        f"TRY_CAST(CASE WHEN {milliseconds} > {LEAST} "
        f"THEN ceil(round(ln({milliseconds} / {LEAST}) / ln({GROWTH}), 9)) ELSE 0 END AS USMALLINT)"
    )


def middle(number: str) -> str:
    """SQL: the milliseconds that no duration in the bucket is further from than 2.5 %."""
    return f"{LEAST} * pow({GROWTH}, {number}) * {2 / (1 + GROWTH)}"


def cells_of(requests: str) -> str:
    """SQL: rows of `hourly` that stand for one request each, of those that the SELECT `requests` gives. For a question that the
    rollup can't answer: columns that it does not name are not even read."""
    sums = ", ".join(f"coalesce({sql}, 0)::{column.type} AS {column.name}" for column, sql in _SUMS)
    counts = ", ".join(
        f"CASE WHEN isfinite({column}) THEN MAP {{{bucket(column)}: 1::UBIGINT}} END AS {name}_hist"
        for name, column in SPANS.items()
    )
    return f"SELECT {_start('hour')} AS hour, {_kinds()}, {sums}, {counts} FROM ({requests})"


def _start(grain: str) -> str:
    return f"date_trunc('{grain}', created)"


def _kinds() -> str:
    plain = {
        "served": "coalesce(served, '')",
        "cached": "coalesce(cached, false)",
        "stream": "coalesce(stream, false)",
    }
    return ", ".join(f"{plain.get(column.name, column.name)} AS {column.name}" for column in _KINDS)


def _derive(grain: str, peaks: Peaks = ()) -> str:
    sums = ", ".join(f"coalesce(sum({sql}), 0) AS {column.name}" for column, sql in _SUMS)
    counts = ", ".join(
        f"histogram({bucket(column)}) FILTER ({column} IS NOT NULL) AS {name}_hist" for name, column in SPANS.items()
    )
    most = "".join(f", max({sql}) AS {column.name}" for column, sql in peaks)
    numbers = ", ".join(str(n + 1) for n in range(len(_KINDS) + 1))
    return f"SELECT {_start(grain)} AS {grain}, {_kinds()}, {sums}, {counts}{most} FROM batch GROUP BY {numbers}"


def _merge(grain: str, peaks: Peaks = ()) -> str:
    """Each row becomes one with its sums and one for each of its buckets; those are added up, and put together again."""
    kinds = ", ".join([grain, *(column.name for column in _KINDS)])
    sums = ", ".join(column.name for column, _ in (*_SUMS, *peaks))
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
    most = "".join(f", max({column.name}) AS {column.name}" for column, _ in peaks)
    both = f"(SELECT {kinds}, {sums} FROM parts) UNION ALL BY NAME ({added})"
    return f"SELECT {kinds}, {totals}, {maps}{most} FROM ({both}) GROUP BY {kinds}"


HOURLY = Table(
    "hourly",
    "Requests added up by hour and kind: what reports are made of. An hour may have several rows of a kind: sum them up.",
    (
        Column("hour", "TIMESTAMP", "The hour in which the requests were accepted (UTC)."),
        *_KINDS,
        *(column for column, _ in _SUMS),
        *_HISTOGRAMS,
    ),
    derive=_derive("hour"),
    merge=_merge("hour"),
    time="hour",
    sort="hour",
)

DAILY = Table(
    "daily",
    "The same by day, for reports of months: a fraction of the rows. A day may have several rows of a kind: sum them up.",
    (
        Column("day", "TIMESTAMP", "The day in which the requests were accepted (UTC)."),
        *_KINDS,
        *(column for column, _ in _SUMS),
        *_HISTOGRAMS,
        *(column for column, _ in _PEAKS),
    ),
    derive=_derive("day", _PEAKS),
    merge=_merge("day", _PEAKS),
    time="day",
    sort="day",
)
