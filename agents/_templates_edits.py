"""What a request changes in a template beside its values: a size for a given picture, a way to save, a count of frames.

What a newcomer would get wrong: node numbers over 200 are added here, and the templates' own numbers mean something (4: the
empty latent, 5: the sampler, 6: what comes out); the edits go by class all the same, so a template may be drawn anew.
"""

import re
from typing import Any

from agents._flow_info import ObjectInfo
from schemas.media import Media
from schemas.operations import (
    IMAGE_TO_IMAGE,
    IMAGE_TO_VIDEO,
    IMAGE_UPSCALE,
    IMAGE_WITH_MASK,
    TEXT_TO_AUDIO,
    TEXT_TO_VIDEO,
)
from schemas.problem import Code, Problem

Nodes = dict[str, dict[str, Any]]
_SAVERS = {"mp3": "SaveAudioMP3", "opus": "SaveAudioOpus", "flac": "SaveAudio"}
_EVERY = (("LTXV", 8), ("Wan", 4), ("Hunyuan", 4))
"""By how many frames a latent grows, by a part of its node's class."""


def edited(nodes: Nodes, op: str, request: Media, native: str, info: ObjectInfo) -> Nodes:
    if op in (IMAGE_TO_IMAGE.name, IMAGE_WITH_MASK.name):
        _resize(nodes, request)
        if op == IMAGE_WITH_MASK.name and "inpaint" in native.lower() and info.has("VAEEncodeForInpaint"):
            _inpaint(nodes, request)
    elif op == IMAGE_UPSCALE.name:
        _rescale(nodes, request, native)
    elif op == TEXT_TO_AUDIO.name:
        _sound(nodes, request, info)
    elif op in (TEXT_TO_VIDEO.name, IMAGE_TO_VIDEO.name):
        _frames(nodes, request)
        _without_vision(nodes, info)
        _savable(nodes, info)
    return nodes


def _named(nodes: Nodes, *classes: str) -> list[str]:
    return [name for name, node in nodes.items() if node["class_type"] in classes]


def _after(nodes: Nodes, name: str, new: str, node: dict[str, Any]) -> None:
    """Put a node behind output 0 of another: who took that now takes the new one's."""
    for other in nodes.values():
        for field, value in other["inputs"].items():
            if value == [name, 0]:
                other["inputs"][field] = [new, 0]
    nodes[new] = node


def _resize(nodes: Nodes, request: Media) -> None:
    """0 keeps the aspect."""
    width, height = getattr(request, "width", None) or 0, getattr(request, "height", None) or 0
    if not width and not height:
        return
    for name in _named(nodes, "LoadImage"):
        inputs = {"upscale_method": "lanczos", "width": width, "height": height, "image": [name, 0]}
        crop = "center" if width and height else "disabled"
        _after(nodes, name, "201", {"class_type": "ImageScale", "inputs": {**inputs, "crop": crop}})


def _inpaint(nodes: Nodes, request: Media) -> None:
    """A model made for it wants the hole grey and paints it whole."""
    for name in _named(nodes, "SetLatentNoiseMask"):
        encode = nodes[nodes[name]["inputs"]["samples"][0]]["inputs"]
        mask = nodes[name]["inputs"]["mask"]
        inputs = {"pixels": encode["pixels"], "vae": encode["vae"], "mask": mask, "grow_mask_by": 6}
        nodes[name] = {"class_type": "VAEEncodeForInpaint", "inputs": inputs}
    if getattr(request, "denoise", None) is None:
        for name in _named(nodes, "KSampler"):
            nodes[name]["inputs"]["denoise"] = 1.0


def _rescale(nodes: Nodes, request: Media, native: str) -> None:
    scale = getattr(request, "scale", None)
    if scale is None:
        return
    for name in _named(nodes, "ImageScaleBy"):
        nodes[name]["inputs"]["scale_by"] = scale
    for name in _named(nodes, "ImageUpscaleWithModel"):
        said = re.search(r"(?<!\d)([1248])x|x([1248])(?!\d)", native.lower())
        own = int(said[1] or said[2]) if said else 4  # what such models are made for unless they say otherwise
        if own != scale:
            inputs = {"upscale_method": "lanczos", "scale_by": scale / own, "image": [name, 0]}
            _after(nodes, name, "202", {"class_type": "ImageScaleBy", "inputs": inputs})


def _sound(nodes: Nodes, request: Media, info: ObjectInfo) -> None:
    seconds, wanted = getattr(request, "seconds", None), getattr(request, "output_format", None)
    for node in nodes.values():
        if "seconds" in node["inputs"] and seconds is not None:
            node["inputs"]["seconds"] = seconds
    if wanted is None:
        return
    saver = _SAVERS.get(wanted, "")
    if saver not in info:
        there = ", ".join(kind for kind, name in _SAVERS.items() if name in info)
        raise Problem(
            Code.INVALID_REQUEST, f"This ComfyUI saves sound as {there}, not as {wanted}.", param="output_format"
        )
    for name in _named(nodes, "SaveAudio"):
        nodes[name]["class_type"] = saver
        known = info.get(saver)
        quality = known.by_name.get("quality") if known else None
        if quality is not None:
            nodes[name]["inputs"]["quality"] = quality.default


def _frames(nodes: Nodes, request: Media) -> None:
    """Seconds as frames: the count that the model can make and that is nearest."""
    seconds = getattr(request, "seconds", None)
    if seconds is None:
        return
    fps = next((node["inputs"]["fps"] for node in nodes.values() if node["class_type"] == "CreateVideo"), 24)
    for node in nodes.values():
        every = next((step for part, step in _EVERY if part in node["class_type"]), 1)
        for field in ("length", "video_frames"):
            if field in node["inputs"]:
                node["inputs"][field] = max(1, round(seconds * fps / every)) * every + (1 if every > 1 else 0)


def _without_vision(nodes: Nodes, info: ObjectInfo) -> None:
    """The picture's meaning helps, but a server need not have that model."""
    for name in _named(nodes, "CLIPVisionLoader"):
        there = info.choices("CLIPVisionLoader", "clip_name")
        fit = [file for file in there if re.search(r"vision.*h|vit.?h", file.lower())]
        if fit:
            nodes[name]["inputs"]["clip_name"] = fit[0]
            continue
        for gone in (name, *_named(nodes, "CLIPVisionEncode")):
            del nodes[gone]
        for node in nodes.values():
            node["inputs"].pop("clip_vision_output", None)


def _savable(nodes: Nodes, info: ObjectInfo) -> None:
    """Servers from before April 2025 write no mp4."""
    if info.has("CreateVideo", "SaveVideo"):
        return
    for name in _named(nodes, "CreateVideo"):
        made = nodes.pop(name)["inputs"]
        for saver in _named(nodes, "SaveVideo"):
            inputs = {"filename_prefix": "video", "images": made["images"], "fps": made["fps"]}
            if "SaveWEBM" in info:
                nodes[saver] = {"class_type": "SaveWEBM", "inputs": {**inputs, "codec": "vp9", "crf": 32}}
            else:
                more = {"lossless": False, "quality": 85, "method": "default"}
                nodes[saver] = {"class_type": "SaveAnimatedWEBP", "inputs": {**inputs, **more}}
