"""Admin DTOs of figures: stats by provider, model and month, analytics, totals, and a look into the archive's table.

Each number is a SELECT over `requests`, the same that `ai-server sql` shows. What a newcomer would get wrong: a failed job
that was put back is counted for each of its runs here, for each has cost something; only lists of jobs show it once.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from bus.tenants import seen_by
from gateway.aiserver._agents import client_of
from gateway.aiserver._handlers import answers
from gateway.aiserver._numbers import named
from gateway.aiserver._past import EVERY, month_name
from gateway.aiserver._reports import name_of, questions, reports, user_of
from gateway.aiserver._told import ai_providers, media_providers
from gateway.aiserver._where import moment
from gateway.aiserver.call import Call
from gateway.aiserver.query import MAX_ROWS
from gateway.past import dicts, past_of, text
from schemas.dtos.admin import AdminData, AdminDatabase, AdminDatabaseResponse, AdminDataResponse, MetadataPropertyType
from schemas.dtos.admin_jobs import PageStats
from schemas.dtos.analytics import (
    AnalyticsLogInfo,
    GetAnalyticsInfo,
    GetAnalyticsInfoResponse,
    GetAnalyticsReports,
    GetAnalyticsReportsResponse,
    GetSummaryStats,
    GetSummaryStatsResponse,
    PopulateChatSummary,
    SummaryStats,
)
from schemas.dtos.base import StringsResponse
from schemas.problem import Code, Problem
from storage.tables import MONTH, TABLES

SERVED = "outcome = 'done' AND provider <> '' AND op <> 'callback' AND NOT coalesce(cached, false)"
"""Rows of requests that a provider has answered."""


@answers(GetSummaryStats)
async def summary_stats(asked: GetSummaryStats, call: Call) -> GetSummaryStatsResponse:
    """Whole days (UTC), both ends included. Tokens a second are those of prompt and answer together, as in the reference."""
    where = f"WHERE {SERVED} AND tenant = {text(call.key.tenant)}"
    where += f" AND created >= {moment(_day(asked.from_))}" if asked.from_ else ""
    where += f" AND created < {moment(_day(asked.to) + timedelta(days=1))}" if asked.to else ""
    sums = """count(*) AS total, sum(tokens_in)::BIGINT AS total_prompt_tokens,
        sum(tokens_out)::BIGINT AS total_completion_tokens, round(sum(total_ms) / 60000, 2) AS total_minutes,
        coalesce(round((sum(tokens_in) + sum(tokens_out)) / nullif(sum(total_ms) / 1000, 0), 2), 0) AS tokens_per_second"""
    groups = ("provider", "coalesce(nullif(served, ''), model)", "month")
    asks = [f"SELECT {by} AS name, {sums} FROM requests {where} GROUP BY 1 ORDER BY 2 DESC, 1" for by in groups]
    found = await past_of(call.rooms.parts.past).ask(*asks)
    provider, model, month = ([SummaryStats(**row) for row in dicts(one)] for one in found)
    return GetSummaryStatsResponse(provider_stats=provider, model_stats=model, month_stats=month)


def _day(when: datetime) -> datetime:
    plain = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    return plain.replace(hour=0, minute=0, second=0, microsecond=0)


@answers(PopulateChatSummary)
async def populate(asked: PopulateChatSummary, call: Call) -> StringsResponse:
    """There is nothing to fill: figures are made of the archive itself. The list of errors is empty."""
    return StringsResponse(results=[])


@answers(GetAnalyticsInfo)
async def analytics_info(asked: GetAnalyticsInfo, call: Call) -> GetAnalyticsInfoResponse:
    """The months there are, and the last request that fits."""
    past, config = past_of(call.rooms.parts.past), call.rooms.parts.config
    tests = _tests(call, {"op": asked.op, "apiKey": asked.api_key, "userId": asked.user_id, "ip": asked.ip})
    last = f"SELECT job, created, user_agent, op, key, client FROM requests WHERE {tests} ORDER BY job DESC LIMIT 1"
    (rows,) = await past.ask(last, month=month_name(asked.month))
    made = None
    for row in dicts(rows):
        client = client_of(row["user_agent"] or "")
        made = AnalyticsLogInfo(
            id=row["job"],
            date_time=row["created"],
            browser=client.browser,
            device=client.device,
            bot=client.bot or None,
            op=row["op"],
            user_id=row["key"],
            user_name=user_of(config, row["key"]),
            api_key=name_of(config, row["key"]),
            ip=row["client"] or None,
        )
    return GetAnalyticsInfoResponse(months=await past.months(), result=made)


@answers(GetAnalyticsReports)
async def analytics_reports(asked: GetAnalyticsReports, call: Call) -> GetAnalyticsReportsResponse:
    """Of one month; this one, unless another is named. `filter` with `value`: op, apiKey, userId or ip. Never older than now,
    so `force` changes nothing."""
    tests = _tests(call, {asked.filter: asked.value} if asked.filter and asked.value else {})
    month = month_name(asked.month) or datetime.now(UTC).strftime("%Y-%m")
    found = await past_of(call.rooms.parts.past).ask(*questions(f"WHERE {tests}"), month=month)
    made = reports(found, call.rooms.parts.config)
    made.created = datetime.now(UTC)
    return GetAnalyticsReportsResponse(result=made)


def _tests(call: Call, wanted: dict[str, str | None]) -> str:
    """Raises `Problem(INVALID_REQUEST)` for a filter that there is not."""
    tests = [f"tenant = {text(call.key.tenant)}"]
    for name, value in wanted.items():
        if not value:
            continue
        word = name.lower().rstrip("s")
        if word in ("op", "api"):
            tests.append(f"op = {text(value)}")
        elif word == "ip":
            tests.append(f"client = {text(value)}")
        elif word in ("apikey", "user", "userid"):
            keys = _keys(call, value) if word == "apikey" else _users(call, value)
            tests.append(f"key IN ({', '.join(text(key) for key in keys)})" if keys else "false")
        else:
            said = f"There is no filter '{name[:60]}'; there are op, apiKey, userId and ip."
            raise Problem(Code.INVALID_REQUEST, said, param="filter")
    return " AND ".join(tests)


def _keys(call: Call, said: str) -> list[str]:
    """By number, id or name."""
    keys = call.rooms.parts.config.keys
    if said in keys:
        return [said]
    if said.isdigit():
        return [named(int(said), keys, "key")]
    return [key.id for key in keys.values() if key.name == said]


def _users(call: Call, said: str) -> list[str]:
    keys = call.rooms.parts.config.keys
    return [key for key in keys if said in (key, user_of(call.rooms.parts.config, key), keys[key].user)]


# ---- the table ---------------------------------------------------------------------------------------------------------


@answers(AdminData)
async def admin_data(asked: AdminData, call: Call) -> AdminDataResponse:
    parts, past = call.rooms.parts, past_of(call.rooms.parts.past)
    (jobs,) = await past.ask(f"SELECT count(*) FROM {EVERY} WHERE tenant = {text(call.key.tenant)}")
    totals = {
        "AiProvider": len(ai_providers(parts, {})),
        "MediaProvider": len(media_providers(parts, {})),
        "ApiKey": len(seen_by(parts.config, call.key.id)),
        "JobSummary": jobs.rows[0][0],
    }
    return AdminDataResponse(page_stats=[PageStats(label=label, total=total) for label, total in totals.items()])


@answers(AdminDatabase)
async def database(asked: AdminDatabase, call: Call) -> AdminDatabaseResponse:
    """Rows of the archive's tables, to look at. `db`: a month (2026-11), or nothing for all."""
    table = TABLES.get(asked.table or "requests")
    if table is None:
        known = ", ".join(TABLES)
        raise Problem(
            Code.INVALID_REQUEST, f"There is no table '{(asked.table or '')[:60]}'; there is: {known}.", param="table"
        )
    columns = {column.name: column for column in (*table.columns, MONTH)}
    chosen = [_column(name, columns, "fields") for name in asked.fields or ()] or list(columns)
    order = ", ".join(_turned(word, columns) for word in (asked.order_by or "-job").split(",") if word.strip())
    where = f"WHERE tenant = {text(call.key.tenant)}"
    take, skip = max(0, min(MAX_ROWS if asked.take is None else asked.take, MAX_ROWS)), max(0, asked.skip or 0)
    page = f"SELECT {', '.join(chosen)} FROM {table.name} {where} ORDER BY {order} LIMIT {take} OFFSET {skip}"
    count = f"SELECT count(*) FROM {table.name} {where}"
    month = asked.db if asked.db and asked.db[:4].isdigit() else ""
    rows, total = await past_of(call.rooms.parts.past).ask(page, count, month=month)
    include = (asked.include or "").lower()
    told = [
        MetadataPropertyType(name=name, type=columns[name].type, description=columns[name].about) for name in chosen
    ]
    return AdminDatabaseResponse(
        results=[_row(row) for row in dicts(rows)],
        total=total.rows[0][0] if "total" in include else None,
        columns=told if "columns" in include else None,
    )


def _column(name: str, columns: dict[str, Any], param: str) -> str:
    if name not in columns:
        raise Problem(
            Code.INVALID_REQUEST, f"There is no column '{name[:60]}'; there are: {', '.join(columns)}.", param=param
        )
    return name


def _turned(word: str, columns: dict[str, Any]) -> str:
    word = word.strip()
    return _column(word.lstrip("-+"), columns, "orderBy") + (" DESC" if word.startswith("-") else "")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
