"""The one WebSocket to a ComfyUI, shared by all jobs of the process: who waits for which prompt's events.

What a newcomer would get wrong: losing it is no failure. Jobs look into the history while it is gone, and each is told to
look once more when it is back, for what happened in between is told by nobody. Events of a prompt may come before the
answer that names it: they are kept for whoever asks.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from typing import Any

import aiohttp
import msgspec
import structlog

from agents._comfy_story import Frame, Story, read_frame
from agents._comfy_wire import Wire
from schemas.problem import Problem

log = structlog.get_logger()

BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between tries to connect; the last one repeats."""
EARLY = 64
"""Prompts nobody waits for yet, whose events are kept; of each so many."""
EARLY_EVENTS = 200


class _Message(msgspec.Struct):
    type: str = ""
    data: Any = None


_decode = msgspec.json.Decoder(_Message).decode


class Watch:
    """What one job knows of its prompt. `news` is set at each event."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.news = asyncio.Event()
        self.look = False
        """Something may have been missed: ask the history."""
        self.heard = time.monotonic()

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.heard = time.monotonic()
        self.story.feed(kind, data, self.heard)
        self.news.set()

    def show(self, frame: Frame) -> None:
        self.heard = time.monotonic()
        self.story.frame(frame)
        self.news.set()


class Line:
    """`await run()` holds the connection until cancelled; everything else is said at once."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.client = secrets.token_hex(16)
        self.up = False
        self.tried = asyncio.Event()
        """The first try to connect is over, whatever came of it."""
        self.remaining = 0
        """Prompts in ComfyUI's queue, everybody's."""
        self._watches: dict[str, Watch] = {}
        self._early: OrderedDict[str, list[tuple[str, dict[str, Any]]]] = OrderedDict()
        self._running = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def foreign(self) -> int:
        """Prompts of others in ComfyUI's queue."""
        return max(0, self.remaining - len(self._watches))

    def watch(self, prompt: str, story: Story) -> Watch:
        """Hear of this prompt from now on, and of what was said before."""
        watch = self._watches[prompt] = Watch(story)
        for kind, data in self._early.pop(prompt, ()):
            watch.tell(kind, data)
        return watch

    def forget(self, prompt: str) -> None:
        self._watches.pop(prompt, None)
        self._early[prompt] = []  # what comes late is nobody's
        self._bound()

    async def renew(self) -> None:
        """Connect anew: ComfyUI may have taken our events for another connection's (it keeps one for each client)."""
        if self._socket is not None:
            await self._socket.close()

    async def run(self) -> None:
        tries = 0
        while True:
            began = time.monotonic()
            try:
                await self._hold()
            except Problem as problem:
                (log.debug if tries else log.warning)("comfyui.socket_refused", why=problem.code)
            except (aiohttp.ClientError, OSError, RuntimeError):
                log.warning("comfyui.socket_broken")
            finally:
                self.up, self._socket = False, None
                self.tried.set()
                self._nudge()
            tries = 0 if time.monotonic() - began > BACKOFF[-1] else tries + 1
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])

    async def _hold(self) -> None:
        self._socket = socket = await self.wire.listen(self.client)
        try:
            self.up = True
            self.tried.set()
            self._nudge()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._heard(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY and (frame := read_frame(message.data)) is not None:
                    self._shown(frame)
        finally:
            await socket.close()

    def _nudge(self) -> None:
        for watch in self._watches.values():
            watch.look = True
            watch.news.set()

    def _heard(self, text: str) -> None:
        try:
            message = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        data = message.data
        if not isinstance(data, dict):
            return
        if message.type == "status":
            self._status(data)
            return
        prompt = str(data.get("prompt_id") or "")
        if not prompt:
            return
        if data.get("node") or message.type == "execution_start":
            self._running = prompt
        if (watch := self._watches.get(prompt)) is not None:
            watch.tell(message.type, data)
        else:
            early = self._early.setdefault(prompt, [])
            if len(early) < EARLY_EVENTS:
                early.append((message.type, data))
            self._bound()

    def _status(self, data: dict[str, Any]) -> None:
        told = data.get("status")
        told = told.get("exec_info") if isinstance(told, dict) else None
        remaining = told.get("queue_remaining") if isinstance(told, dict) else None
        if isinstance(remaining, int):
            self.remaining = remaining
            for watch in self._watches.values():
                if not watch.story.began:  # its place in the queue may be another
                    watch.look = True
                    watch.news.set()

    def _shown(self, frame: Frame) -> None:
        if (watch := self._watches.get(frame.prompt or self._running)) is not None:
            watch.show(frame)

    def _bound(self) -> None:
        while len(self._early) > EARLY:
            self._early.popitem(last=False)
