"""ComfyUI's refusals and failures in words of ours: which node, which input, what to do. Pure.

What a newcomer would get wrong: whose fault it is. A value out of range is the caller's; a class or a model file that this
ComfyUI does not have may be there on another; memory that ran out is the machine's. The code says so, and with it whether
the job is tried elsewhere. Traces and paths of the machine are never told.
"""

import re
from typing import Any

from agents._comfy_story import Fault
from agents._flow import Flow
from agents._problems import clip
from agents.agent import Tools
from schemas.problem import Code, Problem

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.+@~-]+)+[\\/](?=[\w.+@~-])")
_FILE = re.compile(r"\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx|vae)$", re.IGNORECASE)
_MACHINE = re.compile(
    r"out of memory|outofmemory|oom\b|allocation on device|cuda error|cudnn|cublas|hip error|acceleratorerror|device-side"
    r"|no space left|cannot allocate memory|memoryerror|nvml",
    re.IGNORECASE,
)
_MEMORY = re.compile(r"memory|oom\b|allocation on device", re.IGNORECASE)
_TIPS = "This error means you ran out of memory on your GPU"
MOST = 5
"""Errors told of one prompt."""


def refused(body: dict[str, Any], flow: Flow, tools: Tools) -> Problem:
    """The problem for a prompt that ComfyUI did not take (400)."""
    error = body.get("error")
    error = error if isinstance(error, dict) else {"message": str(error or "")}
    if errors := node_errors(body.get("node_errors"), flow, tools):
        return errors
    said = _clean(f"{error.get('message') or 'it says no more'} {error.get('details') or ''}".strip())
    match error.get("type"):
        case "invalid_prompt" | "missing_node_type" if "does not exist" in said or "not found" in said:
            sentence = f"can't run the workflow: {said}. Install the custom nodes it needs there"
            return _problem(tools, Code.PROVIDER_REFUSED, sentence, status=404)
        case "prompt_no_outputs":
            sentence = "can't run the workflow: it has no output node, such as SaveImage"
            return _problem(tools, Code.INVALID_REQUEST, sentence)
    return _problem(tools, Code.INVALID_REQUEST, f"refused the workflow: {said}")


def node_errors(told: Any, flow: Flow, tools: Tools) -> Problem | None:
    """The problem for `node_errors`, which also come with a prompt that runs in part. None: there are none."""
    if not isinstance(told, dict) or not told:
        return None
    found = [
        (str(node), error)
        for node, errors in told.items()
        if isinstance(errors, dict)
        for error in errors.get("errors") or ()
        if isinstance(error, dict)
    ]
    if not found:
        return _problem(tools, Code.INVALID_REQUEST, "refused a part of the workflow")
    sentence = "; ".join(f"{named(flow, node)}: {_reason(error)}" for node, error in found[:MOST])
    missing = all(_lacks_file(error) for _, error in found)
    if missing:
        return _problem(
            tools, Code.PROVIDER_REFUSED, f"does not have what the workflow asks for: {sentence}", status=404
        )
    return _problem(tools, Code.INVALID_REQUEST, f"refused the workflow: {sentence}", _input(found[0][1]) or "workflow")


def failed(fault: Fault, flow: Flow, tools: Tools, uploads: dict[str, str]) -> Problem:
    """The problem for a prompt that ended badly. `uploads`: field of the request -> its file's name at ComfyUI."""
    if not fault.kind:
        return _problem(tools, Code.PROVIDER_ERROR, "was told by somebody else to interrupt the workflow")
    where = named(flow, fault.node, fault.class_type)
    said = _clean(fault.message.partition(_TIPS)[0]) or fault.kind
    if _MACHINE.search(f"{fault.kind} {fault.message}"):
        what = (
            "ran out of memory" if _MEMORY.search(f"{fault.kind} {fault.message}") else "has trouble with its machine"
        )
        return _problem(tools, Code.PROVIDER_ERROR, f"{what} in {where}: {said}")
    for field, name in uploads.items():
        if fault.node in flow.nodes and name in flow.inputs(fault.node).values():
            sentence = f"could not read the file `{field}`: {said.replace(name, field)}"
            return _problem(tools, Code.INVALID_REQUEST, sentence, field.partition(".")[0])
    return _problem(tools, Code.PROVIDER_REFUSED, f"could not finish the workflow: {where} failed: {said}", status=422)


def named(flow: Flow, node: str, class_type: str = "") -> str:
    """A node as a person knows it."""
    if node not in flow.nodes:
        return f"node {node} ({class_type})" if class_type else f"node {node}"
    title, kind = flow.title_of(node), flow.class_of(node)
    return f"node {node} ({kind})" if title in ("", kind) else f"node {node} ({title!r}, {kind})"


def _reason(error: dict[str, Any]) -> str:
    """`Value 0 smaller than min of 1: width`, with the input's name first."""
    details = str(error.get("details") or "")
    field, message = _input(error), str(error.get("message") or "is not valid")
    match error.get("type"):
        case "required_input_missing":
            return f"its input {field or details!r} is missing"
        case "value_not_in_list":
            return _clean(f"{field}: {details.partition(': ')[2] or details}")
        case "return_type_mismatch":
            return _clean(f"{field}: a link of the wrong type ({details.partition(', ')[2] or details})")
        case "custom_validation_failed":
            return _clean(details)
    return _clean(f"{field}: {message}" if field else f"{message} {details}".strip())


def _input(error: dict[str, Any]) -> str:
    extra = error.get("extra_info")
    name = extra.get("input_name") if isinstance(extra, dict) else None
    return str(name) if name else ""


def _lacks_file(error: dict[str, Any]) -> bool:
    """A model's file is asked for that this ComfyUI does not have: another may."""
    extra = error.get("extra_info")
    value = extra.get("received_value") if isinstance(extra, dict) else None
    return error.get("type") == "value_not_in_list" and isinstance(value, str) and _FILE.search(value) is not None


def _clean(text: str) -> str:
    return " ".join(_PATH.sub("", text).split())


def _problem(tools: Tools, code: Code, sentence: str, param: str | None = None, status: int | None = None) -> Problem:
    name = tools.provider.name
    text = clip(tools.scrub(f"{name} {sentence}"))
    param = "workflow" if code is Code.INVALID_REQUEST and param is None else param
    return Problem(code, text, param=param, provider=name, provider_status=status)
