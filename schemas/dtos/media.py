"""Pictures, sound and text made while the caller waits. Files come as parts of a form, named like their fields."""

from typing import Annotated

from schemas.dtos._model import FILE, NOT_EMPTY, REQUIRED, Dto, Float, TimeSpan, api, doc, within
from schemas.dtos.base import RefId, ResponseStatus, Seed, Tag


class ArtifactOutput(Dto):
    """A file that was made."""

    url: Annotated[str | None, doc("Where to fetch it.")] = None
    file_name: str | None = None
    provider: Annotated[str | None, doc("Who made it.")] = None


class TextOutput(Dto):
    """A text that was made."""

    text: str | None = None


class ArtifactGenerationResponse(Dto):
    """The files that were made, and how long it took."""

    results: list[ArtifactOutput] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    response_status: ResponseStatus | None = None


class TextGenerationResponse(Dto):
    """The texts that were made, and how long it took."""

    results: list[TextOutput] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    response_status: ResponseStatus | None = None


class GenerationResponse(Dto):
    """Files and texts that were made."""

    outputs: list[ArtifactOutput] | None = None
    text_outputs: list[TextOutput] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    response_status: ResponseStatus | None = None


@api("POST", ArtifactGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class TextToImage(Dto):
    """A picture from words."""

    model: Annotated[str | None, doc("A model that makes pictures; see `ActiveMediaModels`.")] = None
    positive_prompt: Annotated[str, NOT_EMPTY, doc("What the picture should show.")] = ""
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None
    tag: Tag = None
    ref_id: RefId = None
    arguments: Annotated[dict[str, str] | None, doc("More values for the workflow.")] = None
    width: Annotated[int | None, within(64, 2048), doc("Pixels.")] = None
    height: Annotated[int | None, within(64, 2048), doc("Pixels.")] = None
    batch_size: Annotated[int | None, within(1, 10), doc("How many to make.")] = None
    seed: Seed = None


@api("POST", ArtifactGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class ImageToImage(Dto):
    """A picture from another one and words."""

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
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class ImageWithMask(Dto):
    """A picture whose masked part is painted anew."""

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
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class ImageUpscale(Dto):
    """A picture twice as wide and twice as high."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    seed: Seed = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", TextGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class ImageToText(Dto):
    """What a picture shows. With `model` and `prompt` a vision model answers the question."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    model: Annotated[str | None, doc("A vision model, together with `prompt`.")] = None
    prompt: Annotated[str | None, doc("What to ask about the picture.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", TextGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class SpeechToText(Dto):
    """What is said in a recording: the text, and the same with times."""

    audio: Annotated[str | None, REQUIRED, FILE, doc("The recording.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="AI", auth="key", markers=("IGeneration",), any_verb=True)
class TextToSpeech(Dto):
    """A text read aloud."""

    input: Annotated[str, NOT_EMPTY, doc("What to say.")] = ""
    model: Annotated[str | None, doc("The voice.")] = None
    seed: Seed = None
    ref_id: RefId = None
    tag: Tag = None
