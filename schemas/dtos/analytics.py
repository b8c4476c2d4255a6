# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""What was asked, by whom and how fast: sums over chats, the log of requests, and reports drawn from it."""

from typing import Annotated, Any

from schemas.dtos._model import NEVER, NO_TIME, DateTime, Decimal, Dto, Long, Ref, TimeSpan, api, doc
from schemas.dtos.base import QueryDb, QueryResponse, ResponseStatus, StringsResponse


class SummaryStats(Dto):
    """Sums over chats: of a provider, a model or a month."""

    name: str = ""
    total: int = 0
    total_prompt_tokens: int = 0
    total_completion_tokens: int = 0
    total_minutes: Annotated[float, doc("Minutes of work.")] = 0.0
    tokens_per_second: float = 0.0


class GetSummaryStatsResponse(Dto):
    """Sums over chats, three ways."""

    provider_stats: list[SummaryStats] = []
    model_stats: list[SummaryStats] = []
    month_stats: list[SummaryStats] = []


@api("GET", GetSummaryStatsResponse, tag="Admin", auth="admin", markers=("IGet",))
class GetSummaryStats(Dto):
    """Sums over chats between two days, both included."""

    from_: Annotated[DateTime | None, doc("The first day.")] = None
    to: Annotated[DateTime | None, doc("The last day.")] = None


@api("GET", StringsResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class PopulateChatSummary(Dto):
    """Count this month's chats again."""


class RequestLogEntry(Dto):
    """One request in the log, as it is shown."""

    id: Long = 0
    trace_id: Ref[str] = None
    operation_name: Ref[str] = None
    date_time: DateTime = NEVER
    status_code: int = 0
    status_description: Ref[str] = None
    http_method: Ref[str] = None
    absolute_uri: Ref[str] = None
    path_info: Ref[str] = None
    request_body: Ref[str] = None
    request_dto: Any = None
    user_auth_id: Ref[str] = None
    session_id: Ref[str] = None
    ip_address: Ref[str] = None
    forwarded_for: Ref[str] = None
    referer: Ref[str] = None
    headers: Ref[dict[str, str]] = None
    form_data: Ref[dict[str, str]] = None
    items: Ref[dict[str, str]] = None
    response_headers: Ref[dict[str, str]] = None
    session: Any = None
    response_dto: Any = None
    error_response: Any = None
    exception_source: Ref[str] = None
    exception_data: Ref[dict[str, Any]] = None
    request_duration: Annotated[TimeSpan, doc("How long it took.")] = NO_TIME
    meta: Ref[dict[str, str]] = None


class RequestLog(Dto):
    """One request in the log, as it is stored."""

    id: Long = 0
    trace_id: Ref[str] = None
    operation_name: Ref[str] = None
    date_time: DateTime = NEVER
    status_code: int = 0
    status_description: str | None = None
    http_method: str | None = None
    absolute_uri: str | None = None
    path_info: str | None = None
    request: str | None = None
    request_body: str | None = None
    user_auth_id: str | None = None
    session_id: str | None = None
    ip_address: str | None = None
    forwarded_for: str | None = None
    referer: str | None = None
    headers: dict[str, str] = {}
    form_data: dict[str, str] | None = None
    items: dict[str, str] = {}
    response_headers: dict[str, str] | None = None
    response: str | None = None
    response_body: str | None = None
    session_body: str | None = None
    error: ResponseStatus | None = None
    exception_source: str | None = None
    exception_data_body: str | None = None
    request_duration: TimeSpan = NO_TIME
    meta: dict[str, str] | None = None


class RequestLogsResponse(Dto):
    """A page of the log."""

    results: list[RequestLogEntry] = []
    usage: Ref[dict[str, str]] = None
    total: int = 0
    response_status: Ref[ResponseStatus] = None


@api("GET", RequestLogsResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class RequestLogs(Dto):
    """Find requests in the log."""

    before_secs: Annotated[int | None, doc("Seconds ago.")] = None
    after_secs: Annotated[int | None, doc("Seconds ago.")] = None
    operation_name: Ref[str] = None
    ip_address: Ref[str] = None
    forwarded_for: Ref[str] = None
    user_auth_id: Ref[str] = None
    session_id: Ref[str] = None
    referer: Ref[str] = None
    path_info: Ref[str] = None
    bearer_token: Ref[str] = None
    ids: Ref[list[Long]] = None
    before_id: int | None = None
    after_id: int | None = None
    has_response: bool | None = None
    with_errors: Annotated[bool | None, doc("Only those that failed, or only those that did not.")] = None
    enable_session_tracking: bool | None = None
    enable_response_tracking: bool | None = None
    enable_error_tracking: bool | None = None
    duration_longer_than: TimeSpan | None = None
    duration_less_than: TimeSpan | None = None
    skip: int = 0
    take: int | None = None
    order_by: Ref[str] = None
    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None


@api("GET", QueryResponse[RequestLog], tag="Admin", auth="admin", hidden=True)
class AdminQueryRequestLogs(QueryDb[RequestLog]):
    """Find requests in the log of a month."""

    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None


class AnalyticsLogInfo(Dto):
    """The last request of whoever was asked for."""

    id: Long = 0
    date_time: DateTime = NEVER
    browser: Ref[str] = None
    device: Ref[str] = None
    bot: Ref[str] = None
    op: Ref[str] = None
    user_id: Ref[str] = None
    user_name: Ref[str] = None
    api_key: Ref[str] = None
    ip: Ref[str] = None


class RequestSummary(Dto):
    """Sums over requests of one name."""

    name: Ref[str] = None
    total_requests: Long = 0
    total_request_length: Annotated[Long, doc("Bytes.")] = 0
    min_request_length: Annotated[Long, doc("Bytes.")] = 0
    max_request_length: Annotated[Long, doc("Bytes.")] = 0
    total_duration: Annotated[float, doc("Milliseconds.")] = 0.0
    min_duration: Annotated[float, doc("Milliseconds.")] = 0.0
    max_duration: Annotated[float, doc("Milliseconds.")] = 0.0
    status: Annotated[Ref[dict[int, Long]], doc("HTTP status -> how many.")] = None
    durations: Annotated[Ref[dict[str, Long]], doc("Up to so many milliseconds -> how many.")] = None
    apis: Ref[dict[str, Long]] = None
    users: Ref[dict[str, Long]] = None
    ips: Ref[dict[str, Long]] = None
    api_keys: Ref[dict[str, Long]] = None


class AnalyticsReports(Dto):
    """A month's requests, summed up in each way."""

    id: Annotated[Long, doc("The last request that was counted.")] = 0
    created: DateTime = NEVER
    version: Decimal = 0.0
    apis: Ref[dict[str, RequestSummary]] = None
    users: Ref[dict[str, RequestSummary]] = None
    tags: Ref[dict[str, RequestSummary]] = None
    status: Ref[dict[str, RequestSummary]] = None
    days: Ref[dict[str, RequestSummary]] = None
    api_keys: Ref[dict[str, RequestSummary]] = None
    ips: Ref[dict[str, RequestSummary]] = None
    browsers: Ref[dict[str, RequestSummary]] = None
    devices: Ref[dict[str, RequestSummary]] = None
    bots: Ref[dict[str, RequestSummary]] = None
    durations: Ref[dict[str, Long]] = None


class GetAnalyticsInfoResponse(Dto):
    """Months, and the last request."""

    months: Ref[list[str]] = None
    result: Ref[AnalyticsLogInfo] = None
    response_status: Ref[ResponseStatus] = None


@api("GET", GetAnalyticsInfoResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class GetAnalyticsInfo(Dto):
    """Which months have reports, and the last request of an API, a user, a key or an address."""

    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None
    type: Annotated[Ref[str], doc("`api`, `user`, `apikey` or `ip`.")] = None
    op: Ref[str] = None
    api_key: Ref[str] = None
    user_id: Ref[str] = None
    ip: Ref[str] = None


class GetAnalyticsReportsResponse(Dto):
    """The reports of a month."""

    result: Ref[AnalyticsReports] = None
    response_status: Ref[ResponseStatus] = None


@api("GET", GetAnalyticsReportsResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class GetAnalyticsReports(Dto):
    """The reports of a month."""

    month: Annotated[DateTime | None, doc("Any day of the month; this month when left out.")] = None
    filter: Annotated[Ref[str], doc("Narrow it to one `op`, `user`, `apikey` or `ip`.")] = None
    value: Annotated[Ref[str], doc("Which one.")] = None
    force: Annotated[bool | None, doc("Count again instead of taking what was counted.")] = None
