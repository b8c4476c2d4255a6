"""The measure measured: the callers count what they were told, and a stream with a hole does not pass for a whole one."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from bus.connection import Link, open_bus
from bus.streams import declare
from ops.bench import archive_data, blobs
from ops.bench.edges import FIRST, LONG, USER, bodies
from ops.bench.load import Caller, Tally, Task
from ops.bench.press import in_turns, ours
from ops.bench.rounds import STREAM_BODY
from ops.prove.child import server
from ops.run import address
from storage.sql import Sql


async def test_tasks_take_turns_and_each_is_measured_alone() -> None:
    async with server("ops.bench.upstream", "3", "0") as port:
        tasks = [Task(port=port, body='{"n":1}'), Task(port=port, path="/other", body='{"n":22}')]
        one, other = await in_turns(tasks, 0.3)
    assert one.requests == other.requests > 10
    assert (one.statuses, one.errors) == ({"200": one.requests}, 0)
    assert 0 < one.p50 <= one.p99


async def test_streams_begin_anew_until_time_is_up() -> None:
    async with server("ops.bench.upstream", "5", "100") as port:
        task = Task(port=port, body=STREAM_BODY, connections=4, seconds=0.5, streams=True, again=True, spread=0.1)
        load = await ours(task)
    assert load.requests >= 8
    assert load.tokens == 5 * load.requests
    assert (load.errors, load.garbled) == (0, 0)
    assert load.p50 < load.seconds * 1000


@pytest.mark.parametrize(
    ("tokens", "last", "garbled"),
    [("012", "[DONE]", 0), ("02", "[DONE]", 1), ("0112", "[DONE]", 1), ("012", '{"error":{}}', 1)],
    ids=["whole", "a hole", "twice", "broken"],
)
async def test_a_stream_with_a_hole_or_without_an_end_is_garbled(tokens: str, last: str, garbled: int) -> None:
    tally = Tally(Task(port=1, streams=True))
    caller = Caller(tally)
    events = [json.dumps({"delta": {"content": f"t{n} "}}, separators=(",", ":")) for n in tokens]
    text = "".join(f"data: {event}\n\n" for event in (*events, last))
    caller.data_received(f"HTTP/1.1 200 OK\r\n\r\n{text}\r\n0\r\n\r\n".encode())
    assert (tally.done, tally.garbled) == (1, garbled)


async def test_the_store_is_pressed_and_left_as_it_was(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", address(nats))
    async with open_bus(nats, "test") as bus:
        await declare(bus)
        async with asyncio.timeout(20):
            seen = await blobs.press(5)
        assert (len(seen.parts), seen.put > 0, seen.get > 0) == (blobs.PARTS, True, True)
        left = await bus.api("STREAM.INFO.OBJ_BLOBS", {"subjects_filter": "$O.BLOBS.C.>"})
        assert left["state"]["bytes"] < 1_000_000


def test_a_long_prompt_has_a_hundred_thousand_tokens_in_every_dialect() -> None:
    assert 390_000 < len(LONG) < 450_000
    short, long = bodies(USER), bodies(LONG)
    for name, (path, body) in long.items():
        more = len(msgspec.json.encode(body)) - len(msgspec.json.encode(short[name][1]))
        assert more == pytest.approx(len(msgspec.json.encode(LONG)) - len(USER), abs=10)
        assert path == short[name][0]
    assert FIRST in long


def test_a_made_archive_is_an_archive_with_all_its_tables(tmp_path: Path) -> None:
    archive_data.make(tmp_path / "a", 20_000, datetime(2026, 11, 23, 19))
    engine = Sql(tmp_path / "a")
    sums = "count(*), count(DISTINCT job), count(DISTINCT month), count(error) BETWEEN 300 AND 500, max(created)::DATE::VARCHAR"
    assert engine.query(f"SELECT {sums} FROM requests").rows == [(20_000, 20_000, 5, True, "2026-11-23")]
    ((rolled, attempts, jobs),) = (
        engine.query("""SELECT (SELECT sum(requests) FROM hourly), (SELECT count(*) FROM attempts),
        (SELECT count(*) FROM jobs)""").rows
    )
    assert rolled == 20_000
    assert 19_000 < attempts < 20_000
    assert 4_000 < jobs < 8_000
    files = sorted((tmp_path / "a" / "requests").glob("*/*.parquet"))
    assert engine.query("SELECT count(*) FROM requests WHERE month = '2026-09'").rows[0][0] > 4000
    assert len(files) == 5
