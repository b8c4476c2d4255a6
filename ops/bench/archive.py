"""The archive under load: reports, SQL and pages of the log over millions of requests, and how fast the archiver writes.

Questions go the way the gateway's go, to a reader process. What a newcomer would get wrong: `warm` is the second time and
later; the first question starts the reader and reads the files' footers, and is told apart.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bus.connection import Bus, open_bus
from bus.streams import declare
from ops.bench import archive_data
from ops.embedded import EmbeddedNats
from ops.past import Archived
from ops.prove import proc
from ops.prove.figures import Figures
from ops.readers import Readers
from ops.run import address
from schemas.log import RequestLog, encode_logs
from storage import request_log
from storage.frames import Question, Rows, Table
from storage.parts import read_mark
from storage.report_words import wanted_of
from storage.reports import REPORTS
from storage.sources import Person

MANY, FEW = 10_000_000, 200_000
END = datetime(2026, 11, 23, 19)
ASKS = 5
WRITTEN = 200_000
"""Rows in LOG for the archiver."""
AT_ONCE = 200
"""Rows of one message, as busy gateways tell them."""
FREE = {
    "by model and provider": "SELECT model, provider, count(*), sum(cost), avg(total_ms) FROM requests GROUP BY ALL",
    "by day": "SELECT date_trunc('day', created), count(*), sum(tokens_out) FROM requests GROUP BY ALL ORDER BY 1",
    "by key with a percentile": "SELECT key, outcome, count(*), quantile_cont(total_ms, 0.95) FROM requests GROUP BY ALL",
}


async def archive(folder: Path, figures: Figures, short: bool) -> None:
    """Everything; `short`: a fiftieth of the rows."""
    rows = FEW if short else MANY
    root = folder / "made"
    begun = time.monotonic()
    await asyncio.to_thread(archive_data.make, root, rows, END)
    figures.tell(f"archive of {rows:,} requests made", time.monotonic() - begun, "s")
    size = sum(path.stat().st_size for path in root.rglob("*.parquet"))
    figures.tell("archive, bytes a request", size / rows, "B")
    async with aclosing(_Asker(root)) as asker:
        await questions(asker, figures)
    await writer(folder / "written", figures, WRITTEN // 5 if short else WRITTEN)


class _Asker:
    """Asks our own SQL of a reader process."""

    def __init__(self, root: Path) -> None:
        self.readers = Readers(root, together=1)

    async def ask(self, sql: str) -> Table:
        question = Question(id="bench", sqls=[sql], trusted=True, seconds=120)
        answer, _ = await self.readers.answer(question, "")
        assert isinstance(answer, Rows)
        return answer.tables[0]

    async def warm(self, *sqls: str) -> float:
        """Milliseconds of all of them, the middle of several times after a first."""
        times = []
        for _ in range(1 + ASKS):
            begun = time.perf_counter()
            for sql in sqls:
                await self.ask(sql)
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times[1:])

    async def warm_page(self, said: dict[str, str], people: list[Person]) -> float:
        """A page of the log, as the gateway asks for it."""
        if not said.get("q"):
            return await self.warm(request_log.page(said, people, END).sql)
        reach = request_log.reach(said, END)
        ((back_to,),) = (await self.ask(reach)).rows
        return await self.warm(reach, request_log.page(said, people, END, back_to).sql)

    async def aclose(self) -> None:
        await self.readers.close()


async def questions(asker: _Asker, figures: Figures) -> None:
    begun = time.perf_counter()
    await asker.ask("SELECT count(*) FROM requests")
    figures.tell("archive: the first question, with a reader's start", (time.perf_counter() - begun) * 1000, "ms")
    keys = await asker.ask("SELECT key FROM hourly GROUP BY 1 ORDER BY sum(requests) DESC")
    people = [Person(key, f"key {n}", f"user {n % 20}") for n, (key,) in enumerate(keys.rows)]
    for name, report in REPORTS.items():
        wanted = wanted_of(report, {}, people, ("p-1", "p-2"), END)
        figures.at_most(f"report {name}, all months", await asker.warm(report.sql(wanted)), 300, "ms")
    for what, sql in FREE.items():
        figures.at_most(f"GROUP BY {what}", await asker.warm(sql), 1000, "ms")
    for what, said in _pages(people).items():
        figures.at_most(f"log page: {what}", await asker.warm_page(said, people), 200, "ms")


def _pages(people: list[Person]) -> dict[str, dict[str, str]]:
    deep, deeper = (
        request_log.cursor({"created": when, "job": 1, "run": 0})
        for when in (datetime(2026, 10, 10), datetime(2026, 8, 3))
    )
    return {
        "first": {},
        "deep": {"after": deep},
        "deepest": {"after": deeper, "limit": "500"},
        "of a key": {"key": people[-1].key},
        "of a code": {"error": "provider_timeout", "after": deep},
        "of a month and a model": {"month": "2026-09", "model": "flux"},
        "of an address": {"client": "10.5.0.3"},
        "that finds nothing": {"client": "nobody"},
        "words, this month": {"q": "17 times", "month": "2026-11"},
        "words that nobody wrote": {"q": "wombat"},
    }


async def writer(folder: Path, figures: Figures, rows: int) -> None:
    """An archiver, started on a LOG that is full, and how soon a new row is seen."""
    (folder / "nats").mkdir(parents=True)
    async with EmbeddedNats(folder / "nats", durability="process") as server, open_bus(server.link, "bench") as bus:
        await declare(bus)
        last = await _fill(bus, rows)
        data = folder / "data"
        async with _archiver(data, address(server.link)) as pid:
            seconds, written, largest = await _watch(data / "archive", pid, last, rows)
            figures.at_least("archiver", written / seconds, 20_000, "rows/s")
            figures.at_most("archiver, memory", largest / 1e6, 300, "MB")
            figures.at_most("hot: until a row is seen", await _hot(bus, data / "archive"), 5, "s")


async def _fill(bus: Bus, rows: int) -> int:
    last = 0
    for first in range(0, rows, AT_ONCE):
        many = [_row(first + n) for n in range(AT_ONCE)]
        last = (await bus.keep("log.default.chat", encode_logs(many), msg_id=f"bench.{first}")).seq
    return last


def _row(n: int) -> RequestLog:
    return RequestLog(
        job=n + 1, created=1794999600.0 + n / 1000, tenant="default", key=f"{n % 40:016x}", op="chat", style="sync",
        stream=n % 2 == 0, model=f"model-{n % 7}", outcome="done", status=200, queue=f"q{n % 5}", provider=f"q{n % 5}",
        agent="a", attempts=1, tokens_in=n % 900, tokens_out=n % 300, first_ms=100.0 + n % 50, wait_ms=1.0,
        total_ms=300.0 + n % 999, client="10.0.0.1", user_agent="bench", cost=0.001, ref=f"r{n}",
        trail='[{"number":1,"queue":"q1","provider":"q1","agent":"a","started":1794999600.5,"seconds":0.3,"code":null}]',
    )  # fmt: skip


@asynccontextmanager
async def _archiver(data: Path, url: str) -> AsyncIterator[int]:
    """`ai-server archiver`, as a process of its own."""
    words = [sys.executable, "-m", "ops.cli", "archiver", "--data", str(data)]
    child = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, "NATS_URL": url},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield child.pid
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def _watch(root: Path, pid: int, last: int, rows: int) -> tuple[float, float, int]:
    """Seconds and rows between the first batch and the last, and the most memory meanwhile."""
    begun, first, largest, end = 0.0, 0, 0, time.monotonic() + 120
    while (mark := read_mark(root)).seq < last:
        if mark.seq and not begun:
            begun, first = time.monotonic(), mark.seq
        found = proc.read(pid)
        if found is None or time.monotonic() > end:
            raise RuntimeError(f"the archiver stopped at {mark.seq} of {last}")
        largest = max(largest, found.rss)
        await asyncio.sleep(0.02)
    return max(time.monotonic() - begun, 0.001), rows * (last - first) / last, largest


async def _hot(bus: Bus, root: Path) -> float:
    """The longest of several waits from the moment a row is told until a question finds it."""
    longest = 0.0
    async with aclosing(Archived(bus, root)) as past:
        await past.ask("SELECT count(*) FROM requests")
        for n in range(5):
            begun, job = time.monotonic(), 900_000_000 + n
            await bus.keep("log.default.chat", encode_logs([_row(job - 1)]), msg_id=f"hot.{n}")
            while (await past.ask(f"SELECT count(*) FROM requests WHERE job = {job}"))[0].rows[0][0] != 1:
                if time.monotonic() - begun > 30:
                    raise RuntimeError("a row that was told is not seen")
            longest = max(longest, time.monotonic() - begun)
    return longest


async def _alone(short: bool) -> None:
    figures: Any = Figures()
    with tempfile.TemporaryDirectory(prefix="ai-server-bench-") as folder:
        await archive(Path(folder), figures, short)
    figures.show("archive")


if __name__ == "__main__":
    asyncio.run(_alone("--short" in sys.argv))
