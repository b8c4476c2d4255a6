"""Admin DTOs of API keys. The key itself is in the answer that makes it, and in no other.

What a newcomer would get wrong: a key that is restricted to some DTOs must not do by another door (`/v1/chat/completions`)
what it may not do here, so the operations behind its DTOs are kept beside them (`ApiKey.apis`), and each door asks for
those. And an empty list in a change says nothing: it is emptied by `reset`.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bus.tenants import seen_by
from gateway.admin import key_state
from gateway.aiserver._handlers import answers
from gateway.aiserver._numbers import named, number_of
from gateway.aiserver._told import registry_of
from gateway.aiserver.call import Call
from gateway.dialects._status import null
from schemas.dtos import APIS
from schemas.dtos.base import EmptyResponse
from schemas.dtos.keys import (
    AdminApiKeyResponse,
    AdminApiKeysResponse,
    AdminCreateApiKey,
    AdminDeleteApiKey,
    AdminQueryApiKeys,
    AdminUpdateApiKey,
    CreateApiKey,
    CreateApiKeyResponse,
    PartialApiKey,
)
from schemas.operations import OPERATIONS, TRANSFORMS
from schemas.problem import Code, Problem
from schemas.provider import NOTHING, SCOPES, ApiKey

PAGE = 1000
_CHOSEN = re.compile(r"[!-~]{20,200}\Z")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_OPS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("OpenAiChatCompletion", "QueueOpenAiChatCompletion", "ChatAiProvider", "OllamaGeneration",
         "QueueOllamaGeneration"), ("chat",),
    ),
    "CreateGeneration": tuple(
        name for name, one in OPERATIONS.items()
        if one.media and not one.internal and one not in TRANSFORMS and name != "workflow"
    ),
    "CreateMediaTransform": tuple(one.name for one in TRANSFORMS),
    "QueueComfyWorkflow": ("workflow",),
}  # fmt: skip
_RESETS = {
    "name": {"name": None}, "userid": {"user_id": None}, "username": {"user": None}, "scopes": {"scopes": None},
    "features": {"features": None}, "restrictto": {"dtos": None, "apis": None}, "expirydate": {"expires": None},
    "cancelleddate": {"disabled": None}, "notes": {"notes": None}, "refid": {"ref_id": None},
    "refidstr": {"ref": None}, "meta": {"meta": None},
}  # fmt: skip
Fields = dict[str, Any]


# ---- create -----------------------------------------------------------------------------------------------------------


@answers(AdminCreateApiKey)
async def create(asked: AdminCreateApiKey, call: Call) -> AdminApiKeyResponse:
    raw, _ = await registry_of(call.rooms.parts).create_key({"name": _month(), **_fields(asked)}, call.key.id)
    return AdminApiKeyResponse(result=raw)


@answers(CreateApiKey)
async def create_whole(asked: CreateApiKey, call: Call) -> CreateApiKeyResponse:
    """Whoever asks may bring the key's text along: an app that has its key already."""
    if asked.key and not _CHOSEN.match(asked.key):
        said = "A key of one's own must be 20 to 200 characters without spaces, and hard to guess."
        raise Problem(Code.INVALID_REQUEST, said, param="key")
    fields = {"name": _month(), **_fields(asked)}
    raw, key = await registry_of(call.rooms.parts).create_key(fields, call.key.id, chosen=asked.key)
    return CreateApiKeyResponse(
        id=number_of(key.id),
        key=raw,
        name=key.name,
        user_id=key.user_id or None,
        user_name=key.user or None,
        visible_key=_visible(key),
        created_date=_date(key.created),
        expiry_date=_date(key.expires) if key.expires else None,
        notes=key.notes or None,
    )


# ---- look -------------------------------------------------------------------------------------------------------------


@answers(AdminQueryApiKeys)
async def query(asked: AdminQueryApiKeys, call: Call) -> AdminApiKeysResponse:
    """Masked, the newest first unless `orderBy` says otherwise."""
    config = call.rooms.parts.config
    used = await config.key_use()
    found = [
        _partial(key, used.get(key.id)) for key in sorted(seen_by(config, call.key.id), key=lambda key: -key.created)
    ]
    if asked.api_key:
        shown = config.find_key(asked.api_key)
        found = [one for one in found if shown is not None and one.id == number_of(shown.id)]
    kept = [one for one in found if _meets(one, asked)]
    if asked.order_by:
        kept = _ordered(kept, asked.order_by)
    skip = max(asked.skip or 0, 0)
    return AdminApiKeysResponse(results=kept[skip : skip + max(0, PAGE if asked.take is None else asked.take)])


def _meets(one: PartialApiKey, asked: AdminQueryApiKeys) -> bool:
    wanted = ((asked.id, one.id), (asked.user_id, one.user_id), (asked.user_name, one.user_name))
    if any(said not in (None, "", held) for said, held in wanted):
        return False
    word = (asked.search or "").casefold()
    told = (one.name, one.user_id, one.user_name, one.visible_key, one.notes, one.ref_id_str)
    return not word or any(word in text.casefold() for text in told if text)


def _ordered(found: list[PartialApiKey], said: str) -> list[PartialApiKey]:
    """`name`, `-createdDate`. Raises `Problem(INVALID_REQUEST)`."""
    for word in reversed(said.split(",")):
        name = _CAPITAL.sub("_", word.strip().lstrip("-+")).lower()
        if name not in PartialApiKey.__struct_fields__:
            raise Problem(Code.INVALID_REQUEST, f"'{word.strip()[:60]}' is no field to order by.", param="orderBy")
        there = [one for one in found if getattr(one, name) not in (None, [], {})]
        lack = [one for one in found if getattr(one, name) in (None, [], {})]
        found = sorted(there, key=lambda one: _key(getattr(one, name)), reverse=word.strip()[:1] == "-") + lack
    return found


def _key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else str(value) if isinstance(value, list | dict) else value


def _partial(key: ApiKey, used: float | None) -> PartialApiKey:
    ended = key.revoked or key.disabled
    return PartialApiKey(
        id=number_of(key.id),
        name=key.name,
        user_id=key.user_id or None,
        user_name=key.user or None,
        visible_key=_visible(key),
        created_date=_date(key.created),
        expiry_date=_date(key.expires) if key.expires else None,
        cancelled_date=_date(ended) if ended else None,
        last_used_date=_date(used) if used else None,
        scopes=[scope.title() for scope in key.scopes],
        features=list(key.features),
        restrict_to=list(key.dtos or key.apis),
        notes=key.notes or None,
        ref_id=key.ref_id,
        ref_id_str=key.ref or None,
        meta=key.meta or None,
        active=key_state(key) in ("active", "ending"),
    )


# ---- change -----------------------------------------------------------------------------------------------------------


@answers(AdminUpdateApiKey)
async def update(asked: AdminUpdateApiKey, call: Call) -> EmptyResponse:
    """What is given is changed; `reset` empties. A key is disabled by `cancelledDate` and enabled by resetting it."""
    registry = registry_of(call.rooms.parts)
    fields = _fields(asked)
    if asked.cancelled_date is not None:
        fields["disabled"] = asked.cancelled_date.timestamp()
    for word in asked.reset or ():
        if word.lower() not in _RESETS or word.lower() == "name":
            raise Problem(Code.INVALID_REQUEST, f"'{word[:60]}' can't be reset.", param="reset")
        fields |= _RESETS[word.lower()]
    await registry.change_key(named(asked.id, call.rooms.parts.config.keys, "key"), fields, call.key.id)
    return EmptyResponse()


@answers(AdminDeleteApiKey)
async def delete(asked: AdminDeleteApiKey, call: Call) -> EmptyResponse:
    """Refused everywhere within a second. What it has asked stays in the archive under its id."""
    if asked.id is None:
        raise null("id", "Say which key: its id.")
    key_id = named(asked.id, call.rooms.parts.config.keys, "key")
    await registry_of(call.rooms.parts).remove_key(key_id, call.key.id)
    return EmptyResponse()


def _fields(asked: Any) -> Fields:
    """What the requests have in common, in our words. Raises `Problem(INVALID_REQUEST)`."""
    fields: Fields = {}
    for theirs, ours in (("name", "name"), ("user_id", "user_id"), ("user_name", "user"), ("notes", "notes"),
                         ("ref_id", "ref_id"), ("ref_id_str", "ref"), ("meta", "meta")):  # fmt: skip
        value = getattr(asked, theirs)
        if value is not None and value != "":
            fields[ours] = value
    if asked.scopes:
        fields["scopes"] = [_scope(word) for word in asked.scopes]
    if features := getattr(asked, "features", None):
        fields["features"] = features
    if restricted := getattr(asked, "restrict_to", None):
        fields |= _restricted(restricted)
    if expires := getattr(asked, "expiry_date", None):
        fields["expires"] = max(1.0, expires.timestamp())
    return fields


def _scope(word: str) -> str:
    if word.lower() not in SCOPES:
        known = ", ".join(scope.title() for scope in SCOPES)
        raise Problem(Code.INVALID_REQUEST, f"There is no scope '{word[:60]}'; there are: {known}.", param="scopes")
    return word.lower()


def _restricted(words: Iterable[str]) -> Fields:
    """DTOs by name, and operations, which stand for all DTOs that do them."""
    known, dtos = {name.lower(): name for name in APIS}, dict[str, None]()
    for word in words:
        if word.lower() in known:
            dtos[known[word.lower()]] = None
        elif word in OPERATIONS and not OPERATIONS[word].internal:
            dtos |= dict.fromkeys(name for name in APIS if word in ops_of(name))
        else:
            said = f"'{word[:60]}' is no API. /metadata lists them."
            raise Problem(Code.INVALID_REQUEST, said, param="restrictTo")
    ops = sorted({op for name in dtos for op in ops_of(name)})
    return {"dtos": list(dtos), "apis": ops or [NOTHING]}


def ops_of(dto: str) -> tuple[str, ...]:
    """The operations that a request of this name may do."""
    if dto in _OPS:
        return _OPS[dto]
    name = _CAPITAL.sub("_", dto.removeprefix("Queue")).lower()
    return (name,) if name in OPERATIONS and not OPERATIONS[name].internal else ()


def _visible(key: ApiKey) -> str:
    return f"{key.prefix}***"


def _month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
