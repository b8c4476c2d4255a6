"""The inputs of a workflow by the names callers use: `positive_prompt`, `steps`, `image`, and for every other widget
`<title>.<input>`.

What a newcomer would get wrong: names must not change from one look to the next, and a workflow may have two of everything.
So nodes are gone through in the order of their numbers, the first one gets the plain name and the next ones a number
(`steps`, `steps_2`). `<node>.<input>` always names one widget and nothing else.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from agents._flow_form import Flow
from agents._flow_info import COMBO, DYNAMIC, Input, ObjectInfo
from agents._flow_prompts import NEGATIVE, POSITIVE, prompts

SEED = "seed"
_SAME = (
    "ckpt_name",
    "unet_name",
    "lora_name",
    "vae_name",
    "seed",
    "steps",
    "cfg",
    "guidance",
    "sampler_name",
    "scheduler",
    "denoise",
    "width",
    "height",
    "batch_size",
    "seconds",
    "length",
    "frames",
    "fps",
    "shift",
)
COMMON = {name: name for name in _SAME} | {
    "noise_seed": SEED,
    "num_frames": "frames",
    "frame_rate": "fps",
    "model_name": "upscale_model",
}
"""Inputs that mean the same wherever they stand, and what we call them."""
SHORT = {
    "prompt": POSITIVE,
    "model": "ckpt_name",
    "sampler": "sampler_name",
    "cfg_scale": "cfg",
    "batch": "batch_size",
    "duration": "seconds",
}
"""More names for them: those of our own requests."""
_TEXTS = {"text": "text", "prompt": POSITIVE, "positive_prompt": POSITIVE, "negative_prompt": NEGATIVE}
"""Texts that no sampler leads to: of nodes that make it all in one."""
_NAMES = {
    "INT": "integer",
    "FLOAT": "number",
    "STRING": "string",
    "BOOLEAN": "boolean",
    COMBO: "choice",
    DYNAMIC: "choice",
}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One widget of a workflow."""

    node: str
    spec: Input
    name: str
    """The one it is listed under."""
    names: tuple[str, ...]
    """All that are understood, without those that are another's."""
    file: str = ""
    """`image`, `mask`, `audio`, `video`, `file`, or empty: its value names no file."""

    @property
    def place(self) -> tuple[str, str]:
        return self.node, self.spec.name


def fields_of(flow: Flow, info: ObjectInfo) -> list[Field]:
    """Every widget whose value stands in the workflow: those with common names first."""
    found = list(_widgets(flow, info))
    files = {(node, one.name): file_kind(flow, node, one) for node, one in found}
    meant = _meanings(flow, info, found, files)
    taken: set[str] = set()
    main = {node for node in flow.nodes if makes(flow, info, node, "LATENT")}  # a sampler's steps go before others'
    plain = _numbered(sorted(found, key=lambda one: one[0] not in main), meant, taken)
    said = {at: [plain[at]] if at in plain else [] for at in files}
    for node, one in found:
        title = _titled(flow, node)
        said[node, one.name].append(_free(f"{title}.{one.name}", taken))
    for node, one in found:
        if f"{flow.class_of(node)}.{one.name}" not in taken:
            said[node, one.name].append(_free(f"{flow.class_of(node)}.{one.name}", taken))
    fields: list[Field] = []
    listed: set[str] = set()
    for node, one in found:
        names = (*said[node, one.name], f"{node}.{one.name}")
        name = names[0] if names[0] not in listed else names[1]  # the second text of one encoder
        listed.add(name)
        fields.append(Field(node=node, spec=one, name=name, names=names, file=files[node, one.name]))
    return sorted(fields, key=_rank)


def _rank(field: Field) -> int:
    """Prompts, files, what else has a common name, the rest."""
    if field.name in (POSITIVE, NEGATIVE):
        return 0
    return 1 if field.file else 2 + ("." in field.name)


def described(flow: Flow, field: Field, missing: bool) -> dict[str, Any]:
    """As the API shows it. `missing`: it has no value to fall back on."""
    spec, options = field.spec, field.spec.options
    about = {
        "node_id": field.node,
        "node": flow.class_of(field.node),
        "input": spec.name,
        "name": field.name,
        "names": list(field.names),
        "label": _label(flow, field),
        "type": "file" if field.file else _NAMES.get(spec.type, spec.type.lower()),
        "file": field.file or None,
        "default": flow.inputs(field.node).get(spec.name),
        "required": missing,
        "min": options.get("min"),
        "max": options.get("max"),
        "step": options.get("step"),
        "choices": list(spec.choices) if spec.choices is not None and not field.file else None,
        "multiline": options.get("multiline"),
        "tooltip": options.get("tooltip"),
    }
    return {name: value for name, value in about.items() if value is not None}


def file_kind(flow: Flow, node: str, one: Input) -> str:
    """What sort of file an input names; a picture of which only the mask is used is a mask."""
    kind, cls = one.upload, flow.class_of(node)
    if not kind and one.type == COMBO and "load" in cls.lower() and one.name in ("image", "audio", "video"):
        kind = one.name if one.name in cls.lower() else ""  # packs that bring upload buttons of their own
    if kind == "image":
        slots = {value[1] for at, field in flow.feeds(node) if (value := flow.link(at, field))}
        return "mask" if "mask" in cls.lower() or slots == {1} else kind
    return kind


def ordered(flow: Flow) -> list[str]:
    """Nodes by number; those of subgraphs behind their instance."""
    return sorted(
        flow.nodes,
        key=lambda name: [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split(":")],
    )


def _widgets(flow: Flow, info: ObjectInfo) -> Iterator[tuple[str, Input]]:
    for node in ordered(flow):
        known = info.get(flow.class_of(node))
        inputs = flow.inputs(node)
        for one in known.inputs if known else ():
            if one.name in inputs and flow.link(node, one.name) is None and one.widget:
                yield node, one
                if one.type == DYNAMIC:
                    yield from ((node, part) for part in _parts(one, inputs) if flow.link(node, part.name) is None)


def _parts(one: Input, inputs: dict[str, Any]) -> list[Input]:
    return [part for part in one.chosen(inputs.get(one.name)) if part.name in inputs and part.widget]


def _meanings(
    flow: Flow, info: ObjectInfo, found: list[tuple[str, Input]], files: dict[tuple[str, str], str]
) -> dict[tuple[str, str], tuple[str, int]]:
    """What is meant by each widget that has a common meaning; texts of one encoder share a number."""
    texts = prompts(flow, info, ordered(flow))
    meant: dict[tuple[str, str], tuple[str, int]] = {}
    for count, (node, one) in enumerate(found):
        at, alone = (node, one.name), len(texts) + count
        if at in texts:
            meant[at] = texts[at]
        elif files[at]:
            meant[at] = files[at], alone
        elif one.name in COMMON:
            meant[at] = COMMON[one.name], alone
        elif one.name == "value" and (name := _handed(flow, node)):
            meant[at] = name, alone
        elif one.type == "STRING" and one.name in _TEXTS:
            meant[at] = _TEXTS[one.name], alone
    return meant


def _handed(flow: Flow, node: str) -> str:
    """What a node that holds one value holds it for, if that is one thing."""
    names = {COMMON.get(field, "") for _, field in flow.feeds(node)}
    return names.pop() if len(names) == 1 else ""


def _numbered(
    found: list[tuple[str, Input]], meant: dict[tuple[str, str], tuple[str, int]], taken: set[str]
) -> dict[tuple[str, str], str]:
    """The first of a meaning has the plain name, the others numbers."""
    numbers: dict[str, dict[int, str]] = {}
    named: dict[tuple[str, str], str] = {}
    for node, one in found:
        if (node, one.name) in meant:
            name, group = meant[node, one.name]
            groups = numbers.setdefault(name, {})
            if group not in groups:
                groups[group] = _free(name, taken)
            named[node, one.name] = groups[group]
    return named


def _free(name: str, taken: set[str]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    taken.add(free)
    return free


def makes(flow: Flow, info: ObjectInfo, node: str, *types: str) -> bool:
    """One of its outputs is of one of these types."""
    known = info.get(flow.class_of(node))
    return known is not None and any(one.type in types for one in known.outputs)


def _titled(flow: Flow, node: str) -> str:
    return flow.title_of(node).strip() or flow.class_of(node)


def _label(flow: Flow, field: Field) -> str:
    text = re.sub(r"[_.]+", " ", field.name if "." not in field.name else field.spec.name).strip()
    text = text[:1].upper() + text[1:]
    return (
        text if field.name in (POSITIVE, NEGATIVE) or "." not in field.name else f"{_titled(flow, field.node)}: {text}"
    )
