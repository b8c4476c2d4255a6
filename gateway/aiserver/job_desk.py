"""Admin DTOs that act on jobs and count them: cancel, requeue, workers, the dashboard.

A worker is a provider's queue here. What a newcomer would get wrong: to cancel a worker is to end what it has in hand and
what waits for it; the worker itself stays, and takes the next job that comes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bus import subjects
from bus.fleet import STALE
from bus.requeue import requeue
from bus.underway import Underway, claims, underway
from gateway.aiserver._handlers import answers
from gateway.aiserver._past import EVERY, month_name
from gateway.aiserver._where import moment
from gateway.aiserver.call import Call
from gateway.aiserver.jobs import MOST_OPEN, open_job
from gateway.past import dicts, past_of, sight, text
from schemas.dtos.admin_jobs import (
    AdminCancelJobs,
    AdminCancelJobsResponse,
    AdminJobDashboard,
    AdminJobDashboardResponse,
    AdminJobInfo,
    AdminJobInfoResponse,
    AdminRequeueFailedJobs,
    AdminRequeueFailedJobsJobsResponse,
    CancelWorker,
    GetWorkerStats,
    GetWorkerStatsResponse,
    HourSummary,
    JobStatSummary,
)
from schemas.dtos.base import EmptyResponse
from schemas.dtos.jobs import BackgroundJobState, WorkerStats
from schemas.job import State
from schemas.problem import Code, Fault, Problem
from schemas.provider import Heartbeat

STOPPED = Fault(Code.CANCELLED, "Cancelled by an administrator.")
Row = dict[str, Any]


# ---- acting -----------------------------------------------------------------------------------------------------------


@answers(AdminCancelJobs)
async def cancel_jobs(asked: AdminCancelJobs, call: Call) -> AdminCancelJobsResponse:
    """Those with these ids; those of a worker, in a state, or both; all that a worker has (`cancelWorker`)."""
    ids = list(asked.ids or ())
    if asked.worker or asked.state:
        ids += [one.record.job.id for one in await _open(call) if _meant(one, asked)]
    results, errors = await _each(dict.fromkeys(ids), lambda number: _cancel(call, number))
    if asked.cancel_worker:
        results += await _cancel_worker(call, asked.cancel_worker)
    return AdminCancelJobsResponse(results=list(dict.fromkeys(results)), errors=errors)


@answers(CancelWorker)
async def cancel_worker(asked: CancelWorker, call: Call) -> EmptyResponse:
    await _cancel_worker(call, asked.worker)
    return EmptyResponse()


@answers(AdminRequeueFailedJobs)
async def requeue_failed(asked: AdminRequeueFailedJobs, call: Call) -> AdminRequeueFailedJobsJobsResponse:
    """Each begins a new run under its own id; why one could not is told by its id."""
    dispatcher = call.rooms.parts.dispatcher

    async def again(number: int) -> None:
        await requeue(dispatcher, call.key.tenant, number)

    results, errors = await _each(dict.fromkeys(asked.ids or ()), again)
    return AdminRequeueFailedJobsJobsResponse(results=results, errors=errors)


async def _each(ids: Iterable[int], work: Callable[[int], Awaitable[None]]) -> tuple[list[int], dict[int, str]]:
    """Which of them worked, and why the others did not."""
    results, errors = list[int](), dict[int, str]()
    for number in ids:
        try:
            await work(number)
            results.append(number)
        except Problem as problem:
            errors[number] = str(problem)
    return results, errors


async def _cancel(call: Call, number: int) -> None:
    view = await call.rooms.desk.cancel(call.key, number)
    if view.status is not State.CANCELLED:
        raise Problem(Code.CONFLICT, f"Job {number} is {view.status}; it can't be cancelled any more.")


async def _cancel_worker(call: Call, worker: str) -> list[int]:
    """All it has of the administrator's tenant (of the house's: of everybody's): queued jobs, those in its agents' hands, and
    sync calls."""
    parts, tenant = call.rooms.parts, sight(call.key).tenant
    known = {seen.beat.queue for seen in parts.fleet.agents.values()} | set(parts.config.providers)
    if worker not in known:
        raise Problem(Code.NOT_FOUND, f"There is no worker '{worker[:80]}'.", param="worker")
    mine = [one.record.job.id for one in await _open(call) if worker in _workers(one)]
    results, _ = await _each(mine, lambda number: _cancel(call, number))
    if tenant:
        board = parts.dispatcher.switchboard
        held = [one.job for one in await board.calls(tenant) if one.queue == worker]
        await asyncio.gather(*(board.cancel(number, tenant) for number in held))
        return results
    for line in [line for line in parts.dispatcher.calls.values() if line.queue == worker]:
        line.fail(STOPPED)
    for seen in parts.fleet.agents.values():
        if worker in (seen.beat.queue, seen.beat.provider):
            parts.bus.tell(subjects.agent_cmd(seen.beat.agent, "cancel"))
    return results


async def _open(call: Call) -> list[Underway]:
    return await underway(call.rooms.desk.jobs, call.key.tenant, MOST_OPEN)


def _workers(one: Underway) -> set[str]:
    return {one.queue, one.claim.provider if one.claim else ""} - {""}


def _meant(one: Underway, asked: AdminCancelJobs) -> bool:
    if asked.worker and asked.worker not in _workers(one):
        return False
    return asked.state is None or open_job(one).state == asked.state


# ---- workers ----------------------------------------------------------------------------------------------------------


@answers(GetWorkerStats)
async def worker_stats(asked: GetWorkerStats, call: Call) -> GetWorkerStatsResponse:
    """Counted by its agents since they began."""
    stats = await _stats(call)
    return GetWorkerStatsResponse(results=stats, queue_counts={one.name or "": one.queued for one in stats})


async def _stats(call: Call) -> list[WorkerStats]:
    parts, now = call.rooms.parts, time.monotonic()
    beats: dict[str, list[Heartbeat]] = {}
    for seen in parts.fleet.agents.values():
        if now - seen.at < STALE:
            beats.setdefault(seen.beat.queue, []).append(seen.beat)
    running: dict[str, tuple[float, int]] = {}
    for claim in (await claims(parts.bus)).values():
        if claim.started and claim.agent in parts.fleet.agents:
            running[claim.queue] = min(running.get(claim.queue, (claim.started, claim.job)), (claim.started, claim.job))
    waiting = {view.name: view.waiting for view in parts.fleet.queues()}
    return [_worker(name, beats.get(name, []), waiting[name], running.get(name)) for name in sorted(waiting)]


def _worker(name: str, beats: list[Heartbeat], waiting: int, running: tuple[float, int] | None) -> WorkerStats:
    done, failed, retried = (sum(getattr(beat, what) for beat in beats) for what in ("done", "failed", "retried"))
    in_hand = sum(beat.in_flight for beat in beats)
    return WorkerStats(
        name=name,
        queued=waiting,
        received=done + failed + in_hand,
        completed=done,
        retries=retried,
        failed=max(0, failed - retried),
        running_job=running[1] if running else None,
        running_time=timedelta(seconds=max(0.0, time.time() - running[0])) if running else None,
    )


# ---- counting ---------------------------------------------------------------------------------------------------------


@answers(AdminJobDashboard)
async def dashboard(asked: AdminJobDashboard, call: Call) -> AdminJobDashboardResponse:
    """Sums over what was accepted from `from` to `to`, and the hours of this day (UTC)."""
    tests = [f"tenant = {text(call.key.tenant)}"]
    tests += [f"created >= {moment(asked.from_)}"] if asked.from_ else []
    tests += [f"created < {moment(asked.to)}"] if asked.to else []
    counts = """count(*) AS total, count(*) FILTER (outcome = 'done') AS completed,
        count(*) FILTER (outcome = 'failed') AS failed, count(*) FILTER (outcome = 'cancelled') AS cancelled,
        coalesce(sum(greatest(attempts - 1, 0)), 0)::BIGINT AS retries"""
    table = f"""SELECT style = 'sync' AS api, op, coalesce(nullif(provider, ''), queue) AS worker, {counts},
        grouping(worker) = 0 AS by_worker FROM {EVERY} WHERE {" AND ".join(tests)}
        GROUP BY GROUPING SETS ((api, op), (worker)) ORDER BY total DESC, op, worker"""
    today = moment(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    hours = f"""SELECT strftime(created, '%H:00') AS hour, {counts} FROM {EVERY}
        WHERE tenant = {text(call.key.tenant)} AND created >= {today} GROUP BY hour ORDER BY hour"""
    sums, clock = (dicts(found) for found in await past_of(call.rooms.parts.past).ask(table, hours))
    return AdminJobDashboardResponse(
        commands=[_summed(row, "op") for row in sums if not row["by_worker"] and not row["api"]],
        apis=[_summed(row, "op") for row in sums if not row["by_worker"] and row["api"]],
        workers=[_summed(row, "worker") for row in sums if row["by_worker"] and row["worker"]],
        today=[
            HourSummary(**{name: row[name] for name in ("hour", "total", "completed", "failed", "cancelled")})
            for row in clock
        ],
    )


def _summed(row: Row, name: str) -> JobStatSummary:
    counted = {what: row[what] for what in ("total", "completed", "retries", "failed", "cancelled")}
    return JobStatSummary(name=row[name], **counted)


@answers(AdminJobInfo)
async def info(asked: AdminJobInfo, call: Call) -> AdminJobInfoResponse:
    """`tableCounts` of Completed and Failed jobs are those of the month; this one, unless another is named."""
    past, now = past_of(call.rooms.parts.past), await _open(call)
    month = month_name(asked.month) or datetime.now(UTC).strftime("%Y-%m")
    mine = f"tenant = {text(call.key.tenant)}"
    every = f"SELECT outcome, month = {text(month)} AS this, count(*) AS n FROM {EVERY} WHERE {mine} GROUP BY ALL"
    (counted,) = await past.ask(every)
    states, workers = dict[BackgroundJobState, int](), dict[str, int]()
    for one in now:
        job = open_job(one)
        states[job.state] = states.get(job.state, 0) + 1
        workers[job.worker or ""] = workers.get(job.worker or "", 0) + 1
    done = sum(n for outcome, this, n in counted.rows if this and outcome == "done")
    bad = sum(n for outcome, this, n in counted.rows if this and outcome != "done")
    stats = await _stats(call)
    return AdminJobInfoResponse(
        month_dbs=[datetime.strptime(one, "%Y-%m").replace(tzinfo=UTC) for one in await past.months()],
        table_counts={
            "BackgroundJob": len(now),
            "JobSummary": sum(n for _, _, n in counted.rows) + len(now),
            "CompletedJob": done,
            "FailedJob": bad,
        },
        worker_stats=stats,
        queue_counts={one.name or "": one.queued for one in stats},
        worker_counts=workers,
        state_counts=states,
    )
