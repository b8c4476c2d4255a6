"""The archive's six tables: what is derived agrees with the requests it was made of, whoever made it and whatever died."""

import asyncio
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from archive_kit import NOVEMBER, OCTOBER, Process, jobs, row, tell_log, until

from bus.connection import Bus, Link
from ops.archiver import read_hot, run_archiver
from schemas.log import AuditLog, FileLog, RequestLog, Row, encode_logs
from storage import merging, parts
from storage.archive import Archive
from storage.parts import Gap, Part
from storage.sql import Hot, Sql
from storage.tables import DERIVED, TABLES

NOW = NOVEMBER + 3600
DERIVED_NAMES = [table.name for table in DERIVED]
GOLDEN = Path(__file__).parent / "golden" / "archive" / "requests-2026-11.parquet"
"""What the archiver wrote before there were further tables."""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    writer = Archive(tmp_path / "archive")
    writer.open()
    writer.renew(0)
    yield writer
    writer.close()


def add(archive: Archive, *rows: Row) -> int:
    """Append one batch as if it were the next messages of LOG."""
    last = archive.mark.seq + len(rows)
    return archive.append([(archive.mark.seq + n, one) for n, one in enumerate(rows, 1)], last, f"t{last}")


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
            whole = f"SELECT * FROM ({REQUESTS_NONE}) UNION ALL BY NAME SELECT * FROM {files}"
            wanted = con.execute(f"{table.derived(whole)} ORDER BY ALL").fetchall()
            there = f"read_parquet('{root}/{table.name}/*/*.parquet', union_by_name = true, hive_partitioning = false)"
            assert con.execute(f"SELECT {table.names} FROM {there} ORDER BY ALL").fetchall() == wanted, table.name


REQUESTS_NONE = TABLES["requests"].none


# ---- the columns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_a_column_can_be_named_in_a_query_as_it_is(name: str, tmp_path: Path) -> None:
    """No reserved word of SQL, and each with a meaning."""
    names = [column.name for column in TABLES[name].columns]
    every = ", ".join(names)
    Sql(tmp_path).query(f"SELECT {every} FROM {name} WHERE {' IS NULL AND '.join(names)} IS NULL ORDER BY {every}")
    assert all(column.about.endswith((".", "…")) for column in TABLES[name].columns)


def test_rows_of_files_and_acts_come_back_as_they_went_in(archive: Archive) -> None:
    add(archive, file_row("f1", sha256="ab", job=2**53 - 1, size=2**40), audit_row("a1"), row(1))
    given = file_row("f1", sha256="ab", job=2**53 - 1, size=2**40)
    for name, one in (("files", given), ("audit", audit_row("a1"))):
        found = Sql(archive.root).query(f"SELECT * FROM {name}")
        told = dict(zip(found.columns, found.rows[0], strict=True))
        assert told["month"] == "2026-11"
        assert str(told["time"]) == "2026-11-18 11:00:00.250000"
        fields = set(told) - {"month", "time", "seq"}
        assert {field: told[field] for field in fields} == {field: getattr(one, field) for field in fields}
        assert set(one.__struct_fields__) == fields | {"time"}


def test_an_attempt_a_job_and_a_delivery_are_told_as_they_were(archive: Archive) -> None:
    delivery = row(
        9, style="queued", op="callback", parent=5, ref="callback.5-1", target="example.com", attempts=2, wait_ms=100.0,
        total_ms=2600.0, trail=tried("provider_error", None, status=503, model="m"),
    )  # fmt: skip
    add(archive, delivery, row(10, trail=tried("cancelled")))
    engine = Sql(archive.root)
    asked = "SELECT job, n, provider, outcome, error, status, served, ms, last FROM attempts ORDER BY job, n"
    assert engine.query(asked).rows == [
        (9, 1, "p1", "failed", "provider_error", 503, "m", 500.0, False),
        (9, 2, "p2", "done", None, 503, "m", 500.0, True),
        (10, 1, "p1", "cancelled", "cancelled", None, None, 500.0, True),
    ]
    found = engine.query("SELECT job, wait_ms, run_ms, ended - created, started - created, parent FROM jobs").rows
    assert [
        (line[0], line[1], line[2], line[3].total_seconds(), line[4].total_seconds(), line[5]) for line in found
    ] == [(9, 100.0, 2500.0, 2.6, 0.1, 5)]
    asked = "SELECT job, parent, n, host, webhook_id, outcome, last FROM callbacks ORDER BY n"
    assert engine.query(asked).rows == [
        (9, 5, 1, "example.com", "msg_5-1", "failed", False),
        (9, 5, 2, "example.com", "msg_5-1", "done", True),
    ]


@pytest.mark.parametrize(
    "trail",
    [
        "nonsense",
        "{}",
        "[]",
        "[1, null]",
        '[{"number": "x"}]',
        '[{"number": 1e99}]',
        '[{"started": 1e300, "number": 1}]',
        '"a"',
    ],
)
def test_a_trail_that_can_t_be_read_stops_nothing(archive: Archive, trail: str) -> None:
    add(archive, row(1, trail=trail), row(2, trail=tried(None)))
    found = Sql(archive.root).query("SELECT count(*) FROM attempts WHERE job = 2")
    assert found.rows == [(1,)]
    assert jobs(archive.root) == [1, 2]


# ---- exactly once ---------------------------------------------------------------------------------------------------


def test_what_is_no_request_is_archived_once_however_often_it_is_told(archive: Archive) -> None:
    settle(archive)
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


def settle(archive: Archive) -> None:
    """As if the epoch were old: nothing is looked up for its youth."""
    archive.mark = msgspec.structs.replace(archive.mark, check_before=0.0)


def given(root: Path) -> Archive:
    """An archive of some batches, with something to merge and something to complete."""
    writer = Archive(root)
    writer.open()
    writer.renew(0)
    settle(writer)
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


def test_every_table_is_whole_though_the_archiver_dies_before_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of two months and three kinds, the making of what an older version lacks, and merging: at each sort of moment
    the archiver dies once, and the next one goes on."""
    given(tmp_path / "given").close()
    whole = again(tmp_path, "whole")
    with monkeypatch.context() as patch:
        made = steps(patch, 10**9)
        all_of_it(whole)
    wanted = rows_only(state(whole.root))
    whole.close()
    limits = moments(made)
    assert 8 < len(limits) < 30
    for limit in limits:
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
        writer = Archive(archive.root.with_name(f"lost-{limit}"))
        writer.open()
        writer.renew(0)
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


# ---- what an older version has left ---------------------------------------------------------------------------------


def drop_tables(root: Path) -> None:
    for name in DERIVED_NAMES:
        for path in root.glob(f"{name}/*/*.parquet"):
            path.unlink()


def test_what_an_older_version_left_is_whole_at_once_and_made_later(archive: Archive) -> None:
    for job in range(1, 5):
        add(archive, mixed(job, OCTOBER), mixed(job + 10))
    while archive.merge(NOW):
        pass
    asked = [f"SELECT * FROM {name} ORDER BY ALL" for name in DERIVED_NAMES]
    whole = [result.rows for result in Sql(archive.root).queries(asked)]
    drop_tables(archive.root)
    assert [result.rows for result in Sql(archive.root).queries(asked)] == whole
    add(archive, mixed(20))
    assert archive.complete() > 0
    while archive.complete():
        pass
    agree(archive.root)
    hidden = [path.rename(path.with_suffix(".hidden")) for path in archive.root.glob("requests/*/*.parquet")]
    assert hidden  # now there is nothing to make them of: what follows is in the files
    found = Sql(archive.root).query(f"SELECT count(*) FROM {DERIVED_NAMES[0]} WHERE job <> 20")
    assert found.rows == [(len(whole[0]),)]


def test_a_gap_is_never_merged_over(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MANY", 4)
    for job in range(1, 12):
        add(archive, mixed(job))
    for path in sorted(archive.root.glob("attempts/*/*.parquet"))[2:5]:
        path.unlink()
    while archive.merge(NOW):
        pass
    found = Sql(archive.root).query("SELECT job, n FROM attempts ORDER BY 1, 2").rows
    while archive.complete() or archive.merge(NOW):
        pass
    agree(archive.root)
    assert Sql(archive.root).query("SELECT job, n FROM attempts ORDER BY 1, 2").rows == found
    assert {job for job, _ in found} >= {3, 5}


def test_a_damaged_requests_file_stops_neither_completion_nor_the_archiver(archive: Archive) -> None:
    add(archive, mixed(8), mixed(9, OCTOBER))
    drop_tables(archive.root)
    (broken,) = archive.root.glob("requests/month=2026-10/*.parquet")
    broken.write_bytes(broken.read_bytes()[:-20])
    for _ in range(20):
        if archive.complete() == 0:
            break
    assert archive.complete() == 0
    assert [part.month for part in archive.damaged] == ["2026-10"]
    assert {path.parent.name for path in archive.root.glob("attempts/*/*.parquet")} == {"month=2026-11"}
    add(archive, mixed(11))


def part(table: str, first: int, last: int) -> Part:
    return parts.new_part(table, "2026-11", "20261118T110000000Z", first, last)


@pytest.mark.parametrize(
    ("requests", "there", "wanted"),
    [
        ([(1, 9)], [], [(1, 9)]),
        ([(1, 9)], [(1, 9)], []),
        ([(1, 9)], [(1, 3), (7, 9)], [(4, 6)]),
        ([(1, 9)], [(4, 6)], [(1, 3), (7, 9)]),
        ([(1, 3), (7, 9)], [(1, 9)], []),
        ([(1, 3), (4, 6), (7, 9)], [(2, 8)], [(1, 1), (9, 9)]),
        ([(5, 6)], [(1, 2), (9, 9)], [(5, 6)]),
        ([(1, 2), (5, 6)], [(2, 5)], [(1, 1), (6, 6)]),
        ([], [(1, 2)], []),
    ],
)
def test_gaps_are_what_no_file_covers(
    requests: list[tuple[int, int]], there: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    found = parts.gaps([part("requests", *one) for one in requests] + [part("jobs", *one) for one in there], ["jobs"])
    assert [(gap.first, gap.last) for gap in found] == wanted


def test_a_file_put_there_by_hand_gets_its_tables_under_its_name() -> None:
    foreign = Part("requests", "2026-11", "", 0, 0, "mine.parquet", 5)
    assert parts.gaps([foreign], ["jobs"]) == [Gap("jobs", foreign, 0, 0)]
    assert Gap("jobs", foreign, 0, 0).result == msgspec.structs.replace(foreign, table="jobs")
    assert parts.gaps([foreign, msgspec.structs.replace(foreign, table="jobs")], ["jobs"]) == []


def test_a_file_of_last_month_opens_as_it_is(archive: Archive) -> None:
    home = archive.root / "requests" / "month=2026-11"
    home.mkdir(parents=True)
    (home / "20261118T110000000Z-000000000001-000000000003.parquet").write_bytes(GOLDEN.read_bytes())
    engine = Sql(archive.root)
    assert engine.query("SELECT job, target, run FROM requests ORDER BY job").rows == [
        (1, None, 0),
        (2, None, 0),
        (3, None, 1),
    ]
    asked = "SELECT job, n, outcome, error, status, served FROM attempts ORDER BY job, n"
    tries = [
        (1, 1, "done", None, None, None),
        (2, 1, "failed", "timeout", None, None),
        (2, 2, "done", None, None, None),
    ]
    asked_too = "SELECT job, host, webhook_id FROM callbacks"
    for _ in ("made on the fly", "made by the archiver"):
        assert engine.query(asked).rows == [*tries, (3, 1, "done", None, None, None)]
        assert engine.query(asked_too).rows == [(3, None, "msg_2")]
        assert engine.query("SELECT job FROM jobs ORDER BY 1").rows == [(2,), (3,)]
        while archive.complete():
            pass
    add(archive, row(9))
    while archive.merge(NOVEMBER + 40 * 86400):
        pass
    assert engine.query(asked).rows == [*tries, (3, 1, "done", None, None, None)]
    agree(archive.root)


# ---- hot and cold ---------------------------------------------------------------------------------------------------


async def test_every_table_shows_at_once_what_is_on_the_bus(bus: Bus, tmp_path: Path) -> None:
    folder, stop = tmp_path / "archive", asyncio.Event()
    await tell_log(bus, mixed(1), mixed(2), mixed(3))
    await bus.keep("log.default.file", encode_logs([file_row("f1")]))
    await bus.keep("log.default.audit", encode_logs([audit_row("a1")]))
    asked = [f"SELECT * FROM {name} ORDER BY ALL" for name in TABLES]
    before = await read_hot(bus, folder)
    hot = [result.rows for result in Sql(folder, before).queries(asked)]
    assert all(hot)
    task = asyncio.create_task(run_archiver(bus, folder, 0.05, stop))
    await until(lambda: parts.read_mark(folder).seq >= 3)
    stop.set()
    await task
    for view in (before, await read_hot(bus, folder)):
        assert [result.rows for result in Sql(folder, view).queries(asked)] == hot
    assert Sql(folder, before, month="2026-10").query("SELECT * FROM files").rows == []


def test_only_the_tables_that_are_named_are_opened(archive: Archive) -> None:
    add(archive, mixed(7))
    for path in archive.root.glob("attempts/*/*.parquet"):
        path.write_bytes(b"nonsense")
    assert Sql(archive.root).query("SELECT count(*) FROM requests").rows == [(1,)]
    assert {line[0] for line in Sql(archive.root).query("SHOW TABLES").rows} == set(TABLES)
    assert Sql(archive.root).query("SELECT count(*) FROM Jobs").rows == [(1,)]
