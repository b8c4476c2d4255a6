"""`/admin/audit`: who changed what, and when, page by page.

What a newcomer would get wrong: the trail knows keys by their ids. Their names are put beside them here, from the
configuration, so a key that is gone has none.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency

from gateway import reports
from gateway.parts import Parts
from gateway.past import dicts, past_of, sight
from gateway.routes.reports import words_of
from schemas.provider import ApiKey
from storage import audit_log

Asked = Request[Any, Any, Any]
Fields = dict[str, Any]


@get("/audit", summary="The audit trail")
async def list_acts(request: Asked, parts: NamedDependency[Parts], admin: NamedDependency[ApiKey]) -> Fields:
    """The newest first. Filters: by (a key's id or name, `cli` …), action, kind, name, from, to, month, and q, which looks into
    all of it."""
    whose, said = sight(admin), words_of(request)
    people = reports.people_of(parts.config.keys.values(), whose)
    page = audit_log.page(said, people)
    (found,) = await past_of(parts.past).ask(page.sql, limit=page.size + 1, whose=whose)
    rows = dicts(found)
    after = audit_log.cursor(rows[page.size - 1]) if len(rows) > page.size else None
    names = {one.key: one.name for one in people}
    return {"data": [_shown(row, names) for row in rows[: page.size]], "next": after, "warnings": found.warnings}


def _shown(row: Fields, names: Mapping[str, str]) -> Fields:
    told = {name: reports.plain(cell) for name, cell in row.items()}
    title = names.get(row["name"]) if row["kind"] == "key" else None
    return {**told, "detail": _detail(row["detail"]), "actor_name": names.get(row["actor"]), "title": title}


def _detail(text: str | None) -> Any:
    try:
        return msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        return {"note": text}


ROUTES = [list_acts]
