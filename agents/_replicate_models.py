"""How the inputs of models at Replicate are called, and what ours become. Pure.

Every model there names its inputs as it likes. Of the models below the names are written down; of any other they are read
from the schema that the model publishes (`read`). What a newcomer would get wrong: a value out of a model's range is moved
into it where it is a hint (steps), for the caller asked for a picture and not for a range.
Sources: each model's page of inputs, replicate.com/<owner>/<name>/api, and replicate.com/docs/reference/http#models.get.
"""

import math
from typing import Any

import msgspec

from schemas.media import Media
from schemas.problem import Code, Problem

FLUX_RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
_PICTURE = {"png": "png", "jpeg": "jpg", "webp": "webp"}
QUALITY = 80
"""`output_quality` where the caller says nothing, as the models themselves have it."""
FPS = 16


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A model. Without `names`: they are read from its schema."""

    ops: tuple[str, ...] = ()
    community: bool = False
    """Runs by its version only; official models by their name."""
    names: dict[str, str] = {}
    """Our field -> its input."""
    fixed: dict[str, Any] = {}
    formats: dict[str, str] = {}
    ratios: tuple[str, ...] = ()
    limits: dict[str, tuple[float | None, float | None]] = {}
    """Its input -> from, to."""
    whole: frozenset[str] = frozenset()
    """Inputs that are whole numbers."""
    many: frozenset[str] = frozenset()
    """Inputs that are lists of files."""
    frames: str = ""
    """Its input for the number of frames, where it counts no seconds."""
    inputs: tuple[str, ...] = ()
    """All of them, by its schema."""

    @property
    def most(self) -> int:
        """Pictures a prediction; 1 where it has no word for it."""
        name = self.names.get("batch_size")
        return int(self.limits.get(name, (1, 4))[1] or 4) if name else 1


_FLUX = {
    "positive_prompt": "prompt", "seed": "seed", "steps": "num_inference_steps", "batch_size": "num_outputs",
    "output_format": "output_format", "quality": "output_quality",
}  # fmt: skip
_WHOLE = frozenset(
    {"num_inference_steps", "steps", "num_frames", "frames_per_second", "duration", "seed", "num_outputs"}
)
_SDXL = {
    "positive_prompt": "prompt", "negative_prompt": "negative_prompt", "seed": "seed", "steps": "num_inference_steps",
    "cfg_scale": "guidance_scale", "scheduler": "scheduler", "width": "width", "height": "height",
    "batch_size": "num_outputs", "image": "image", "mask": "mask", "denoise": "prompt_strength",
}  # fmt: skip

KNOWN: dict[str, Known] = {
    "black-forest-labs/flux-schnell": Known(
        ops=("text_to_image",), names=_FLUX, formats=_PICTURE, ratios=FLUX_RATIOS, whole=_WHOLE,
        fixed={"output_quality": QUALITY}, limits={"num_inference_steps": (1, 4), "num_outputs": (1, 4)},
    ),
    "black-forest-labs/flux-dev": Known(
        ops=("text_to_image", "image_to_image"), formats=_PICTURE, ratios=FLUX_RATIOS, whole=_WHOLE,
        names={**_FLUX, "cfg_scale": "guidance", "image": "image", "denoise": "prompt_strength"},
        fixed={"output_quality": QUALITY},
        limits={"num_inference_steps": (1, 50), "guidance": (0, 10), "num_outputs": (1, 4)},
    ),
    "stability-ai/stable-diffusion-3.5-large": Known(
        ops=("text_to_image", "image_to_image"), formats=_PICTURE, ratios=FLUX_RATIOS, whole=_WHOLE,
        names={"positive_prompt": "prompt", "seed": "seed", "steps": "steps", "cfg_scale": "cfg", "image": "image",
               "denoise": "prompt_strength", "output_format": "output_format", "quality": "output_quality"},
        fixed={"output_quality": QUALITY}, limits={"steps": (1, 50), "cfg": (0, 20)},
    ),
    "stability-ai/sdxl": Known(
        ops=("text_to_image", "image_to_image", "image_with_mask"), community=True, names=_SDXL, whole=_WHOLE,
        limits={"num_inference_steps": (1, 500), "guidance_scale": (1, 50), "num_outputs": (1, 4)},
    ),
    "nightmareai/real-esrgan": Known(
        ops=("image_upscale",), community=True, names={"image": "image", "scale": "scale"}, limits={"scale": (1, 10)}
    ),
    "openai/whisper": Known(
        ops=("speech_to_text",), community=True,
        names={"audio": "audio", "language": "language", "translate": "translate", "prompt": "initial_prompt",
               "temperature": "temperature"},
    ),
    "minimax/speech-02-turbo": Known(
        ops=("text_to_speech",), formats={"mp3": "mp3", "wav": "wav", "flac": "flac", "pcm": "pcm"},
        names={"input": "text", "voice": "voice_id", "speed": "speed", "output_format": "audio_format"},
        limits={"speed": (0.5, 2)},
    ),
    "jaaari/kokoro-82m": Known(
        ops=("text_to_speech",), community=True, names={"input": "text", "voice": "voice", "speed": "speed"},
        limits={"speed": (0.1, 5)},
    ),
    "meta/musicgen": Known(
        ops=("text_to_audio",), community=True, formats={"wav": "wav", "mp3": "mp3"}, whole=_WHOLE,
        names={"positive_prompt": "prompt", "seconds": "duration", "seed": "seed", "output_format": "output_format"},
        limits={"duration": (1, None)},
    ),
    "wan-video/wan-2.2-t2v-fast": Known(
        ops=("text_to_video",), ratios=("16:9", "9:16"), whole=_WHOLE, frames="num_frames",
        names={"positive_prompt": "prompt", "seed": "seed", "fps": "frames_per_second"},
        limits={"num_frames": (81, 100), "frames_per_second": (5, 24)},
    ),
    "wavespeedai/wan-2.1-i2v-720p": Known(
        ops=("image_to_video",), whole=_WHOLE, frames="num_frames",
        names={"positive_prompt": "prompt", "image": "image", "seed": "seed", "fps": "frames_per_second",
               "steps": "sample_steps", "cfg_scale": "sample_guide_scale"},
        limits={"num_frames": (5, 100), "frames_per_second": (5, 24), "sample_steps": (1, 40), "sample_guide_scale": (0, 10)},
    ),
    "black-forest-labs/flux-1.1-pro": Known(ops=("text_to_image",)),
    "black-forest-labs/flux-kontext-pro": Known(ops=("image_to_image",)),
    "black-forest-labs/flux-fill-pro": Known(ops=("image_with_mask",)),
    "wan-video/wan-2.2-i2v-fast": Known(ops=("image_to_video",)),
}  # fmt: skip
"""The models that are announced. Any other is a row in the provider's settings: its name, `native` and `op`."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "positive_prompt": ("prompt", "text_prompt", "text", "caption"),
    "negative_prompt": ("negative_prompt",),
    "seed": ("seed",),
    "steps": ("num_inference_steps", "steps", "sample_steps", "num_steps"),
    "cfg_scale": ("guidance_scale", "guidance", "cfg", "cfg_scale", "sample_guide_scale", "classifier_free_guidance"),
    "scheduler": ("scheduler",),
    "sampler": ("sampler", "sampler_name"),
    "width": ("width",),
    "height": ("height",),
    "batch_size": ("num_outputs", "num_images", "number_of_images"),
    "image": ("image", "input_image", "image_input", "input_images", "init_image", "img", "start_image", "first_frame_image"),
    "mask": ("mask", "mask_image"),
    "denoise": ("prompt_strength", "strength", "denoise"),
    "audio": ("audio", "audio_file", "audio_input", "file"),
    "input": ("text", "prompt", "input", "text_input"),
    "voice": ("voice", "voice_id", "speaker"),
    "speed": ("speed",),
    "scale": ("scale", "scale_factor", "upscale_factor"),
    "seconds": ("duration", "seconds", "total_seconds", "length"),
    "fps": ("frames_per_second", "fps"),
    "output_format": ("output_format", "audio_format", "format"),
    "quality": ("output_quality",),
    "background": ("background",),
    "style": ("style",),
    "language": ("language",),
    "translate": ("translate",),
    "prompt": ("prompt", "initial_prompt"),
    "max_tokens": ("max_tokens", "max_new_tokens"),
    "temperature": ("temperature",),
}  # fmt: skip


def read(schema: Any, known: Known) -> Known:
    """What a model's `openapi_schema` says of its inputs. Raises `KeyError`, `TypeError` for what is no schema."""
    parts: dict[str, Any] = schema["components"]["schemas"]
    inputs: dict[str, dict[str, Any]] = parts["Input"]["properties"]
    names = {
        ours: found for ours, theirs in SYNONYMS.items() if (found := next((n for n in theirs if n in inputs), ""))
    }
    formats, ratios = (
        _choices(inputs.get(names.get("output_format", ""), {}), parts),
        _choices(inputs.get("aspect_ratio", {}), parts),
    )
    kinds = {name: _kind(one) for name, one in inputs.items()}
    return Known(
        ops=known.ops,
        community=known.community,
        names=names,
        formats={ours: choice for choice in formats for ours in ({"jpg": "jpeg"}.get(choice, choice),)},
        ratios=tuple(choice for choice in ratios if all(_sides(choice))),
        limits={name: (one.get("minimum"), one.get("maximum")) for name, one in inputs.items()},
        whole=frozenset(name for name, kind in kinds.items() if kind == "integer"),
        many=frozenset(name for name, kind in kinds.items() if kind == "array"),
        frames="num_frames" if "num_frames" in inputs else "",
        inputs=tuple(inputs),
    )


def inputs_of(request: Media, known: Known) -> dict[str, Any]:
    """What goes into one prediction, without its files and without how many pictures it is to make."""
    found: dict[str, Any] = dict(known.fixed)
    for ours, theirs in known.names.items():
        value = getattr(request, ours, None)
        if (
            value is None
            or ours in ("image", "mask", "audio", "batch_size", "width", "height")
            or (ours == "seed" and not value)
        ):
            continue
        if ours == "output_format":
            if value in known.formats or not known.formats:
                found[theirs] = known.formats.get(value, value)
        elif ours == "quality":
            if str(value).isdecimal():
                found[theirs] = min(int(value), 100)
        else:
            found[theirs] = _fitted(value, theirs, known)
    found |= _size(request, known) | _frames(request, known)
    return {**found, **_arguments(request, known)}


def split(wanted: int, known: Known) -> list[int]:
    """How many pictures each prediction makes."""
    most = max(1, known.most)
    return [most] * (wanted // most) + ([wanted % most] if wanted % most else [])


def nearest(width: int, height: int, ratios: tuple[str, ...]) -> str:
    """The ratio that comes nearest to the shape that was wished for."""
    wanted = math.log(width / height)

    def off(ratio: str) -> float:
        wide, high = _sides(ratio)
        return round(abs(math.log(wide / high) - wanted), 6)

    return min(ratios, key=off)


def _size(request: Media, known: Known) -> dict[str, Any]:
    width, height = getattr(request, "width", None), getattr(request, "height", None)
    if not width and not height:
        return {}
    wide, high = int(width or height or 0), int(height or width or 0)
    if "width" in known.names and "height" in known.names:
        named = {"width": wide, "height": high}
        return {known.names[ours]: _fitted(value, known.names[ours], known) for ours, value in named.items()}
    return {"aspect_ratio": nearest(wide, high, known.ratios)} if known.ratios else {}


def _frames(request: Media, known: Known) -> dict[str, Any]:
    seconds = getattr(request, "seconds", None)
    if not known.frames or not seconds or "seconds" in known.names:
        return {}
    return {known.frames: _fitted(seconds * (getattr(request, "fps", None) or FPS), known.frames, known)}


def _arguments(request: Media, known: Known) -> dict[str, Any]:
    """The caller's own inputs go over what we made of the rest. A name that the model does not have is told at once."""
    given: dict[str, Any] = getattr(request, "arguments", {})
    odd = [name for name in given if known.inputs and name not in known.inputs]
    if odd:
        sentence = f"The model has no input {odd[0][:60]!r}. It has: {', '.join(known.inputs[:40])}"
        raise Problem(Code.INVALID_REQUEST, sentence, param="arguments")
    return given


def _fitted(value: Any, name: str, known: Known) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    low, high = known.limits.get(name, (None, None))
    value = value if low is None else max(value, low)
    value = value if high is None else min(value, high)
    return round(value) if name in known.whole else value


def _choices(one: dict[str, Any], parts: dict[str, Any]) -> list[str]:
    """The values that an input may have; they stand beside it, or in a part of their own."""
    found = list(one.get("enum") or ())
    for inner in (*(one.get("allOf") or ()), *(one.get("anyOf") or ())):
        found += parts.get(str(inner.get("$ref", "")).rpartition("/")[2], inner).get("enum") or ()
    return [choice for choice in found if isinstance(choice, str)]


def _kind(one: dict[str, Any]) -> str:
    return str(
        one.get("type") or next((inner.get("type") for inner in one.get("anyOf") or () if inner.get("type")), "")
    )


def _sides(ratio: str) -> tuple[int, int]:
    """(0, 0): no ratio, as `match_input_image`."""
    wide, _, high = ratio.partition(":")
    return (int(wide), int(high)) if wide.isdecimal() and high.isdecimal() and int(wide) and int(high) else (0, 0)
