"""Everything that is known of one job: what was asked and answered, and its story in the order it happened.

Read from its record while there is one (a week), else from its rows of the archive. What a newcomer would get wrong: a body
that is missing is told with a reason, for "there is none" and "we did not keep it" are not the same.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bus import subjects
from bus.listing import Listing, Seen, record_anywhere
from bus.underway import Open
from gateway.job_filter import COLUMNS, Row, line_of, line_of_call, line_of_row
from gateway.job_list import JobList
from gateway.past import dicts, text
from schemas.events import Attempt, Delta, Done, Failed, Progress, decode_event, usage_dict
from schemas.job import Record, State
from schemas.problem import Code, Problem
from schemas.rules import steps_told
from schemas.watch import Running

Event = dict[str, Any]
MOST_EVENTS = 500
MOST_RUNS = 50
_WORK = "a result is kept with the job for a week, and in the archive only where `archive.bodies` is on"
LIVE = "A live call: its caller holds the line, and nothing of it is stored while it runs."
GONE = f"The job's record has lapsed: {_WORK}."
LARGE = "The request was thrown away to make room for the result, which was too large to be kept with it."


async def detail(jobs: JobList, number: int, tenant: str) -> Row:
    """The whole job. `tenant` empty: whosever it is. Raises `Problem(NOT_FOUND)`."""
    found = await record_anywhere(jobs.parts.bus, number, tenant)
    rows = await _rows(jobs, number, tenant)
    if found is not None:
        return await _of_record(jobs, found[1], rows)
    if rows:
        return await _of_rows(jobs, rows)
    for call in await jobs.parts.dispatcher.switchboard.calls(tenant, number):
        return _of_call(jobs, call)
    raise Problem(Code.NOT_FOUND, f"There is no job {number}.")


# ---- with a record ----------------------------------------------------------------------------------------------------


async def _of_record(jobs: JobList, found: Record, rows: list[Row]) -> Row:
    seen = await _seen(jobs.listing, found)
    record, claim = seen.record, seen.claim  # it may have ended since it was found: all that is told is of one moment
    job = record.job
    attempts = record.attempts or (claim.trail if claim else ())
    told = line_of(seen, jobs.name_of)
    timeline = [{"at": job.created, "what": "accepted" if not job.run else f"put back, run {job.run}"}]
    timeline += _attempts(attempts)
    if seen.running and claim is not None:
        timeline.append({"at": claim.started, "what": "begun", "attempt": claim.attempt, **_who(claim)})
    timeline += await _events(jobs, record)
    timeline += await _callback(jobs, record)
    if record.state.terminal:
        timeline.append({"at": record.finished, "what": str(record.state), **_fault(record)})
    request, why = _json(job.body), None
    if job.body == b"{}" and record.state.terminal:
        request, why = None, LARGE
    result = _json(record.result) if record.content_type == "application/json" else None
    return {
        **told,
        "deadline": job.deadline,
        "dialect": job.dialect,
        "reply_to": _host_of(job.reply_to),
        "request": request,
        "result": result,
        "result_type": record.content_type if record.result else None,
        "result_bytes": len(record.result),
        "why_no_body": why or _why_no_result(record),
        "timeline": sorted(timeline, key=lambda event: event["at"]),
        "usage": usage_dict(record.usage) if record.state.terminal else None,
        "trail": steps_told(record.steps or (claim.steps if claim else ()) or job.steps),
        "runs": [_run(row) for row in rows if row["run"] != job.run],
        "actions": actions_of(seen),
    }


async def _seen(listing: Listing, record: Record) -> Seen:
    number = record.job.id
    found = (await listing.index()).get(number)
    some = await listing.read([Open(number, record.job.tenant, found.queue if found else "")])
    return some.get(number, Seen(0, record))


def actions_of(seen: Seen) -> list[str]:
    """What can be done to the job as it is now."""
    record = seen.record
    if not record.state.terminal:
        return ["cancel"] if seen.running or seen.first else ["cancel", "first"]
    again = ["requeue"] if record.state is State.FAILED else []
    known = record.job.op != "callback" and record.job.body not in (b"", b"{}")
    return [*again, "replay"] if known else again


def _attempts(attempts: tuple[Attempt, ...]) -> list[Event]:
    found: list[Event] = []
    for one in attempts:
        who = {"attempt": one.number, "queue": one.queue, "provider": one.provider, "agent": one.agent}
        found.append({"at": one.started, "what": "begun", **who})
        failed = {"error": one.code, "message": one.message} if one.code else {}
        what = "attempt failed" if one.code else "attempt done"
        found.append({"at": one.started + one.seconds, "what": what, **who, "seconds": round(one.seconds, 3), **failed})
    return found


def _who(claim: Any) -> Event:
    return {"queue": claim.queue, "provider": claim.provider, "agent": claim.agent, "delivery": claim.delivery}


async def _events(jobs: JobList, record: Record) -> list[Event]:
    """What EVENTS still holds (15 minutes): stages, and pieces of a stream as one line."""
    job = record.job
    query = {"seq": 1, "batch": MOST_EVENTS, "next_by_subj": subjects.evt(job.tenant, job.id)}
    found: list[Event] = []
    pieces: Event | None = None
    for message in await jobs.parts.bus.read("EVENTS", query):
        at, event = _moment((message.headers or {}).get("Nats-Time-Stamp", "")), decode_event(message.data)
        if isinstance(event, Progress) and event.stage:
            found.append({"at": at, "what": "progress", "stage": event.stage, "share": event.share})
        elif isinstance(event, Delta):
            if pieces is None:
                pieces = {"at": at, "what": "first piece of the answer", "chunks": 0}
                found.append(pieces)
            pieces["chunks"] += len(event.chunks)
        elif isinstance(event, Done | Failed):
            pieces = None
    return found


async def _callback(jobs: JobList, record: Record) -> list[Event]:
    """The deliveries of its web callback."""
    job = record.job
    if not (job.reply_to and record.state.terminal):
        return []
    number = await jobs.parts.dispatcher.jobs.named(job.tenant, job.key, f"callback\0callback.{job.label}")
    found = await record_anywhere(jobs.parts.bus, number, job.tenant) if number else None
    if found is None:
        return []
    child = found[1]
    told: list[Event] = [
        {"at": child.job.created, "what": "callback queued", "job": number, "to": _host_of(job.reply_to)}
    ]
    for one in child.attempts:
        more = {"error": one.code, "message": one.message} if one.code else {}
        what = "callback failed" if one.code else "callback delivered"
        told.append({"at": one.started + one.seconds, "what": what, "job": number, "attempt": one.number, **more})
    return told


def _fault(record: Record) -> Event:
    return {"error": record.fault.code, "message": record.fault.message} if record.fault else {}


def _why_no_result(record: Record) -> str | None:
    if record.result:
        json = record.content_type == "application/json"
        return (
            None
            if json
            else f"The result is no JSON but {record.content_type}; GET /jobs/{record.job.id}/result has it."
        )
    if not record.state.terminal:
        return "The job has not ended: there is no result yet."
    return (
        "There is no result: the job did not end well." if record.state is not State.DONE else "The result was empty."
    )


# ---- of a live call ---------------------------------------------------------------------------------------------------


def _of_call(jobs: JobList, call: Running) -> Row:
    return {
        **line_of_call(call, jobs.name_of),
        "deadline": call.deadline,
        "request": None,
        "result": None,
        "why_no_body": LIVE,
        "timeline": [{"at": call.created, "what": "accepted"}, *_attempts(call.trail)],
        "usage": None,
        "trail": [],
        "runs": [],
        "actions": ["cancel"],
    }


# ---- from the archive -------------------------------------------------------------------------------------------------


async def _rows(jobs: JobList, number: int, tenant: str) -> list[Row]:
    """A row for each run, the last one first."""
    if jobs.parts.past is None:
        return []
    whose = f" AND tenant = {text(tenant)}" if tenant else ""
    sql = f"""SELECT {COLUMNS}, request, response, trail FROM requests WHERE job = {number}{whose}
        ORDER BY run DESC LIMIT {MOST_RUNS}"""
    return dicts((await jobs.parts.past.ask(sql))[0])


async def _of_rows(jobs: JobList, rows: list[Row]) -> Row:
    last = rows[0]
    plain = {name: value for name, value in last.items() if name not in ("request", "response", "trail")}
    attempts = _trail(last["trail"])
    timeline: list[Event] = [{"at": last["created"], "what": "accepted"}, *_attempts(attempts)]
    timeline.append(
        {"at": last["finished"], "what": last["state"], **({"error": last["error"]} if last["error"] else {})}
    )
    kept = last["request"] is not None or last["response"] is not None
    return {
        **line_of_row(plain, jobs.name_of),
        "request": _json((last["request"] or "").encode()),
        "result": _json((last["response"] or "").encode()),
        "why_no_body": None if kept else GONE,
        "timeline": sorted(timeline, key=lambda event: event["at"]),
        "usage": {"tokens_in": last["tokens_in"], "tokens_out": last["tokens_out"]},
        "trail": [],
        "runs": [_run(row) for row in rows[1:]],
        "actions": ["replay"] if last["request"] and last["op"] != "callback" else [],
    }


def _run(row: Row) -> Row:
    """One earlier run, in short."""
    names = ("run", "state", "provider", "created", "finished", "attempts", "error", "message", "cost")
    return {name: row[name] for name in names}


def _trail(said: str | None) -> tuple[Attempt, ...]:
    try:
        told = msgspec.json.decode(said or "[]", type=list[dict[str, Any]])
        known = Attempt.__struct_fields__
        return tuple(Attempt(**{name: value for name, value in one.items() if name in known}) for one in told)
    except (msgspec.MsgspecError, TypeError):
        return ()


def _json(body: bytes) -> Any:
    """A body as JSON; as text where it is none."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return body.decode("utf-8", "replace")


def _host_of(reply_to: str) -> str | None:
    """Where a callback goes: never the whole address, which may hold a secret."""
    try:
        return urlsplit(reply_to.split()[-1]).hostname if reply_to else None
    except (ValueError, IndexError):
        return None


def _moment(said: str) -> float:
    try:
        return datetime.fromisoformat(said[:26].rstrip("Z") + "+00:00").timestamp()
    except ValueError:
        return 0.0
