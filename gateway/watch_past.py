"""The hour before this gateway began, out of the archive: its minutes, what each key asked, and what failed last.

Asked once, when somebody looks for the first time: a gateway that nobody watches never opens the archive. What a newcomer
would get wrong: a request belongs to the minute in which it ended, and the archive is ordered by when it came.
"""

import time
from typing import Any

import structlog

from bus.watch_hearing import Hearing
from bus.watch_tally import HOUSEWORK
from gateway.past import Past, text
from schemas.problem import Problem
from schemas.watch import BUCKETS, MOST_FAILURES, Failure, KeyCount, MinuteCount

log = structlog.get_logger()

LONGEST = 86_400
"""Seconds: what ran longer is left out."""
MOST = 100_000
"""Rows of an answer."""
_FOUND = """
with ended as (
  select *, epoch(created) + total_ms / 1000 as ended
  from requests where created >= to_timestamp({oldest})::timestamp
)
select *, (floor(ended / 60) * 60)::bigint as minute from ended where ended >= {first} and ended < {since}
"""
_MINUTES = """
select minute, tenant, outcome, case when total_ms > 1 then floor(log2(total_ms) * {buckets})::int else 0 end as bucket,
  count(*), sum(tokens_in), sum(tokens_out), sum(total_ms), sum(first_ms), count(first_ms)
from ({found}) where op <> {housework} group by all
"""
_KEYS = """
select minute, tenant, key, count(*), count(*) filter (outcome = 'failed'), sum(tokens_in + tokens_out)
from ({found}) where op <> {housework} group by all
"""
_FAILED = """
select job, run, ended, op, coalesce(nullif(served, ''), model), queue, provider, key, tenant, style, error, message, attempts,
  total_ms / 1000, tag, ref
from ({found}) where outcome = 'failed' and error is not null order by ended desc limit {most}
"""


async def refill(hearing: Hearing, past: Past) -> None:
    """Never raises: without an archive the hour begins when the gateway did."""
    hour, now = hearing.hour, time.time()
    found = _FOUND.format(oldest=now - 3600 - LONGEST, first=now // 60 * 60 - 59 * 60, since=hour.since)
    more = {"found": found, "housework": text(HOUSEWORK), "buckets": BUCKETS, "most": MOST_FAILURES}
    questions = [query.format(**more) for query in (_MINUTES, _KEYS, _FAILED)]
    try:
        minutes, keys, failed = await past.ask(*questions, limit=MOST)
    except Problem as problem:
        log.info("watch.hour_unknown", error=str(problem))
        return
    except Exception:
        log.exception("watch.refill_failed")
        return
    hour.fill([_minute(row) for row in minutes.rows], [KeyCount(*row) for row in keys.rows], time.time())
    for row in failed.rows:
        hearing.fail(_failure(row))


def _minute(row: Any) -> MinuteCount:
    """Counts of one outcome and one bucket of latency."""
    minute, tenant, outcome, bucket, many, tokens_in, tokens_out, total, first, firsts = row
    count = MinuteCount(minute, tenant, tokens_in=int(tokens_in), tokens_out=int(tokens_out))
    if outcome == "done":
        count.done, count.total_ms, count.first_ms, count.firsts = many, float(total), float(first or 0), firsts
        count.buckets = {bucket: many}
    elif outcome == "failed":
        count.failed = many
    else:
        count.cancelled = many
    return count


def _failure(row: Any) -> Failure:
    job, run, at, *rest = row
    op, model, queue, provider, key, tenant, style, error, message, attempts, seconds, tag, ref = rest
    return Failure(
        f"{job}-{run}" if run else str(job), job, float(at), op, model, queue, provider, key, tenant, style, error,
        (message or "")[:300], attempts, round(float(seconds), 3), tag, ref,
    )  # fmt: skip
