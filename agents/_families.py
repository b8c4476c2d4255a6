"""Families of models that a ComfyUI server may have: how one is known by its file's name, and what it wants to be run with.

What a newcomer would get wrong: a server tells nothing of a model but its file's name. The first family whose pattern is found
in it counts, so the special ones stand before the general ones, and what makes no pictures stands there to be left out.
Source of the numbers: the models' own cards and ComfyUI's example workflows; where neither says, aiserver's defaults.
"""

import re
from typing import Any

import msgspec

from schemas.operations import (
    IMAGE_TO_IMAGE,
    IMAGE_TO_VIDEO,
    IMAGE_WITH_MASK,
    TEXT_TO_AUDIO,
    TEXT_TO_IMAGE,
    TEXT_TO_VIDEO,
)

CHECKPOINT, UNET, MOVING = "CheckpointLoaderSimple", "UNETLoader", "ImageOnlyCheckpointLoader"
SOURCES = {CHECKPOINT: "ckpt_name", UNET: "unet_name", MOVING: "ckpt_name"}
"""Node classes that load a model, and the input that names its file."""

_TO_IMAGE, _FROM_IMAGE, _MASKED = TEXT_TO_IMAGE.name, IMAGE_TO_IMAGE.name, IMAGE_WITH_MASK.name
_ANCESTRAL = {"steps": 25, "cfg": 7.0, "sampler_name": "euler_ancestral", "scheduler": "normal"}
_PAIR = {_FROM_IMAGE: "image_to_image", _MASKED: "image_with_mask"}
_SD = {_TO_IMAGE: "text_to_image", **_PAIR}
_SD3 = {_TO_IMAGE: "text_to_image_sd3", **_PAIR}
_FLUX = {_TO_IMAGE: "text_to_image_flux", **_PAIR}
_AE = ("vae_name", r"(^|[^a-z])ae\.|flux.*vae")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Also a short name for the first model of it that a server has."""
    pattern: str
    """Found in the file's name, in lower case."""
    source: str = CHECKPOINT
    templates: dict[str, str] = {}
    """Operation -> file in `workflows/`."""
    values: dict[str, Any] = {}
    """Over those of the template."""
    files: tuple[tuple[str, str], ...] = ()
    """(input, pattern): files that a server must have beside the model."""
    clip: dict[str, Any] = {}
    """The node that loads the text encoder, for a model that comes without one."""
    shift: tuple[str, float] | None = None
    """Node class and value, for a model that wants its noise shifted and whose template does not do it."""


def _size(side: int) -> dict[str, Any]:
    return {"width": side, "height": side}


def _fast(steps: int, sampler: str = "euler", scheduler: str = "sgm_uniform", cfg: float = 1.0) -> dict[str, Any]:
    return {"steps": steps, "cfg": cfg, "sampler_name": sampler, "scheduler": scheduler}


_FLUX_CLIP = {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "", "clip_name2": "", "type": "flux"}}
_FLUX_FILES = (("clip_name1", "t5xxl"), ("clip_name2", "clip_l"), _AE)
_HIDREAM_CLIP = {"class_type": "QuadrupleCLIPLoader", "inputs": {f"clip_name{at}": "" for at in (1, 2, 3, 4)}}
_HIDREAM_FILES = (
    ("clip_name1", "clip_l"),
    ("clip_name2", "clip_g"),
    ("clip_name3", "t5xxl"),
    ("clip_name4", "llama"),
    _AE,
)
_QWEN_CLIP = {"class_type": "CLIPLoader", "inputs": {"clip_name": "", "type": "qwen_image"}}
_UMT5 = ("clip_name", "umt5")

FAMILIES = (
    # sound
    Family(
        name="stable-audio",
        pattern=r"stable[_-]?audio",
        templates={TEXT_TO_AUDIO.name: "text_to_audio"},
        files=(("clip_name", r"t5[_-]?base"),),
    ),
    Family(name="ace-step", pattern=r"ace[_-]?step", templates={TEXT_TO_AUDIO.name: "text_to_music"}),
    # video
    Family(
        name="ltx-video",
        pattern=r"ltx[_-]?v",
        templates={TEXT_TO_VIDEO.name: "text_to_video_ltxv", IMAGE_TO_VIDEO.name: "image_to_video_ltxv"},
        files=(("clip_name", "t5xxl"),),
    ),
    Family(name="svd", pattern=r"(^|[^a-z])svd", source=MOVING, templates={IMAGE_TO_VIDEO.name: "image_to_video_svd"}),
    Family(
        name="wan2.2-ti2v",
        pattern=r"wan.?2.?2.*ti2v",
        source=UNET,
        templates={TEXT_TO_VIDEO.name: "text_to_video_wan22", IMAGE_TO_VIDEO.name: "image_to_video_wan22"},
        files=(_UMT5, ("vae_name", r"wan.?2.?2.*vae")),
    ),
    Family(
        name="wan-pair", pattern=r"(high|low)[_-]?noise", source=UNET
    ),  # two files make one model: not by a template
    Family(
        name="wan2.1-t2v",
        pattern=r"wan.*t2v",
        source=UNET,
        templates={TEXT_TO_VIDEO.name: "text_to_video_wan"},
        files=(_UMT5, ("vae_name", r"wan.?2?.?1?.*vae")),
    ),
    Family(
        name="wan2.1-i2v",
        pattern=r"wan.*i2v",
        source=UNET,
        templates={IMAGE_TO_VIDEO.name: "image_to_video_wan"},
        files=(_UMT5, ("vae_name", r"wan.?2?.?1?.*vae")),
    ),
    # pictures of models that come in parts
    Family(
        name="flux-schnell",
        pattern=r"flux.*schnell|schnell",
        source=UNET,
        templates=_FLUX,
        values=_fast(4, scheduler="simple") | _size(1024),
        files=_FLUX_FILES,
        clip=_FLUX_CLIP,
    ),
    Family(name="flux-tool", pattern=r"flux.*(fill|depth|canny|redux|kontext)|flux[._-]?2", source=UNET),
    Family(
        name="flux-dev",
        pattern=r"flux",
        source=UNET,
        templates=_FLUX,
        values=_fast(20, scheduler="simple") | _size(1024),
        files=_FLUX_FILES,
        clip=_FLUX_CLIP,
    ),
    *(
        Family(
            name=f"hidream-{kind or 'full'}",
            pattern=rf"hidream.*{kind}",
            source=UNET,
            templates=_SD3,
            values=_fast(steps, sampler, scheduler, cfg) | _size(1024),
            files=_HIDREAM_FILES,
            clip=_HIDREAM_CLIP,
            shift=("ModelSamplingSD3", shift),
        )
        for kind, steps, sampler, scheduler, cfg, shift in (
            ("fast", 16, "lcm", "normal", 1.0, 3.0),
            ("dev", 28, "lcm", "normal", 1.0, 6.0),
            ("", 50, "uni_pc", "simple", 5.0, 3.0),
        )
    ),
    Family(name="qwen-image-edit", pattern=r"qwen.?image.*(edit|layered)", source=UNET),
    Family(
        name="qwen-image",
        pattern=r"qwen.?image",
        source=UNET,
        templates=_SD3,
        values=_fast(20, scheduler="simple", cfg=2.5) | _size(1328),
        files=(("clip_name", r"qwen.*vl"), ("vae_name", r"qwen.*vae")),
        clip=_QWEN_CLIP,
        shift=("ModelSamplingAuraFlow", 3.1),
    ),
    # pictures of checkpoints
    Family(
        name="no-picture",
        pattern=r"refiner|(^|[^a-z])svd|zero123|hunyuan.?3d|stage_[abc]|upscaler|mochi|cosmos|hunyuan.?video|wan2",
    ),
    Family(
        name="flux-schnell",
        pattern=r"schnell",
        templates=_FLUX,
        values=_fast(4, scheduler="simple") | _size(1024),
    ),
    Family(name="flux-dev", pattern=r"flux", templates=_FLUX, values=_fast(20, scheduler="simple") | _size(1024)),
    Family(
        name="sd3.5-turbo", pattern=r"sd.?3.*turbo", templates=_SD3, values=_fast(4, scheduler="simple") | _size(1024)
    ),
    Family(
        name="sd3.5", pattern=r"sd.?3|stable.?diffusion.?3", templates=_SD3, values=_fast(20, cfg=4.0) | _size(1024)
    ),
    Family(name="sdxl-lightning", pattern=r"lightning", templates=_SD, values=_fast(4) | _size(1024)),
    Family(name="sdxl-hyper", pattern=r"hyper.?sd", templates=_SD, values=_fast(8) | _size(1024)),
    Family(
        name="sdxl-turbo",
        pattern=r"xl.*turbo|turbo.*xl",
        templates=_SD,
        values=_fast(1, "euler_ancestral", "normal") | _size(512),
    ),
    Family(
        name="sd-turbo", pattern=r"sd.?turbo", templates=_SD, values=_fast(1, "euler_ancestral", "normal") | _size(512)
    ),
    Family(
        name="lcm", pattern=r"(^|[^a-z])lcm", templates=_SD, values=_fast(8, "lcm", "sgm_uniform", 1.5) | _size(1024)
    ),
    Family(
        name="sd1.5",
        pattern=r"v1.?5|sd.?1|512-|1\.5|dreamshaper_[2-8]|realistic.?vision|deliberate|anything|revanimated"
        r"|epicrealism|absolutereality|majicmix|ghostmix|counterfeit|sd.?2|v2.?1",
        templates=_SD,
        values=_ANCESTRAL | _size(512),
    ),
    Family(name="sdxl", pattern=r"", templates=_SD, values=_ANCESTRAL | _size(1024)),
)


def family_of(file: str, source: str) -> Family | None:
    """What a file that this kind of loader offers is. None: nothing we have a template for."""
    low = re.split(r"[/\\]", file)[-1].lower()
    for family in FAMILIES:
        if family.source == source and re.search(family.pattern, low):
            return with_steps(family, low) if family.templates else None
    return None


def with_steps(family: Family, low: str) -> Family:
    """A distilled model says in its name for how many steps it was made (`sdxl_lightning_8step`)."""
    said = re.search(r"(\d{1,2})[_-]?steps?", low)
    if said is None or "steps" not in family.values or not 1 <= int(said[1]) <= 50:
        return family
    return msgspec.structs.replace(family, values={**family.values, "steps": int(said[1])})


def stem(file: str) -> str:
    """The name of a model: its file's, without folder and ending."""
    return re.sub(
        r"\.(safetensors|sft|ckpt|pth?|bin|gguf|onnx)$", "", re.split(r"[/\\]", file)[-1], flags=re.IGNORECASE
    )
