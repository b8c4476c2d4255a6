"""The live view's arithmetic: changes that add up to the state, counters that neither loss nor repetition can spoil."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.watch_hour import Hour
from bus.watch_rows import provider_row
from bus.watch_table import Table
from bus.watch_tally import KEPT, KEYS_A_MINUTE, Tally, bucket_of, quantile
from schemas.log import RequestLog
from schemas.provider import Heartbeat
from schemas.watch import KeyCount, MinuteCount, Told, Vitals, decode_told, encode_told

NOON = 1_795_435_200.0
ROWS = st.dictionaries(st.integers(0, 6), st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"])), max_size=7)


def row(**more: Any) -> RequestLog:
    values: dict[str, Any] = {
        "job": 1, "created": NOON, "tenant": "default", "key": "k", "op": "chat", "style": "sync", "stream": False,
        "model": "m", "outcome": "done", "status": 200, "total_ms": 100.0, "tokens_in": 3, "tokens_out": 5,
    }  # fmt: skip
    return RequestLog(**(values | more))


def vitals(**more: Any) -> Vitals:
    return Vitals(role="agent", host="box", pid=7, version="1", started=NOON, **more)


@given(st.lists(ROWS, min_size=1, max_size=8), st.sampled_from(["", "a"]))
def test_the_changes_that_were_told_add_up_to_the_table(states: list[dict[int, tuple[int, str]]], tenant: str) -> None:
    table, mine = Table("id"), {}
    for state in states:
        table.fill([{"id": name, "n": n, "tenant": f"{whose}"} for name, (n, whose) in state.items()])
        rows, gone = table.news(tenant)
        for name in gone:
            mine.pop(name, None)
        for one in json.loads(json.dumps(rows)):
            mine[one["id"]] = {**mine.get(one["id"], {}), **one}
        table.told()
        if not tenant:
            assert {name: dict(one) for name, one in table.rows.items()} == mine
    assert table.news(tenant) == ([], [])


def test_a_row_of_another_tenant_is_neither_shown_nor_told_nor_named_when_it_goes() -> None:
    table = Table("job")
    table.put({"job": 1, "tenant": "theirs"})
    table.put({"job": 2, "tenant": "ours"})
    table.put({"job": 3})
    assert [one["job"] for one in table.shown("ours")] == [one["job"] for one in table.news("ours")[0]] == [2, 3]
    table.told()
    table.clear()
    assert table.news("ours") == ([], [2, 3])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_counters_are_right_though_words_are_lost_and_come_twice(told: list[int]) -> None:
    tally, hour = Tally(), Hour(NOON)
    for fate in told:
        tally.add(row(total_ms=100.0 + fate, first_ms=7.0), NOON + 1)
        minutes, keys, _ = tally.take()
        for _ in range(fate % 3):  # 0: lost, 2: twice
            hour.heard("p", decoded(minutes), decoded(keys, KeyCount), NOON + 2)
    tally.again()
    minutes, keys, _ = tally.take()
    hour.heard("p", decoded(minutes), decoded(keys, KeyCount), NOON + 3)
    found = hour.row(int(NOON), "default")
    assert (found["done"], found["tokens_in"], found["first_ms"]) == (len(told), 3 * len(told), 7.0)
    assert hour.keys(NOON + 3)["default", "k"]["requests_hour"] == len(told)


def decoded(counts: list[Any], kind: type[Any] = MinuteCount) -> list[Any]:
    """As they come from the wire: copies that count on no more."""
    import msgspec

    return [msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=kind) for one in counts]


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=200))
def test_a_quantile_is_exact_to_nine_percent(latencies: list[float]) -> None:
    buckets: dict[int, int] = {}
    for ms in latencies:
        buckets[bucket_of(ms)] = buckets.get(bucket_of(ms), 0) + 1
    exact = sorted(latencies)[-(-95 * len(latencies) // 100) - 1]
    found = quantile(buckets, 0.95)
    assert found is not None
    assert exact * 0.91 - 0.1 <= found <= exact * 1.1 + 0.1


def test_an_hour_forgets_what_is_older_and_takes_nothing_of_another_time() -> None:
    hour = Hour(NOON)
    hour.heard("p", [MinuteCount(int(NOON), "t", done=2)], [KeyCount(int(NOON), "t", "k", 2)], NOON)
    for minute in (int(NOON) - 60, int(NOON) + 600, int(NOON) + 1):
        hour.heard("p", [MinuteCount(minute, "t", done=9)], [KeyCount(minute, "t", "k", 9)], NOON)
    assert hour.keys(NOON)["t", "k"]["requests_hour"] == 2
    assert hour.requests_minute("", NOON + 30) == 2
    assert hour.requests_minute("", NOON + 90) == 1, "half of that minute is less than a minute ago"
    hour.prune(NOON + 3600)
    assert hour.keys(NOON + 3600) == {}
    assert sum(hour.row(minute, "")["done"] for minute in hour.minutes(NOON + 3600)) == 0


def test_the_archive_fills_what_was_before_and_never_what_was_heard() -> None:
    hour = Hour(NOON)
    hour.heard("p", [MinuteCount(int(NOON), "t", done=1)], [], NOON)
    hour.fill([MinuteCount(int(NOON), "t", done=5), MinuteCount(int(NOON) - 60, "t", done=7)], [], NOON)
    hour.fill([MinuteCount(int(NOON) - 3600, "t", done=9)], [], NOON)
    assert [hour.row(minute, "")["done"] for minute in hour.minutes(NOON)] == [*[0] * 58, 7, 1]


def test_callbacks_are_nobodys_requests_but_their_failures_are_told() -> None:
    tally = Tally()
    tally.add(row(op="callback", outcome="failed", error="provider_error", job=5, run=1), NOON)
    minutes, keys, failed = tally.take()
    assert (minutes, keys, [one.id for one in failed]) == ([], [], ["5-1"])


def test_a_flood_of_keys_and_failures_is_bounded_and_told_in_pieces() -> None:
    tally = Tally()
    for number in range(KEYS_A_MINUTE + 500):
        tally.add(row(key=f"k{number}", outcome="failed", error="internal", message="x" * 10_000, job=number), NOON)
    sizes = []
    while tally.news:
        minutes, keys, failed = tally.take()
        told = encode_told(Told(process="p", n=0, vitals=vitals(), minutes=minutes, keys=keys, failed=failed))
        decode_told(told)
        sizes.append(len(told))
        assert all(len(one.message) <= 300 for one in failed)
    assert len(sizes) == 5
    assert max(sizes) < 100_000
    minutes, _, _ = tally.take()
    assert minutes == []
    tally.again()
    assert tally.take()[0][0].failed == KEYS_A_MINUTE + 500, "what has no counter of its own is counted for the house"


def test_the_last_minutes_are_told_again_and_no_more() -> None:
    tally = Tally()
    for minute in range(KEPT + 4):
        tally.add(row(), NOON + 60 * minute)
    tally.take()
    tally.again()
    assert len(tally.take()[0]) == KEPT + 1


@pytest.mark.parametrize(
    ("beats", "state"),
    [
        ([], "away"),
        ([{"draining": True}], "draining"),
        ([{"offline": "refused"}, {"draining": True}], "offline"),
        ([{"cooling_until": NOON + 9, "reason": "429"}], "cooling"),
        ([{"cooling_until": NOON - 9, "reason": "429"}], "ready"),
        ([{"cooling_until": NOON + 9}, {}], "ready"),
        ([{"probing": True}], "probing"),
    ],
)
def test_a_provider_is_as_good_as_the_best_of_its_agents(beats: list[dict[str, Any]], state: str) -> None:
    made = [
        Heartbeat(agent=f"a{n}", provider="p", queue="p", kind="openai", slots=1, **more)
        for n, more in enumerate(beats)
    ]
    found = provider_row("p", None, made, NOON)
    assert (found["state"], bool(found["why"])) == (
        state,
        state != "ready" and not (state == "cooling" and not found["why"]),
    )
    assert found["until"] == (NOON + 9 if state == "cooling" else None)
