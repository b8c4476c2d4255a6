"""Admin DTOs of providers: create, change, remove, switch, try; what their workers do; read everything anew.

All through `bus/registry.py`, as the admin API does it: the same checks, seals and history. What a newcomer would get wrong:
a provider that is "taken offline" is switched off until somebody takes it back; one that its health checks find away comes
back by itself.
"""

import re
from typing import Any

from bus import subjects
from gateway.aiserver._handlers import answers
from gateway.aiserver._numbers import named, number_of
from gateway.aiserver._sorts import (
    MEDIA,
    Sort,
    ai_sort_of,
    ai_sorts,
    media_sort_of,
    our_priority,
    our_url,
    sort_named,
)
from gateway.aiserver._told import MASK, ai_providers, dates_of, key_header, media_providers, registry_of
from gateway.aiserver.call import Call
from gateway.routes.admin_providers import tested
from schemas.catalogue import Catalogue
from schemas.dtos.admin import Reload
from schemas.dtos.base import BoolResponse, EmptyResponse, IdResponse, StringResponse
from schemas.dtos.media_providers import (
    CheckMediaProviderStatus,
    CreateMediaProvider,
    DeleteMediaProvider,
    MediaProvider,
    QueryMediaProviders,
    UpdateMediaProvider,
)
from schemas.dtos.providers import (
    AiProvider,
    AiProviderModel,
    ChangeAiProviderStatus,
    CheckAiProviderStatus,
    CreateAiProvider,
    DeleteAiProvider,
    GetActiveProviders,
    GetActiveProvidersResponse,
    QueryAiProviders,
    UpdateAiProvider,
)
from schemas.problem import Code, Problem
from schemas.provider import Provider
from schemas.secrets import ENV, SEALED, SHOWN, secret_header

_PLAIN = re.compile(r"[^a-z0-9_-]+")
_MEDIA_OPS = ((re.compile(r"tts|kokoro|piper|lessac", re.IGNORECASE), "text_to_speech"),
              (re.compile(r"whisper|transcri", re.IGNORECASE), "speech_to_text"),
              (re.compile(r"esrgan|upscale|\dx[-_]", re.IGNORECASE), "image_upscale"),
              (re.compile(r"audio|musicgen", re.IGNORECASE), "text_to_audio"))  # fmt: skip
Fields = dict[str, Any]


def slug(name: str) -> str:
    """A name as providers are called here: `My Ollama` is `my-ollama`."""
    return _PLAIN.sub("-", name.strip().lower()).strip("-_")[:63]


def provider_named(said: str, call: Call) -> Provider:
    """By name, as its creator wrote it or as it is, or by number. Raises `Problem(NOT_FOUND)`."""
    names = call.rooms.parts.config.providers
    if said.isdigit() and said not in names:
        said = named(int(said), names, "provider")
    return registry_of(call.rooms.parts).provider(said if said in names else slug(said) or said)


# ---- lists ------------------------------------------------------------------------------------------------------------


@answers(QueryAiProviders)
async def query_ai_providers(asked: QueryAiProviders, call: Call) -> list[AiProvider]:
    return ai_providers(call.rooms.parts, await dates_of(call.rooms.parts))


@answers(GetActiveProviders)
async def active_providers(asked: GetActiveProviders, call: Call) -> GetActiveProvidersResponse:
    """Those that are switched on."""
    found = ai_providers(call.rooms.parts, await dates_of(call.rooms.parts))
    return GetActiveProvidersResponse(results=[one for one in found if one.enabled])


@answers(QueryMediaProviders)
async def query_media_providers(asked: QueryMediaProviders, call: Call) -> list[MediaProvider]:
    return media_providers(call.rooms.parts, await dates_of(call.rooms.parts))


# ---- changes ----------------------------------------------------------------------------------------------------------


@answers(CreateAiProvider)
async def create_ai(asked: CreateAiProvider, call: Call) -> IdResponse:
    registry = registry_of(call.rooms.parts)
    sort = sort_named(asked.ai_type_id, ai_sorts(registry.catalogue), "aiTypeId")
    fields = _begun(asked.name, sort, registry.catalogue) | _shared(asked, sort, None)
    if asked.models or asked.selected_models:
        fields |= _models(asked.models, asked.selected_models)
    made = await registry.add(fields, call.key.id)
    return IdResponse(id=str(number_of(made.name)))


@answers(UpdateAiProvider)
async def update_ai(asked: UpdateAiProvider, call: Call) -> IdResponse:
    registry, old = registry_of(call.rooms.parts), provider_named(str(asked.id), call)
    sort = ai_sort_of(old, registry.catalogue)
    fields: Fields = {}
    if asked.ai_type_id:
        wanted = sort_named(asked.ai_type_id, ai_sorts(registry.catalogue), "aiTypeId")
        if wanted.ours != sort.ours:
            known = registry.catalogue.types.get(wanted.ours)
            fields |= {"type": wanted.ours, "kind": known.kind if known else "openai"}
            sort = wanted
    if asked.name and slug(asked.name) != old.name:
        fields["name"] = slug(asked.name)
    fields |= _shared(asked, sort, old)
    if asked.models is not None or asked.selected_models is not None:
        fields |= _models(asked.models, asked.selected_models)
    changed = await registry.change(old.name, fields | _reset(call), call.key.id)
    return IdResponse(id=str(number_of(changed.name)))


@answers(DeleteAiProvider)
async def delete_ai(asked: DeleteAiProvider, call: Call) -> None:
    name = provider_named(str(asked.id), call).name
    await registry_of(call.rooms.parts).remove(name, call.key.id)


@answers(CreateMediaProvider)
async def create_media(asked: CreateMediaProvider, call: Call) -> IdResponse:
    registry = registry_of(call.rooms.parts)
    sort = sort_named(asked.media_type_id, MEDIA, "mediaTypeId")
    fields = _begun(asked.name, sort, registry.catalogue) | _shared(asked, sort, None)
    if asked.models:
        fields["models"] = [_media_model(one, sort, registry.catalogue) for one in asked.models]
    made = await registry.add(fields, call.key.id)
    return IdResponse(id=str(number_of(made.name)))


@answers(UpdateMediaProvider)
async def update_media(asked: UpdateMediaProvider, call: Call) -> IdResponse:
    registry, old = registry_of(call.rooms.parts), provider_named(str(asked.id), call)
    sort = media_sort_of(old)
    fields = _shared(asked, sort, old)
    if asked.models is not None:
        fields["models"] = [_media_model(one, sort, registry.catalogue) for one in asked.models]
    changed = await registry.change(old.name, fields | _reset(call), call.key.id)
    return IdResponse(id=str(number_of(changed.name)))


@answers(DeleteMediaProvider)
async def delete_media(asked: DeleteMediaProvider, call: Call) -> IdResponse:
    if asked.id is None and not asked.name:
        raise Problem(Code.INVALID_REQUEST, "Give 'id' or 'name'.", param="id")
    found = provider_named(str(asked.id) if asked.id is not None else asked.name or "", call)
    await registry_of(call.rooms.parts).remove(found.name, call.key.id)
    return IdResponse(id=str(number_of(found.name)))


def _begun(name: str, sort: Sort, catalogue: Catalogue) -> Fields:
    plain = slug(name)
    if not plain:
        raise Problem(Code.INVALID_REQUEST, "'name' must hold letters or digits.", param="name")
    if sort.ours in catalogue.types:
        return {"name": plain, "type": sort.ours}
    return {"name": plain, "kind": sort.ours or "openai"}


def _shared(asked: Any, sort: Sort, old: Provider | None) -> Fields:
    """What all four requests have in common."""
    fields: Fields = {}
    if asked.api_base_url:
        fields["base_url"] = our_url(sort, asked.api_base_url)
    if asked.concurrency:
        fields["slots"] = asked.concurrency
    if asked.priority is not None:
        fields["priority"] = our_priority(asked.priority)
    if asked.enabled is not None:
        fields["enabled"] = asked.enabled
    return fields | _secrets(asked, old)


def _secrets(asked: Any, old: Provider | None) -> Fields:
    """The key, in the place where the provider wants it. Raises `Problem(INVALID_REQUEST)`."""
    key, variable = asked.api_key or "", getattr(asked, "api_key_var", None) or ""
    if set(key) == set(MASK) or key == SHOWN:  # as we have shown it: the one there is stays
        key = ""
    if key.startswith((ENV, SEALED)):
        raise Problem(Code.INVALID_REQUEST, "A variable of the environment is named by 'apiKeyVar'.", param="apiKey")
    secret = key or (f"{ENV}{variable}" if variable else "")
    header = asked.api_key_header or (key_header(old) if old else None)
    if header and not secret_header(header):
        said = f"'{header[:60]}' is no name for a secret; headers that carry keys are called like x-api-key."
        raise Problem(Code.INVALID_REQUEST, said, param="apiKeyHeader")
    if not secret:
        if asked.api_key_header and old and asked.api_key_header != key_header(old):
            raise Problem(Code.INVALID_REQUEST, "Give 'apiKey' again to put it into another header.", param="apiKey")
        return {}
    return {"headers": {**(old.headers if old else {}), header: secret}} if header else {"key": secret}


def _models(models: list[AiProviderModel] | None, selected: list[str] | None) -> Fields:
    """Named models are the only ones; an empty list means: what the provider itself lists."""
    listed: dict[str, Fields] = {one: {"name": one} for one in selected or () if one}
    for model in models or ():
        if model.model:
            listed[model.model] = {"name": model.model, "native": model.api_model or ""}
    return {"models": list(listed.values()), "discover": not listed}


def _media_model(native: str, sort: Sort, catalogue: Catalogue) -> Fields:
    """Its operation is the catalogue's, or told by its name; what else it can do its agent finds out."""
    known = catalogue.find(native, sort.ours)
    if known is not None:
        return {"name": native, "op": known.op}
    guess = next((op for pattern, op in _MEDIA_OPS if pattern.search(native)), "text_to_image")
    return {"name": native, "op": guess}


_RESETS: dict[str, Fields] = {"apikey": {"key": None}, "apikeyvar": {"key": None}, "apikeyheader": {"headers": None},
           "apibaseurl": {"base_url": None}, "models": {"models": None, "discover": True},
           "selectedmodels": {"models": None, "discover": True}, "concurrency": {"slots": None},
           "priority": {"priority": None}, "heartbeaturl": {}, "offlinedate": {}}  # fmt: skip


def _reset(call: Call) -> Fields:
    """`?reset=apiKey,models`: their defaults back. Raises `Problem(INVALID_REQUEST)`."""
    fields: Fields = {}
    for name in filter(None, (word.strip() for word in (call.asked("reset") or "").split(","))):
        if name.lower() not in _RESETS:
            raise Problem(Code.INVALID_REQUEST, f"'{name[:60]}' can't be reset.", param="reset")
        fields |= _RESETS[name.lower()]
    return fields


# ---- switches ---------------------------------------------------------------------------------------------------------


@answers(ChangeAiProviderStatus)
async def change_status(asked: ChangeAiProviderStatus, call: Call) -> StringResponse:
    name = provider_named(asked.provider, call).name
    await registry_of(call.rooms.parts).change(name, {"enabled": asked.online}, call.key.id)
    return StringResponse(result=f"{name} is back online" if asked.online else f"{name} was taken offline")


@answers(CheckAiProviderStatus, CheckMediaProviderStatus)
async def check_status(asked: CheckAiProviderStatus | CheckMediaProviderStatus, call: Call) -> BoolResponse:
    """A real call that costs nothing, made by the agent. False too when no agent process speaks for the provider."""
    name = provider_named(asked.provider, call).name
    try:
        seen = await tested(call.rooms.parts, name, {})
    except Problem as problem:
        if problem.code is not Code.UNAVAILABLE:
            raise
        return BoolResponse(result=False, meta={"error": str(problem)})
    error = seen.get("error")
    return BoolResponse(result=bool(seen["ok"]), meta={"error": str(error)} if error else None)


@answers(Reload)
async def reload(asked: Reload, call: Call) -> EmptyResponse:
    """The catalogue with its overrides in every process, and CONFIG here."""
    parts = call.rooms.parts
    if parts.reload is not None:
        await parts.reload()
    await parts.config.load()
    parts.bus.tell(subjects.HB_ASK)
    return EmptyResponse()
