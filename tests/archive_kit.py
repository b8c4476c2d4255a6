"""What the archive's tests share: rows, an archiver in a process of its own, and a look at the files by plain DuckDB."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import duckdb

from bus.connection import Bus, Link
from schemas.log import RequestLog, encode_logs

NOVEMBER = 1794999600.25
"""2026-11-18 11:00:00.25 UTC."""
OCTOBER = NOVEMBER - 30 * 86400

_PROCESS = """
import asyncio, signal, sys
from pathlib import Path
from bus.connection import Link, open_bus
from ops.archiver import run_archiver

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url, user, password, archive, flush = sys.argv[1:]
    async with open_bus(Link(url, user, password), "archiver") as bus:
        await run_archiver(bus, Path(archive), float(flush), stop)

asyncio.run(main())
"""


def row(job: int, created: float = NOVEMBER, **more: Any) -> RequestLog:
    base: dict[str, Any] = {
        "tenant": "default",
        "key": "0123456789abcdef",
        "op": "chat",
        "style": "sync",
        "stream": False,
        "model": "gpt-4.1",
        "outcome": "done",
        "status": 200,
        "tokens_in": job % 100,
        "total_ms": 12.5,
    }
    return RequestLog(job=job, created=created, **(base | more))


async def tell_log(bus: Bus, *rows: RequestLog) -> int:
    """Put rows into LOG as one message, under the first job's name; returns its sequence."""
    return (await bus.keep("log.default.chat", encode_logs(list(rows)), msg_id=f"job.{rows[0].job}")).seq


class Process:
    """An archiver that can be killed."""

    def __init__(self, link: Link, archive: Path, flush: float = 0.05) -> None:
        self.args = [link.url, link.user, link.password, str(archive), str(flush)]
        self.child: asyncio.subprocess.Process | None = None

    async def start(self) -> "Process":
        root = Path(__file__).parent.parent
        self.child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROCESS, *self.args, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
        return self

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.child is not None
        if self.child.returncode is None:
            self.child.send_signal(how)
        return await self.child.wait()


def jobs(archive: Path) -> list[int]:
    """Every row's job, as anyone with plain DuckDB sees it; sorted, doubles included."""
    files = f"{archive}/requests/*/*.parquet"
    if not list(archive.glob("requests/*/*.parquet")):
        return []
    with duckdb.connect() as con:
        found = con.execute(f"SELECT job FROM read_parquet('{files}', hive_partitioning = true) ORDER BY job")
        return [job for (job,) in found.fetchall()]


async def until(what: Callable[[], bool | Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for `what` to come true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if (found if isinstance(found, bool) else await found) is True:
            return
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.02)
