"""What a workflow is for (`text_to_image`, `image_to_video` …) and what comes out of it.

What a newcomer would get wrong: an output node is known by the server's word (`output_node`), but whether its pictures are a
video is only in its name: SaveWEBM and VHS_VideoCombine take the same IMAGE as SaveImage.
"""

import re

from agents._flow_fields import fields_of
from agents._flow_form import Flow
from agents._flow_info import ObjectInfo

_TYPES = {"IMAGE": "image", "MASK": "image", "AUDIO": "audio", "VIDEO": "video", "STRING": "text", "MESH": "3d"}
_VIDEO = re.compile(r"video|webm|animated|gif", re.IGNORECASE)
_SOLID = re.compile(r"3d|glb|mesh", re.IGNORECASE)


def outputs_of(flow: Flow, info: ObjectInfo) -> list[str]:
    """`image`, `video`, `audio`, `text`, `3d`; each once, the first output node's first."""
    found: list[str] = []
    for node in flow.nodes:
        known = info.get(flow.class_of(node))
        if known is None or not known.is_output:
            continue
        kinds = [kind for field in flow.inputs(node) if (kind := _comes(flow, info, node, field))]
        if _SOLID.search(known.name):
            kinds = ["3d"]
        elif _VIDEO.search(known.name) and "image" in kinds:
            kinds = ["video"]
        found += kinds
    return list(dict.fromkeys(found))


def kind_of(flow: Flow, info: ObjectInfo) -> str:
    """The operation it is nearest to. Empty where nothing comes out."""
    outputs = outputs_of(flow, info)
    if not outputs:
        return ""
    made = next((one for one in ("video", "3d", "audio", "image", "text") if one in outputs), outputs[0])
    given = {field.file for field in fields_of(flow, info) if field.file}
    taken = next((one for one in ("video", "image", "audio") if one in given), "text")
    if (taken, made) == ("image", "image"):
        return _picture(flow, info, given)
    if (taken, made) == ("audio", "text"):
        return "speech_to_text"
    return f"{taken}_to_{made}"


def _picture(flow: Flow, info: ObjectInfo, given: set[str]) -> str:
    classes = {flow.class_of(node) for node in flow.nodes}
    if (
        any("Inpaint" in one or one in ("SetLatentNoiseMask", "DifferentialDiffusion") for one in classes)
        or "mask" in given
    ):
        return "image_with_mask"
    samples = any(one.type == "LATENT" for name in classes if (known := info.get(name)) for one in known.outputs)
    return (
        "image_upscale"
        if not samples and any("Upscale" in name or "ImageScale" in name for name in classes)
        else "image_to_image"
    )


def _comes(flow: Flow, info: ObjectInfo, node: str, field: str) -> str:
    link = flow.link(node, field)
    known = info.get(flow.class_of(link[0])) if link else None
    if link is None or known is None or link[1] >= len(known.outputs):
        return ""
    wanted = info.get(flow.class_of(node))
    one = wanted.by_name.get(field) if wanted else None
    kind = known.outputs[link[1]].type
    return _TYPES.get(kind) or (_TYPES.get(one.type, "") if one else "") or ("text" if kind == "*" else "")
