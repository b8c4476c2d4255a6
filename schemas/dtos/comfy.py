# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""ComfyUI's workflows by name: which there are, what they ask for, running one; and what a ComfyUI server has."""

from typing import Annotated, Any

from schemas.dtos._model import NOT_EMPTY, Decimal, Dto, Long, Ref, api, doc
from schemas.dtos.base import ResponseStatus
from schemas.dtos.comfy_words import ComfyInputType, ComfyPrimarySource, ComfyWorkflowType


class ComfyFileRef(Dto):
    """A file on a ComfyUI server."""

    path: str = ""
    size: Annotated[int, doc("Bytes.")] = 0
    modified: Annotated[float, doc("Seconds since 1970.")] = 0.0


class ComfyInput(Dto):
    """An input of a workflow: type, default and what is allowed."""

    node_id: int = 0
    value_index: Annotated[int, doc("Its place among the node's values.")] = 0
    name: str = ""
    label: str = ""
    type: ComfyInputType = ComfyInputType.Unknown
    tooltip: str | None = None
    default: Any = None
    min: Decimal | None = None
    max: Decimal | None = None
    step: Decimal | None = None
    round: Decimal | None = None
    multiline: bool | None = None
    dynamic_prompts: bool | None = None
    control_after_generate: bool | None = None
    enum_values: Annotated[list[str] | None, doc("What may be chosen.")] = None
    combo_values: Annotated[dict[str, Any] | None, doc("What may be chosen, and what each means.")] = None


class ComfyArg(Dto):
    """An input and the value for it."""

    input: Ref[ComfyInput] = None
    value: Any = None


class ComfyWorkflowInfo(Dto):
    """What a workflow is and what it asks for."""

    name: str = ""
    path: Annotated[str, doc("Its name, with the folder.")] = ""
    type: ComfyWorkflowType = ComfyWorkflowType.TextToImage
    input: ComfyPrimarySource = ComfyPrimarySource.Text
    output: ComfyPrimarySource = ComfyPrimarySource.Text
    inputs: list[ComfyInput] = []


@api("GET", list[str], tag="Comfy", auth="key", routes=("/comfy/workflows",), markers=("IGet",))
class GetComfyWorkflows(Dto):
    """The names of the workflows: those that came along and one's own."""


class GetComfyWorkflowInfoResponse(Dto):
    """A workflow's inputs."""

    result: Ref[ComfyWorkflowInfo] = None
    response_status: ResponseStatus | None = None


@api("GET", GetComfyWorkflowInfoResponse, tag="Comfy", auth="key", routes=("/comfy/workflows/info",), markers=("IGet",))
class GetComfyWorkflowInfo(Dto):
    """What a workflow asks for."""

    workflow: Annotated[str, NOT_EMPTY, doc("Its name, as `GetComfyWorkflows` gives it.")] = ""


@api("GET", str, tag="Comfy", auth="key", routes=("/comfy/workflows/prompt",), markers=("IGet",))
class GetComfyApiPrompt(Dto):
    """A workflow as the JSON that ComfyUI runs."""

    workflow: Annotated[str, NOT_EMPTY, doc("Its name, as `GetComfyWorkflows` gives it.")] = ""


class QueueComfyWorkflowResponse(Dto):
    """The job that was queued, and where it runs."""

    media_provider_id: Long = 0
    ref_id: str = ""
    prompt_id: str = ""
    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    response_status: ResponseStatus | None = None


@api(
    "POST", QueueComfyWorkflowResponse, tag="Comfy", auth="key", routes=("/comfy/workflows/queue",), markers=("IPost",)
)
class QueueComfyWorkflow(Dto):
    """Queue a workflow with values for its inputs."""

    workflow: Annotated[str, NOT_EMPTY, doc("Its name, as `GetComfyWorkflows` gives it.")] = ""
    args: Annotated[dict[str, Any] | None, doc("Input -> value; the workflow's own for what is left out.")] = None


class GetComfyModelsResponse(Dto):
    """Names of model files."""

    results: list[str] = []
    response_status: ResponseStatus | None = None


@api("POST", GetComfyModelsResponse, tag="Media Info", auth="key", any_verb=True)
class GetComfyModels(Dto):
    """The models that a ComfyUI server has. This server goes and asks it, so a key is needed."""

    api_base_url: Annotated[str | None, doc("The ComfyUI server.")] = None
    api_key: str | None = None


class GetComfyModelMappingsResponse(Dto):
    """File of the model -> id of the model."""

    models: dict[str, str] = {}


@api("POST", GetComfyModelMappingsResponse, tag="Media Info", any_verb=True)
class GetComfyModelMappings(Dto):
    """Which of our models each of ComfyUI's files is."""


@api("POST", bytes, auth="key", routes=("/comfy/{Year}/{Month}/{Day}/{Filename}",), any_verb=True)
class DownloadComfyFile(Dto):
    """A file that ComfyUI made, by its day and name."""

    year: int | None = None
    month: Annotated[int | None, doc("Any day of the month; this month when left out.")] = None
    day: int | None = None
    file_name: str | None = None


class ComfyAgentDownloadStatus(Dto):
    """How far an agent is with the download of a model."""

    name: str | None = None
    progress: Annotated[int | None, doc("In percent.")] = None
