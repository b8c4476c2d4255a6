"""A batch's input: its requests, read from the file as often as they are needed, and the jobs that they have become.

What a newcomer would get wrong: nothing says which line became which job but the job's ref, which is made from the batch's
number and the line's.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from bus.dispatch import Dispatcher
from bus.filing import TOGETHER, Drawer, jobs_of
from gateway.access import Access
from gateway.batch_lines import Bad, Request, lines, read_line, twice
from gateway.dialects._dialect import Door
from gateway.files import Files
from gateway.parts import Limits
from gateway.till import Till
from schemas.files import BATCH, BatchRecord
from schemas.job import Job, Style
from schemas.problem import Code, Fault, Problem

GROUP = 256
"""Lines whose jobs are looked up together."""
WAIT = frozenset({Code.OVERLOADED, Code.UNAVAILABLE, Code.NO_PROVIDER, Code.RATE_LIMITED})
"""A line refused so is sent again later: a batch has the time."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tools:
    """What every run needs of its process."""

    dispatcher: Dispatcher
    files: Files
    records: Drawer[BatchRecord]
    access: Access
    limits: Limits
    till: Till | None = None


class InputGone(Exception):
    """The input file has no bytes any more."""


class Input:
    """The input of one batch. `record` is read for what never changes. `refused`: line number -> why it became no job."""

    def __init__(self, tools: Tools, record: BatchRecord, door: Door) -> None:
        self.tools, self.record, self.door = tools, record, door
        self.refused: dict[int, Fault] = {}

    async def requests(self) -> AsyncGenerator[Request | Bad, None]:
        """The input's lines, as they are meant. The second with the same custom_id is a bad one."""
        blob = await self.tools.files.blobs.find(self.record.blob)
        if blob is None:
            raise InputGone
        seen: set[str] = set()
        data = self.tools.files.blobs.read(blob)
        try:
            async for line in lines(data, self.tools.limits.body_bytes):
                read = read_line(line, self.record.endpoint, self.door)
                if isinstance(read, Request):
                    if read.custom_id in seen:
                        read = twice(read)
                    else:
                        seen.add(read.custom_id)
                yield read
        finally:
            await data.aclose()

    async def groups(self) -> AsyncGenerator[list[Request | Bad], None]:
        group: list[Request | Bad] = []
        size = 0
        async with aclosing(self.requests()) as requests:
            async for line in requests:
                group.append(line)
                size += len(line.body) if isinstance(line, Request) else 0
                if len(group) >= GROUP or size > 4 * self.tools.limits.body_bytes:
                    yield group
                    group, size = [], 0
        if group:
            yield group

    async def jobs(self, group: list[Request | Bad]) -> dict[int, int]:
        """Line number -> job, for the lines that have one."""
        refs = {self.ref(line.number): line.number for line in group if isinstance(line, Request) and not line.fault}
        found = await jobs_of(self.tools.dispatcher.bus, self.record.tenant, self.record.key, list(refs))
        return {refs[ref]: job for ref, job in found.items()}

    def refusal(self, request: Request) -> Fault | None:
        """Why a line has no job, if there is a reason but the time."""
        if fault := request.fault or self.refused.get(request.number):
            return fault
        try:
            self.tools.dispatcher.choice_for(self.job(request))
        except Problem as problem:
            return None if problem.code in WAIT else problem.fault
        return None

    def job(self, request: Request) -> Job:
        record = self.record
        return Job(
            id=self.tools.dispatcher.new_id(),
            tenant=record.tenant,
            key=record.key,
            op=self.door.operation.name,
            model=request.model,
            body=request.body,
            created=time.time(),
            deadline=record.expires,
            style=Style.QUEUED,
            keep=True,
            durable=True,
            ref=self.ref(request.number),
            tag=f"{BATCH}{record.id}",
            dialect=self.door.dialect.name,
            echo=request.echo,
        )

    def ref(self, number: int) -> str:
        return f"batch.{self.record.id}.{number}"


def together(many: Sequence[T]) -> list[Sequence[T]]:
    """Parts of as many as may be read with their results at a time."""
    return [many[at : at + TOGETHER] for at in range(0, len(many), TOGETHER)]
