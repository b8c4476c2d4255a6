"""What the archive's tests share: rows, a writer, an archiver in a process of its own, a look at the files by plain DuckDB."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from bus.connection import Bus, Link
from schemas.log import AuditLog, FileLog, RequestLog, Row, encode_logs
from storage.archive import Archive
from storage.tables import DERIVED, REQUESTS, TABLES
from storage.verify import verify

NOVEMBER = 1794999600.25
"""2026-11-18 11:00:00.25 UTC."""
OCTOBER = NOVEMBER - 30 * 86400
DAY = 86400
NOW = NOVEMBER + 3600

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


def tried(*codes: str | None, at: float = NOVEMBER, **more: Any) -> str:
    """A trail: one attempt for each code, None for a success."""
    trail = [
        {
            "number": n, "queue": "q", "provider": f"p{n}", "agent": "a", "started": at + n, "seconds": 0.5, "code": code,
            "message": code and f"it was {code}", **more,
        }
        for n, code in enumerate(codes, 1)
    ]  # fmt: skip
    return msgspec.json.encode(trail).decode()


def mixed(job: int, created: float = NOVEMBER) -> RequestLog:
    """Requests of all sorts, by their number."""
    sorts: list[list[str | None]] = [[*["provider_error"] * (job % 3), None], ["timeout"], []]
    codes = sorts[job % 5 % 3]
    style = ["sync", "queued", "callback", "direct"][job % 4]
    kind: dict[str, Any] = {"op": "callback", "parent": job - 1, "ref": f"callback.{job - 1}"} if job % 6 == 1 else {}
    return row(job, created, style=style, trail=tried(*codes, at=created) if codes else "", attempts=len(codes), **kind)


def file_row(name: str, time: float = NOVEMBER, **more: Any) -> FileLog:
    base: dict[str, Any] = {
        "tenant": "default", "key": "k", "event": "stored", "file": 7, "purpose": "artifact", "name": "a.png",
        "content_type": "image/png", "size": 12,
    }  # fmt: skip
    return FileLog(id=name, time=time, **(base | more))


def audit_row(name: str, time: float = NOVEMBER) -> AuditLog:
    return AuditLog(id=name, time=time, tenant="default", actor="cli", action="changed", kind="key", name="k")


def state(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows as plain DuckDB reads them from the files."""
    found = {}
    with duckdb.connect() as con:
        for name in TABLES:
            if list(root.glob(f"{name}/*/*.parquet")):
                files = f"read_parquet('{root}/{name}/*/*.parquet', union_by_name = true, hive_partitioning = true)"
                found[name] = con.execute(f"SELECT * FROM {files} ORDER BY ALL").fetchall()
    return found


def agree(root: Path) -> None:
    """Each derived table is what its SQL makes of all requests that are archived."""
    with duckdb.connect() as con:
        files = f"read_parquet('{root}/requests/*/*.parquet', union_by_name = true, hive_partitioning = false)"
        for table in DERIVED:
            if table.merge:
                continue  # its rows depend on what has been merged
            whole = f"SELECT * FROM ({REQUESTS.none}) UNION ALL BY NAME SELECT * FROM {files}"
            wanted = con.execute(f"{table.derived(whole)} ORDER BY ALL").fetchall()
            there = f"read_parquet('{root}/{table.name}/*/*.parquet', union_by_name = true, hive_partitioning = false)"
            assert con.execute(f"SELECT {table.names} FROM {there} ORDER BY ALL").fetchall() == wanted, table.name


def opened(root: Path) -> Archive:
    """A writer of an archive, its epoch begun."""
    writer = Archive(root)
    writer.open()
    writer.renew(0)
    return writer


def add(archive: Archive, *rows: Row) -> int:
    """Append one batch as if it were the next messages of LOG."""
    last = archive.mark.seq + len(rows)
    return archive.append([(archive.mark.seq + n, one) for n, one in enumerate(rows, 1)], last, f"t{last}")


def aged(archive: Archive) -> None:
    """As if the epoch were old: nothing is looked up for its youth."""
    archive.mark = msgspec.structs.replace(archive.mark, check_before=0.0)


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


def findings(root: Path) -> list[tuple[str, str]]:
    """What `verify` says is wrong."""
    return [(one.kind, one.file) for month in verify(root) for one in month.findings]


async def until(what: Callable[[], bool | Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for `what` to come true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if (found if isinstance(found, bool) else await found) is True:
            return
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.02)
