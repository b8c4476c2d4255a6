"""ComfyUI workflows as data: the front door to reading them, seeing their inputs, filling these in.

What a newcomer would get wrong: there are two forms. The UI's form is a drawing (nodes with places, values as bare lists,
links with numbers); the API's form is what a server runs, `{"3": {"class_type": …, "inputs": {…}}}`, where an input is a value
or `["4", 0]`: output 0 of node 4. All work is done in the API's form (`Flow`).
"""

import copy
from typing import Any

from agents._flow_convert import convert
from agents._flow_fields import described, fields_of
from agents._flow_fill import fill, is_missing
from agents._flow_form import NODES, Flow, is_drawing, refusal
from agents._flow_info import Input, NodeInfo, ObjectInfo, Output
from agents._flow_kind import kind_of, outputs_of

__all__ = ["Flow", "Input", "NodeInfo", "ObjectInfo", "Output", "about", "inspect", "to_api", "with_arguments"]


def to_api(workflow: dict[str, Any], info: ObjectInfo) -> Flow:
    """A workflow in either form, ready to run. Raises `Problem` (INVALID_REQUEST, `workflow`) that says what is wrong: no
    workflow, a class this server does not have, links in a circle."""
    if is_drawing(workflow):
        return convert(workflow, info)
    inner = workflow.get("prompt")
    nodes = (
        inner if isinstance(inner, dict) and "class_type" not in inner else workflow
    )  # the whole body of `POST /prompt`
    return _checked(nodes, info)


def inspect(workflow: dict[str, Any], info: ObjectInfo) -> list[dict[str, Any]]:
    """Its inputs, the common ones first: `name`, `type`, `default`, and what else is known of each. Raises like `to_api`."""
    flow = to_api(workflow, info)
    return [described(flow, field, is_missing(flow, field)) for field in fields_of(flow, info)]


def about(workflow: dict[str, Any], info: ObjectInfo) -> dict[str, Any]:
    """`type`: the operation it is nearest to; `outputs`: the kinds of what comes out. Raises like `to_api`."""
    flow = to_api(workflow, info)
    return {"type": kind_of(flow, info), "outputs": outputs_of(flow, info)}


def with_arguments(
    flow: Flow, args: dict[str, Any], files: dict[str, str], info: ObjectInfo, seed: int | None = None
) -> Flow:
    """The flow with these values. `files`: input name -> what the server calls the uploaded file. `seed` goes to every seed
    that no argument names; None: only those are drawn anew that the UI would draw. Raises `Problem` (INVALID_REQUEST) that
    names the argument: `arguments.steps`, or the file's own name."""
    return fill(flow, args, files, info, seed)


def _checked(nodes: dict[str, Any], info: ObjectInfo) -> Flow:
    if not nodes or len(nodes) > NODES:
        raise refusal("The workflow has no nodes" if not nodes else f"The workflow has more than {NODES} nodes")
    for name, node in nodes.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            raise refusal(f"The workflow is in neither of ComfyUI's forms: {name!r} is no node with a class_type")
        if not isinstance(node.get("inputs", {}), dict):
            raise refusal(f"Node {name} of the workflow has inputs that are no object")
        if node["class_type"] not in info:
            raise refusal(f"This ComfyUI server has no node class {node['class_type']} (node {name} of the workflow)")
    return Flow(nodes=copy.deepcopy(nodes))
