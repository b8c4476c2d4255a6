"""Reports: the rollup says what the requests say, and every word of a report is taken or refused by name."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from archive_kit import NOVEMBER, row
from report_kit import Asker, drawn, fill

from schemas.problem import Code, Problem
from storage import duck
from storage.hourly import HOURLY, SPANS, bucket, cells_of, middle
from storage.report_words import described, wanted_of
from storage.reports import REPORTS, report_of
from storage.sources import DIMENSIONS, Person
from storage.sql import Sql
from storage.tables import REQUESTS

NOW = datetime(2026, 11, 18, 11, 30)
PEOPLE = (Person("k1", "app", "ann"), Person("k2", "bot", "ann"), Person("k3", "cron"), Person("k9", "old", "bob"))
PROVIDERS = ("p1", "p2", "p9")
MODEL = DIMENSIONS["model"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """1,500 requests: a merged month, a month of many files, and 100 rows on the bus."""
    root = tmp_path_factory.mktemp("reports") / "archive"
    hot = fill(root, drawn(1500), hot=100)
    assert len(list(root.glob("hourly/month=2026-10/*.parquet"))) == 1
    assert len(list(root.glob("hourly/month=2026-11/*.parquet"))) > 1
    warm = Asker(root, hot)
    yield warm
    warm.close()


def asked(engine: Asker, name: str, raw: bool = False, **said: str) -> list[dict[str, Any]]:
    wanted = wanted_of(REPORTS[name], {word.rstrip("_"): value for word, value in said.items()}, PEOPLE, PROVIDERS, NOW)
    found = engine.query(REPORTS[name].sql(msgspec.structs.replace(wanted, raw=raw)))
    return [dict(zip(found.columns, line, strict=True)) for line in found.rows]


def near(one: Any, other: Any) -> bool:
    return bool(one == pytest.approx(other, rel=1e-9)) if isinstance(one, float) else bool(one == other)


# ---- right as the requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, report in REPORTS.items() if report.most > 1])
@pytest.mark.parametrize("by", ["model,provider,queue", "user", "day,op", "hour"])
def test_a_report_of_the_rollup_is_that_of_the_requests(engine: Asker, name: str, by: str) -> None:
    rolled, raw = asked(engine, name, by=by), asked(engine, name, raw=True, by=by)
    assert len(rolled) == len(raw) > 0
    for one, other in zip(rolled, raw, strict=True):
        assert {k: v for k, v in one.items() if not near(v, other[k])} == {}


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("2026-11-01", "2026-11-10"),
        ("2026-10-20T07:00:00Z", "2026-11-12T15:00:00Z"),
        ("2026-11-03T22:00:00Z", "2026-11-04T02:00:00Z"),
        ("2026-11-04T00:00:00Z", "2026-11-04T05:00:00Z"),
        ("2026-11-16T23:00:00Z", ""),
        ("", "2026-10-20T01:00:00Z"),
    ],
)
@pytest.mark.parametrize(("name", "by"), [("usage", "model,month"), ("latency", "op"), ("top_users", "user")])
def test_whole_days_and_the_hours_around_them_are_each_counted_once(
    engine: Asker, name: str, by: str, from_: str, to: str
) -> None:
    said = {"from_": from_, "to": to, "by": by}
    rolled, raw = asked(engine, name, **said), asked(engine, name, raw=True, **said)
    assert len(rolled) == len(raw) > 0
    for one, other in zip(rolled, raw, strict=True):
        assert {k: v for k, v in one.items() if not near(v, other[k])} == {}
    sql = "SELECT count(*) FROM requests WHERE op <> 'callback'"
    sql += f" AND created >= TIMESTAMP '{from_[:19]}'" if from_ else ""
    end = f"{to[:19]}" if "T" in to else f"{to} 24:00:00"
    sql += f" AND created < TIMESTAMP '{end}'" if to else ""
    if name == "usage":
        assert (
            sum(one["requests"] for one in rolled)
            == engine.query(sql.replace("2026-11-10 24", "2026-11-11 00")).rows[0][0]
        )


def test_a_duration_that_is_no_number_of_milliseconds_is_in_no_bucket() -> None:
    """As a file from elsewhere may have it."""
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE requests AS {REQUESTS.none}")
        con.execute("INSERT INTO requests (total_ms) VALUES ('inf'::DOUBLE), ('nan'::DOUBLE), (5), (NULL)")
        found = con.execute(f"SELECT total_hist FROM ({cells_of('FROM requests')})").fetchall()
    assert [bool(one) for (one,) in found] == [False, False, True, False]


def test_the_days_are_the_sum_of_their_hours(engine: Asker) -> None:
    sums = """sum(requests), sum(tokens_out), sum(stream_tokens), sum(unpriced), sum(firsts),
        sum(list_sum(map_values(total_hist))), sum(list_sum(map_values(wait_hist)))"""
    days = engine.query(f"SELECT day::DATE, {sums}, max(last_hour) FROM daily GROUP BY 1 ORDER BY 1").rows
    assert days == engine.query(f"SELECT hour::DATE, {sums}, max(hour) FROM hourly GROUP BY 1 ORDER BY 1").rows
    most = "max({}_max)", "max({}_ms)"
    found = [
        engine.query(f"SELECT {', '.join(one.format(name) for name in SPANS)} FROM {table}").rows
        for one, table in zip(most, ("daily", "requests"), strict=True)
    ]
    assert found[0] == found[1]


def test_usage_is_what_counting_the_requests_gives(engine: Asker) -> None:
    sql = f"""SELECT {MODEL} AS model, count(*), sum(tokens_in), sum(tokens_out), sum(cost),
        count(*) FILTER (outcome = 'failed'), count(*) FILTER (outcome = 'done' AND cost IS NULL)
        FROM requests WHERE op <> 'callback' GROUP BY 1"""
    counted = {line[0]: line[1:] for line in engine.query(sql).rows}
    found = {
        one["model"]: (
            one["requests"],
            one["tokens_in"],
            one["tokens_out"],
            one["cost"],
            one["failed"],
            one["unpriced"],
        )
        for one in asked(engine, "usage")
    }
    assert found.keys() == counted.keys()
    for model, numbers in found.items():
        assert numbers == pytest.approx(counted[model], abs=1e-6)


@pytest.mark.parametrize("metric", SPANS)
def test_percentiles_are_within_three_percent(engine: Asker, metric: str) -> None:
    column = SPANS[metric]
    sql = f"""SELECT provider, count({column}), avg({column}), quantile_disc({column}, 0.5), quantile_disc({column}, 0.95),
        quantile_disc({column}, 0.99) FROM requests WHERE op <> 'callback' GROUP BY 1 HAVING count({column}) > 0"""
    exact = {line[0]: line[1:] for line in engine.query(sql).rows}
    found = asked(engine, "latency", by="provider", metric=metric)
    assert {one["provider"] for one in found} == exact.keys()
    for one in found:
        count, mean, *quantiles = exact[one["provider"]]
        assert (one["requests"], one["mean_ms"]) == (count, pytest.approx(mean, abs=0.01))
        assert [one["p50_ms"], one["p95_ms"], one["p99_ms"]] == [
            pytest.approx(q, rel=0.03, abs=0.011) for q in quantiles
        ]


def test_speed_cache_and_retries_count_what_they_say(engine: Asker) -> None:
    sql = """SELECT 1000 * sum(tokens_out) FILTER (s) / sum(total_ms - first_ms) FILTER (s),
        count(*) FILTER (cached), sum(tokens_cached) / sum(tokens_in), count(*) FILTER (attempts > 1), sum(attempts)
        FROM (SELECT *, stream AND outcome = 'done' AND first_ms < total_ms AND NOT cached AND tokens_out > 0 AS s
              FROM requests WHERE op = 'chat' AND tenant = 'default')"""
    (exact,) = engine.query(sql).rows
    words = {"by": "tenant", "op": "chat"}
    one = {name: asked(engine, name, **words)[0] for name in ("speed", "cache", "retries")}
    assert one["cache"]["tenant"] == "default"
    found = (
        one["speed"]["streamed_per_second"], one["cache"]["from_our_cache"], one["cache"]["providers_share"],
        one["retries"]["retried"], one["retries"]["attempts"],
    )  # fmt: skip
    assert found == pytest.approx(exact, abs=0.006)


def test_every_duration_lies_within_the_error_of_its_bucket() -> None:
    with duckdb.connect() as con:
        sql = f"""SELECT max(abs({middle(bucket("ms"))} / ms - 1)), min({bucket("ms")}), max({bucket("ms")})
            FROM (SELECT 0.0100001 * pow(1.0007, i) AS ms FROM range(40000) t(i))"""
        found = con.execute(sql).fetchone()
        assert found is not None
        assert found[0] < 0.0245
        assert found[1] == 1
        assert con.execute(f"SELECT {bucket('0.0')}, {bucket('0.01')}, {bucket('NULL::DOUBLE')}").fetchone() == (
            0,
            0,
            0,
        )


def test_merged_files_add_up_and_hold_fewer_rows(tmp_path: Path) -> None:
    rows = [row(n, NOVEMBER + n / 100, model="m" if n % 2 else "w", total_ms=float(n)) for n in range(1, 301)]
    fill(tmp_path / "a", rows, merged=False)
    paths = sorted((tmp_path / "a").glob("hourly/*/*.parquet"))
    with duckdb.connect() as con:
        parts = duck.select(HOURLY, paths)
        sums = "model, sum(requests), sum(total_ms), sum(list_sum(map_values(total_hist)))"
        before = con.execute(f"SELECT {sums} FROM ({parts}) GROUP BY 1 ORDER BY 1").fetchall()
        after = con.execute(f"SELECT {sums} FROM ({HOURLY.merged(parts)}) GROUP BY 1 ORDER BY 1").fetchall()
        count = con.execute(f"SELECT count(*) FROM ({HOURLY.merged(parts)})").fetchone()
        twice = con.execute(
            f"SELECT {sums} FROM ({HOURLY.merged(HOURLY.merged(parts))}) GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert (before, twice, count) == (after, after, (2,))
    assert [line[1] for line in after] == [150, 150]


# ---- words ----------------------------------------------------------------------------------------------------------


def test_filters_choose_the_same_requests_everywhere(engine: Asker) -> None:
    every = {"from_": "2026-11-01", "to": "2026-11-10", "model": "llama", "provider": "p1", "key": "app", "op": "chat"}
    sql = f"""SELECT count(*) FROM requests WHERE created >= '2026-11-01' AND created < '2026-11-11' AND op = 'chat'
        AND {MODEL} = 'llama' AND provider = 'p1' AND key = 'k1'"""
    ((count,),) = engine.query(sql).rows
    (one,) = asked(engine, "usage", by="key", **every)
    assert one["requests"] == count > 0
    (tagged,) = asked(engine, "usage", by="key", tag="nightly", **every)
    assert tagged["requests"] == engine.query(f"{sql} AND tag = 'nightly'").rows[0][0] > 0


def test_a_user_is_all_keys_of_one_person(engine: Asker) -> None:
    by_user = {one["user"]: one["requests"] for one in asked(engine, "usage", by="user")}
    by_key = {one["key"]: one["requests"] for one in asked(engine, "usage", by="key")}
    assert by_user == {"ann": by_key["k1"] + by_key["k2"], "cron": by_key["k3"]}
    assert asked(engine, "usage", by="user", user="ann")[0]["requests"] == by_user["ann"]
    assert asked(engine, "usage", user="ann", key="k3") == []


def test_callbacks_are_counted_only_when_asked_for(engine: Asker) -> None:
    ((every, callbacks),) = engine.query("SELECT count(*), count(*) FILTER (op = 'callback') FROM requests").rows
    assert sum(one["requests"] for one in asked(engine, "usage")) == every - callbacks
    assert sum(one["requests"] for one in asked(engine, "usage", op="callback")) == callbacks > 0


def test_errors_carry_the_last_message(engine: Asker) -> None:
    first = asked(engine, "errors", limit="1")[0]
    sql = f"""SELECT count(*), arg_max(message, created) FROM requests WHERE error = '{first["error"]}' AND op <> 'callback'
        AND provider = '{first["provider"]}' AND {MODEL} = '{first["model"]}'"""
    assert engine.query(sql).rows == [(first["requests"], first["last_message"])]


def test_the_slowest_come_first(engine: Asker) -> None:
    found = asked(engine, "slowest", limit="7", metric="first")
    sql = "SELECT job FROM requests WHERE op <> 'callback' ORDER BY first_ms DESC NULLS LAST LIMIT 7"
    assert [(one["job"],) for one in found] == engine.query(sql).rows
    for said in ({"from_": "2026-11-02", "to": "2026-11-02T20:00:00Z"}, {"from_": "2026-11-02"}, {"tag": "nightly"}):
        rolled, raw = (asked(engine, "slowest", limit="9", raw=raw, **said) for raw in (False, True))
        assert rolled == raw
        assert len(rolled) == 9


def test_idle_are_those_without_a_request_for_so_long(engine: Asker) -> None:
    assert [one["key"] for one in asked(engine, "idle", days="1")] == ["k9"]
    assert [one["provider"] for one in asked(engine, "idle", by="provider")] == ["p9"]
    later = wanted_of(REPORTS["idle"], {"days": "10"}, PEOPLE[:1], (), datetime(2026, 12, 1))
    ((key, last, days),) = engine.query(REPORTS["idle"].sql(later)).rows
    assert (key, last, days) == ("k1", datetime(2026, 11, 18, 11), 13)


def test_clients_and_attempts(engine: Asker) -> None:
    assert {one["client"] for one in asked(engine, "clients")} == {f"10.0.0.{n}" for n in range(4)}
    assert {one["user_agent"] for one in asked(engine, "clients", by="user_agent")} == {"curl", "python"}
    assert [(one["provider"], one["error"]) for one in asked(engine, "attempts")] == [("p1", None)]


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_archive_gives_the_right_columns_and_no_rows(engine: Asker, tmp_path: Path, name: str) -> None:
    sql = REPORTS[name].sql(wanted_of(REPORTS[name], {}, now=NOW))
    empty, full = Sql(tmp_path / "nowhere").query(sql), engine.query(sql)
    assert (empty.columns, empty.types, empty.rows) == (full.columns, full.types, [])


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_of_one_tenants_nobody_is_empty(engine: Asker, name: str) -> None:
    assert asked(engine, name, key="nobody") == []


@pytest.mark.parametrize(
    ("name", "said", "param"),
    [
        ("usage", {"by": "wombat"}, "by"),
        ("usage", {"by": "model,model"}, "by"),
        ("usage", {"by": "model,key,day,op"}, "by"),
        ("usage", {"by": "model; DROP TABLE requests"}, "by"),
        ("clients", {"by": "client,user_agent"}, "by"),
        ("errors", {"by": "model"}, "by"),
        ("usage", {"from": "yesterday"}, "from"),
        ("usage", {"from": "2026-02-30"}, "from"),
        ("usage", {"from": "999999w"}, "from"),
        ("usage", {"to": "2026-13"}, "to"),
        ("usage", {"from": "2026-11-02", "to": "2026-11-01"}, "from"),
        ("usage", {"month": "11"}, "month"),
        ("usage", {"month": "0000-01"}, "month"),
        ("usage", {"month": "2026-11", "from": "7d"}, "month"),
        ("usage", {"limit": "0"}, "limit"),
        ("usage", {"limit": "1e3"}, "limit"),
        ("usage", {"limit": "10001"}, "limit"),
        ("usage", {"limit": "٣"}, "limit"),
        ("usage", {"metric": "total"}, "metric"),
        ("latency", {"metric": "worst"}, "metric"),
        ("idle", {"days": "-1"}, "days"),
        ("usage", {"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_word_is_refused_by_name(name: str, said: dict[str, str], param: str) -> None:
    with pytest.raises(Problem) as caught:
        wanted_of(REPORTS[name], said, PEOPLE, PROVIDERS, NOW)
    assert (caught.value.code, caught.value.fault.param) == (Code.INVALID_REQUEST, param)


@pytest.mark.parametrize("word", ["key", "user", "model", "provider", "op", "tag"])
def test_a_word_is_never_code(engine: Asker, word: str) -> None:
    for hostile in ("' OR 1=1 --", "'; SELECT 1; --", "\\'", "%", "$1", "x' UNION SELECT 1 --"):
        assert asked(engine, "usage", **{word: hostile}) == []


@pytest.mark.parametrize(
    ("said", "tests"),
    [
        ({"from": "24h"}, ["hour >= TIMESTAMP '2026-11-17 11:00:00'", "month >= '2026-11'"]),
        ({"from": "2026-11-01T01:30:00 02:00"}, ["hour >= TIMESTAMP '2026-10-31 23:00:00'", "month >= '2026-10'"]),
        ({"to": "2026-10-31"}, ["hour < TIMESTAMP '2026-11-01 00:00:00'", "month <= '2026-10'"]),
        ({"to": "2026-10-31T12:10:00Z"}, ["hour < TIMESTAMP '2026-10-31 13:00:00'", "month <= '2026-10'"]),
    ],
)
def test_times_are_whole_hours_of_utc_around_what_was_said(said: dict[str, str], tests: list[str]) -> None:
    assert wanted_of(REPORTS["usage"], said, now=NOW).span.hours().tests("hour") == tests


def test_the_list_tells_what_can_be_said() -> None:
    told = {one["name"]: one for one in map(described, REPORTS.values())}
    assert told.keys() == REPORTS.keys()
    by = next(one for one in told["usage"]["parameters"] if one["name"] == "by")
    assert by == {"name": "by", "words": list(DIMENSIONS), "default": "model"}
    with pytest.raises(Problem) as caught:
        report_of("wombat")
    assert caught.value.code is Code.NOT_FOUND
