# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Who makes pictures and sound: kinds of media providers, those of this server, their models, and how they are changed."""

from enum import StrEnum
from typing import Annotated, Any

from schemas.dtos._model import NEVER, DateTime, Dto, api, doc, listed
from schemas.dtos.base import BoolResponse, IdResponse, QueryDb, QueryResponse, ResponseStatus


@listed
class AiServiceProvider(StrEnum):
    """The engines that media are made with."""

    Replicate = "Replicate"
    Comfy = "Comfy"
    OpenAi = "OpenAi"


@listed
class ModelType(StrEnum):
    """What a media model is for."""

    TextToImage = "TextToImage"
    TextEncoder = "TextEncoder"
    ImageUpscale = "ImageUpscale"
    TextToSpeech = "TextToSpeech"
    TextToAudio = "TextToAudio"
    SpeechToText = "SpeechToText"
    ImageToText = "ImageToText"
    ImageToImage = "ImageToImage"
    ImageWithMask = "ImageWithMask"
    Lora = "Lora"
    VAE = "VAE"


class MediaType(Dto):
    """A kind of media provider: where it is and what it calls the models."""

    id: str = ""
    api_base_url: str | None = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    website: str = ""
    icon: str | None = None
    api_models: Annotated[dict[str, str], doc("Our name of a model -> theirs.")] = {}
    provider: AiServiceProvider = AiServiceProvider.Replicate


class MediaModel(Dto):
    """A media model, who has it under which name, and how it is installed."""

    id: str = ""
    name: str | None = None
    type: ModelType | None = None
    api_models: Annotated[dict[str, str], doc("Media type -> its name of the model.")] = {}
    supported_tasks: Annotated[dict[str, list[str]] | None, doc("Media type -> what it can do there.")] = None
    dependencies: Annotated[list[str] | None, doc("Models that must be installed with it.")] = None
    installer: str | None = None
    path: Annotated[str | None, doc("Where its file goes.")] = None
    workflow: Annotated[str | None, doc("The template that runs it.")] = None
    workflow_vars: Annotated[
        dict[str, Any], doc("What the template is filled with unless the caller says otherwise.")
    ] = {}
    download_token: Annotated[str | None, doc("The environment variable that holds the token for the download.")] = None
    download_url: str | None = None
    url: str | None = None


class MediaProvider(Dto):
    """A media provider. Its key is masked, whoever asks."""

    id: int = 0
    name: Annotated[str, doc("Unique.")] = ""
    api_key_var: Annotated[str | None, doc("Name of the environment variable that holds the key.")] = None
    api_url_var: Annotated[str | None, doc("Name of the environment variable that holds the address.")] = None
    api_key: Annotated[str | None, doc("Masked.")] = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    api_base_url: str | None = None
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    concurrency: Annotated[int, doc("How many requests at a time.")] = 0
    priority: Annotated[int, doc("Who comes first among equals: -1 low, 0 normal, 1 high, 2 highest.")] = 0
    enabled: bool = False
    offline_date: Annotated[DateTime | None, doc("Since when it is gone; nothing while it is there.")] = None
    created_date: DateTime = NEVER
    media_type_id: Annotated[str, doc("What kind it is: a `MediaType`.")] = ""
    media_type: MediaType | None = None
    models: list[str] = []


class TextToSpeechVoice(Dto):
    """A voice that can be used."""

    id: str = ""
    model: str = ""


@api("GET", QueryResponse[MediaType], tag="Media Info")
class QueryMediaTypes(QueryDb[MediaType]):
    """Browse the kinds of media providers."""


@api("GET", QueryResponse[MediaModel], tag="AI Info")
class QueryMediaModels(QueryDb[MediaModel]):
    """Browse the media models."""

    id: str | None = None
    provider_id: Annotated[str | None, doc("Only those that this media type has.")] = None


@api("GET", QueryResponse[MediaProvider], tag="AI Info", auth="key")
class QueryMediaProviders(QueryDb[MediaProvider]):
    """Find media providers."""

    id: int | None = None
    name: str | None = None


@api("GET", QueryResponse[TextToSpeechVoice], tag="AI Info")
class QueryTextToSpeechVoices(QueryDb[TextToSpeechVoice]):
    """The voices whose model some provider has."""


class Entry(Dto):
    """An id and the name to show."""

    key: str = ""
    value: str = ""


class ActiveMediaModelsResponse(Dto):
    """Models as pairs of id and name."""

    results: list[Entry] = []
    response_status: ResponseStatus | None = None


@api("GET", ActiveMediaModelsResponse, tag="AI Info", markers=("IGet",))
class ActiveMediaModels(Dto):
    """The models that make a picture from text now, those of the first provider first."""


@api("POST", IdResponse, tag="Admin", auth="admin", markers=("ICreateDb<MediaProvider>",))
class CreateMediaProvider(Dto):
    """Add a media provider."""

    name: str = ""
    api_key: str | None = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    api_base_url: str | None = None
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    concurrency: Annotated[int, doc("How many requests at a time.")] = 0
    priority: Annotated[int, doc("Who comes first among equals: -1 low, 0 normal, 1 high, 2 highest.")] = 0
    enabled: bool = False
    offline_date: Annotated[DateTime | None, doc("Since when it is gone; nothing while it is there.")] = None
    models: list[str] | None = None
    media_type_id: Annotated[str, doc("What kind it is: a `MediaType`.")] = ""


@api("PATCH", IdResponse, tag="Admin", auth="admin", markers=("IPatchDb<MediaProvider>",))
class UpdateMediaProvider(Dto):
    """Change a media provider; what is left out stays."""

    id: int = 0
    api_key: str | None = None
    api_key_header: Annotated[
        str | None, doc("The header that carries the key; `Authorization: Bearer` when left out.")
    ] = None
    api_base_url: str | None = None
    heartbeat_url: Annotated[str | None, doc("Asked to see whether the provider is there.")] = None
    concurrency: Annotated[int | None, doc("How many requests at a time.")] = None
    priority: Annotated[int | None, doc("Who comes first among equals: -1 low, 0 normal, 1 high, 2 highest.")] = None
    enabled: bool | None = None
    models: list[str] | None = None


@api("DELETE", IdResponse, tag="Admin", auth="admin", markers=("IDeleteDb<MediaProvider>",))
class DeleteMediaProvider(Dto):
    """Remove a media provider, by id or by name."""

    id: int | None = None
    name: str | None = None


@api("POST", BoolResponse, tag="Admin", auth="admin", markers=("IPost",))
class CheckMediaProviderStatus(Dto):
    """Ask a media provider whether it is there, and note the answer."""

    provider: str = ""
