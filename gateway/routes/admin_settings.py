"""`/admin/settings`: what can be set while everything runs, with its history; the audit trail is `/admin/audit`.

What a newcomer would get wrong: a change here stands above the settings file and outlives restarts; `null` takes it back,
and then the file speaks again.
"""

from typing import Any

from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.parts import Parts, Tuning
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Fields = dict[str, Any]


@get("/settings", summary="Settings that can be changed live")
async def read_settings(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    """Each with `value`, `from` (live, file, default), `type`, bounds and a sentence."""
    return {"data": _tuning(parts).view()}


@patch("/settings", summary="Change settings", status_code=200)
async def change_settings(
    parts: NamedDependency[Parts], admin: NamedDependency[ApiKey], fields: NamedDependency[Fields]
) -> Fields:
    """`{"archive.bodies": true, "files.quota_bytes": null}`; all or none. In force everywhere within milliseconds."""
    await _tuning(parts).change(fields, admin.id)
    return {"data": _tuning(parts).view()}


@get("/settings/history", summary="How the settings were changed")
async def settings_history(parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    return {"data": await _tuning(parts).history()}


@post("/settings/rollback/{revision:int}", summary="Settings as they were", status_code=200)
async def roll_back_settings(
    parts: NamedDependency[Parts], admin: NamedDependency[ApiKey], revision: FromPath[int]
) -> Fields:
    """`revision` 0: all as the settings file says."""
    await _tuning(parts).roll_back(revision, admin.id)
    return {"data": _tuning(parts).view()}


def _tuning(parts: Parts) -> Tuning:
    if parts.tuning is None:
        raise Problem(Code.UNAVAILABLE, "This server's settings can't be changed live.")
    return parts.tuning


ROUTES = [read_settings, change_settings, settings_history, roll_back_settings]
