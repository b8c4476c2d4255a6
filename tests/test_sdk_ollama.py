"""Ollama's own client against a running gateway."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ollama
import pytest
from conform_kit import PIXEL
from fake_openai import FakeOpenAI
from gateway_house import House, agent_of, open_house, until

from ops.embedded import EmbeddedNats
from schemas.provider import Model, Provider

FIVE = "w0 w1 w2 w3 w4"
HI: Any = [{"role": "user", "content": "hi"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "f0", "description": "d", "parameters": {"type": "object", "properties": {}}},
}
CALLED = {"city": 'Zürich "1"', "n": 1e3}


class Open(FakeOpenAI):
    """A provider that wants no key."""

    def authorised(self, headers: dict[str, str]) -> None:
        return None


@pytest.fixture
async def house(server: EmbeddedNats) -> AsyncIterator[House]:
    async with open_house(server.link) as opened:
        yield opened


@pytest.fixture
def sdk(house: House) -> ollama.AsyncClient:
    return ollama.AsyncClient(house.url, headers={"Authorization": f"Bearer {house.secret}"})


async def test_the_sync_client_chats_generates_and_looks_around(house: House) -> None:
    def play() -> None:
        client = ollama.Client(house.url, headers={"Authorization": f"Bearer {house.secret}"})
        chat = client.chat(model="m", messages=HI, options={"temperature": 0.5, "num_ctx": 4096})
        assert (chat.message.content, chat.done, chat.done_reason, chat.eval_count) == (FIVE, True, "stop", 5)
        assert chat.total_duration
        told = list(client.chat(model="m", messages=HI, stream=True))
        assert "".join(part.message.content or "" for part in told) == FIVE
        assert (told[-1].done, told[-1].eval_count) == (True, 5)
        assert client.generate(model="m", prompt="hi", system="be kind").response == FIVE
        pieces = list(client.generate(model="m", prompt="hi", stream=True))
        assert "".join(part.response or "" for part in pieces) == FIVE
        assert "m" in [model.model for model in client.list().models]
        assert "completion" in (client.show("m").capabilities or [])
        assert "m" in [model.model for model in client.ps().models]
        assert client.generate(model="m").done_reason == "load"

    await asyncio.to_thread(play)
    sent = house.fake.calls[0].body
    assert (sent["temperature"], sent.get("native")) == (0.5, None)


async def test_tools_are_called_in_parallel_whole_and_streamed(house: House, sdk: ollama.AsyncClient) -> None:
    house.fake.queue("tools", "tools", "empty")
    whole = await sdk.chat(model="m", messages=HI, tools=[TOOL])
    calls = [(call.function.name, call.function.arguments) for call in whole.message.tool_calls or ()]
    assert calls == [("f0", CALLED), ("f1", CALLED)]
    told = [part async for part in await sdk.chat(model="m", messages=HI, tools=[TOOL], stream=True)]
    streamed = [call for part in told for call in part.message.tool_calls or ()]
    assert list(whole.message.tool_calls or ()) == streamed
    results = [{"role": "tool", "tool_name": name, "content": "ok"} for name, _ in reversed(calls)]
    await sdk.chat(model="m", messages=[*HI, whole.message, *results], tools=[TOOL])
    sent = house.fake.calls[-1].body["messages"]
    ids = [call["id"] for call in sent[1]["tool_calls"]]
    assert list(reversed(ids)) == [message["tool_call_id"] for message in sent[2:]]


async def test_pictures_and_schemas_reach_the_provider(house: House, sdk: ollama.AsyncClient) -> None:
    message: Any = {"role": "user", "content": "see", "images": [PIXEL]}
    await sdk.chat(model="m", messages=[message], format={"type": "object"}, think="low")
    sent = house.fake.calls[-1].body
    assert f"data:image/png;base64,{PIXEL}" == sent["messages"][0]["content"][1]["image_url"]["url"]
    assert (sent["response_format"]["json_schema"]["schema"], sent["reasoning_effort"]) == ({"type": "object"}, "low")


@pytest.mark.parametrize(("model", "status"), [("none", 404), ("429-date", 429), ("500", 502), ("html", 502)])
async def test_errors_are_what_their_users_catch(sdk: ollama.AsyncClient, model: str, status: int) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        await sdk.chat(model=model, messages=HI)
    assert status == caught.value.status_code
    with pytest.raises(ollama.ResponseError) as caught:
        async for _ in await sdk.chat(model=model, messages=HI, stream=True):
            pass
    assert (status, True) == (caught.value.status_code, bool(caught.value.error))


async def test_a_chat_that_breaks_raises_in_the_middle(sdk: ollama.AsyncClient) -> None:
    heard: list[str] = []

    async def listen() -> None:
        async for part in await sdk.chat(model="cut", messages=HI, stream=True):
            heard.append(part.message.content or "")  # noqa: PERF401  (what came before the break counts)

    with pytest.raises(ollama.ResponseError, match="broke off"):
        await listen()
    assert "".join(heard) == "w0 w1"


async def test_texts_become_vectors(server: EmbeddedNats, sdk: ollama.AsyncClient) -> None:
    async with Open() as fake:
        one = Provider(
            name="vectors", kind="openai", base_url=fake.url, discover=False, models=(Model(name="e", op="embeddings"),)
        )
        async with agent_of(server.link, one):
            await until(lambda: _knows(sdk, "e"))
            many = await sdk.embed(model="e", input=["a", "b"])
            old = await sdk.embeddings(model="e", prompt="a")
    assert (2, list(many.embeddings[0])) == (len(many.embeddings), list(old.embedding))


async def _knows(sdk: ollama.AsyncClient, name: str) -> bool:
    return name in [model.model for model in (await sdk.list()).models]
