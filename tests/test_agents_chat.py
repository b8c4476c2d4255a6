"""Chat through the openai agent, over real sockets: what is sent, what comes back, what is counted, what was recorded."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chat_kit import KEY, MESSAGES, chunks, done, job, play, provider, text
from fake_provider import FakeProvider
from fake_scripts import Script

from agents._http import Http
from agents.agent import Tools, kinds, load, tools_for
from schemas.events import Delta, Usage
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(key=KEY) as provider:
        yield provider


async def test_retry_after_is_read_in_seconds_and_as_a_date(fake: FakeProvider, http: Http) -> None:
    tools = Tools(http, provider(fake.url), key=KEY)
    waits = [(await play(job(script), tools))[1].fault.retry_after for script in ("429", "429-date", "503", "500")]  # type: ignore[union-attr]
    assert waits[0] == 7
    assert 3500 < waits[1] <= 3600
    assert waits[2:] == [3, None]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://nosuch.invalid/v1", "https://127.0.0.1:{port}/v1"])
async def test_nobody_there_no_name_and_no_tls_are_unreachable(fake: FakeProvider, http: Http, url: str) -> None:
    port = fake.url.split(":")[2].split("/")[0]
    _, problem = await play(job(), Tools(http, provider(url.replace("{port}", port))))
    assert problem is not None
    assert problem.code is Code.PROVIDER_UNREACHABLE


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x/v1", "http://", "http://[::1"])
async def test_an_address_that_is_no_url_is_told_to_the_operator(http: Http, url: str) -> None:
    _, problem = await play(job(), Tools(http, provider(url)))
    assert problem is not None
    assert problem.code is Code.UNAVAILABLE


async def test_the_body_goes_through_byte_for_byte(fake: FakeProvider, http: Http) -> None:
    odd = b'{ "x_new" : 1.0000000000000000001, "model":"m","messages":[{"role":"user","content":"\\u00e9 \xc3\xa9"}] }'
    asked = Job(id=1, tenant="t", key="k", op="chat", model="m", body=odd, created=0, deadline=9e9)
    _, problem = await play(asked, Tools(http, provider(fake.url), key=KEY))
    assert problem is None
    assert fake.calls[0].raw == odd


async def test_only_what_must_change_is_changed(fake: FakeProvider, http: Http) -> None:
    settings = provider(fake.url, models=(Model(name="smol", native="m"),), headers={"X-Team": "blue"})
    asked = job("smol", True, replyTo="https://x.example/", refId="r", tag="t", top_k=3, seed=2**60)
    _, problem = await play(asked, Tools(http, settings, key=KEY))
    assert problem is None
    expected = {"model": "m", "messages": MESSAGES, "stream": True, "top_k": 3, "seed": 2**60}
    assert fake.calls[0].body == {**expected, "stream_options": {"include_usage": True}}
    assert fake.calls[0].headers["x-team"] == "blue"
    assert fake.calls[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(("flag", "wanted"), [(True, False), (False, True)])
async def test_the_job_decides_whether_to_stream(fake: FakeProvider, http: Http, flag: bool, wanted: bool) -> None:
    body = json.dumps(
        {"model": "m", "messages": MESSAGES, "stream": flag, "stream_options": {"x": 1} if flag else None}
    )
    asked = Job(
        id=1, tenant="t", key="k", op="chat", model="m", body=body.encode(), created=0, deadline=9e9, stream=wanted
    )
    events, problem = await play(asked, Tools(http, provider(fake.url), key=KEY))
    assert problem is None
    assert fake.calls[0].body["stream"] is wanted
    assert bool(chunks(events)) is wanted


async def test_usage_is_counted_always_and_shown_on_request(fake: FakeProvider, http: Http) -> None:
    tools = Tools(http, provider(fake.url), key=KEY)
    silent, _ = await play(job(stream=True), tools)
    asking, _ = await play(job(stream=True, stream_options={"include_usage": True}), tools)
    assert [chunk for chunk in chunks(silent) if not chunk["choices"]] == []
    assert chunks(asking)[-1]["usage"]["completion_tokens"] == 5
    assert done(silent).usage == done(asking).usage
    assert done(silent).body == b""


async def test_a_provider_without_stream_options_is_asked_without_from_then_on(fake: FakeProvider, http: Http) -> None:
    tools = Tools(http, provider(fake.url), key=KEY)
    for _ in range(2):
        events, problem = await play(
            job("no-stream-options", True, stream_options={"include_usage": True}), tools.fresh()
        )
        assert problem is None
        assert chunks(events)[-1]["usage"]["estimated"] is True
    assert [("stream_options" in call.body) for call in fake.calls] == [True, False, False]


async def test_chunks_that_arrive_together_travel_together(fake: FakeProvider, http: Http) -> None:
    fake.default = Script(tokens=200)
    events, _ = await play(job(stream=True), Tools(http, provider(fake.url), key=KEY))
    assert len(chunks(events)) == 202
    assert len([event for event in events if isinstance(event, Delta)]) < 20


@pytest.mark.parametrize("way", ["aclose", "cancel"])
async def test_hanging_up_reaches_the_provider_and_leaves_the_count(fake: FakeProvider, http: Http, way: str) -> None:
    fake.default = Script(tokens=1000, delay=0.02)
    tools = Tools(http, provider(fake.url), key=KEY).fresh()
    story = load("openai").handles["chat"](job(stream=True), tools)
    seen = [await anext(story) for _ in range(4)]
    if way == "aclose":
        await story.aclose()
    else:
        waiting = asyncio.ensure_future(anext(story))
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    deadline = time.monotonic() + 2
    while not fake.calls[0].end and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert fake.calls[0].outcome == "aborted"
    assert fake.calls[0].sent < 10
    assert tools.meter.usage() == Usage(tokens_in=4, tokens_out=-(-len(text(seen)) // 4), estimated=True)


@pytest.mark.parametrize("status", [400, 413, 429, 503])
async def test_what_a_provider_refused_has_cost_nothing(fake: FakeProvider, http: Http, status: int) -> None:
    fake.default = Script("status", status=status)
    tools = Tools(http, provider(fake.url), key=KEY).fresh()
    assert (await play(job(), tools))[1] is not None
    assert tools.meter.usage() == Usage()


async def test_connections_are_kept_and_a_stale_one_is_replaced(fake: FakeProvider, http: Http) -> None:
    tools = Tools(http, provider(fake.url), key=KEY)
    for stream in (False, True, False, True):
        assert (await play(job(stream=stream), tools))[1] is None
    assert fake.connections == 1
    fake.queue("reset")
    assert (await play(job(), tools))[1] is None
    assert fake.connections == 2


async def test_models_tells_what_chats_embeds_and_hears(fake: FakeProvider, http: Http) -> None:
    agent, tools = load("openai"), Tools(http, provider(fake.url), key=KEY)
    assert agent.models
    fake.models += ["whisper-large-v3", "BAAI/bge-m3"]
    embedding = [Model(name="text-embedding-3-small", op="embeddings"), Model(name="BAAI/bge-m3", op="embeddings")]
    heard = Model(name="whisper-large-v3", op="speech_to_text")
    assert await agent.models(tools) == [Model(name="m"), *embedding, heard]


def test_secrets_come_from_the_environment_and_a_missing_one_is_named() -> None:
    settings = provider("http://x/v1", key="env:ACME_KEY", headers={"X-Org": "env:ACME_ORG"})
    tools = tools_for(settings, Http(), {"ACME_KEY": "k" * 9, "ACME_ORG": "o" * 9})
    assert (tools.key, tools.headers) == ("k" * 9, {"X-Org": "o" * 9})
    with pytest.raises(Problem, match="ACME_ORG"):
        tools_for(settings, Http(), {"ACME_KEY": "k"})


def test_an_unknown_kind_is_told_with_those_that_exist() -> None:
    assert {"openai", "local", "callbacks"} <= set(kinds())
    for name in ("nosuch", "_http", "agent", "../x", "os"):
        with pytest.raises(Problem, match="openai"):
            load(name)


TAPES = sorted(Path(__file__).parent.glob("replies/openai/*.json"))


@pytest.mark.parametrize("story", [json.loads(file.read_text()) for file in TAPES], ids=[file.stem for file in TAPES])
async def test_recorded_conversations_are_understood(fake: FakeProvider, http: Http, story: dict[str, Any]) -> None:
    request, stream = story["request"], story["request"].get("stream", False)
    fake.queue(Script("tape", tape=tuple(story["reply"]), status=story.get("status", 200)))
    asked = job(
        stream=stream, keep=True, **{name: value for name, value in request.items() if name not in ("model", "stream")}
    )
    events, problem = await play(asked, Tools(http, provider(fake.url), key=KEY))
    assert len(chunks(events)) == story.get("chunks", 0)
    if "problem" in story:
        assert problem is not None
        assert (problem.code, problem.fault.param) == (story["problem"], story.get("param"))
        assert story["says"] in problem.fault.message
        return
    assert problem is None
    message = json.loads(done(events).body)["choices"][0]["message"]
    assert message.get("content") == story.get("content")
    assert message.get("reasoning_content") == story.get("reasoning")
    calls = [[c["id"], c["function"]["name"], c["function"]["arguments"]] for c in message.get("tool_calls") or ()]
    assert calls == story.get("tools", [])
    assert done(events).usage == Usage(*story["usage"])
