"""`ai-server route`: where a request would go now, and why, without sending it."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ops.commands.common import HERE, Where, talk

if TYPE_CHECKING:
    from bus.connection import Bus
    from ops.settings import Settings

LISTEN_SECONDS = 1.2
"""Every agent answers at once when asked; one that is busy beats within a second."""


def route(
    *,
    model: Annotated[str, Parameter(help="Model, or several to fall back on: a,b,c.")],
    op: Annotated[str, Parameter(help="Operation.")] = "chat",
    key: Annotated[str, Parameter(help="Ask as this key: its id or the key itself.")] = "",
    provider: Annotated[str, Parameter(help="Only these providers, with commas.", show_default=False)] = "",
    explain: Annotated[bool, Parameter(help="Tell of each candidate why it was chosen or not.", negative=())] = False,
    where: Where = HERE,
) -> int:
    """Show where a request would go now, without sending it."""

    async def work(bus: "Bus", settings: "Settings") -> int:
        told = await _asked(bus, settings, (model, op, key, provider))
        _show(told, explain)
        return 0 if told["queue"] else 1

    return talk(where, work)


async def _asked(bus: "Bus", settings: "Settings", asked: tuple[str, str, str, str]) -> dict[str, Any]:
    from bus.config import Config
    from bus.fleet import Fleet
    from bus.foresee import Question, foresee
    from gateway.access import Access
    from ops import catalogue
    from schemas.problem import Code, Problem

    model, op, key, provider = asked
    config = Config(bus)
    fleet = Fleet(bus, config)
    await config.start()
    await fleet.start()
    if key:
        known = config.keys.get(key) or config.find_key(key)
        if known is None:
            raise Problem(Code.NOT_FOUND, "there is no such key; `ai-server keys list` names them")
        access = Access(config, catalogue.load(settings.overrides_folder))
        access.check(known)
        access.allow(known, op, model)
    await asyncio.sleep(LISTEN_SECONDS)
    names = tuple(name.strip() for name in provider.split(",") if name.strip())
    return foresee(fleet, Question(model=model, op=op, providers=names))


def _show(told: dict[str, Any], explain: bool) -> None:
    if told["queue"]:
        wait = f", when it has cooled in {told['wait_seconds']:.1f} s" if told["wait_seconds"] else ""
        sys.stdout.write(f"{told['model']} -> {told['queue']} ({told['strategy']}){wait}\n")
    else:
        sys.stderr.write(f"ai-server: {told['refused']['message']}\n")
    for step in told["trail"] if explain else ():
        sys.stdout.write(f"  {step['model']}  {step['queue'] or '-'}: {step['verdict']}\n")
