"""Media DTOs as operations: a row for each. What a field is called there, and which way the result is told.

All defaults stay the agents', who know their models. What a newcomer would get wrong: a file may come as a part of a form or
as text in the field (an id, an address, a data: URL), and only then, when both are looked at, is it known to be missing.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from gateway.access import may_ask
from gateway.aiserver.call import Call
from gateway.aiserver.media_args import TASKS, generation, task_of, transform, transform_of
from gateway.aiserver.rows import Row
from gateway.dialects._dialect import Dialect
from gateway.dialects._status import invalid, null
from gateway.dialects.aiserver_media import CREATED, MEDIA, QUEUED, RUN, TOLD
from gateway.spelling import Meant, Words, table
from schemas import operations as op
from schemas.catalogue import Catalogue
from schemas.dtos import comfy, media, media_queue, transform_args, transforms, transforms_queue
from schemas.dtos import generation as generations
from schemas.dtos._model import Dto
from schemas.operations import OPERATIONS, TRANSFORMS, Operation
from schemas.problem import FieldFault

To = Callable[[Any, Call], dict[str, Any]]

ARTIFACTS = "GetArtifactGenerationStatus"
OWN_NAMES = {"ref_id": "refId", "reply_to": "replyTo"}
"""Fields whose canonical name is not their attribute's."""
GENERIC = frozenset(
    {"", "image-to-image", "image-with-mask", "image-to-text", "text-to-speech", "speech-to-text", "image-upscale-2x"}
)
"""What clients write for "the model there is for it"."""


def plain(operation: Operation, **names: str) -> To:
    """The fields as they are. `names`: attribute -> canonical, where they differ."""

    def to(asked: Any, call: Call) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in asked.__struct_fields__:
            value = getattr(asked, name)
            if value is not None and value != {}:
                held = value.value if isinstance(value, Enum) else value
                values[names.get(name, OWN_NAMES.get(name, name))] = held
        return placed(operation, values, call)

    return to


def placed(operation: Operation, values: dict[str, Any], call: Call) -> dict[str, Any]:
    """The values with the files in their fields, and a model that can do it. Raises `Problem(INVALID_REQUEST)`."""
    for name in operation.files:
        if name in call.files:
            values[name] = call.files[name]
        elif name != "images" and not values.get(name):
            other = "" if name == "watermark" else ", or its address as text"  # its DTOs have no such field
            raise null(name, f"Send the file '{name}': as a part of a form of that name{other}.")
    if values.get("model") in GENERIC:
        del values["model"]
    elif model := values.get("model"):
        _check_model(operation, model, call)
    return values


def _check_model(operation: Operation, model: str, call: Call) -> None:
    """A model that is here for something else is told from one that nobody knows, or that is away just now."""
    fleet = call.rooms.parts.fleet
    queues = fleet.queues()
    can = {name for queue in queues for kind, name in queue.models if kind == operation.name}
    wanted = [one.strip() for one in str(model).split(",")]
    if can.isdisjoint(wanted) and any(name in wanted for queue in queues for _, name in queue.models):
        known = Catalogue()
        allowed = sorted(name for name in can if name != op.DEFAULT and may_ask(call.key, name, known))
        some = ", ".join(allowed) or "none is online"
        said = f"The model '{model[:100]}' can't do {operation.name}. Choose one of: {some}."
        raise invalid([FieldFault("InvalidModel", "model", said)])


def scale(operation: Operation) -> To:
    """One side or both."""
    to = plain(operation)

    def checked(asked: Any, call: Call) -> dict[str, Any]:
        if asked.width is None and asked.height is None:
            raise null("width", "Give 'width', 'height' or both; one alone keeps the aspect.")
        return to(asked, call)

    return checked


_SEEN = ("watermark_scale", "opacity")


def marked(operation: Operation) -> To:
    """Typed clients send 0 for a number that nobody set; nobody wants a watermark that can't be seen."""
    to = plain(operation)

    def unset(asked: Any, call: Call) -> dict[str, Any]:
        return {name: value for name, value in to(asked, call).items() if value != 0 or name not in _SEEN}

    return unset


# ---- the rows ---------------------------------------------------------------------------------------------------------


def _row(dto: type[Dto], to: To, dialect: Dialect, operation: Operation) -> Row:
    status = ""
    if dialect is not MEDIA:
        status = "GetTextGenerationStatus" if operation.name in TOLD else ARTIFACTS
    return Row(request=dto, operation=operation, dialect=dialect, fields=to, status=status)


def _pair(waited: type[Dto], queued: type[Dto], operation: Operation, to: To, queue_to: To | None = None) -> list[Row]:
    return [_row(waited, to, MEDIA, operation), _row(queued, queue_to or to, QUEUED, operation)]


def _generations() -> Iterator[Row]:
    speech, queued = op.TEXT_TO_SPEECH, media_queue
    for waits, later, one in (
        (media.TextToImage, queued.QueueTextToImage, op.TEXT_TO_IMAGE),
        (media.ImageToImage, queued.QueueImageToImage, op.IMAGE_TO_IMAGE),
        (media.ImageWithMask, queued.QueueImageWithMask, op.IMAGE_WITH_MASK),
        (media.ImageUpscale, queued.QueueImageUpscale, op.IMAGE_UPSCALE),
        (media.ImageToText, queued.QueueImageToText, op.IMAGE_TO_TEXT),
        (media.SpeechToText, queued.QueueSpeechToText, op.SPEECH_TO_TEXT),
    ):
        yield from _pair(waits, later, one, plain(one))
    yield from _pair(media.TextToSpeech, queued.QueueTextToSpeech, speech, plain(speech), plain(speech, text="input"))


def _transforms() -> Iterator[Row]:
    now, later = transforms, transforms_queue
    for waits, queued, name, to in (
        (now.ConvertImage, later.QueueConvertImage, "convert_image", plain),
        (now.CropImage, later.QueueCropImage, "crop_image", plain),
        (now.ScaleImage, later.QueueScaleImage, "scale_image", scale),
        (now.WatermarkImage, later.QueueWatermarkImage, "watermark_image", marked),
        (now.ConvertVideo, later.QueueConvertVideo, "convert_video", plain),
        (now.CropVideo, later.QueueCropVideo, "crop_video", plain),
        (now.ScaleVideo, later.QueueScaleVideo, "scale_video", scale),
        (now.WatermarkVideo, later.QueueWatermarkVideo, "watermark_video", plain),
        (now.TrimVideo, later.QueueTrimVideo, "trim_video", plain),
        (now.ConvertAudio, later.QueueConvertAudio, "convert_audio", plain),
    ):
        yield from _pair(waits, queued, OPERATIONS[name], to(OPERATIONS[name]))


def _generate(asked: generations.CreateGeneration, call: Call) -> Meant:
    operation = task_of(asked)
    return Meant(operation, placed(operation, generation(asked), call))


def _transform(asked: transform_args.CreateMediaTransform, call: Call) -> Meant:
    operation = transform_of(asked)
    return Meant(operation, placed(operation, transform(asked), call))


def _run(asked: comfy.QueueComfyWorkflow, call: Call) -> dict[str, Any]:
    """Arguments that name a file of ours go where files go (`gateway/inputs.py`)."""
    return {"workflow": base_name(asked.workflow), "arguments": asked.args or {}, "files": dict(call.files)}


def base_name(said: str) -> str:
    """Of a path as this dialect lists workflows, the name that it has here."""
    return said.replace("\\", "/").rpartition("/")[2]


def _generic() -> Iterator[Row]:
    """Requests that may be any of several operations, and those of a workflow."""
    made = tuple(TASKS.values())
    for dto, to, many in (
        (generations.CreateGeneration, _generate, made),
        (transform_args.CreateMediaTransform, _transform, TRANSFORMS),
    ):
        words = Words(operations=many, names=table(many))
        yield Row(request=dto, operation=many[0], dialect=CREATED, fields=to, words=words, status=ARTIFACTS)
    yield Row(request=comfy.QueueComfyWorkflow, operation=op.WORKFLOW, dialect=RUN, fields=_run, status=ARTIFACTS)


ROWS: dict[str, Row] = {row.request.__name__: row for row in (*_generations(), *_transforms(), *_generic())}
"""By name of the DTO."""
