"""The reader's process: it comes and goes, it may be killed at any moment, and the next question is answered."""

import asyncio
import math
import os
import signal
import time as clock
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from archive_kit import until
from sql_kit import rows, write
from up_house import alive

from ops.readers import Readers
from ops.turns import Pace, Turns
from schemas.problem import Code, Problem
from storage import frames
from storage.frames import Question, Rows, Text, Waiting

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b"
DEAF = "SELECT list_transform(range(100000000), lambda x: x::VARCHAR || 'abcdefghijklmnopqrstuvwxyz')"
"""Worked out while it is planned, where DuckDB listens to no interrupt."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reader") / "archive"
    write(folder, rows())
    return folder


@pytest.fixture
async def readers(folder: Path) -> AsyncIterator[Readers]:
    found = Readers(folder, memory=256)
    yield found
    await found.close()
    assert found.pids == []


async def ask(readers: Readers, sql: str, asker: str = "me", **more: Any) -> Any:
    answer, _ = await readers.answer(Question(id="q", sqls=[sql], kind="json", **({"seconds": 20.0} | more)), asker)
    assert isinstance(answer, Text)
    return msgspec.json.decode(answer.body)["rows"]


async def test_it_starts_with_the_first_question_stays_and_ends_when_none_comes(folder: Path) -> None:
    readers = Readers(folder, idle=0.3)
    assert readers.pids == []
    assert await ask(readers, "SELECT count(*) FROM requests") == [[60]]
    (pid,) = readers.pids
    assert await ask(readers, "SELECT count(*) FROM jobs") != [[0]]
    assert readers.pids == [pid]
    await until(lambda: not alive(pid))
    assert await ask(readers, "SELECT 1") == [[1]]
    await readers.close()


async def test_it_ends_with_whoever_started_it_and_takes_its_folder_along(readers: Readers) -> None:
    await ask(readers, "SELECT 1")
    ((reader, _),) = readers._free
    assert reader.process is not None
    assert reader.process.stdin is not None
    reader.process.stdin.close()  # as the kernel does for a process that was killed
    await until(lambda: not alive(reader.process.pid) and not reader.folder.exists())  # type: ignore[union-attr]


async def test_it_knows_no_secret(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://user:password@somewhere")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    await ask(readers, "SELECT 1")
    environment = await asyncio.to_thread(Path(f"/proc/{readers.pids[0]}/environ").read_text)
    assert "secret" not in environment
    assert "password" not in environment


@pytest.mark.parametrize("busy", [True, False])
async def test_killed_it_is_one_clear_error_and_the_next_question_works(readers: Readers, busy: bool) -> None:
    await ask(readers, "SELECT 1")
    (pid,) = readers.pids
    asking = asyncio.create_task(ask(readers, ENDLESS if busy else "SELECT 1"))
    if busy:
        await until(lambda: len(readers._busy) == 1)
        await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    if busy:
        with pytest.raises(Problem, match="died over this question") as caught:
            await asking
        assert caught.value.code == Code.UNAVAILABLE
    else:
        await asyncio.wait([asking])
        asking.exception()
    assert await ask(readers, "SELECT count(*) FROM requests") == [[60]]


async def test_a_question_that_crashes_its_reader_is_not_to_be_asked_again(readers: Readers) -> None:
    await ask(readers, "SELECT 1")
    asking = asyncio.create_task(ask(readers, ENDLESS))
    await until(lambda: len(readers._busy) == 1)
    os.kill(readers.pids[0], signal.SIGSEGV)
    with pytest.raises(Problem, match="crashed over this question") as caught:
        await asking
    assert caught.value.code == Code.INVALID_REQUEST


async def test_who_waits_for_a_turn_holds_no_rows_yet(readers: Readers) -> None:
    readers.turns, asked = Turns(1), []

    async def hot() -> Waiting:
        asked.append(True)
        return Waiting()

    await readers.turns.wait("other")
    question = Question(id="q", sqls=["SELECT 1"], kind="json")
    asking = asyncio.create_task(readers.answer(question, "me", hot))
    await until(lambda: readers.turns.waiting == 1)
    assert asked == []
    readers.turns.done()
    await asking
    assert asked == [True]


async def test_a_query_that_listens_to_nobody_is_killed_with_its_reader(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.readers.GRACE", 0.3)
    with pytest.raises(Problem, match=r"too long|memory") as caught:
        await ask(readers, DEAF, seconds=0.2)
    assert caught.value.code == Code.INVALID_REQUEST
    assert await ask(readers, "SELECT 1") == [[1]]


async def test_a_query_that_takes_memory_beside_the_limit_is_killed_with_its_reader(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.readers.BESIDE", 100)
    huge = "SELECT sum(length(repeat('x', 10000000) || range::VARCHAR)) FROM range(100000)"
    with pytest.raises(Problem, match="memory"):
        await ask(readers, huge)
    assert await ask(readers, "SELECT 1") == [[1]]


async def test_who_gives_up_stops_the_query_and_keeps_the_reader(readers: Readers) -> None:
    await ask(readers, "SELECT 1")
    (pid,) = readers.pids
    asking = asyncio.create_task(ask(readers, ENDLESS))
    await until(lambda: len(readers._busy) == 1)
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: len(readers._free) == 1)
    assert await ask(readers, "SELECT 1") == [[1]]
    assert readers.pids == [pid]


async def test_a_file_that_is_ready_as_its_asker_leaves_is_not_left_behind(readers: Readers) -> None:
    await ask(readers, "SELECT 1")
    ((reader, _),) = readers._free
    file, slow = reader.folder / "q.csv", "SELECT bit_xor(hash(range)) FROM range(50000000)"
    question = Question(id="q", sqls=[slow], kind="csv", target=file.name, limit=0)
    asking = asyncio.create_task(readers.answer(question, "me"))
    await until(lambda: reader in readers._busy)
    end = clock.monotonic() + 20
    while not (file.exists() and file.stat().st_size) and clock.monotonic() < end:
        clock.sleep(0.05)  # noqa: ASYNC251 - nobody here shall hear the answer yet
    clock.sleep(0.1)  # noqa: ASYNC251
    assert not asking.done()
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: len(readers._free) == 1)
    await until(lambda: not file.exists())


async def test_a_new_batch_is_there_at_the_next_question(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "archive"
    write(place, rows())
    readers = Readers(place)
    try:
        for n in range(2):
            assert await ask(readers, "SELECT count(*) FROM requests") == [[60 + 10 * n]]
            assert await ask(readers, "SELECT count(*) FROM audit") == [[60 + 10 * n]]
            write(place, rows(61 + 10 * n, 10))
    finally:
        await readers.close()


async def test_values_come_through_as_they_are(readers: Readers) -> None:
    sql = (
        "SELECT 1, 9007199254740993, 170141183460469231731687303715884105727::HUGEINT, 1.50::DECIMAL(4, 2), 'NaN'::DOUBLE, "
        "TIMESTAMP '2026-11-18 11:00:00.25', DATE '2026-11-18', TIME '11:00:01', INTERVAL '26 hours', "
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID, '\\x00a'::BLOB, [DATE '2026-01-01', NULL], "
        "{'a': 1.1, 'b': [170141183460469231731687303715884105727::HUGEINT]}, map {'k': 1}, NULL, 'ä'"
    )
    answer, _ = await readers.answer(Question(id="q", sqls=[sql], trusted=True), "me")
    assert isinstance(answer, Rows)
    nan = answer.tables[0].rows[0][4]
    assert math.isnan(nan)
    big = 2**127 - 1
    assert [tuple(answer.tables[0].rows[0])[n] for n in range(16) if n != 4] == [
        1, 2**53 + 1, big, Decimal("1.50"), datetime(2026, 11, 18, 11, 0, 0, 250000), date(2026, 11, 18), time(11, 0, 1),
        timedelta(hours=26), UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), b"\x00a", [date(2026, 1, 1), None],
        {"a": Decimal("1.1"), "b": [big]}, {"k": 1}, None, "ä",
    ]  # fmt: skip
    assert await ask(readers, sql) == [
        [
            1, "9007199254740993", str(big), 1.5, "NaN", "2026-11-18T11:00:00.250000Z", "2026-11-18", "11:00:01",
            "P1DT7200S", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "AGE=", ["2026-01-01", None],
            {"a": 1.1, "b": [str(big)]}, {"k": 1}, None, "ä",
        ]
    ]  # fmt: skip


async def test_an_answer_too_large_is_refused_and_not_sent(readers: Readers) -> None:
    with pytest.raises(Problem, match="larger than 64 MB"):
        await ask(readers, "SELECT repeat('x', 35000) FROM range(2000)")
    assert await ask(readers, "SELECT 1") == [[1]]


# ---- turns ----------------------------------------------------------------------------------------------------------


async def test_askers_take_turns_however_much_one_of_them_asks() -> None:
    turns, order = Turns(1), []
    await turns.wait("busy")

    async def one(asker: str) -> None:
        await turns.wait(asker)
        order.append(asker)
        turns.done()

    tasks = []
    for asker in ("busy", "busy", "busy", "other", "third", "other"):
        tasks.append(asyncio.create_task(one(asker)))
        await asyncio.sleep(0)
    turns.done()
    await asyncio.gather(*tasks)
    assert order == ["busy", "other", "third", "busy", "other", "busy"]


async def test_long_questions_leave_a_place_to_short_ones_and_both_leave_one_to_our_pages() -> None:
    turns = Turns(3)
    await turns.wait("a", Pace.LONG)
    long = asyncio.create_task(turns.wait("b", Pace.LONG))
    await asyncio.wait_for(turns.wait("a", Pace.SHORT), 1)
    short = asyncio.create_task(turns.wait("c", Pace.SHORT))
    await asyncio.wait_for(turns.wait("page", Pace.OURS), 1)
    page = asyncio.create_task(turns.wait("page", Pace.OURS))
    await asyncio.sleep(0)
    assert turns.waiting == 3
    crowd = [asyncio.create_task(turns.wait(f"key-{n % 8}", Pace.SHORT)) for n in range(64)]
    await asyncio.sleep(0)
    late = asyncio.create_task(turns.wait("other page", Pace.OURS))
    await asyncio.sleep(0)
    assert not late.done(), "people fill their own line alone"
    for task in (*crowd, late):
        task.cancel()
    await asyncio.gather(*crowd, late, return_exceptions=True)
    turns.done(Pace.LONG)
    await asyncio.wait_for(long, 1)
    turns.done(Pace.SHORT)
    await asyncio.wait_for(short, 1)
    turns.done(Pace.OURS)
    await asyncio.wait_for(page, 1)


async def test_the_line_has_an_end_and_who_leaves_it_blocks_nobody() -> None:
    turns = Turns(1, most=3, each=2)
    await turns.wait("a")
    waiting = [asyncio.create_task(turns.wait(asker)) for asker in ("a", "a", "b")]
    await asyncio.sleep(0)
    for asker in ("a", "c"):
        with pytest.raises(Problem) as caught:
            await turns.wait(asker)
        assert caught.value.code == Code.OVERLOADED
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert turns.waiting == 2
    turns.done()
    await waiting[1]
    turns.done()
    await waiting[2]
    turns.done()
    await asyncio.wait_for(turns.wait("c"), 1)


def test_frames_hold_what_is_on_the_bus_whole() -> None:
    from sql_kit import rows as some

    from schemas.log import RequestLog
    from storage.views import Hot

    given = some(1, 3)
    requests = [item for item in given if isinstance(item[1], RequestLog)]
    others = [item for item in given if not isinstance(item[1], RequestLog)]
    hot = Hot("e", requests, True, True, others)
    data = frames.frame(Question(id="q", sqls=["SELECT 1"], hot=frames.waiting(hot)))
    back = frames.decode_order(data[4:])
    assert isinstance(back, Question)
    assert sorted(back.hot.hot.others, key=str) == sorted(others, key=str)
    assert list(back.hot.hot.rows) == requests
    assert (back.hot.hot.epoch, back.hot.hot.check, back.hot.hot.more) == ("e", True, True)
