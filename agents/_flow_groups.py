"""Group nodes, as ComfyUI had them before subgraphs: rewritten as subgraphs, so that there is one way to expand both.

What a newcomer would get wrong: a group node's own inputs, outputs and values have no written relation to what is inside. It
is their order: node by node, and whatever is linked within the group is left out. The values are those of all nodes inside,
one list after the other.
Source: the frontend's `groupNode.ts` (`GroupNodeConfig`).
"""

from typing import Any

from agents._flow_form import INPUT_NODE, NODES, OUTPUT_NODE, Node, as_node, refusal
from agents._flow_info import ObjectInfo
from agents._flow_widgets import places_of

PREFIXES = ("workflow>", "workflow/")


def with_groups(workflow: dict[str, Any], info: ObjectInfo) -> dict[str, Any]:
    """The same drawing with a subgraph for each group node. As it is if it has none."""
    extra = workflow.get("extra")
    groups = extra.get("groupNodes") if isinstance(extra, dict) else None
    if not isinstance(groups, dict) or not groups:
        return workflow
    made: list[dict[str, Any]] = []
    nodes = [_instance(node, groups, info, made) for node in workflow["nodes"]]
    definitions = workflow.get("definitions")
    definitions = definitions if isinstance(definitions, dict) else {}
    listed = definitions.get("subgraphs")
    subgraphs = [*(listed if isinstance(listed, list) else []), *made]
    return {**workflow, "nodes": nodes, "definitions": {**definitions, "subgraphs": subgraphs}}


def _instance(raw: Any, groups: dict[str, Any], info: ObjectInfo, made: list[dict[str, Any]]) -> Any:
    """The node as an instance of a subgraph of its own, if it is a group node."""
    kind = raw.get("type") if isinstance(raw, dict) else None
    group = groups.get(kind[len(PREFIXES[0]) :]) if isinstance(kind, str) and kind.startswith(PREFIXES) else None
    if not isinstance(group, dict) or not isinstance(group.get("nodes"), list):
        return raw
    name = f"{kind}#{len(made)}"
    if len(made) > NODES:
        raise refusal(f"The workflow's group {kind!r} holds itself")
    slot: dict[str, Any] = {}
    made.append(slot)  # its place first, for groups inside of it are counted too
    slot |= _Group(group, as_node(raw), info).subgraph(name)
    slot["nodes"] = [_instance(node, groups, info, made) for node in slot["nodes"]]
    return {**raw, "type": name, "widgets_values": None}


class _Group:
    def __init__(self, group: dict[str, Any], instance: Node, info: ObjectInfo) -> None:
        self.instance, self.info = instance, info
        self.inner = [
            as_node({**raw, "id": at} if isinstance(raw, dict) else raw) for at, raw in enumerate(group["nodes"])
        ]
        self.links = [link[:4] for link in group.get("links") or () if isinstance(link, list) and len(link) >= 4]
        self.config = group["config"] if isinstance(group.get("config"), dict) else {}
        external = group.get("external")
        self.external = {
            (one[0].get("index"), one[1])
            for one in (external if isinstance(external, list) else [])
            if isinstance(one, list) and len(one) >= 2 and isinstance(one[0], dict)
        }
        self.drawn: list[list[Any]] = []
        self.inside = {(link[2], link[3]): link for link in self.links if link[0] is not None}
        self.converted = self._converted()

    def _converted(self) -> bool:
        """Widgets inside that were made inputs are inputs of the group. Newer files draw a socket for every widget, which
        is none: then the group has fewer inputs."""
        free = [
            one
            for at, node in enumerate(self.inner)
            for slot, one in enumerate(node.inputs or ())
            if (at, slot) not in self.inside
        ]
        return len(self.instance.inputs or ()) >= len(free)

    def subgraph(self, name: str) -> dict[str, Any]:
        self._share_values()
        inputs: list[dict[str, Any]] = []
        for at, node in enumerate(self.inner):
            for slot, one in enumerate(node.inputs or ()):
                link = self.inside.get((at, slot))
                if link is not None:
                    one.link = self._draw(str(link[0]), link[1], str(at), slot)
                elif self.converted or not one.widget:
                    one.link = self._draw(INPUT_NODE, len(inputs), str(at), slot)
                    inputs.append({"name": self._name(len(inputs), one.name), "type": one.type})
        outputs = [{"name": "", "type": kind} for kind in self._outputs()]
        nodes = [_plain(node) for node in self.inner]
        return {"id": name, "name": name, "nodes": nodes, "links": self.drawn, "inputs": inputs, "outputs": outputs}

    def _draw(self, origin: str, origin_slot: int, target: str, target_slot: int) -> int:
        self.drawn.append([len(self.drawn) + 1, origin, origin_slot, target, target_slot])
        return len(self.drawn)

    def _name(self, at: int, name: str) -> str:
        """An input's name on the outside, where it may have been changed."""
        slots = self.instance.inputs or []
        return slots[at].name if at < len(slots) else f"{name}#{at}"

    def _outputs(self) -> list[Any]:
        """The types of those that can be seen: named as external, or linked to nothing inside."""
        taken = {(link[0], link[1]) for link in self.links}
        found: list[Any] = []
        for at, node in enumerate(self.inner):
            said = self.config.get(str(at))
            said = said.get("output") if isinstance(said, dict) else None
            for slot, one in enumerate(node.outputs or ()):
                choice = said.get(str(slot)) if isinstance(said, dict) else None
                seen = choice.get("visible") if isinstance(choice, dict) else None
                if seen if isinstance(seen, bool) else ((at, slot) not in taken or (at, slot) in self.external):
                    self._draw(str(at), slot, OUTPUT_NODE, len(found))
                    found.append(one.type)
        return found

    def _share_values(self) -> None:
        """The instance's values go over those inside."""
        values = self.instance.widgets_values
        at = 0
        for node in self.inner:
            if not isinstance(values, list) or not isinstance(node.widgets_values, list):
                continue
            info = self.info.get(node.type)
            own = list(node.widgets_values)
            inputs = {one.name for one in node.inputs or () if one.widget and self.converted}
            for place in places_of(node, info, inputs) if info else range(len(own)):
                if at < len(values) and place < len(own):
                    own[place] = values[at]
                    at += 1
            node.widgets_values = own


def _plain(node: Node) -> dict[str, Any]:
    """As a file would have it."""
    slots = [{"name": one.name, "type": one.type, "link": one.link, "widget": one.widget} for one in node.inputs or ()]
    return {
        "id": node.id,
        "type": node.type,
        "mode": node.mode,
        "title": node.title,
        "inputs": slots,
        "outputs": [{"name": one.name, "type": one.type} for one in node.outputs or ()],
        "widgets_values": node.widgets_values,
        "properties": node.properties,
    }
