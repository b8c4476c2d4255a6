"""OpenAI's own SDK against a running gateway: completions, responses with all they can, embeddings, models."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from conform_kit import PIXEL
from fake_openai import FakeOpenAI
from fake_scripts import ARGUMENTS, Script
from gateway_house import House, agent_of, open_house, until

from ops.embedded import EmbeddedNats
from schemas.provider import Model, Provider

FIVE = "w0 w1 w2 w3 w4"
FUNCTION: Any = {"type": "function", "name": "f0", "parameters": {"type": "object", "properties": {}}, "strict": False}


class Open(FakeOpenAI):
    """A provider that wants no key."""

    def authorised(self, headers: dict[str, str]) -> None:
        return None


@pytest.fixture
async def house(server: EmbeddedNats) -> AsyncIterator[House]:
    async with open_house(server.link) as opened:
        yield opened


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.secret, max_retries=0) as client:
        yield client


async def test_the_sync_client_chats_completes_and_responds(house: House) -> None:
    def play() -> None:
        with openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.secret, max_retries=0) as client:
            chat = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
            assert chat.choices[0].message.content == FIVE
            old = client.completions.create(model="m", prompt="hi")
            assert (old.choices[0].text, old.choices[0].finish_reason) == (FIVE, "stop")
            pieces = client.completions.create(
                model="m", prompt="hi", stream=True, stream_options={"include_usage": True}
            )
            told = list(pieces)
            assert "".join(choice.text for chunk in told for choice in chunk.choices) == FIVE
            assert told[-1].usage is not None
            assert told[-1].usage.completion_tokens == 5
            response = client.responses.create(model="m", input="hi")
            assert (response.output_text, response.status) == (FIVE, "completed")
            with client.responses.stream(model="m", input="hi") as stream:
                for _ in stream:
                    pass
                assert stream.get_final_response().output_text == FIVE
            assert "m" in [model.id for model in client.models.list()]

    await asyncio.to_thread(play)


async def test_a_response_streams_the_full_sequence_of_events(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.responses.create(model="m", input="hi", stream=True, instructions="be kind")
    told = [event async for event in stream]
    assert list(range(len(told))) == [event.sequence_number for event in told]
    types = [event.type for event in told]
    assert [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        *["response.output_text.delta"] * 5, "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed",
    ] == types  # fmt: skip
    last: Any = told[-1]
    assert (last.response.output_text, last.response.instructions) == (FIVE, "be kind")
    assert last.response.usage.output_tokens == 5
    assert last.response.usage.total_tokens == last.response.usage.input_tokens + 5


async def test_responses_call_tools_in_parallel_and_take_their_results(house: House, sdk: openai.AsyncOpenAI) -> None:
    house.fake.queue("tools", "tools", "empty")
    first = await sdk.responses.create(model="m", input="hi", tools=[FUNCTION])
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.call_id, call.name) for call in calls] == [("call_0", "f0"), ("call_1", "f1")]
    async with sdk.responses.stream(model="m", input="hi", tools=[FUNCTION]) as stream:
        streamed = [item async for item in stream]
        again = await stream.get_final_response()
    assert ["".join(ARGUMENTS)] * 2 == [item.arguments for item in again.output if item.type == "function_call"]
    deltas = [event.delta for event in streamed if event.type == "response.function_call_arguments.delta"]
    assert "".join(ARGUMENTS) * 2 == "".join(deltas)
    results: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "ok"} for call in calls]
    await sdk.responses.create(model="m", input=results, previous_response_id=first.id)
    sent = house.fake.calls[-1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert "".join(ARGUMENTS) == sent[1]["tool_calls"][0]["function"]["arguments"]


async def test_a_stored_response_is_gone_on_from_read_again_and_deleted(house: House, sdk: openai.AsyncOpenAI) -> None:
    first = await sdk.responses.create(model="m", input="one", instructions="be kind", metadata={"a": "b"})
    second = await sdk.responses.create(model="m", input="two", instructions="be brief", previous_response_id=first.id)
    sent = [(message["role"], message["content"]) for message in house.fake.calls[-1].body["messages"]]
    assert sent == [("system", "be brief"), ("user", "one"), ("assistant", FIVE), ("user", "two")]
    stream = await sdk.responses.create(model="m", input="three", previous_response_id=second.id, stream=True)
    last: Any = [event async for event in stream][-1]
    assert len(house.fake.calls[-1].body["messages"]) == 5
    assert last.response == await sdk.responses.retrieve(last.response.id)
    assert first == await sdk.responses.retrieve(first.id)
    assert (first.metadata, first.instructions) == ({"a": "b"}, "be kind")
    await sdk.responses.delete(first.id)
    for wanted in (first.id, "resp_5", "nonsense"):
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(wanted)
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.responses.create(model="m", input="x", previous_response_id=first.id)
    assert caught.value.param == "previous_response_id"


async def test_what_is_not_to_be_stored_is_not(sdk: openai.AsyncOpenAI) -> None:
    response = await sdk.responses.create(model="m", input="hi", store=False)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(response.id)


async def test_another_keys_response_does_not_exist(house: House, sdk: openai.AsyncOpenAI) -> None:
    response = await sdk.responses.create(model="m", input="hi")
    with pytest.raises(openai.NotFoundError):
        await sdk.with_options(api_key=house.other).responses.retrieve(response.id)


async def test_a_background_response_is_polled_streamed_from_anywhere_and_cancelled(
    house: House, sdk: openai.AsyncOpenAI
) -> None:
    begun = await sdk.responses.create(model="m", input="hi", background=True)
    assert (begun.status, begun.background) == ("queued", True)

    async def ended() -> Any:
        found = await sdk.responses.retrieve(begun.id)
        return found if found.status == "completed" else None

    assert (await until(ended)).output_text == FIVE

    stream = await sdk.responses.create(model="m", input="hi", background=True, stream=True)
    told: list[Any] = [event async for event in stream]
    name = told[0].response.id
    assert (told[0].type, told[-1].type) == ("response.created", "response.completed")
    for after in (0, 4, len(told) - 2):
        again = await sdk.responses.retrieve(name, stream=True, starting_after=after)
        assert told[after + 1 :] == [event async for event in again]

    house.fake.queue(Script("slow", seconds=20))
    slow = await sdk.responses.create(model="m", input="hi", background=True)
    await until(lambda: house.fake.calls[-1].script == "slow")
    assert (await sdk.responses.retrieve(slow.id)).status == "in_progress"
    assert (await sdk.responses.cancel(slow.id)).status == "cancelled"
    await until(lambda: house.fake.calls[-1].outcome == "aborted")


async def test_pictures_and_schemas_reach_the_provider(house: House, sdk: openai.AsyncOpenAI) -> None:
    url = f"data:image/png;base64,{PIXEL}"
    parts: Any = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": url, "detail": "low"}]
    form: Any = {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}
    await sdk.responses.create(
        model="m", input=[{"role": "user", "content": parts}], text=form, reasoning={"effort": "low"}
    )
    sent = house.fake.calls[-1].body
    assert {"type": "image_url", "image_url": {"url": url, "detail": "low"}} == sent["messages"][0]["content"][1]
    assert (sent["response_format"]["type"], sent["reasoning_effort"]) == ("json_schema", "low")


@pytest.mark.parametrize(
    ("model", "kind"),
    [("none", openai.NotFoundError), ("429-date", openai.RateLimitError), ("500", openai.InternalServerError)],
)
async def test_errors_are_the_classes_their_users_catch(sdk: openai.AsyncOpenAI, model: str, kind: Any) -> None:
    for ask in (
        sdk.responses.create(model=model, input="hi"),
        sdk.responses.create(model=model, input="hi", stream=True),
        sdk.completions.create(model=model, prompt="hi"),
    ):
        with pytest.raises(kind):
            await ask  # type: ignore[misc]


async def test_a_response_that_breaks_fails_in_the_stream(sdk: openai.AsyncOpenAI) -> None:
    told: list[Any] = [event async for event in await sdk.responses.create(model="cut", input="hi", stream=True)]
    assert [event.type for event in told[-2:]] == ["error", "response.failed"]
    assert told[-1].response.status == "failed"
    assert told[-1].response.error.message


async def test_embeddings_come_as_numbers(server: EmbeddedNats, house: House, sdk: openai.AsyncOpenAI) -> None:
    async with Open() as fake:
        one = Provider(
            name="vectors", kind="openai", base_url=fake.url, discover=False, models=(Model(name="e", op="embeddings"),)
        )
        async with agent_of(server.link, one):
            await until(lambda: _knows(sdk, "e"))
            plain = await sdk.embeddings.create(model="e", input=["a", "b"], encoding_format="float")
            packed = await sdk.embeddings.create(model="e", input=["a", "b"])
    for row, other in zip(plain.data, packed.data, strict=True):
        assert pytest.approx(row.embedding) == other.embedding


async def _knows(sdk: openai.AsyncOpenAI, name: str) -> bool:
    return name in [model.id for model in (await sdk.models.list()).data]
