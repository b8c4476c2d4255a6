"""`/metrics`, scraped by Prometheus's own parser: the counts are the providers' own, and stay few whatever callers write."""

import gzip
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_house import CHAT, chat, until
from telemetry_kit import OPENMETRICS, Watched, open_watched, total

from bus.census import spokesman
from bus.config import new_key
from bus.connection import Link
from bus.counts import MOST, Counts
from gateway.families import Sight, families
from schemas.log import RequestLog

HOSTILE = ['quo"te', "new\nline", "back\\slash", "{}", 'x",process="y', "a" * 300, "emoji 🦆", "m ", "# HELP m"]


async def _mixed(made: Watched) -> dict[str, int]:
    """Successes, failures, streams, queued jobs, a retry, callbacks. Returns the tokens as the callers were told."""
    house, used = made.house, {"prompt_tokens": 0, "completion_tokens": 0}
    for _ in range(4):
        _, _, answer = await house.post()
        used = {name: used[name] + answer["usage"][name] for name in used}
    house.fake.queue("500")  # and the spare one takes it
    status, _, answer = await house.post()
    assert status == 200, answer
    used = {name: used[name] + answer["usage"][name] for name in used}
    for _ in range(2):
        body = chat(stream=True, stream_options={"include_usage": True})
        async with house.http.post(house.url + CHAT, json=body, headers={"X-Api-Key": house.secret}) as reply:
            lines = [line[6:] for line in (await reply.text()).splitlines() if line.startswith("data: {")]
        usage = next(found for line in lines if (found := msgspec.json.decode(line).get("usage")))
        used = {name: used[name] + usage[name] for name in used}
    assert (await house.post(chat("413")))[0] in (400, 413)
    for name in HOSTILE:
        assert (await house.post(chat(name)))[0] in (400, 404)
    for _ in range(2):
        status, _, job = await house.post(headers={"Prefer": "respond-async", "Reply-To": made.receiver})
        assert status == 202
        found = await until(lambda number=job["id"]: _done(made, number))
        used = {name: used[name] + found["usage"][name] for name in used}
    await until(lambda: len(made.delivered) == 2)
    return used


async def _done(made: Watched, number: int) -> Any:
    _, _, view = await made.house.get(f"/jobs/{number}")
    return view["result"] if view["status"] == "done" else None


async def test_the_counts_are_those_of_the_providers_own_ledgers(nats: Link, tmp_path: Path) -> None:
    async with open_watched(nats, tmp_path / "archive") as made:
        used = await _mixed(made)
        samples = await until(lambda: _settled(made))
        calls = made.calls
        assert total(samples, "ai_server_attempts_total", op="chat") == len(calls)
        good = [call for call in calls if call.outcome == "ok" and call.script == "ok"]
        assert total(samples, "ai_server_attempts_total", op="chat", code="") == len(good)
        for provider, ledger in (("fake", made.house.fake), ("spare", made.spare)):
            assert total(samples, "ai_server_attempts_total", provider=provider) == len(ledger.calls)
        assert total(samples, "gen_ai_client_operation_duration_seconds_count", gen_ai_operation_name="chat") == len(
            calls
        )
        assert total(samples, "ai_server_requests_total", outcome="done") == 9
        assert total(samples, "ai_server_requests_total", style="callback", outcome="done") == 2
        assert total(samples, "ai_server_requests_total", code="provider_refused", model="413") == 1
        assert total(samples, "ai_server_requests_total", model="other") == len(HOSTILE)
        assert total(samples, "ai_server_retries_total") == 1
        assert total(samples, "ai_server_callbacks_total", outcome="done") == 2
        assert total(samples, "ai_server_tokens_total", type="input", model="m") == used["prompt_tokens"]
        assert total(samples, "ai_server_tokens_total", type="output", model="m") == used["completion_tokens"]
        assert total(samples, "gen_ai_client_token_usage_sum", gen_ai_token_type="output") == used["completion_tokens"]
        assert total(samples, "gen_ai_server_time_to_first_token_seconds_count") == 2
        assert total(samples, "ai_server_agents") == 3
        assert total(samples, "ai_server_nats_connected") == 1
        assert total(samples, "ai_server_archive_lag_messages") == 0
        assert len(made.house.rows) == total(samples, "ai_server_requests_total") + 2  # the callbacks
        assert {one.labels["model"] for one in samples if one.name == "ai_server_requests_total"} == {
            "m",
            "413",
            "other",
        }
        openly = await made.scrape(OPENMETRICS)
        assert total(openly, "ai_server_requests_total") == total(samples, "ai_server_requests_total")
        assert total(openly, "process_resident_memory_bytes") > 1_000_000
        assert total(openly, "ai_server_build_info", version="1.2.3") == 1


async def _settled(made: Watched) -> Any:
    """The scrape, once the jobs' last words and the archive are through."""
    samples = await made.scrape()
    rows = total(samples, "ai_server_archive_rows_total")
    there = total(samples, "ai_server_callbacks_total") == 2 and rows >= len(made.house.rows)
    return samples if there and total(samples, "ai_server_archive_lag_messages") == 0 else None


async def test_who_may_scrape_and_what_else_a_scrapers_key_may(nats: Link) -> None:
    async with open_watched(nats) as made:
        house = made.house
        admin, key = new_key("boss", ("admin",))
        await house.config.put_key(key)

        async def ask(secret: str | None, **headers: str) -> tuple[int, dict[str, str], bytes]:
            said = headers | ({"Authorization": f"Bearer {secret}"} if secret else {})
            async with house.http.get(house.url + "/metrics", headers=said, auto_decompress=False) as reply:
                return reply.status, dict(reply.headers), await reply.read()

        assert [(await ask(one))[0] for one in (None, "sk-wrong", house.secret, made.scraper, admin)] == [
            401, 401, 403, 200, 200,
        ]  # fmt: skip
        for scope in ("metrics", "admin"):  # the counts of all tenants are no business of one
            theirs, key = new_key("theirs", (scope,), "theirs")
            await house.config.put_key(key)
            assert (await ask(theirs))[0] == 403
        for path in ("/v1/models", "/jobs/1"):
            assert (await house.get(path, made.scraper))[0] == 403
        assert (await house.post(headers={"Authorization": f"Bearer {made.scraper}"}))[0] == 403
        status, headers, body = await ask(made.scraper, **{"Accept-Encoding": "gzip"})
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert b"ai_server_build_info{" in gzip.decompress(body)
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert (await ask(made.scraper, Accept=OPENMETRICS))[1]["Content-Type"].startswith(
            "application/openmetrics-text"
        )


async def test_public_metrics_want_no_key(nats: Link) -> None:
    async with (
        open_watched(nats, public_metrics=True) as made,
        made.house.http.get(made.house.url + "/metrics") as reply,
    ):
        assert reply.status == 200


async def test_a_refusal_by_a_keys_limit_is_counted_and_what_the_cache_knew_and_did_not(nats: Link) -> None:
    async with open_watched(nats) as made:
        secret, key = new_key("small")
        await made.house.config.put_key(msgspec.structs.replace(key, requests_per_minute=1))
        seen = [(await made.house.post(headers={"Authorization": f"Bearer {secret}"}))[0] for _ in range(3)]
        for control in ("no-cache", "max-age=60", "max-age=60"):  # the first one asks anew, and fills it
            assert (await made.house.post(headers={"x-ai-cache": "60", "Cache-Control": control}))[0] == 200
        assert (await made.house.post(chat("m", seed=1), headers={"x-ai-cache": "60"}))[0] == 200
        samples = await made.scrape()
        assert total(samples, "ai_server_limit_refusals_total", code="rate_limited") == seen.count(429) > 0
        assert total(samples, "ai_server_cache_hits_total") + total(samples, "ai_server_cache_misses_total") == 3
        assert total(samples, "ai_server_cache_misses_total", op="chat") >= 1


def row(**more: Any) -> RequestLog:
    given = {
        "job": 1, "created": 1.0, "tenant": "default", "key": "k", "op": "chat", "style": "sync", "stream": False,
        "model": "m", "outcome": "done", "status": 200, "provider": "p", "total_ms": 900.0,
    }  # fmt: skip
    return RequestLog(**(given | more))


def test_ten_thousand_names_are_one_series() -> None:
    counts = Counts(lambda: {"m"})
    for n in range(10_000):
        counts.ended(row(model=f'x{n}"\n', op=f"op{n}", provider="", outcome="failed", error="model_not_found"))
    counts.ended(row(model="m", provider="", outcome="failed", error="overloaded"))
    told = counts.process("p", "gateway").ended
    assert [(one.op, one.model, one.count) for one in told] == [("other", "other", 10_000), ("chat", "m", 1)]


def test_even_served_names_and_keys_have_an_end() -> None:
    counts = Counts(keyed=True)
    for n in range(12_000):
        counts.ended(row(model=f"m{n}", key=f"k{n}"))
    told = counts.process("p", "gateway").ended
    assert sum(one.count for one in told) == 12_000
    assert len(told) == 10_001
    plain = Counts()
    for n in range(MOST + 500):
        plain.ended(row(model=f"m{n}"))
        plain.tried("chat", f"m{n}", "p", "", 0.1, (1, 1))
    told = plain.process("p", "gateway").ended
    assert (len(told), told[-1].model, told[-1].count) == (MOST + 1, "other", 500)
    assert len(plain.process("p", "gateway").tried) == MOST + 1


def test_keys_are_labels_only_where_the_setting_says_so() -> None:
    sight = Sight(
        version="1", python="3", now=0.0, queues=[], agents={}, gateways=1, calls={}, streams=0, connected=True
    )
    for keyed in (False, True):
        counts = Counts(keyed=keyed)
        counts.ended(row(key="abc", tokens_in=5))
        found = list(families(sight, [counts.process("p", "gateway")], keyed))
        labels = {name for family in found for sample in family.samples for name in sample.labels}
        assert ({"key", "tenant"} <= labels) == keyed
        assert any("abc" in sample.labels.values() for family in found for sample in family.samples) == keyed


def test_providers_have_the_conventions_names_and_their_own() -> None:
    sight = Sight(
        version="1", python="3", now=0.0, queues=[], agents={}, gateways=1, calls={}, streams=0, connected=True,
        known_as={"mine": "gcp.gemini"},
    )  # fmt: skip
    counts = Counts()
    for provider in ("mine", "other"):
        counts.ended(row(provider=provider))
        counts.tried("chat", "m", provider, "", 0.5, (3, 5))
    samples = [one for family in families(sight, [counts.process("p", "gateway")], False) for one in family.samples]
    found = {(one.labels["gen_ai_provider_name"], one.labels["provider"]) for one in samples if "gen_ai_" in one.name}
    assert found == {("gcp.gemini", "mine"), ("other", "other")}


def test_one_gateway_speaks_for_a_worker_and_few_change_hands() -> None:
    workers = [f"agent-{n}" for n in range(300)]
    before = {one: spokesman(one, ["a", "b", "c"]) for one in workers}
    after = {one: spokesman(one, ["c", "a", "b", "d"]) for one in workers}
    assert set(before.values()) == {"a", "b", "c"}
    assert {after[one] for one in workers if after[one] != before[one]} == {"d"}


def test_counting_a_request_costs_little() -> None:
    counts, one = Counts(), row(tokens_in=10, tokens_out=20, first_ms=30.0, wait_ms=2.0)
    best = 1.0
    for _ in range(20):
        begun = time.process_time()
        for _ in range(2000):
            counts.ended(one)
        best = min(best, (time.process_time() - begun) / 2000)
    assert best < 10e-6  # 1 µs where the machine is quiet


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_served_models_are_written_as_the_parser_reads_them(name: str) -> None:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    from gateway.metrics import _Shown

    counts = Counts()
    counts.ended(row(model=name))
    sight = Sight(
        version="1", python="3", now=0.0, queues=[], agents={}, gateways=1, calls={}, streams=0, connected=True
    )
    registry = CollectorRegistry()
    registry.register(_Shown(list(families(sight, [counts.process("p", "gateway")], False))))
    read = text_string_to_metric_families(generate_latest(registry).decode())
    assert name in {sample.labels.get("model") for family in read for sample in family.samples}
