"""Google's own SDK against a running gateway."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from conform_kit import PIXEL
from fake_openai import FakeOpenAI
from gateway_house import House, agent_of, open_house, until
from google import genai
from google.genai import errors, types

from ops.embedded import EmbeddedNats
from schemas.provider import Model, Provider

FIVE = "w0 w1 w2 w3 w4"
CALLED = {"city": 'Zürich "1"', "n": 1e3}


class Open(FakeOpenAI):
    """A provider that wants no key."""

    def authorised(self, headers: dict[str, str]) -> None:
        return None


@pytest.fixture
async def house(server: EmbeddedNats) -> AsyncIterator[House]:
    async with open_house(server.link) as opened:
        yield opened


def client(house: House, key: str = "", version: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=house.url, api_version=version)
    return genai.Client(api_key=key or house.secret, http_options=options)


def tool(*names: str) -> Any:
    schema = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    declared = [types.FunctionDeclaration(name=name, description="d", parameters=schema) for name in names]
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)], automatic_function_calling=off
    )


@pytest.mark.parametrize("version", [None, "v1beta"])
async def test_the_sync_client_generates_streams_counts_and_lists(house: House, version: str | None) -> None:
    def play() -> None:
        sdk = client(house, version=version)
        config = types.GenerateContentConfig(system_instruction="be kind", temperature=0.5, max_output_tokens=9)
        answer = sdk.models.generate_content(model="m", contents="hi", config=config)
        assert answer.usage_metadata is not None
        assert answer.candidates is not None
        assert (answer.text, answer.usage_metadata.candidates_token_count) == (FIVE, 5)
        assert answer.candidates[0].finish_reason == types.FinishReason.STOP
        told = list(sdk.models.generate_content_stream(model="m", contents="hi"))
        assert "".join(part.text or "" for part in told) == FIVE
        assert told[-1].usage_metadata is not None
        assert told[-1].usage_metadata.candidates_token_count == 5
        assert sdk.models.count_tokens(model="m", contents="hi").total_tokens
        assert "models/m" in [model.name for model in sdk.models.list()]
        assert sdk.models.get(model="m").name == "models/m"

    await asyncio.to_thread(play)
    sent = house.fake.calls[0].body
    assert (sent["messages"][0], sent["temperature"], sent["max_tokens"]) == (
        {"role": "system", "content": "be kind"},
        0.5,
        9,
    )


async def test_functions_are_called_in_parallel_whole_and_streamed(house: House) -> None:
    house.fake.queue("tools", "tools", "empty")
    sdk = client(house).aio
    whole = await sdk.models.generate_content(model="m", contents="hi", config=tool("f0", "f1"))
    calls = whole.function_calls or []
    assert [(call.name, call.args) for call in calls] == [("f0", CALLED), ("f1", CALLED)]
    stream = await sdk.models.generate_content_stream(model="m", contents="hi", config=tool("f0", "f1"))
    streamed = [call async for part in stream for call in part.function_calls or ()]
    assert calls == streamed
    assert whole.candidates is not None
    answers = [types.Part.from_function_response(name=str(call.name), response={"result": "ok"}) for call in calls]
    said: Any = [types.Content(role="user", parts=[types.Part(text="hi")]), whole.candidates[0].content]
    said.append(types.Content(role="user", parts=answers))
    await sdk.models.generate_content(model="m", contents=said, config=tool("f0", "f1"))
    sent = house.fake.calls[-1].body
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "tool"]
    assert [message["tool_call_id"] for message in sent["messages"][2:]] == ["call_0", "call_1"]
    assert sent["tools"][0]["function"]["parameters"]["type"] == "object"


async def test_pictures_and_schemas_reach_the_provider(house: House) -> None:
    picture = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=types.Schema(type=types.Type.OBJECT, nullable=True)
    )
    await client(house).aio.models.generate_content(model="m", contents=["see", picture], config=config)
    sent = house.fake.calls[-1].body
    assert f"data:image/png;base64,{PIXEL}" == sent["messages"][0]["content"][1]["image_url"]["url"]
    assert sent["response_format"]["json_schema"]["schema"] == {"type": ["object", "null"]}


@pytest.mark.parametrize(
    ("model", "status", "word"),
    [
        ("none", 404, "NOT_FOUND"),
        ("429-date", 429, "RESOURCE_EXHAUSTED"),
        ("500", 502, "INTERNAL"),
    ],
)
async def test_errors_are_what_their_users_catch(house: House, model: str, status: int, word: str) -> None:
    sdk = client(house).aio
    with pytest.raises(errors.APIError) as caught:
        await sdk.models.generate_content(model=model, contents="hi")
    assert (status, word) == (caught.value.code, caught.value.status)
    with pytest.raises(errors.APIError) as caught:
        async for _ in await sdk.models.generate_content_stream(model=model, contents="hi"):
            pass
    assert (status, word) == (caught.value.code, caught.value.status)


async def test_a_stream_that_breaks_raises_in_the_middle(house: House) -> None:
    heard: list[str] = []

    async def listen() -> None:
        async for part in await client(house).aio.models.generate_content_stream(model="cut", contents="hi"):
            heard.append(part.text or "")  # noqa: PERF401  (what came before the break counts)

    with pytest.raises(errors.APIError, match="broke off"):
        await listen()
    assert "".join(heard) == "w0 w1"


async def test_a_wrong_key_is_refused_and_a_key_in_the_url_is_taken(house: House) -> None:
    with pytest.raises(errors.ClientError) as caught:
        await client(house, key="sk-nobody").aio.models.generate_content(model="m", contents="hi")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    url = f"{house.url}/v1beta/models/m:generateContent?key={house.secret}"
    async with house.http.post(url, json=body) as reply:
        assert reply.status == 200
        job = reply.headers["x-job-id"]
    assert house.secret not in str(await house.row(job))


async def test_without_alt_sse_a_stream_is_one_array(house: House) -> None:
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    for model, last in (("m", "usageMetadata"), ("cut", "error")):
        url = f"{house.url}/v1beta/models/{model}:streamGenerateContent"
        async with house.http.post(url, json=body, headers={"x-goog-api-key": house.secret}) as reply:
            told = json.loads(await reply.text())
        assert last in told[-1]
        assert told[0]["candidates"][0]["content"]["parts"][0]["text"] == "w0"


async def test_texts_become_vectors_under_a_name_with_slashes_and_colons(server: EmbeddedNats, house: House) -> None:
    name = "org/embed:latest"
    async with Open() as fake:
        one = Provider(
            name="vectors", kind="openai", base_url=fake.url, discover=False,
            models=(Model(name=name, op="embeddings", native="e"), Model(name="org/chat:7b", native="plain")),
        )  # fmt: skip
        async with agent_of(server.link, one):
            sdk = client(house).aio
            await until(lambda: _knows(house, name))
            many = await sdk.models.embed_content(model=f"models/{name}", contents=["a", "b"])
            assert len(many.embeddings or []) == 2
            assert (many.embeddings or [])[0].values
            answer = await sdk.models.generate_content(model="models/org/chat:7b", contents="hi")
            assert answer.text == "Grüße from the model."


async def _knows(house: House, name: str) -> bool:
    return name in [model["id"] for model in (await house.get("/v1/models"))[2]["data"]]
