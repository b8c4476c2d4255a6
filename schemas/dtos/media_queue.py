"""The same as media.py without waiting: a job at once, its state by polling, its result by callback if wanted."""

from typing import Annotated

from schemas.dtos._model import FILE, NOT_EMPTY, REQUIRED, Dto, Float, Long, TimeSpan, api, doc, within
from schemas.dtos.base import JobRef, RefId, ReplyTo, ResponseStatus, Seed, State, Tag
from schemas.dtos.jobs import BackgroundJobState
from schemas.dtos.media import ArtifactOutput, TextOutput


class QueueGenerationResponse(Dto):
    """The job that was queued, and where its state is."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: str = ""
    job_state: BackgroundJobState = BackgroundJobState.Queued
    status: Annotated[str | None, doc("A word on what it is doing.")] = None
    response_status: ResponseStatus | None = None
    status_url: Annotated[str, doc("Where to ask for the state.")] = ""


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueTextToImage(Dto):
    """Queue a picture from words."""

    positive_prompt: Annotated[str, NOT_EMPTY, doc("What the picture should show.")] = ""
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None
    width: Annotated[int | None, within(64, 2048), doc("Pixels.")] = None
    height: Annotated[int | None, within(64, 2048), doc("Pixels.")] = None
    batch_size: Annotated[int | None, within(1, 10), doc("How many to make.")] = None
    model: Annotated[str | None, doc("A model that makes pictures; see `ActiveMediaModels`.")] = None
    seed: Seed = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
    state: State = None


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueImageToImage(Dto):
    """Queue a picture from another one and words."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    positive_prompt: Annotated[str, NOT_EMPTY, doc("What the picture should show.")] = ""
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None
    model: Annotated[str | None, doc("A model that makes pictures; see `ActiveMediaModels`.")] = None
    denoise: Annotated[
        Float | None, within(0, 1), doc("How far to leave the picture behind: 0 keeps it, 1 forgets it.")
    ] = None
    batch_size: Annotated[int | None, within(1, 10), doc("How many to make.")] = None
    seed: Seed = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    state: State = None
    tag: Tag = None


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueImageWithMask(Dto):
    """Queue a picture whose masked part is painted anew."""

    positive_prompt: Annotated[str, NOT_EMPTY, doc("What the picture should show.")] = ""
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None
    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    mask: Annotated[
        str | None,
        REQUIRED,
        FILE,
        doc("A picture of the same size; what is marked in its red channel is painted anew."),
    ] = None
    denoise: Annotated[
        Float | None, within(0, 1), doc("How far to leave the picture behind: 0 keeps it, 1 forgets it.")
    ] = None
    seed: Seed = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
    state: State = None


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueImageUpscale(Dto):
    """Queue a picture twice as wide and twice as high."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    seed: Seed = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
    state: State = None


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueImageToText(Dto):
    """Queue a description of a picture."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
    state: State = None


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueSpeechToText(Dto):
    """Queue the writing down of a recording."""

    audio: Annotated[str | None, REQUIRED, FILE, doc("The recording.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
    state: State = None


@api("POST", QueueGenerationResponse, tag="AI", auth="key", markers=("IQueueGeneration",), any_verb=True)
class QueueTextToSpeech(Dto):
    """Queue a text to be read aloud."""

    text: Annotated[str, REQUIRED, doc("What to say.")] = ""
    seed: Seed = None
    model: Annotated[str | None, doc("The voice.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
    state: State = None


class GetArtifactGenerationStatusResponse(Dto):
    """The state of a job that makes files."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: str = ""
    job_state: BackgroundJobState = BackgroundJobState.Queued
    status: Annotated[str, doc("A word on what it is doing.")] = ""
    results: list[ArtifactOutput] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    response_status: ResponseStatus | None = None


@api("GET", GetArtifactGenerationStatusResponse, tag="Admin", auth="key", markers=("IGet",))
class GetArtifactGenerationStatus(Dto):
    """Where a job that makes files is, and the files once it has ended."""

    job_id: Annotated[Long | None, doc("The server's number of the job.")] = None
    ref_id: JobRef = None


class GetTextGenerationStatusResponse(Dto):
    """The state of a job that makes text."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: str = ""
    job_state: BackgroundJobState = BackgroundJobState.Queued
    status: Annotated[str, doc("A word on what it is doing.")] = ""
    results: list[TextOutput] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    response_status: ResponseStatus | None = None


@api("GET", GetTextGenerationStatusResponse, auth="key", markers=("IGet",))
class GetTextGenerationStatus(Dto):
    """Where a job that makes text is, and the text once it has ended."""

    job_id: Annotated[Long | None, doc("The server's number of the job.")] = None
    ref_id: JobRef = None
