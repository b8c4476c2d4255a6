"""Copies of the archive: whole or resumable, checked on the way out and on the way in, and no row is ever doubled."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from archive_kit import NOVEMBER, NOW, OCTOBER, jobs, opened, row

from ops.keeping import Chore, do
from schemas.log import FileLog
from schemas.problem import Problem
from storage import export as exporting
from storage import manifest, parts
from storage.archive import Archive
from storage.export import Wish, export
from storage.intake import Taken, room, stage, take_in
from storage.keeping import Keeper, settle
from storage.sql import Sql
from storage.verify import verify


def add(archive: Archive, *numbers: int) -> None:
    """A batch of three: October, November, and what happened to a file."""
    for job in numbers:
        seq = archive.mark.seq
        told = FileLog(
            id=f"f{job}", time=NOVEMBER, tenant="default", key="k", event="stored", file=job, purpose="artifact",
            name="a.png", content_type="image/png", size=1,
        )  # fmt: skip
        rows = [(seq + 1, row(job, OCTOBER)), (seq + 2, row(job + 1000)), (seq + 3, told)]
        archive.append(rows, seq + 3, f"t{seq}")


def imported(archive: Archive, source: Path) -> list[Taken]:
    with room(archive.root) as folder:
        found = [*stage(source, archive.root, folder), *take_in(archive, folder)]
    settle(Keeper(archive), NOW)
    return found


def is_whole(root: Path) -> bool:
    return [one.findings for one in verify(root) if one.findings] == []


# ---- export ---------------------------------------------------------------------------------------------------------


def test_an_export_is_an_archive_that_any_tool_can_read_and_verify(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1, 2)
    settle(Keeper(archive), NOW)
    done = export(archive.root, tmp_path / "copy")
    assert (done.months, done.damaged) == (("2026-10", "2026-11"), ())
    assert jobs(tmp_path / "copy") == jobs(archive.root) == [1, 2, 1001, 1002]
    assert manifest.months(tmp_path / "copy") == ["2026-10", "2026-11"]
    assert is_whole(tmp_path / "copy")
    again = export(archive.root, tmp_path / "copy")
    assert (again.copied, again.files) == (0, done.files)
    add(archive, 3)
    Keeper(archive).compact()
    later = export(archive.root, tmp_path / "copy")
    assert later.copied > 0
    assert jobs(tmp_path / "copy") == jobs(archive.root)
    assert is_whole(tmp_path / "copy")


def test_only_the_wanted_months_and_tables_are_copied(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1)
    export(archive.root, tmp_path / "copy", Wish(["2026-10"], ["requests"]))
    assert [str(one.parent.relative_to(tmp_path / "copy")) for one in (tmp_path / "copy").rglob("*.parquet")] == [
        "requests/month=2026-10"
    ]
    with pytest.raises(Problem, match="nothing of 2020-01"):
        export(archive.root, tmp_path / "other", Wish(["2020-01"]))
    for bad in (archive.root, archive.root / "within", archive.root.parent):
        with pytest.raises(Problem, match="name another folder"):
            export(archive.root, bad)


def test_a_damaged_file_is_named_and_the_rest_is_exported(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1)
    broken = next(archive.root.glob("requests/month=2026-10/*.parquet"))
    broken.write_bytes(broken.read_bytes()[:-20])
    done = export(archive.root, tmp_path / "copy")
    assert [file for file, _ in done.damaged] == [str(broken)]
    assert jobs(tmp_path / "copy") == [1001]
    assert is_whole(tmp_path / "copy")


def test_files_that_are_merged_away_during_the_export_are_no_hindrance(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(archive, 1, 2, 3)
    real, calls = exporting.copy, []

    def copy(*args: object) -> str:
        calls.append(args)
        if len(calls) == 2:
            Keeper(archive).compact()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "copy", copy)
    export(archive.root, tmp_path / "copy")
    assert jobs(tmp_path / "copy") == jobs(archive.root)
    assert is_whole(tmp_path / "copy")


_EXPORT = """
import os, signal, sys
from pathlib import Path
from storage import export
left, real = [int(sys.argv[3])], os.replace
def dying(*args):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args)
os.replace = dying
export.export(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_killed_export_goes_on_where_it_was_also_after_files_were_merged(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1, 2)
    for step in (3, 9):
        words = [sys.executable, "-c", _EXPORT, str(archive.root), str(tmp_path / "copy"), str(step)]
        assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    Keeper(archive).compact()
    export(archive.root, tmp_path / "copy")
    assert jobs(tmp_path / "copy") == jobs(archive.root)
    assert is_whole(tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob(".*.part"))


def test_a_full_disk_is_told_and_the_next_try_goes_on(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(archive, 1, 2)
    real, room_left = os.write, [9000]

    def write(handle: int, data: bytes) -> int:
        room_left[0] -= len(data)
        if room_left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(exporting.os, "write", write)
        with pytest.raises(Problem, match="is full"):
            export(archive.root, tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob(".*.part"))
    done = export(archive.root, tmp_path / "copy")
    assert 0 < done.copied < done.files
    assert is_whole(tmp_path / "copy")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_really_full_is_told(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1, 2)
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with pytest.raises(Problem, match="is full"):
            export(archive.root, small / "copy")
    finally:
        subprocess.run(["umount", small], check=True)


# ---- import ---------------------------------------------------------------------------------------------------------


def test_an_import_brings_all_rows_once_and_a_second_one_changes_nothing(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1, 2)
    settle(Keeper(archive), NOW)
    export(archive.root, tmp_path / "copy")
    time.sleep(0.002)  # an epoch's name has milliseconds
    other = opened(tmp_path / "other" / "archive")
    add(other, 7)
    found = imported(other, tmp_path / "copy")
    assert {one.result for one in found} == {"taken"}
    assert jobs(other.root) == [1, 2, 7, 1001, 1002, 1007]
    assert Sql(other.root).query("SELECT count(*), count(DISTINCT id) FROM files").rows == [(3, 3)]
    assert Sql(other.root).query("SELECT sum(requests) FROM hourly").rows == [(6,)]
    before = sorted(other.root.rglob("*.parquet"))
    again = imported(other, tmp_path / "copy")
    assert {one.result for one in again} == {"here"}
    assert sorted(other.root.rglob("*.parquet")) == before
    other.recover()
    assert jobs(other.root) == [1, 2, 7, 1001, 1002, 1007]
    assert is_whole(other.root)
    other.close()


def test_rows_that_are_here_under_another_file_are_left_out(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1, 2, 3)
    settle(Keeper(archive), NOW)
    shutil.copytree(archive.root, tmp_path / "copy", ignore=shutil.ignore_patterns("state.json"))
    time.sleep(0.002)
    other = opened(tmp_path / "other" / "archive")
    add(other, 2)
    found = imported(other, tmp_path / "copy")
    assert {one.result for one in found} == {"partly", "taken", "here"}
    assert {one.left for one in found if one.result == "partly"} == {1}
    assert jobs(other.root) == [1, 2, 3, 1001, 1002, 1003]
    imported(other, tmp_path / "copy")
    assert jobs(other.root) == [1, 2, 3, 1001, 1002, 1003]
    other.close()


def test_epochs_that_overlap_hide_nothing(archive: Archive, tmp_path: Path) -> None:
    """A copy from before a merge meets the archive after it, and one that lost its newest files."""
    add(archive, 1, 2)
    shutil.copytree(archive.root, tmp_path / "early", ignore=shutil.ignore_patterns("state.json"))
    add(archive, 3)
    Keeper(archive).compact()
    expected = jobs(archive.root)
    assert {one.result for one in imported(archive, tmp_path / "early")} == {"here"}
    assert jobs(archive.root) == expected
    shutil.copytree(archive.root, tmp_path / "late", ignore=shutil.ignore_patterns("state.json"))
    other = Archive(tmp_path / "early")
    other.open()
    found = imported(other, tmp_path / "late")
    assert any(one.result == "partly" for one in found)
    assert jobs(other.root) == expected
    imported(other, tmp_path / "late")
    other.recover()
    assert jobs(other.root) == expected
    other.close()


def test_a_file_of_this_archive_that_is_ahead_of_its_mark_is_refused(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1)
    state = (archive.root / parts.STATE).read_bytes()
    add(archive, 2)
    export(archive.root, tmp_path / "copy")
    (archive.root / parts.STATE).write_bytes(state)  # an older mark was restored
    archive.recover()
    assert {one.result for one in imported(archive, tmp_path / "copy")} == {"here", "refused"}
    assert jobs(archive.root) == [1, 1001]


@pytest.mark.parametrize("harm", ["truncated", "flipped", "gone", "no manifest", "other table", "other month"])
def test_what_is_no_good_is_refused_by_name_and_the_rest_comes_in(archive: Archive, tmp_path: Path, harm: str) -> None:
    add(archive, 1)
    copy = tmp_path / "copy"
    export(archive.root, copy)
    (file,) = copy.glob("requests/month=2026-10/*.parquet")
    if harm == "truncated":
        file.write_bytes(file.read_bytes()[:-9])
    elif harm == "flipped":
        file.write_bytes(file.read_bytes()[:50] + b"\xff" + file.read_bytes()[51:])
    elif harm == "gone":
        file.unlink()
    else:
        shutil.rmtree(copy / "manifest")
        if harm == "other table":
            file.write_bytes(next(copy.glob("files/month=2026-11/*.parquet")).read_bytes())
        elif harm == "other month":
            file.write_bytes(next(copy.glob("requests/month=2026-11/*.parquet")).read_bytes())
    time.sleep(0.002)
    other = opened(tmp_path / "other" / "archive")
    refused = [one for one in imported(other, copy) if one.result == "refused"]
    assert [one.file for one in refused] == ([] if harm == "no manifest" else [f"requests/month=2026-10/{file.name}"])
    assert jobs(other.root) == ([1, 1001] if harm == "no manifest" else [1001])
    other.close()


def test_a_damaged_file_is_restored_from_a_copy(archive: Archive, tmp_path: Path) -> None:
    add(archive, 1)
    settle(Keeper(archive), NOW)
    export(archive.root, tmp_path / "copy")
    (broken,) = archive.root.glob("requests/month=2026-10/*.parquet")
    broken.write_bytes(b"no more")
    assert [one.why for one in imported(archive, tmp_path / "copy") if one.result == "taken"] == [
        "in place of the broken one"
    ]
    assert jobs(archive.root) == [1, 1001]
    assert is_whole(archive.root)


def test_an_import_by_command_beside_a_process_that_has_the_folder_is_refused_in_a_sentence(
    archive: Archive, tmp_path: Path
) -> None:
    add(archive, 1)
    with room(archive.root), pytest.raises(Problem, match="another import"), room(archive.root):
        pass
    with pytest.raises(Problem, match="another process writes"):
        do(archive.root, None, Chore("import"))
    with room(archive.root) as folder, pytest.raises(Problem, match="no archive at"):
        stage(tmp_path, archive.root, folder)


def test_a_folder_copied_by_hand_is_read_closed_and_kept(archive: Archive) -> None:
    add(archive, 1)
    with duckdb.connect() as con:
        (source,) = archive.root.glob("requests/month=2026-10/*.parquet")
        con.execute(f"COPY (SELECT * REPLACE (77 AS job) FROM '{source}') TO '{source.with_name('mine.parquet')}'")
    keeper = Keeper(archive)
    settle(keeper, NOW)
    assert jobs(archive.root) == [1, 77, 1001]
    assert Sql(archive.root).query("SELECT sum(requests) FROM hourly").rows == [(3,)]
    assert is_whole(archive.root)
