"""The dialect's types of provider (`Open AI`, `GroqCloud`, `ComfyUI` …) and what they are called in our catalogue. Pure.

What a newcomer would get wrong: addresses differ. Its clients write an address without the version (`https://api.openai.com`),
ours ends with it (`…/v1`); and its `Custom` has the whole address of the chat endpoint.
"""

import re
from typing import NamedTuple

from schemas.catalogue import Catalogue, ProviderType
from schemas.dtos.media_providers import AiServiceProvider, MediaType
from schemas.dtos.providers import AiProviderType, AiType
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider

CHAT_PATH = "/chat/completions"
_VERSION = re.compile(r"/v\d+[a-z0-9]*\Z")


class Sort(NamedTuple):
    """A type of provider. `ours`: a type of the catalogue, or a kind; `suffix`: what our address has behind theirs."""

    id: str
    ours: str
    engine: AiProviderType | AiServiceProvider
    website: str
    suffix: str = ""


_OPENAI, _CUSTOM = AiProviderType.OpenAiProvider, AiProviderType.CustomOpenAiProvider
CUSTOM = Sort("Custom", "", _CUSTOM, "https://platform.openai.com/docs/api-reference/chat")
AI = (
    Sort("Ollama", "ollama", AiProviderType.OllamaAiProvider, "https://ollama.com"),
    Sort("OpenRouter", "openrouter", _OPENAI, "https://openrouter.ai", "/v1"),
    Sort("OpenRouter Free", "openrouter", _OPENAI, "https://openrouter.ai", "/v1"),
    Sort("Open AI", "openai", _OPENAI, "https://openai.com", "/v1"),
    Sort("Mistral AI", "mistral", _OPENAI, "https://mistral.ai", "/v1"),
    Sort("Google Cloud", "gemini", AiProviderType.GoogleAiProvider, "https://cloud.google.com", "/v1beta"),
    Sort("GroqCloud", "groq", _OPENAI, "https://groq.com", "/v1"),
    Sort("Anthropic", "anthropic", AiProviderType.AnthropicAiProvider, "https://www.anthropic.com"),
    CUSTOM,
)
MEDIA = (
    Sort("Replicate", "replicate", AiServiceProvider.Replicate, "https://replicate.com", "/v1"),
    Sort("ComfyUI", "comfyui", AiServiceProvider.Comfy, "https://github.com/comfyanonymous/ComfyUI"),
    Sort("OpenAI", "openai", AiServiceProvider.OpenAi, "https://openai.com", "/v1"),
)
_ENGINES = {"ollama": AiProviderType.OllamaAiProvider, "gemini": AiProviderType.GoogleAiProvider,
            "anthropic": AiProviderType.AnthropicAiProvider}  # fmt: skip
_MEDIA_KINDS = frozenset({"comfyui", "replicate", "speech", "image", "ffmpeg"})
_WORDS = ("chat", "embeddings", "image_to_text")
"""Operations of what the dialect calls an AI provider."""
_COSTS = {2: 0, 1: 2, 0: 5, -1: 8}
"""Their priority (Highest, High, Normal, Low) -> ours."""


def ai_sorts(catalogue: Catalogue) -> list[Sort]:
    """The dialect's own first, then what else the catalogue knows."""
    known = {sort.ours for sort in AI}
    others = (name for name, one in catalogue.types.items() if name not in known and one.kind not in _MEDIA_KINDS)
    return [*AI, *(_other(name, catalogue.types[name]) for name in others)]


def _other(name: str, one: ProviderType) -> Sort:
    suffix = _VERSION.search(one.base_url)
    return Sort(name, name, _ENGINES.get(one.kind, _OPENAI), one.docs, suffix[0] if suffix else "")


def sort_named(said: str, sorts: list[Sort] | tuple[Sort, ...], field: str) -> Sort:
    """By its id here or ours, whatever the case and spaces. Raises `Problem(INVALID_REQUEST)`."""
    wanted = _folded(said)
    for sort in sorts:
        if wanted in (_folded(sort.id), sort.ours and _folded(sort.ours)):
            return sort
    known = ", ".join(sort.id for sort in sorts)
    raise Problem(Code.INVALID_REQUEST, f"There is no type '{said[:60]}'. There are: {known}.", param=field)


def ai_sort_of(provider: Provider, catalogue: Catalogue) -> Sort:
    """A provider that speaks OpenAI's wire at an address of its own is a `Custom`."""
    ours = catalogue.type_of(provider) or (provider.kind if provider.kind != "openai" else "")
    if not ours:
        return CUSTOM
    found = next((sort for sort in ai_sorts(catalogue) if sort.ours == ours), None)
    return found or Sort(ours, ours, _ENGINES.get(provider.kind, _OPENAI), "")


def media_sort_of(provider: Provider) -> Sort:
    ours = provider.kind
    found = next((sort for sort in MEDIA if sort.ours == ours), None)
    return found or Sort(ours, ours, AiServiceProvider.Comfy, "")


def is_media(provider: Provider, models: tuple[Model, ...]) -> bool:
    """Whether it makes or changes media."""
    if provider.kind in _MEDIA_KINDS:
        return True
    return any(model.op not in _WORDS and model.op in OPERATIONS for model in models)


def is_ai(provider: Provider, models: tuple[Model, ...]) -> bool:
    """Whether it answers with words. One that has told no models yet is taken for what its kind is."""
    if provider.kind in _MEDIA_KINDS or provider.kind == "callbacks":
        return False
    return not models or any(model.op in _WORDS for model in models)


def our_url(sort: Sort, url: str) -> str:
    url = url.strip().rstrip("/")
    if sort is CUSTOM:
        return url.removesuffix(CHAT_PATH)
    return url + sort.suffix if url and sort.suffix and not _VERSION.search(url) else url


def their_url(sort: Sort, url: str) -> str:
    if sort is CUSTOM:
        return url + CHAT_PATH if url else ""
    return url.removesuffix(sort.suffix) if sort.suffix else url


def our_priority(said: int) -> int:
    return _COSTS[max(-1, min(2, said))]


def their_priority(held: int) -> int:
    return 2 if held < 2 else 1 if held < 5 else 0 if held < 7 else -1


def ai_type(sort: Sort, catalogue: Catalogue) -> AiType:
    known = catalogue.types.get(sort.ours)
    assert isinstance(sort.engine, AiProviderType)
    return AiType(
        id=sort.id,
        provider=sort.engine,
        website=sort.website,
        api_base_url=their_url(sort, known.base_url if known else "http://localhost:8080/v1" if sort is CUSTOM else ""),
        icon=f"/icons/models/{_folded(sort.ours or sort.id)}",
        api_models=_natives(sort.ours, catalogue, media=False),
    )


def media_type(sort: Sort, catalogue: Catalogue) -> MediaType:
    known = catalogue.types.get(sort.ours)
    assert isinstance(sort.engine, AiServiceProvider)
    return MediaType(
        id=sort.id,
        provider=sort.engine,
        website=sort.website,
        api_base_url=their_url(
            sort, known.base_url if known else "http://localhost:8188" if sort.ours == "comfyui" else ""
        ),
        icon=f"/icons/models/{_folded(sort.ours)}",
        api_models=_natives(sort.ours, catalogue, media=True),
    )


def _natives(ours: str, catalogue: Catalogue, media: bool) -> dict[str, str]:
    """Common name -> what providers of that type call it."""
    return {
        name.removesuffix(":latest") if media else name: found[0]
        for name, model in catalogue.models.items()
        if (model.op not in _WORDS) == media and ours and (found := model.natives(ours))
    }


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
