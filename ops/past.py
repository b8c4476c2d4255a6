"""The archive for the gateway: the same engine as `ai-server sql`, over the archive of this data directory.

What a newcomer would get wrong: a gateway on another machine than the archiver has an empty directory here, and sees what
LOG holds of the last 60 days, and no more.
"""

import asyncio
from pathlib import Path

from bus.connection import Bus
from gateway.past import LIMIT
from ops.archiver import read_hot
from storage.parts import snapshot
from storage.sql import Result, Sql
from storage.tables import month_of

TOGETHER = 2
"""Questions at a time: each may take 512 MB."""
SECONDS = 30.0


class Archived:
    """Answers for one process."""

    def __init__(self, bus: Bus, root: Path) -> None:
        self.bus, self.root = bus, root
        self._room = asyncio.Semaphore(TOGETHER)

    async def ask(self, *questions: str, month: str = "", limit: int = LIMIT) -> list[Result]:
        async with self._room:
            hot = await read_hot(self.bus, self.root)
            engine = Sql(self.root, hot, month=month)
            return await asyncio.to_thread(engine.queries, questions, limit, SECONDS)

    async def months(self) -> list[str]:
        state, hot = await asyncio.to_thread(snapshot, self.root), await read_hot(self.bus, self.root)
        found = {part.month for part in state.parts} | {month_of(row.created) for _, row in hot.rows}
        return sorted(found, reverse=True)
