"""An agent as a process of its own: `python agent_process.py URL USER PASSWORD PROVIDER_AS_JSON`. Serves until killed."""

import asyncio
import sys

import msgspec
from gateway_house import agent_of

from bus.connection import Link
from schemas.provider import Provider


async def main() -> None:
    url, user, password, provider = sys.argv[1:]
    async with agent_of(Link(url, user, password), msgspec.json.decode(provider, type=Provider)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
