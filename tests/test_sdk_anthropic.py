"""Anthropic's own SDK against a running gateway whose provider speaks OpenAI's dialect, and one that speaks Anthropic's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from conform_kit import PIXEL
from fake_anthropic import FakeAnthropic
from fake_scripts import ARGUMENTS
from gateway_house import House, agent_of, open_house, until

from ops.embedded import EmbeddedNats
from schemas.provider import Model, Provider

FIVE = "w0 w1 w2 w3 w4"
HI: Any = [{"role": "user", "content": "hi"}]
TOOL: Any = {"name": "f0", "description": "d", "input_schema": {"type": "object", "properties": {}}}
CALLED = {"city": 'Zürich "1"', "n": 1e3}


class Open(FakeAnthropic):
    """A provider that wants no key."""

    def authorised(self, headers: dict[str, str]) -> None:
        return None


@pytest.fixture
async def house(server: EmbeddedNats) -> AsyncIterator[House]:
    async with open_house(server.link) as opened:
        yield opened


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=house.url, api_key=house.secret, max_retries=0) as client:
        yield client


async def test_the_sync_client_asks_streams_counts_and_lists(house: House) -> None:
    def play() -> None:
        with anthropic.Anthropic(base_url=house.url, api_key=house.secret, max_retries=0) as client:
            message = client.messages.create(model="m", max_tokens=9, messages=HI)
            assert [(block.type, block.text) for block in message.content if block.type == "text"] == [("text", FIVE)]
            assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 5)
            with client.messages.stream(model="m", max_tokens=9, messages=HI, system="be kind") as stream:
                assert "".join(stream.text_stream) == FIVE
                last = stream.get_final_message()
            assert (last.stop_reason, last.usage.output_tokens, last.model) == ("end_turn", 5, "m")
            assert last.usage.input_tokens > 0
            assert client.messages.count_tokens(model="m", messages=HI).input_tokens > 0
            assert "m" in [model.id for model in client.models.list()]
            assert client.models.retrieve("m").type == "model"

    await asyncio.to_thread(play)
    assert house.fake.calls[-1].body["messages"][0] == {"role": "system", "content": "be kind"}


async def test_tools_are_called_in_parallel_whole_and_streamed(house: House, sdk: anthropic.AsyncAnthropic) -> None:
    house.fake.queue("tools", "tools", "empty")
    message = await sdk.messages.create(model="m", max_tokens=9, messages=HI, tools=[TOOL])
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(one.id, one.name, one.input) for one in calls] == [("call_0", "f0", CALLED), ("call_1", "f1", CALLED)]
    assert message.stop_reason == "tool_use"
    async with sdk.messages.stream(model="m", max_tokens=9, messages=HI, tools=[TOOL]) as stream:
        told: Any = [event async for event in stream]
        last = await stream.get_final_message()
    assert message.content == last.content
    assert [event.partial_json for event in told if event.type == "input_json"] == ARGUMENTS * 2
    results: Any = [{"type": "tool_result", "tool_use_id": one.id, "content": "ok"} for one in calls]
    turns: Any = [*HI, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    await sdk.messages.create(model="m", max_tokens=9, messages=turns, tools=[TOOL])
    sent = house.fake.calls[-1].body["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "tool", "tool"]
    assert sent[3]["tool_call_id"] == "call_1"


async def test_pictures_reach_the_provider(house: House, sdk: anthropic.AsyncAnthropic) -> None:
    source: Any = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts: Any = [{"type": "image", "source": source}, {"type": "text", "text": "see"}]
    await sdk.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": parts}])
    url = f"data:image/png;base64,{PIXEL}"
    assert {"type": "image_url", "image_url": {"url": url}} == house.fake.calls[-1].body["messages"][0]["content"][0]


@pytest.mark.parametrize(
    ("model", "kind", "name"),
    [
        ("none", anthropic.NotFoundError, "not_found_error"),
        ("429-date", anthropic.RateLimitError, "rate_limit_error"),
        ("500", anthropic.InternalServerError, "api_error"),
        ("413", anthropic.APIStatusError, "request_too_large"),
    ],
)
async def test_errors_are_the_classes_their_users_catch(
    sdk: anthropic.AsyncAnthropic, model: str, kind: Any, name: str
) -> None:
    for stream in (False, True):
        with pytest.raises(kind) as caught:
            await sdk.messages.create(model=model, max_tokens=9, messages=HI, stream=stream)
        body: Any = caught.value.body
        assert ("error", name) == (body["type"], body["error"]["type"])
        assert caught.value.request_id


async def test_a_wrong_key_and_a_wrong_field_are_said_in_their_words(
    house: House, sdk: anthropic.AsyncAnthropic
) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        await sdk.with_options(api_key="sk-nobody").messages.create(model="m", max_tokens=9, messages=HI)
    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.messages.create(model="m", max_tokens=9, messages=HI, stop_sequences=5)  # type: ignore[arg-type]
    assert "stop_sequences" in str(caught.value)


async def test_a_message_that_breaks_raises_in_the_middle(sdk: anthropic.AsyncAnthropic) -> None:
    heard: list[str] = []

    async def listen() -> None:
        async with sdk.messages.stream(model="cut", max_tokens=9, messages=HI) as stream:
            async for piece in stream.text_stream:
                heard.append(piece)  # noqa: PERF401  (what came before the break counts)

    with pytest.raises(anthropic.APIStatusError) as caught:
        await listen()
    assert "".join(heard) == "w0 w1"
    assert "broke off" in str(caught.value)


async def test_thinking_comes_back_byte_for_byte(
    server: EmbeddedNats, house: House, sdk: anthropic.AsyncAnthropic
) -> None:
    async with Open() as fake:
        names = ("thinks", "thinks-and-calls")
        one = Provider(
            name="claude", kind="anthropic", base_url=fake.url, discover=False,
            models=tuple(Model(name=name) for name in names),
        )  # fmt: skip
        async with agent_of(server.link, one):
            await until(lambda: _knows(sdk, names[0]))
            for name in names:
                thinking: Any = {"type": "enabled", "budget_tokens": 1024}
                ask: dict[str, Any] = {
                    "model": name,
                    "max_tokens": 2000,
                    "messages": HI,
                    "thinking": thinking,
                    "tools": [TOOL],
                }
                message = await sdk.messages.create(**ask)
                async with sdk.messages.stream(**ask) as stream:
                    streamed = await stream.get_final_message()
                assert [block.to_dict() for block in message.content] == [block.to_dict() for block in streamed.content]
                first: Any = message.content[0]
                assert first.type == "thinking"
                assert first.signature
                results: Any = [
                    {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
                    for block in message.content
                    if block.type == "tool_use"
                ]
                turns: Any = [*HI, {"role": "assistant", "content": message.content}]
                turns.append({"role": "user", "content": results or "go on"})
                await sdk.messages.create(**{**ask, "messages": turns})
                sent = fake.calls[-1].body["messages"][1]["content"][0]
                assert (first.thinking, first.signature) == (sent["thinking"], sent["signature"])


async def _knows(sdk: anthropic.AsyncAnthropic, name: str) -> bool:
    return name in [model.id async for model in sdk.models.list()]
