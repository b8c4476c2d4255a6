"""A whole AI Server of our own, in a folder of its own: `ai-server up`, its children, and more agents beside them.

Whatever was started here is remembered by pid and start time and killed at the end, also the nats-server that outlives a
killed supervisor: it is nobody's child then, and only this memory finds it.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bus.config import Config
from bus.connection import Link, open_bus
from ops.prove import proc

READY = 20.0
"""Seconds in which `up` must answer; far above what it needs, for machines that do much else."""


class Broken(Exception):
    """The house can't do what the harness needs of it: a sentence, and the place of the log."""


class House:
    def __init__(self, folder: Path, config: str, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "up.log"
        self.config = folder / "ai-server.toml"
        self.env = {**_clean(os.environ), **(env or {})}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = ""
        self._up: asyncio.subprocess.Process | None = None
        self._extra: dict[str, asyncio.subprocess.Process] = {}
        self.deaths = 0
        """How often `up` was found dead and started again (see `revive`)."""
        self.served = 0
        self._seen: set[tuple[int, int]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config)

    async def __aenter__(self) -> "House":
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts `up` and waits until the front door answers and a key is known. Raises `Broken`."""
        await self.spawn_up()
        await self.until(self.answers, READY, "the front door to answer")
        if not self.key:
            self.key = await self.new_key("proof")
        self._tasks.append(asyncio.create_task(self._watch()))

    async def spawn_up(self) -> None:
        """`ai-server up`, as a person would start it, with its output in `up.log`."""
        place = [
            "--config",
            str(self.config),
            "--data",
            str(self.data),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        self._up = await self._spawn(["up", *place], self.log)

    def revive(self) -> None:
        """From now on `up` itself is started again when it dies, as a service manager would."""
        self._tasks.append(asyncio.create_task(self._keep_up()))

    async def _keep_up(self) -> None:
        while self._up:
            await self._up.wait()
            self.deaths += 1
            await asyncio.sleep(0.5)
            await self.spawn_up()

    def more(self, name: str, words: list[str]) -> None:
        """Keeps one more process running beside `up` (`agent slow` …), started again whenever it dies."""
        self._tasks.append(asyncio.create_task(self._keep(name, words)))

    async def _keep(self, name: str, words: list[str]) -> None:
        while True:
            link = self.link()
            if link is None:
                await asyncio.sleep(0.2)
                continue
            address = link.url.replace("://", f"://{link.user}:{link.password}@", 1)
            arguments = [*words, "--config", str(self.config), "--data", str(self.data)]
            child = await self._spawn(arguments, self.folder / f"{name}.log", {"NATS_URL": address})
            self._extra[name] = child
            await child.wait()
            await asyncio.sleep(0.5)

    async def _spawn(
        self, words: list[str], log: Path, env: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        with log.open("ab") as out:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ops.cli", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**self.env, **(env or {})},
                start_new_session=True,  # Ctrl-C is ours: we stop the house in order
            )
        self._remember()
        return child

    def link(self) -> Link | None:
        """Where the bus is; None while it is being started."""
        try:
            return msgspec.json.decode((self.data / "nats" / "run" / "link.json").read_bytes(), type=Link)
        except (OSError, msgspec.DecodeError):
            return None

    # ---- who lives here

    def processes(self) -> dict[str, list[proc.Process]]:
        """The living by role: supervisor, gateway, agent, archiver, nats, and `more` for the agents beside `up`."""
        found: dict[str, list[proc.Process]] = {}
        if self._up and (up := proc.read(self._up.pid)) and up.alive:
            found["supervisor"] = [up]
            for process in proc.below({up.pid}):
                if name := proc.role(process):
                    found.setdefault(name, []).append(process)
        if "nats" not in found:  # adopted: it outlived its supervisor and is nobody's child
            found["nats"] = [
                p for p in proc.everyone() if proc.role(p) == "nats" and str(self.data) in " ".join(p.command)
            ]
        extra = {child.pid for child in self._extra.values() if child.returncode is None}
        mates = [found_ for pid in extra if (found_ := proc.read(pid))] + proc.below(extra)
        found["more"] = [process for process in mates if process.alive]
        return found

    def _remember(self) -> None:
        for group in self.processes().values():
            self._seen.update((process.pid, process.started) for process in group)
        if self._up:
            self._seen.update((process.pid, process.started) for process in proc.below({self._up.pid}))

    async def _watch(self) -> None:
        while True:
            self._remember()
            await asyncio.sleep(0.5)

    # ---- talking to it

    async def answers(self) -> bool:
        """True when the front door says it is up."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with aiohttp.ClientSession() as web, web.get(self.url + "/up", timeout=_second()) as answer:
                return answer.status == 200
        return False

    async def serves(self, model: str) -> bool:
        """True when a chat with `model` is answered; counted in `served`, for it has a record."""
        body = {"model": model, "messages": [{"role": "user", "content": "Are you there?"}]}
        head = {"Authorization": f"Bearer {self.key}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(headers=head, timeout=aiohttp.ClientTimeout(total=10)) as web,
                web.post(self.url + "/v1/chat/completions", json=body) as answer,
            ):
                await answer.read()
                self.served += answer.status == 200
                return answer.status == 200
        return False

    async def new_key(self, name: str) -> str:
        """A new app key, by the command an operator would use."""
        words = (await self.command("keys", "create", name)).split()
        key = next((word for word in words if word.startswith("ais-")), "")
        if not key:
            raise Broken(f"`keys create` told no key: {' '.join(words)[:200]}")
        return key

    async def callback_secrets(self) -> list[str]:
        """What callbacks may be signed with: the secret of this data directory, and that of our key."""
        link = self.link()
        if link is None:
            raise Broken("NATS is away")
        async with open_bus(link, "proof") as bus:
            config = Config(bus)
            await config.start()
            key = config.find_key(self.key)
        path = self.data / "callbacks.secret"
        found = [key.webhook_secret if key else "", path.read_text().strip() if path.exists() else ""]
        return [secret for secret in found if secret]

    async def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows of the archive, hot and cold, by `ai-server sql`."""
        text = await self.command("sql", "--format", "json", "--limit", "1000000", query)
        rows: list[dict[str, Any]] = json.loads(text or "[]")
        return rows

    async def command(self, *words: str) -> str:
        """What `ai-server WORDS` prints. Raises `Broken` when it fails."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ops.cli", *words, "--data", str(self.data)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.env,
        )
        out, err = await asyncio.wait_for(child.communicate(), 60)
        if child.returncode:
            raise Broken(f"`ai-server {words[0]}` failed: {err.decode()[-500:] or out.decode()[-500:]}")
        return out.decode()

    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    async def until(self, true: Callable[[], Coroutine[Any, Any, bool]], seconds: float, what: str) -> None:
        """Asks again and again. Raises `Broken` when `seconds` have passed, or at once when `up` has ended."""
        deadline = time.monotonic() + seconds
        while not await true():
            if self._up and self._up.returncode is not None and not self.deaths:
                raise Broken(f"`ai-server up` ended with {self._up.returncode}: {self._tail()}")
            if time.monotonic() > deadline:
                raise Broken(f"waited {seconds:g} s for {what}: {self._tail()}")
            await asyncio.sleep(0.02)

    def _tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-1500:] if self.log.exists() else "(no log)"

    # ---- the end

    async def stop(self, seconds: float = 10) -> None:
        """Asks `up` to end; what still lives after `seconds`, and what others left behind, is killed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._remember()
        for group in self.processes().values():
            for process in group:
                process.signal(signal.SIGCONT)
        for child in [*self._extra.values(), *([self._up] if self._up else [])]:
            if child.returncode is None:
                child.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), seconds)
        self._kill_left()

    def _kill_left(self) -> None:
        for pid, started in self._seen:
            process = proc.read(pid)
            if process and process.started == started:
                process.signal(signal.SIGKILL)


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """Without the keys and addresses of the person who runs the proof: no real provider is ever called."""
    hidden = ("_API_KEY", "_API_TOKEN", "NATS_URL", "AI_SERVER_", "OLLAMA_HOST", "COMFYUI_")
    return {name: value for name, value in env.items() if not any(part in name for part in hidden)}


def free_port() -> int:
    """A port that is free now. Another may take it before we do; then the start fails and says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _second() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=1)


async def until_signal(work: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Ctrl-C and SIGTERM end a run in order: nothing that we started may stay behind."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task
