"""Our own workflows: for each operation and family of models a template, filled with a request.

`served` says what a server can really do, from its nodes and files; `flow_for` builds the flow for one of these models. What a
newcomer would get wrong: the templates in `workflows/` are whole workflows with sensible values, as anybody may load them into
ComfyUI. Nothing in them is a placeholder: inputs are found by their names, so a template may be changed in ComfyUI and saved
here again.
"""

import copy
import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

from agents._families import CHECKPOINT, SOURCES, UNET, Family, family_of, stem
from agents._flow_fields import Field
from agents._flow_fill import SEEDS, check, fill
from agents._flow_form import Flow
from agents._flow_info import ObjectInfo
from agents._templates_edits import edited
from agents._templates_packs import pack_flow, pack_models
from schemas.media import Media
from schemas.operations import IMAGE_UPSCALE, IMAGE_WITH_MASK
from schemas.problem import Code, Problem
from schemas.provider import Model

LANCZOS = "lanczos"
"""The model of `image_upscale` that needs no file."""
NEGATIVE = "low quality, blurry, noisy, compression artifacts"
"""What no picture should have; it goes behind what the caller does not want either."""
_UPSCALER = "UpscaleModelLoader"
_CLIP, _VAE, _SHIFT = "101", "102", "103"

# What a request says -> inputs of nodes. The first name is the request's field, as a refusal names it.
_PLACES: dict[str, tuple[str, ...]] = {
    "seed": ("seed", "noise_seed"),
    "steps": ("steps",),
    "cfg_scale": ("cfg",),
    "sampler": ("sampler_name",),
    "scheduler": ("scheduler",),
    "denoise": ("denoise",),
    "width": ("width",),
    "height": ("height",),
    "batch_size": ("batch_size", "amount"),
    "fps": ("fps", "frame_rate"),
    "mask_channel": ("channel",),
}
_VALUES = {"cfg": "cfg_scale", "sampler_name": "sampler"}
"""Where a family's value is called otherwise in a request."""


def served(info: ObjectInfo) -> list[Model]:
    """What this server's nodes and files allow, by operation; the first of an operation is its default."""
    found: list[Model] = []
    known: set[str] = set()
    for source, field in SOURCES.items():
        files = info.choices(source, field)
        names = _names(files)
        for file in files:
            family = family_of(file, source)
            for op, template in family.templates.items() if family else ():
                if family is not None and _possible(template, family, info):
                    short = (family.name,) if (op + family.name) not in known else ()
                    known.add(op + family.name)
                    found.append(Model(name=names[file], native=file, op=op, aliases=short))
    return [*_once(sorted(found, key=_rank)), *_upscalers(info), *pack_models(info)]


def flow_for(op: str, request: Media, native_model: str, info: ObjectInfo, uploads: dict[str, str]) -> Flow:
    """The flow for a request. `uploads`: file field -> what the server calls the file. Raises `Problem`: INVALID_REQUEST that
    names the field, MODEL_NOT_FOUND."""
    flow = pack_flow(op, request, native_model, info, uploads)
    if flow is None:
        flow = Flow(nodes=_built(op, request, native_model, info))
        for node, inputs in ((node, flow.inputs(node)) for node in flow.nodes):
            for kind, stored in uploads.items():
                if "Load" in flow.class_of(node) and kind == _file_field(flow.class_of(node)):
                    inputs["image" if kind == "mask" else kind] = stored
    arguments = getattr(request, "arguments", None)
    return fill(flow, arguments, {}, info, None) if arguments else flow


def workflows() -> dict[str, bytes]:
    """All templates by name, as JSON."""
    folder = Path(__file__).parent / "workflows"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.json"))}


# ---- what there is ---------------------------------------------------------------------------------------------------


def _rank(model: Model) -> bool:
    """A model made to fill holes is the first for that and the last for all else."""
    return ("inpaint" in model.native.lower()) != (model.op == IMAGE_WITH_MASK.name)


def _names(files: tuple[str, ...]) -> dict[str, str]:
    """Each file's name; files of one name in several folders keep their folders."""
    stems = [stem(file) for file in files]
    return {file: one if stems.count(one) == 1 else file for file, one in zip(files, stems, strict=True)}


def _once(models: list[Model]) -> list[Model]:
    found: dict[tuple[str, str], Model] = {}
    for model in models:
        found.setdefault((model.op, model.name), model)
    return list(found.values())


def _possible(template: str, family: Family, info: ObjectInfo) -> bool:
    """The server has all node classes and files that it takes."""
    classes = [node["class_type"] for node in _template(template).values()]
    parts = [family.source, *([family.clip["class_type"], "VAELoader"] if family.clip else [])]
    shift = [family.shift[0]] if family.shift else []
    without = {
        "CLIPVisionLoader",
        "CLIPVisionEncode",
        "CreateVideo",
        "SaveVideo",
        *([CHECKPOINT] if family.clip else []),
    }
    if not info.has(*(name for name in (*classes, *parts, *shift) if name not in without)):
        return False
    loaders = {field: name for name in classes if name not in without for field in _template_inputs(template, name)}
    loaders |= dict.fromkeys(family.clip.get("inputs", ()), family.clip.get("class_type", ""))
    loaders |= {"vae_name": "VAELoader"}
    return all(_file(info, loaders.get(field, ""), field, pattern) for field, pattern in family.files)


def _template_inputs(template: str, name: str) -> list[str]:
    return [field for node in _template(template).values() if node["class_type"] == name for field in node["inputs"]]


def _upscalers(info: ObjectInfo) -> list[Model]:
    found: list[Model] = []
    if info.has(_UPSCALER, "ImageUpscaleWithModel", "LoadImage", "SaveImage"):
        files = sorted(
            info.choices(_UPSCALER, "model_name"),
            key=lambda file: "x2" not in file.lower() and "2x" not in file.lower(),
        )
        names = _names(tuple(files))
        found = [Model(name=names[file], native=file, op=IMAGE_UPSCALE.name) for file in files]
    if info.has("ImageScaleBy", "LoadImage", "SaveImage"):
        found.append(Model(name=LANCZOS, op=IMAGE_UPSCALE.name))
    return found


def _file(info: ObjectInfo, loader: str, field: str, pattern: str) -> str:
    """The first file there whose name fits; empty if there is none."""
    return next((file for file in info.choices(loader, field) if re.search(pattern, file.lower())), "")


# ---- a flow ----------------------------------------------------------------------------------------------------------


@cache
def _template(name: str) -> dict[str, dict[str, Any]]:
    text = (Path(__file__).parent / "workflows" / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def _built(op: str, request: Media, native: str, info: ObjectInfo) -> dict[str, dict[str, Any]]:
    if op == IMAGE_UPSCALE.name:
        name = "image_upscale_lanczos" if native == LANCZOS else "image_upscale"
        nodes = copy.deepcopy(_template(name))
        _put(nodes, ("model_name",), native, info, "model") if native != LANCZOS else None
        return edited(nodes, op, request, native, info)
    family = _family(op, native, info)
    nodes = copy.deepcopy(_template(family.templates[op]))
    if family.clip:
        _in_parts(nodes, family)
    for field, pattern in family.files:
        for node in nodes.values():
            if field in node["inputs"]:
                node["inputs"][field] = _file(info, node["class_type"], field, pattern) or node["inputs"][field]
    for node in nodes.values():
        if node["class_type"] == family.source:
            node["inputs"][SOURCES[family.source]] = native
    _ask(nodes, _asked(op, request, family), info)
    return edited(nodes, op, request, native, info)


def _family(op: str, native: str, info: ObjectInfo) -> Family:
    for source, field in SOURCES.items():
        family = family_of(native, source) if native in info.choices(source, field) else None
        if family is not None and op in family.templates:
            return family
    raise Problem(Code.MODEL_NOT_FOUND, f"This ComfyUI has no model {native[:200]!r} for {op}", param="model")


def _in_parts(nodes: dict[str, dict[str, Any]], family: Family) -> None:
    """The checkpoint's place is taken by a model, a text encoder and a VAE of their own."""
    old = next(name for name, node in nodes.items() if node["class_type"] == CHECKPOINT)
    sources = {0: [_SHIFT, 0] if family.shift else [old, 0], 1: [_CLIP, 0], 2: [_VAE, 0]}
    for node in nodes.values():
        for field, value in node["inputs"].items():
            if isinstance(value, list) and value[0] == old:
                node["inputs"][field] = list(sources[value[1]])
    nodes[old] = _node(UNET, unet_name="", weight_dtype="default")
    nodes[_CLIP] = copy.deepcopy(family.clip)
    nodes[_VAE] = _node("VAELoader", vae_name="")
    if family.shift:
        nodes[_SHIFT] = _node(family.shift[0], shift=family.shift[1], model=[old, 0])


def _node(name: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": name, "inputs": inputs}


def _asked(op: str, request: Media, family: Family) -> dict[str, Any]:
    """What the nodes are to be told: the family's values, the operation's, and over both the request's."""
    own = {name: getattr(request, name, None) for name in _PLACES}
    values = {_VALUES.get(name, name): value for name, value in family.values.items()}
    if op in ("image_to_image", IMAGE_WITH_MASK.name):
        values = {name: value for name, value in values.items() if name not in ("width", "height")}  # the picture's own
        values["denoise"] = 0.5
    asked = values | {name: value for name, value in own.items() if value is not None}
    asked["seed"] = asked.get("seed") or random.randrange(1, SEEDS)
    negative = getattr(request, "negative_prompt", None)
    asked["negative_prompt"] = f"{negative}, {NEGATIVE}" if negative else NEGATIVE
    asked["positive_prompt"] = getattr(request, "positive_prompt", "")
    return asked


def _ask(nodes: dict[str, dict[str, Any]], asked: dict[str, Any], info: ObjectInfo) -> None:
    for name, fields in _PLACES.items():
        if name in asked:
            _put(nodes, fields, asked[name], info, name)
    for node in nodes.values():
        title = node.get("_meta", {}).get("title")
        for field in ("text", "tags"):
            if field in node["inputs"] and title in ("Positive Prompt", "Negative Prompt"):
                node["inputs"][field] = asked["positive_prompt" if title[0] == "P" else "negative_prompt"]


def _put(nodes: dict[str, dict[str, Any]], fields: tuple[str, ...], value: Any, info: ObjectInfo, param: str) -> None:
    """Into all nodes that have such an input. Raises `Problem` for what the server does not take."""
    for name, node in nodes.items():
        known = info.get(node["class_type"])
        for field in fields:
            if field not in node["inputs"] or isinstance(node["inputs"][field], list):
                continue
            spec = known.by_name.get(field) if known else None
            if spec is None:
                continue
            step = spec.options.get("step")
            if field in ("width", "height") and isinstance(step, int) and step > 1:
                value = value // step * step
            node["inputs"][field] = check(Field(node=name, spec=spec, name=param, names=()), value, param)


def _file_field(name: str) -> str:
    """The file field of a request that a loader is for."""
    low = name.lower()
    return "mask" if "mask" in low else next((kind for kind in ("image", "audio", "video") if kind in low), "")
