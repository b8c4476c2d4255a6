"""Sync chat through the whole way: JSON, streams, the official SDK, hang-ups, records."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator

import openai
import pytest
from fake_scripts import Script
from gateway_house import CHAT, House, chat, open_house, until

from bus.connection import Link
from schemas.job import Job


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=house.secret, base_url=house.url + "/v1", max_retries=0) as client:
        yield client


async def test_a_sync_chat_gives_the_providers_completion_and_says_who_answered(house: House) -> None:
    status, headers, reply = await house.post()
    assert (status, reply["choices"][0]["message"]["content"]) == (200, "w0 w1 w2 w3 w4")
    assert headers["content-type"] == "application/json"
    assert (headers["x-ai-provider"], headers["x-ai-attempts"]) == ("fake", "1")
    assert headers["x-request-id"] == headers["x-job-id"]


async def test_every_sync_chat_becomes_one_record(house: House) -> None:
    _, headers, reply = await house.post(headers={"User-Agent": "me/1"})
    row = await house.row(headers["x-job-id"])
    assert (
        row.outcome, row.status, row.provider, row.attempts, row.style, row.model,
    ) == ("done", 200, "fake", 1, "sync", "m")  # fmt: skip
    assert (reply["usage"]["prompt_tokens"], 5) == (row.tokens_in, row.tokens_out)
    assert (house.key.id, "me/1", "127.0.0.1") == (row.key, row.user_agent, row.client)
    assert row.request is None
    assert len([one for one in house.rows if one.job == row.job]) == 1


@pytest.mark.parametrize(("model", "stream"), [("500", False), ("error-inside", True)])
async def test_the_body_of_a_job_that_failed_is_let_go_at_once(house: House, model: str, stream: bool) -> None:
    """Not when Python next looks for cycles, which is seldom (`ops/lean.py`): there may be thousands until then."""
    long = [{"role": "user", "content": "x" * 500_000}]
    gc.collect()
    gc.disable()
    try:
        headers = {"Authorization": f"Bearer {house.secret}"}
        for _ in range(2):
            body = chat(model, stream=stream, messages=long)
            async with house.http.post(house.url + CHAT, json=body, headers=headers) as reply:
                await reply.read()
        await until(lambda: not [one for one in gc.get_objects() if type(one) is Job and len(one.body) > 500_000])
    finally:
        gc.enable()


async def test_a_stream_is_sse_byte_for_byte_as_the_sdks_expect(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.secret}"}
    async with house.http.post(house.url + CHAT, json=chat(stream=True), headers=headers) as reply:
        raw = await reply.read()
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-ai-provider"] == "fake"
    events = raw.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    assert all(event.startswith(b"data: {") for event in events[:-2])
    chunks = [json.loads(event[6:]) for event in events[:-2]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "w0 w1 w2 w3 w4"
    row = await house.row(reply.headers["x-job-id"])
    assert row.stream
    assert row.tokens_out == 5
    assert row.first_ms is not None


async def test_the_openai_sdk_reads_json_streams_and_usage(sdk: openai.AsyncOpenAI) -> None:
    whole = await sdk.chat.completions.create(**chat())
    assert whole.choices[0].message.content == "w0 w1 w2 w3 w4"
    assert whole._request_id
    stream = await sdk.chat.completions.create(**chat(stream=True, stream_options={"include_usage": True}))
    text, usage = "", None
    async for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        usage = chunk.usage or usage
    assert text == "w0 w1 w2 w3 w4"
    assert usage is not None
    assert usage.completion_tokens == 5


async def test_the_openai_sdk_lists_models(sdk: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in sdk.models.list()]
    assert "m" in names
    assert (await sdk.models.retrieve("m")).owned_by == "fake"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("org/none")


async def test_the_openai_sdk_raises_its_own_error_classes(sdk: openai.AsyncOpenAI, house: House) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await sdk.chat.completions.create(**chat("none"))
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as bad:
        await sdk.chat.completions.create(**chat(temperature=99))
    assert bad.value.param == "temperature"
    with pytest.raises(openai.AuthenticationError) as stranger:
        await sdk.with_options(api_key="ais-wrong").chat.completions.create(**chat())
    assert stranger.value.code == "invalid_api_key"
    with pytest.raises(openai.InternalServerError):
        await sdk.chat.completions.create(**chat("html"))
    house.fake.queue(Script("status", status=429, retry_after="60"))
    for _ in range(2):  # the second one is refused by the router, for the provider cools
        with pytest.raises(openai.RateLimitError) as limited:
            await sdk.chat.completions.create(**chat())
        assert int(limited.value.response.headers["retry-after"]) in (59, 60)


async def test_a_stream_that_breaks_says_so_in_the_stream_and_never_says_done(
    house: House, sdk: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.APIError) as broken:
        async for _ in await sdk.chat.completions.create(**chat("cut", stream=True)):
            pass
    assert "broke off" in broken.value.message
    headers = {"Authorization": f"Bearer {house.secret}"}
    async with house.http.post(house.url + CHAT, json=chat("cut", stream=True), headers=headers) as reply:
        raw = await reply.read()
    assert reply.status == 200
    assert b"[DONE]" not in raw
    last = json.loads(raw.split(b"\n\n")[-2].removeprefix(b"data: "))
    assert last["error"]["code"] == "stream_broken"
    row = await house.row(reply.headers["x-job-id"])
    assert (row.outcome, row.error, row.tokens_out) == ("failed", "stream_broken", 2)


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("reset", 502, "provider_unreachable"),
        ("cut-first", 502, "provider_unreachable"),
        ("html", 502, "provider_garbled"),
        ("500", 502, "provider_error"),
        ("401", 502, "provider_auth"),
        ("stall-first", 504, "provider_timeout"),
        ("slow", 504, "provider_timeout"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_before_the_first_token_is_a_real_http_error(
    house: House, model: str, status: int, code: str, stream: bool
) -> None:
    found, headers, reply = await house.post(chat(model, stream=stream))
    assert found == status, reply
    assert reply["error"]["code"] in (code, "provider_garbled")
    assert set(reply["error"]) == {"message", "type", "param", "code"}
    row = await house.row(headers["x-job-id"])
    assert (row.status, row.outcome) == (status, "failed")


@pytest.mark.parametrize("stream", [False, True])
async def test_hanging_up_stops_the_providers_call_and_leaves_a_record(house: House, stream: bool) -> None:
    headers = {"Authorization": f"Bearer {house.secret}"}
    asking = asyncio.create_task(
        house.http.post(house.url + CHAT, json=chat("stall" if stream else "slow", stream=stream), headers=headers)
    )
    await until(lambda: house.fake.calls and (not stream or house.fake.calls[0].sent == 2))
    if stream:
        (await asking).close()
    asking.cancel()
    await until(lambda: house.fake.in_flight == 0, 1.0)
    assert house.fake.calls[0].outcome == "aborted"
    row = await until(lambda: next(iter(house.rows), None))
    assert (row.outcome, row.status, row.provider) == ("cancelled", 499, "fake")
    assert row.tokens_out == (2 if stream else 0) or not stream


async def test_a_quiet_stream_is_kept_alive_with_comments(
    house: House, sdk: openai.AsyncOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.live.QUIET_SECONDS", 0.1)
    house.fake.queue(Script(tokens=2, delay=0.5), Script(tokens=2, delay=0.5))
    headers = {"Authorization": f"Bearer {house.secret}"}
    async with house.http.post(house.url + CHAT, json=chat(stream=True), headers=headers) as reply:
        raw = await reply.read()
    assert raw.startswith(b"data: ")
    assert raw.count(b": keep-alive\n\n") >= 4
    text = ""
    async for chunk in await sdk.chat.completions.create(**chat(stream=True)):
        text += chunk.choices[0].delta.content or ""
    assert text == "w0 w1"


async def test_unknown_fields_reach_the_provider_untouched(house: House) -> None:
    await house.post(chat(top_k=3, provider_thing={"a": [1, None]}))
    assert house.fake.calls[0].body["provider_thing"] == {"a": [1, None]}


async def test_a_model_nobody_serves_is_refused_within_milliseconds(house: House) -> None:
    loop = asyncio.get_running_loop()
    await house.post(chat("none"))
    began = loop.time()
    status, headers, _ = await house.post(chat("none"))
    assert (status, loop.time() - began < 0.1) == (404, True)
    assert (await house.row(headers["x-job-id"])).error == "model_not_found"


async def test_many_at_once_are_all_answered(house: House) -> None:
    answers = await asyncio.gather(*(house.post() for _ in range(100)))
    assert [status for status, _, _ in answers] == [200] * 100
    assert len({headers["x-job-id"] for _, headers, _ in answers}) == 100
    await until(lambda: len(house.rows) == 100)
