"""One prompt at ComfyUI, from sending it to its outputs: watched over the socket, and in the history where that is silent.

What a newcomer would get wrong: the socket only says when to look. The history alone tells what a prompt has made, and it
has it a moment after the success was told. A prompt that neither queue nor history know was forgotten: ComfyUI was
restarted. Whoever leaves the block early has the prompt stopped, ours and no other.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import structlog

from agents import _comfy_words as words
from agents._comfy_line import Line, Watch
from agents._comfy_story import Story, read_past
from agents._comfy_wire import Accepted, Refusal, Wire
from agents._flow import Flow, ObjectInfo
from agents._http import STALE
from agents._previews import data_url
from schemas.events import Progress
from schemas.problem import Code, Problem

log = structlog.get_logger()

EVERY = 0.25
"""Seconds between two words on progress, and between two previews twice that."""
POLL = 1.0
"""Seconds between two looks into the history while the socket is away."""
WAITING = 3.0
"""The same while it waits in the queue."""
SILENCE = 10.0
"""The same while it runs and nothing is heard."""
DEAF = 30.0
"""Seconds of silence after which the socket is made anew: it may be open and no longer ours."""
AWAY = 15.0
"""Seconds that ComfyUI may be unreachable while it has a prompt of ours."""
SETTLE = 5.0
"""Seconds the history may take to have what was told to be done."""
STOP = 2.5
"""Seconds for stopping a prompt; a worker that stops waits for 3."""
EXTRA = {"preview_method": "latent2rgb"}
"""Newer servers make previews where a prompt asks for them; the cheap sort, that costs no model."""
_GONE = frozenset({Code.PROVIDER_UNREACHABLE, Code.PROVIDER_TIMEOUT, Code.PROVIDER_ERROR})


class Prompt:
    """`async with Prompt(…) as prompt: await prompt.send(flow, info)`, then `progress()`, then `outputs`."""

    def __init__(self, wire: Wire, line: Line, key: str) -> None:
        """`key`: the id it shall have; a UUID."""
        self.wire, self.line, self.id = wire, line, key
        self.flow = Flow(nodes={})
        self.uploads: dict[str, str] = {}
        """Field of the request -> its file's name at ComfyUI."""
        self.outputs: dict[str, Any] = {}
        """By node, as the history has them."""
        self.seconds = 0.0
        """ComfyUI worked at it."""
        self.blocked = ""
        self._watch = Watch(Story({}, {}))
        self._sending: asyncio.Task[Accepted] | None = None
        self._ended = True
        self._foreign = False
        self._looked = self._away = self._success = 0.0
        self._lost = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._ended:
                await _through(self._stop())
        finally:
            self.line.forget(self.id)

    # ---- sending --------------------------------------------------------------------------------------------------

    async def adopt(self) -> bool:
        """Take over a prompt of this id that is under way or has ended well: its agent died and the job came to us.

        False: there is none; if one of that id went wrong before, ours gets another.
        """
        if found := (await self.wire.queue()).find(self.id):
            self._taken(found, Story({}, {}))
            self._foreign = True  # its events go to whoever sent it
            log.info("comfyui.adopted", prompt=found)
            return True
        known = await self.wire.history(self.id)
        if known is None:
            return False
        if (past := read_past(known)).fault is None:
            self.outputs, self.seconds = past.outputs, past.seconds
            log.info("comfyui.found_done", prompt=self.id)
            return True
        self.id = str(uuid.uuid4())
        return False

    async def send(self, flow: Flow, info: ObjectInfo) -> None:
        """Raises `Problem`: a node or an input that ComfyUI refuses, by name; or as `Wire`."""
        self.flow, story = flow, Story.of(flow, info)
        self._taken(self.id, story)
        try:
            accepted = await self._posted() or await self._posted(last=True)
        except Refusal as refusal:
            self._ended = True
            raise words.refused(refusal.body, flow, self.wire.tools) from refusal
        assert accepted is not None
        if accepted.prompt_id != self.id:
            self.line.forget(self.id)
            self._taken(accepted.prompt_id, story)
        if (partly := words.node_errors(accepted.node_errors, flow, self.wire.tools)) is not None:
            raise partly  # half a workflow would run, and nobody would be told

    def _taken(self, prompt: str, story: Story) -> None:
        self.id, self._ended = prompt, False
        self._watch = self.line.watch(prompt, story)

    async def _posted(self, last: bool = False) -> Accepted | None:
        """None: it did not arrive, and may be sent again at once (a kept-alive connection was dead)."""
        began = time.monotonic()
        self._sending = asyncio.create_task(self.wire.send(self.flow.nodes, self.id, self.line.client, EXTRA))
        try:
            return await asyncio.shield(self._sending)
        except Problem as lost:
            quick = time.monotonic() - began < STALE
            if lost.code not in _GONE or lost.fault.provider_status:
                self._ended = True
                raise
            if found := await self._arrived(lost):
                return Accepted(found)
            if last or not quick:
                self._ended = True
                raise
            return None

    async def _arrived(self, lost: Problem) -> str:
        """The answer was lost; was the prompt? Its id where ComfyUI has it, for sending it again would run it twice."""
        try:
            for pause in (0.0, STALE / 4):
                await asyncio.sleep(pause)
                if found := (await self.wire.queue()).find(self.id):
                    return found
                if await self.wire.history(self.id) is not None:
                    return self.id
        except Problem:
            raise lost from None
        return ""

    # ---- watching -------------------------------------------------------------------------------------------------

    async def progress(self) -> AsyncGenerator[Progress, None]:
        """Until it has ended well. Raises `Problem` when it ends otherwise."""
        watch, told, pictured, last = self._watch, 0.0, 0.0, None
        while not self._ended:
            await self._hear()
            self._judge()
            if self._due():
                await self._look()
            now = time.monotonic()
            word = watch.story.progress(now)
            if watch.story.preview is not None and now - pictured >= 2 * EVERY:
                (kind, data), watch.story.preview, pictured = watch.story.preview, None, now
                word = Progress(word.share, word.stage, word.eta, await data_url(data, kind))
            if word.preview or ((word.share, word.stage) != last and now - told >= EVERY):
                told, last = now, (word.share, word.stage)
                yield word

    async def _hear(self) -> None:
        """Wait for news, or until it is time to look."""
        news = self._watch.news
        try:
            async with asyncio.timeout(max(0.02, self._wake() - time.monotonic())):
                await news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(0.02)  # what comes together is told together
        news.clear()

    def _wake(self) -> float:
        """When to look, by the clock, if nothing is heard."""
        watch, story = self._watch, self._watch.story
        if self._success:
            return self._looked + (0.05 if time.monotonic() - self._success < 1 else 0.5)
        if not self.line.up or self._foreign or self._away or self._lost:
            return self._looked + (POLL if not self._lost else POLL / 3)
        if not story.began:
            return self._looked + WAITING
        return max(self._looked, watch.heard) + SILENCE

    def _due(self) -> bool:
        watch = self._watch
        first = bool(self._success) and not self._looked
        return watch.look or first or watch.story.over or time.monotonic() >= self._wake()

    def _judge(self) -> None:
        """What the events alone decide."""
        story = self._watch.story
        if story.fault is not None:
            self._ended = True
            raise words.failed(story.fault, self.flow, self.wire.tools, self.uploads)
        if story.success and not self._success:
            self._success, self._looked = time.monotonic(), 0.0

    async def _look(self) -> None:
        """Ask the history, and if it does not know, the queue."""
        self._watch.look = False
        try:
            known = await self.wire.history(self.id)
            queue = await self.wire.queue() if known is None and not self._success else None
            if known is None and queue is not None and not queue.find(self.id):
                known = await self.wire.history(self.id)  # it ended between the two questions
        except Problem as problem:
            self._unreachable(problem)
            return
        finally:
            self._looked = time.monotonic()
        self._away = 0.0
        if known is not None:
            self._closed(known)
        elif self._success:
            self._settled()
        elif queue is not None:
            self._stands(queue.runs(self.id), queue.before(self.id))
        await self._heal()

    def _unreachable(self, problem: Problem) -> None:
        if problem.code not in _GONE:
            raise problem
        self._away = self._away or time.monotonic()
        if time.monotonic() - self._away > AWAY:
            raise problem

    def _stands(self, runs: bool, before: int | None) -> None:
        story = self._watch.story
        if runs:
            self._lost = 0
            story.start(time.monotonic())
        elif before is not None:
            self._lost = 0
            story.waits(before)
        else:
            self._lost += 1
            if self._lost >= 3:
                self._ended = True
                sentence = (
                    "no longer knows the workflow it was running: it was restarted, or somebody emptied its queue"
                )
                raise self.wire.tools.problem(Code.PROVIDER_UNREACHABLE, sentence)

    def _settled(self) -> None:
        """Told done, and not in the history: it may have been wiped. What the events brought along is all there is."""
        if time.monotonic() - self._success > SETTLE:
            self.outputs, self._ended = self._watch.story.outputs, True

    def _closed(self, known: dict[str, Any]) -> None:
        self._ended, past = True, read_past(known)
        if past.fault is not None:
            raise words.failed(past.fault, self.flow, self.wire.tools, self.uploads)
        self.outputs, self.seconds, self.blocked = past.outputs, past.seconds, self._watch.story.blocked

    async def _heal(self) -> None:
        watch = self._watch
        if self._ended or self._foreign or not self.line.up or not watch.story.began:
            return
        if time.monotonic() - watch.heard > DEAF:
            watch.heard = time.monotonic()
            await self.line.renew()

    # ---- stopping -------------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Out of the queue, or interrupted. If the prompt is still on its way, it is waited for first."""
        self._ended = True
        try:
            async with asyncio.timeout(STOP):
                if self._sending is not None:
                    with suppress(Problem, Refusal):
                        self.id = (await self._sending).prompt_id
                await self.wire.stop(self.id)
            log.info("comfyui.stopped", prompt=self.id)
        except (Problem, TimeoutError) as error:
            log.warning("comfyui.stop_failed", prompt=self.id, why=type(error).__name__)


async def _through(work: Coroutine[Any, Any, None]) -> None:
    """To its end, though we are cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=STOP)
        raise
