# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Jobs and workers, as an administrator sees and stops them."""

from typing import Annotated

from schemas.dtos._model import NOT_EMPTY, POSITIVE, DateTime, Dto, Long, Ref, api, doc
from schemas.dtos.base import EmptyResponse, QueryDb, QueryResponse, ResponseStatus
from schemas.dtos.jobs import (
    BackgroundJob,
    BackgroundJobState,
    CompletedJob,
    FailedJob,
    JobSummary,
    ScheduledTask,
    WorkerStats,
)


class JobStatSummary(Dto):
    """How the jobs of one name ended."""

    name: Ref[str] = None
    total: int = 0
    completed: int = 0
    retries: int = 0
    failed: int = 0
    cancelled: int = 0


class HourSummary(Dto):
    """How the jobs of one hour ended."""

    hour: Ref[str] = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class PageStats(Dto):
    """A number for a page."""

    label: str = ""
    total: int = 0


class GetWorkerStatsResponse(Dto):
    """Workers and their queues."""

    results: list[WorkerStats] = []
    queue_counts: Annotated[dict[str, int], doc("Worker -> how many wait.")] = {}
    response_status: ResponseStatus | None = None


@api("GET", GetWorkerStatsResponse, tag="Admin", auth="admin", markers=("IGet",))
class GetWorkerStats(Dto):
    """What each worker has done, and how much waits for it."""


@api("POST", EmptyResponse, tag="Admin", auth="admin", any_verb=True)
class CancelWorker(Dto):
    """Stop what a worker runs, and drop what waits for it."""

    worker: Annotated[str, NOT_EMPTY] = ""


class AdminJobDashboardResponse(Dto):
    """Counts for the dashboard."""

    commands: list[JobStatSummary] = []
    apis: list[JobStatSummary] = []
    workers: list[JobStatSummary] = []
    today: list[HourSummary] = []
    response_status: ResponseStatus | None = None


@api("GET", AdminJobDashboardResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminJobDashboard(Dto):
    """How jobs ended in a time, by command, by API, by worker and by hour."""

    from_: DateTime | None = None
    to: DateTime | None = None


class AdminJobInfoResponse(Dto):
    """Counts for the jobs page."""

    month_dbs: Annotated[list[DateTime], doc("The months that have an archive.")] = []
    table_counts: dict[str, int] = {}
    worker_stats: list[WorkerStats] = []
    queue_counts: Annotated[dict[str, int], doc("Worker -> how many wait.")] = {}
    worker_counts: dict[str, int] = {}
    state_counts: dict[BackgroundJobState, int] = {}
    response_status: ResponseStatus | None = None


@api("GET", AdminJobInfoResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminJobInfo(Dto):
    """Counts of tables, queues and states, and which months have an archive."""

    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None


class AdminGetJobResponse(Dto):
    """A job: its summary, and the row from the table it is in."""

    result: Ref[JobSummary] = None
    queued: BackgroundJob | None = None
    completed: CompletedJob | None = None
    failed: FailedJob | None = None
    response_status: ResponseStatus | None = None


@api("GET", AdminGetJobResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminGetJob(Dto):
    """A job by id or `refId`, wherever it is."""

    id: Long | None = None
    ref_id: str | None = None


class AdminGetJobProgressResponse(Dto):
    """How far a job is."""

    state: BackgroundJobState = BackgroundJobState.Queued
    progress: Annotated[float | None, doc("From 0 to 1.")] = None
    status: str | None = None
    logs: str | None = None
    duration_ms: Annotated[int | None, doc("Milliseconds.")] = None
    error: ResponseStatus | None = None
    response_status: ResponseStatus | None = None


@api("GET", AdminGetJobProgressResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminGetJobProgress(Dto):
    """How far a job is, and its log from a place on."""

    id: Annotated[Long, POSITIVE] = 0
    log_start: Annotated[int | None, doc("How many characters of the log are known already.")] = None


@api("GET", QueryResponse[BackgroundJob], tag="Admin", auth="admin", hidden=True)
class AdminQueryBackgroundJobs(QueryDb[BackgroundJob]):
    """Jobs that wait or run."""

    id: int | None = None
    ref_id: str | None = None


@api("GET", QueryResponse[JobSummary], tag="Admin", auth="admin", hidden=True)
class AdminQueryJobSummary(QueryDb[JobSummary]):
    """The short rows of all jobs."""

    id: int | None = None
    ref_id: str | None = None


@api("GET", QueryResponse[ScheduledTask], tag="Admin", auth="admin", hidden=True)
class AdminQueryScheduledTasks(QueryDb[ScheduledTask]):
    """Tasks that come round by the clock."""


@api("GET", QueryResponse[CompletedJob], tag="Admin", auth="admin", hidden=True)
class AdminQueryCompletedJobs(QueryDb[CompletedJob]):
    """Jobs that ended well, by month."""

    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None


@api("GET", QueryResponse[FailedJob], tag="Admin", auth="admin", hidden=True)
class AdminQueryFailedJobs(QueryDb[FailedJob]):
    """Jobs that failed, by month."""

    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None


class AdminRequeueFailedJobsJobsResponse(Dto):
    """Which were queued, and why others were not."""

    results: list[Long] = []
    errors: dict[Long, str] = {}
    response_status: ResponseStatus | None = None


@api("POST", AdminRequeueFailedJobsJobsResponse, tag="Admin", auth="admin", any_verb=True, hidden=True)
class AdminRequeueFailedJobs(Dto):
    """Queue failed jobs again; without ids, all of this month."""

    ids: list[Long] | None = None


class AdminCancelJobsResponse(Dto):
    """Which were cancelled, and why others were not."""

    results: list[Long] = []
    errors: dict[Long, str] = {}
    response_status: ResponseStatus | None = None


@api("GET", AdminCancelJobsResponse, tag="Admin", auth="admin", markers=("IGet",), any_verb=True, hidden=True)
class AdminCancelJobs(Dto):
    """Cancel jobs by id, by worker or by state; or all that a worker has."""

    ids: list[Long] | None = None
    worker: str | None = None
    state: BackgroundJobState | None = None
    cancel_worker: Annotated[str | None, doc("Stop this worker's job and drop what waits for it.")] = None
