"""The two forms of a ComfyUI workflow as values: `Flow` (the API's, which a server runs) and `Graph` (the UI's drawing).

What a newcomer would get wrong: a node's place in the API's form is text, and with subgraphs it is a path (`"12:3"`: node 3
inside of the instance 12). In the drawing, links are known by number, and it is the node's own inputs that say which number
counts; the link's word on its target may be old.
Source: the frontend's `workflowSchema.ts` (versions 0.4 and 1) and `litegraph/types/serialisation.ts`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.problem import Code, Problem

MUTED, BYPASSED = 2, 4
INPUT_NODE, OUTPUT_NODE = "-10", "-20"
"""Inside of a subgraph: where its inputs come from and its outputs go to."""
NODES = 5000  # of one workflow, subgraphs expanded: the largest we have seen has 400


def refusal(sentence: str, param: str = "workflow") -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence, param=param)


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in the API's form."""

    nodes: dict[str, dict[str, Any]]
    """id -> `{"class_type": …, "inputs": {…}, "_meta": {"title": …}}`; this is the `prompt` of `POST /prompt`."""
    loose: frozenset[tuple[str, str]] = frozenset()
    """Seeds (node, input) that the UI would draw anew for each run: their control does not say `fixed`."""

    def inputs(self, node: str) -> dict[str, Any]:
        found: dict[str, Any] = self.nodes[node].get("inputs") or {}
        return found

    def class_of(self, node: str) -> str:
        return str(self.nodes[node]["class_type"])

    def title_of(self, node: str) -> str:
        meta = self.nodes[node].get("_meta")
        return str(meta.get("title") or "") if isinstance(meta, dict) else ""

    def link(self, node: str, field: str) -> tuple[str, int] | None:
        """Where an input's value comes from; None for a value that stands there."""
        return as_link(self.inputs(node).get(field), self.nodes)

    def feeds(self, node: str) -> list[tuple[str, str]]:
        """The (node, input) pairs that take an output of this node."""
        return [
            (other, field)
            for other in self.nodes
            for field, value in self.inputs(other).items()
            if (link := as_link(value, self.nodes)) and link[0] == node
        ]


def as_link(value: Any, nodes: Mapping[str, Any]) -> tuple[str, int] | None:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int:
        return (value[0], value[1]) if value[0] in nodes else None
    return None


Id = int | str


class Slot(msgspec.Struct, kw_only=True):
    """An input or an output of a drawn node."""

    name: str = ""
    type: Any = "*"
    """Text; in old files the list of what may be chosen."""
    link: Id | None = None
    links: list[Any] | None = None
    """Of an output."""
    widget: Any = None
    """Set: the input is (or was) a widget, whose value stands in the node while no link comes in."""

    @property
    def kind(self) -> str:
        return "COMBO" if isinstance(self.type, list) else str(self.type)


class Node(msgspec.Struct, kw_only=True):
    id: Id
    type: str
    mode: int = 0
    title: str | None = None
    inputs: list[Slot] | None = None
    outputs: list[Slot] | None = None
    widgets_values: list[Any] | dict[str, Any] | None = None
    properties: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        return str(self.id)


class Link(msgspec.Struct, frozen=True):
    """Where a value comes from and where it goes."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int


class Port(msgspec.Struct, kw_only=True):
    """An input or an output of a subgraph."""

    name: str = ""
    type: Any = "*"


class Graph(msgspec.Struct, kw_only=True):
    """A drawing: the workflow itself or a subgraph."""

    id: str = ""
    name: str = ""
    nodes: dict[str, Node]
    links: dict[str, Link]
    inputs: list[Port] = []
    outputs: list[Port] = []

    def source(self, slot: Slot | None) -> Link | None:
        return self.links.get(str(slot.link)) if slot is not None and slot.link is not None else None

    def into_output(self, slot: int) -> Link | None:
        """The link inside of a subgraph that ends in its output `slot`."""
        return next((one for one in self.links.values() if one.target == OUTPUT_NODE and one.target_slot == slot), None)


class _Drawing(msgspec.Struct, kw_only=True):
    nodes: list[Node]
    links: list[Any] | dict[str, Any] | None = None
    id: Any = ""
    name: Any = ""
    inputs: list[Port] | None = None
    outputs: list[Port] | None = None


def is_drawing(workflow: Mapping[str, Any]) -> bool:
    """In the UI's form."""
    return isinstance(workflow.get("nodes"), list)


def as_node(raw: Any) -> Node:
    """Raises `Problem` for what is no node."""
    try:
        return msgspec.convert(raw, Node, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(f"The workflow is not one that ComfyUI saved: {error}") from error


def read_graph(raw: Any) -> Graph:
    """Raises `Problem` for what is no drawing."""
    try:
        drawn = msgspec.convert(raw, _Drawing, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(f"The workflow is not one that ComfyUI saved: {error}") from error
    listed = drawn.links.values() if isinstance(drawn.links, dict) else drawn.links or []
    found = [link for one in listed if (link := _link(one))]
    return Graph(
        id=str(drawn.id),
        name=str(drawn.name),
        nodes={node.key: node for node in drawn.nodes},
        links=dict(found),
        inputs=drawn.inputs or [],
        outputs=drawn.outputs or [],
    )


def _link(raw: Any) -> tuple[str, Link] | None:
    """`[id, origin, slot, target, slot, type]`, or the same as an object."""
    if isinstance(raw, dict):
        raw = [raw.get(key) for key in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
    if not isinstance(raw, list) or len(raw) < 5:
        return None  # LiteGraph leaves nulls behind where links were
    name, origin, origin_slot, target, target_slot = raw[:5]
    try:
        return str(name), Link(str(origin), int(origin_slot), str(target), int(target_slot))
    except (TypeError, ValueError):
        return None
