"""ComfyUI's workflows in this dialect: which there are, what they ask for, and the JSON that ComfyUI runs.

They are those of `/workflows`: a key's own and the built-in ones. What a newcomer would get wrong: only a ComfyUI knows what
its nodes take, so one that is online is asked; while there is none, that is the answer.
"""

import re
from typing import Any

import msgspec

from gateway.aiserver._handlers import answers
from gateway.aiserver.call import Call
from gateway.aiserver.media_rows import base_name
from schemas.dtos.comfy import (
    ComfyInput,
    ComfyWorkflowInfo,
    GetComfyApiPrompt,
    GetComfyWorkflowInfo,
    GetComfyWorkflowInfoResponse,
    GetComfyWorkflows,
)
from schemas.dtos.comfy_words import ComfyInputType, ComfyPrimarySource, ComfyWorkflowType

_encode = msgspec.json.Encoder().encode
_TYPES = {
    "integer": ComfyInputType.Int, "number": ComfyInputType.Float, "float": ComfyInputType.Float,
    "string": ComfyInputType.String, "text": ComfyInputType.String, "boolean": ComfyInputType.Boolean,
    "choice": ComfyInputType.Enum, "combo": ComfyInputType.Combo, "enum": ComfyInputType.Enum,
}  # fmt: skip
_FILES = {
    "image": ComfyInputType.Image, "mask": ComfyInputType.Mask, "audio": ComfyInputType.Audio,
    "video": ComfyInputType.Filepath, "file": ComfyInputType.Filepath,
}  # fmt: skip
_SOURCES = {
    "image": ComfyPrimarySource.Image, "mask": ComfyPrimarySource.Image, "audio": ComfyPrimarySource.Audio,
    "video": ComfyPrimarySource.Video,
}  # fmt: skip
_KINDS = {
    "text_to_image": ComfyWorkflowType.TextToImage,
    "image_to_image": ComfyWorkflowType.ImageToImage,
    "image_with_mask": ComfyWorkflowType.ImageToImage,
    "image_upscale": ComfyWorkflowType.ImageToImage,
    "image_to_text": ComfyWorkflowType.ImageToText,
    "text_to_audio": ComfyWorkflowType.TextToAudio,
    "text_to_speech": ComfyWorkflowType.TextToAudio,
    "text_to_video": ComfyWorkflowType.TextToVideo,
    "text_to_3d": ComfyWorkflowType.TextTo3D,
    "image_to_3d": ComfyWorkflowType.TextTo3D,
    "speech_to_text": ComfyWorkflowType.AudioToText,
    "audio_to_text": ComfyWorkflowType.AudioToText,
    "video_to_text": ComfyWorkflowType.VideoToText,
    "image_to_video": ComfyWorkflowType.ImageToVideo,
}
_CONTROLLED = ("seed", "noise_seed")


@answers(GetComfyWorkflows)
async def workflows(asked: GetComfyWorkflows, call: Call) -> list[str]:
    """With `.json`, as files of a folder."""
    return [f"{one['name']}.json" for one in await call.rooms.workflows.listed(call.key)]


@answers(GetComfyWorkflowInfo)
async def workflow_info(asked: GetComfyWorkflowInfo, call: Call) -> GetComfyWorkflowInfoResponse:
    told = await call.rooms.workflows.inputs(call.key, base_name(asked.workflow))
    return GetComfyWorkflowInfoResponse(result=info_of(told))


@answers(GetComfyApiPrompt)
async def api_prompt(asked: GetComfyApiPrompt, call: Call) -> str:
    """The body of ComfyUI's `POST /prompt`, as JSON in a text."""
    name = base_name(asked.workflow)
    told = await call.rooms.workflows.inputs(call.key, name, prompt=True)
    body: dict[str, Any] = {"prompt": told.get("prompt", {})}
    drawn = msgspec.json.decode(await call.rooms.workflows.read(call.key, name))
    if isinstance(drawn, dict) and isinstance(drawn.get("nodes"), list):
        body["extra_data"] = {"extra_pnginfo": {"workflow": drawn}}
    return _encode(body).decode()


def info_of(told: dict[str, Any]) -> ComfyWorkflowInfo:
    """What the agent found, in this dialect's words."""
    inputs = [one for one in told["inputs"] if isinstance(one, dict)]
    taken = next((_SOURCES[one["file"]] for one in inputs if one.get("file") in _SOURCES), ComfyPrimarySource.Text)
    made = next((_SOURCES[one] for one in told.get("outputs") or () if one in _SOURCES), ComfyPrimarySource.Text)
    return ComfyWorkflowInfo(
        name=humane(told["name"]),
        path=f"{told['name']}.json",
        type=_KINDS.get(told.get("type") or "", ComfyWorkflowType.TextToImage),
        input=taken,
        output=made,
        inputs=[_input(at, one) for at, one in enumerate(inputs)],
    )


def humane(name: str) -> str:
    """`text_to_image_sd3` as `Text To Image Sd3`."""
    words = re.split(r"[ _-]+", name)
    return " ".join(word[:1].upper() + word[1:] for word in words if word)


def _input(at: int, one: dict[str, Any]) -> ComfyInput:
    node = str(one.get("node_id", "")).rpartition(":")[2]
    choices = one.get("choices")
    words = [choice for choice in choices or () if isinstance(choice, str)]
    kind = _FILES.get(one.get("file") or "") or _TYPES.get(one.get("type") or "", ComfyInputType.Unknown)
    return ComfyInput(
        node_id=int(node) if node.isdecimal() else 0,
        value_index=at,
        name=str(one.get("name", "")),
        label=str(one.get("label", "")),
        type=ComfyInputType.Enum if choices else kind,
        tooltip=one.get("tooltip"),
        default=one.get("default"),
        min=one.get("min"),
        max=one.get("max"),
        step=one.get("step"),
        multiline=one.get("multiline"),
        control_after_generate=True if one.get("input") in _CONTROLLED else None,
        enum_values=words or None,
    )
