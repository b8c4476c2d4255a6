"""The reader: a process that answers questions about the archive, one at a time, and may be killed at any moment.

`python -m storage.reader ARCHIVE FOLDER MEMORY` reads frames (`storage/frames.py`) from stdin and answers on stdout. It
knows no secret, has no connection and writes to FOLDER alone. What a newcomer would get wrong: DuckDB holds the main thread
while it works, so another one listens for a cancel, and for the end of whoever started us: then we end too.
"""

import os
import queue
import shutil
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from schemas.problem import Code, Fault, Problem
from storage import cells, frames, guard, running
from storage.frames import Answer, Cancel, Question
from storage.guard import Asked
from storage.warm import Warm

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con

BODY = 64 << 20
"""Bytes of an answer in JSON; a larger result is for a file."""
FILE, SMALL = 4 << 30, 64 << 20
"""Bytes of any file we write, at most: so many, and a quarter of what is free on the disk, but always so many."""
SPILL = 2 << 30
"""Bytes that DuckDB may put on the disk, with the same quarter."""
_encode = msgspec.json.Encoder().encode


class Reader:
    """Takes questions from `source`, one after the other, and answers to `sink`."""

    def __init__(self, warm: Warm, source: IO[bytes], sink: IO[bytes]) -> None:
        self.warm, self.source, self.sink = warm, source, sink
        self._questions: queue.Queue[Question] = queue.Queue()
        self._current = ""
        self._cancelled = ""

    def serve(self) -> None:
        """For ever; the end of `source` is the end of the process."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell(frames.Ready())
        while True:
            question = self._questions.get()
            self._current = question.id
            _leave_room(self.warm.own)
            answer = self._answer(question)
            self._current = self._cancelled = ""
            self._tell(answer)

    def _listen(self) -> None:
        with suppress(Exception):
            while len(size := self.source.read(4)) == 4:
                order = frames.decode_order(self.source.read(int.from_bytes(size, "big")))
                if isinstance(order, Cancel):
                    self._cancel(order.id)
                else:
                    self._questions.put(order)
        shutil.rmtree(self.warm.own, ignore_errors=True)
        os._exit(0)

    def _cancel(self, number: str) -> None:
        """Again and again, for an interrupt between two statements is lost."""
        if self._current == number:
            self._cancelled = number
        while self._current == number and self._cancelled == number:
            self.warm.interrupt()
            time.sleep(0.05)

    def _answer(self, question: Question) -> Answer:
        try:
            return answer(self.warm, question)
        except Problem as problem:
            fault = problem.fault
        except MemoryError:
            fault = guard.no("The query needs too much memory; narrow it, or aggregate.").fault
        except Exception as error:
            fault = Fault(Code.INTERNAL, f"The archive could not be read ({type(error).__name__}).")
        fault = msgspec.structs.replace(fault, message=fault.message.replace(str(self.warm.root), "archive"))
        if self._cancelled == question.id:
            fault = Fault(Code.CANCELLED, "The query was cancelled.")
        return frames.Refused(question.id, fault)

    def _tell(self, answer: Answer) -> None:
        data = frames.frame(answer)
        if len(data) > frames.LARGEST and not isinstance(answer, frames.Ready):
            data = frames.frame(frames.Refused(answer.id, too_large(frames.LARGEST)))
        self.sink.write(data)
        self.sink.flush()


def answer(warm: Warm, question: Question) -> Answer:
    """Answer a question. Raises `Problem`."""
    if question.kind == "rows":
        return warm.run(question, lambda con, asked, warnings: _rows(con, question, asked, warnings))
    if question.kind == "json":
        return warm.run(question, lambda con, asked, warnings: _json(con, question, asked[0], warnings))
    target = warm.own / Path(question.target).name
    kind: running.Format = "parquet" if question.kind == "parquet" else "csv"
    written = warm.run(question, lambda con, asked, _: running.save(con, asked[0], target, kind, question.limit))
    return frames.Saved(question.id, written)


def _rows(con: "Con", question: Question, asked: list[Asked], warnings: list[str]) -> Answer:
    found = [running.fetch(con, one, question.limit, warnings) for one in asked]
    return frames.Rows(
        question.id,
        [
            frames.Table(one.columns, one.types, cells.packed(one.rows, one.types), one.cut, one.warnings)
            for one in found
        ],
    )


def _json(con: "Con", question: Question, asked: Asked, warnings: list[str]) -> Answer:
    began, count, body = time.monotonic(), 0, bytearray()
    head, pieces = running.stream(con, asked, question.limit + 1)
    for piece in pieces:
        rows = piece[: question.limit - count]
        if rows:
            body += (b"," if body else b"") + cells.json_rows(rows, head.types)
        if len(body) > BODY:
            raise Problem.of(too_large(BODY))
        count += len(piece)
    told = {
        "row_count": min(count, question.limit),
        "cut": count > question.limit,
        "warnings": warnings,
        "elapsed_ms": round((time.monotonic() - began) * 1000, 1),
        "id": question.id,
    }
    columns = [{"name": name, "type": kind} for name, kind in zip(head.columns, head.types, strict=True)]
    text = b'{"columns":' + _encode(columns) + b',"rows":[' + bytes(body) + b"]," + _encode(told)[1:]
    return frames.Text(question.id, text, min(count, question.limit))


def too_large(most: int) -> Fault:
    return Fault(
        Code.INVALID_REQUEST, f"The answer is larger than {most >> 20} MB: ask for fewer rows or columns, or for csv."
    )


def main() -> None:
    archive, own, memory = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, the frames stay whole
    with suppress(OSError):
        os.nice(5)  # the gateway's answers go first
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory is short, Linux ends us, and not NATS
    spill = max(SMALL, min(SPILL, shutil.disk_usage(own).free // 4))
    Reader(Warm(archive, own, memory, f"{spill >> 20}MiB"), sys.stdin.buffer, sink).serve()


def _leave_room(folder: Path) -> None:
    """NATS may be on the same disk, and refuses jobs when it is full."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        most, hard = (
            max(SMALL, min(FILE, shutil.disk_usage(folder).free // 4)),
            resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
