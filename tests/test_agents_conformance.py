"""One suite for every kind of provider that chats: the same conversation has the same result, whoever answers it."""

import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from chat_kit import KEY, chunks, done, job, play, text
from conform_kit import FAKES, KINDS, PIXEL, SCHEMA, TOOL, House, expected, plays, same, told, tools
from fake_anthropic import FakeAnthropic
from fake_gemini import FakeGemini
from fake_ollama import FakeOllama
from fake_openai import FakeOpenAI
from fake_scenes import SCENES, Scene
from hypothesis import given
from hypothesis import strategies as st

from agents._chunks import assemble
from agents._http import Http
from schemas.job import Job
from schemas.provider import Model


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(private=True) as client:
        yield client


@pytest.fixture(params=KINDS)
async def house(request: pytest.FixtureRequest, http: Http) -> AsyncIterator[House]:
    async with FAKES[request.param](key=KEY) as fake:
        yield House(request.param, fake, http)


@pytest.fixture
async def houses(http: Http) -> AsyncIterator[dict[str, House]]:
    async with (
        FakeOpenAI(key=KEY) as a,
        FakeAnthropic(key=KEY) as b,
        FakeGemini(key=KEY) as c,
        FakeOllama(key=KEY) as d,
    ):
        yield {kind: House(kind, fake, http) for kind, fake in zip(KINDS, (a, b, c, d), strict=True)}


@pytest.mark.parametrize("scene", SCENES)
async def test_an_answer_is_the_same_whoever_gives_it_and_however(house: House, scene: str) -> None:
    """checklist 26: every kind of provider answers a chat."""
    if not plays(house, scene):
        return
    whole = await house.ask(job(scene))
    assert told(whole) == expected(SCENES[scene])
    assert whole["object"] == "chat.completion"
    events, problem = await play(
        job(scene, True, keep=True, stream_options={"include_usage": True}), house.tools.fresh()
    )
    assert problem is None
    kept = json.loads(done(events).body)
    assert told(kept) == expected(SCENES[scene])
    assert json.loads(assemble(json.dumps(chunk).encode() for chunk in chunks(events))) == kept
    assert same(kept) == same(whole), "streamed and whole differ"


@pytest.mark.parametrize("scene", [name for name, scene in SCENES.items() if scene.calls])
async def test_each_tool_call_is_told_once_and_its_arguments_byte_for_byte(house: House, scene: str) -> None:
    events, problem = await play(job(scene, True), house.tools.fresh())
    assert problem is None
    deltas = [
        delta
        for chunk in chunks(events)
        for choice in chunk["choices"]
        for delta in choice["delta"].get("tool_calls", ())
    ]
    seen: dict[int, str] = {}
    for delta in deltas:
        if delta["index"] in seen:
            assert delta.keys() == {"index", "function"}
            assert delta["function"].keys() == {"arguments"}
        else:
            assert delta["id"]
            assert delta["type"] == "function"
            assert delta["function"]["name"] == SCENES[scene].calls[len(seen)][0]
        seen[delta["index"]] = seen.get(delta["index"], "") + delta["function"]["arguments"]
    assert list(seen) == list(range(len(SCENES[scene].calls)))
    if house.kind in ("openai", "anthropic"):  # the others tell objects, and so the provider's own writing of them
        assert list(seen.values()) == ["".join(pieces) or "{}" for _, pieces in SCENES[scene].calls]


async def test_usage_is_counted_always_and_shown_on_request(house: House) -> None:
    """checklist 27: Anthropic's and Google's answers in OpenAI's shape."""
    silent, _ = await play(job("cached", True), house.tools.fresh())
    asking, _ = await play(job("cached", True, stream_options={"include_usage": True}), house.tools.fresh())
    assert [chunk for chunk in chunks(silent) if not chunk["choices"]] == []
    assert chunks(asking)[-1]["usage"]["prompt_tokens"] == 100
    assert done(silent).usage == done(asking).usage
    usage = done(silent).usage
    assert (usage.tokens_in, usage.tokens_out, usage.estimated) == (100, 7, False)
    assert usage.tokens_cached == (0 if house.kind == "ollama" else 60)
    assert usage.tokens_written == (30 if house.kind == "anthropic" else 0)
    assert text(silent) == text(asking) == "Grüße from the model."


async def test_thoughts_are_counted(house: House) -> None:
    events, _ = await play(job("thinks", True), house.tools.fresh())
    assert done(events).usage.tokens_reasoning == (0 if house.kind == "ollama" else 6)


# ---- what is asked ----


def conversation(answer: dict[str, Any], model: str) -> Job:
    """A second turn: system, picture, the first turn's tool calls and thoughts, and what the tools answered."""
    calls = answer["tool_calls"]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": [{"type": "text", "text": "What is this, and the weather?"}, picture]},
        answer,
        *({"role": "tool", "tool_call_id": call["id"], "content": f"sunny {i}"} for i, call in enumerate(calls)),
        {"role": "user", "content": "Go on"},
    ]
    return job(
        model,
        messages=messages,
        tools=[TOOL],
        tool_choice="auto",
        temperature=0.5,
        top_p=0.9,
        max_tokens=50,
        stop="END",
    )


@pytest.mark.parametrize(("first", "second"), list(itertools.product(KINDS, KINDS)))
@pytest.mark.parametrize("scene", ["thinks-and-calls", "words-and-tools"])
async def test_a_conversation_goes_on_at_another_provider(
    houses: dict[str, House], scene: str, first: str, second: str
) -> None:
    answer = (await houses[first].ask(job(scene)))["choices"][0]["message"]
    there = houses[second]
    completion = await there.ask(conversation(answer, "gemini-3-x" if second == "gemini" else "groq"))
    assert told(completion) == expected(SCENES["plain"])
    sent = json.dumps(there.sent, ensure_ascii=False)
    for said in ("Be brief.", "Be kind.", "What is this", PIXEL, "sunny 0", "Go on", "END", "The weather in a city"):
        assert said in sent
    assert sent.count("rich ") == len([call for call in answer["tool_calls"] if call["function"]["name"] == "weather"])


async def test_thoughts_and_signatures_come_back_where_they_were(houses: dict[str, House]) -> None:
    for kind, model in (("anthropic", "thinks-and-calls"), ("gemini", "thinks-and-calls")):
        answer = (await houses[kind].ask(job(model)))["choices"][0]["message"]
        await houses[kind].ask(conversation(answer, "gemini-3-x"))
    turn = houses["anthropic"].sent["messages"][1]
    thought = {"type": "thinking", "thinking": "I need a tool", "signature": "sig=="}
    assert turn["content"][:2] == [thought, {"type": "redacted_thinking", "data": "hidden=="}]
    [part] = houses["gemini"].sent["contents"][1]["parts"]
    assert part["thoughtSignature"] == "c2ln"


async def test_a_json_schema_a_stop_and_an_effort_are_understood(house: House) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}
    more: dict[str, Any] = {"reasoning_effort": "low", "temperature": 0.2, "stop": ["END", "STOP"], "seed": 7}
    completion = await house.ask(job("json", response_format=form, **more))
    assert json.loads(completion["choices"][0]["message"]["content"]) == {"city": "Zürich"}
    sent = json.dumps(house.sent)
    for said in ('"city"', "END", "STOP"):
        assert said in sent
    await house.ask(job("json", response_format={"type": "json_object"}))
    assert "json" in json.dumps(house.sent).lower()


@pytest.mark.parametrize("choice", ["none", "auto", "required", {"type": "function", "function": {"name": "weather"}}])
async def test_every_choice_of_tools_is_understood(house: House, choice: Any) -> None:
    await house.ask(job("plain", tools=[TOOL], tool_choice=choice, parallel_tool_calls=False, reasoning_effort="high"))


async def test_a_model_has_its_native_name_and_the_call_the_key_in_a_header(house: House) -> None:
    """checklist 28: a provider of one's own is asked at its own address, for any model."""
    house.tools.learn([Model(name="mine", native="plain")])
    await house.ask(job("mine"))
    call = house.fake.calls[-1]
    assert call.body.get("model", "plain") == "plain"
    assert KEY in "".join(call.headers.values())
    assert KEY not in call.path


# ---- properties ----

WORDS = st.lists(st.text(min_size=1, max_size=6), max_size=4).map(tuple)
ARGUMENTS = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4) | st.none(), max_size=3).map(
    lambda found: (json.dumps(found, ensure_ascii=False),)
)
SOME = st.builds(
    Scene,
    words=WORDS,
    thoughts=WORDS,
    calls=st.lists(st.tuples(st.sampled_from(["weather", "clock"]), ARGUMENTS), max_size=3).map(tuple),
    tokens=st.just((20, 9, 0, 0, 0)),
)


@pytest.mark.parametrize("kind", KINDS)
@given(scene=SOME, data=st.data())
def test_any_answer_is_the_same_streamed_and_whole_wherever_the_network_cuts(
    kind: str, scene: Scene, data: Any
) -> None:
    scene = replace(scene, finish="tool_calls" if scene.calls else "stop")
    module, fake, known = import_module(f"agents.{kind}"), FAKES[kind](key=KEY), tools(kind)
    raw = b"".join(fake.pieces(scene, {"model": "m"}))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=5)))
    reader, events = module.to_reader(job(stream=True, keep=True), known.fresh()), []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        events += reader.feed(raw[start:end])
        assert reader.failed is None
    kept = json.loads(reader.end(None)[-1].body)
    whole = json.loads(
        module.to_result(job(), known.fresh(), json.dumps(fake.reply(scene, {"model": "m"})).encode()).body
    )
    assert told(whole) == expected(scene)
    assert same(kept) == same(whole)
    assert text(events) == "".join(scene.words)
