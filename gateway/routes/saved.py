"""`/saved/…`: what people keep in the web UI; `/me`: whose key this is, what it may do and what it has used.

What a newcomer would get wrong: the list of prompts holds three sorts: the caller's own, those an administrator shares, and
those that come with the server (`built_in`, with a text for an id). Only one's own can be changed.
"""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from gateway.area import Area
from gateway.key_use import use_of
from gateway.parsing import parse
from gateway.parts import Parts
from gateway.reading import body_of
from gateway.saved import SavedChange, Savings, Whole
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from schemas.saved import Kind, Saved, shown

Asked = Request[Any, Any, Any]
Fields = dict[str, Any]
PAGE = 100
LONGEST_PAGE = 1000
LONGEST = 2_100_000
_change = msgspec.json.Decoder(SavedChange).decode
_any = msgspec.json.Decoder().decode


@get("/saved/{kind:str}", summary="Saved threads, prompts, queries or pins", tags=["saved"])
async def list_saved(
    kind: FromPath[str],
    parts: NamedDependency[Parts],
    savings: NamedDependency[Savings],
    caller: NamedDependency[ApiKey],
    group: FromQuery[str] = "",
    q: FromQuery[str] = "",
    limit: FromQuery[int] = PAGE,
    after: FromQuery[int] = 0,
) -> Fields:
    """The newest first, without what they hold. `q` looks into titles; `after` is the `next` of the page before."""
    wanted = kind_of(kind)
    found = [shown(one, own) for one, own in await savings.of(caller, wanted, group)]
    if wanted is Kind.PROMPTS and parts.registry is not None:
        found += [_built_in(name, one) for name, one in parts.registry.catalogue.prompts.items() if not group]
    if q:
        found = [one for one in found if q.lower() in f"{one['title']} {one['about']}".lower()]
    start, size = max(0, after), min(max(1, limit), LONGEST_PAGE)
    more = start + size < len(found)
    return {"data": found[start : start + size], "total": len(found), "next": start + size if more else None}


@post("/saved/{kind:str}", status_code=201, summary="Save something", tags=["saved"])
async def add_saved(
    kind: FromPath[str], request: Asked, savings: NamedDependency[Savings], caller: NamedDependency[ApiKey]
) -> Response[bytes]:
    """`{"title": …, "group": …, "about": …, "body": any JSON}`"""
    return _whole(await savings.add(caller, kind_of(kind), await _sent(request)), 201)


@get("/saved/{kind:str}/{number:str}", summary="One saved thing, whole", tags=["saved"])
async def read_saved(
    kind: FromPath[str],
    number: FromPath[str],
    parts: NamedDependency[Parts],
    savings: NamedDependency[Savings],
    caller: NamedDependency[ApiKey],
) -> Response[bytes]:
    if kind == Kind.PROMPTS and parts.registry is not None and (one := parts.registry.catalogue.prompts.get(number)):
        return Response(msgspec.json.encode({**_built_in(number, one), "body": {"text": one.text}}))
    return _whole(await savings.read(caller, kind_of(kind), _number(number)))


@patch("/saved/{kind:str}/{number:str}", summary="Change a saved thing", tags=["saved"])
async def change_saved(
    kind: FromPath[str],
    number: FromPath[str],
    request: Asked,
    savings: NamedDependency[Savings],
    caller: NamedDependency[ApiKey],
) -> Response[bytes]:
    """Fields that are left out stay. With `seen` (the `changed` that was read) a change made elsewhere is not undone: 409."""
    return _whole(await savings.change(caller, kind_of(kind), _number(number), await _sent(request)))


@delete("/saved/{kind:str}/{number:str}", status_code=200, summary="Delete a saved thing", tags=["saved"])
async def drop_saved(
    kind: FromPath[str],
    number: FromPath[str],
    savings: NamedDependency[Savings],
    caller: NamedDependency[ApiKey],
) -> Fields:
    await savings.remove(caller, kind_of(kind), _number(number))
    return {"id": _number(number), "deleted": True}


@delete("/saved/{kind:str}", status_code=200, summary="Delete all of a kind", tags=["saved"])
async def clear_saved(
    kind: FromPath[str],
    savings: NamedDependency[Savings],
    caller: NamedDependency[ApiKey],
    group: FromQuery[str] = "",
) -> Fields:
    """Of the caller's own; with `group` those of it alone."""
    return {"deleted": await savings.clear(caller, kind_of(kind), group)}


@get("/me", summary="Whose key this is", tags=["saved"])
async def me(parts: NamedDependency[Parts], area: NamedDependency[Area], caller: NamedDependency[ApiKey]) -> Fields:
    """What the key may do, its limits, and what it has used of them. Money in US dollars, storage in bytes."""
    told = ("id", "prefix", "name", "user", "tenant", "scopes", "apis", "models", "expires", "requests_per_minute",
            "tokens_per_minute", "budget_day", "budget_month", "priority", "features", "dtos")  # fmt: skip
    return {
        **{name: msgspec.to_builtins(getattr(caller, name)) for name in told},
        **await use_of(parts.bus, area.quota, caller),
        "version": parts.version,
    }


@get("/me/preferences", summary="How this person likes the web UI", tags=["saved"])
async def preferences(savings: NamedDependency[Savings], caller: NamedDependency[ApiKey]) -> Fields:
    """A JSON object; empty: none were saved."""
    kept = await _preferences(savings, caller)
    body = _any((await savings.read(caller, Kind.PREFERENCES, kept.id)).body) if kept else None
    return body if isinstance(body, dict) else {}


@put("/me/preferences", status_code=200, summary="Save preferences", tags=["saved"])
async def keep_preferences(
    request: Asked, savings: NamedDependency[Savings], caller: NamedDependency[ApiKey]
) -> Fields:
    """The whole object takes the place of the one before."""
    body = parse(_any, await body_of(request, LONGEST))
    if not isinstance(body, dict):
        raise Problem(Code.INVALID_REQUEST, "Send a JSON object.")
    change = SavedChange(body=msgspec.Raw(msgspec.json.encode(body)))
    kept = await _preferences(savings, caller)
    if kept is None:
        await savings.add(caller, Kind.PREFERENCES, change)
    else:
        await savings.change(caller, Kind.PREFERENCES, kept.id, change)
    return body


async def _preferences(savings: Savings, key: ApiKey) -> Saved | None:
    found = await savings.of(key, Kind.PREFERENCES)
    return found[0][0] if found else None


def kind_of(word: str) -> Kind:
    """Raises `Problem(NOT_FOUND)`."""
    try:
        return Kind(word)
    except ValueError:
        raise Problem(Code.NOT_FOUND, f"There is no '{word[:60]}'; there are {', '.join(Kind)}.") from None


def _number(word: str) -> int:
    if not word.isdecimal() or len(word) > 16:
        raise Problem(Code.NOT_FOUND, f"There is no saved thing '{word[:60]}'.")
    return int(word)


async def _sent(request: Asked) -> SavedChange:
    return parse(_change, await body_of(request, LONGEST))


def _whole(whole: Whole, status: int = 200) -> Response[bytes]:
    told = {**shown(whole.head, whole.own), "body": msgspec.Raw(whole.body)}
    return Response(msgspec.json.encode(told), status_code=status, media_type="application/json")


def _built_in(name: str, prompt: Any) -> Fields:
    return {
        "id": name, "kind": "prompts", "group": "", "title": prompt.name, "about": prompt.text[:300], "created": 0.0,
        "changed": 0.0, "size": len(prompt.text), "shared": True, "own": False, "built_in": True,
    }  # fmt: skip


ROUTES = (
    list_saved, add_saved, read_saved, change_saved, drop_saved, clear_saved, me, preferences, keep_preferences,
)  # fmt: skip
