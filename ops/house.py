"""A whole AI Server on one machine: NATS, a gateway, agents and an archiver, started, watched and stopped in order.

What a newcomer would get wrong: the supervisor itself listens on the port and hands the socket to the gateway, so a
gateway that is killed refuses nobody: new connections wait in the socket until the next one is there.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from bus.config import Config, new_key
from bus.connection import Bus, Link, open_bus
from bus.fleet import Fleet
from bus.streams import declare
from ops import rules, run, sections, telemetry
from ops import seal as sealing
from ops.children import Child, Output
from ops.detect import Found, detect
from ops.nats_home import Lock, write_private
from ops.seal import Seal
from ops.serving import DRAIN_SECONDS, listen
from ops.settings import Settings
from schemas.problem import Code, Problem
from schemas.provider import Provider

log = structlog.get_logger()

READY_SECONDS = 60.0
STOP_SECONDS = DRAIN_SECONDS + 3
ALONE = ("local", "speech")
"""Kinds with a model in memory: a process each."""


class Note(msgspec.Struct):
    """`<data>/up.json`: what the other commands, and the next `up`, know of this one."""

    pid: int = 0
    url: str = ""
    wrote: list[str] = []
    """Providers that `up` put into CONFIG: those it takes out again when they are gone from settings and machine."""


@dataclass(frozen=True, kw_only=True)
class House:
    """All that runs, for whoever shows it."""

    settings: Settings
    url: str
    link: Link
    config: Config
    fleet: Fleet
    found: list[Found]
    providers: dict[str, Provider]
    crew: "Crew"
    nats_pid: Callable[[], int]
    keys: dict[str, str]
    """Name -> key, made now because there was none. Shown once."""
    broken: Callable[[], Awaitable[None]]
    """Raises `Problem` when NATS had to be given up."""


@asynccontextmanager
async def house(settings: Settings, output: Output | None = None) -> AsyncIterator[House]:
    """The running house; drained and stopped at the end. Raises `Problem` when it can't be started."""
    telemetry.check(settings.telemetry)
    with _claimed(settings) as note:
        listener = listen(settings.host, settings.port)
        note.url = url_of(settings.host, listener.getsockname()[1])
        _write(settings, note)
        searching = asyncio.create_task(detect()) if settings.detect else None
        async with _nats(settings) as nats:
            crew = Crew(settings, output)
            try:
                sealing.load(settings.data, os.environ, make=True)  # the gateway looks for it as it starts
                crew.add("gateway", ["gateway", "--fd", str(listener.fileno())], nats.link, [listener.fileno()])
                async with open_bus(nats.link, "up") as bus:
                    yield await _open(settings, note, bus, crew, nats, await searching if searching else [])
            finally:
                listener.close()
                await crew.stop()


async def _open(settings: Settings, note: Note, bus: Bus, crew: "Crew", nats: "Nats", found: list[Found]) -> House:
    """Streams, providers, keys, agents: from here on the house can serve."""
    seal = sealing.load(settings.data, os.environ, make=True)
    await declare(bus)
    config = Config(bus)
    fleet = Fleet(bus, config)
    await config.start()
    mine = wanted(settings, found)
    await _configure(settings, config, mine, note, seal)
    _write(settings, note)
    providers = {name: one for name, one in config.providers.items() if _served_here(one, mine)}
    told = {name: one for name, one in providers.items() if name in mine or one.kind in ALONE}
    processes = groups(told)
    late = [name for name, one in told.items() if one.kind in sections.PATIENT]
    for name in (one for one in processes if one not in late):
        crew.add(name, ["agent", *processes[name]], nats.agent_link)
    await fleet.start()
    await _ready(note.url, crew)
    # Last: nobody waits for these, and they would slow down the others' start.
    crew.add("archiver", ["archiver"], nats.link)
    for name in late:
        crew.add(name, ["agent", *processes[name]], nats.agent_link)
    if tools := [name for name, one in mine.items() if one.kind in sections.TOOLS and not one.host]:
        crew.add("media", ["agent", *tools], nats.agent_link)
    return House(
        settings=settings,
        url=note.url,
        link=nats.link,
        config=config,
        fleet=fleet,
        found=found,
        providers=providers,
        crew=crew,
        nats_pid=nats.pid,
        keys=await _first_keys(config),
        broken=nats.broken,
    )


def wanted(settings: Settings, found: Sequence[Found]) -> dict[str, Provider]:
    """The providers to serve, by name: what was found, unless the settings name it too."""
    detected = {one.name: one.provider for one in found if one.provider}
    built_in = sections.transformers() if settings.transforms else {}
    return {**built_in, **detected, **settings.providers}


def groups(providers: dict[str, Provider]) -> dict[str, list[str]]:
    """Process name -> providers it serves. A model in memory gets a process of its own, all calls over HTTP share one.

    That one also serves whatever provider is added while it runs.
    """
    own = [name for name, one in providers.items() if one.kind in ALONE]
    shared = [name for name in providers if name not in own]
    return {"agents": [*shared, run.CALLBACKS.name, run.REST]} | {f"{n}": [n] for n in own}


def _served_here(provider: Provider, mine: Container[str]) -> bool:
    """For people to see: the house's own tools are none of what they added."""
    if provider.kind in (run.CALLBACKS.kind, *sections.TOOLS):
        return False
    return provider.name in mine or not provider.host


def url_of(host: str, port: int) -> str:
    """The address to tell people: one cannot browse to 0.0.0.0."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


class Crew:
    """The child processes, and the order in which they stop."""

    def __init__(self, settings: Settings, output: Output | None) -> None:
        self.settings, self.output = settings, output
        self.children: list[Child] = []

    def add(self, name: str, words: Sequence[str], link: Link, fds: Sequence[int] = ()) -> None:
        child = Child(name, [sys.executable, "-m", "ops.run", *words], self._environment(link), fds, self.output)
        self.children.append(child)
        child.start()

    async def stop(self) -> None:
        """The gateway first, so that nothing new comes in; the archiver last, for it writes what the others tell."""
        for group in (
            ["gateway"],
            [c.name for c in self.children if c.name not in ("gateway", "archiver")],
            ["archiver"],
        ):
            await asyncio.gather(*(child.stop(STOP_SECONDS) for child in self.children if child.name in group))

    def kill(self) -> None:
        for child in self.children:
            child.kill()

    def _environment(self, link: Link) -> dict[str, str]:
        settings = self.settings
        return {
            **os.environ,
            "NATS_URL": run.address(link),
            "AI_SERVER_DATA": str(settings.data),
            "AI_SERVER_HOST": settings.host,
            "AI_SERVER_CONFIG": settings.file,
            "AI_SERVER_LOG": settings.log.level,
        }


@dataclass(frozen=True)
class Nats:
    """The bus of this house, embedded or not. `agent_link` has no right to change streams or CONFIG."""

    link: Link
    agent_link: Link
    pid: Callable[[], int]
    broken: Callable[[], Awaitable[None]]


@asynccontextmanager
async def _nats(settings: Settings) -> AsyncIterator[Nats]:
    if settings.nats_url:
        link = run.link_of(settings.nats_url)
        yield Nats(link, link, lambda: 0, asyncio.Event().wait)  # type: ignore[arg-type]
        return
    from ops.embedded import EmbeddedNats

    async with EmbeddedNats(settings.data, settings.nats.port, settings.durability, host=settings.nats.host) as nats:
        agent_link = nats.home.link("agent", nats.pid) or nats.link
        yield Nats(nats.link, agent_link, lambda: nats.pid, nats.wait)


@contextmanager
def _claimed(settings: Settings) -> Iterator[Note]:
    """This process alone runs `up` on this data directory."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = Lock(settings.data / "up.lock")
    note = read_note(settings.data)
    if not lock.take():
        raise Problem(
            Code.CONFLICT,
            f"AI Server already runs on {settings.data} (process {lock.holder()}, {note.url}); "
            "stop it, or use another directory with --data",
        )
    try:
        yield Note(os.getpid(), "", note.wrote)
    finally:
        lock.drop()


def read_note(data: Path) -> Note:
    """What the last `up` on `data` noted; it may be gone since."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((data / "up.json").read_bytes(), type=Note)
    return Note()


def _write(settings: Settings, note: Note) -> None:
    write_private(settings.data / "up.json", msgspec.json.encode(note))


async def _configure(settings: Settings, config: Config, mine: dict[str, Provider], note: Note, seal: Seal) -> None:
    """CONFIG as settings and machine say. Providers that came from elsewhere (another host, an operator) are left alone."""
    if settings.nats_url:  # a bus that others share: our loopback is not theirs
        mine = {name: run.pinned(one) if is_loopback(one.base_url) else one for name, one in mine.items()}
    if config.providers.get(run.CALLBACKS.name) != run.CALLBACKS:
        await config.put_provider(run.CALLBACKS, sections.BY)
    await sections.introduce(config, mine.values(), seal, settings.data)
    await sections.withdraw(config, [name for name in note.wrote if name not in mine], settings.data)
    await rules.introduce(config, settings.models, settings.data)
    note.wrote = sorted(mine)


def is_loopback(base_url: str) -> bool:
    """An address that means another machine on each machine."""
    host = urlsplit(base_url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


async def _first_keys(config: Config) -> dict[str, str]:
    """On the first start an admin and an app key; never again, even if all were revoked."""
    if config.keys:
        return {}
    made = {}
    for name, scopes in (("admin", ("admin",)), ("app", ())):
        raw, key = new_key(name, scopes)
        await config.put_key(key)
        made[name] = raw
    return made


async def _ready(url: str, crew: Crew) -> None:
    """Until the gateway answers."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    until = asyncio.get_running_loop().time() + READY_SECONDS
    while not await _up(host.strip("[]"), int(port)):
        if asyncio.get_running_loop().time() > until:
            restarts = crew.children[0].restarts
            raise Problem(
                Code.UNAVAILABLE, f"the gateway did not come up in {READY_SECONDS:.0f} s ({restarts} restarts)"
            )
        await asyncio.sleep(0.02)


async def _up(host: str, port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET /up HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    return False
