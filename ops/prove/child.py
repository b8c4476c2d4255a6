"""Helper processes of proof and bench: programs of ours that print their port and serve until they are killed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def server(module: str, *words: str) -> AsyncIterator[int]:
    """A helper process that prints its port; killed at the end. Yields the port."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    try:
        yield int(await asyncio.wait_for(child.stdout.readline(), 20))
    finally:
        child.kill()
        await child.wait()
