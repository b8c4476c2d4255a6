# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Who answers chats: kinds of providers, the providers of this server, their models, and how an administrator changes them."""

from enum import IntEnum, StrEnum
from typing import Annotated

from schemas.dtos._model import NEVER, NOT_EMPTY, DateTime, Dto, Ref, api, doc, listed, numbered
from schemas.dtos.base import (
    BoolResponse,
    IdResponse,
    QueryData,
    QueryDb,
    QueryResponse,
    ResponseStatus,
    StringResponse,
    StringsResponse,
)


@numbered
class TaskType(IntEnum):
    """Which way a chat is sent on."""

    OpenAiChat = 1
    Comfy = 2
    OllamaGenerate = 3


@listed
class AiProviderType(StrEnum):
    """The engines that chats are sent to."""

    OllamaAiProvider = "OllamaAiProvider"
    OpenAiProvider = "OpenAiProvider"
    GoogleAiProvider = "GoogleAiProvider"
    AnthropicAiProvider = "AnthropicAiProvider"
    CustomOpenAiProvider = "CustomOpenAiProvider"


class AiType(Dto):
    """A kind of provider: where it is and what it calls the models."""

    id: str = ""
    provider: AiProviderType = AiProviderType.OllamaAiProvider
    website: str = ""
    api_base_url: str = ""
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    icon: str | None = None
    api_models: Annotated[dict[str, str], doc("Our name of a model -> theirs.")] = {}


class AiProviderModel(Dto):
    """A model that a provider offers."""

    model: Annotated[str, doc("Our name.")] = ""
    api_model: Annotated[str | None, doc("Theirs, where it differs.")] = None


class AiProvider(Dto):
    """A provider of chats. Its key is masked, whoever asks."""

    id: int = 0
    name: Annotated[str, doc("Unique.")] = ""
    api_base_url: str | None = None
    api_key_var: Annotated[str | None, doc("Name of the environment variable that holds the key.")] = None
    api_key: Annotated[str | None, doc("Masked.")] = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    concurrency: Annotated[int, doc("How many requests at a time.")] = 0
    priority: Annotated[int, doc("Who comes first among equals: -1 low, 0 normal, 1 high, 2 highest.")] = 0
    enabled: bool = False
    offline_date: Annotated[DateTime | None, doc("Since when it is gone; nothing while it is there.")] = None
    created_date: DateTime = NEVER
    models: list[AiProviderModel] = []
    ai_type_id: Annotated[str, doc("What kind it is: an `AiType`.")] = ""
    ai_type: Ref[AiType] = None
    selected_models: Annotated[list[str], doc("Their names of its models.")] = []


class AiModel(Dto):
    """A family of models and its sizes."""

    id: Annotated[str, doc("The family: `llama3.1`.")] = ""
    tags: Annotated[list[str], doc("Its sizes: `8b`, `70b`.")] = []
    latest: Annotated[str | None, doc("The size that is meant when none is named.")] = None
    website: str | None = None
    description: str | None = None
    icon: str | None = None
    vision: Annotated[bool | None, doc("Whether it can see pictures.")] = None


@api("GET", QueryResponse[AiModel], tag="AI Info")
class QueryAiModels(QueryDb[AiModel]):
    """Browse the families of models."""


@api("GET", QueryResponse[AiType], tag="AI Info")
class QueryAiTypes(QueryDb[AiType]):
    """Browse the kinds of providers."""


class ActiveAiModelsResponse(Dto):
    """Names of models."""

    results: list[str] | None = None
    response_status: ResponseStatus | None = None


@api("GET", ActiveAiModelsResponse, tag="AI Info", markers=("IGet",))
class ActiveAiModels(Dto):
    """The models that can be asked now, in order of the alphabet."""

    provider: Annotated[AiProviderType | None, doc("Only those of this engine.")] = None
    vision: Annotated[bool | None, doc("Only those that can see pictures.")] = None


@api("GET", StringsResponse, tag="AI Info", markers=("IGet",))
class ActiveCustomAiModels(Dto):
    """The models of providers of type Custom, which are in no catalogue."""


@api("GET", QueryResponse[AiProvider], tag="AI Info", auth="key")
class QueryAiProviders(QueryDb[AiProvider]):
    """Find providers of chats."""

    name: str | None = None


class GetActiveProvidersResponse(Dto):
    """Providers of chats."""

    results: list[AiProvider] = []
    response_status: ResponseStatus | None = None


@api("GET", GetActiveProvidersResponse, tag="AI Info", auth="key", markers=("IGet",))
class GetActiveProviders(Dto):
    """The providers that are switched on."""


@api("POST", IdResponse, tag="Admin", auth="admin", markers=("ICreateDb<AiProvider>",))
class CreateAiProvider(Dto):
    """Add a provider of chats."""

    ai_type_id: Annotated[str, NOT_EMPTY] = ""
    api_base_url: str | None = None
    name: Annotated[str, NOT_EMPTY] = ""
    api_key_var: Annotated[str | None, doc("Name of the environment variable that holds the key.")] = None
    api_key: str | None = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    task_paths: Annotated[dict[TaskType, str] | None, doc("Taken and not used.")] = None
    concurrency: Annotated[int, doc("How many requests at a time.")] = 0
    priority: Annotated[int, doc("Who comes first among equals: -1 low, 0 normal, 1 high, 2 highest.")] = 0
    enabled: bool = False
    models: list[AiProviderModel] | None = None
    selected_models: Annotated[list[str] | None, doc("Their names of the models it should offer.")] = None


@api("PATCH", IdResponse, tag="Admin", auth="admin", markers=("IPatchDb<AiProvider>",))
class UpdateAiProvider(Dto):
    """Change a provider of chats; what is left out stays. `?reset=field` empties a field."""

    id: int = 0
    ai_type_id: str | None = None
    api_base_url: str | None = None
    name: str | None = None
    api_key_var: Annotated[str | None, doc("Name of the environment variable that holds the key.")] = None
    api_key: str | None = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    task_paths: Annotated[dict[TaskType, str] | None, doc("Taken and not used.")] = None
    concurrency: Annotated[int | None, doc("How many requests at a time.")] = None
    priority: Annotated[int | None, doc("Who comes first among equals: -1 low, 0 normal, 1 high, 2 highest.")] = None
    enabled: bool | None = None
    models: list[AiProviderModel] | None = None
    selected_models: Annotated[list[str] | None, doc("Their names of the models it should offer.")] = None


@api("DELETE", tag="Admin", auth="admin", markers=("IDeleteDb<AiProvider>",))
class DeleteAiProvider(Dto):
    """Remove a provider of chats."""

    id: int = 0


@api("POST", StringResponse, tag="Admin", auth="admin", markers=("IPost",))
class ChangeAiProviderStatus(Dto):
    """Take a provider offline by hand, or bring it back."""

    provider: str = ""
    online: Annotated[bool, doc("Bring it back, or take it off.")] = False


@api("POST", BoolResponse, tag="Admin", auth="admin", markers=("IPost",))
class CheckAiProviderStatus(Dto):
    """Ask a provider whether it is there, and note the answer."""

    provider: str = ""


@api("GET", bytes, tag="AI Info", routes=("GET /icons/models/{Model}",), markers=("IGet",))
class GetModelImage(Dto):
    """The icon of a model's family."""

    model: str = ""


class Prompt(Dto):
    """A system prompt."""

    id: str = ""
    name: str = ""
    value: str = ""


@api("GET", QueryResponse[Prompt], hidden=True)
class QueryPrompts(QueryData[Prompt]):
    """Browse the library of system prompts."""
