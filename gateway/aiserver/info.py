"""DTOs that tell what there is: models, types, voices, prompts, icons; and what an Ollama or a ComfyUI elsewhere has.

From the catalogue, CONFIG and the agents' last words; nothing is kept here. What a newcomer would get wrong: a model has a
common name and short ones (`llama3.3`); lists show the full common name alone.
"""

from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send

from bus import subjects
from gateway.aiserver._handlers import answers
from gateway.aiserver._icons import icon
from gateway.aiserver._sorts import CUSTOM, MEDIA, ai_sort_of, ai_sorts, ai_type, media_type
from gateway.aiserver._told import models_of, registry_of
from gateway.aiserver.call import Call
from gateway.live import send_whole
from schemas.catalogue import Catalogue, KnownModel
from schemas.dtos.base import StringsResponse
from schemas.dtos.comfy import (
    GetComfyModelMappings,
    GetComfyModelMappingsResponse,
    GetComfyModels,
    GetComfyModelsResponse,
)
from schemas.dtos.media_providers import (
    ActiveMediaModels,
    ActiveMediaModelsResponse,
    Entry,
    MediaModel,
    MediaType,
    ModelType,
    QueryMediaModels,
    QueryMediaTypes,
    QueryTextToSpeechVoices,
    TextToSpeechVoice,
)
from schemas.dtos.ollama import GetOllamaModels, GetOllamaModelsResponse, OllamaModel
from schemas.dtos.providers import (
    ActiveAiModels,
    ActiveAiModelsResponse,
    ActiveCustomAiModels,
    AiModel,
    AiType,
    GetModelImage,
    Prompt,
    QueryAiModels,
    QueryAiTypes,
    QueryPrompts,
)
from schemas.operations import DEFAULT
from schemas.problem import Code, Fault, Problem
from schemas.provider import Provider

LOOK_SECONDS = 20.0
_TYPES = {
    "text_to_image": ModelType.TextToImage, "image_to_image": ModelType.ImageToImage,
    "image_with_mask": ModelType.ImageWithMask, "image_upscale": ModelType.ImageUpscale,
    "image_to_text": ModelType.ImageToText, "speech_to_text": ModelType.SpeechToText,
    "text_to_speech": ModelType.TextToSpeech, "text_to_audio": ModelType.TextToAudio,
}  # fmt: skip
_THEIRS = {sort.ours: sort.id for sort in MEDIA}
Named = dict[str, Any]


# ---- words ------------------------------------------------------------------------------------------------------------


@answers(ActiveAiModels)
async def active_models(asked: ActiveAiModels, call: Call) -> ActiveAiModelsResponse:
    """Of providers that are switched on, under their common names. Models of `Custom` providers are always among them."""
    catalogue, found = registry_of(call.rooms.parts).catalogue, set(_custom(call))
    for provider in call.rooms.parts.config.providers.values():
        if asked.provider is not None and ai_sort_of(provider, catalogue).engine != asked.provider:
            continue
        found.update(_chats(provider, call, catalogue, asked.vision is True))
    return ActiveAiModelsResponse(results=sorted(found))


@answers(ActiveCustomAiModels)
async def custom_models(asked: ActiveCustomAiModels, call: Call) -> StringsResponse:
    return StringsResponse(results=sorted(_custom(call)))


def _custom(call: Call) -> set[str]:
    catalogue = registry_of(call.rooms.parts).catalogue
    every = call.rooms.parts.config.providers.values()
    custom = [one for one in every if ai_sort_of(one, catalogue) is CUSTOM]
    return {name for one in custom for name in _chats(one, call, catalogue, False)}


def _chats(provider: Provider, call: Call, catalogue: Catalogue, vision: bool) -> list[str]:
    if not provider.enabled:
        return []
    kind = catalogue.type_of(provider)
    chats = [model for model in models_of(provider, call.rooms.parts, catalogue) if model.op == "chat"]
    return [catalogue.resolve(one.name) for one in chats if not vision or catalogue.vision(one, kind)]


@answers(QueryAiModels)
async def ai_models(asked: QueryAiModels, call: Call) -> list[AiModel]:
    """The catalogue's chat models by family."""
    found: dict[str, AiModel] = {}
    for name, known in registry_of(call.rooms.parts).catalogue.models.items():
        if known.op != "chat":
            continue
        family, _, tag = name.partition(":")
        row = found.setdefault(family, AiModel(id=family, tags=[], icon=f"/icons/models/{family}"))
        row.tags.append(tag)
        row.latest = tag if known.latest else row.latest
        row.vision = True if known.vision else row.vision
    return list(found.values())


@answers(QueryAiTypes)
async def ai_types(asked: QueryAiTypes, call: Call) -> list[AiType]:
    catalogue = registry_of(call.rooms.parts).catalogue
    return [ai_type(sort, catalogue) for sort in ai_sorts(catalogue)]


@answers(QueryPrompts)
async def prompts(asked: QueryPrompts, call: Call) -> list[Prompt]:
    """The roles that come with the server, and those of its overrides."""
    held = registry_of(call.rooms.parts).catalogue.prompts
    return [Prompt(id=name, name=one.name, value=one.text) for name, one in held.items()]


@answers(GetModelImage)
async def model_image(asked: GetModelImage, call: Call) -> Any:
    catalogue, name = registry_of(call.rooms.parts).catalogue, asked.model[:200]
    family = catalogue.resolve(name).partition(":")[0].lower()
    known = any(family == one.partition(":")[0].lower() for one in (*catalogue.models, *catalogue.types))
    custom = name.lower() in {one.lower() for one in _custom(call)}
    picture = icon(name, known=known, custom=custom and not known)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            *call.turn.told(), (b"content-type", b"image/svg+xml"), (b"content-length", b"%d" % len(picture)),
            (b"cache-control", b"public, max-age=86400"), (b"x-content-type-options", b"nosniff"),
        ]  # fmt: skip
        await send_whole(200, headers, picture, send)

    return answer


# ---- media ------------------------------------------------------------------------------------------------------------


@answers(ActiveMediaModels)
async def active_media_models(asked: ActiveMediaModels, call: Call) -> ActiveMediaModelsResponse:
    """What makes pictures of words now, the first to be asked first."""
    catalogue, found = registry_of(call.rooms.parts).catalogue, dict[str, None]()
    views = [view for view in call.rooms.parts.fleet.queues() if view.enabled and view.slots > 0]
    for view in sorted(views, key=lambda view: (view.priority, view.name)):
        for op, name in sorted(view.models):
            if op == "text_to_image" and name != DEFAULT:
                found[_short(catalogue.resolve(name))] = None
    return ActiveMediaModelsResponse(results=[Entry(key=name, value=name) for name in found])


@answers(QueryMediaModels)
async def media_models(asked: QueryMediaModels, call: Call) -> list[MediaModel]:
    """The catalogue's media models, and what providers here have beside them."""
    parts, catalogue = call.rooms.parts, registry_of(call.rooms.parts).catalogue
    found = {_short(name): _known(_short(name), one) for name, one in catalogue.models.items() if one.op in _TYPES}
    for provider in parts.config.providers.values():
        where = _THEIRS.get(provider.kind, provider.kind)
        for model in models_of(provider, parts, catalogue):
            if model.op in _TYPES and model.name != DEFAULT:
                name = _short(catalogue.resolve(model.name))
                row = found.setdefault(name, MediaModel(id=name, name=name, type=_TYPES[model.op]))
                row.api_models = {**row.api_models, where: model.native or model.name}
                tasks = row.supported_tasks or {}
                row.supported_tasks = {**tasks, where: sorted({*tasks.get(where, ()), _TYPES[model.op].value})}
    rows = [row for row in found.values() if asked.id in (None, "", row.id)]
    return [row for row in rows if not asked.provider_id or asked.provider_id in row.api_models]


def _short(name: str) -> str:
    """Media models go without `:latest` here, as the dialect's own do; it is understood either way."""
    return name.removesuffix(":latest")


def _known(name: str, known: KnownModel) -> MediaModel:
    natives = {_THEIRS.get(kind, kind): known.natives(kind)[0] for kind in known.native if kind != "*"}
    tasks = {kind: [_TYPES[known.op].value] for kind in natives}
    return MediaModel(id=name, name=name, type=_TYPES[known.op], api_models=natives, supported_tasks=tasks)


@answers(QueryMediaTypes)
async def media_types(asked: QueryMediaTypes, call: Call) -> list[MediaType]:
    catalogue = registry_of(call.rooms.parts).catalogue
    return [media_type(sort, catalogue) for sort in MEDIA]


@answers(QueryTextToSpeechVoices)
async def voices(asked: QueryTextToSpeechVoices, call: Call) -> list[TextToSpeechVoice]:
    """Those that somebody can speak with now; `Default` leaves the choice to whoever speaks."""
    catalogue = registry_of(call.rooms.parts).catalogue
    names = [name for name in call.rooms.parts.fleet.models("text_to_speech") if not catalogue.is_alias(name)]
    found = {_voice(name): name for name in names}
    first = [TextToSpeechVoice(id="Default", model="text-to-speech")] if names else []
    return first + [TextToSpeechVoice(id=voice, model=name) for voice, name in sorted(found.items())]


def _voice(name: str) -> str:
    """`tts-1:alloy` is Alloy; a model's own name is its only voice."""
    model, _, voice = name.partition(":")
    return voice.title() if voice and not voice[:1].isdigit() and voice != "latest" else model


# ---- elsewhere --------------------------------------------------------------------------------------------------------


@answers(GetOllamaModels)
async def ollama_models(asked: GetOllamaModels, call: Call) -> GetOllamaModelsResponse:
    """Asked by an agent with the guarded client. Raises `Problem`."""
    seen = await _look(call, "ollama", asked.api_base_url)
    return GetOllamaModelsResponse(
        results=[msgspec.convert(one, OllamaModel, strict=False) for one in map(_plain, seen)]
    )


def _plain(one: Named) -> Named:
    """What a newer or older Ollama leaves out or says as null gets its default."""
    details = one.get("details")
    said = {name: value for name, value in one.items() if value is not None and name in OllamaModel.__struct_fields__}
    if isinstance(details, dict):
        said["details"] = {name: value for name, value in details.items() if value is not None}
    return said


@answers(GetComfyModels)
async def comfy_models(asked: GetComfyModels, call: Call) -> GetComfyModelsResponse:
    """Of the ComfyUI at that address; without one, of those that are providers here."""
    if asked.api_base_url:
        return GetComfyModelsResponse(results=await _look(call, "comfyui", asked.api_base_url, asked.api_key or ""))
    return GetComfyModelsResponse(results=sorted(_mappings(call)))


@answers(GetComfyModelMappings)
async def comfy_mappings(asked: GetComfyModelMappings, call: Call) -> GetComfyModelMappingsResponse:
    return GetComfyModelMappingsResponse(models=_mappings(call))


def _mappings(call: Call) -> dict[str, str]:
    """File at a ComfyUI -> name here."""
    parts, catalogue = call.rooms.parts, registry_of(call.rooms.parts).catalogue
    every = [one for one in parts.config.providers.values() if one.kind == "comfyui" and one.enabled]
    found = [model for one in every for model in models_of(one, parts, catalogue) if model.op in _TYPES]
    return {model.native or model.name: model.name for model in found if model.name != DEFAULT}


async def _look(call: Call, kind: str, url: str, key: str = "") -> list[Any]:
    wish = {"kind": kind, "base_url": url, "key": key, "trusted": "admin" in call.key.scopes}
    try:
        answer = await call.rooms.parts.bus.ask(subjects.LOOK, msgspec.json.encode(wish), LOOK_SECONDS)
    except Problem as problem:
        said = "No agent process is there that could go and look; `ai-server up` starts one."
        raise Problem(Code.UNAVAILABLE, said, retry_after=5) from problem
    seen = msgspec.json.decode(answer.data)
    if seen.get("fault"):
        raise Problem.of(msgspec.convert(seen["fault"], Fault))
    found: list[Any] = seen.get("models", [])
    return found
