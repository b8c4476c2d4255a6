"""Admin DTOs of background jobs: lists, one job, its progress. Open jobs come from the bus, ended ones from the archive.

What a newcomer would get wrong: a sync call is a job of the archive too, but never one of the queue; and an ended job is
answered by its record for a week, which has its result, and by the archive after that.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bus import subjects
from bus.underway import Underway, underway
from bus.view import view_of
from gateway.aiserver._handlers import answers
from gateway.aiserver._past import COLUMNS, EVERY, find, job_of, month_name, select, summary_of
from gateway.aiserver._where import Words, sql_of
from gateway.aiserver.call import Call
from gateway.aiserver.query import chosen
from gateway.aiserver.told import background_job, date, status_of_fault
from gateway.dialects._status import null
from gateway.past import dicts, past_of, text
from schemas.dtos._model import Dto
from schemas.dtos.admin_jobs import (
    AdminGetJob,
    AdminGetJobProgress,
    AdminGetJobProgressResponse,
    AdminGetJobResponse,
    AdminQueryBackgroundJobs,
    AdminQueryCompletedJobs,
    AdminQueryFailedJobs,
    AdminQueryJobSummary,
    AdminQueryScheduledTasks,
)
from schemas.dtos.base import QueryBase, QueryResponse
from schemas.dtos.jobs import (
    BackgroundJob,
    BackgroundJobBase,
    BackgroundJobState,
    CompletedJob,
    FailedJob,
    JobSummary,
    ScheduledTask,
)
from schemas.events import Progress, decode_event
from schemas.job import JobView, Record, State
from schemas.problem import Code, Problem

MOST_OPEN = 2000
"""Open jobs that are looked at, the newest first: each costs a read."""
LONGEST_LOG = 500
_KEYS = 32


# ---- lists ------------------------------------------------------------------------------------------------------------


@answers(AdminQueryBackgroundJobs)
async def background(asked: AdminQueryBackgroundJobs, call: Call) -> list[BackgroundJob]:
    """What waits or is at work now."""
    return [open_job(one) for one in await underway(call.rooms.desk.jobs, call.key.tenant, MOST_OPEN)]


def open_job(one: Underway) -> BackgroundJob:
    view = view_of(one.record, one.claim)
    job = background_job(BackgroundJob, one.record, view)
    job.worker = job.worker or one.queue or None
    return job


@answers(AdminQueryCompletedJobs)
async def completed(asked: AdminQueryCompletedJobs, call: Call) -> QueryResponse[Any]:
    return await _archived(asked, call, CompletedJob, "outcome = 'done'")


@answers(AdminQueryFailedJobs)
async def failed(asked: AdminQueryFailedJobs, call: Call) -> QueryResponse[Any]:
    """Cancelled ones are among them, as in the reference."""
    return await _archived(asked, call, FailedJob, "outcome <> 'done'")


async def _archived(asked: Any, call: Call, kind: type[BackgroundJobBase], only: str) -> QueryResponse[Any]:
    past, month = past_of(call.rooms.parts.past), month_name(asked.month)
    wanted = sql_of(kind, COLUMNS, asked, _words(call), "created DESC, job DESC")
    where = f"WHERE {only} AND tenant = {text(call.key.tenant)}" + wanted.where.replace("WHERE", " AND", 1)
    count = f"SELECT count(*) FROM {EVERY} {where}"
    page = select(where, wanted.order, f"LIMIT {wanted.take} OFFSET {wanted.skip}", bodies=True)
    total, rows = await past.ask(count, page, month=month)
    return page_of(kind, [job_of(kind, row) for row in dicts(rows)], (wanted.skip, total.rows[0][0]), asked)


@answers(AdminQueryJobSummary)
async def summaries(asked: AdminQueryJobSummary, call: Call) -> QueryResponse[Any]:
    """A row for each job, the open ones before those that have ended unless `orderBy` says otherwise."""
    past, tenant = past_of(call.rooms.parts.past), call.key.tenant
    wanted = sql_of(JobSummary, {name: name for name in JobSummary.__struct_fields__}, asked, _words(call), "id DESC")
    now = [_summary(open_job(one)) for one in await underway(call.rooms.desk.jobs, tenant, MOST_OPEN)]
    source = _summaries(tenant, now)
    count = f"SELECT count(*) FROM {source} {wanted.where}"
    page = f"SELECT * FROM {source} {wanted.where} {wanted.order} LIMIT {wanted.take} OFFSET {wanted.skip}"
    total, rows = await past.ask(count, page)
    return page_of(JobSummary, [summary_of(row) for row in dicts(rows)], (wanted.skip, total.rows[0][0]), asked)


def _summaries(tenant: str, now: list[JobSummary]) -> str:
    """The archive and the jobs of this moment as one table. A job that was put back is open and not failed."""
    names = [name for name in JobSummary.__struct_fields__ if name in COLUMNS]
    columns = ", ".join(f"{COLUMNS[name]} AS {name}" for name in names)
    ids = f" AND job NOT IN ({', '.join(str(one.id) for one in now)})" if now else ""
    archived = f"SELECT {columns} FROM {EVERY} WHERE tenant = {text(tenant)}{ids}"
    rows = ", ".join("(" + ", ".join(_value(getattr(one, name)) for name in names) + ")" for one in now)
    lacking = [name for name in JobSummary.__struct_fields__ if name not in COLUMNS]
    more = "".join(f", NULL::VARCHAR AS {name}" for name in lacking)
    union = f" UNION ALL SELECT * FROM (VALUES {rows}) AS t({', '.join(names)})" if now else ""
    return f"(SELECT *{more} FROM ({archived}{union}))"


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f"TIMESTAMP {text(value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' '))}"
    return text(value.value if isinstance(value, BackgroundJobState) else value)


def _summary(job: BackgroundJobBase) -> JobSummary:
    same = {name: getattr(job, name) for name in JobSummary.__struct_fields__ if hasattr(job, name)}
    return JobSummary(**same, error_message=job.error.message if job.error else None)


def page_of(kind: type[Dto], rows: list[Any], where: tuple[int, int], asked: QueryBase) -> QueryResponse[Any]:
    """`where`: how many rows were skipped, and how many there are in all."""
    shown = chosen(kind, rows, asked.fields) if asked.fields else rows
    return QueryResponse(offset=where[0], total=where[1], results=shown)


def _words(call: Call) -> Words:
    return [word for word in call.query if word[0].lower() != "month"]


@answers(AdminQueryScheduledTasks)
async def scheduled(asked: AdminQueryScheduledTasks, call: Call) -> list[ScheduledTask]:
    """What this house does again and again by itself."""
    tasks = [
        ("keeper.audit", 60.0, "Gives open jobs that lost their message a new one"),
        ("keeper.expire", 2.0, "Ends jobs that are past their deadline, and moves those that nobody serves"),
        ("janitor.sweep", 600.0, "Removes files that have lapsed"),
        ("archiver.append", 1.0, "Writes what has ended to the archive"),
        ("archiver.merge", 10.0, "Merges the archive's small files"),
    ]
    providers = sorted(call.rooms.parts.config.providers.values(), key=lambda one: one.name)
    tasks += [
        (f"provider.check:{one.name}", one.check_seconds, "Looks whether the provider answers, while it is idle")
        for one in providers
        if one.enabled and one.check_seconds
    ]
    return [
        ScheduledTask(
            id=place, name=name, interval=timedelta(seconds=every), request_type="CMD",
            command=name.partition(":")[0], request=about,
        )
        for place, (name, every, about) in enumerate(tasks, 1)
    ]  # fmt: skip


# ---- one --------------------------------------------------------------------------------------------------------------


@answers(AdminGetJob)
async def get(asked: AdminGetJob, call: Call) -> AdminGetJobResponse:
    """Wherever it is. Raises `Problem(NOT_FOUND)`."""
    if not asked.id and not asked.ref_id:
        raise null("id", "Say which job: by its id or by its refId.")
    number = asked.id or await _named(call, asked.ref_id or "")
    if number and (found := await _record(call, number)) is not None:
        return _told(*found)
    row = await find(past_of(call.rooms.parts.past), call.key, asked.id or 0, asked.ref_id or "")
    if row is None:
        raise Problem(Code.NOT_FOUND, "Job not found", param="id" if asked.id else "refId")
    if row["state"] == BackgroundJobState.Completed:
        return AdminGetJobResponse(result=summary_of(row), completed=job_of(CompletedJob, row))
    return AdminGetJobResponse(result=summary_of(row), failed=job_of(FailedJob, row))


def _told(record: Record, view: JobView) -> AdminGetJobResponse:
    kinds: dict[State, Callable[[], AdminGetJobResponse]] = {
        State.DONE: lambda: AdminGetJobResponse(completed=background_job(CompletedJob, record, view)),
        State.FAILED: lambda: AdminGetJobResponse(failed=background_job(FailedJob, record, view)),
        State.CANCELLED: lambda: AdminGetJobResponse(failed=background_job(FailedJob, record, view)),
    }
    made = kinds.get(record.state, lambda: AdminGetJobResponse(queued=background_job(BackgroundJob, record, view)))()
    whole = made.completed or made.failed or made.queued
    assert whole is not None
    made.result = _summary(whole)
    return made


async def _record(call: Call, number: int) -> tuple[Record, JobView] | None:
    desk = call.rooms.desk
    try:
        return await desk.result(call.key, number), await desk.view(call.key, number)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return None


async def _named(call: Call, ref: str) -> int:
    """The job that any key of the tenant has named so; of several the newest; 0: none."""
    if ref.isascii() and ref.isdecimal() and len(ref) <= 16:
        return int(ref)
    config, jobs, found = call.rooms.parts.config, call.rooms.desk.jobs, [0]
    keys = [key.id for key in config.keys.values() if key.tenant == call.key.tenant]
    for start in range(0, len(keys), _KEYS):
        some = keys[start : start + _KEYS]
        found += await asyncio.gather(*(jobs.named(call.key.tenant, key, ref) for key in some))
    return max(found)


@answers(AdminGetJobProgress)
async def progress(asked: AdminGetJobProgress, call: Call) -> AdminGetJobProgressResponse:
    """`logs` are the stages it went through, from character `logStart` on; kept for 15 minutes."""
    found = await _record(call, asked.id)
    if found is None:
        row = await find(past_of(call.rooms.parts.past), call.key, asked.id, bodies=False)
        if row is None:
            raise Problem(Code.NOT_FOUND, "Job not found", param="id")
        job = job_of(BackgroundJob, row)
        return AdminGetJobProgressResponse(
            state=job.state, progress=job.progress, status=job.status, duration_ms=job.duration_ms, error=job.error
        )
    record, view = found
    told = background_job(BackgroundJob, record, view)
    running = round((datetime.now(UTC).timestamp() - view.started) * 1000) if view.started else 0
    logs = await _log(call, record)
    return AdminGetJobProgressResponse(
        state=told.state,
        progress=view.progress,
        status=view.stage or told.state.value,
        logs=logs[asked.log_start or 0 :] or None,
        duration_ms=told.duration_ms or running,
        error=status_of_fault(record.fault) if record.fault else None,
    )


async def _log(call: Call, record: Record) -> str:
    """A line for each stage and each attempt, in their order."""
    job = record.job
    query = {"seq": 1, "batch": LONGEST_LOG, "next_by_subj": subjects.evt(job.tenant, job.id)}
    lines: list[tuple[str, str]] = []
    for message in await call.rooms.parts.bus.read("EVENTS", query):
        event = decode_event(message.data)
        if isinstance(event, Progress) and event.stage:
            share = f" {event.share:.0%}" if event.share is not None else ""
            lines.append(((message.headers or {}).get("Nats-Time-Stamp", "")[:19], f"{event.stage}{share}"))
    for one in record.attempts:
        said = f"attempt {one.number} at {one.provider or one.queue}: {one.code or 'done'}"
        lines.append((date(one.started + one.seconds).isoformat()[:19], said))
    return "".join(f"{at}Z {said}\n" for at, said in sorted(lines, key=lambda line: line[0]))
