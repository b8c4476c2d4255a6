"""NATS alone, as a role: for a house whose gateway, agents and archiver are containers or stand on other hosts.

What a newcomer would get wrong: roles that share this server's data directory (gateway, archiver) find address and secret
in it and need nothing else. An agent does not share it: it is told the address, and the agents' token.
"""

import asyncio
import signal

import structlog

from ops import logs
from ops.embedded import EmbeddedNats
from ops.nats_home import Home
from ops.settings import Settings
from schemas.problem import Code, Problem

log = structlog.get_logger()

TOKEN = "AI_SERVER_AGENT_TOKEN"
"""Environment: the secret with which agents log in to our NATS, as its user `agent`."""
SHORTEST = 16


def agents_token(settings: Settings) -> str:
    """The secret for agents of other machines. The first start makes it. Raises `Problem(NOT_FOUND)` before that."""
    home = Home(settings.data)
    if not home.path.is_dir():
        raise Problem(Code.NOT_FOUND, f"no AI Server has run on {settings.data} yet; start it with `ai-server up`")
    return home.secrets().passwords["agent"]


def start(settings: Settings, host: str, port: int, known_as: str, token: str) -> int:
    """Run until SIGTERM or SIGINT; the exit code. `token` (empty: keep the stored one) becomes the agents' secret."""
    logs.setup(settings.log.level, "nats")
    if token:
        if len(token) < SHORTEST:
            raise Problem(Code.INVALID_REQUEST, f"{TOKEN} must have at least {SHORTEST} characters")
        home = Home(settings.data)
        home.make()
        home.set_password("agent", token)
    asyncio.run(_serve(settings, host, port, known_as))
    return 0


async def _serve(settings: Settings, host: str, port: int, known_as: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with EmbeddedNats(settings.data, port, settings.durability, host=host, known_as=known_as) as nats:
        ends = [asyncio.ensure_future(one) for one in (stop.wait(), nats.wait())]
        done, pending = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()
