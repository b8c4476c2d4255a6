"""Whoever dies, and whenever: no row of any table is lost, none doubled, and what is derived agrees with its requests."""

import asyncio
import random
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from archive_kit import (
    NOVEMBER,
    NOW,
    OCTOBER,
    Process,
    add,
    aged,
    agree,
    audit_row,
    file_row,
    jobs,
    mixed,
    opened,
    row,
    state,
    tell_log,
    until,
)  # fmt: skip

from bus.connection import Bus, Link
from schemas.log import Row, encode_logs
from storage import merging, parts
from storage.archive import Archive
from storage.sql import Hot, Sql
from storage.tables import DERIVED


def test_what_is_no_request_is_archived_once_however_often_it_is_told(archive: Archive) -> None:
    aged(archive)
    midnight = NOVEMBER - 18 * 86400 + 46800 - 0.25  # the first of November, 00:00
    add(archive, file_row("f1"), audit_row("a1"), file_row("f1"), file_row("f2", midnight - 5))
    add(archive, audit_row("a1", NOVEMBER + 60), file_row("f2", midnight + 5), file_row("f3"))
    engine = Sql(archive.root)
    assert engine.query("SELECT id FROM files ORDER BY 1").rows == [("f1",), ("f2",), ("f3",)]
    assert engine.query("SELECT id FROM audit").rows == [("a1",)]
    hot = Hot(archive.mark.epoch, others=[(8, audit_row("a1")), (9, audit_row("a2")), (10, audit_row("a2"))])
    assert Sql(archive.root, hot).query("SELECT id FROM audit ORDER BY 1").rows == [("a1",), ("a2",)]


class Dies(Exception):
    pass


def steps(monkeypatch: pytest.MonkeyPatch, limit: int) -> list[str]:
    """Die before the step numbered `limit` of those that change the folder. The list grows by each step that was made."""
    made: list[str] = []

    def dying(name: str, real: Any) -> Any:
        def step(*args: Any, **more: Any) -> Any:
            if len(made) == limit:
                raise Dies
            made.append(name)
            return real(*args, **more)

        return step

    monkeypatch.setattr(merging, "put", dying("put", merging.put))
    monkeypatch.setattr(merging, "make", dying("make", merging.make))
    monkeypatch.setattr(parts, "sync", dying("sync", parts.sync))
    monkeypatch.setattr(parts, "write_mark", dying("mark", parts.write_mark))
    monkeypatch.setattr(Path, "unlink", dying("unlink", Path.unlink))
    return made


BATCH: list[Row] = [mixed(13, OCTOBER), mixed(8), mixed(9), file_row("f1"), file_row("f2", OCTOBER), audit_row("a1")]


def given(root: Path) -> Archive:
    """An archive of some batches, with something to merge and something to complete."""
    writer = opened(root)
    aged(writer)
    for job in (2, 4):
        add(writer, mixed(job, OCTOBER), file_row(f"g{job}", OCTOBER))
    for path in [*root.glob("jobs/month=2026-10/*"), *sorted(root.glob("attempts/month=2026-10/*"))[:1]]:
        path.unlink()
    return writer


def all_of_it(writer: Archive) -> None:
    add(writer, *BATCH)
    while writer.complete():
        pass
    while writer.merge(NOW):
        pass


def moments(made: list[str]) -> list[int]:
    """One of each sort of moment: between which two steps, before or after the commit. (Each step was tried once.)"""
    seen: dict[tuple[str, str, bool], int] = {}
    for n, pair in enumerate(zip(["", *made], [*made, ""], strict=True)):
        seen.setdefault((*pair, "mark" in made[:n]), n)
    return sorted(seen.values())


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_every_table_is_whole_though_the_archiver_dies_before_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """A batch of two months and three kinds, the making of what an older version lacks, and merging: at each sort of moment
    (in the short round at one of four) the archiver dies once, and the next one goes on."""
    given(tmp_path / "given").close()
    whole = again(tmp_path, "whole")
    with monkeypatch.context() as patch:
        made = steps(patch, 10**9)
        all_of_it(whole)
    wanted = rows_only(state(whole.root))
    whole.close()
    limits = moments(made)
    assert 8 < len(limits) < 30
    for limit in limits[::every]:
        writer = again(tmp_path, str(limit))
        mark = writer.mark.seq
        with monkeypatch.context() as patch, suppress(Dies):
            steps(patch, limit)
            all_of_it(writer)
        writer.close()
        writer = Archive(writer.root)
        writer.open()
        if writer.mark.seq == mark:  # the same messages, in other batches
            add(writer, *BATCH[:2])
            add(writer, *BATCH[2:])
        while writer.complete() or writer.merge(NOW):
            pass
        assert rows_only(state(writer.root)) == wanted, made[limit - 3 : limit + 1]
        agree(writer.root)
        writer.close()


def again(folder: Path, name: str) -> Archive:
    """A copy of the archive `given`, opened."""
    shutil.copytree(folder / "given", folder / name)
    writer = Archive(folder / name)
    writer.open()
    return writer


def rows_only(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows for name, rows in found.items() if rows}


async def test_all_tables_are_whole_though_the_process_is_killed_again_and_again(
    bus: Bus, nats: Link, tmp_path: Path
) -> None:
    folder, total, chance = tmp_path / "archive", 1500, random.Random(3)
    process = await Process(nats, folder, flush=0.02).start()

    async def publish() -> None:
        for start in range(0, total, 25):
            rows = [mixed(job, [OCTOBER, NOVEMBER][job % 2]) for job in range(start + 1, start + 26)]
            await tell_log(bus, *rows)
            notes = [file_row(f"f{job}", [OCTOBER, NOVEMBER][job % 2]) for job in range(start + 1, start + 26)]
            await bus.keep("log.default.file", encode_logs(notes), msg_id=f"f{start}")
            await bus.keep("log.default.audit", encode_logs([audit_row(f"a{start}")]))
            await bus.keep("log.default.audit", encode_logs([audit_row(f"a{start}")]))  # told twice
            await asyncio.sleep(0.06)

    publishing = asyncio.create_task(publish())
    while not publishing.done():
        await asyncio.sleep(chance.uniform(0.5, 1.0))
        await process.end(signal.SIGKILL)
        process = await Process(nats, folder, flush=0.02).start()
    await publishing
    await tell_log(bus, row(total + 1))
    await until(lambda: len(jobs(folder)) >= total + 1)
    assert await process.end() == 0
    agree(folder)
    found = state(folder)
    assert jobs(folder) == list(range(1, total + 2))
    assert len(found["files"]) == total
    assert len(found["audit"]) == total // 25
    assert {line[0] for line in found["files"]} == {f"f{job}" for job in range(1, total + 1)}


def test_a_new_epoch_doubles_nothing_in_any_table(archive: Archive) -> None:
    first: list[Row] = [mixed(1), mixed(2, OCTOBER), file_row("f1"), audit_row("a1")]
    add(archive, *first)
    archive.renew(4)
    add(archive, *first, mixed(8), file_row("f2"))
    (archive.root / "state.json").unlink()
    archive.recover()
    archive.renew(9)
    add(archive, *first, mixed(8), file_row("f2"), mixed(9))
    assert jobs(archive.root) == [1, 2, 8, 9]
    assert [line[0] for line in state(archive.root)["files"]] == ["f1", "f2"]
    assert len(state(archive.root)["audit"]) == 1
    agree(archive.root)


def test_requests_without_their_tables_after_a_lost_mark_are_worked_up(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of a batch that was never committed count when the mark is lost as well: so requests are put first."""
    with monkeypatch.context() as patch:
        made = steps(patch, 10**9)
        add(archive, mixed(1), mixed(2, OCTOBER))
    puts = [n for n, name in enumerate(made) if name == "put"]
    assert len(puts) == 2 * (1 + len(DERIVED))
    for limit in puts[::3]:
        writer = opened(archive.root.with_name(f"lost-{limit}"))
        with monkeypatch.context() as patch:
            steps(patch, limit)
            with pytest.raises(Dies):
                add(writer, mixed(1), mixed(2, OCTOBER))
        (writer.root / "state.json").unlink()
        writer.recover()
        writer.renew(2)
        add(writer, mixed(1), mixed(2, OCTOBER))
        while writer.complete():
            pass
        agree(writer.root)
        assert jobs(writer.root) == [1, 2]
        writer.close()
