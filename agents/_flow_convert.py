"""From the drawing to the API's form: what the UI's own `graphToPrompt` does, without a browser.

What a newcomer would get wrong: a link is followed to where its value is really made. On the way it may pass nodes that only
the UI knows (Reroute, PrimitiveNode), nodes that are bypassed (the value goes through by its type), and the walls of
subgraphs, in both directions. A muted node is no such way: who takes a value from it loses that input.
Source: the frontend's `executionUtil.ts`, `ExecutableNodeDTO.ts`, `SubgraphNode.ts`, `widgetInputs.ts`.
"""

from typing import Any

import msgspec

from agents._flow_form import BYPASSED, INPUT_NODE, MUTED, NODES, Flow, Graph, Node, Slot, read_graph, refusal
from agents._flow_groups import with_groups
from agents._flow_info import NodeInfo, ObjectInfo
from agents._flow_text import replaced
from agents._flow_widgets import Values, read_values

NOTES = ("Note", "MarkdownNote")
REROUTES = ("Reroute", "Reroute (rgthree)", "SetNode")
PRIMITIVE, GET, SET = "PrimitiveNode", "GetNode", "SetNode"
VIRTUAL = (*NOTES, *REROUTES, PRIMITIVE, GET)
"""Known to the UI alone: no server runs them."""
DEPTH = 50  # of subgraphs, one in another


class Place(msgspec.Struct, kw_only=True, eq=False):
    """A drawn node where it runs: one inside of a subgraph has a place for each instance of that."""

    id: str
    node: Node
    graph: Graph
    parent: "Place | None" = None
    sub: Graph | None = None
    """What it stands for, if it is an instance of a subgraph."""
    info: NodeInfo | None = None
    values: Values = msgspec.field(default_factory=Values)


class Made(msgspec.Struct, frozen=True):
    """Where a value comes from: an output of a node that runs, or (`node` empty) the value itself."""

    node: str
    slot: int = 0
    value: Any = None


GONE = Made("?")  # made by a muted node: the input goes too


def convert(workflow: dict[str, Any], info: ObjectInfo) -> Flow:
    """Raises `Problem` for what is no drawing, and for classes that the server does not have."""
    return _Converter(with_groups(workflow, info), info).flow()


class _Converter:
    def __init__(self, workflow: dict[str, Any], info: ObjectInfo) -> None:
        self.info = info
        self.subs = {graph.id: graph for graph in map(read_graph, _subgraphs(workflow))}
        self.places: dict[str, Place] = {}
        self.given: dict[tuple[str, str], Any] = {}
        """Values that an instance of a subgraph holds for (a place, a widget) inside of it."""
        self._expand(read_graph(workflow), None, 0)

    def flow(self) -> Flow:
        nodes: dict[str, dict[str, Any]] = {}
        loose: set[tuple[str, str]] = set()
        for place in self.places.values():
            if place.info is not None and place.node.mode not in (MUTED, BYPASSED):
                nodes[place.id] = {
                    "inputs": self._inputs(place),
                    "class_type": place.node.type,
                    "_meta": {"title": place.node.title or place.info.title},
                }
                loose |= {(place.id, name) for name in place.values.loose}
        if not nodes:
            raise refusal("The workflow has no nodes that run")
        taken = {(node, name) for node, name in loose if isinstance(nodes[node]["inputs"].get(name), list)}
        return Flow(nodes=nodes, loose=frozenset(loose - taken))

    # ---- which nodes there are ----

    def _expand(self, graph: Graph, parent: Place | None, depth: int) -> None:
        if depth > DEPTH:
            raise refusal(f"The workflow's subgraph {graph.name!r} holds itself")
        for node in graph.nodes.values():
            if len(self.places) >= NODES:
                raise refusal(f"The workflow has more than {NODES} nodes")
            name = f"{parent.id}:{node.key}" if parent else node.key
            place = Place(id=name, node=node, graph=graph, parent=parent, sub=self.subs.get(node.type))
            self.places[name] = place
            if place.sub is not None:
                self._give(place, place.sub)
                if node.mode not in (MUTED, BYPASSED):
                    self._expand(place.sub, place, depth + 1)
            elif node.type not in VIRTUAL and node.mode not in (MUTED, BYPASSED):
                place.info = self._class(place)
                if place.info is not None:
                    place.values = read_values(node, place.info)

    def _class(self, place: Place) -> NodeInfo | None:
        """None for an unknown class that is only for show. Raises `Problem` for any other."""
        node = place.node
        found = self.info.get(node.type)
        if found is not None:
            return found
        if all(slot.link is None for slot in node.inputs or ()) and not any(slot.links for slot in node.outputs or ()):
            return None
        about = node.properties or {}
        pack = str(about.get("cnr_id") or about.get("aux_id") or "")
        missing = f": install its node pack {pack}" if pack and pack != "comfy-core" else ""
        raise refusal(f"This ComfyUI server has no node class {node.type} (node {place.id} of the workflow){missing}")

    def _give(self, place: Place, sub: Graph) -> None:
        """Remember the values that an instance holds for what is inside of it."""
        values = place.node.widgets_values
        shown = (place.node.properties or {}).get("proxyWidgets")
        if isinstance(values, dict):
            self.given |= {(place.id, name): value for name, value in values.items()}
        elif values and isinstance(shown, list) and len(shown) == len(values):
            for one, value in zip(shown, values, strict=True):
                if isinstance(one, list) and len(one) >= 2 and value is not None:
                    inside = place.id if str(one[0]) == "-1" else f"{place.id}:{one[0]}"
                    self.given.setdefault((inside, str(one[1])), value)
        elif values:
            names = [port.name for at, port in enumerate(sub.inputs) if self._has_widget(sub, at, DEPTH)]
            for name, value in zip(names, values, strict=False):
                if value is not None:
                    self.given.setdefault((place.id, name), value)

    def _has_widget(self, sub: Graph, port: int, depth: int) -> bool:
        """The first that takes this input of a subgraph has a widget for it."""
        for link in sub.links.values():
            target = sub.nodes.get(link.target)
            if link.origin != INPUT_NODE or link.origin_slot != port or target is None:
                continue
            slot = _slot(target, link.target_slot)
            if slot is not None and slot.widget:
                return True
            inner = self.subs.get(target.type)
            if slot is not None and inner is not None and depth > 0:
                at = _port(inner, slot.name)
                return at is not None and self._has_widget(inner, at, depth - 1)
        return False

    # ---- what goes into a node ----

    def _inputs(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in place.values.by_name.items():
            value = self.given.get((place.id, name), value)
            if name == "filename_prefix" and isinstance(value, str):
                value = replaced(value, ((one.node, one.values.by_name) for one in self.places.values()))
            found[name] = _boxed(value)
        for slot in place.node.inputs or ():
            made = self._into(place, slot, slot.kind, set())
            if made is GONE:
                found.pop(slot.name, None)
            elif made is not None:
                found[slot.name] = [made.node, made.slot] if made.node else _boxed(made.value)
        return found

    def _into(self, place: Place, slot: Slot, kind: str, seen: set[tuple[str, str]]) -> Made | None:
        """Where an input's value comes from; None: nothing comes in."""
        link = place.graph.source(slot)
        if link is None:
            return None
        if (place.id, slot.name) in seen or len(seen) > NODES:
            raise refusal(f"The links of the workflow run in a circle at node {place.id}")
        seen.add((place.id, slot.name))
        if link.origin == INPUT_NODE and place.parent is not None:
            return self._through_wall(place.parent, place.graph, link.origin_slot, kind, seen)
        origin = self._beside(place, link.origin)
        return self._out_of(origin, link.origin_slot, kind, seen) if origin else None

    def _through_wall(
        self, instance: Place, sub: Graph, port: int, kind: str, seen: set[tuple[str, str]]
    ) -> Made | None:
        """What comes into an instance of a subgraph there: over a link, or as a value it holds."""
        if not 0 <= port < len(sub.inputs):
            return None
        name = sub.inputs[port].name
        slots = instance.node.inputs or []
        slot = next((one for one in slots if one.name == name), None)
        if slot is None and len(slots) == len(sub.inputs):
            slot = slots[port]  # renamed since
        made = self._into(instance, slot, kind, seen) if slot is not None else None
        if made is None and (instance.id, name) in self.given:
            return Made("", value=self.given[instance.id, name])
        return made

    def _out_of(self, place: Place, slot: int, kind: str, seen: set[tuple[str, str]]) -> Made | None:
        """Where an output's value is made."""
        node = place.node
        if node.mode == MUTED:
            return GONE
        if node.mode == BYPASSED:
            way = _way_through(node, slot, kind)
            return self._into(place, way, kind, seen) if way else None
        if place.sub is not None:
            return self._out_of_sub(place, place.sub, slot, kind, seen)
        if node.type == PRIMITIVE:
            values = node.widgets_values
            return Made("", value=values[0]) if isinstance(values, list) and values else None
        if node.type == GET:
            setter = self._setter(place)
            return self._out_of(setter, 0, kind, seen) if setter else None
        if node.type in REROUTES:
            return self._into(place, node.inputs[0], kind, seen) if node.inputs else None
        return Made(place.id, slot) if place.info is not None else None

    def _out_of_sub(self, place: Place, sub: Graph, slot: int, kind: str, seen: set[tuple[str, str]]) -> Made | None:
        link = sub.into_output(slot)
        if link is None:
            return None
        if link.origin == INPUT_NODE:
            return self._through_wall(place, sub, link.origin_slot, kind, seen)
        inner = self.places.get(f"{place.id}:{link.origin}")
        return self._out_of(inner, link.origin_slot, kind, seen) if inner else None

    def _beside(self, place: Place, node: str) -> Place | None:
        """Another node of the same drawing."""
        return self.places.get(f"{place.parent.id}:{node}" if place.parent else node)

    def _setter(self, getter: Place) -> Place | None:
        """The node that keeps what this one fetches: they share a name (the pack KJNodes)."""
        for node in getter.graph.nodes.values():
            if node.type == SET and node.widgets_values and node.widgets_values == getter.node.widgets_values:
                return self._beside(getter, node.key)
        return None


def _subgraphs(workflow: dict[str, Any]) -> list[Any]:
    definitions = workflow.get("definitions")
    found = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    return found if isinstance(found, list) else []


def _slot(node: Node, at: int) -> Slot | None:
    return node.inputs[at] if node.inputs and 0 <= at < len(node.inputs) else None


def _port(graph: Graph, name: str) -> int | None:
    return next((at for at, port in enumerate(graph.inputs) if port.name == name), None)


def _boxed(value: Any) -> Any:
    """A list stands for a link, so one that is a value travels in a box, which the server opens."""
    return {"__value__": value} if isinstance(value, list) else value


def _way_through(node: Node, slot: int, kind: str) -> Slot | None:
    """The input whose value a bypassed node passes on: the one across, else the first of that type."""
    inputs, outputs = node.inputs or [], node.outputs or []
    if not inputs or not 0 <= slot < len(outputs):
        return None
    if kind in ("*", ""):
        return inputs[slot] if slot < len(inputs) else inputs[0]
    made = outputs[slot].kind

    def fits(one: Slot) -> bool:
        return _fit(one.kind, made) and _fit(one.kind, kind)

    if slot < len(inputs) and fits(inputs[slot]):
        return inputs[slot]
    exact = next((one for one in inputs if one.kind == kind), None)
    return exact or next(filter(fits, inputs), None)


def _fit(one: str, other: str) -> bool:
    """LiteGraph's rule: the same, anything, or lists that share a type."""
    if one in ("", "*", "0") or other in ("", "*", "0"):
        return True
    return bool({part.strip() for part in one.lower().split(",")} & {part.strip() for part in other.lower().split(",")})
