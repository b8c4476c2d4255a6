"""`ai-server up`: start the house, say what a person needs to know, watch it, and stop it when asked.

What a newcomer would get wrong: what people read (and the first keys, shown once) goes to stdout, logs go to stderr;
so a service manager can keep the logs without keeping the keys.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import structlog
from rich.console import Console
from rich.live import Live

from bus.fleet import Seen
from ops import errands, logs, sections, talk
from ops.house import House, house
from ops.printing import say
from ops.screen import Screen, welcome
from ops.settings import Settings
from schemas.problem import Code, Problem

log = structlog.get_logger()

INTRODUCED_SECONDS = 3.0
"""How long the welcome waits for providers to say what they serve …"""
LOADED_SECONDS = 20.0
"""… and how long while a model is being loaded."""
MODEL_SECONDS = 180.0
"""How long the first question waits for a model."""
REDRAW_SECONDS = 0.5


class Up:
    """One run of the command. `demo` is a first question to ask; `once` ends the run after its answer."""

    def __init__(self, settings: Settings, demo: str = "", once: bool = False) -> None:
        self.settings, self.demo, self.once = settings, demo, once
        self.console = Console(markup=False)
        self.person = self.console.is_terminal and sys.stderr.isatty()
        self.screen: Screen | None = None
        self.stop = asyncio.Event()
        self.house: House | None = None
        self._signals = 0
        self._task: asyncio.Task[int] | None = None

    async def run(self) -> int:
        """Until somebody stops it; the exit code. Raises `Problem` when it can't be started."""
        self._task = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._asked)
        try:
            return await self._run()
        except asyncio.CancelledError:
            if not self._signals:
                raise
            return 130

    async def _run(self) -> int:
        async with AsyncExitStack() as stack:
            if self.person:
                self.settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
                screen = self.screen = Screen(self.console, stack.enter_context(fresh_log(self.settings.data)))
                logs.setup(self.settings.log.level, "supervisor", lambda line: screen.line("supervisor", line))
            started = time.monotonic()
            output = self.screen.line if self.screen else None
            running = self.house = await stack.enter_async_context(house(self.settings, output))
            log.info("up.ready", url=running.url, seconds=round(time.monotonic() - started, 3))
            await self._introduced(running)
            say(welcome(running, version("ai-server")))
            if self.demo:
                await self._ask(running)
            if not self.once:
                await self._watch(running)
        return 0

    def _asked(self) -> None:
        """First signal: drain and stop. Second: kill. Third: be gone."""
        self._signals += 1
        if self._signals == 1:
            self.stop.set()
            if self.person:
                say("\nStopping: what runs may finish (Ctrl-C again kills it).")
            if (self.house is None or self.demo) and self._task:
                self._task.cancel()
        elif self._signals == 2 and self.house:
            self.house.crew.kill()
        else:
            os._exit(130)

    async def _introduced(self, house: House) -> None:
        """Until every provider has said what it serves or why it can't; with a model that loads, a while longer."""
        began = time.monotonic()
        missing = {name for name, one in house.providers.items() if one.enabled and one.kind not in sections.PATIENT}
        with self.console.status("Starting") if self.person else nullcontext() as line:
            while missing and not self.stop.is_set():
                loading = [f"{s.beat.provider}: {s.beat.offline}" for s in house.fleet.agents.values() if _loads(s)]
                if time.monotonic() - began > (LOADED_SECONDS if loading else INTRODUCED_SECONDS):
                    return
                if line is not None:
                    line.update("; ".join(loading) or "Starting")
                await asyncio.sleep(0.05)
                missing -= {s.beat.provider for s in house.fleet.agents.values() if _serves(s) or _unfit(s)}

    async def _ask(self, house: House) -> None:
        """The first question, streamed to the person, and how to ask it without us."""
        if not house.providers:
            raise Problem(Code.NO_PROVIDER, "there is no provider to ask; the list above says how to add one")
        model = await self._some_model(house)
        key = house.keys.get("app") or await errands.lend_key(house.config.bus, "demo")
        say(f"Asking {model}: {self.demo}\n")
        try:
            await asyncio.to_thread(errands.tell, house.url, key, self.demo, model)
        except talk.TalkError as error:
            raise Problem(Code.UNAVAILABLE, str(error)) from error
        say("\nThe same with curl:\n" + talk.curl(house.url, key, model, self.demo) + "\n")
        self.demo = ""

    async def _some_model(self, house: House) -> str:
        until, told = time.monotonic() + MODEL_SECONDS, ""
        while not (names := list(house.fleet.models("chat"))):
            states = {f"{s.beat.provider}: {s.beat.offline}" for s in house.fleet.agents.values() if s.beat.offline}
            if (now := "; ".join(sorted(states))) and now != told:
                say(f"Waiting for a model ({now}) ...")
                told = now
            if time.monotonic() > until:
                raise Problem(
                    Code.NO_PROVIDER, f"no model was ready in {MODEL_SECONDS:.0f} s ({told or 'no provider'})"
                )
            await asyncio.sleep(0.1)
        return names[0]

    async def _watch(self, house: House) -> None:
        """Until asked to stop. Raises `Problem` when NATS is lost for good."""
        work: list[Awaitable[object]] = [self.stop.wait(), house.broken()]
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            if self.screen:
                with Live(console=self.console, auto_refresh=False, transient=True) as live:
                    while not any(task.done() for task in tasks):
                        live.update(self.screen.picture(house), refresh=True)
                        await asyncio.wait(tasks, timeout=REDRAW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()


def _serves(seen: Seen) -> bool:
    return bool(seen.models) and seen.beat.slots > 0


def _unfit(seen: Seen) -> bool:
    """It said why it can't serve, and that is not that its model is still loading."""
    return bool(seen.beat.offline) and not _loads(seen)


def _loads(seen: Seen) -> bool:
    return seen.beat.offline.startswith("loading")


def fresh_log(data: Path) -> TextIO:
    """The children's log while a person watches; the one before is kept as `up.log.1`."""
    path = data / "up.log"
    if path.exists():
        path.replace(data / "up.log.1")
    return path.open("w", encoding="utf-8")


def main(settings: Settings, demo: str = "", once: bool = False) -> int:
    """The command `up`. Raises `Problem` with a sentence for the person."""
    logs.setup(settings.log.level, "supervisor")

    async def run() -> int:
        return await Up(settings, demo, once).run()

    return asyncio.run(run())
