"""What a ComfyUI server says its nodes are (`GET /object_info`): the inputs of each class in their order, and its outputs.

What a newcomer would get wrong: the order of the inputs is part of the format. The UI stores the values of a node as a bare
list, and only this order says which value belongs to which input. Old servers write a choice as `[["a", "b"], {…}]`, new ones
as `["COMBO", {"options": ["a", "b"]}]`; both are read here and nowhere else.
Source: ComfyUI `server.py` (`node_info`), `comfy_api/latest/_io.py`; the frontend's `nodeDefSchema.ts`.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

REQUIRED, OPTIONAL, HIDDEN = "required", "optional", "hidden"
COMBO, DYNAMIC, AUTOGROW, MATCH = "COMBO", "COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3", "COMFY_MATCHTYPE_V3"
_WIDGETS = frozenset(
    f"INT FLOAT STRING BOOLEAN {COMBO} {DYNAMIC} MARKDOWN TEXTAREA COLOR COLORS CHART GALLERIA TREESELECT MULTISELECT "
    "SELECTBUTTON IMAGECOMPARE BOUNDING_BOX BOUNDING_BOXES CURVE RANGE PAINTER COMPOSITOR VIDEO_EDIT WEBCAM LOAD_3D "
    "LOAD_3D_ANIMATION AUDIO_RECORD".split()
)
"""Types the frontend draws as a widget: their values stand in the node. All others come over a link."""
_UPLOADS = (("image_upload", "image"), ("audio_upload", "audio"), ("video_upload", "video"), ("file_upload", "file"))
_SEEDS = ("seed", "noise_seed")


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a class."""

    name: str
    type: str
    """`COMBO` for a choice, however the server wrote it."""
    section: str
    """`required`, `optional` or `hidden`."""
    options: dict[str, Any] = {}
    choices: tuple[Any, ...] | None = None
    """None: no choice, or one that is not known (it is asked from another server)."""

    @property
    def required(self) -> bool:
        return self.section == REQUIRED

    @property
    def widget(self) -> bool:
        """Its value stands in the node, not behind a link."""
        if self.options.get("forceInput"):
            return False
        kind = self.options.get("widgetType") or self.type
        return kind.partition(":")[0] in _WIDGETS  # `INT:seed` is an old way to say which widget

    @property
    def controlled(self) -> bool:
        """The UI draws `control_after_generate` behind it, whose value takes one more place in the list."""
        said = self.options.get("control_after_generate")
        return bool(said) if said is not None else self.type == "INT" and self.name in _SEEDS

    @property
    def upload(self) -> str:
        """`image`, `audio`, `video`, `file` (a mesh or anything) or empty: what sort of file its value names."""
        for option, kind in _UPLOADS:
            if self.options.get(option):
                return kind
        return "image" if self.options.get("animated_image_upload") else ""

    def chosen(self, value: Any) -> tuple["Input", ...]:
        """The inputs that a dynamic choice brings along when `value` is chosen."""
        for option in self.options.get("options") or ():
            if isinstance(option, dict) and option.get("key") == value and isinstance(option.get("inputs"), dict):
                inner = read_inputs(option["inputs"])
                return tuple(msgspec.structs.replace(part, name=f"{self.name}.{part.name}") for part in inner)
        return ()

    @property
    def default(self) -> Any:
        """As the server says; a choice without one starts with its first."""
        if "default" in self.options:
            return self.options["default"]
        return self.choices[0] if self.choices else None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: str
    is_list: bool = False


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One class of nodes."""

    name: str
    title: str
    """As the UI shows it."""
    inputs: tuple[Input, ...]
    """Required ones, then optional ones, each in the server's order; without the hidden."""
    hidden: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    is_output: bool = False
    """Its result is kept: the branches that end in such nodes are what a server runs."""
    category: str = ""
    module: str = ""
    """`nodes`, `comfy_extras.…` or `custom_nodes.<pack>`."""

    @cached_property
    def by_name(self) -> dict[str, Input]:
        return {one.name: one for one in self.inputs}

    @property
    def widgets(self) -> list[Input]:
        """In the order in which the UI lists their values."""
        return [one for one in self.inputs if one.widget]


class ObjectInfo:
    """The whole answer; a class is read when it is first asked for, for an answer has thousands of them."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self._read: dict[str, NodeInfo] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def has(self, *names: str) -> bool:
        """The server has all these classes."""
        return all(name in self.raw for name in names)

    def get(self, name: str) -> NodeInfo | None:
        """None for a class the server does not have, or says nothing sensible about."""
        found = self._read.get(name)
        if found is None and isinstance(raw := self.raw.get(name), Mapping):
            found = self._read[name] = read_node(name, raw)
        return found

    def choices(self, name: str, field: str) -> tuple[str, ...]:
        """What may be chosen there: a checkpoint's names, samplers. Empty where nothing is known."""
        node = self.get(name)
        one = node.by_name.get(field) if node else None
        return tuple(str(choice) for choice in (one.choices or ())) if one else ()


def read_node(name: str, raw: Mapping[str, Any]) -> NodeInfo:
    said = raw.get("input")
    sections: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    order = raw.get("input_order")
    return NodeInfo(
        name=name,
        title=str(raw.get("display_name") or name),
        inputs=(*_section(sections, order, REQUIRED), *_section(sections, order, OPTIONAL)),
        hidden=_section(sections, order, HIDDEN),
        outputs=_outputs(raw),
        is_output=bool(raw.get("output_node")),
        category=str(raw.get("category") or ""),
        module=str(raw.get("python_module") or ""),
    )


def read_inputs(sections: Mapping[str, Any]) -> tuple[Input, ...]:
    """The inputs of a part of a node, as a dynamic choice brings them along."""
    return (*_section(sections, None, REQUIRED), *_section(sections, None, OPTIONAL))


def read_input(name: str, section: str, spec: Any) -> Input:
    """`["INT", {…}]`, `[["a", "b"], {…}]`, `["COMBO", {"options": […]}]`, or for the hidden ones bare text."""
    parts = list(spec) if isinstance(spec, list | tuple) else [spec]
    kind = parts[0] if parts else "*"
    options = parts[1] if len(parts) > 1 and isinstance(parts[1], dict) else {}
    if isinstance(kind, list | tuple):
        return Input(name=name, type=COMBO, section=section, options=options, choices=tuple(kind))
    choices: tuple[Any, ...] | None = None
    if kind in (COMBO, DYNAMIC) and isinstance(options.get("options"), list):
        choices = tuple(one.get("key") if isinstance(one, dict) else one for one in options["options"])
    return Input(name=name, type=str(kind), section=section, options=options, choices=choices)


def _section(sections: Mapping[str, Any], order: Any, section: str) -> tuple[Input, ...]:
    specs = sections.get(section)
    if not isinstance(specs, Mapping):
        return ()
    said = order.get(section) if isinstance(order, Mapping) else None
    first = [name for name in said or () if name in specs]
    names = [*first, *(name for name in specs if name not in first)]
    return tuple(read_input(str(name), section, specs[name]) for name in names)


def _outputs(raw: Mapping[str, Any]) -> tuple[Output, ...]:
    types, names, lists = raw.get("output") or [], raw.get("output_name") or [], raw.get("output_is_list") or []

    def one(at: int, kind: Any) -> Output:
        text = COMBO if isinstance(kind, list | tuple) else str(kind)  # an output of a choice lists what may come
        name = str(names[at]) if at < len(names) else text
        return Output(name=name, type=text, is_list=bool(at < len(lists) and lists[at]))

    return tuple(one(at, kind) for at, kind in enumerate(types))
