"""What is too old goes, and only that: text by days, months whole, columns from the start; a kill at any step loses nothing."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from archive_kit import DAY, NOVEMBER, NOW, OCTOBER, add, findings, jobs, opened, row, tell_log, until

from bus.connection import Bus
from ops.archiver import run_archiver
from ops.keeping import Chore, Chores, perform
from schemas.discretion import Discretion
from schemas.log import AuditLog
from schemas.problem import Problem
from storage import manifest
from storage.archive import Archive
from storage.keeping import Keeper, Rules, settle
from storage.sql import Sql

# ---- retention ------------------------------------------------------------------------------------------------------


def test_text_is_emptied_when_its_days_are_over_and_everything_else_stays(archive: Archive) -> None:
    text = {"request": "CANARY in", "response": "CANARY out"}
    add(archive, row(1, NOW - 20 * DAY, **text), row(2, NOW - 2 * DAY, **text), row(3, NOW, **text))
    keeper = Keeper(archive, Rules(bodies_days=7))
    while keeper.empty_bodies(NOW):
        pass
    archive.recover()
    found = Sql(archive.root).query("SELECT job, request, response, model FROM requests ORDER BY job").rows
    assert found == [(1, None, None, "gpt-4.1"), *((n, "CANARY in", "CANARY out", "gpt-4.1") for n in (2, 3))]
    assert Keeper(archive, Rules(bodies_days=7)).empty_bodies(NOW + 1000) == ""
    assert jobs(archive.root) == [1, 2, 3]
    assert archive.complete() == 0
    settle(keeper, NOW + 40 * DAY)
    while keeper.empty_bodies(NOW + 40 * DAY):
        pass
    settle(keeper, NOW + 40 * DAY)
    assert findings(archive.root) == []
    assert all(b"CANARY" not in file.read_bytes() for file in archive.root.rglob("*.parquet"))
    assert Sql(archive.root).query("SELECT count(*) FROM requests WHERE request IS NOT NULL").rows == [(0,)]


async def test_old_months_go_whole_with_an_act_in_the_audit_and_the_current_one_never(bus: Bus, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    old = [row(1, NOVEMBER - 70 * DAY), row(2, OCTOBER), row(3, NOVEMBER)]
    await tell_log(bus, *old)
    task = asyncio.create_task(run_archiver(bus, folder, 0.02, stop))
    await until(lambda: jobs(folder) == [1, 2, 3])
    stop.set()
    await task
    writer = Archive(folder)
    writer.open()
    chores = Chores(bus, writer, Rules(keep_months=1))
    await chores.turn(NOW)
    assert [one.month for one in Keeper(writer, Rules(keep_months=1)).outdated(NOW)] == []
    writer.close()
    assert jobs(folder) == [2, 3]
    assert not list(folder.glob("*/month=2026-09"))
    assert "2026-09" not in manifest.months(folder)
    task = asyncio.create_task(run_archiver(bus, folder, 0.02, stop := asyncio.Event()))
    ask = "SELECT actor, action, kind, name, detail FROM audit"
    await until(lambda: len(Sql(folder).query(ask).rows) == 1)
    stop.set()
    await task
    (found,) = Sql(folder).query(ask).rows
    assert found[:4] == ("settings", "removed", "archive", "2026-09")
    assert json.loads(found[4])["requests"] == 1
    keeper = Keeper(writer, Rules(keep_months=1))
    assert [one.month for one in keeper.outdated(NOW + 400 * DAY)] == ["2026-10", "2026-11"]


def test_a_query_that_reads_a_month_while_it_is_dropped_sees_it_whole_or_not_at_all(archive: Archive) -> None:
    failures: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                ((count,),) = Sql(archive.root, month="2026-10").query("SELECT count(*) FROM requests").rows
            except Problem as problem:
                failures.append(str(problem))
                continue
            if count not in (0, 50):
                failures.append(str(count))

    reader = threading.Thread(target=read)
    reader.start()
    keeper = Keeper(archive)
    for turn in range(6):
        add(archive, *(row(1000 * turn + n, OCTOBER) for n in range(50)))
        keeper.drop("2026-10")
    stop.set()
    reader.join()
    assert failures == []


_DYING = """
import os, signal, sys
from pathlib import Path
from storage import manifest, merging, parts
from storage.archive import Archive
from storage.keeping import Keeper, Rules, settle

root, what, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
left = [step]

def dying(real):
    def call(*args, **more):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call

os.replace, os.fsync = dying(os.replace), dying(os.fsync)
Path.unlink, Path.rename = dying(Path.unlink), dying(Path.rename)
archive = Archive(root)
archive.open()
keeper = Keeper(archive, Rules(bodies_days=1, keep_months=1))
if what == "compact":
    keeper.compact()
    settle(keeper, float(sys.argv[4]))
elif what == "bodies":
    while keeper.empty_bodies(float(sys.argv[4])):
        pass
else:
    keeper.drop("2026-10")
archive.close()
"""


@pytest.mark.parametrize("what", ["compact", "bodies", "drop"])
def test_a_chore_may_be_killed_at_any_step_and_loses_and_doubles_nothing(tmp_path: Path, what: str) -> None:
    root = tmp_path / "archive"
    steps = {"compact": (2, 5, 14, 30), "bodies": (2, 4), "drop": (1, 3)}[what]
    for step in steps:
        make(root, step)
        done = subprocess.run([sys.executable, "-c", _DYING, str(root), what, str(step), str(NOW)], check=False)
        assert done.returncode == -9
        after = Archive(root)
        after.open()
        keeper = Keeper(after, Rules(bodies_days=1))
        ((rows, distinct),) = Sql(root).query("SELECT count(*), count(DISTINCT job) FROM requests").rows
        assert rows == distinct == (6 if list(root.glob("requests/month=2026-10")) else 3)
        settle(keeper, NOW)
        while keeper.empty_bodies(NOW):
            pass
        settle(keeper, NOW)
        assert len(jobs(root)) in (3, 6)
        assert findings(root) == []
        after.close()


def make(root: Path, step: int) -> None:
    shutil.rmtree(root, ignore_errors=True)
    writer = opened(root)
    for job in (3, 1, 2):
        add(writer, row(job, OCTOBER + job, request="text"), row(job + 100, NOVEMBER + job, request="text"))
    writer.close()


# ---- redaction ------------------------------------------------------------------------------------------------------


def test_columns_that_shall_stay_empty_are_empty_wherever_their_text_would_stand() -> None:
    trail = msgspec.json.encode([{"number": 1, "code": "upstream", "message": "CANARY"}]).decode()
    given = row(
        1,
        client="CANARY",
        user_agent="CANARY",
        ref="CANARY",
        tag="CANARY",
        message="CANARY",
        trail=trail,
        request="CANARY",
    )
    veiled = Discretion(redact=("client", "user_agent", "ref", "tag", "message", "request", "response")).veiled(given)
    assert "CANARY" not in repr(veiled)
    assert (veiled.client, veiled.message, veiled.job) == ("", None, 1)
    callback = row(2, op="callback", ref="callback.1")
    assert Discretion(redact=("ref",)).veiled(callback) is callback
    act = AuditLog(id="1", time=NOW, tenant="a", actor="k", action="changed", kind="key", name="n", client="CANARY")
    assert Discretion(redact=("client", "message")).veiled(act).client == ""


async def test_an_archiver_that_shall_not_write_a_column_leaves_it_empty(bus: Bus, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    await tell_log(bus, row(1, client="CANARY", tag="kept"))
    task = asyncio.create_task(run_archiver(bus, folder, 0.02, stop, Rules(redact=("client",))))
    await until(lambda: jobs(folder) == [1])
    stop.set()
    await task
    assert Sql(folder).query("SELECT client, tag FROM requests").rows == [("", "kept")]


def test_perform_imports_nothing_where_nothing_is_staged(archive: Archive) -> None:
    assert perform(Keeper(archive), Chore("import")).taken == ()
