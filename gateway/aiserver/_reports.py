"""A month's requests summed up in each way: one SELECT for each dimension, and what follows from those by adding up.

What a newcomer would get wrong: users, tags, browsers, devices and bots are no columns: a user is what its keys are, a tag
what its operations are, a browser what its user agents are. So those are sums of sums.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bus.config import Config
from gateway.aiserver._agents import client_of
from gateway.aiserver._numbers import number_of
from gateway.past import dicts
from schemas.dtos.analytics import AnalyticsReports, RequestSummary
from schemas.operations import OPERATIONS, TRANSFORMS
from storage.sql import Result

BOUNDS = (20, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Milliseconds."""
MOST = 1000
"""Entries of one dimension, those with most requests."""
CROSS = 100
"""Entries of one cross count."""
_BUCKET = "CASE " + " ".join(f"WHEN total_ms <= {n} THEN '{n}'" for n in BOUNDS) + f" ELSE '>{BOUNDS[-1]}' END"
DIMENSIONS = {
    "op": "op",
    "key": "key",
    "ip": "client",
    "status": "status::VARCHAR",
    "day": "strftime(created, '%-d')",
    "agent": "user_agent",
}
"""Name -> SQL."""
Summaries = dict[str, RequestSummary]


def questions(where: str) -> list[str]:
    """One for each dimension, and at last one for the last request."""
    sums = f"""count(*) AS n, coalesce(sum(strlen(request)), 0)::BIGINT AS bytes,
        coalesce(min(strlen(request)), 0) AS least, coalesce(max(strlen(request)), 0) AS most, sum(total_ms) AS ms,
        min(total_ms) AS quickest, max(total_ms) AS slowest, histogram(status) AS statuses,
        histogram({_BUCKET}) AS buckets, histogram(op) AS ops, histogram(key) AS keys, histogram(client) AS ips"""
    each = [
        f"SELECT {sql} AS name, {sums} FROM requests {where} GROUP BY 1 ORDER BY n DESC, name LIMIT {MOST}"
        for sql in DIMENSIONS.values()
    ]
    return [*each, f"SELECT coalesce(max(job), 0) FROM requests {where}"]


def reports(found: list[Result], config: Config) -> AnalyticsReports:
    """The answers to `questions`, put together."""
    op, key, ip, status, day, agent = (
        {row["name"] or "": _summary(row, config) for row in dicts(result)} for result in found[: len(DIMENSIONS)]
    )
    agents = {name: client_of(name) for name in agent}
    return AnalyticsReports(
        id=found[-1].rows[0][0],
        version=1.0,
        apis=op,
        users=_merged(key, lambda name: user_of(config, name)),
        tags=_merged(op, tag_of),
        status=status,
        days=day,
        api_keys=_merged(key, lambda name: str(number_of(name)), lambda name: name_of(config, name)),
        ips={name: one for name, one in ip.items() if name},
        browsers=_merged(agent, lambda name: agents[name].browser),
        devices=_merged(agent, lambda name: agents[name].device),
        bots=_merged(agent, lambda name: agents[name].bot),
        durations=_added([one.durations or {} for one in op.values()]),
    )


def user_of(config: Config, key: str) -> str:
    """Whose key it is: the operator's word for the user, else the key's own name."""
    known = config.keys.get(key)
    return (known.user_id or known.user or known.name) if known else key


def name_of(config: Config, key: str) -> str:
    known = config.keys.get(key)
    return known.name if known else key


def tag_of(op: str) -> str:
    """The group of APIs that an operation is in."""
    if op in ("chat", "embeddings"):
        return "AI"
    operation = OPERATIONS.get(op)
    return "Media" if operation in TRANSFORMS else "AI" if operation is not None and operation.media else "Other"


def _summary(row: Mapping[str, Any], config: Config) -> RequestSummary:
    keys: dict[str, int] = row["keys"]
    return RequestSummary(
        name=row["name"] or "",
        total_requests=row["n"],
        total_request_length=row["bytes"],
        min_request_length=row["least"],
        max_request_length=row["most"],
        total_duration=row["ms"],
        min_duration=row["quickest"],
        max_duration=row["slowest"],
        status=dict(row["statuses"]),
        durations=dict(row["buckets"]),
        apis=_top(row["ops"]),
        users=_top(_added([{user_of(config, key): n} for key, n in keys.items()])),
        ips=_top({ip: n for ip, n in row["ips"].items() if ip}),
        api_keys=_top({str(number_of(key)): n for key, n in keys.items()}),
    )


def _merged(found: Summaries, into: Callable[[str], str], called: Callable[[str], str] | None = None) -> Summaries:
    """Summaries under another name, those of one name added up; what has none is left out."""
    made: Summaries = {}
    for name, one in found.items():
        if other := into(name):
            made[other] = _sum(made[other], one) if other in made else _sum(RequestSummary(), one, first=True)
            made[other].name = called(name) if called else other
    return dict(sorted(made.items(), key=lambda item: (-item[1].total_requests, item[0])))


def _sum(one: RequestSummary, other: RequestSummary, first: bool = False) -> RequestSummary:
    least = other if first else one
    counts: dict[str, Any] = {
        name: _top(_added([getattr(one, name) or {}, getattr(other, name) or {}]))
        for name in ("status", "durations", "apis", "users", "ips", "api_keys")
    }
    return RequestSummary(
        total_requests=one.total_requests + other.total_requests,
        total_request_length=one.total_request_length + other.total_request_length,
        min_request_length=min(least.min_request_length, other.min_request_length),
        max_request_length=max(one.max_request_length, other.max_request_length),
        total_duration=one.total_duration + other.total_duration,
        min_duration=min(least.min_duration, other.min_duration),
        max_duration=max(one.max_duration, other.max_duration),
        **counts,
    )


def _added(counts: list[dict[Any, int]]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for one in counts:
        for name, n in one.items():
            found[name] = found.get(name, 0) + n
    return found


def _top(counts: dict[Any, int]) -> dict[Any, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:CROSS])
