"""A job as this dialect shows it: one row while it runs, one when it has ended, one summary for ever."""

from enum import StrEnum
from typing import Annotated

from schemas.dtos._model import NEVER, DateTime, Dto, Long, Ref, TimeSpan, doc, listed
from schemas.dtos.base import ResponseStatus


@listed
class BackgroundJobState(StrEnum):
    """Where a job is. `Executed`: it has run and its callback has not."""

    Queued = "Queued"
    Started = "Started"
    Executed = "Executed"
    Completed = "Completed"
    Failed = "Failed"
    Cancelled = "Cancelled"


class BackgroundJobBase(Dto):
    """Everything known of a job."""

    id: Long = 0
    parent_id: Annotated[Long | None, doc("The job that this one was made by: a callback's.")] = None
    ref_id: Annotated[str | None, doc("The caller's name for it, or one made up.")] = None
    worker: Annotated[str | None, doc("Whose queue it is in.")] = None
    tag: str | None = None
    batch_id: Annotated[str | None, doc("The same for all jobs of one batch.")] = None
    callback: Annotated[str | None, doc("The command that runs after it.")] = None
    depends_on: Annotated[Long | None, doc("The job that must end well first.")] = None
    run_after: Annotated[DateTime | None, doc("Not before then.")] = None
    created_date: DateTime = NEVER
    created_by: str | None = None
    request_id: str | None = None
    request_type: Annotated[Ref[str], doc("`API` or `CMD`.")] = None
    command: str | None = None
    request: Annotated[Ref[str], doc("Name of the request's DTO.")] = None
    request_body: Annotated[Ref[str], doc("The request as JSON.")] = None
    user_id: str | None = None
    response: Annotated[str | None, doc("Name of the answer's DTO.")] = None
    response_body: Annotated[str | None, doc("The answer as JSON.")] = None
    state: BackgroundJobState = BackgroundJobState.Queued
    started_date: DateTime | None = None
    completed_date: DateTime | None = None
    notified_date: Annotated[DateTime | None, doc("When its callback got through.")] = None
    retry_limit: int | None = None
    attempts: Annotated[int, doc("How often it was tried.")] = 0
    duration_ms: Annotated[int, doc("Milliseconds.")] = 0
    timeout_secs: Annotated[int | None, doc("Seconds.")] = None
    progress: Annotated[float | None, doc("From 0 to 1.")] = None
    status: Annotated[str | None, doc("A word on what it is doing.")] = None
    logs: str | None = None
    last_activity_date: DateTime | None = None
    reply_to: Annotated[str | None, doc("Where the result is posted when the job has ended.")] = None
    error_code: str | None = None
    error: ResponseStatus | None = None
    args: Annotated[dict[str, str] | None, doc("What was given beside the request.")] = None
    meta: dict[str, str] | None = None


class BackgroundJob(BackgroundJobBase):
    """A job that waits or runs."""

    id: Long = 0


class CompletedJob(BackgroundJobBase):
    """A job that ended well, in the archive of its month."""


class FailedJob(BackgroundJobBase):
    """A job that failed for good or was cancelled, in the archive of its month."""


class JobSummary(Dto):
    """The short row of a job, kept for ever."""

    id: Long = 0
    parent_id: Annotated[Long | None, doc("The job that this one was made by: a callback's.")] = None
    ref_id: Annotated[str | None, doc("The caller's name for it, or one made up.")] = None
    worker: Annotated[str | None, doc("Whose queue it is in.")] = None
    tag: str | None = None
    batch_id: Annotated[str | None, doc("The same for all jobs of one batch.")] = None
    created_date: DateTime = NEVER
    created_by: str | None = None
    request_type: Annotated[Ref[str], doc("`API` or `CMD`.")] = None
    command: str | None = None
    request: Ref[str] = None
    response: str | None = None
    user_id: str | None = None
    callback: Annotated[str | None, doc("The command that runs after it.")] = None
    started_date: DateTime | None = None
    completed_date: DateTime | None = None
    state: BackgroundJobState = BackgroundJobState.Queued
    duration_ms: Annotated[int, doc("Milliseconds.")] = 0
    attempts: int = 0
    error_code: str | None = None
    error_message: str | None = None


class BackgroundJobOptions(Dto):
    """How a job is to be run."""

    ref_id: Annotated[str | None, doc("The caller's name for it, or one made up.")] = None
    parent_id: Annotated[Long | None, doc("The job that this one was made by: a callback's.")] = None
    worker: Annotated[str | None, doc("Whose queue it is in.")] = None
    run_after: Annotated[DateTime | None, doc("Not before then.")] = None
    callback: Annotated[str | None, doc("The command that runs after it.")] = None
    depends_on: Annotated[Long | None, doc("The job that must end well first.")] = None
    user_id: str | None = None
    retry_limit: int | None = None
    reply_to: Annotated[str | None, doc("Where the result is posted when the job has ended.")] = None
    tag: str | None = None
    batch_id: Annotated[str | None, doc("The same for all jobs of one batch.")] = None
    created_by: str | None = None
    timeout_secs: Annotated[int | None, doc("Seconds.")] = None
    timeout: TimeSpan | None = None
    args: dict[str, str] | None = None
    run_command: bool | None = None


class ScheduledTask(Dto):
    """A task that comes round by the clock."""

    id: Long = 0
    name: Ref[str] = None
    interval: Annotated[TimeSpan | None, doc("How long from one run to the next.")] = None
    cron_expression: Annotated[str | None, doc("When, in cron's words.")] = None
    request_type: Annotated[Ref[str], doc("`API` or `CMD`.")] = None
    command: str | None = None
    request: Annotated[Ref[str], doc("Name of the request's DTO.")] = None
    request_body: Annotated[Ref[str], doc("The request as JSON.")] = None
    options: BackgroundJobOptions | None = None
    last_run: DateTime | None = None
    last_job_id: Long | None = None


class WorkerStats(Dto):
    """What one worker, which is one provider's queue, has done since it started."""

    name: Ref[str] = None
    queued: Annotated[Long, doc("Jobs.")] = 0
    received: Annotated[Long, doc("Jobs.")] = 0
    completed: Annotated[Long, doc("Jobs.")] = 0
    retries: Annotated[Long, doc("Jobs.")] = 0
    failed: Annotated[Long, doc("Jobs.")] = 0
    running_job: Annotated[Long | None, doc("The id of its job.")] = None
    running_time: Annotated[TimeSpan | None, doc("How long its job has been running.")] = None
