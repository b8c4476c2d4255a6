"""Published clients of the AI Server dialect as they really write: byte by byte what their libraries send, without them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from clients_kit import Clients, open_clients
from gateway_house import until
from media_kit import form, png
from test_agents_callbacks import Receiver
from yarl import URL

from bus.connection import Link
from gateway.aiserver.convert import bound
from schemas.dtos.media import TextToImage
from schemas.dtos.transforms import ConvertAudio, ConvertImage
from schemas.problem import FieldFault

PYTHON = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "python-requests/2.32.0"}


@pytest.fixture
async def clients(nats: Link) -> AsyncIterator[Clients]:
    async with open_clients(nats) as opened:
        yield opened


async def ask(clients: Clients, method: str, path: str, by: str = "", **more: Any) -> tuple[int, Any, bytes]:
    """Status, headers in lower case and bytes; the path goes out as it is written."""
    headers = {"Authorization": f"Bearer {by or clients.house.secret}", **more.pop("headers", {})}
    url = URL(clients.url + path, encoded=True)
    async with clients.house.http.request(method, url, headers=headers, **more) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


def test_enums_are_read_as_python_writes_them_into_a_form() -> None:
    """`str()` of the members that the reference's generator declares, and of newer ones."""
    for kind, field, said, wanted in (
        (ConvertAudio, "outputFormat", "AudioFormat.M_P3", "mp3"),
        (ConvertAudio, "outputFormat", "AudioFormat.WAV", "wav"),
        (ConvertAudio, "outputFormat", "MP3", "mp3"),
        (ConvertImage, "outputFormat", "ImageOutputFormat.WEBP", "webp"),
    ):
        found: list[FieldFault] = []
        dto = bound(kind, {field: said}, found)
        assert (dto.output_format.value, found) == (wanted, []), said
    for said in ("OtherFormat.WAV", "AudioFormat.", ".WAV", "AudioFormat.WAV.WAV", "AudioFormat.NOPE"):
        found = []
        bound(ConvertAudio, {"outputFormat": said}, found)
        assert [fault.field for fault in found] == ["outputFormat"], said


def test_names_are_bound_in_every_case_that_a_generator_makes_of_them() -> None:
    for names in (("positivePrompt", "batchSize"), ("PositivePrompt", "BatchSize"), ("positive_prompt", "batch_size")):
        found: list[FieldFault] = []
        dto = bound(TextToImage, dict(zip(names, ("a cat", "2"), strict=True)), found)
        assert (dto.positive_prompt, dto.batch_size, found) == ("a cat", 2, [])


async def test_openai_s_fields_may_come_in_camel_case(clients: Clients) -> None:
    """The reference's Python types say `maxTokens` and `logitBias` where OpenAI says `max_tokens`."""
    call = {"id": "c", "type": "function", "function": '{"name":"f","arguments":"{}"}'}
    asked = {
        "model": "m", "maxTokens": 7, "logitBias": {"5": 3}, "logProbs": True, "topLogprobs": 2, "frequencyPenalty": 0.5,
        "presencePenalty": 0.25, "topP": 0.5, "responseFormat": {"responseFormat": "json_object"},
        "messages": [
            {"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "toolCalls": [call]},
            {"role": "tool", "content": "1", "toolCallId": "c"},
        ],
    }  # fmt: skip
    wanted = {
        "max_tokens": 7, "logit_bias": {"5": 3}, "logprobs": True, "top_logprobs": 2, "frequency_penalty": 0.5,
        "presence_penalty": 0.25, "top_p": 0.5, "response_format": {"type": "json_object"},
    }  # fmt: skip
    queued = {"request": asked, "refId": "camel"}
    for path, body in (("/api/OpenAiChatCompletion", asked), ("/api/QueueOpenAiChatCompletion", queued)):
        status, _, told = await ask(clients, "POST", path, json=body, headers=PYTHON)
        assert status == 200, told
    await ask(clients, "GET", "/api/WaitForOpenAiChat?refId=camel")
    for sent in (call.body for call in clients.house.fake.calls):
        assert {name: sent.get(name) for name in wanted} == wanted
        assert sent["messages"][1]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
        assert sent["messages"][2]["tool_call_id"] == "c"
    assert len(clients.house.fake.calls) == 2


async def test_a_zero_is_no_id_and_a_get_may_name_a_content_type_without_a_body(clients: Clients) -> None:
    """.NET's and Java's types start numbers at 0; node's client sets the type of a body on every request."""
    chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    await ask(clients, "POST", "/json/reply/QueueOpenAiChatCompletion", json={"request": chat, "refId": "x"})
    await ask(clients, "GET", "/api/WaitForOpenAiChat?id=0&refId=x", headers=PYTHON)
    for path in ("GetOpenAiChatStatus?jobId=0&refId=x", "GetOpenAiChat?id=0&refId=x", "WaitForOpenAiChat?Id=0&RefId=x"):
        for method in ("GET", "POST"):
            status, _, told = await ask(clients, method, f"/api/{path}", headers=PYTHON)
            assert (status, b"Completed" in told) == (200, True), (method, path)
    status, _, told = await ask(clients, "GET", "/api/GetOpenAiChatStatus?jobId=0", headers=PYTHON)
    assert (status, b"ArgumentNullException" in told) == (400, True)
    status, _, told = await ask(clients, "GET", "/api/Hello?name=Ann", headers={**PYTHON, "Content-Length": "0"})
    assert (status, told) == (200, b'{"result":"Hello, Ann!"}')


async def test_an_answer_of_nothing_is_empty(clients: Clients) -> None:
    """Clients of `IReturnVoid` read no body; `{}` or `null` would be one."""
    await ask(clients, "POST", "/api/DummyReplyTo", json={"refId": "heard"})
    status, headers, told = await ask(clients, "GET", "/api/HasDummyReplyTo?refId=heard")
    assert (status, told, headers.get("content-type")) == (204, b"", None)
    status, headers, told = await ask(clients, "POST", "/json/oneway/Hello", json={"name": "A"})
    assert (status, told, headers["content-length"]) == (202, b"", "0")


async def test_the_brackets_of_a_batch_may_be_escaped(clients: Clients) -> None:
    chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    for path in ("/api/Hello%5B%5D", "/json/reply/Hello%5b%5d", "/api/Hello[]"):
        status, headers, told = await ask(clients, "POST", path, json=[{"name": "a"}, {"name": "b"}])
        assert (status, told, headers["x-autobatch-completed"]) == (
            200, b'[{"result":"Hello, a!"},{"result":"Hello, b!"}]', "2",
        )  # fmt: skip
    assert (await ask(clients, "POST", "/json/oneway/OpenAiChatCompletion%5B%5D", json=[chat, chat]))[::2] == (202, b"")
    await until(lambda: len(clients.house.fake.calls) == 2)
    assert (await ask(clients, "POST", "/api/OpenAiChatCompletion[]", json=[chat, chat]))[0] == 200
    await until(lambda: not any("Watch._run" in repr(task) for task in asyncio.all_tasks()))  # nobody waits any more


async def test_arguments_in_the_query_and_files_in_the_form_are_one_request(clients: Clients) -> None:
    """As node's `apiForm` sends them; Python's `post_file_with_request` puts both into the form, enums by `str()`."""
    picture = ("image", png(8, 4), "my picture.png", "image/png")
    path = "/api/ConvertImage?outputFormat=webp&refId=q1&tag="
    status, _, told = await ask(clients, "POST", path, data=form(picture))
    assert (status, b"my picture.webp" in told) == (200, True), told
    said = form(picture, outputFormat="ImageOutputFormat.WEBP")
    status, _, told = await ask(clients, "POST", "/api/ConvertImage", data=said)
    assert (status, b"my picture.webp" in told) == (200, True), told
    status, _, told = await ask(clients, "POST", "/api/ScaleImage?width=4&height", data=form(("upload", png(8, 4))))
    assert status == 200, told
    both = form(picture, width=4)  # the body goes before the query
    assert (await ask(clients, "POST", "/api/ScaleImage?width=0", data=both))[0] == 200


async def test_a_callback_quotes_variables_that_the_server_offers_and_no_others(
    nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """checklist 5"""
    monkeypatch.setenv("AI_SERVER_CALLBACK_VARIABLES", "HOOK OTHER_HOOK")
    monkeypatch.setenv("HOOK", "hook-secret-1")
    monkeypatch.setenv("UNOFFERED", "unoffered-secret")
    async with Receiver() as receiver, open_clients(nats) as clients:
        chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        for name in ("UNOFFERED", "OTHER_HOOK", "HOOK"):
            body = {"request": chat, "replyTo": f"${name}@http://127.0.0.1:{receiver.port}/{name}"}
            assert (await ask(clients, "POST", "/api/QueueOpenAiChatCompletion", json=body))[0] == 200
        rows = clients.house.rows
        await until(lambda: len([row for row in rows if row.op == "callback"]) == 3)
    assert [(path, headers["authorization"]) for _, path, headers, _ in receiver.seen] == [
        ("/HOOK", "Bearer hook-secret-1")
    ]
    assert "secret" not in repr(rows)


async def test_numbers_that_a_typed_client_leaves_at_zero_count_as_not_said(clients: Clients) -> None:
    """Where a type may not be null: `watermarkScale=0.0` of whoever gave a watermark alone."""
    files = (("image", png(8, 4)), ("watermark", png(4, 2, 200)))
    made = []
    for fields in ({}, {"watermarkScale": "0.0", "opacity": "0"}, {"watermarkScale": "1.0", "opacity": "0.5"}):
        status, _, told = await ask(clients, "POST", "/api/WatermarkImage", data=form(*files, **fields))
        assert status == 200, told
        async with clients.house.http.get(msgspec.json.decode(told)["results"][0]["url"]) as reply:
            made.append(await reply.read())
    assert made[0] == made[1] == made[2]
    refused = form(*files, watermarkScale="-1")
    assert (await ask(clients, "POST", "/api/WatermarkImage", data=refused))[0] == 400


async def test_keys_of_dictionaries_may_be_numbers_of_an_enum(clients: Clients) -> None:
    """Numbered enums are numbers, as keys too; names are understood all the same."""
    base = clients.house.fake.url.removesuffix("/v1")
    for name, paths in (("one", {"1": "/v1/chat/completions"}), ("two", {"OpenAiChat": "/v1/chat/completions"})):
        body = {"name": name, "aiTypeId": "Open AI", "apiBaseUrl": base, "enabled": True, "taskPaths": paths}
        status, _, told = await ask(clients, "POST", "/api/CreateAiProvider", clients.boss, json=body)
        assert status == 200, told
    body = {"name": "bad", "aiTypeId": "Open AI", "taskPaths": {"77": "/x"}}
    status, _, told = await ask(clients, "POST", "/api/CreateAiProvider", clients.boss, json=body)
    assert (status, b"taskPaths" in told) == (400, True), told
