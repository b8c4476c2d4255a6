# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""What goes to ComfyUI and comes back. None of it is asked for by an API; clients that know the types find them here."""

from typing import Annotated

from schemas.dtos._model import Dto, TimeSpan, doc
from schemas.dtos.comfy_words import AssetType, ComfyMaskSource, ComfySampler, ComfyTaskType


class ComfyFileInput(Dto):
    """A file that was handed to ComfyUI."""

    name: str = ""
    type: str = ""
    subfolder: str = ""


class ComfyFileOutput(Dto):
    """A file as ComfyUI names it."""

    filename: str = ""
    type: str = ""
    subfolder: str = ""


class ComfyTextOutput(Dto):
    """A text and the node that gave it."""

    node_id: str = ""
    text: str | None = None


class ComfyOutput(Dto):
    """What one node gave."""

    files: list[ComfyFileOutput] = []
    texts: list[ComfyTextOutput] = []


class ComfyWorkflowStatus(Dto):
    """Where a run is."""

    status_message: str = ""
    error: str | None = None
    completed: bool = False
    outputs: list[ComfyOutput] = []


class ComfyAssetOutput(Dto):
    """A file and the node that gave it."""

    node_id: str = ""
    url: str = ""
    type: AssetType = AssetType.Image
    file_name: str = ""


class ComfyResult(Dto):
    """What a run gave."""

    prompt_id: str = ""
    client_id: str | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    texts: list[ComfyTextOutput] | None = None
    assets: list[ComfyAssetOutput] | None = None


class ComfyHostedFileOutput(Dto):
    """A file on a ComfyUI server and its address."""

    url: str = ""
    file_name: str = ""


class AiServerHostedComfyFile(Dto):
    """A file of a run, fetched to this server."""

    url: str = ""
    file_name: str = ""
    content_type: str = ""


class ComfyWorkflowRequest(Dto):
    """The values that a template is filled with."""

    model: str | None = None
    steps: int | None = None
    batch_size: Annotated[int, doc("How many to make.")] = 0
    seed: int | None = None
    positive_prompt: Annotated[str | None, doc("What the picture should show.")] = None
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None
    image: Annotated[ComfyFileInput | None, doc("The picture.")] = None
    audio: Annotated[ComfyFileInput | None, doc("The recording.")] = None
    mask: Annotated[
        ComfyFileInput | None, doc("A picture of the same size; what is marked in its red channel is painted anew.")
    ] = None
    image_input: str | None = None
    audio_input: str | None = None
    mask_input: str | None = None
    sampler: Annotated[ComfySampler | None, doc("ComfyUI's sampler.")] = None
    scheduler: str | None = None
    cfg_scale: Annotated[float | None, doc("How closely the prompt is followed.")] = None
    denoise: Annotated[float | None, doc("How far to leave the picture behind: 0 keeps it, 1 forgets it.")] = None
    upscale_model: str | None = None
    width: Annotated[int | None, doc("Pixels.")] = None
    height: Annotated[int | None, doc("Pixels.")] = None
    task_type: ComfyTaskType = ComfyTaskType.TextToImage
    clip: str | None = None
    sample_length: Annotated[float | None, doc("Seconds.")] = None
    mask_channel: Annotated[ComfyMaskSource, doc("The channel of the mask that marks what to paint.")] = (
        ComfyMaskSource.red
    )


class ComfyApiModel(Dto):
    """A model that an agent can download."""

    description: str | None = None
    tags: str | None = None
    filename: str = ""
    download_url: str = ""
    icon_url: str = ""
    url: str = ""


class ComfyApiModelSettings(Dto):
    """What a model is best run with."""

    cfg_scale: Annotated[float | None, doc("How closely the prompt is followed.")] = None
    scheduler: str | None = None
    sampler: Annotated[ComfySampler | None, doc("ComfyUI's sampler.")] = None
    width: Annotated[int | None, doc("Pixels.")] = None
    height: Annotated[int | None, doc("Pixels.")] = None
    steps: int | None = None
    negative_prompt: Annotated[str | None, doc("What the picture should not show.")] = None


class NodeError(Dto):
    """Why ComfyUI refused a node."""


class ComfyWorkflowResponse(Dto):
    """ComfyUI's receipt for a prompt."""

    prompt_id: str = ""
    number: int = 0
    node_errors: list[NodeError] = []


class TextPrompt(Dto):
    """A piece of a prompt and its weight."""

    text: str = ""
    weight: float = 0.0


class ComfyModel(Dto):
    """A model as ComfyUI lists it."""

    description: str = ""
    id: str = ""
    name: str = ""
    type: str = ""


class ComfyAgentDeleteModelResponse(Dto):
    """What an agent says after it deleted a model."""

    message: str | None = None
