"""The roles: who meets whom in a gateway, an agent, an archiver. `python -m ops.run ROLE` is one process.

Each role reads like a list: open the bus, start the parts, serve until asked to stop, drain. What a newcomer would get
wrong: SIGTERM ends the intake first and the bus last, because what is being answered still needs it.
"""

from ops import lean  # noqa: F401

# isort: split
import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import structlog
from msgspec.structs import replace

from bus.connection import Bus, Link, open_bus
from ops import logs
from ops.children import SUPERVISOR, end_with_parent
from ops.serving import DRAIN_SECONDS, listen, serve
from ops.settings import Settings, load, secret
from schemas.problem import Code, Fault, Problem
from schemas.provider import Provider

if TYPE_CHECKING:
    from bus.config import Config
    from bus.dispatch import Dispatcher

log = structlog.get_logger()

CONFIG_SECONDS = 15.0
"""How long an agent waits for its provider to be named in CONFIG."""

SIGNING = "AI_SERVER_CALLBACK_SECRET"
"""Environment: what callbacks are signed with (`whsec_…`; several, separated by spaces, while one replaces another)."""

CALLBACKS = Provider(name="callbacks", kind="callbacks", key=f"env:{SIGNING}", discover=False, slots=32)
"""The queue of web callbacks: a provider like any other, so that deliveries have state and retries."""


async def gateway(settings: Settings, link: Link, stop: asyncio.Event, listener: socket.socket | None = None) -> None:
    """The front door, and what needs to be somewhere: intake, auth callout, keeper."""
    from bus.config import Config
    from bus.dispatch import Dispatcher
    from bus.finish import Finish
    from bus.fleet import Fleet
    from bus.ids import Ids
    from bus.jobs import Jobs
    from bus.keeper import Keeper
    from gateway.app import build
    from gateway.parts import Limits, Parts

    listener = listener or listen(settings.host, settings.port)
    async with open_bus(link, "gateway") as bus:
        await declare(bus)
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        finish = Finish(bus, jobs, ids, settings.archive.bodies)
        dispatcher = Dispatcher(fleet, jobs, ids, finish, settings.limits.queue_seconds)
        for part in (config, ids, fleet, dispatcher, Keeper(dispatcher)):
            await part.start()
        parts = Parts(
            bus=bus,
            config=config,
            fleet=fleet,
            dispatcher=dispatcher,
            limits=Limits(
                body_bytes=settings.limits.body_bytes,
                sync_seconds=settings.limits.sync_seconds,
                job_seconds=settings.limits.job_seconds,
            ),
            private_callbacks=settings.private_callbacks,
            bodies=settings.archive.bodies,
            version=version("ai-server"),
        )
        async with doorkeeper(settings, link, config):
            await serve(build(parts), listener, stop, lambda: hurry(dispatcher))


def hurry(dispatcher: "Dispatcher") -> None:
    """The time to drain is over: sync calls that still run get an answer that says so, not a closed connection."""
    for call in list(dispatcher.calls.values()):
        call.fail(Fault(Code.UNAVAILABLE, "The server is stopping; please try again.", retry_after=5))


@asynccontextmanager
async def doorkeeper(settings: Settings, link: Link, config: "Config") -> AsyncIterator[None]:
    """The auth callout, where the NATS is our embedded one. Another NATS has its own ways to know its clients."""
    from bus.callout import Callout
    from ops.embedded import callout_of

    needed = await asyncio.to_thread(callout_of, settings.data)
    if needed is None or needed.link.url != link.url:
        yield
        return
    async with open_bus(needed.link, "callout") as bus:
        await Callout(bus, needed.seed, config.find_key).start()
        yield


async def agent(settings: Settings, link: Link, stop: asyncio.Event, names: Sequence[str]) -> None:
    """One process that serves the providers `names`."""
    from bus.config import Config
    from bus.finish import Finish
    from bus.fleet import Fleet
    from bus.ids import Ids
    from bus.jobs import Jobs
    from ops.provide import Served

    async with open_bus(link, "agent-" + "-".join(names)[:40]) as bus:
        if not supervised():
            await declare(bus)
        config, ids = Config(bus), Ids(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        finish = Finish(bus, Jobs(bus), ids, settings.archive.bodies)
        providers = [await provider(settings, config, name) for name in names]
        served = [Served(fleet, finish, one, private=settings.private_callbacks) for one in providers]
        for one in served:
            one.start()
        await stop.wait()
        await asyncio.gather(*(one.drain(DRAIN_SECONDS) for one in served))


async def archiver(settings: Settings, link: Link, stop: asyncio.Event) -> None:
    """The one writer of the archive."""
    from ops.archiver import run_archiver

    async with open_bus(link, "archiver") as bus:
        await declare(bus)
        await run_archiver(bus, settings.data / "archive", flush_seconds=settings.archive.flush_seconds, stop=stop)


# ---- what the roles share -------------------------------------------------------------------------------------------


async def provider(settings: Settings, config: "Config", name: str) -> Provider:
    """The provider `name`: from this process's settings, else as CONFIG knows it. Waits for CONFIG a while."""
    if name == CALLBACKS.name:
        return CALLBACKS if secret(CALLBACKS.key) else _unsigned()
    if mine := settings.providers.get(name):
        if config.providers.get(name) != mine:
            await config.put_provider(mine)
        return mine
    waited = 0.0
    while name not in config.providers:
        if waited >= CONFIG_SECONDS or not supervised():
            known = ", ".join(sorted({*config.providers, *settings.providers})) or "none"
            raise Problem(Code.NOT_FOUND, f"there is no provider `{name}`; known: {known}")
        await asyncio.sleep(0.05)
        waited += 0.05
    return config.providers[name]


def _unsigned() -> Provider:
    log.warning("callbacks.unsigned", reason=f"{SIGNING} is not set")
    return replace(CALLBACKS, key="")


def supervised() -> bool:
    """Started by `up`, which has declared the streams and named the providers."""
    return SUPERVISOR in os.environ


async def declare(bus: Bus) -> None:
    from bus import streams

    await streams.declare(bus)


def address(link: Link) -> str:
    """A link as one URL with its secret, for a child's environment (which only its own user can read)."""
    scheme, _, place = link.url.partition("://")
    who = f"{link.user}:{link.password}" if link.user else link.token
    return f"{scheme}://{who}@{place}" if who else link.url


def link_of(url: str) -> Link:
    """`NATS_URL` with its secret taken out of the address. Several servers, comma-separated, share one secret."""
    parts = [urlsplit(one.strip() if "://" in one else f"nats://{one.strip()}") for one in url.split(",")]
    first = parts[0]
    place = ",".join(f"{one.scheme}://{one.netloc.rpartition('@')[2]}" for one in parts)
    if first.password is None:
        return Link(place, token=unquote(first.username or ""))
    return Link(place, unquote(first.username or ""), unquote(first.password))


# ---- one process ----------------------------------------------------------------------------------------------------


def start(role: str, settings: Settings, link: Link, names: Sequence[str] = (), fd: int = -1) -> int:
    """Run a role until SIGTERM or SIGINT; the exit code. A second signal ends it at once."""
    import uvloop

    logs.setup(settings.log.level, role)
    listener = socket.socket(fileno=fd) if fd >= 0 else None
    roles: dict[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]] = {
        "gateway": lambda stop: gateway(settings, link, stop, listener),
        "agent": lambda stop: agent(settings, link, stop, names),
        "archiver": lambda stop: archiver(settings, link, stop),
    }
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_until_asked(roles[role]))
        except Problem as problem:
            log.error(f"{role}.failed", code=problem.code, reason=str(problem))
            return 1
        except Exception:
            log.exception(f"{role}.crashed")
            return 1
    return 0


async def _until_asked(role: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    await role(stop)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ops.run gateway [--fd N] | agent NAME… | archiver`: how `up` starts its children."""
    end_with_parent()
    role, *rest = sys.argv[1:] if arguments is None else arguments
    fd = -1
    if rest[:1] == ["--fd"]:
        fd, rest = int(rest[1]), rest[2:]
    settings = load()
    return start(role, settings, link_of(settings.nats_url), rest, fd)


if __name__ == "__main__":
    sys.exit(main())
