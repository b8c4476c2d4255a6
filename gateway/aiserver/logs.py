"""Admin DTOs of request logs: the archive's rows as entries, by month, with filters.

What a newcomer would get wrong: bodies are there only where the archive keeps them (`archive.bodies`), and what a request
carried in headers is kept nowhere, for it may be a key; of those there is the user agent alone.
"""

import time
from datetime import UTC, datetime
from typing import Any

from gateway.aiserver._handlers import answers
from gateway.aiserver._past import month_name, seconds
from gateway.aiserver._where import moment, sql_of
from gateway.aiserver.call import Call
from gateway.aiserver.jobs import page_of
from gateway.past import dicts, past_of, text
from schemas.dtos.analytics import AdminQueryRequestLogs, RequestLog, RequestLogEntry, RequestLogs, RequestLogsResponse
from schemas.dtos.base import QueryResponse, ResponseStatus
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem

PAGE = 100
LONGEST_PAGE = 1000
COLUMNS = {
    "id": "job", "operation_name": "op", "date_time": "created", "status_code": "status", "status_description": "error",
    "http_method": "'POST'", "path_info": "op", "request": "op", "request_body": "request", "response_body": "response",
    "user_auth_id": "key", "ip_address": "client", "request_duration": "total_ms",
}  # fmt: skip
_ORDERS = {"id": "job", "datetime": "created", "statuscode": "status", "operationname": "op", "requestduration": "total_ms",
           "ipaddress": "client", "userauthid": "key"}  # fmt: skip
_ROW = """SELECT job, created, status, op, key, client, user_agent, request, response, total_ms, error, message, model, served,
    provider, tokens_in, tokens_out, cost, tag, ref, stream FROM requests"""
Row = dict[str, Any]


@answers(RequestLogs)
async def request_logs(asked: RequestLogs, call: Call) -> RequestLogsResponse:
    """The newest first. `total` is how many fit in all."""
    where = f"WHERE {' AND '.join(_tests(asked, call))}"
    take, skip = min(PAGE if asked.take is None else max(asked.take, 0), LONGEST_PAGE), max(asked.skip, 0)
    page = f"{_ROW} {where} ORDER BY {_order(asked.order_by or '-id')} LIMIT {take} OFFSET {skip}"
    past = past_of(call.rooms.parts.past)
    total, rows = await past.ask(f"SELECT count(*) FROM requests {where}", page, month=month_name(asked.month))
    return RequestLogsResponse(results=[_entry(row) for row in dicts(rows)], total=total.rows[0][0])


@answers(AdminQueryRequestLogs)
async def query_request_logs(asked: AdminQueryRequestLogs, call: Call) -> QueryResponse[Any]:
    past, words = past_of(call.rooms.parts.past), [word for word in call.query if word[0].lower() != "month"]
    wanted = sql_of(RequestLog, COLUMNS, asked, words, "job DESC")
    where = f"WHERE tenant = {text(call.key.tenant)}" + wanted.where.replace("WHERE", " AND", 1)
    page = f"{_ROW} {where} {wanted.order} LIMIT {wanted.take} OFFSET {wanted.skip}"
    total, rows = await past.ask(f"SELECT count(*) FROM requests {where}", page, month=month_name(asked.month))
    return page_of(RequestLog, [_log(row) for row in dicts(rows)], (wanted.skip, total.rows[0][0]), asked)


def _tests(asked: RequestLogs, call: Call) -> list[str]:
    tests = [f"tenant = {text(call.key.tenant)}", *_times(asked)]
    for value, test in (
        (asked.operation_name, "op = {}"), (asked.ip_address, "client = {}"), (asked.user_auth_id, "key = {}"),
        (asked.before_id, "job < {}"), (asked.after_id, "job > {}"),
    ):  # fmt: skip
        if value is not None and value != "":
            tests.append(test.format(text(value)))
    if asked.ids:
        tests.append(f"job IN ({', '.join(str(int(one)) for one in asked.ids)})")
    for wanted, test in ((asked.with_errors, "error IS NOT NULL"), (asked.has_response, "response IS NOT NULL")):
        if wanted is not None:
            tests.append(test if wanted else f"NOT ({test})")
    if asked.bearer_token:
        key = call.rooms.parts.config.find_key(asked.bearer_token)
        tests.append(f"key = {text(key.id)}" if key is not None else "false")
    if asked.path_info:
        ops = [name for name, one in OPERATIONS.items() if asked.path_info in one.routes]
        tests.append(f"op IN ({', '.join(text(name) for name in ops)})" if ops else "false")
    if asked.session_id or asked.referer or asked.forwarded_for:  # kept of no request
        tests.append("false")
    return tests


def _times(asked: RequestLogs) -> list[str]:
    """When it came, and how long it took."""
    now, tests = time.time(), list[str]()
    if asked.before_secs is not None:
        tests.append(f"created <= {moment(datetime.fromtimestamp(now - asked.before_secs, UTC))}")
    if asked.after_secs is not None:
        tests.append(f"created >= {moment(datetime.fromtimestamp(now - asked.after_secs, UTC))}")
    for span, sign in ((asked.duration_longer_than, ">"), (asked.duration_less_than, "<")):
        if span is not None:
            tests.append(f"total_ms {sign} {span.total_seconds() * 1000}")
    return tests


def _order(said: str) -> str:
    keys = []
    for word in (word.strip() for word in said.split(",")):
        column = _ORDERS.get(word.lstrip("-+").lower())
        if column is None:
            raise Problem(Code.INVALID_REQUEST, f"'{word[:60]}' is no field to order by.", param="orderBy")
        keys.append(f"{column} {'DESC' if word.startswith('-') else 'ASC'}")
    return ", ".join(keys)


def _shared(row: Row) -> Row:
    error = row["error"]
    path = OPERATIONS[row["op"]].routes[0] if row["op"] in OPERATIONS and OPERATIONS[row["op"]].routes else None
    meta = {name: str(row[name]) for name in ("model", "served", "provider", "tag", "ref", "tokens_in", "tokens_out", "cost")
            if row[name] not in (None, "", 0)}  # fmt: skip
    return {
        "id": row["job"],
        "operation_name": row["op"],
        "date_time": row["created"],
        "status_code": row["status"],
        "status_description": error or "OK",
        "http_method": "POST",
        "path_info": path,
        "request_body": row["request"],
        "user_auth_id": row["key"],
        "ip_address": row["client"] or None,
        "headers": {"User-Agent": row["user_agent"]} if row["user_agent"] else {},
        "request_duration": seconds(row["total_ms"]),
        "meta": meta,
    }


def _status(row: Row) -> ResponseStatus | None:
    return ResponseStatus(error_code=row["error"], message=row["message"], errors=[]) if row["error"] else None


def _entry(row: Row) -> RequestLogEntry:
    return RequestLogEntry(**_shared(row), error_response=_status(row), response_dto=row["response"])


def _log(row: Row) -> RequestLog:
    return RequestLog(**_shared(row), request=row["op"], response_body=row["response"], error=_status(row))
