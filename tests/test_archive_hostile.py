"""What a stranger, a broken disk or a careless copy may do to the archive: nothing stops it, and nothing is destroyed."""

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from archive_kit import DAY, NOVEMBER, NOW, OCTOBER, add, aged, findings, jobs, opened, row, tell_log

from bus.connection import Bus
from ops.archiver import Archiver
from ops.log_reader import LogReader, read_hot
from storage import merging, parts
from storage.archive import Archive
from storage.export import export
from storage.keeping import Keeper, settle
from storage.sql import Sql
from storage.table import Table

ABSURD = [
    {"wait_ms": 1e300}, {"total_ms": 1e300}, {"total_ms": -1e300}, {"total_ms": float("nan")}, {"first_ms": 1e308},
    {"cost": 1e308}, {"tokens_in": 2**62}, {"tokens_in": 2**62}, {"tokens_out": 2**63 - 1}, {"attempts": 2**31 - 1},
]  # fmt: skip


def test_absurd_numbers_stop_neither_the_archive_nor_its_merging(archive: Archive) -> None:
    """A provider may claim 2**62 tokens: their sum is in no column any more."""
    rows = [row(n, style="queued", **more) for n, more in enumerate(ABSURD)]
    add(archive, *rows)
    add(archive, *(row(100 + n, style="queued", **more) for n, more in enumerate(ABSURD)))
    add(archive, row(50, 253402300000.0))  # a clock in December 9999
    Keeper(archive).compact()
    settle(Keeper(archive), NOW)
    assert len(jobs(archive.root)) == 2 * len(ABSURD) + 1
    assert Sql(archive.root).query("SELECT count(*), count(ended) FROM jobs").rows == [(20, 14)]
    assert Sql(archive.root).query("SELECT sum(requests) FROM hourly").rows == [(21,)]


def test_what_is_no_file_of_the_archive_is_named_and_stops_nothing(archive: Archive) -> None:
    aged(archive)
    add(archive, row(1, OCTOBER))
    home = archive.root / "requests" / "month=2026-10"
    (source,) = home.glob("*.parquet")
    never = archive.root / "requests" / "month=2026-13"
    never.mkdir()
    shutil.copy(source, never / "mine.parquet")
    (home / "folder.parquet").mkdir()
    (home / "link.parquet").symlink_to("/nowhere/x.parquet")
    (home / "text.parquet").write_text("no Parquet")
    duckdb.sql(f"COPY (SELECT 'abc' AS job, 'x' AS created) TO '{home / 'typed.parquet'}'")
    add(archive, row(1, OCTOBER, again=True), row(2, OCTOBER, again=True))
    settle(Keeper(archive), NOW)
    assert sorted(findings(archive.root)) == [
        ("damaged", "requests/month=2026-10/text.parquet"), ("damaged", "requests/month=2026-10/typed.parquet"),
    ]  # fmt: skip
    left_out = Sql(archive.root, skip=["text.parquet", "typed.parquet"])
    assert left_out.query("SELECT job FROM requests ORDER BY 1").rows == [(1,), (2,)]


def test_a_disk_that_does_not_give_a_file_is_told_as_damage(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(archive, row(1, OCTOBER), row(2))
    real = Path.open

    def failing(path: Path, *args: Any, **more: Any) -> Any:
        if path.parent.name == "month=2026-10" and path.parent.parent == archive.root / "requests":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *args, **more)

    monkeypatch.setattr(Path, "open", failing)
    (source,) = archive.root.glob("requests/month=2026-10/*.parquet")
    assert findings(archive.root) == [("damaged", str(source.relative_to(archive.root)))]
    assert [file for file, _ in export(archive.root, tmp_path / "copy").damaged] == [str(source)]


def test_a_half_copied_file_that_hides_others_by_its_name_destroys_none(archive: Archive, tmp_path: Path) -> None:
    for job in (1, 2, 3):
        add(archive, row(job))
    shutil.copytree(archive.root, tmp_path / "copy")
    Keeper(archive).compact()
    (merged,) = archive.root.glob("requests/*/*.parquet")
    half = tmp_path / "copy" / merged.relative_to(archive.root)
    half.write_bytes(merged.read_bytes()[:-30])
    other = Archive(tmp_path / "copy")
    other.open()
    other.close()
    half.unlink()
    assert jobs(other.root) == [1, 2, 3]


def test_a_folder_copied_while_it_was_written_loses_nothing_beside_another_stream(archive: Archive) -> None:
    """Its mark is older than its files, and the new stream knows nothing of their rows."""
    add(archive, row(1))
    mark = (archive.root / parts.STATE).read_bytes()
    add(archive, row(2, OCTOBER), row(3))
    archive.close()
    (archive.root / parts.STATE).write_bytes(mark)
    time.sleep(0.002)  # an epoch's name has milliseconds
    archive.open()
    archive.renew(0)
    add(archive, row(3, again=True), row(4))
    assert jobs(archive.root) == [1, 2, 3, 4]


def test_a_full_disk_is_not_filled_with_drafts(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    for job in (1, 2):
        add(archive, row(job))
    with monkeypatch.context() as patch:
        patch.setattr(merging, "put", full)
        left = set()
        for last in (3, 4, 5):  # each try is longer than the one before, so its files have other names
            with pytest.raises(OSError, match="no space"):
                add(archive, *(row(job) for job in range(3, last + 1)))
            left.add(len(list((archive.root / ".tmp").iterdir())))
        assert len(left) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Table, "merged", lambda table, rows: f"SELECT error(job) FROM ({rows})")
        with pytest.raises(duckdb.Error):
            Keeper(archive).compact()
    add(archive, row(3))
    assert list((archive.root / ".tmp").iterdir()) == []
    assert jobs(archive.root) == [1, 2, 3]


def test_a_month_s_end_is_where_the_calendar_has_it() -> None:
    assert not merging.is_over("2026-10", OCTOBER)
    first = 1793491200.0  # 2026-11-01 00:00 UTC
    assert not merging.is_over("2026-10", first + merging.LATE - 1)
    assert merging.is_over("2026-10", first + merging.LATE)
    assert merging.is_over("2025-12", NOW)
    assert not merging.is_over("9999-12", NOW + 1000 * DAY)


async def test_a_few_rows_wait_for_company_and_are_seen_meanwhile(bus: Bus, tmp_path: Path) -> None:
    writer = opened(tmp_path / "archive")
    role = Archiver(writer, LogReader(bus), 3600)
    await tell_log(bus, row(1))
    await role.round()
    await tell_log(bus, row(2, NOVEMBER))
    await role.round()
    assert jobs(writer.root) == [1]
    seen = Sql(writer.root, await read_hot(bus, writer.root)).query("SELECT job FROM requests ORDER BY 1")
    assert seen.rows == [(1,), (2,)]
    await tell_log(bus, *(row(job) for job in range(3, 103)))
    await role.round()
    assert jobs(writer.root) == list(range(1, 103))
    await tell_log(bus, row(200))
    writer.rest()
    await role.round(last=True)
    assert jobs(writer.root)[-1] == 200
    writer.close()
