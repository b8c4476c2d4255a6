"""The values of a drawn node by the names of its inputs: which of them belongs to which, for the drawing holds a bare list.

What a newcomer would get wrong: there are more values than inputs. Behind a seed stands what is to become of it after the
run (`fixed`, `randomize` …), behind a choice with that control also a filter, and an upload button leaves a value of its own
at the end. And the values of a dynamic choice stand behind it: which ones, its own value says.
Source: the frontend's `widgets.ts`, `dynamicWidgets.ts`, `nodeDefUtil.ts` (`migrateWidgetsValues`).
"""

from collections.abc import Iterable
from typing import Any

from agents._flow_form import Node
from agents._flow_info import AUTOGROW, COMBO, DYNAMIC, Input, NodeInfo, read_input, read_inputs
from agents._flow_text import shuffled

CONTROLS = ("fixed", "increment", "decrement", "randomize", "increment-wrap")
_BLANK: dict[str, Any] = {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "STRING": ""}


class Values:
    """What was read from one node: `by_name`, and the seeds whose control says that they change."""

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}
        self.loose: set[str] = set()


def read_values(node: Node, info: NodeInfo) -> Values:
    """Each widget's value, or its default where the list is too short."""
    drawn = {slot.name for slot in node.inputs or () if slot.widget}
    if isinstance(node.widgets_values, dict):
        return _named(node.widgets_values, info, drawn)
    reader = _Reader(_without_forced(node.widgets_values or [], info, drawn), node)
    reader.read(one for one in info.inputs if _is_widget(one, drawn))
    for name, value in reader.found.by_name.items():
        if name == "sampler_name" and isinstance(value, str):  # the names had a prefix in 2023
            reader.found.by_name[name] = value.removeprefix("sample_")
    return reader.found


def places_of(node: Node, info: NodeInfo, without: set[str]) -> list[int]:
    """Where in the node's list the values of its widgets and of their controls are; `without` those of some inputs."""
    drawn = {slot.name for slot in node.inputs or () if slot.widget}
    reader = _Reader(node.widgets_values if isinstance(node.widgets_values, list) else [], node)
    found: list[int] = []
    for one in info.inputs:
        if _is_widget(one, drawn):
            before = reader.at
            reader.read([one])
            found += range(before, reader.at) if one.name not in without else ()
    return found


def blank(one: Input) -> Any:
    """What a new node starts with."""
    if one.default is not None or one.type not in _BLANK:
        return one.default
    return _BLANK[one.type]


def _is_widget(one: Input, drawn: set[str]) -> bool:
    """A type that only a pack's own frontend knows is a widget if it was drawn as one."""
    return one.widget or one.type == AUTOGROW or (one.name in drawn and not one.options.get("forceInput"))


def _without_forced(values: list[Any], info: NodeInfo, drawn: set[str]) -> list[Any]:
    """Old files hold values of inputs that now must be linked (`forceInput`)."""
    forced: list[bool] = []
    for one in info.inputs:
        is_forced = bool(one.options.get("forceInput"))
        if is_forced or _is_widget(one, drawn):
            forced += [is_forced, False] if one.options.get("control_after_generate") else [is_forced]
    if any(forced) and len(forced) == len(values):
        return [value for value, skip in zip(values, forced, strict=True) if not skip]
    return values


def _named(values: dict[str, Any], info: NodeInfo, drawn: set[str]) -> Values:
    found = Values()
    for one in info.inputs:
        if _is_widget(one, drawn):
            found.by_name[one.name] = values[one.name] if one.name in values else blank(one)
    return found


class _Reader:
    def __init__(self, values: list[Any], node: Node) -> None:
        self.values, self.node, self.at = values, node, 0
        self.found = Values()

    def read(self, inputs: Iterable[Input]) -> None:
        for one in inputs:
            if one.type == AUTOGROW:
                self.read(self._grown(one))
                continue
            value = self._take(one)
            if one.options.get("dynamicPrompts") and isinstance(value, str):
                value = shuffled(value)
            self.found.by_name[one.name] = value
            if one.controlled:
                self._control(one)
            if one.type == DYNAMIC:
                self.read(part for part in one.chosen(value) if part.widget or part.type == AUTOGROW)

    def _take(self, one: Input) -> Any:
        if self.at >= len(self.values):
            return blank(one)
        self.at += 1
        return self.values[self.at - 1]

    def _control(self, one: Input) -> None:
        """Behind a controlled value; files older than the control have none."""
        said = self.values[self.at] if self.at < len(self.values) else None
        if said not in CONTROLS and not isinstance(said, bool):
            return
        self.at += 1
        if said != "fixed" and said is not False and one.type == "INT":
            self.found.loose.add(one.name)
        if one.type == COMBO and self.at < len(self.values) and isinstance(self.values[self.at], str):
            self.at += 1  # the filter of what may come next

    def _grown(self, one: Input) -> list[Input]:
        """The inputs of a growing group that are widgets: as many as were drawn."""
        template = one.options.get("template")
        sections = template.get("input") if isinstance(template, dict) else None
        kinds = [kind for kind in read_inputs(sections) if kind.widget] if isinstance(sections, dict) else []
        if len(kinds) != 1:
            return []
        names = [slot.name for slot in self.node.inputs or () if slot.name.startswith(f"{one.name}.") and slot.widget]
        return [read_input(name, kinds[0].section, [kinds[0].type, kinds[0].options]) for name in names]
