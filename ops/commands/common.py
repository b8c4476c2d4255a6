"""What all commands share: where the server is, and a word with its bus."""

import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from bus.connection import Bus, Link
    from ops.settings import Settings


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Options that every command takes."""

    data: Annotated[Path | None, Parameter(help="Data directory [default: ~/.local/share/ai-server].")] = None
    config: Annotated[Path | None, Parameter(help="Settings file [default: ./ai-server.toml, if it exists].")] = None


HERE = Where()


@Parameter(name="*")
@dataclass(frozen=True)
class Box:
    """What an agent of another machine is told: the way to the server, and where on this machine its provider is."""

    nats: Annotated[
        str, Parameter(help="The NATS to join [default: NATS_URL, or the one here].", show_default=False)
    ] = ""
    token: Annotated[
        str, Parameter(help="The agents' token there.", env_var="AI_SERVER_AGENT_TOKEN", show_default=False)
    ] = ""
    url: Annotated[
        str,
        Parameter(help="Where the provider answers [default: as found, or as in the settings].", show_default=False),
    ] = ""
    kind: Annotated[
        str, Parameter(help="Its kind, with --url [default: NAME, if that is a kind; else openai].", show_default=False)
    ] = ""
    drain: Annotated[float, Parameter(help="Seconds to finish what runs when it shall stop.")] = 25.0
    """Less than the 30 s that a service manager has patience."""


HERE_ALONE = Box()


def settings_of(where: Where, **flags: Any) -> "Settings":
    from ops.settings import load

    return load(where.config, {"data": str(where.data) if where.data else None, **flags})


def link_of(settings: "Settings") -> "Link | None":
    """The bus: NATS_URL if it is set, else the running server of this data directory; None when there is neither."""
    if settings.nats_url:
        from ops import joining

        return joining.way(settings.nats_url, os.environ.get("AI_SERVER_AGENT_TOKEN", ""))
    from ops.embedded import find

    return find(settings.data)


def need_link(settings: "Settings") -> "Link":
    from schemas.problem import Code, Problem

    link = link_of(settings)
    if link is None:
        raise Problem(
            Code.UNAVAILABLE,
            f"no AI Server runs on {settings.data}; start it with `ai-server up`, "
            "name its directory with --data, or set NATS_URL",
        )
    return link


def talk(where: Where, work: "Callable[[Bus, Settings], Coroutine[Any, Any, int]]") -> int:
    code: int = ask_bus(settings_of(where), work)
    return code


def ask_bus(settings: "Settings", work: "Callable[[Bus, Settings], Coroutine[Any, Any, Any]]") -> Any:
    import asyncio

    from bus.connection import open_bus
    from ops import logs

    logs.setup("error")

    async def main() -> Any:
        async with open_bus(need_link(settings), "cli", timeout=3) as bus:
            return await work(bus, settings)

    return asyncio.run(main())


def fail(sentence: str, code: int = 1) -> int:
    sys.stderr.write(f"ai-server: {sentence}\n")
    return code
