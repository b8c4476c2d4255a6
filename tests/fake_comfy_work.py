"""The work of the ComfyUI double: its queue, the one worker that runs prompts, what it tells over sockets, and all switches.

Order of events as in `execution.py` and `main.py` (`prompt_worker`): the success is told before the history has it, and
`executing` with no node comes last of all.
"""

import asyncio
import json
import struct
import time
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, web
from fake_comfy_nodes import object_info, png, run
from fake_comfy_rules import ends, mark, order
from fake_comfy_rules import item as item_of

Node = dict[str, Any]


class InterruptError(Exception): ...


class Work:
    def __init__(self, *, old: bool = False) -> None:
        self.old = old
        self.info = object_info()
        self.refuse_ws = False
        self.drop_after = 0
        """Close the socket after so many events, once."""
        self.slow = 0.0
        """Seconds for each node and each step."""
        self.broken: dict[str, tuple[str, str]] = {}
        """Node -> exception type and message."""
        self.lose_answer = False
        """The next prompt is taken, and the connection broken before the answer."""
        self.answer_late = asyncio.Event()
        """Clear it: answers to prompts wait until the prompt has ended."""
        self.answer_late.set()
        self.view_faults: list[str] = []
        """For the next files: cut, empty, html, truncated, missing."""
        self.history_after = 0.0
        """Seconds after the success until the history has it."""
        self.late_null = False
        """`executing null` comes twice, and once more in the middle of the next prompt."""
        self.silent = False
        """The socket stays open and says nothing."""
        self.forget_success = False
        """The history loses what ended."""
        self.preview = png(16, 16, 0xFF0000)
        self.runs: list[str] = []
        """Prompts that were begun, by id."""
        self.prompts: list[Node] = []
        """Bodies of POST /prompt."""
        self.interrupts: list[str] = []
        self.deleted: list[str] = []
        self.asked: list[str] = []
        """Method and path of every call."""
        self.inputs: dict[str, bytes] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.reached = asyncio.Event()
        """A held node has been reached."""
        self._forget()

    def _forget(self) -> None:
        self.queue: list[Node] = []
        self.running: Node | None = None
        self.history: dict[str, Node] = {}
        self._cache: dict[str, tuple[str, list[Any], Node | None]] = {}
        self._files: dict[tuple[str, str, str], bytes] = {}
        self._number = self._counter = self._sent = 0
        self._interrupted = False
        self._more = asyncio.Event()
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._flags: dict[str, Node] = {}
        self._ghost = ""

    # ---- switches -------------------------------------------------------------------------------------------------

    async def drop(self) -> None:
        """Every socket breaks."""
        for socket in list(self._sockets.values()):
            await socket.close(code=WSCloseCode.GOING_AWAY)
        self._sockets.clear()

    def hold(self, node: str) -> None:
        self.held[node] = asyncio.Event()
        self.reached.clear()

    def let_go(self) -> None:
        for event in self.held.values():
            event.set()
        self.held.clear()

    def foreign(self, nodes: Node) -> str:
        """Somebody else's prompt into the queue."""
        return self._put(str(uuid.uuid4()), nodes, {"client_id": "somebody-else"}, [n for n in nodes if ends(nodes[n])])

    def free(self) -> None:
        """Somebody at the ComfyUI interrupts what runs."""
        self._interrupted = True

    # ---- the worker (main.py: prompt_worker) ------------------------------------------------------------------------

    def _put(self, prompt: str, nodes: Node, extra: Node, good: list[str]) -> str:
        self._number += 1
        self.queue.append({"number": self._number, "id": prompt, "nodes": nodes, "extra": extra, "good": good})
        self._more.set()
        self._telling = asyncio.create_task(self._updated())
        return prompt

    async def _work(self) -> None:
        while True:
            await self._updated()
            while not self.queue:
                self._more.clear()
                await self._more.wait()
            self.running = self.queue.pop(0)
            self.runs.append(self.running["id"])
            await self._updated()
            await self._execute(self.running)

    async def _execute(self, item: Node) -> None:
        prompt, sid, messages = item["id"], item["extra"].get("client_id", ""), []
        self._interrupted = False

        async def say(kind: str, data: Node, keep: bool = True) -> None:
            data = {**data, "prompt_id": prompt, **({"timestamp": int(time.time() * 1000)} if keep else {})}
            if keep:
                messages.append([kind, data])
            await self._tell(kind, data, sid)

        await say("execution_start", {})
        way, outputs = order(item["nodes"], item["good"]), {}
        cached = [name for name in way if self._cache.get(name, ("",))[0] == mark(item["nodes"], name)]
        await say("execution_cached", {"nodes": cached})
        status, at = "success", ""
        try:
            for at in way:
                shown = await self._node(item, at, at in cached, say)
                if shown is not None:
                    outputs[at] = shown
        except (InterruptError, ValueError) as error:
            status = "error"
            about = {"node_id": at, "node_type": item["nodes"][at]["class_type"], "executed": []}
            if isinstance(error, InterruptError):
                await say("execution_interrupted", about)
            else:
                kind, message = self.broken.get(at, ("ValueError", str(error)))
                trace = ['  File "/srv/ComfyUI/execution.py", line 496, in execute\n']
                more = {
                    "exception_type": kind,
                    "exception_message": f"{message}\n",
                    "traceback": trace,
                    "current_inputs": {},
                }
                await say("execution_error", {**about, **more, "current_outputs": []})
        else:
            await say("execution_success", {})
        entry = {"prompt": item_of(item), "outputs": outputs, "meta": {}}
        entry["status"] = {"status_str": status, "completed": status == "success", "messages": messages}
        if not self.forget_success:
            self.history[prompt] = {"entry": entry, "at": time.monotonic() + self.history_after}
        self.running = None
        await self._updated()
        self._ghost = prompt if self.late_null else ""
        for _ in range(2 if self.late_null else 1):
            await say("executing", {"node": None}, keep=False)
        if not self.answer_late.is_set():
            self.answer_late.set()

    async def _node(self, item: Node, name: str, cached: bool, say: Callable[..., Any]) -> Node | None:
        nodes, kind = item["nodes"], item["nodes"][name]["class_type"]
        sid = item["extra"].get("client_id", "")
        if cached:
            shown = self._cache[name][2]
            if shown is not None:
                await say("executed", {"node": name, "display_node": name, "output": shown}, keep=False)
            return shown
        await say("executing", {"node": name, "display_node": name}, keep=False)
        if self._ghost:
            await self._tell("executing", {"node": None, "prompt_id": self._ghost}, sid)
        await self._wait(name)
        if name in self.broken:
            raise ValueError(self.broken[name][1])
        steps = nodes[name]["inputs"].get("steps", 0) if kind == "KSampler" else 0
        for step in range(1, steps + 1):
            await self._wait("")
            state = {"value": step, "max": steps, "state": "running", "node_id": name, "display_node_id": name}
            await say("progress_state", {"nodes": {name: state}}, keep=False)
            await say("progress", {"value": step, "max": steps, "node": name}, keep=False)
            await self._picture(sid, item["id"], name)
        values = {field: self._value(value) for field, value in nodes[name]["inputs"].items()}
        made, shown = run(kind, values, self._input, self._save)
        self._cache[name] = (mark(nodes, name), made, shown)
        if shown is not None:
            await say("executed", {"node": name, "display_node": name, "output": shown}, keep=False)
        return shown

    async def _wait(self, name: str) -> None:
        held = self.held.get(name)
        if held is not None:
            self.reached.set()
        until = time.monotonic() + self.slow
        while not self._interrupted and (  # noqa: ASYNC110
            (held is not None and not held.is_set()) or time.monotonic() < until
        ):
            await asyncio.sleep(0.005)
        if self._interrupted:
            raise InterruptError

    def _value(self, value: Any) -> Any:
        return self._cache[value[0]][1][value[1]] if isinstance(value, list) and len(value) == 2 else value

    def _input(self, name: str) -> bytes:
        if name not in self.inputs:
            raise ValueError(f"No such file or directory: '/srv/ComfyUI/input/{name}'")
        return self.inputs[name]

    def _save(self, data: bytes, prefix: str, extension: str, place: str) -> dict[str, str]:
        self._counter += 1
        folder, _, stem = prefix.rpartition("/")
        name = f"{stem}_{self._counter:05}_.{extension}"
        self._files[place, folder, name] = data
        return {"filename": name, "subfolder": folder, "type": place}

    # ---- the socket -----------------------------------------------------------------------------------------------

    def _status(self) -> Node:
        return {"status": {"exec_info": {"queue_remaining": len(self.queue) + (1 if self.running else 0)}}}

    async def _updated(self) -> None:
        for sid in list(self._sockets):
            await self._tell("status", self._status(), sid)

    async def _picture(self, sid: str, prompt: str, node: str) -> None:
        if self._flags.get(sid, {}).get("supports_preview_metadata") and not self.old:
            told = json.dumps({"node_id": node, "prompt_id": prompt, "image_type": "image/png"}).encode()
            await self._send(sid, struct.pack(">II", 4, len(told)) + told + self.preview)
        else:
            await self._send(sid, struct.pack(">II", 1, 2) + self.preview)

    async def _tell(self, kind: str, data: Node, sid: str) -> None:
        await self._send(sid, json.dumps({"type": kind, "data": data}))
        if self.drop_after and kind not in ("status", "feature_flags") and sid != "somebody-else":
            self._sent += 1
            if self._sent >= self.drop_after:
                self.drop_after = 0
                await self.drop()

    async def _send(self, sid: str, message: str | bytes) -> None:
        socket = self._sockets.get(sid)
        if socket is None or self.silent:
            return
        try:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        except (ConnectionError, RuntimeError):
            self._sockets.pop(sid, None)
