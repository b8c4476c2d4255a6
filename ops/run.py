"""The roles: who meets whom in a gateway, an agent, an archiver. `python -m ops.run ROLE` is one process.

Each role reads like a list: open the bus, start the parts, serve until asked to stop, drain. What a newcomer would get
wrong: SIGTERM ends the intake first and the bus last, because what is being answered still needs it.
"""

from ops import lean

# isort: split
import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import structlog
from msgspec.structs import replace

from bus.connection import Bus, Link, open_bus
from ops import catalogue, logs, sections
from ops import seal as sealing
from ops.children import SUPERVISOR, end_with_parent
from ops.seal import Seal, holds_literal
from ops.serving import DRAIN_SECONDS, listen, serve
from ops.settings import Settings, load
from ops.telemetry import tracer_of
from schemas.catalogue import Catalogue
from schemas.problem import Code, Fault, Problem
from schemas.provider import Provider

if TYPE_CHECKING:
    from bus.config import Config
    from bus.dispatch import Dispatcher

log = structlog.get_logger()

CALLBACKS = sections.CALLBACKS
REST = "--rest"
"""Word of an agent's command line: serve also what is nobody else's."""


async def gateway(settings: Settings, link: Link, stop: asyncio.Event, listener: socket.socket | None = None) -> None:
    """The front door, and what needs to be somewhere: intake, auth callout, keeper."""
    from agents._templates import workflows
    from bus.config import Config
    from bus.dispatch import Dispatcher
    from bus.finish import Finish
    from bus.fleet import Fleet
    from bus.ids import Ids
    from bus.jobs import Jobs
    from bus.keeper import Keeper
    from bus.registry import Registry
    from gateway.app import build
    from gateway.dialects.doors import posted_of, result_of
    from gateway.parts import FileRules, Limits, Parts
    from ops.past import Archived
    from ops.pricing import Books
    from ops.reloading import Reloading
    from ops.tuning import Tuning, pour

    known = catalogue_of(settings)
    listener = listener or listen(settings.host, settings.port)
    async with open_bus(link, "gateway") as bus, open_bus(link, "gateway-files") as bulk:
        await declare(bus)
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        discretion = settings.archive.discretion(config.bodies_wish)
        fleet.counts.keyed = settings.telemetry.label_keys
        fleet.tracer = tracer_of(settings.telemetry, "gateway", discretion)
        finish = Finish(bus, jobs, ids, discretion, show=result_of, post=posted_of)
        dispatcher = Dispatcher(fleet, jobs, ids, finish, settings.limits.queue_seconds)
        books = Books(config, settings.data, known)
        finish.accounts, dispatcher.list_price = books, books.list_price
        for part in (config, ids, fleet, dispatcher, Keeper(dispatcher), books):
            await part.start()
        reloading = Reloading(bus, known, settings.overrides_folder, books.forget)
        await reloading.start()
        past = Archived(bus, settings.data / "archive")
        limits, files = Limits(), FileRules()

        def apply(tuned: Settings) -> None:
            pour(tuned.limits, limits)
            pour(tuned.files, files)
            pour(tuned.archive, discretion)
            dispatcher.queue_seconds = tuned.limits.queue_seconds

        parts = Parts(
            bus=bus,
            config=config,
            fleet=fleet,
            dispatcher=dispatcher,
            limits=limits,
            private_callbacks=settings.private_callbacks,
            discretion=discretion,
            public_metrics=settings.telemetry.public_metrics,
            version=version("ai-server"),
            accounts=books,
            bulk=bulk,
            files=files,
            workflows=workflows(),
            admin_secret=settings.admin_secret,
            registry=Registry(config, sealing.load(settings.data, os.environ), known, catalogue.kinds()),
            past=past,
            reload=reloading.ask,
            stopping=stop,
            tuning=Tuning(config, settings, apply),
        )
        async with doorkeeper(settings, link, config), aclosing(past):
            await serve(build(parts), listener, stop, lambda: hurry(dispatcher))


def hurry(dispatcher: "Dispatcher") -> None:
    """The time to drain is over: sync calls that still run get an answer that says so, not a closed connection."""
    for call in list(dispatcher.calls.values()):
        call.fail(Fault(Code.UNAVAILABLE, "The server is stopping; please try again.", retry_after=5))


@asynccontextmanager
async def doorkeeper(settings: Settings, link: Link, config: "Config") -> AsyncIterator[None]:
    """The auth callout, where the NATS is our embedded one. Another NATS has its own ways to know its clients."""
    from bus.callout import serve_callout
    from ops.embedded import callout_of

    needed = await asyncio.to_thread(callout_of, settings.data)
    if needed is None or needed.link.url != link.url:
        yield
        return
    async with serve_callout(needed, config.find_key):
        yield


async def agent(
    settings: Settings, link: Link, stop: asyncio.Event, names: Sequence[str], drain: float = DRAIN_SECONDS
) -> None:
    """One process that serves the providers `names` (`REST`: also nobody else's). `drain`: seconds for what is in hand."""
    from agents.agent import load as load_agent
    from bus.config import Config
    from bus.finish import Finish
    from bus.fleet import Fleet
    from bus.ids import Ids
    from bus.jobs import Jobs
    from gateway.dialects.doors import posted_of, result_of
    from ops.artifacts import Shelf, keeping_of
    from ops.pricing import Books
    from ops.provide import Means
    from ops.reloading import Reloading
    from ops.team import Team
    from ops.tuning import Tuning, pour

    rest, names = REST in names, [name for name in names if name != REST]
    if rest:
        load_agent("openai")  # aiohttp costs 0.3 s: the first provider that is added live must not wait for it
    async with open_bus(link, "agent-" + "-".join(names)[:40]) as bus:
        if not supervised():
            await declare(bus)
        config, ids = Config(bus), Ids(bus)
        fleet = Fleet(bus, config)
        discretion = settings.archive.discretion(config.bodies_wish)
        fleet.counts.keyed = settings.telemetry.label_keys
        fleet.tracer = tracer_of(settings.telemetry, "agent", discretion)
        for part in (config, ids, fleet):
            await part.start()
        seal = await own_sections(settings, config, names)
        shelf = Shelf(bus, ids.new, keeping_of(settings))

        def apply(tuned: Settings) -> None:
            pour(tuned.archive, discretion)
            pour(keeping_of(tuned), shelf.keeping)

        Tuning(config, settings, apply)
        means = Means(private=settings.private_callbacks, seal=seal, catalogue=catalogue_of(settings), shelf=shelf)
        finish = Finish(bus, Jobs(bus), ids, discretion, show=result_of, post=posted_of)
        finish.accounts = books = Books(config, settings.data, means.catalogue)
        await books.start()
        fleet.teller.version = version("ai-server")
        team = Team(fleet, finish, names, means, rest=rest)

        def renew() -> None:
            books.forget()
            team.renew()

        await Reloading(bus, means.catalogue, settings.overrides_folder, renew).start()
        try:
            await team.run(stop, drain)
        finally:
            fleet.teller.farewell()
            await shelf.close()


async def archiver(settings: Settings, link: Link, stop: asyncio.Event) -> None:
    """The one writer of the archive."""
    from bus.config import Config
    from ops.archiver import run_archiver
    from ops.tuning import Tuning, pour
    from storage.keeping import Rules

    async with open_bus(link, "archiver") as bus:
        await declare(bus)
        config, rules = Config(bus), Rules()
        await config.start()
        Tuning(config, settings, lambda tuned: pour(tuned.archive, rules))
        await run_archiver(bus, settings.data / "archive", settings.archive.flush_seconds, stop, rules)


# ---- what the roles share -------------------------------------------------------------------------------------------


async def own_sections(settings: Settings, config: "Config", names: Sequence[str]) -> Seal:
    """An agent that was started by hand brings its own sections along, as belonging to this machine.

    Raises `Problem(NOT_FOUND)` for a name that neither they nor CONFIG know.
    """
    mine = [pinned(settings.providers[name]) for name in names if name in settings.providers]
    seal = sealing.load(settings.data, os.environ, make=any(holds_literal(one) for one in mine))
    if supervised():  # `up` has brought them
        return seal
    unknown = [name for name in names if name not in (*settings.providers, *config.providers, CALLBACKS.name)]
    if unknown:
        known = ", ".join(sorted({*config.providers, *settings.providers})) or "none"
        raise Problem(Code.NOT_FOUND, f"there is no provider `{unknown[0]}`; known: {known}")
    await sections.introduce(config, mine, seal, settings.data)
    return seal


def pinned(provider: Provider) -> Provider:
    """Its address and its secrets are meant for the machine they were told on."""
    return replace(provider, host=provider.host or socket.gethostname())


def catalogue_of(settings: Settings) -> Catalogue:
    """Raises `Problem` for an override that can't be read: better no start than other models than meant."""
    try:
        return catalogue.load(settings.overrides_folder)
    except catalogue.BadCatalogueError as error:
        raise Problem(Code.INVALID_REQUEST, str(error)) from error


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


def start(
    role: str, settings: Settings, link: Link, names: Sequence[str] = (), fd: int = -1, drain: float = DRAIN_SECONDS
) -> int:
    """Run a role until SIGTERM or SIGINT; the exit code. A second signal ends it at once.

    `names`: an agent's providers, with `--rest` among them for those that are nobody else's; `drain`: its patience.
    """
    import uvloop

    logs.setup(settings.log.level, role)
    listener = socket.socket(fileno=fd) if fd >= 0 else None
    roles: dict[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]] = {
        "gateway": lambda stop: gateway(settings, link, stop, listener),
        "agent": lambda stop: agent(settings, link, stop, names, drain),
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

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    lean.collect_rarely(loop)
    try:
        await role(stop)
    finally:
        lean.collect_all()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ops.run gateway [--fd N] | agent NAME… [--rest] | archiver`: how `up` starts its children."""
    end_with_parent()
    role, *rest = sys.argv[1:] if arguments is None else arguments
    fd = -1
    if rest[:1] == ["--fd"]:
        fd, rest = int(rest[1]), rest[2:]
    settings = load()
    return start(role, settings, link_of(settings.nats_url), rest, fd)


if __name__ == "__main__":
    sys.exit(main())
