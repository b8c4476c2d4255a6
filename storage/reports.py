"""Reports ready to be asked: each is one SELECT made of a few words, and that SELECT is shown with its answer.

API, command and web page ask the same text, and whoever copies it into `ai-server sql` gets the same numbers. What a
newcomer would get wrong: most read the rollups, so times count by whole hours (`sources.py`).

A callback is a row of its own in the archive, but no request of anybody: reports leave them out, unless `op=callback`.
"""

from collections.abc import Callable

import msgspec

from schemas.problem import Code, Problem
from storage import callers
from storage.duck import quoted
from storage.hourly import SPANS, middle
from storage.sources import DIMENSIONS, TIMES, Wanted, cells, rows, tests_of, where
from storage.spans import Span, literal

MOST = 10_000
"""Rows of one report."""
FILTERS = ("from", "to", "month", "key", "user", "model", "provider", "op", "tag", "limit")
"""What every report takes."""


class Report(msgspec.Struct, frozen=True):
    """`by`: the words it may be grouped by, `first` the one if none is said. `more`: parameters of its own."""

    name: str
    about: str
    sql: Callable[[Wanted], str]
    by: tuple[str, ...] = ()
    first: str = ""
    more: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    rows: int = 100
    """Unless a limit is said."""

    @property
    def most(self) -> int:
        """Words of `by` at a time: several where they are columns of the rollup."""
        return 3 if set(self.by) <= DIMENSIONS.keys() and len(self.by) > 3 else 1

    @property
    def parameters(self) -> tuple[str, ...]:
        return (*FILTERS, *(("by",) if self.by else ()), *self.more)


def _groups(wanted: Wanted) -> str:
    dimensions = {**DIMENSIONS, "user": "coalesce(people.name, key)"}
    return ", ".join(f'{dimensions[word]} AS "{word}"' for word in wanted.by)


def _order(wanted: Wanted, measure: str) -> str:
    """Times: the newest first; else the largest. Ties by name, so that the same question has one answer."""
    names = ", ".join(f'"{word}"' for word in wanted.by)
    newest = ", ".join(f'"{word}" DESC' if word in TIMES else f'"{word}"' for word in wanted.by)
    first = newest if any(word in TIMES for word in wanted.by) else f"{measure} DESC, {names}"
    return f"ORDER BY {first} LIMIT {wanted.limit}"


def _usage(wanted: Wanted) -> str:
    return f"""SELECT {_groups(wanted)}, sum(requests)::BIGINT AS requests,
    coalesce(sum(requests) FILTER (outcome = 'failed'), 0)::BIGINT AS failed,
    coalesce(sum(requests) FILTER (outcome = 'cancelled'), 0)::BIGINT AS cancelled,
    sum(tokens_in)::BIGINT AS tokens_in, sum(tokens_out)::BIGINT AS tokens_out, sum(tokens_cached)::BIGINT AS tokens_cached,
    sum(tokens_reasoning)::BIGINT AS tokens_reasoning, round(sum(cost), 6) AS cost, sum(unpriced)::BIGINT AS unpriced,
    sum(cost_estimated)::BIGINT AS cost_estimated
FROM {cells(wanted)} GROUP BY ALL {_order(wanted, "requests")}"""


def _users_first(wanted: Wanted) -> str:
    return f"""SELECT {_groups(wanted)}, round(sum(cost), 6) AS cost, sum(requests)::BIGINT AS requests,
    (sum(tokens_in) + sum(tokens_out))::BIGINT AS tokens, round(sum(cost) / sum(sum(cost)) OVER (), 4) AS share_of_cost,
    max(last_hour) AS last_hour
FROM {cells(wanted)} GROUP BY ALL {_order(wanted, "cost")}"""


def _latency(wanted: Wanted) -> str:
    names = ", ".join(f'"{word}"' for word in wanted.by)
    column, hist = SPANS[wanted.metric], f"{wanted.metric}_hist"
    count = {"total": "requests", "first": "firsts", "wait": "waits"}[wanted.metric]

    def percentile(share: float) -> str:
        return f"round({middle(f'min(bucket) FILTER (upto >= {share} * every)')}, 2)"

    return f"""WITH cells AS (SELECT {_groups(wanted)}, {count} AS n, {column} AS ms, {hist} AS hist FROM {cells(wanted)}),
sums AS (SELECT {names}, sum(n)::BIGINT AS requests, round(sum(ms) / nullif(sum(n), 0), 2) AS mean_ms FROM cells GROUP BY ALL),
spread AS (SELECT {names}, unnest(map_entries(hist)) AS entry FROM cells),
buckets AS (SELECT {names}, entry.key AS bucket, sum(entry.value)::BIGINT AS n FROM spread GROUP BY ALL),
ranks AS (SELECT *, sum(n) OVER (PARTITION BY {names} ORDER BY bucket) AS upto, sum(n) OVER (PARTITION BY {names}) AS every
    FROM buckets),
percentiles AS (SELECT {names}, {percentile(0.5)} AS p50_ms, {percentile(0.95)} AS p95_ms, {percentile(0.99)} AS p99_ms
    FROM ranks GROUP BY ALL)
SELECT {names}, requests, mean_ms, p50_ms, p95_ms, p99_ms FROM sums JOIN percentiles USING ({names})
{_order(wanted, "requests")}"""


def _errors(wanted: Wanted) -> str:
    return f"""SELECT error, provider, {DIMENSIONS["model"]} AS model, count(*) AS requests, max(created) AS last_at,
    arg_max(message, job) AS last_message, max(job) AS last_job
FROM {rows(wanted, "error IS NOT NULL")} GROUP BY ALL ORDER BY requests DESC, error, provider, model LIMIT {wanted.limit}"""


def _speed(wanted: Wanted) -> str:
    return f"""SELECT {_groups(wanted)}, sum(requests)::BIGINT AS requests, sum(tokens_out)::BIGINT AS tokens_out,
    round(1000 * sum(tokens_out) / nullif(sum(total_ms), 0), 2) AS tokens_per_second,
    sum(stream_tokens)::BIGINT AS streamed_tokens,
    round(1000 * sum(stream_tokens) / nullif(sum(stream_ms), 0), 2) AS streamed_per_second,
    round(sum(first_ms) / nullif(sum(firsts), 0), 2) AS mean_first_ms
FROM {cells(wanted)} AND outcome = 'done' AND NOT cached AND tokens_out > 0 GROUP BY ALL {_order(wanted, "tokens_out")}"""


def _cache(wanted: Wanted) -> str:
    return f"""SELECT {_groups(wanted)}, sum(requests)::BIGINT AS requests,
    coalesce(sum(requests) FILTER (cached), 0)::BIGINT AS from_our_cache,
    round(coalesce(sum(requests) FILTER (cached), 0) / sum(requests), 4) AS our_share,
    sum(tokens_in)::BIGINT AS tokens_in, sum(tokens_cached)::BIGINT AS tokens_cached,
    round(sum(tokens_cached) / nullif(sum(tokens_in), 0), 4) AS providers_share,
    sum(tokens_written)::BIGINT AS tokens_written
FROM {cells(wanted)} GROUP BY ALL {_order(wanted, "requests")}"""


def _retries(wanted: Wanted) -> str:
    return f"""SELECT {_groups(wanted)}, sum(requests)::BIGINT AS requests, sum(attempts)::BIGINT AS attempts,
    sum(retried)::BIGINT AS retried, round(sum(retried) / sum(requests), 4) AS share,
    coalesce(sum(retried) FILTER (outcome = 'done'), 0)::BIGINT AS saved
FROM {cells(wanted)} GROUP BY ALL {_order(wanted, "retried")}"""


def _attempts(wanted: Wanted) -> str:
    tests = [*tests_of(msgspec.structs.replace(wanted, model="")), *wanted.span.tests("created")]
    if wanted.model:
        tests.append(f"model = {quoted(wanted.model)}")
    return f"""SELECT provider, error, count(*) AS attempts, count(*) FILTER (NOT last) AS tried_again,
    round(avg(ms), 2) AS mean_ms
FROM attempts{where(tests)} GROUP BY ALL ORDER BY attempts DESC, provider, error LIMIT {wanted.limit}"""


def _clients(wanted: Wanted) -> str:
    by = wanted.by[0]
    return f"""SELECT {by}, count(*) AS requests, count(DISTINCT key) AS keys, count(*) FILTER (outcome = 'failed') AS failed,
    max(created) AS last_at
FROM {rows(wanted, f"{by} <> ''")} GROUP BY ALL ORDER BY requests DESC, {by} LIMIT {wanted.limit}"""


def _slowest(wanted: Wanted) -> str:
    column = SPANS[wanted.metric]
    found = rows(wanted, f"{column} IS NOT NULL")
    return f"""SELECT job, created, key, op, {DIMENSIONS["model"]} AS model, provider, outcome, error, tokens_in, tokens_out,
    attempts, wait_ms, first_ms, total_ms
FROM {found} AND {column} >= ({_least(wanted)})
ORDER BY {column} DESC, job DESC LIMIT {wanted.limit}"""


def _least(wanted: Wanted) -> str:
    """SQL: what the last of the slowest took at least, so that of all others one column is read. The slowest of each cell of
    the rollup are so many requests; where there is no whole day, the requests are looked through."""
    days, column = wanted.span.days(), SPANS[wanted.metric]
    if wanted.tag or wanted.raw or days.empty:
        source = f"SELECT {column} AS ms FROM {rows(wanted)}"
    else:
        source = f"SELECT {wanted.metric}_max AS ms FROM daily" + where([*tests_of(wanted), *days.tests("day")])
    return f"""SELECT CASE WHEN count(ms) = {wanted.limit} THEN min(ms) ELSE '-inf'::DOUBLE END
    FROM ({source} ORDER BY 1 DESC NULLS LAST LIMIT {wanted.limit})"""


def _idle(wanted: Wanted) -> str:
    by = wanted.by[0]
    known = [person.key for person in wanted.people] if by == "key" else wanted.providers
    if wanted.keys is not None and by == "key":
        known = [key for key in known if key in wanted.keys]
    listed = ", ".join(f"({quoted(name)})" for name in known)
    names = f"VALUES {listed}" if listed else "SELECT NULL::VARCHAR LIMIT 0"
    every = msgspec.structs.replace(wanted, span=Span(), by=())
    now = literal(wanted.now.replace(microsecond=0))
    return f"""SELECT name AS {by}, last_hour, date_diff('day', last_hour, {now}) AS days
FROM ({names}) AS known(name)
LEFT JOIN (SELECT {by}, max(last_hour) AS last_hour FROM {cells(every)} GROUP BY ALL) AS seen ON seen.{by} = known.name
WHERE coalesce(last_hour < {now} - INTERVAL {wanted.days} DAY, true)
ORDER BY last_hour NULLS FIRST, name LIMIT {wanted.limit}"""


def _summary(wanted: Wanted) -> str:
    return callers.summary(cells(wanted))


def _breakdown(wanted: Wanted) -> str:
    return callers.breakdown(wanted.by[0], rows(wanted), wanted.limit)


_ANY = tuple(DIMENSIONS)
_EVERY = (
    Report("summary", "All of it in one row.", _summary),
    Report("usage", "Requests, tokens and cost.", _usage, _ANY, "model"),
    Report("breakdown", "The same by what only the requests' own rows know: status, tag, address, browser, how long it took.",
           _breakdown, ("status", "tag", "duration", "client", "browser", "device", "bot", "user_agent", "error"), "status"),
    Report("top_users", "Who costs most.", _users_first, ("user", "key", "tenant"), "user", rows=20),
    Report(
        "latency", "Percentiles of a duration: in all, to the first piece, or before the first attempt.",
        _latency, _ANY, "model", ("metric",), tuple(SPANS),
    ),
    Report("waits", "How long requests waited for their first attempt.", _latency, _ANY, "queue", (), ("wait",)),
    Report("speed", "Tokens of answers a second: over all the time, and of streams since their first piece.",
           _speed, _ANY, "model,provider"),
    Report("errors", "Failures by code, provider and model, with what was said last.", _errors),
    Report("retries", "Requests that were tried more than once; `saved` are those of them that were done at last.",
           _retries, _ANY, "provider"),
    Report("attempts", "Attempts by provider and how they ended, and how many were tried again or elsewhere.", _attempts),
    Report("cache", "Answers out of our cache, and tokens of prompts out of the providers'.", _cache, _ANY, "model"),
    Report("clients", "Addresses or programs that ask most.", _clients, ("client", "user_agent"), "client"),
    Report("slowest", "The requests that took longest.", _slowest, (), "", ("metric",), tuple(SPANS), 50),
    Report("idle", "Keys or providers without a request for so many days.", _idle, ("key", "provider"), "key", ("days",)),
)  # fmt: skip
REPORTS = {report.name: report for report in _EVERY}


def report_of(name: str) -> Report:
    """Raises `Problem(NOT_FOUND)`."""
    if name not in REPORTS:
        raise Problem(
            Code.NOT_FOUND, f"There is no report '{name[:60]}'; there are {', '.join(REPORTS)}.", param="name"
        )
    return REPORTS[name]
