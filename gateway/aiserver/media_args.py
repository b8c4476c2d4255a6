"""The generic requests, `CreateGeneration` and `CreateMediaTransform`: one bag of arguments, and a word for what to do.

What a newcomer would get wrong: the bag was made for ffmpeg and ComfyUI and holds expressions of theirs. None of a caller's
text ever reaches a command line: what says one of our words is taken for it, and whatever says more is refused by field.
"""

import re
from collections.abc import Callable
from typing import Any

from gateway.dialects._status import invalid, null
from schemas import operations as op
from schemas.dtos.generation import AiTaskType, CreateGeneration, GenerationArgs
from schemas.dtos.transform_args import CreateMediaTransform, MediaTransformArgs, MediaTransformTaskType
from schemas.operations import OPERATIONS, Operation
from schemas.problem import FieldFault, Problem

TASKS = {
    AiTaskType.TextToImage: op.TEXT_TO_IMAGE,
    AiTaskType.ImageToImage: op.IMAGE_TO_IMAGE,
    AiTaskType.ImageUpscale: op.IMAGE_UPSCALE,
    AiTaskType.ImageWithMask: op.IMAGE_WITH_MASK,
    AiTaskType.ImageToText: op.IMAGE_TO_TEXT,
    AiTaskType.TextToAudio: op.TEXT_TO_AUDIO,
    AiTaskType.TextToSpeech: op.TEXT_TO_SPEECH,
    AiTaskType.SpeechToText: op.SPEECH_TO_TEXT,
}
_RENAMED = {
    "image_input": "image", "mask_input": "mask", "audio_input": "audio", "cfg_scale": "cfg_scale",
    "sample_length": "seconds",
}  # fmt: skip
_SPELT = {"huen": "heun", "huenpp2": "heunpp2"}
_ASPECT = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")
PIXELS = 1024
"""A side of a square, where a request says an aspect and no sides."""


def task_of(asked: CreateGeneration) -> Operation:
    args = asked.request or GenerationArgs()
    return TASKS[args.task_type or AiTaskType.TextToImage]


def generation(asked: CreateGeneration) -> dict[str, Any]:
    """The canonical fields. One that the operation has no use for is left out, as it always was."""
    args, operation = asked.request or GenerationArgs(), task_of(asked)
    given = {
        _RENAMED.get(name, name): value
        for name in args.__struct_fields__
        if (value := getattr(args, name)) is not None and value != ""
    }
    if operation is op.TEXT_TO_SPEECH:
        given["input"] = given.pop("positive_prompt", None)
        given["model"] = _voiced(args)
    if operation is op.IMAGE_TO_TEXT:
        given["prompt"] = given.get("positive_prompt")
    if sampler := given.get("sampler"):
        given["sampler"] = _SPELT.get(sampler.value, sampler.value)
    if operation is op.TEXT_TO_IMAGE and args.aspect_ratio and not (args.width or args.height):
        given["width"], given["height"] = sides(args.aspect_ratio)
    given["mask_channel"] = args.mask_channel.value
    if operation in (op.TEXT_TO_IMAGE, op.IMAGE_TO_IMAGE) and args.quality is not None:
        given["quality"] = f"{args.quality:g}"
    for name in _needs(operation):
        if not given.get(name):
            raise null({"input": "positivePrompt"}.get(name, "positivePrompt"))
    return _only(operation, given) | _common(asked)


def transform_of(asked: CreateMediaTransform) -> Operation:
    args = asked.request or MediaTransformArgs()
    return OPERATIONS[_CHANGES[args.task_type or MediaTransformTaskType.VideoScale][0]]


def transform(asked: CreateMediaTransform) -> dict[str, Any]:
    """The same for what is done to files that are there."""
    args = asked.request or MediaTransformArgs()
    _no_codecs(args)
    name, fields = _CHANGES[args.task_type or MediaTransformTaskType.VideoScale]
    values = {key: value for key, value in fields(args).items() if value is not None}
    for file in ("image", "video", "audio", "watermark"):
        if (said := getattr(args, f"{file}_input")) and file in OPERATIONS[name].files:
            values[file] = said
    return values | _common(asked)


def sides(aspect: str) -> tuple[int, int]:
    """`16:9` as sides of about a megapixel, in eights. Raises `Problem(INVALID_REQUEST)`."""
    found = _ASPECT.fullmatch(aspect.strip())
    ratio = int(found[1]) / int(found[2]) if found else 0.0
    if not 1 / 4 <= ratio <= 4:
        raise wrong("aspectRatio", "'aspectRatio' must be like 16:9, from 1:4 to 4:1.")
    width = PIXELS * ratio**0.5
    return round(width / 8) * 8, round(PIXELS * PIXELS / width / 8) * 8


def wrong(field: str, said: str) -> Problem:
    return invalid([FieldFault("ArgumentException", field, said)])


def _common(asked: Any) -> dict[str, Any]:
    found = {
        "provider": asked.provider, "state": asked.state, "replyTo": asked.reply_to, "refId": asked.ref_id,
        "tag": getattr(asked, "tag", None),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _only(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    known = set(operation.request.__struct_fields__)  # type: ignore[attr-defined]
    return {name: value for name, value in given.items() if name in known and value is not None}


def _needs(operation: Operation) -> tuple[str, ...]:
    fields = operation.request.__struct_fields__  # type: ignore[attr-defined]
    return tuple(name for name in ("positive_prompt", "input") if name in fields)


def _voiced(args: GenerationArgs) -> str | None:
    """A voice of a model, the way catalogues spell it: `high:en_US-lessac`, `tts-1:alloy`."""
    return f"{args.model}:{args.voice}" if args.model and args.voice and ":" not in args.model else args.model


# ---- transforms -------------------------------------------------------------------------------------------------------


def _image_format(args: MediaTransformArgs) -> dict[str, Any]:
    if args.image_output_format is None:
        raise null("imageOutputFormat")
    return {"output_format": args.image_output_format.value}


def _format(args: MediaTransformArgs) -> dict[str, Any]:
    if args.output_format is None:
        raise null("outputFormat")
    return {"output_format": args.output_format.value}


def _scaled(args: MediaTransformArgs) -> dict[str, Any]:
    if args.scale_width is None and args.scale_height is None:
        raise null("scaleWidth", "Give 'scaleWidth', 'scaleHeight' or both.")
    return {"width": args.scale_width, "height": args.scale_height}


def _cropped(args: MediaTransformArgs) -> dict[str, Any]:
    for field, value in (("cropWidth", args.crop_width), ("cropHeight", args.crop_height)):
        if value is None:
            raise null(field)
    return {"x": args.crop_x, "y": args.crop_y, "width": args.crop_width, "height": args.crop_height}


def _cut(args: MediaTransformArgs) -> dict[str, Any]:
    for field, value in (("cutStart", args.cut_start), ("cutEnd", args.cut_end)):
        if value is not None and not 0 <= value < 1e7:
            raise wrong(field, f"'{field}' must be seconds from the start.")
    end = None if args.cut_end is None else f"{args.cut_end:.3f}"
    return {"start_time": f"{args.cut_start or 0:.3f}", "end_time": end}


_PLACES = {
    "10:10": "TopLeft",
    "main_w-overlay_w-10:10": "TopRight",
    "10:main_h-overlay_h-10": "BottomLeft",
    "main_w-overlay_w-10:main_h-overlay_h-10": "BottomRight",
    "(main_w-overlay_w)/2:(main_h-overlay_h)/2": "Center",
}
"""ffmpeg's expressions for our five words; `W`, `w`, `H`, `h` are its short ones for the same."""
_SHORT = (("main_w", "W"), ("overlay_w", "w"), ("main_h", "H"), ("overlay_h", "h"))
_SHARE = re.compile(r"(?:iw|main_w|W)\*(0?\.[0-9]{1,4}|1(?:\.0+)?):-[12]")


def position(said: str | None) -> str | None:
    """One of our five words. Raises `Problem(INVALID_REQUEST)`."""
    if not said:
        return None
    text = said.replace(" ", "")
    for expression, word in _PLACES.items():
        short = expression
        for long, letter in _SHORT:
            short = short.replace(long, letter)
        if text.lower() == word.lower() or text in (expression, short):
            return word
    known = ", ".join(_PLACES.values())
    raise wrong("watermarkPosition", f"'watermarkPosition' must be one of: {known}. Expressions are not run here.")


def share(said: str | None, most: float) -> float | None:
    """A factor: `0.2`, or ffmpeg's `iw*0.2:-1` for the same. Raises `Problem(INVALID_REQUEST)`."""
    if not said:
        return None
    text = said.replace(" ", "")
    found = _SHARE.fullmatch(text)
    try:
        value = float(found[1] if found else text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most:
        said = f"'watermarkScale' must be a number above 0, at most {most:g}. Expressions are not run here."
        raise wrong("watermarkScale", said)
    return value


def _marked(most: float) -> Callable[[MediaTransformArgs], dict[str, Any]]:
    def fields(args: MediaTransformArgs) -> dict[str, Any]:
        place, size = position(args.watermark_position), share(args.watermark_scale, most)
        return {"position": place, "watermark_scale": size, "watermark": args.watermark_file or None}

    return fields


def _no_codecs(args: MediaTransformArgs) -> None:
    """Codecs follow from the format. One that says what the format has anyway does no harm; others are refused."""
    for field, value in (
        ("audioCodec", args.audio_codec),
        ("videoCodec", args.video_codec),
        ("audioBitrate", args.audio_bitrate),
        ("audioSampleRate", args.audio_sample_rate),
    ):
        if value:
            raise wrong(field, f"'{field}' can't be chosen: it follows from 'outputFormat'. Leave it out.")


_Fields = Callable[[MediaTransformArgs], dict[str, Any]]
_Kind = MediaTransformTaskType
_CHANGES: dict[MediaTransformTaskType, tuple[str, _Fields]] = {
    _Kind.ImageScale: ("scale_image", _scaled),
    _Kind.VideoScale: ("scale_video", _scaled),
    _Kind.ImageConvert: ("convert_image", _image_format),
    _Kind.AudioConvert: ("convert_audio", _format),
    _Kind.VideoConvert: ("convert_video", _format),
    _Kind.ImageCrop: ("crop_image", _cropped),
    _Kind.VideoCrop: ("crop_video", _cropped),
    _Kind.VideoCut: ("trim_video", _cut),
    _Kind.AudioCut: ("trim_audio", _cut),
    _Kind.WatermarkImage: ("watermark_image", _marked(100.0)),
    _Kind.WatermarkVideo: ("watermark_video", _marked(1.0)),
}
