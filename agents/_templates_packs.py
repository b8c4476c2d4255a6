"""Operations that ComfyUI can do only with node packs: a picture or speech to text (Florence-2, Whisper), text to speech.

What a newcomer would get wrong: packs differ in their names for the same thing, and change them. So a node is known by what it
takes and gives (AUDIO in, STRING out), and its inputs by their types; what is not asked for keeps the server's own default.
"""

import re
from typing import Any

from agents._families import stem
from agents._flow_fields import Field
from agents._flow_fill import SEEDS, check
from agents._flow_form import Flow
from agents._flow_info import COMBO, Input, NodeInfo, ObjectInfo
from agents._flow_widgets import blank
from schemas.media import Media
from schemas.operations import IMAGE_TO_TEXT, SPEECH_TO_TEXT, TEXT_TO_SPEECH
from schemas.provider import Model

_FLORENCE, _FLORENCE_LOADERS = "Florence2Run", ("DownloadAndLoadFlorence2Model", "Florence2ModelLoader")
_SHOWERS = (("ShowText|pysssss", "text"), ("PreviewAny", "source"))
"""Nodes whose history holds a text."""
_CHOICES = ("model", "voice", "speaker", "model_name", "size", "model_size")
_TEXTS = ("text", "input", "prompt")
_WORDS = {"speed": ("speed", "length_scale"), "language": ("language", "lang"), "prompt": ("prompt", "initial_prompt")}
"""Fields of a request that such nodes may have."""


def pack_models(info: ObjectInfo) -> list[Model]:
    """Those of the packs that are installed. None without a node that shows a text."""
    found: list[Model] = []
    show = _shower(info)
    loader = _florence(info)
    if show and loader and info.has("LoadImage"):
        found += _models(loader, _choice(loader), IMAGE_TO_TEXT.name)
    if show and info.has("LoadAudio"):
        for node in _hearers(info):
            found += _models(node, _choice(node), SPEECH_TO_TEXT.name)
    if info.has("SaveAudio"):
        for node in _speakers(info):
            found += _models(node, _choice(node), TEXT_TO_SPEECH.name)
    unique: dict[tuple[str, str], Model] = {}
    for model in found:
        unique.setdefault((model.op, model.name), model)
    return list(unique.values())


def pack_flow(op: str, request: Media, native: str, info: ObjectInfo, uploads: dict[str, str]) -> Flow | None:
    """None: an operation that needs no pack, or a server without it."""
    if op == IMAGE_TO_TEXT.name and (loader := _florence(info)):
        return Flow(nodes=_seen(loader, request, native, info, uploads.get("image", "")))
    if op == SPEECH_TO_TEXT.name and (node := _holder(_hearers(info), native)):
        return Flow(nodes=_heard(node, request, native, info, uploads.get("audio", "")))
    if op == TEXT_TO_SPEECH.name and (node := _holder(_speakers(info), native)):
        return Flow(nodes=_spoken(node, request, native))
    return None


# ---- which nodes -----------------------------------------------------------------------------------------------------


def _hearers(info: ObjectInfo) -> list[NodeInfo]:
    """Speech in, text out."""
    return [
        node
        for node in _like(info, "whisper")
        if any(one.type == "AUDIO" for one in node.inputs) and any(one.type == "STRING" for one in node.outputs)
    ]


def _speakers(info: ObjectInfo) -> list[NodeInfo]:
    """Text in, speech out, and nothing else that must come over a link."""
    return [
        node
        for node in _like(info, "piper|tts|texttospeech")
        if any(one.type == "AUDIO" for one in node.outputs)
        and _text(node)
        and _choice(node)
        and not any(one.required and not one.widget for one in node.inputs)
    ]


def _like(info: ObjectInfo, pattern: str) -> list[NodeInfo]:
    """Nodes of packs, by their name: those of paid APIs are the server owner's own affair."""
    names = [name for name in info if re.search(pattern, re.sub(r"[\s_-]", "", name).lower())]
    nodes = [node for name in names if (node := info.get(name))]
    return [node for node in nodes if not node.category.startswith("api node") and "api_nodes" not in node.module]


def _florence(info: ObjectInfo) -> NodeInfo | None:
    if _FLORENCE not in info or _shower(info) is None:
        return None
    return next((node for name in _FLORENCE_LOADERS if (node := info.get(name)) and _choice(node)), None)


def _shower(info: ObjectInfo) -> tuple[str, str] | None:
    return next((one for one in _SHOWERS if one[0] in info), None)


def _choice(node: NodeInfo) -> Input | None:
    """The input that says which model or voice."""
    choices = [one for one in node.inputs if one.type == COMBO and one.choices]
    return next((one for name in _CHOICES for one in choices if one.name.lower() == name), None)


def _text(node: NodeInfo) -> Input | None:
    texts = [one for one in node.inputs if one.type == "STRING" and one.widget]
    return next((one for name in _TEXTS for one in texts if one.name.lower() == name), None)


def _models(node: NodeInfo, choice: Input | None, op: str) -> list[Model]:
    return [Model(name=stem(str(one)), native=str(one), op=op) for one in (choice.choices or ())] if choice else []


def _holder(nodes: list[NodeInfo], native: str) -> NodeInfo | None:
    """The node that has this model; the first, if none says so."""
    fit = [node for node in nodes if (one := _choice(node)) and native in (one.choices or ())]
    return next(iter([*fit, *nodes]), None)


# ---- flows -----------------------------------------------------------------------------------------------------------


def _seen(loader: NodeInfo, request: Media, native: str, info: ObjectInfo, image: str) -> dict[str, dict[str, Any]]:
    run = info.get(_FLORENCE)
    assert run is not None
    inputs = _inputs(run, request)
    model = next((one.name for one in run.inputs if not one.widget and one.name != "image"), "florence2_model")
    asked = str(getattr(request, "prompt", None) or "")
    task = {
        "task": "docvqa" if asked else "more_detailed_caption",
        "text_input": asked,
    }  # a question, else a description
    limit = getattr(request, "max_tokens", None)
    inputs |= task | ({"max_new_tokens": limit} if limit and "max_new_tokens" in inputs else {})
    nodes = {
        "1": {"class_type": "LoadImage", "inputs": {"image": image}},
        "2": {"class_type": loader.name, "inputs": _inputs(loader, request) | _picked(loader, native)},
        "3": {"class_type": run.name, "inputs": {**inputs, "image": ["1", 0], model: ["2", 0]}},
    }
    return nodes | _shown(info, "3", run, "caption")


def _heard(node: NodeInfo, request: Media, native: str, info: ObjectInfo, audio: str) -> dict[str, dict[str, Any]]:
    sound = next(one.name for one in node.inputs if one.type == "AUDIO")
    nodes = {
        "1": {"class_type": "LoadAudio", "inputs": {"audio": audio}},
        "3": {"class_type": node.name, "inputs": {**_inputs(node, request), **_picked(node, native), sound: ["1", 0]}},
    }
    return nodes | _shown(info, "3", node, "text")


def _spoken(node: NodeInfo, request: Media, native: str) -> dict[str, dict[str, Any]]:
    text = _text(node)
    assert text is not None
    inputs = _inputs(node, request) | _picked(node, native) | {text.name: getattr(request, "input", "")}
    voice = getattr(request, "voice", None)
    choice = _choice(node)
    if voice and choice is not None:
        inputs[choice.name] = check(Field(node="3", spec=choice, name="voice", names=()), voice, "voice")
    sound = next(at for at, one in enumerate(node.outputs) if one.type == "AUDIO")
    return {
        "3": {"class_type": node.name, "inputs": inputs},
        "4": {"class_type": "SaveAudio", "inputs": {"filename_prefix": "speech", "audio": ["3", sound]}},
    }


def _inputs(node: NodeInfo, request: Media) -> dict[str, Any]:
    """The widgets' defaults, and over them what the request says."""
    found = {one.name: blank(one) for one in node.widgets}
    for field, names in _WORDS.items():
        said = getattr(request, field, None)
        for one in node.widgets:
            if said is not None and one.name in names:
                found[one.name] = check(Field(node="3", spec=one, name=field, names=()), said, field)
    if "seed" in found:
        found["seed"] = (getattr(request, "seed", None) or 1) % SEEDS
    return found


def _picked(node: NodeInfo, native: str) -> dict[str, Any]:
    choice = _choice(node)
    return {choice.name: native} if choice is not None and native in (choice.choices or ()) else {}


def _shown(info: ObjectInfo, source: str, node: NodeInfo, name: str) -> dict[str, dict[str, Any]]:
    """Every text the node gives, each in a node that shows it; the plain text first."""
    show = _shower(info)
    assert show is not None
    texts = [(at, one) for at, one in enumerate(node.outputs) if one.type == "STRING"]
    texts.sort(key=lambda one: one[1].name.lower() != name)
    return {
        str(4 + count): {"class_type": show[0], "inputs": {show[1]: [source, at]}, "_meta": {"title": one.name}}
        for count, (at, one) in enumerate(texts)
    }
