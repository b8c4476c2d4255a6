"""The archive's promise: every row of LOG is in a file of its month once, whatever is killed and when."""

import asyncio
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from archive_kit import NOVEMBER, NOW, OCTOBER, Process, add, jobs, row, tell_log, until

from bus.connection import Bus, Link
from ops.archiver import run_archiver
from ops.embedded import EmbeddedNats
from ops.log_reader import LogReader, read_hot
from schemas.log import RequestLog, encode_logs
from schemas.problem import Code, Problem
from storage import merging, parts
from storage.archive import Archive
from storage.sql import Sql
from storage.tables import DERIVED, REQUESTS

DERIVED_NAMES = [table.name for table in DERIVED]


def merge_all(archive: Archive) -> int:
    """Merge all that is to be merged now; how many files of `requests` it were."""
    before = len(list(archive.root.glob("requests/*/*.parquet")))
    while archive.merge(NOW):
        pass
    after = len(list(archive.root.glob("requests/*/*.parquet")))
    return before - after


# ---- the table ------------------------------------------------------------------------------------------------------


def test_the_columns_are_the_fields_of_a_record_and_its_sequence() -> None:
    fields = [field for field in RequestLog.__struct_fields__ if field != "again"]
    assert [column.name for column in REQUESTS.columns if column.name != "seq"] == fields
    assert all(column.about for column in REQUESTS.columns)


def test_a_row_comes_back_as_it_went_in(archive: Archive) -> None:
    text = 'naïve "quotes", a\ttab,\nlines, \x00 and 🐢'
    given = row(2**53 - 1, message=text, first_ms=0.125, attempts=2, estimated=True, trail='[{"a":1}]', request="{}")
    add(archive, given, row(2))

    found = Sql(archive.root).query("SELECT * FROM requests ORDER BY job DESC")

    first = dict(zip(found.columns, found.rows[0], strict=True))
    assert first.pop("created").timestamp() == pytest.approx(NOVEMBER - time_zone_offset())
    assert first.pop("seq") == 1
    assert first.pop("month") == "2026-11"
    assert first == {name: getattr(given, name) for name in first}
    assert found.rows[1][found.columns.index("message")] is None


def time_zone_offset() -> float:
    """The archive's times are naive UTC; `timestamp()` takes them for local."""
    return float(time.localtime(NOVEMBER).tm_gmtoff)


# ---- one batch ------------------------------------------------------------------------------------------------------


def test_rows_go_to_the_month_in_which_they_were_created(archive: Archive) -> None:
    add(archive, row(1, OCTOBER), row(2), row(3))
    months = {path.parent.name for path in archive.root.glob("requests/*/*.parquet")}
    assert months == {"month=2026-10", "month=2026-11"}
    assert jobs(archive.root) == [1, 2, 3]


@pytest.mark.parametrize("dies_at", ["before the second month", "before the commit"])
def test_a_batch_torn_between_two_months_counts_for_nothing_and_is_written_again(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    add(archive, row(1))
    put, calls = merging.put, []

    def dying_put(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise OSError("the disk is gone")
        put(*args)

    def dying_commit(*args: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        if dies_at == "before the commit":
            patch.setattr(parts, "write_mark", dying_commit)
        else:
            patch.setattr(merging, "put", dying_put)
        with pytest.raises(OSError, match="gone"):
            add(archive, row(2, OCTOBER), row(3))
    assert Sql(archive.root).query("SELECT job FROM requests").rows == [(1,)]
    archive.close()

    following = Archive(archive.root)
    following.open()
    assert Sql(archive.root).query("SELECT job FROM requests").rows == [(1,)]
    add(following, row(2, OCTOBER), row(3), row(4))
    following.close()
    assert jobs(archive.root) == [1, 2, 3, 4]


def test_a_failed_batch_can_be_given_again_at_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parts, "write_mark", full)
        with pytest.raises(OSError, match="no space"):
            add(archive, row(1), row(2, OCTOBER))
    add(archive, row(1), row(2, OCTOBER))
    assert jobs(archive.root) == [1, 2]


def test_what_recovery_wrote_again_is_archived_once(archive: Archive) -> None:
    add(archive, row(1), row(2, OCTOBER))
    add(archive, row(1, again=True), row(2, OCTOBER, again=True), row(3, again=True), row(3), row(4, again=True))
    add(archive, row(4, again=True), row(5, again=True))
    assert jobs(archive.root) == [1, 2, 3, 4, 5]


def test_a_row_that_no_column_can_hold_is_put_aside_and_the_rest_goes_on(archive: Archive) -> None:
    add(archive, row(1), row(2**63), row(3, created=float("inf")), row(4, status=2**40), row(5, created=-1e9), row(6))
    assert jobs(archive.root) == [1, 6]
    assert len(list((archive.root / "refused").iterdir())) == 4


def test_a_huge_body_full_of_control_characters_is_archived(archive: Archive) -> None:
    body = "\x01" * 7_000_000
    add(archive, row(1, request=body))
    assert Sql(archive.root).query("SELECT length(request) FROM requests").rows == [(7_000_000,)]


def test_a_second_archiver_is_refused_until_the_first_is_gone(archive: Archive) -> None:
    second = Archive(archive.root)
    with pytest.raises(Problem, match="Another archiver") as caught:
        second.open()
    assert caught.value.code == Code.CONFLICT
    archive.close()
    second.open()
    second.close()


def test_without_its_mark_an_archive_doubles_nothing(archive: Archive) -> None:
    add(archive, row(1), row(2, OCTOBER))
    (archive.root / "state.json").unlink()
    archive.recover()
    assert archive.mark.epoch == ""
    archive.renew(3)
    add(archive, row(1), row(2, OCTOBER), row(3))
    assert jobs(archive.root) == [1, 2, 3]


# ---- merging --------------------------------------------------------------------------------------------------------


def test_many_small_files_become_one(archive: Archive) -> None:
    for job in range(1, merging.MANY + 1):
        add(archive, row(job))
    assert merge_all(archive) == merging.MANY - 1
    assert {len(list(archive.root.glob(f"{table}/*/*.parquet"))) for table in ("requests", *DERIVED_NAMES)} == {1}
    assert jobs(archive.root) == list(range(1, merging.MANY + 1))
    assert archive.merge(NOW) == 0
    add(archive, row(99))
    archive.recover()
    assert jobs(archive.root)[-1] == 99


def test_a_month_that_is_over_becomes_one_file_with_the_newest_first(archive: Archive) -> None:
    for job in (3, 1, 2):
        add(archive, row(job, OCTOBER + job), row(job + 10))
    assert merge_all(archive) == 2
    (file,) = archive.root.glob("requests/month=2026-10/*.parquet")
    with duckdb.connect() as con:
        assert con.execute(f"SELECT job FROM '{file}'").fetchall() == [(3,), (2,), (1,)]
    assert archive.merge(NOW) == 0
    assert jobs(archive.root) == [1, 2, 3, 11, 12, 13]


def test_a_merge_that_died_before_it_removed_the_merged_files_doubles_nothing(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in range(1, merging.MANY + 1):
        add(archive, row(job))

    def dying(path: Path, missing_ok: bool = False) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying)
        for _ in ("requests", *DERIVED_NAMES):
            with pytest.raises(OSError, match="killed"):
                archive.merge(NOW)
    assert len(list(archive.root.glob("requests/*/*.parquet"))) == merging.MANY + 1
    assert Sql(archive.root).query("SELECT count(*), count(DISTINCT job) FROM requests").rows == [(32, 32)]
    archive.close()
    archive.open()
    assert jobs(archive.root) == list(range(1, merging.MANY + 1))


def test_a_damaged_file_is_never_merged_away(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MANY", 8)
    for job in range(1, 2 * merging.MANY + 2):
        add(archive, row(job))
    files = sorted(archive.root.glob("requests/*/*.parquet"))
    broken = files[merging.MANY]
    broken.write_bytes(broken.read_bytes()[:-20])
    while archive.merge(NOW) or len(archive.damaged) == 0:
        pass
    assert broken.exists()
    kept = Sql(archive.root, skip=[broken.name]).query("SELECT count(*) FROM requests")
    assert kept.rows == [(2 * merging.MANY,)]


def test_a_reader_sees_every_row_once_while_files_are_written_and_merged(archive: Archive) -> None:
    stop, reads = threading.Event(), 0
    failures: list[str] = []

    def read() -> None:
        nonlocal reads
        while not stop.is_set():
            mark = parts.read_mark(archive.root).seq
            reads += 1
            try:
                found = Sql(archive.root).query("SELECT count(*), count(DISTINCT job) FROM requests")
            except Problem as problem:
                failures.append(str(problem))
                continue
            counted, distinct = found.rows[0]
            if counted != distinct or counted < mark or counted > parts.read_mark(archive.root).seq:
                failures.append(f"{mark}: {counted}, {distinct}")

    reader = threading.Thread(target=read)
    reader.start()
    end = time.monotonic() + 4
    job = 0
    while time.monotonic() < end or reads < 3:
        for _ in range(40):
            job += 1
            add(archive, row(job))
        archive.merge(NOW)
    stop.set()
    reader.join()
    assert failures == []
    assert jobs(archive.root) == list(range(1, job + 1))


# ---- from the bus ---------------------------------------------------------------------------------------------------


async def test_what_is_on_the_bus_and_what_is_archived_are_one_table(bus: Bus, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    await tell_log(bus, row(1), row(2))
    before = await read_hot(bus, folder)
    assert Sql(folder, before).query("SELECT job FROM requests ORDER BY 1").rows == [(1,), (2,)]

    stop.set()
    await tell_log(bus, row(3))
    task = asyncio.create_task(run_archiver(bus, folder, 0.05, stop := asyncio.Event()))
    await until(lambda: jobs(folder) == [1, 2, 3])
    stop.set()
    await task
    await tell_log(bus, row(4), row(3, again=True))

    hot = await read_hot(bus, folder)
    assert [one.job for _, one in hot.rows] == [4, 3]
    for view in (hot, before):  # `before` was read when nothing was archived yet
        found = Sql(folder, view).query("SELECT job FROM requests WHERE month = '2026-11' AND job < 4 ORDER BY 1").rows
        assert found == [(1,), (2,), (3,)]
    assert Sql(folder, hot).query("SELECT max(job) FROM requests").rows == [(4,)]


async def test_a_stopped_archiver_writes_what_is_left(bus: Bus, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    task = asyncio.create_task(run_archiver(bus, folder, 3600, stop))
    await until(lambda: parts.read_mark(folder).epoch != "")
    await asyncio.sleep(0.2)
    await tell_log(bus, row(1))
    stop.set()
    await task
    assert jobs(folder) == [1]


async def test_a_message_that_is_no_record_is_put_aside(bus: Bus, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    await tell_log(bus, row(1))
    await bus.keep("log.default.chat", b"\xc1 nonsense")
    await bus.keep("log.default.chat", b"")
    await tell_log(bus, row(2))
    task = asyncio.create_task(run_archiver(bus, folder, 0.05, stop))
    await until(lambda: jobs(folder) == [1, 2])
    stop.set()
    await task
    assert sorted(path.read_bytes() for path in (folder / "refused").iterdir()) == [b"", b"\xc1 nonsense"]


async def test_a_stream_made_anew_begins_a_new_epoch_and_loses_nothing(bus: Bus, tmp_path: Path) -> None:
    from bus.streams import declare

    folder, stop = tmp_path / "archive", asyncio.Event()
    task = asyncio.create_task(run_archiver(bus, folder, 0.05, stop))
    for job in (1, 2, 3):
        await tell_log(bus, row(job))
    await until(lambda: jobs(folder) == [1, 2, 3])
    await bus.api("STREAM.DELETE.LOG")
    await declare(bus)
    for job in (3, 4, 5, 6, 7):  # 3 as if it had been sent again: a young epoch looks jobs up
        await tell_log(bus, row(job, again=job == 3))
    await until(lambda: jobs(folder) == [1, 2, 3, 4, 5, 6, 7])
    stop.set()
    await task
    assert len({path.name[:19] for path in folder.glob("requests/*/*.parquet")}) == 2


async def test_a_tail_lost_with_the_power_and_written_again_is_archived(bus: Bus, tmp_path: Path) -> None:
    """The stream's last messages are gone and their sequences were given to others: deletion and a new stream stand in."""
    from bus.streams import declare

    folder = tmp_path / "archive"
    for job in (1, 2, 3):
        await tell_log(bus, row(job))
    await run_until_archived(bus, folder, [1, 2, 3])
    await bus.api("STREAM.DELETE.LOG")
    await declare(bus)
    for job in (1, 2, 8, 9):  # sequence 3 is another message now
        await tell_log(bus, row(job))
    view = await read_hot(bus, folder)
    assert Sql(folder, view).query("SELECT job FROM requests ORDER BY 1").rows == [(1,), (2,), (3,), (8,), (9,)]
    await run_until_archived(bus, folder, [1, 2, 3, 8, 9])


async def run_until_archived(bus: Bus, folder: Path, expected: list[int]) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(run_archiver(bus, folder, 0.05, stop))
    await until(lambda: jobs(folder) == expected)
    stop.set()
    await task


async def test_rows_in_are_rows_out_though_the_archiver_is_killed_again_and_again(
    bus: Bus, nats: Link, tmp_path: Path
) -> None:
    folder, total, chance = tmp_path / "archive", 6000, random.Random(7)
    process = await Process(nats, folder, flush=0.02).start()

    async def publish() -> None:
        for start in range(0, total, 20):
            created = [OCTOBER, NOVEMBER]
            rows = [row(job, created[job % 2], again=job % 7 == 0) for job in range(start + 1, start + 21)]
            await asyncio.gather(*(tell_log(bus, *rows[n : n + 4]) for n in range(0, 20, 4)))
            await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())
    kills = 0
    while not publishing.done() or kills < 5:
        await asyncio.sleep(chance.uniform(0.6, 1.4))
        await process.end(signal.SIGKILL)
        kills += 1
        process = await Process(nats, folder, flush=0.02).start()
    await publishing
    await tell_log(bus, row(total + 1))  # the last archiver has to archive something too
    await until(lambda: len(jobs(folder)) >= total + 1)
    assert await process.end() == 0
    assert jobs(folder) == list(range(1, total + 2))


async def test_an_archiver_outlives_a_killed_nats_server(bus: Bus, server: EmbeddedNats, tmp_path: Path) -> None:
    """LOG is written asynchronously: the server's last 50 ms are lost with it, archived already or not. Whoever told LOG
    tells it again under the same names, as recovery does."""
    folder, stop = tmp_path / "archive", asyncio.Event()
    task = asyncio.create_task(run_archiver(bus, folder, 0.01, stop))
    for told in range(20, 80, 20):
        for job in range(told - 19, told + 1):
            await tell_log(bus, row(job))
        await until(lambda: len(jobs(folder)) > 0)
        os.kill(server.pid, signal.SIGKILL)
        for job in range(told - 19, told + 1):
            await tell_log(bus, row(job))
    await until(lambda: len(jobs(folder)) >= 60)
    stop.set()
    await task
    assert jobs(folder) == list(range(1, 61))


async def test_a_hole_in_a_page_is_read_again(bus: Bus, tmp_path: Path) -> None:
    for job in range(1, 6):
        await tell_log(bus, row(job))
    reader, real, dropped = LogReader(bus), bus.listen, []

    async def lossy(subject: str, handler: Any, queue: str = "") -> Any:
        def drop_one(message: Any) -> None:
            if not dropped and (message.headers or {}).get("Nats-Sequence") == "3":
                dropped.append(message)
            else:
                handler(message)

        return await real(subject, drop_one, queue)

    bus.listen = lossy  # type: ignore[method-assign]
    batch = await reader.after(parts.Mark())
    assert dropped
    assert [one.job for _, one in batch.rows] == [1, 2, 3, 4, 5]


async def test_a_batch_is_bounded_however_much_waits(bus: Bus) -> None:
    many = encode_logs([row(job) for job in range(500)])
    for _ in range(30):
        await bus.keep("log.default.chat", many)
    batch = await LogReader(bus).after(parts.Mark())
    assert batch.more is False or len(batch.rows) >= 10_000
    assert len(batch.rows) <= 15_000
