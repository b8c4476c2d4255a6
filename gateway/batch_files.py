"""What came of a batch, as the rows of its two files: answers in the one, errors in the other, both in the input's order."""

from collections.abc import AsyncIterator

from bus.filing import records_of
from gateway.batch_input import Input, together
from gateway.batch_lines import Bad, Request, bad_row, fault_row, result_row, unrun_row
from gateway.files import About
from schemas.files import BATCH, BATCH_FILE_LIFE, BATCH_OUTPUT
from schemas.job import Record, State
from schemas.problem import Code

EXPIRED = "This request could not be executed before the completion window expired."
LOST = "The result of this request is no longer there."
CANCELLED = "This request was not executed: the batch was cancelled."


class Pen:
    """The rows of the two files, in the order of the input. The errors are few, so they wait in memory for their turn."""

    def __init__(self, requests: Input, *, cancelled: bool, late: bool) -> None:
        self._input, self._cancelled, self._late = requests, cancelled, late
        self._record = requests.record
        self.done = self.failed = self.unrun = 0
        self.usage = {"tokens_in": 0, "tokens_out": 0, "tokens_cached": 0, "tokens_reasoning": 0}
        self._errors: list[bytes] = []

    async def write(self, number: int, name: str, rows: AsyncIterator[bytes]) -> bool:
        """One of the two files, as `file-<number>`. False: it would be empty, so there is none."""
        files, record = self._input.tools.files, self._record
        owner = (record.tenant, record.key)
        about = About(
            id=number,
            filename=f"{BATCH}{record.id}_{name}.jsonl",
            purpose=BATCH_OUTPUT,
            content_type="application/jsonl",
            life=record.output_life or BATCH_FILE_LIFE,
        )
        blob = await files.store(owner, rows, about)
        if not blob.size:
            await files.discard(about, blob)
            return False
        await files.enter(owner, about, blob)
        return True

    async def output(self) -> AsyncIterator[bytes]:
        source, bus = self._input, self._input.tools.dispatcher.bus
        async for group in source.groups():
            jobs = await source.jobs(group)
            for some in together(group):
                wanted = [jobs[line.number] for line in some if isinstance(line, Request) and line.number in jobs]
                found = await records_of(bus, self._record.tenant, wanted)
                for line in some:
                    number = jobs.get(line.number, 0) if isinstance(line, Request) else 0
                    if row := self._row(line, found.get(number)):
                        yield row

    async def errors(self) -> AsyncIterator[bytes]:
        for row in self._errors:
            yield row

    def _row(self, line: Request | Bad, record: Record | None) -> bytes:
        """The row of the output, or none: then there is one more error."""
        if isinstance(line, Request) and record is not None:
            for name in self.usage:
                self.usage[name] += getattr(record.usage, name)
            if record.state is State.DONE:
                self.done += 1
                return result_row(self._record.id, line, record)
        self.failed += 1
        self._errors.append(self._error(line, record))
        return b""

    def _error(self, line: Request | Bad, record: Record | None) -> bytes:
        batch = self._record
        if isinstance(line, Bad):
            return bad_row(batch.id, line)
        fault = record.fault if record is not None else self._input.refusal(line)
        stopped = fault is None or fault.code in (Code.DEADLINE, Code.CANCELLED)
        if stopped and self._cancelled:
            self.unrun += 1
            return unrun_row(batch.id, line, "batch_cancelled", CANCELLED)
        if stopped and self._late:
            self.unrun += 1
            return unrun_row(batch.id, line, "batch_expired", EXPIRED)
        if fault is None:
            return unrun_row(batch.id, line, "result_lost", LOST)
        return fault_row(batch.id, line, fault, record.job.id if record is not None else 0)
