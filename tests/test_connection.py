"""What we promise of the connection, and what we rely on in nats-py's private parts."""

import asyncio
import os
import signal
import time

import pytest
from bus_house import until

from bus.acks import Conflict, Full
from bus.connection import Bus, Link, open_bus
from bus.streams import declare
from bus.wire import Message, format_headers, parse_headers
from ops.embedded import EmbeddedNats
from schemas.problem import Code, Problem


def kill(server: EmbeddedNats) -> None:
    os.kill(server.pid, signal.SIGKILL)


async def back(bus: Bus) -> None:
    """Until the bus answers again."""
    async with asyncio.timeout(10):
        while True:
            try:
                await bus.api("INFO", timeout=0.5)
                return
            except Problem:
                await asyncio.sleep(0.02)


def test_headers_come_back_as_they_were_sent() -> None:
    headers = {"Nats-Msg-Id": "a:b", "Ai-State": "open"}
    assert parse_headers(format_headers(headers)) == headers
    assert parse_headers(b"NATS/1.0 404 No Messages\r\nX: y\r\n\r\n") == {
        "Status": "404",
        "Description": "No Messages",
        "X": "y",
    }


def test_a_header_cannot_be_forged_with_a_line_break() -> None:
    with pytest.raises(ValueError, match="line break"):
        format_headers({"a": "b\r\nNats-Msg-Id: c"})


async def test_the_fast_lane_gets_every_message_in_order(bus: Bus) -> None:
    heard: list[bytes] = []
    await bus.listen("t.>", lambda message: heard.append(message.data))
    for number in range(5000):
        bus.tell("t.x", b"%d" % number)
    await until(lambda: len(heard) == 5000)
    assert heard == [b"%d" % number for number in range(5000)]


async def test_headers_and_reply_travel_with_a_message(bus: Bus) -> None:
    heard: list[Message] = []
    await bus.listen("t.h", heard.append)
    bus.tell("t.h", b"body", "back.here", {"A": "1"})
    await until(lambda: heard)
    assert (heard[0].subject, heard[0].reply, heard[0].data, heard[0].headers) == (
        "t.h",
        "back.here",
        b"body",
        {"A": "1"},
    )


async def test_a_handler_that_raises_does_not_end_the_reading(bus: Bus) -> None:
    heard: list[bytes] = []

    def picky(message: Message) -> None:
        if message.data == b"bad":
            raise RuntimeError
        heard.append(message.data)

    await bus.listen("t.p", picky)
    for word in (b"one", b"bad", b"two"):
        bus.tell("t.p", word)
    await until(lambda: heard == [b"one", b"two"])
    assert (await bus.api("INFO"))["streams"] > 0


async def test_a_closed_ear_hears_nothing(bus: Bus) -> None:
    heard: list[Message] = []
    ear = await bus.listen("t.c", heard.append)
    await ear.close()
    done = asyncio.Event()
    await bus.listen("t.d", lambda _: done.set())
    bus.tell("t.c")
    bus.tell("t.d")
    await asyncio.wait_for(done.wait(), 2)
    assert not heard
    assert ear not in bus.ears


async def test_nobody_there_is_told_at_once(bus: Bus) -> None:
    started = time.monotonic()
    with pytest.raises(Problem) as caught:
        await bus.ask("t.nobody", timeout=5)
    assert caught.value.code is Code.UNAVAILABLE
    assert time.monotonic() - started < 0.5


async def test_an_answer_too_late_is_a_problem_and_leaves_nothing_behind(bus: Bus) -> None:
    await bus.listen("t.mute", lambda _: None)
    waiting = len(bus._answers)
    with pytest.raises(Problem):
        await bus.ask("t.mute", timeout=0.05)
    assert len(bus._answers) == waiting
    assert not bus._asking


async def test_a_cancelled_request_ends_at_once_and_leaves_nothing_behind(bus: Bus) -> None:
    await bus.listen("t.mute", lambda _: None)
    waiting = len(bus._answers)
    tasks = [asyncio.create_task(bus.ask("t.mute", timeout=30)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    done, late = await asyncio.wait(tasks, timeout=1)
    assert not late
    assert all(task.cancelled() for task in done)
    assert len(bus._answers) == waiting


async def test_what_is_too_large_is_refused_here_and_not_by_losing_the_connection(bus: Bus) -> None:
    with pytest.raises(Problem) as caught:
        await bus.keep("log.t.chat", b"x" * 9_000_000)
    assert caught.value.code is Code.TOO_LARGE
    assert bus.nc.stats["reconnects"] == 0
    assert (await bus.keep("log.t.chat", b"x" * 8_000_000)).seq == 1


async def test_one_msg_id_is_stored_once(bus: Bus) -> None:
    first = await bus.keep("log.t.chat", b"x", msg_id="m")
    second = await bus.keep("log.t.chat", b"x", msg_id="m")
    assert (second.seq, second.duplicate) == (first.seq, True)


async def test_of_two_writers_with_one_revision_one_wins(bus: Bus) -> None:
    tries = [bus.keep("$KV.CLAIMS.t.1", b"%d" % n, expect=0) for n in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Conflict) for result in results) == 19


async def test_a_write_whose_answer_was_lost_is_not_taken_for_a_conflict(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, lost = bus.ask, [2]

    async def lossy(subject: str, *args: object) -> Message:
        answer = await ask(subject, *args)  # type: ignore[arg-type]
        if subject.startswith("$KV") and lost[0]:
            lost[0] -= 1
            raise Problem(Code.UNAVAILABLE, "lost on the way")
        return answer

    monkeypatch.setattr(bus, "ask", lossy)
    ack = await bus.keep("$KV.CLAIMS.t.1", b"mine", expect=0)
    assert (ack.seq, ack.duplicate) == (1, True)
    with pytest.raises(Conflict):
        await bus.keep("$KV.CLAIMS.t.1", b"other", expect=0)


async def test_a_full_stream_says_so(bus: Bus) -> None:
    config = (await bus.api("STREAM.INFO.LIVE"))["config"]
    await bus.api("STREAM.UPDATE.LIVE", {**config, "max_msgs": 1})
    await bus.keep("live.q.t.1", b"x")
    with pytest.raises(Full):
        await bus.keep("live.q.t.2", b"x")


async def test_a_taken_subject_of_work_is_a_conflict(bus: Bus) -> None:
    await bus.keep("work.q.t.1.1", b"x")
    with pytest.raises(Conflict):
        await bus.keep("work.q.t.1.1", b"x", msg_id="another")


async def test_what_was_kept_survives_kill_9_and_is_stored_once(server: EmbeddedNats) -> None:
    async with open_bus(server.link, "test") as bus:
        await declare(bus)
        kept: list[int] = []

        async def write(number: int) -> None:
            await bus.keep(f"log.t.n{number}", b"x", msg_id=f"m{number}", timeout=20)
            kept.append(number)

        async def stream() -> None:
            for start in range(0, 400, 20):
                await asyncio.gather(*(write(start + n) for n in range(20)))

        writing = asyncio.create_task(stream())
        for kills, at in enumerate((60, 180)):
            await until(lambda at=at, kills=kills: len(kept) > at and server.restarts == kills, 15)
            kill(server)
        await asyncio.wait_for(writing, 30)
        state = (await bus.api("STREAM.INFO.LOG", {"subjects_filter": "log.>"}))["state"]
        assert len(kept) == 400
        assert state["messages"] == 400
        assert set(state["subjects"].values()) == {1}


async def test_compare_and_set_wins_once_though_the_server_dies_in_between(server: EmbeddedNats) -> None:
    async with open_bus(server.link, "test") as bus:
        await declare(bus)
        revision = 0
        for number in range(60):
            if number in (20, 40):
                await until(lambda number=number: server.restarts == number // 20 - 1)
                kill(server)
            revision = (await bus.keep("$KV.JOBS.job.t.1", b"%d" % number, expect=revision, timeout=20)).seq
        found = await bus.last("KV_JOBS", "$KV.JOBS.job.t.1")
        assert found is not None
        assert found[1] == b"59"


async def test_what_is_told_while_the_server_is_away_arrives_when_it_is_back(server: EmbeddedNats) -> None:
    async with open_bus(server.link, "test") as bus:
        heard: list[bytes] = []
        await bus.listen("t.x", lambda message: heard.append(message.data))
        await bus.api("INFO")
        kill(server)
        await until(lambda: not bus.nc.is_connected)
        bus.tell("t.x", b"late")
        await until(lambda: heard == [b"late"], 10)


async def test_more_than_the_limit_is_refused_while_the_server_is_away(
    server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_bus(server.link, "test") as bus:
        monkeypatch.setattr(Bus, "PENDING_LIMIT", 100_000)
        kill(server)
        await until(lambda: not bus.nc.is_connected)
        for _ in range(90):
            bus.tell("t.x", b"x" * 1000)
        with pytest.raises(Problem) as caught:
            bus.tell("t.x", b"x" * 20_000)
        assert caught.value.code is Code.UNAVAILABLE


async def test_a_client_that_closed_for_ever_is_built_again(server: EmbeddedNats) -> None:
    async with open_bus(server.link, "test") as bus:
        heard: list[bytes] = []
        await bus.listen("t.x", lambda message: heard.append(message.data))
        old = bus.nc
        await old.close()
        late: list[bytes] = []
        await bus.listen("t.y", lambda message: late.append(message.data))  # while there is no client at all
        await until(lambda: bus.nc is not old and bus.nc.is_connected)
        await back(bus)
        await until(lambda: len(bus.nc.lane) == len(bus.ears))
        bus.tell("t.x", b"again")
        bus.tell("t.y", b"too")
        await until(lambda: heard == [b"again"] and late == [b"too"])


async def test_a_read_loop_that_died_in_silence_is_noticed(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.connection.WATCH_EVERY", 0.1, raising=False)
    monkeypatch.setattr("bus.connection.ECHO_SECONDS", 0.2, raising=False)
    async with open_bus(nats, "test") as bus:
        heard: list[bytes] = []
        await bus.listen("t.x", lambda message: heard.append(message.data))
        await asyncio.sleep(0.5)
        assert bus.nc.stats["reconnects"] == 0, "a healthy connection is left alone"
        assert bus.nc._reading_task is not None
        bus.nc._reading_task.cancel()
        await until(lambda: bus.nc.stats["reconnects"] == 1)
        assert bus.nc.is_connected
        bus.tell("t.x", b"again")
        await until(lambda: heard == [b"again"])


async def test_no_server_is_a_problem_that_names_the_address_but_no_password() -> None:
    with pytest.raises(Problem) as caught:
        async with open_bus(Link("nats://me:secret@127.0.0.1:1", "me", "secret"), "test", timeout=0.2):
            pass
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_streams_that_lived_in_memory_are_declared_again_after_a_restart(server: EmbeddedNats) -> None:
    from bus.streams import STREAMS, declare_again

    async with open_bus(server.link, "test") as bus:
        await declare(bus)
        declare_again(bus)
        kill(server)
        await until(lambda: server.restarts == 1)
        names: set[str] = set()
        async with asyncio.timeout(10):
            while names != {stream["name"] for stream in STREAMS}:
                try:
                    names = set((await bus.api("STREAM.NAMES", timeout=0.5))["streams"] or [])
                except Problem:
                    await asyncio.sleep(0.02)


async def test_what_is_read_while_the_server_restarts_is_read_all_the_same(server: EmbeddedNats) -> None:
    async with open_bus(server.link, "test") as bus:
        await declare(bus)
        await bus.keep("$KV.CONFIG.here", b"it")
        asking: list[asyncio.Task[object]] = []

        async def ask_on() -> None:
            for _ in range(40):
                asking.append(asyncio.create_task(bus.last("KV_CONFIG", "$KV.CONFIG.here")))
                asking.append(
                    asyncio.create_task(bus.read("KV_CONFIG", {"multi_last": ["$KV.CONFIG.here"], "batch": 1}))
                )
                await asyncio.sleep(0.01)

        under_way = asyncio.create_task(ask_on())
        await asyncio.sleep(0.05)
        os.kill(server.pid, signal.SIGKILL)
        await under_way
        for found in await asyncio.gather(*asking):
            assert found
