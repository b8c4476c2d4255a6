"""The archive's tables: what is derived tells what was, hot and cold."""

import asyncio
from pathlib import Path

import pytest
from archive_kit import add, audit_row, file_row, jobs, mixed, row, tell_log, tried, until

from bus.connection import Bus
from ops.archiver import run_archiver
from ops.log_reader import read_hot
from schemas.log import encode_logs
from storage import parts
from storage.archive import Archive
from storage.sql import Sql
from storage.tables import TABLES

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
