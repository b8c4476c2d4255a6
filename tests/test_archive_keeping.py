"""Months are closed and can be checked for years: what is damaged, altered, missing or too much is named, the rest stays."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from archive_kit import NOVEMBER, NOW, OCTOBER, add, findings, jobs, row, tell_log, until

from bus.connection import Bus, Link
from ops.archiver import run_archiver
from ops.keeping import Chore, do
from schemas.problem import Problem
from storage import manifest
from storage.archive import Archive
from storage.keeping import Keeper, settle
from storage.overview import overview
from storage.sql import Sql
from storage.verify import accept


def closed(archive: Archive, *numbers: int, **more: Any) -> Keeper:
    """An October of several batches, closed, and a November that goes on."""
    for job in numbers or (3, 1, 2):
        add(archive, row(job, OCTOBER + job, **more), row(job + 100, NOVEMBER + job))
    keeper = Keeper(archive)
    settle(keeper, NOW)
    return keeper


def october(archive: Archive, table: str = "requests") -> Path:
    (file,) = archive.root.glob(f"{table}/month=2026-10/*.parquet")
    return file


# ---- closing --------------------------------------------------------------------------------------------------------


def test_a_month_that_is_over_is_one_sorted_file_of_each_table_and_a_manifest(archive: Archive) -> None:
    closed(archive)
    book = manifest.read(archive.root, "2026-10")
    assert book is not None
    assert manifest.months(archive.root) == ["2026-10"]
    assert {one.table for one in book.files} >= {"requests", "attempts", "jobs"}
    (entry,) = [one for one in book.files if one.table == "requests"]
    file = october(archive)
    assert (entry.name, entry.rows, entry.bytes) == (file.name, 3, file.stat().st_size)
    assert entry.sha256 == manifest.hashed(file)[1]
    assert entry.first < entry.last  # type: ignore[operator]
    assert entry.first.startswith("2026-10-19")  # type: ignore[union-attr]
    assert entry.schema["job"] == "BIGINT"
    assert entry.writer.startswith("ai-server")
    assert duckdb.sql(f"SELECT job FROM '{file}'").fetchall() == [(3,), (2,), (1,)]  # the newest first
    assert findings(archive.root) == []


def test_a_single_batch_that_came_out_of_order_is_sorted_too(archive: Archive) -> None:
    add(archive, row(1, OCTOBER), row(2, OCTOBER + 9))
    settle(Keeper(archive), NOW)
    assert duckdb.sql(f"SELECT job FROM '{october(archive)}'").fetchall() == [(2,), (1,)]
    archive.recover()
    assert jobs(archive.root) == [1, 2]
    assert archive.complete() == 0
    assert findings(archive.root) == []


def test_a_late_row_renews_the_manifest_and_a_month_that_is_not_over_has_none(archive: Archive) -> None:
    keeper = closed(archive)
    before = manifest.read(archive.root, "2026-10")
    add(archive, row(50, OCTOBER - 5))
    settle(keeper, NOW)
    after = manifest.read(archive.root, "2026-10")
    assert before != after
    assert sum(one.rows for one in after.files if one.table == "requests") == 4  # type: ignore[union-attr]
    assert findings(archive.root) == []
    assert keeper.close_month(NOW) == ""


def test_damage_is_never_written_down_as_the_truth_nor_merged_into_a_file_that_nobody_doubts(archive: Archive) -> None:
    keeper = closed(archive)
    before = october(archive)
    for at in range(40, before.stat().st_size - 400):  # a bit that changes a value, and leaves the file readable
        flip(before, at)
        if Sql(archive.root, month="2026-10").damaged() == []:
            break
        flip(before, at)
    add(archive, row(50, OCTOBER - 5))
    settle(keeper, NOW)
    settle(keeper, NOW)
    assert findings(archive.root) == [("altered", f"requests/month=2026-10/{before.name}")]
    assert Sql(archive.root, skip=[before.name]).query("SELECT job FROM requests WHERE job < 100").rows == [(50,)]


def flip(file: Path, at: int = 40) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 0x10
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", ["truncated", "flipped", "swapped", "gone", "surplus", "garbled", "no manifest"])
def test_what_is_wrong_is_named_and_the_rest_can_still_be_used(archive: Archive, harm: str) -> None:
    closed(archive)
    file, jobs_file = october(archive), october(archive, "jobs")
    name = f"requests/month=2026-10/{file.name}"
    expected: list[tuple[str, str]]
    if harm == "truncated":
        file.write_bytes(file.read_bytes()[:-30])
        expected = [("damaged", name)]
    elif harm == "flipped":
        flip(file)
        expected = [("altered", name)]
    elif harm == "swapped":
        one, two = file.read_bytes(), jobs_file.read_bytes()
        file.write_bytes(two)
        jobs_file.write_bytes(one)
        expected = [("altered", name), ("altered", f"jobs/month=2026-10/{jobs_file.name}")]
    elif harm == "gone":
        file.unlink()
        expected = [("missing", name)]
    elif harm == "surplus":
        file.with_name("mine.parquet").write_bytes(file.read_bytes())
        expected = [("surplus", "requests/month=2026-10/mine.parquet")]
    elif harm == "garbled":
        manifest.path_of(archive.root, "2026-10").write_text('{"month": "2026-10", "files": [{]')
        expected = [("garbled", "manifest/month=2026-10.json")]
    else:
        manifest.path_of(archive.root, "2026-10").unlink()
        expected = []
    found = findings(archive.root)
    if harm == "flipped":
        assert [one[1] for one in found] == [name]  # which of the two words depends on the byte
    else:
        assert sorted(found) == sorted(expected)
    assert Sql(archive.root, month="2026-11").query("SELECT count(*) FROM requests").rows == [(3,)]
    assert accept(archive.root, ["2026-10", "2026-11", "2024-01"]) == ([] if harm == "no manifest" else ["2026-10"])
    assert [kind for kind, _ in findings(archive.root) if kind != "damaged"] == []


def test_verify_says_so_with_its_exit_code_and_as_json(archive: Archive) -> None:
    closed(archive)
    done = ai_server(archive, "archive", "verify")
    assert (done.returncode, "ok" in done.stdout) == (0, True)
    october(archive).write_bytes(b"PAR1 no more")
    done = ai_server(archive, "archive", "verify", "--month", "2026-10", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert told["months"][0]["findings"][0]["kind"] == "damaged"
    assert ai_server(archive, "archive", "verify", "--month", "2026-11").returncode == 0
    missing = ai_server(archive, "archive", "verify", "--month", "2024-01")
    assert (missing.returncode, "nothing of 2024-01" in missing.stderr) == (1, True)
    assert ai_server(archive, "archive", "verify", "--month", "last").returncode == 2
    listed = json.loads(ai_server(archive, "archive", "--json").stdout)["data"]
    assert [one["damaged"] for one in listed if (one["table"], one["month"]) == ("requests", "2026-10")] != [[]]


def ai_server(archive: Archive, *words: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "AI_SERVER_DATA": str(archive.root.parent), "AI_SERVER_CONFIG": ""}
    env.pop("NATS_URL", None)
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", *words], capture_output=True, text=True, env=env, check=False
    )


def test_the_list_tells_rows_and_which_months_are_closed(archive: Archive) -> None:
    closed(archive)
    found = {(one.month, one.table): one for one in overview(archive.root)}
    assert (found["2026-10", "requests"].rows, found["2026-10", "requests"].closed) == (3, True)
    assert (found["2026-11", "requests"].rows, found["2026-11", "requests"].closed) == (3, False)


# ---- compact --------------------------------------------------------------------------------------------------------


def test_a_month_that_goes_on_can_be_compacted_and_goes_on(archive: Archive) -> None:
    keeper = closed(archive)
    assert keeper.compact("2026-11") > 0
    assert len(list(archive.root.glob("requests/month=2026-11/*.parquet"))) == 1
    add(archive, row(200))
    archive.recover()
    assert jobs(archive.root) == [1, 2, 3, 101, 102, 103, 200]
    assert keeper.compact() > 0


async def test_compact_is_done_by_whoever_has_the_folder(bus: Bus, nats: Link, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    task = asyncio.create_task(run_archiver(bus, folder, 0.02, stop))
    for job in range(3):
        await tell_log(bus, row(job))
        await until(lambda job=job: len(jobs(folder)) == job + 1)
    done = await asyncio.to_thread(do, folder, nats, Chore("compact"))
    assert done.merged >= 3
    stop.set()
    await task
    alone = await asyncio.to_thread(do, folder, None, Chore("compact"))
    assert alone.merged == 0
    held = Archive(folder)
    held.open()
    with pytest.raises(Problem, match="another process writes"):
        await asyncio.to_thread(do, folder, None, Chore("compact"))
    held.close()
    assert jobs(folder) == [0, 1, 2]
