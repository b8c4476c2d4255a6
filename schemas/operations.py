"""The operation registry: every operation named once. Routes, bus subjects and records are made from this table.

A new modality is a request struct, one row here, and an entry in the dictionary of each agent that can do it.
"""

import msgspec

from schemas import media
from schemas.chat import ChatRequest
from schemas.embeddings import EmbeddingsRequest

DEFAULT = "default"
"""The name under which every provider announces the first of its models for a media operation."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the token on the bus (`req.<tenant>.<key>.<name>`), the column `op`, and the feature in the docs."""

    name: str
    request: type
    routes: tuple[str, ...]
    """HTTP paths that take the request as JSON."""
    streams: bool = False
    files: tuple[str, ...] = ()
    """Fields that hold a file: parts of a form, or text in JSON. A field of several files, or a map of them, counts too."""
    model: str = ""
    """The model asked for when the request names none; empty: it must name one."""
    internal: bool = False
    """Asked by the edge alone, never by a caller."""

    @property
    def media(self) -> bool:
        """Its request is a `Media`, its result a `MediaResult`."""
        return issubclass(self.request, media.Media)


def _media(name: str, request: type, *files: str, model: str = DEFAULT) -> Operation:
    return Operation(name=name, request=request, routes=(f"/media/{name}",), files=files, model=model)


def _hidden(name: str, request: type, *files: str, model: str) -> Operation:
    return Operation(name=name, request=request, routes=(), files=files, model=model, internal=True)


CHAT = Operation(name="chat", request=ChatRequest, routes=("/v1/chat/completions",), streams=True)
EMBEDDINGS = Operation(name="embeddings", request=EmbeddingsRequest, routes=("/v1/embeddings",))

TEXT_TO_IMAGE = _media("text_to_image", media.TextToImage)
IMAGE_TO_IMAGE = _media("image_to_image", media.ImageToImage, "image", "images")
IMAGE_WITH_MASK = _media("image_with_mask", media.ImageWithMask, "image", "images", "mask")
IMAGE_UPSCALE = _media("image_upscale", media.ImageUpscale, "image")
IMAGE_TO_TEXT = _media("image_to_text", media.ImageToText, "image")
SPEECH_TO_TEXT = _media("speech_to_text", media.SpeechToText, "audio")
TEXT_TO_SPEECH = _media("text_to_speech", media.TextToSpeech)
TEXT_TO_AUDIO = _media("text_to_audio", media.TextToAudio)
TEXT_TO_VIDEO = _media("text_to_video", media.TextToVideo)
IMAGE_TO_VIDEO = _media("image_to_video", media.ImageToVideo, "image")
WORKFLOW = _media("workflow", media.Workflow, "files")
INSPECT_WORKFLOW = _hidden("inspect_workflow", media.InspectWorkflow, model=DEFAULT)

IMAGE, FFMPEG = "image", "ffmpeg"
"""The agents of transforms, and the one model that each of them has."""

TRANSFORMS = (
    _media("convert_image", media.ConvertImage, "image", model=IMAGE),
    _media("crop_image", media.CropImage, "image", model=IMAGE),
    _media("scale_image", media.ScaleImage, "image", model=IMAGE),
    _media("watermark_image", media.WatermarkImage, "image", "watermark", model=IMAGE),
    _media("convert_video", media.ConvertVideo, "video", model=FFMPEG),
    _media("crop_video", media.CropVideo, "video", model=FFMPEG),
    _media("scale_video", media.ScaleVideo, "video", model=FFMPEG),
    _media("watermark_video", media.WatermarkVideo, "video", "watermark", model=FFMPEG),
    _media("trim_video", media.TrimVideo, "video", model=FFMPEG),
    _media("convert_audio", media.ConvertAudio, "audio", model=FFMPEG),
    _media("trim_audio", media.TrimAudio, "audio", model=FFMPEG),
)
VARIANT = _hidden("variant", media.Variant, "image", model=IMAGE)
POSTER = _hidden("poster", media.Poster, "file", model=FFMPEG)

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        CHAT,
        EMBEDDINGS,
        TEXT_TO_IMAGE,
        IMAGE_TO_IMAGE,
        IMAGE_WITH_MASK,
        IMAGE_UPSCALE,
        IMAGE_TO_TEXT,
        SPEECH_TO_TEXT,
        TEXT_TO_SPEECH,
        TEXT_TO_AUDIO,
        TEXT_TO_VIDEO,
        IMAGE_TO_VIDEO,
        WORKFLOW,
        INSPECT_WORKFLOW,
        *TRANSFORMS,
        VARIANT,
        POSTER,
    )
}
