"""The archive for the gateway: the same engine as `ai-server sql`, over the archive of this data directory, in processes of
its own.

What a newcomer would get wrong: a gateway on another machine than the archiver has an empty directory here, and sees what
LOG holds of the last 60 days, and no more.
"""

import asyncio
import itertools
from pathlib import Path

from bus.connection import Bus
from gateway.past import LIMIT, Query, Told
from ops.log_reader import read_hot
from ops.readers import Readers
from schemas.problem import Code, Problem
from storage import frames
from storage.frames import Question
from storage.parts import snapshot
from storage.rights import ALL, Whose
from storage.sql import Result
from storage.table import when
from storage.tables import month_of

SECONDS = 30.0


class Archived:
    """Answers for one process. `aclose` ends its readers, as the end of the process does."""

    def __init__(self, bus: Bus, root: Path, readers: Readers | None = None) -> None:
        self.bus, self.root = bus, root
        self.readers = readers or Readers(root)
        self._numbers = itertools.count(1)
        self._running: dict[tuple[str, str], asyncio.Task[Told]] = {}
        self._cancelled: set[tuple[str, str]] = set()

    async def ask(self, *questions: str, month: str = "", limit: int = LIMIT, whose: Whose = ALL) -> list[Result]:
        question = Question(
            id=self._number(),
            sqls=list(questions),
            month=month,
            limit=limit,
            seconds=SECONDS,
            whose=whose,
            trusted=True,
        )
        answer, _ = await self.readers.answer(question, f"{whose.tenant}.{whose.key}", self._hot)
        assert isinstance(answer, frames.Rows)
        return [
            Result(one.columns, one.types, [tuple(row) for row in one.rows], one.cut, one.warnings)
            for one in answer.tables
        ]

    async def months(self) -> list[str]:
        state, hot = await asyncio.to_thread(snapshot, self.root), await read_hot(self.bus, self.root)
        found = {part.month for part in state.parts if part.table == "requests"}
        return sorted(found | {month_of(when(row)) for _, row in hot.rows}, reverse=True)

    async def run(self, query: Query) -> Told:
        name = (query.asker, query.id)
        if name in self._running:
            raise Problem(Code.CONFLICT, f"A query with the id `{query.id}` is running; choose another.", param="id")
        self._running[name] = task = asyncio.ensure_future(self._run(query))
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            if name not in self._cancelled:
                raise
            raise Problem(Code.CANCELLED, "The query was cancelled.") from None
        finally:
            self._running.pop(name, None)
            self._cancelled.discard(name)

    def cancel(self, asker: str, query_id: str) -> bool:
        task = self._running.get((asker, query_id))
        if task is None:
            return False
        self._cancelled.add((asker, query_id))
        task.cancel()
        return True

    async def aclose(self) -> None:
        await self.readers.close()

    async def _run(self, query: Query) -> Told:
        number = self._number()
        question = Question(
            id=query.id if query.kind == "json" else number, sqls=[query.sql], kind=query.kind, month=query.month,
            limit=query.limit, seconds=query.seconds, whose=query.whose, target=f"{number}.{query.kind}",
        )  # fmt: skip
        answer, folder = await self.readers.answer(question, query.asker, self._hot)
        match answer:
            case frames.Text():
                return Told(body=answer.body, rows=answer.rows)
            case frames.Saved():
                return Told(file=folder / question.target, rows=answer.rows)
        raise Problem(Code.INTERNAL, "The reader of the archive answered something else.")

    async def _hot(self) -> frames.Waiting:
        return frames.waiting(await read_hot(self.bus, self.root))

    def _number(self) -> str:
        return f"q{next(self._numbers)}"
