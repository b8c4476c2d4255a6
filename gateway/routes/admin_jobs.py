"""`/admin/jobs`: every job, open and ended, and what can be done to it; `/admin/dead-letters`: those that failed for good."""

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.job_acts import ACTIONS, Acts
from gateway.job_detail import detail
from gateway.job_filter import FIELDS, Filter, filter_of
from gateway.job_list import MOST, JobList
from gateway.past import sight
from schemas.job import State, Style
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Fields = dict[str, Any]
Asked = Request[Any, Any, Any]
_PAGING = ("limit", "after", "counts")
_USUAL = 50


@get("/jobs", summary="All jobs, open and ended, the newest first")
async def list_jobs(request: Asked, job_list: NamedDependency[JobList], admin: NamedDependency[ApiKey]) -> Fields:
    """Filters: state (queued, running, done, failed, cancelled, open, ended), queue, provider, key (id or name), model, op,
    style, tag, ref, error, from, to, q; several values with commas. `limit` (at most 500), `after`: `next` of the page before;
    `counts=1` counts by state too."""
    fields = _query(request)
    return await _listed(job_list, filter_of(_filters(fields), sight(admin).tenant, job_list.keys), fields)


@get("/dead-letters", summary="Jobs that failed for good")
async def dead_letters(request: Asked, job_list: NamedDependency[JobList], admin: NamedDependency[ApiKey]) -> Fields:
    """Stored jobs whose last run failed; filters and paging as `/admin/jobs`. `can_requeue`: it can be put back as it is;
    `history` has its earlier runs."""
    fields = _query(request)
    wanted = filter_of(_filters(fields), sight(admin).tenant, job_list.keys)
    styles = frozenset({str(Style.QUEUED), str(Style.CALLBACK), str(Style.DIRECT)})
    styles &= wanted.words.get("style", styles)
    wanted = msgspec.structs.replace(wanted, states=frozenset({State.FAILED}), words={**wanted.words, "style": styles})
    told = await _listed(job_list, wanted, fields)
    return {**told, "data": await job_list.dead(told["data"])}


@get("/jobs/{number:int}", summary="One job, with all that is known of it")
async def show_job(number: FromPath[int], job_list: NamedDependency[JobList], admin: NamedDependency[ApiKey]) -> Fields:
    """Request and result while they are kept, the story in its order, and `actions` that are possible now."""
    return await detail(job_list, _id(number), sight(admin).tenant)


@post("/jobs/{number:int}/{action:str}", status_code=200, summary="cancel, requeue, replay a job, or put it first")
async def act_on_job(
    number: FromPath[int],
    action: FromPath[str],
    acts: NamedDependency[Acts],
    admin: NamedDependency[ApiKey],
) -> Fields:
    """`cancel`: any that is open, sync calls too; `requeue`: a failed one, once more under its id; `replay`: a new job with the
    same request; `first`: before the others of its queue."""
    return await acts.one(_action(action), admin, _id(number))


@post([f"/jobs/{action}" for action in ACTIONS], status_code=200, summary="The same for many jobs")
async def act_on_jobs(
    request: Asked,
    acts: NamedDependency[Acts],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """`{"ids": […]}` or `{"filter": {…}}`, with `dry_run` and `most` (1,000 unless said, at most 10,000). Answers when all is
    done: `matched`, `done`, and `failed` with the reasons."""
    return await acts.many(_action(request.url.path.rstrip("/").rpartition("/")[2]), admin, fields)


def _action(said: str) -> str:
    if said not in ACTIONS:
        raise Problem(Code.NOT_FOUND, f"There is no action '{said[:40]}'. There are: {', '.join(ACTIONS)}.")
    return said


def _id(number: int) -> int:
    if 0 < number < 2**53:
        return number
    raise Problem(Code.NOT_FOUND, f"There is no job {number}.")


def _query(request: Asked) -> dict[str, str]:
    """The last value of each word of the query."""
    return dict(request.query_params.items())


def _filters(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _PAGING}


async def _listed(job_list: JobList, wanted: Filter, fields: dict[str, str]) -> Fields:
    limit = _number("limit", fields.get("limit"), 1, MOST, _USUAL)
    lines, more = await job_list.page(wanted, limit, _number("after", fields.get("after"), 0, 2**53, 0))
    told: Fields = {"object": "list", "data": lines, "next": str(more) if more else None}
    if fields.get("counts") in ("1", "true"):
        told["counts"] = await job_list.counts(wanted)
    return told


def _number(name: str, said: str | None, least: int, most: int, usual: int) -> int:
    if not said:
        return usual
    if not (said.isascii() and said.isdecimal() and len(said) <= 17 and least <= int(said) <= most):
        raise Problem(Code.INVALID_REQUEST, f"{name} must be a number from {least} to {most}.", param=name)
    return int(said)


ROUTES = [list_jobs, dead_letters, show_job, act_on_job, act_on_jobs]
__all__ = ["FIELDS", "ROUTES"]
