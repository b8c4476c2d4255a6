"""How the ComfyUI double judges a prompt: as `execution.py` (`validate_prompt`) does, fault by fault.

An output whose branch is not valid is left out, and the rest runs: that is ComfyUI's way, and the trap.
"""

import hashlib
import json
from typing import Any

from fake_comfy_nodes import CLASSES, LOADERS

Node = dict[str, Any]


def validate(nodes: Node, info: Node) -> tuple[Node | None, list[str], Node]:
    """Why it is refused (None: it is taken), the outputs that will run, and `node_errors`."""
    for name, node in nodes.items():
        if node.get("class_type") not in info:
            message = f"Cannot execute because node {node.get('class_type')} does not exist."
            return _error("invalid_prompt", message, f"Node ID '#{name}'"), [], {}
    last = [name for name in nodes if ends(nodes[name])]
    if not last:
        return _error("prompt_no_outputs", "Prompt has no outputs", ""), [], {}
    found: dict[str, list[Node]] = {}
    good = [end for end in last if _valid(nodes, end, found, info)]
    errors = {
        name: {"errors": faults, "dependent_outputs": [], "class_type": nodes[name]["class_type"]}
        for name, faults in found.items()
        if faults
    }
    if good:
        return None, good, errors
    return _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", ""), [], errors


def _valid(nodes: Node, name: str, found: dict[str, list[Node]], info: Node) -> bool:
    node = nodes[name]
    faults, fine = found.setdefault(name, []), True
    told = info[node["class_type"]]["input"]
    for section in ("required", "optional"):
        for field, spec in told.get(section, {}).items():
            if field not in node["inputs"]:
                if section == "required":
                    faults.append(_fault("required_input_missing", "Required input is missing", field, field))
                continue
            value = node["inputs"][field]
            if isinstance(value, list) and len(value) == 2:
                fine = _linked(nodes, field, spec, value, (found, faults, info)) and fine
            else:
                _check(node["class_type"], field, spec, value, faults)
    return fine and not faults


def _linked(
    nodes: Node, field: str, spec: Any, value: Any, so_far: tuple[dict[str, list[Node]], list[Node], Node]
) -> bool:
    found, faults, info = so_far
    source, slot = value
    if source not in nodes:
        faults.append(_fault("exception_during_inner_validation", "Exception when validating inner node", field, field))
        return False
    made = info[nodes[source]["class_type"]]["output"][slot]
    wanted = "COMBO" if isinstance(spec[0], list) else spec[0]
    if wanted not in ("*", made):
        details = f"{field}, received_type({made}) mismatch input_type({wanted})"
        faults.append(_fault("return_type_mismatch", "Return type mismatch between linked nodes", details, field))
        return False
    return _valid(nodes, source, found, info) if source not in found else not found[source]


def ends(node: Node) -> bool:
    return CLASSES.get(node["class_type"], ({}, {}, [], False))[3]


def item(one: Node) -> list[Any]:
    return [one["number"], one["id"], one["nodes"], one["extra"], one["good"]]


def _error(kind: str, message: str, details: str) -> Node:
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _fault(kind: str, message: str, details: str, field: str, value: Any = None) -> Node:
    return {
        "type": kind,
        "message": message,
        "details": details,
        "extra_info": {"input_name": field, "received_value": value},
    }


def _check(class_type: str, field: str, spec: list[Any], value: Any, faults: list[Node]) -> None:
    kind, options = spec[0], spec[1] if len(spec) > 1 else {}
    choices = kind if isinstance(kind, list) else options.get("options") if kind == "COMBO" else None
    if kind in ("INT", "FLOAT"):
        try:
            value = int(value) if kind == "INT" else float(value)
        except (TypeError, ValueError) as error:
            message = f"Failed to convert an input value to a {kind} value"
            faults.append(_fault("invalid_input_type", message, f"{field}, {value}, {error}", field, value))
            return
        if value < options.get("min", value):
            message = f"Value {value} smaller than min of {options['min']}"
            faults.append(_fault("value_smaller_than_min", message, field, field, value))
        if value > options.get("max", value):
            message = f"Value {value} bigger than max of {options['max']}"
            faults.append(_fault("value_bigger_than_max", message, field, field, value))
    elif choices is not None and value not in choices and class_type not in LOADERS:
        faults.append(
            _fault("value_not_in_list", "Value not in list", f"{field}: '{value}' not in {choices}", field, value)
        )


def order(nodes: Node, ends: list[str]) -> list[str]:
    found: list[str] = []

    def visit(name: str) -> None:
        if name not in found:
            for value in nodes[name]["inputs"].values():
                if isinstance(value, list) and len(value) == 2 and value[0] in nodes:
                    visit(value[0])
            found.append(name)

    for end in ends:
        visit(end)
    return found


def mark(nodes: Node, name: str) -> str:
    """What a node's result hangs on: equal marks need no second run."""
    inputs = nodes[name]["inputs"]
    below = {f: mark(nodes, v[0]) for f, v in inputs.items() if isinstance(v, list) and len(v) == 2 and v[0] in nodes}
    said = json.dumps([nodes[name]["class_type"], {**inputs, **below}], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
