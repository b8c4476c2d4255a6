"""`ai-server top`: the whole house as it is now, in a terminal or for a script."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ops.commands.common import HERE, Where, fail, talk

if TYPE_CHECKING:
    from bus.connection import Bus
    from ops.settings import Settings


def top(
    *,
    once: Annotated[bool, Parameter(help="Print it once and stop.", negative=())] = False,
    json: Annotated[bool, Parameter(help="As JSON: docs/reference/live.md has its fields.", negative=())] = False,
    url: Annotated[str, Parameter(help="Ask this gateway [default: the bus].", show_default=False)] = "",
    key: Annotated[str, Parameter(help="An administrator's key, with --url.", env_var="AI_SERVER_KEY")] = "",
    where: Where = HERE,
) -> int:
    """Show queues, processes and running jobs, live. Without a terminal, or with --json, a state a second."""
    import asyncio

    from ops import top as screen

    if url and not key:
        raise SystemExit(fail("--url wants --key: ai-server keys create NAME --admin", 2))
    if url:
        return asyncio.run(screen.show(screen.from_gateway(url, key), once, json))

    async def work(bus: "Bus", settings: "Settings") -> int:
        return await screen.show(screen.from_bus(bus), once, json)

    return talk(where, work)
