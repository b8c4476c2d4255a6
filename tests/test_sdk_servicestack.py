"""PyPI's `servicestack` against a running gateway, with the types that this gateway serves."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import requests
import servicestack
from clients_kit import FIVE, Clients, open_clients
from fake_scripts import Script
from gateway_house import until
from media_kit import png
from servicestack import JsonServiceClient, WebServiceException
from servicestack.clients import UploadFile
from test_agents_callbacks import Receiver

from bus.connection import Link

NAME = "served_dtos"
"""The client looks types up in the module that declares them."""


@pytest.fixture
async def clients(nats: Link) -> AsyncIterator[Clients]:
    async with open_clients(nats) as opened:
        yield opened


@pytest.fixture
def dtos(clients: Clients) -> Iterator[Any]:
    """What `/types/python` says, imported."""
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    try:
        yield module
    finally:
        del sys.modules[NAME]


async def play(clients: Clients, dtos: Any, part: Callable[[JsonServiceClient], None]) -> None:
    """One part, as the library's two ways to write addresses have it: `/api/X` and `/json/reply/X`."""

    def both() -> None:
        text = requests.get(f"{clients.url}/types/python", timeout=10).text
        exec(compile(text, f"{NAME}.py", "exec"), dtos.__dict__)
        for path in ("api", ""):
            client = JsonServiceClient(clients.url).set_base_path(path)
            client.bearer_token = clients.house.secret
            part(client)

    await asyncio.to_thread(both)


def refused(send: Callable[[], Any]) -> tuple[int, str, list[str]]:
    """Status, error code and the fields that are wrong."""
    with pytest.raises(WebServiceException) as caught:
        send()
    status = caught.value.response_status
    assert status.message
    return caught.value.status_code, status.error_code, [one.field_name for one in status.errors or []]


async def test_hello_and_a_chat_at_once(clients: Clients, dtos: Any) -> None:
    def part(client: JsonServiceClient) -> None:
        assert client.get(dtos.Hello(name="Ann & Bob, é")).result == "Hello, Ann & Bob, é!"
        assert client.send(dtos.Hello(name="Ann")).result == "Hello, Ann!"
        more = {"max_tokens": 5, "logit_bias": {5: 3}, "stop": ["END"], "temperature": 0.5, "tag": "t"}
        said = client.post(
            chat(dtos, response_format=dtos.OpenAiResponseFormat(dtos.ResponseFormat.JSON_OBJECT), **more)
        )
        assert isinstance(said, dtos.OpenAiChatResponse)
        choice = said.choices[0]
        assert (choice.message.content, choice.finish_reason, said.usage.completion_tokens) == (FIVE, "stop", 5)
        sent = clients.house.fake.calls[-1].body
        assert {name: sent[name] for name in more if name != "tag"} == {
            "max_tokens": 5, "logit_bias": {"5": 3}, "stop": ["END"], "temperature": 0.5,
        }  # fmt: skip
        assert sent["response_format"] == {"type": "json_object"}
        client.bearer_token = None
        client.headers["X-Api-Key"] = clients.house.secret
        assert client.send(chat(dtos)).model == "m"

    await play(clients, dtos, part)


def chat(dtos: Any, model: str = "m", kind: str = "OpenAiChatCompletion", **more: Any) -> Any:
    message = dtos.OpenAiMessage(role="user", content="hi")
    return getattr(dtos, kind)(model=model, messages=[message], **more)


async def test_a_queued_chat_is_waited_for_asked_after_and_called_back(clients: Clients, dtos: Any) -> None:
    async with Receiver() as receiver:

        def part(client: JsonServiceClient) -> None:
            ref = f"r{client.reply_base_url}"
            clients.house.fake.queue(Script("slow", seconds=0.2))
            told = client.send(
                dtos.QueueOpenAiChatCompletion(
                    request=chat(dtos, kind="OpenAiChat"),
                    ref_id=ref,
                    reply_to=f"token@http://127.0.0.1:{receiver.port}/x",
                )
            )
            assert (told.ref_id, told.id > 0) == (ref, True)
            first = client.send(dtos.GetOpenAiChatStatus(job_id=told.id))
            assert first.job_state in (dtos.BackgroundJobState.QUEUED, dtos.BackgroundJobState.STARTED)
            assert first.result is None
            job = client.send(dtos.WaitForOpenAiChat(id=told.id)).result
            assert (job.state, job.ref_id, job.worker) == (dtos.BackgroundJobState.COMPLETED, ref, "words")
            assert job.created_date.tzinfo is not None
            assert client.send(dtos.GetOpenAiChat(ref_id=ref)).result.id == told.id
            done = client.send(dtos.GetOpenAiChatStatus(ref_id=ref))
            assert (done.job_state, done.result.choices[0].message.content) == (job.state, FIVE)
            again = client.get_url(told.status_url, dtos.GetOpenAiChatStatusResponse)
            assert again.job_id == told.id

        await play(clients, dtos, part)
        await until(lambda: len(receiver.seen) == 2)
        for method, path, headers, body in receiver.seen:
            assert (method, path, headers["authorization"]) == ("POST", "/x", "Bearer token")
            assert json.loads(body)["choices"][0]["message"]["content"] == FIVE


async def test_pictures_are_made_and_uploads_changed(clients: Clients, dtos: Any) -> None:
    def upload(field: str | None = "image") -> UploadFile:
        return UploadFile(field, "my picture.png", "image/png", io.BytesIO(png(8, 4)))

    def part(client: JsonServiceClient) -> None:
        made = client.post(dtos.TextToImage(positive_prompt="a cat", width=64, height=64, batch_size=2))
        assert made.duration.total_seconds() >= 0
        assert [one.provider for one in made.results] == ["studio", "studio"]
        assert requests.get(made.results[0].url, timeout=10).content in clients.studio.made
        for file in (upload(), upload(None)):  # without a name of its own the library says `upload`
            scaled = client.post_file_with_request(dtos.ScaleImage(width=4), file)
            assert requests.get(scaled.results[0].url, timeout=10).content[16:24] == b"\0\0\0\4\0\0\0\2"
        marked = dtos.WatermarkImage(position=dtos.WatermarkPosition.BOTTOM_LEFT, opacity=0.5)
        assert client.post_files_with_request(marked, [upload(), upload("watermark")]).results
        told = client.post_file_with_request(
            dtos.QueueConvertImage(output_format=dtos.ImageOutputFormat.WEBP, ref_id=client.reply_base_url), upload()
        )
        assert told.ref_id == client.reply_base_url
        status = client.send(dtos.GetArtifactGenerationStatus(job_id=told.job_id))
        while status.job_state != dtos.BackgroundJobState.COMPLETED:
            status = client.send(dtos.GetArtifactGenerationStatus(ref_id=told.ref_id))
        assert status.results[0].file_name == "my picture.webp"
        assert requests.get(status.results[0].url, timeout=10).content[8:12] == b"WEBP"
        with pytest.raises(requests.HTTPError) as caught:  # the library's own way, for files alone
            client.post_file_with_request(dtos.ScaleImage(), upload())
        assert caught.value.response.json()["responseStatus"]["errors"][0]["fieldName"] == "width"

    async with asyncio.timeout(30):
        await play(clients, dtos, part)


async def test_lists_are_paged_ordered_and_filtered(clients: Clients, dtos: Any) -> None:
    def part(client: JsonServiceClient) -> None:
        every = client.send(dtos.QueryAiModels(order_by="id"))
        assert (every.offset, every.total >= len(every.results) > 10) == (0, True)
        page = client.send(dtos.QueryAiModels(order_by="id", skip=2, take=3, include="total"))
        assert [one.id for one in page.results] == [one.id for one in every.results[2:5]]
        assert (page.offset, page.total) == (2, every.total)
        last = client.send(dtos.QueryAiModels(order_by_desc="id", take=1, fields="id"))
        assert (last.results[0].id, last.results[0].tags) == (every.results[-1].id, None)
        some = client.get(dtos.QueryAiModels(order_by="id"), args={"idStartsWith": "llama"})
        assert [one.id for one in some.results] == [one.id for one in every.results if one.id.startswith("llama")]
        assert "m" in client.send(dtos.ActiveAiModels()).results
        kind = dtos.AiProviderType.OPEN_AI_PROVIDER
        assert "m" in client.send(dtos.ActiveAiModels(provider=kind, vision=False)).results
        assert client.send(dtos.ActiveMediaModels()).results[0].key == "painter"

    await play(clients, dtos, part)


async def test_what_is_wrong_is_told_with_its_field(clients: Clients, dtos: Any) -> None:
    def part(client: JsonServiceClient) -> None:
        null, empty = (400, "ArgumentNullException"), (400, "NotEmpty")
        for request, wanted in (
            (dtos.OpenAiChatCompletion(model="m"), (*null, ["messages"])),
            (dtos.QueueOpenAiChatCompletion(), (*null, ["request"])),
            (dtos.TextToImage(), (*empty, ["positivePrompt"])),
            (chat(dtos, "nope"), (404, "NotFound", ["model"])),
            (dtos.GetOpenAiChatStatus(job_id=1), (404, "NotFound", [])),
            (dtos.DeleteAiProvider(id=1), (403, "Forbidden", [])),
        ):
            assert refused(lambda request=request: client.send(request)) == wanted, request
        for key in ("wrong", None):
            client.bearer_token = key
            assert refused(lambda: client.send(chat(dtos)))[:2] == (401, "Unauthorized")

    await play(clients, dtos, part)


async def test_batches_and_one_way(clients: Clients, dtos: Any) -> None:
    def part(client: JsonServiceClient) -> None:
        told = client.send_all([dtos.Hello(name=name) for name in "abc"])
        assert [one.result for one in told] == ["Hello, a!", "Hello, b!", "Hello, c!"]
        assert [one.choices[0].message.content for one in client.send_all([chat(dtos)] * 3)] == [FIVE] * 3
        assert len(client.send_all([dtos.ActiveAiModels(), dtos.ActiveAiModels(vision=False)])) == 2
        assert refused(lambda: client.send_all([chat(dtos), chat(dtos, "nope")]))[:2] == (404, "NotFound")
        # At /api the library reads the answers all the same and gives them away; /json/oneway has none.
        assert client.send_all_oneway([chat(dtos, ref_id=f"{client.oneway_base_url}{n}") for n in range(2)]) is None

    await play(clients, dtos, part)
    for path in ("json/oneway", "api"):

        async def heard(path: str = path) -> bool:
            ref = f"{clients.url}/{path}/1"
            _, _, told = await clients.house.get("/api/GetOpenAiChatStatus", params={"refId": ref})
            return bool(told.get("jobState") == "Completed")

        await until(heard)


async def test_an_administrator_manages_providers_and_sees_no_secret(clients: Clients, dtos: Any) -> None:
    def part(client: JsonServiceClient) -> None:
        client.bearer_token = clients.boss
        model = dtos.AiProviderModel(model="x")
        asked = dtos.CreateAiProvider(
            name="made", ai_type_id="Open AI", api_base_url="http://127.0.0.1:9", api_key="sk-secret", models=[model]
        )
        made = int(client.send(asked).id)
        try:
            client.send(dtos.UpdateAiProvider(id=made, concurrency=3))
            row = next(one for one in client.send(dtos.QueryAiProviders(name="made")).results if one.id == made)
            assert (row.concurrency, row.enabled, "secret" in str(row)) == (3, False, False)
            assert row.ai_type_id == "Open AI"
        finally:
            assert client.send(dtos.DeleteAiProvider(id=made)) is None
        assert client.send(dtos.AdminQueryApiKeys()).results
        anything = servicestack.from_json(
            dtos.AdminDatabaseResponse, '{"results": [{"a": 1, "b": [null, {"c": "d"}]}]}'
        )
        assert anything.results == [{"a": 1, "b": [None, {"c": "d"}]}]

    await play(clients, dtos, part)
