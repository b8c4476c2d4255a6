"""A generation spelled out in one request, whatever its task, and how it ended."""

from enum import IntEnum
from typing import Annotated

from schemas.dtos._model import REQUIRED, Dto, Long, Ref, TimeSpan, api, doc, numbered
from schemas.dtos.base import JobRef, RefId, ReplyTo, State
from schemas.dtos.comfy_words import ComfyMaskSource, ComfySampler


@numbered
class AiTaskType(IntEnum):
    """What is to be made; travels as a number."""

    TextToImage = 1
    ImageToImage = 2
    ImageUpscale = 3
    ImageWithMask = 4
    ImageToText = 5
    TextToAudio = 6
    TextToSpeech = 7
    SpeechToText = 8


class GenerationArgs(Dto):
    """A generation and all it can be told; each task reads its own part."""

    model: str | None = None
    steps: Annotated[int | None, doc("How many steps the sampler takes.")] = None
    batch_size: Annotated[int | None, doc("How many to make.")] = None
    seed: int | None = None
    positive_prompt: Annotated[str | None, doc("What the picture should show.")] = None
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None
    image_input: Annotated[str | None, doc("Filled in from the form.")] = None
    mask_input: Annotated[str | None, doc("Filled in from the form.")] = None
    audio_input: Annotated[str | None, doc("Filled in from the form.")] = None
    sampler: Annotated[ComfySampler | None, doc("ComfyUI's sampler.")] = None
    scheduler: str | None = None
    cfg_scale: Annotated[float | None, doc("How closely the prompt is followed.")] = None
    denoise: Annotated[float | None, doc("How far to leave the picture behind: 0 keeps it, 1 forgets it.")] = None
    upscale_model: Annotated[str | None, doc("The file of the model that enlarges.")] = None
    width: Annotated[int | None, doc("Pixels.")] = None
    height: Annotated[int | None, doc("Pixels.")] = None
    task_type: AiTaskType | None = None
    clip: Annotated[str | None, doc("The file of the text encoder.")] = None
    sample_length: Annotated[float | None, doc("Seconds.")] = None
    mask_channel: Annotated[ComfyMaskSource, doc("The channel of the mask that marks what to paint.")] = (
        ComfyMaskSource.red
    )
    aspect_ratio: Annotated[str | None, doc("`16:9`.")] = None
    quality: Annotated[float | None, doc("From 1 to 100.")] = None
    voice: str | None = None
    language: str | None = None


class AiProviderFileOutput(Dto):
    """A file that a provider made."""

    file_name: str = ""
    url: str = ""


class AiProviderTextOutput(Dto):
    """A text that a provider made."""

    text: str | None = None


class GenerationResult(Dto):
    """How a generation ended."""

    text_outputs: list[AiProviderTextOutput] | None = None
    outputs: list[AiProviderFileOutput] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    error: str | None = None


class CreateGenerationResponse(Dto):
    """The job that was queued."""

    id: Long = 0
    ref_id: str = ""


@api("POST", CreateGenerationResponse, tag="Media", auth="key", routes=("POST /generate",), any_verb=True)
class CreateGeneration(Dto):
    """Queue any generation. The files are parts of the form: `image`, `mask`, `audio`."""

    request: Annotated[Ref[GenerationArgs], REQUIRED, doc("What to make.")] = None
    provider: Annotated[str | None, doc("Ask this provider and no other.")] = None
    state: State = None
    reply_to: ReplyTo = None
    ref_id: RefId = None


class GetGenerationResponse(Dto):
    """What was asked and what came of it."""

    request: Ref[GenerationArgs] = None
    result: Ref[GenerationResult] = None
    outputs: list[AiProviderFileOutput] | None = None
    text_outputs: list[AiProviderTextOutput] | None = None


@api(
    "GET",
    GetGenerationResponse,
    tag="Media Info",
    auth="key",
    routes=("GET /generation/{Id}", "GET /generation/ref/{RefId}"),
    any_verb=True,
)
class GetGeneration(Dto):
    """A generation that has ended, by id or by `refId`; 404 until then."""

    id: int | None = None
    ref_id: JobRef = None
