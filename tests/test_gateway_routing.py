"""Where requests go, what they cost and what they may cost, through the whole way: HTTP, NATS, agent, provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import openai
import pytest
from fake_scripts import Script
from gateway_house import CHAT, House, chat, open_house, until

from bus.config import new_key
from bus.connection import Link, open_bus
from ops.pricing import Books
from schemas.rules import ModelRule, Strategy


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


async def key_of(house: House, **fields: object) -> tuple[str, str]:
    """A further key: the text, and its id."""
    raw, key = new_key("further")
    await house.config.put_key(msgspec.structs.replace(key, **fields))
    return raw, key.id


def as_(raw: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {raw}", **more}


# ---- chains and trails ------------------------------------------------------------------------------------------------


async def test_a_chain_of_models_is_tried_in_order_and_the_provider_sees_the_one_that_serves(house: House) -> None:
    status, headers, _ = await house.post(chat("nobodys,500,m"), headers={"x-ai-explain": "1"})
    assert status == 200
    assert [call.body["model"] for call in house.fake.calls] == ["500", "m"]
    assert headers["x-ai-attempts"] == "2"
    trail = json.loads(headers["x-ai-trail"])
    told = " ".join(f"{step['attempt']}/{step['model']}/{step['verdict'].split(':')[0]}" for step in trail)
    assert "1/nobodys/unknown here" in told
    assert "1/500/chosen (balanced)" in told
    assert "1/500/failed" in told
    assert "2/m/chosen (balanced)" in told
    row = await house.row(headers["x-job-id"])
    assert (row.model, row.served, row.attempts) == ("nobodys,500,m", "m", 2)


async def test_a_provider_that_refuses_the_request_leaves_it_to_the_next_model(house: House) -> None:
    status, _, _ = await house.post(chat("413,m"))
    assert status == 200
    status, _, _ = await house.post(chat("413"))
    assert status == 413


async def test_a_stream_falls_back_before_its_first_delta_and_never_after(house: House) -> None:
    async with house.http.post(
        house.url + CHAT, json=chat("cut-first,m", stream=True), headers=as_(house.secret, **{"x-ai-explain": "1"})
    ) as reply:
        text = await reply.text()
    assert text.endswith("data: [DONE]\n\n")
    assert "x-ai-trail" in reply.headers
    async with house.http.post(house.url + CHAT, json=chat("cut,m", stream=True), headers=as_(house.secret)) as reply:
        text = await reply.text()
    assert '"error"' in text
    assert "[DONE]" not in text


async def test_the_rule_of_a_model_names_its_fallbacks_and_is_effective_at_once(house: House) -> None:
    assert (await house.post(chat("500")))[0] == 502
    await house.config.put_rule(ModelRule(model="500", fallbacks=("m",)))
    status, headers, _ = await house.post(chat("500"))
    assert (status, headers["x-ai-attempts"]) == (200, "2")
    await house.config.drop_rule("500")
    await until(lambda: not house.config.rules)


async def test_without_being_asked_no_trail_is_told(house: House) -> None:
    _, headers, _ = await house.post()
    assert "x-ai-trail" not in headers


async def test_a_refusal_explains_itself_too(house: House) -> None:
    status, headers, _ = await house.post(chat("m", provider="elsewhere"), headers={"x-ai-explain": "1"})
    assert status == 503
    assert json.loads(headers["x-ai-trail"])[0]["verdict"] == "not the provider asked for"


async def test_a_queued_jobs_view_tells_its_trail_and_its_cost(house: House) -> None:
    _, _, accepted = await house.post(chat("500,m"), headers={"Prefer": "respond-async", "x-ai-explain": "1"})
    _, _, view = await house.get(f"/jobs/{accepted['id']}?wait=10")
    assert (view["status"], view["model"]) == ("done", "500,m")
    verdicts = [(step["attempt"], step["model"], step["verdict"].split(":")[0]) for step in view["trail"]]
    assert (1, "500", "failed") in verdicts
    assert (2, "m", "chosen (balanced)") in verdicts


@pytest.mark.parametrize("wish", ["fake", ["other", "fake"]])
async def test_a_provider_asked_for_by_name_serves_and_never_reads_that(house: House, wish: object) -> None:
    status, _, _ = await house.post(chat(provider=wish))
    assert status == 200
    assert "provider" not in house.fake.calls[-1].body


async def test_openrouters_own_provider_object_travels_on(house: House) -> None:
    await house.post(chat(provider={"order": ["x"]}))
    assert house.fake.calls[-1].body["provider"] == {"order": ["x"]}


async def test_an_administrator_may_ask_where_a_request_would_go(house: House) -> None:
    raw, _ = await key_of(house, scopes=("admin",))
    status, _, told = await house.get("/admin/route?model=nobodys,m&op=chat", raw)
    assert (status, told["queue"], told["model"]) == (200, "fake", "m")
    assert (await house.get("/admin/route?model=m"))[0] == 403
    bound, number = await key_of(house, models=("gpt-*",))
    assert bound
    assert (await house.get(f"/admin/route?model=m&key={number}", raw))[0] == 403
    rule = {"model": "a/b:c", "strategy": "weighted", "weights": {"fake": 1}}
    async with house.http.put(house.url + "/admin/rules", json=rule, headers=as_(raw)) as reply:
        assert reply.status == 200
    _, _, listed = await house.get("/admin/rules", raw)
    assert [one["model"] for one in listed["data"]] == ["a/b:c"]
    assert house.config.rules["a/b:c"].strategy is Strategy.WEIGHTED
    async with house.http.delete(house.url + "/admin/rules?model=a/b:c", headers=as_(raw)) as reply:
        assert reply.status == 200
    assert not house.fake.calls


# ---- limits -----------------------------------------------------------------------------------------------------------


async def test_a_key_at_its_limit_gets_429_with_the_time_to_wait_in_openais_words(house: House) -> None:
    raw, number = await key_of(house, requests_per_minute=2)
    statuses = [(await house.post(headers=as_(raw)))[0] for _ in range(4)]
    assert statuses.count(200) <= 2  # a new minute may have begun
    status, headers, body = await house.post(headers=as_(raw))
    if status == 429:
        assert body["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(headers["retry-after"]) <= 60
        row = await house.row(headers["x-request-id"])
        assert (row.key, row.status, row.error) == (number, 429, "rate_limited")
    assert (await house.post())[0] == 200, "other keys are not concerned"


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (CHAT, chat(), ("error", "type")),
        (
            "/v1/messages",
            {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
            ("error", "type"),
        ),
        ("/api/chat", {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": False}, ("error",)),
        ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}, ("error", "status")),
        ("/v1/responses", {"model": "m", "input": "x"}, ("error", "type")),
    ],
)
async def test_a_spent_budget_is_told_in_every_dialect(
    house: House, path: str, body: dict[str, object], kind: tuple[str, ...]
) -> None:
    raw, number = await key_of(house, budget_day=0.000_001, budget_month=5.0)
    first, _, _ = await house.post(body, path=path, headers=as_(raw))
    assert first == 200
    status, headers, told = await house.post(body, path=path, headers=as_(raw))
    assert status == 429
    assert int(headers["retry-after"]) >= 1
    for name in kind:
        told = told[name]
    row = await house.row(headers["x-request-id"])
    assert (row.key, row.error) == (number, "insufficient_quota")


async def test_a_direct_publisher_meets_the_same_limit(house: House) -> None:
    _, number = await key_of(house, budget_day=0.000_001)
    subject = f"rpc.default.{number}.chat"
    ends = [await house.bus.ask(subject, json.dumps(chat()).encode()) for _ in range(2)]
    assert [(end.headers or {})["Ai-Status"] for end in ends] == ["200", "429"]
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await house.bus.listen(f"out.default.{number}.r1", lambda message: heard.put_nowait(message.data))
    await house.bus.keep(f"req.default.{number}.chat", json.dumps(chat()).encode(), headers={"Ai-Ref": "r1"})
    async with asyncio.timeout(5):
        told = json.loads(await heard.get())
    assert told["error"]["code"] == "insufficient_quota"


# ---- cost -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def priced(nats: Link, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose fake provider charges 1 USD a thousand tokens in and 2 a thousand out."""
    (tmp_path / "prices.toml").write_text('["fake/*"]\ninput = 1000.0\noutput = 2000.0\n')
    async with open_bus(nats, "books") as bus:
        from bus.config import Config
        from bus.streams import declare

        await declare(bus)
        config = Config(bus)
        await config.start()
        books = Books(config, tmp_path)
        await books.start()
        await until(lambda: books.prices._own)
        async with open_house(nats, accounts=books) as opened:
            yield opened


async def test_every_request_is_recorded_with_its_cost(priced: House) -> None:
    _, headers, reply = await priced.post()
    row = await priced.row(headers["x-job-id"])
    usage = reply["usage"]
    assert row.cost == pytest.approx(usage["prompt_tokens"] / 1000 + usage["completion_tokens"] / 500)
    assert not row.cost_estimated
    assert not row.cached


@pytest.mark.parametrize("after", range(6))
async def test_a_stream_its_caller_left_after_any_chunk_is_counted_and_charged(priced: House, after: int) -> None:
    priced.fake.queue(Script(tokens=6, delay=0.05))
    headers = as_(priced.secret)
    read = 0
    async with priced.http.post(priced.url + CHAT, json=chat(stream=True), headers=headers) as reply:
        async for line in reply.content:
            if line.startswith(b"data: "):
                read += 1
            if read > after:
                break
        reply.close()
    row = await priced.row(reply.headers["x-job-id"])
    assert (row.outcome, row.status, row.estimated, row.cost_estimated) == ("cancelled", 499, True, True)
    assert row.tokens_in > 0
    assert after == 0 or row.tokens_out >= 1
    assert row.cost == pytest.approx(row.tokens_in / 1000 + row.tokens_out / 500)


async def test_a_budget_is_charged_what_was_really_used(priced: House) -> None:
    raw, _ = await key_of(priced, budget_day=1.0)
    statuses = [(await priced.post(chat(max_tokens=40), headers=as_(raw)))[0] for _ in range(60)]
    await until(lambda: len(priced.rows) == len(statuses))
    spent = sum(row.cost or 0 for row in priced.rows if row.status == 200)
    assert statuses[-1] == 429
    assert 0.8 <= spent <= 1.05, f"{spent:.3f} USD"


# ---- cache ------------------------------------------------------------------------------------------------------------


async def test_the_same_request_gets_the_same_answer_without_a_provider(house: House) -> None:
    first = await house.post(headers={"x-ai-cache": "60"})
    assert first[1]["x-ai-cache"] == "miss"
    again = await until(lambda: _hit(house))
    assert again[2] == first[2]
    assert len(house.fake.calls) == 1
    row = await house.row(again[1]["x-job-id"])
    assert (row.cached, row.cost, row.attempts, row.outcome) == (True, 0.0, 0, "done")


async def _hit(house: House) -> tuple[int, dict[str, str], object] | None:
    found = await house.post(headers={"x-ai-cache": "60"})
    return found if found[1]["x-ai-cache"] == "hit" else None


async def test_a_stream_is_told_again_as_a_stream_byte_for_byte(house: House) -> None:
    async def ask() -> tuple[str, str]:
        headers = as_(house.secret, **{"x-ai-cache": "60"})
        async with house.http.post(house.url + CHAT, json=chat(stream=True), headers=headers) as reply:
            return reply.headers["x-ai-cache"], await reply.text()

    first = await ask()
    again = await ask()
    while again[0] == "miss":
        again = await ask()
    assert again[1] == first[1]
    assert first[1].endswith("data: [DONE]\n\n")


async def test_equal_requests_under_way_ask_the_provider_once(house: House) -> None:
    house.fake.queue(Script(delay=0.3))
    replies = await asyncio.gather(*(house.post(headers={"x-ai-cache": "60"}) for _ in range(20)))
    assert {reply[0] for reply in replies} == {200}
    assert len(house.fake.calls) == 1
    assert sorted(reply[1]["x-ai-cache"] for reply in replies) == ["hit"] * 19 + ["miss"]


async def test_when_the_first_of_equal_requests_fails_the_next_one_asks(house: House) -> None:
    house.fake.queue(Script("status", status=400, delay=0.1), Script())
    replies = await asyncio.gather(*(house.post(headers={"x-ai-cache": "60"}) for _ in range(5)))
    assert sorted(reply[0] for reply in replies) == [200, 200, 200, 200, 400]
    assert len(house.fake.calls) == 2


async def test_the_cache_is_off_by_default_and_can_be_refused(house: House) -> None:
    await house.post()
    _, headers, _ = await house.post()
    assert "x-ai-cache" not in headers
    raw, _ = await key_of(house, cache_seconds=60)
    for control in ("no-store", "no-cache"):
        await house.post(headers=as_(raw))
        before = len(house.fake.calls)
        await house.post(headers=as_(raw, **{"Cache-Control": control}))
        assert len(house.fake.calls) == before + 1
    _, headers, _ = await house.post(headers=as_(raw))
    assert headers["x-ai-cache"] == "hit"


async def test_nobody_gets_the_answer_of_another_key_or_another_question(house: House) -> None:
    await house.post(headers={"x-ai-cache": "60"})
    for body, raw in ((chat(), house.other), (chat(temperature=0.5), house.secret), (chat("lonely"), house.secret)):
        _, headers, _ = await house.post(body, headers=as_(raw, **{"x-ai-cache": "60"}))
        assert headers["x-ai-cache"] == "miss"
    _, headers, _ = await house.post(chat(tag="other"), headers={"x-ai-cache": "60"})
    assert headers["x-ai-cache"] == "hit", "what is for us alone makes no difference"


async def test_the_openai_sdk_meets_a_cached_stream_as_any_other(house: House) -> None:
    async with openai.AsyncOpenAI(
        api_key=house.secret, base_url=house.url + "/v1", max_retries=0, default_headers={"x-ai-cache": "60"}
    ) as sdk:
        texts = []
        for _ in range(3):
            stream = await sdk.chat.completions.create(**chat(stream=True))
            texts.append("".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]))
    assert set(texts) == {"w0 w1 w2 w3 w4"}
    assert len(house.fake.calls) <= 2
