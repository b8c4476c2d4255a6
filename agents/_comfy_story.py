"""What ComfyUI's events say of one prompt: how far it is, what it does, how it ended. Pure: events in, a picture out.

What a newcomer would get wrong: an `execution_error` need not be the end (a blocked node tells one and the rest goes on), a
success is told before the history has it, and nodes that a node has brought along are known only by the node they stand for.
Source: ComfyUI `execution.py`, `comfy_execution/progress.py`, `main.py` (`hijack_progress`).
"""

import struct
from collections.abc import Iterable
from typing import Any

import msgspec

from agents._flow import Flow, ObjectInfo
from schemas.events import Progress

_WEIGHTS = (("sampler", 20.0), ("upscale", 8.0), ("video", 6.0), ("vae", 3.0), ("loader", 3.0), ("encode", 2.0))
"""How long a node takes beside a plain one (1), by words in its class: a guess, and enough for a bar that moves evenly."""
_PREVIEW, _TEXT, _PREVIEW_TOLD = 1, 3, 4
_FORMATS = {1: "image/jpeg", 2: "image/png"}
_FEW = 0.02  # of the work done: before that a guess at what is left says nothing
_CLIP = 200


class Fault(msgspec.Struct, frozen=True):
    """Why a prompt ended badly, as ComfyUI says it. `kind` empty: somebody interrupted it."""

    node: str = ""
    class_type: str = ""
    kind: str = ""
    """Name of the exception's class."""
    message: str = ""


class Past(msgspec.Struct, frozen=True):
    """What the history has of a prompt. No `fault`: it ended well."""

    outputs: dict[str, Any]
    """By node."""
    seconds: float = 0.0
    """It ran, by ComfyUI's own clock."""
    fault: Fault | None = None


class Frame(msgspec.Struct, frozen=True):
    """A binary message: a preview (`data`, `content_type`) or a word on progress (`text`)."""

    data: bytes = b""
    content_type: str = ""
    text: str = ""
    prompt: str = ""
    """Empty: that of the prompt that runs."""


class Story:
    """One prompt's. `began` and `ended` are of the clock that the caller uses."""

    def __init__(self, titles: dict[str, str], weights: dict[str, float]) -> None:
        self.titles, self.weights = titles, weights
        self.began = self.ended = 0.0
        self.success = False
        self.over = False
        """ComfyUI has put it away: the history knows it."""
        self.fault: Fault | None = None
        self.blocked = ""
        """Why a node would not run, though that did not end the prompt."""
        self.outputs: dict[str, Any] = {}
        self.preview: tuple[str, bytes] | None = None
        self._done: set[str] = set()
        self._parts: dict[str, float] = {}
        self._now = self._steps = self._note = ""
        self._share = 0.0
        self._before: int | None = None

    @classmethod
    def of(cls, flow: Flow, info: ObjectInfo) -> "Story":
        used = _used(flow, info)
        titles = {node: flow.title_of(node) or flow.class_of(node) for node in flow.nodes}
        return cls(titles, {node: _weight(flow.class_of(node)) for node in used})

    def feed(self, kind: str, data: dict[str, Any], now: float) -> None:
        """One event. `now`: seconds, of any clock."""
        match kind:
            case "execution_start":
                self.start(now)
            case "execution_cached":
                self.start(now)
                self._done.update(map(str, data.get("nodes") or ()))
            case "executing":
                self._executing(data, now)
            case "executed":
                self._finished(str(data.get("display_node") or data.get("node")), data.get("output"))
            case "progress":
                self._progress(str(data.get("node")), data.get("value"), data.get("max"))
            case "progress_state":
                self._states(data.get("nodes"))
            case "execution_success":
                self.success, self.ended = True, now
            case "execution_error" | "execution_interrupted":
                self._failed(kind, data, now)

    def start(self, now: float) -> None:
        self.began = self.began or now

    def waits(self, before: int) -> None:
        """It stands in the queue, with so many to run before it."""
        self._before = before

    def frame(self, frame: Frame) -> None:
        if frame.data:
            self.preview = (frame.content_type, frame.data)
        elif frame.text:
            self._note = frame.text

    def progress(self, now: float) -> Progress:
        """As it stands, without the preview. The share never falls."""
        if not self.began:
            before = self._before
            return Progress(None, f"queued, {before} before it" if before else "queued")
        if self.success:
            return Progress(1.0, "done", 0.0)
        whole = sum(self.weights.values())
        if not whole:  # taken over: its events go to whoever sent it
            return Progress(None, "running")
        done = sum(weight for node, weight in self.weights.items() if node in self._done)
        done += sum(self.weights.get(node, 0.0) * part for node, part in self._parts.items() if node not in self._done)
        self._share = max(self._share, min(0.99, done / whole))
        spent = now - self.began
        eta = spent * (1 - self._share) / self._share if self._share > _FEW else None
        return Progress(self._share, self._stage(), None if eta is None else round(eta, 1))

    # ---- events ---------------------------------------------------------------------------------------------------

    def _executing(self, data: dict[str, Any], now: float) -> None:
        if data.get("node") is None:
            self.over = True
            return
        self.start(now)
        node = str(data.get("display_node") or data["node"])
        if node != self._now:
            if self._now:
                self._done.add(self._now)
            self._now, self._steps, self._note = node, "", ""
        self._done.discard(node)

    def _finished(self, node: str, output: Any) -> None:
        self._done.add(node)
        if isinstance(output, dict):
            self.outputs[node] = output

    def _progress(self, node: str, value: Any, most: Any) -> None:
        if not isinstance(value, int | float) or not isinstance(most, int | float) or most <= 0:
            return
        self._parts[node] = min(1.0, max(0.0, value / most))
        if most > 1 and node == self._now:
            self._steps = f"{value:g}/{most:g}"

    def _states(self, nodes: Any) -> None:
        for node, state in nodes.items() if isinstance(nodes, dict) else ():
            if not isinstance(state, dict):
                continue
            if state.get("state") == "finished" and node != self._now:
                self._done.add(node)
            elif state.get("state") == "running":
                self._progress(str(state.get("display_node_id") or node), state.get("value"), state.get("max"))

    def _failed(self, kind: str, data: dict[str, Any], now: float) -> None:
        if data.get("exception_type") == "ExecutionBlocked":
            self.blocked = self.blocked or str(data.get("exception_message") or "").strip()
            return
        self.ended, self.fault = now, _fault(kind, data)

    def _stage(self) -> str:
        if not self._now:
            return "started"
        name = self.titles.get(self._now, self._now)
        return " ".join(filter(None, (name, self._steps, self._note)))[:_CLIP]


def read_past(known: dict[str, Any]) -> Past:
    """An entry of the history. What was told counts first, for `status_str` may be that of the prompt before."""
    said, outputs = known.get("status"), known.get("outputs")
    status: dict[str, Any] = said if isinstance(said, dict) else {}
    told = [one for one in status.get("messages") or () if isinstance(one, list) and len(one) == 2]
    events = [(str(kind), data) for kind, data in told if isinstance(data, dict)]
    fault = next((_fault(*event) for event in events if event[0] in ("execution_error", "execution_interrupted")), None)
    if fault is None and status and status.get("status_str") != "success":
        fault = Fault()
    stamps = [at for _, data in events if isinstance(at := data.get("timestamp"), int | float)]
    seconds = (max(stamps) - min(stamps)) / 1000 if stamps else 0.0
    return Past(outputs if isinstance(outputs, dict) else {}, round(seconds, 3), fault)


def read_frame(data: bytes) -> Frame | None:
    """A binary message of the socket; None for one we do not know. Never raises."""
    if len(data) < 8:
        return None
    kind, second = struct.unpack_from(">II", data)
    if kind == _PREVIEW:
        return Frame(data=data[8:], content_type=_FORMATS.get(second, "image/jpeg")) if len(data) > 8 else None
    if len(data) < 8 + second:
        return None
    if kind == _TEXT:  # the node's name, then the text
        return Frame(text=" ".join(data[8 + second :].decode("utf-8", "replace").split())[:_CLIP])
    if kind != _PREVIEW_TOLD:
        return None
    try:
        told = msgspec.json.decode(data[8 : 8 + second], type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    kind_of = str(told.get("image_type") or "image/jpeg")
    return Frame(data=data[8 + second :], content_type=kind_of, prompt=str(told.get("prompt_id") or ""))


def _fault(kind: str, data: dict[str, Any]) -> Fault:
    named = "" if kind == "execution_interrupted" else str(data.get("exception_type") or "Exception")
    message = str(data.get("exception_message") or "").strip()
    return Fault(str(data.get("node_id") or ""), str(data.get("node_type") or ""), named, message)


def _used(flow: Flow, info: ObjectInfo) -> set[str]:
    """The nodes that will run: those that an output hangs on."""
    ends = [node for node in flow.nodes if (known := info.get(flow.class_of(node))) and known.is_output]
    used: set[str] = set()
    while ends:
        node = ends.pop()
        if node in used:
            continue
        used.add(node)
        ends += _sources(flow, node)
    return used


def _sources(flow: Flow, node: str) -> Iterable[str]:
    return (link[0] for field in flow.inputs(node) if (link := flow.link(node, field)))


def _weight(name: str) -> float:
    low = name.lower()
    return next((weight for word, weight in _WEIGHTS if word in low), 1.0)
