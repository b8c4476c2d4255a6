"""What only a request's own row tells, as SQL: its browser, device and bot, how long it took, how it ended for HTTP.

What a newcomer would get wrong: the browser is guessed from what the client calls itself, in the same order here and in
`gateway/aiserver/_agents.py` (a test holds them together), and from the few different names rather than from each row:
`breakdown` first counts by name, then puts names together.
"""

import re
from collections.abc import Mapping

from schemas.problem import Code, Problem
from storage.duck import quoted
from storage.hourly import SPANS, middle

BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
DEVICES = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
BOT = r"([A-Za-z][\w.-]*(?:bot|crawler|spider|slurp)[\w.-]*)"
FIRST = r"[A-Za-z][\w .+-]{0,40}"
BOUNDS = (20, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Milliseconds at which one class of durations ends and the next begins."""
_AGENT = "coalesce(user_agent, '')"
_DURATION = re.compile(r"(\d{1,9})-(\d{1,9})?\Z")


def _bot() -> str:
    return f"regexp_extract({_AGENT}, '{BOT}', 1, 'i')"


def _device() -> str:
    marks = " ".join(f"WHEN contains({_AGENT}, '{mark}') THEN '{name}'" for mark, name in DEVICES)
    return f"CASE WHEN {_AGENT} = '' THEN '' {marks} ELSE 'None' END"


def _browser() -> str:
    """A program that is no browser goes by its own name."""
    marks = " ".join(f"WHEN contains({_AGENT}, '{mark}') THEN '{name}'" for mark, name in BROWSERS)
    own = f"coalesce(nullif(trim(split_part(regexp_extract({_AGENT}, '^{FIRST}'), '/', 1)), ''), 'None')"
    return (
        f"CASE WHEN {_bot()} <> '' THEN '' WHEN NOT contains({_AGENT}, 'Mozilla/') THEN {own} {marks} ELSE 'None' END"
    )


def _class() -> str:
    """The number of a duration's class, from 1."""
    classes = " ".join(f"WHEN total_ms <= {most} THEN {n + 1}" for n, most in enumerate(BOUNDS))
    return f"CASE {classes} WHEN total_ms IS NOT NULL THEN {len(BOUNDS) + 1} END"


def _duration() -> str:
    names = [f"{least}-{most}" for least, most in zip((0, *BOUNDS), (*BOUNDS, ""), strict=True)]
    return f"coalesce([{', '.join(map(quoted, names))}][name], '')"


NAMES = {"browser": _browser(), "device": _device(), "bot": _bot(), "user_agent": _AGENT}
"""Words for what is read from the name that a client gives itself -> SQL."""
TRAITS = {
    **{word: ("user_agent", sql) for word, sql in NAMES.items()},
    "client": ("client", "coalesce(name, '')"),
    "status": ("status", "coalesce(name, 0)::VARCHAR"),
    "tag": ("tag", "coalesce(name, '')"),
    "duration": (_class(), _duration()),
    "error": ("error", "coalesce(name, '')"),
}
"""Words for `by` of the report `breakdown` -> SQL over `requests`, as cheap as can be for it is done for each row, and what is
made of its few different values."""
FILTERS = ("status", "duration", *NAMES)
"""What the log of requests can also be narrowed by; empty ones are not asked for."""


def tests(said: Mapping[str, str]) -> list[str]:
    """SQL. Raises `Problem(INVALID_REQUEST)` that names the parameter."""
    found = [f"{sql} = {quoted(said[word])}" for word, sql in NAMES.items() if said.get(word)]
    if said.get("status"):
        found.append(f"status = {_status(said['status'])}")
    if said.get("duration"):
        found += _took(said["duration"])
    return found


def _status(said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) < 4):
        raise Problem(Code.INVALID_REQUEST, f"status is a number such as 429, not '{said[:40]}'.", param="status")
    return int(said)


def _took(said: str) -> list[str]:
    match = _DURATION.match(said)
    if match is None:
        told = f"duration is milliseconds from and to, as 100-250 or 60000-, not '{said[:40]}'."
        raise Problem(Code.INVALID_REQUEST, told, param="duration")
    least = f"total_ms > {int(match[1])}" if int(match[1]) else "total_ms >= 0"
    return [least, *([f"total_ms <= {int(match[2])}"] if match[2] else [])]


def breakdown(by: str, source: str, limit: int) -> str:
    """`source`: what stands after FROM, over `requests`."""
    each, then = TRAITS[by]
    return f"""WITH counted AS (SELECT {each} AS {"user_agent" if by in NAMES else "name"}, count(*) AS n,
    count(*) FILTER (outcome = 'failed') AS failed, count(*) FILTER (outcome = 'cancelled') AS cancelled,
    sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(cost) AS cost, sum(total_ms) AS ms,
    max(created) AS last_at
FROM {source} GROUP BY 1)
SELECT {then} AS {by}, sum(n)::BIGINT AS requests, sum(failed)::BIGINT AS failed, sum(cancelled)::BIGINT AS cancelled,
    coalesce(sum(tokens_in), 0)::BIGINT AS tokens_in, coalesce(sum(tokens_out), 0)::BIGINT AS tokens_out,
    round(sum(cost), 6) AS cost, round(sum(ms) / sum(n), 2) AS mean_ms, max(last_at) AS last_at
FROM counted GROUP BY 1 ORDER BY requests DESC, 1 LIMIT {limit}"""


def _share(name: str, percent: int) -> str:
    """SQL: the duration that so many of a hundred did not take longer than."""
    bucket = f"min(bucket) FILTER (span = '{name}' AND upto >= {percent / 100} * every)"
    return f"round({middle(bucket)}, 2) AS {name}_p{percent}_ms"


def summary(source: str) -> str:
    """`source`: what stands after FROM, over `hourly`. One row; none where there are no requests.

    Each part reads for itself the columns it needs: kept once for all, the cells with their maps cost half as much again.
    """
    spread = " UNION ALL ".join(
        f"(SELECT '{name}' AS span, unnest(map_entries({name}_hist)) AS entry FROM cells)" for name in SPANS
    )
    shares = ", ".join(_share(name, percent) for name in SPANS for percent in (50, 95, 99))
    answered = "outcome = 'done' AND NOT cached AND tokens_out > 0"
    return f"""WITH cells AS NOT MATERIALIZED (SELECT * FROM {source}),
spread AS ({spread}),
buckets AS (SELECT span, entry.key AS bucket, sum(entry.value)::BIGINT AS n FROM spread GROUP BY ALL),
ranks AS (SELECT *, sum(n) OVER (PARTITION BY span ORDER BY bucket) AS upto, sum(n) OVER (PARTITION BY span) AS every
    FROM buckets),
shares AS (SELECT {shares} FROM ranks),
sums AS (SELECT coalesce(sum(requests), 0)::BIGINT AS requests,
    coalesce(sum(requests) FILTER (outcome = 'failed'), 0)::BIGINT AS failed,
    coalesce(sum(requests) FILTER (outcome = 'cancelled'), 0)::BIGINT AS cancelled,
    coalesce(sum(tokens_in), 0)::BIGINT AS tokens_in, coalesce(sum(tokens_out), 0)::BIGINT AS tokens_out,
    coalesce(sum(tokens_cached), 0)::BIGINT AS tokens_cached, round(sum(cost), 6) AS cost,
    coalesce(sum(unpriced), 0)::BIGINT AS unpriced,
    coalesce(sum(requests) FILTER (cached), 0)::BIGINT AS from_our_cache, coalesce(sum(retried), 0)::BIGINT AS retried,
    count(DISTINCT key) AS keys, count(DISTINCT coalesce(nullif(served, ''), model)) AS models,
    round(sum(total_ms) / nullif(sum(requests), 0), 2) AS mean_ms,
    round(1000 * sum(tokens_out) FILTER ({answered}) / nullif(sum(total_ms) FILTER ({answered}), 0), 2) AS tokens_per_second,
    round(1000 * sum(stream_tokens) FILTER ({answered}) / nullif(sum(stream_ms) FILTER ({answered}), 0), 2)
        AS streamed_per_second
    FROM cells)
SELECT * FROM sums CROSS JOIN shares WHERE requests > 0"""
