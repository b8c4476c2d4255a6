# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Text in Ollama's words, and what an Ollama server has to offer. Its own names are snake_case on the wire."""

from typing import Annotated

from schemas.dtos._model import NEVER, NOT_EMPTY, DateTime, Dto, Long, Ref, api, doc
from schemas.dtos.base import JobRef, RefId, ReplyTo, ResponseStatus, Tag
from schemas.dtos.jobs import BackgroundJobState


class OllamaGenerateOptions(Dto, rename={}):
    """Ollama's knobs for one request."""

    mirostat: Annotated[int | None, doc("0 off, 1 or 2 the version.")] = None
    mirostat_eta: Annotated[float | None, doc("How fast it learns.")] = None
    mirostat_tau: Annotated[float | None, doc("Coherent when low, diverse when high.")] = None
    num_ctx: Annotated[int | None, doc("Tokens of context.")] = None
    repeat_last_n: Annotated[int | None, doc("How far back to look for repetition.")] = None
    repeat_penalty: Annotated[float | None, doc("How much repetition is held against a token.")] = None
    temperature: float | None = None
    seed: int | None = None
    stop: Annotated[str | None, doc("The answer ends before this.")] = None
    num_predict: Annotated[int | None, doc("Tokens at most; -1 no limit.")] = None
    top_k: Annotated[int | None, doc("Choose among this many tokens.")] = None
    top_p: Annotated[float | None, doc("Choose among the likeliest tokens that make up this share.")] = None
    min_p: Annotated[float | None, doc("Leave out tokens below this share of the likeliest.")] = None


class OllamaGenerate(Dto, rename={}):
    """A request in Ollama's words."""

    model: str = ""
    prompt: str = ""
    suffix: Annotated[str, doc("What comes after the answer.")] = ""
    images: Annotated[list[str] | None, doc("Base64, or addresses to fetch.")] = None
    format: Annotated[str | None, doc("`json`, for an answer in JSON.")] = None
    options: OllamaGenerateOptions | None = None
    system: Annotated[str | None, doc("Instead of the model's own system prompt.")] = None
    template: Annotated[str | None, doc("Instead of the model's own template.")] = None
    stream: Annotated[bool | None, doc("Send the answer piece by piece.")] = None
    raw: Annotated[bool | None, doc("Send the prompt as it is, without the template.")] = None
    keep_alive: Annotated[str | None, doc("How long the model stays loaded, `5m`.")] = None
    context: Annotated[list[int] | None, doc("Where an earlier answer left off.")] = None


class OllamaGenerateResponse(Dto, rename={"response_status": "responseStatus"}):
    """An answer in Ollama's words. Its durations are nanoseconds."""

    model: str = ""
    created_at: Annotated[Long, doc("Seconds since 1970.")] = 0
    response: str = ""
    done: bool = False
    done_reason: Annotated[str, doc("`stop` or `length`.")] = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: Annotated[int, doc("Tokens that were read.")] = 0
    prompt_eval_duration: int = 0
    eval_count: Annotated[int, doc("Tokens that were written.")] = 0
    prompt_tokens: int = 0
    context: Annotated[list[int] | None, doc("Give it with the next request to go on from here.")] = None
    response_status: ResponseStatus | None = None


@api("POST", OllamaGenerateResponse, tag="AI", auth="key", routes=("POST /api/generate",), markers=("IPost",))
class OllamaGeneration(OllamaGenerate, rename="camel"):
    """Text from an Ollama provider, and wait for it. Ollama's clients call it at `/api/generate`."""

    ref_id: RefId = None
    provider: Annotated[str | None, doc("Ask this provider and no other.")] = None
    tag: Tag = None


class QueueOllamaGenerationResponse(Dto):
    """The job that was queued."""

    id: Long = 0
    ref_id: str = ""
    status_url: Annotated[str, doc("Where to ask for the state.")] = ""
    response_status: ResponseStatus | None = None


@api("POST", QueueOllamaGenerationResponse, tag="AI", auth="key", any_verb=True)
class QueueOllamaGeneration(Dto):
    """Queue a request to an Ollama provider."""

    ref_id: RefId = None
    provider: Annotated[str | None, doc("Ask this provider and no other.")] = None
    reply_to: ReplyTo = None
    tag: Tag = None
    request: Annotated[Ref[OllamaGenerate], doc("What Ollama is asked.")] = None


class GetOllamaGenerationStatusResponse(Dto):
    """The state of a queued Ollama request."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: str = ""
    job_state: BackgroundJobState = BackgroundJobState.Queued
    status: Annotated[str | None, doc("A word on what it is doing.")] = None
    response_status: ResponseStatus | None = None
    result: OllamaGenerateResponse | None = None


@api("GET", GetOllamaGenerationStatusResponse, tag="AI Info", auth="key", markers=("IGet",))
class GetOllamaGenerationStatus(Dto):
    """Where a queued Ollama request is, and its answer once there is one."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: JobRef = None


class OllamaModelDetails(Dto, rename={}):
    """What a pulled model is made of."""

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] = []
    parameter_size: str = ""
    quantization_level: str = ""


class OllamaModel(Dto, rename={}):
    """A model that was pulled."""

    name: str = ""
    model: str = ""
    modified_at: Annotated[DateTime, doc("When it was pulled.")] = NEVER
    size: Annotated[Long, doc("Bytes.")] = 0
    digest: str = ""
    details: Ref[OllamaModelDetails] = None


class GetOllamaModelsResponse(Dto):
    """What an Ollama server has."""

    results: list[OllamaModel] = []
    response_status: Ref[ResponseStatus] = None


@api("GET", GetOllamaModelsResponse, tag="AI Info", auth="key", markers=("IGet",))
class GetOllamaModels(Dto):
    """The models that an Ollama server has pulled. This server goes and asks it, so a key is needed."""

    api_base_url: Annotated[str, NOT_EMPTY, doc("The Ollama server.")] = ""
