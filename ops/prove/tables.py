"""The archive's other tables held against what the witnesses saw: attempts, jobs and callbacks. No I/O here.

What a newcomer would get wrong: an attempt of an agent that was killed may leave no row, and its call stands in the ledger
all the same. So each row must have its call, and each success its row, but not each call a row.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from ops.prove.crowd import Promise
from ops.prove.verdict import Line

Row = dict[str, Any]
SLACK = 0.5
"""Seconds by which the provider's clock and the agent's word may differ."""

ATTEMPTS = (
    "select job, run, n, provider, outcome, last, epoch(started) as started, epoch(ended) as ended from attempts "
    "where op = 'chat' and style in ('queued', 'callback')"
)
JOBS = "select job, run, state from jobs where op = 'chat'"
CALLBACKS = "select parent, job, run, n, outcome, last, webhook_id from callbacks"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables tell. `requests`: as in `Evidence.rows`, with `provider`, `attempts` and `run`."""

    requests: list[Row]
    attempts: list[Row]
    jobs: list[Row]
    callbacks: list[Row]


def faults(
    told: Told, promises: Mapping[int, Promise], ledger: list[Line], taken: Mapping[str, int]
) -> dict[str, list[str]]:
    """What can't be, in words -> where. `taken`: webhook-id -> deliveries that the receiver took."""
    return _attempts(told, promises, ledger) | _jobs(told) | _callbacks(told.callbacks, promises, taken)


def uncalled(callbacks: list[Row], promises: Mapping[int, Promise]) -> list[int]:
    """The jobs whose callback was wanted and is not told as delivered."""
    told = {row["parent"] for row in callbacks if row["last"] and row["outcome"] == "done"}
    return sorted(job for job, promise in promises.items() if promise.callback and job not in told)


def _attempts(told: Told, promises: Mapping[int, Promise], ledger: list[Line]) -> dict[str, list[str]]:
    calls: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in ledger:
        if line.ended == "done":
            calls[line.marker, line.provider].append(line)
    tried: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in told.attempts:
        tried[row["job"], row["run"]].append(row)
    runs = {(row["job"], row["run"]): row for row in told.requests}
    return {
        "attempts told twice": _twice(told.attempts, "job", "run", "n"),
        "attempts of nobody's request": [f"{job}.{run}" for job, run in tried if (job, run) not in runs],
        "attempts done without a call": [
            f"{row['job']}.{row['n']}"
            for row in told.attempts
            if row["outcome"] == "done" and not _called(row, promises.get(row["job"]), calls)
        ],
        "successes without their attempt": [
            f"{run[0]}" for run, row in runs.items() if row["outcome"] == "done" and not _crowned(row, tried[run])
        ],
        "more attempts than counted": [
            f"{run[0]}" for run, rows in tried.items() if run in runs and len(rows) > runs[run]["attempts"]
        ],
    }


def _called(row: Row, promise: Promise | None, calls: Mapping[tuple[str, str], list[Line]]) -> bool:
    """Whether the provider was called for it, within its time."""
    if promise is None:
        return False
    began, ended = row["started"] - SLACK, row["ended"] + SLACK
    return any(began <= line.start and line.end <= ended for line in calls.get((promise.marker, row["provider"]), ()))


def _crowned(row: Row, attempts: list[Row]) -> bool:
    """Whether one attempt succeeded, the last one, at the provider that the request names."""
    done = [one for one in attempts if one["outcome"] == "done"]
    return len(done) == 1 and bool(done[0]["last"]) and done[0]["provider"] == row["provider"]


def _jobs(told: Told) -> dict[str, list[str]]:
    states = {(row["job"], row["run"]): row["state"] for row in told.jobs}
    ends = {(row["job"], row["run"]): row["outcome"] for row in told.requests}
    return {
        "jobs told twice": _twice(told.jobs, "job", "run"),
        "jobs that end otherwise than their request": sorted(
            f"{job}.{run}" for job, run in states.keys() | ends.keys() if states.get((job, run)) != ends.get((job, run))
        ),
    }


def _callbacks(rows: list[Row], promises: Mapping[int, Promise], taken: Mapping[str, int]) -> dict[str, list[str]]:
    delivered = {row["webhook_id"] for row in rows if row["outcome"] == "done"}
    wanted = {job for job, promise in promises.items() if promise.callback}
    return {
        "tries of a callback told twice": _twice(rows, "job", "run", "n"),
        "callbacks that nobody wanted": sorted({str(row["parent"]) for row in rows} - {str(job) for job in wanted}),
        "callbacks told as delivered that nobody took": sorted(str(name) for name in delivered if not taken.get(name)),
        "callbacks taken and not told as delivered": [str(job) for job in uncalled(rows, promises)],
    }


def _twice(rows: list[Row], *names: str) -> list[str]:
    counted = Counter(tuple(row[name] for name in names) for row in rows)
    return [".".join(map(str, one)) for one, n in counted.items() if n > 1]
