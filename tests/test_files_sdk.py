"""Files and batches as the official `openai` SDK uses them, against a whole house."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from gateway_house import House, open_house, until

from bus.connection import Link

CHAT = "/v1/chat/completions"


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.secret, max_retries=0) as client:
        yield client


def line(number: int, url: str = CHAT, **body: Any) -> str:
    asked = {"model": "m", "messages": [{"role": "user", "content": f"ref:{number}"}], **body}
    return json.dumps({"custom_id": f"c{number}", "method": "POST", "url": url, "body": asked})


async def ended(sdk: openai.AsyncOpenAI, batch: str) -> Any:
    async def look() -> Any:
        found = await sdk.batches.retrieve(batch)
        return found if found.status in ("completed", "failed", "expired", "cancelled") else None

    return await until(look, 30)


async def rows(sdk: openai.AsyncOpenAI, file: str | None) -> list[dict[str, Any]]:
    assert file
    return [json.loads(row) for row in (await sdk.files.content(file)).text.splitlines()]


async def test_files_create_list_retrieve_content_delete(sdk: openai.AsyncOpenAI) -> None:
    data = bytes(range(256)) * 5000
    file = await sdk.files.create(
        file=("data.bin", io.BytesIO(data)),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 7200},
    )
    assert (file.object, file.filename, file.bytes, file.purpose) == ("file", "data.bin", len(data), "user_data")
    assert file.expires_at == file.created_at + 7200
    others = [await sdk.files.create(file=(f"{n}.txt", b"%d" % n), purpose="vision") for n in range(3)]
    assert [one.id async for one in sdk.files.list(limit=2)] == [one.id for one in (*others[::-1], file)]
    assert (await sdk.files.retrieve(file.id)) == file
    assert (await sdk.files.content(file.id)).content == data
    async with sdk.files.with_streaming_response.content(file.id) as answer:
        assert b"".join([piece async for piece in answer.iter_bytes()]) == data
    gone = await sdk.files.delete(file.id)
    assert (gone.id, gone.deleted) == (file.id, True)
    with pytest.raises(openai.NotFoundError) as refused:
        await sdk.files.retrieve(file.id)
    assert f"No such File object: {file.id}" in str(refused.value)
    processed = await sdk.files.wait_for_processing(others[0].id)
    assert processed.status == "processed"


async def test_a_refused_upload_raises_what_sdk_users_catch(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.files.create(file=b"", purpose="batch")
    assert refused.value.param == "file"


async def test_batches_create_retrieve_list(house: House, sdk: openai.AsyncOpenAI) -> None:
    text = "\n".join(line(number) for number in range(40))
    file = await sdk.files.create(file=("in.jsonl", text.encode()), purpose="batch")
    batch = await sdk.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"for": "the test"}
    )
    assert (batch.object, batch.status, batch.endpoint) == ("batch", "validating", CHAT)
    assert (batch.metadata, batch.expires_at) == ({"for": "the test"}, batch.created_at + 86400)
    done = await ended(sdk, batch.id)
    assert (done.status, done.error_file_id, done.model) == ("completed", None, "m")
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (40, 40, 0)
    assert done.usage.output_tokens == 40 * 5
    assert None not in (done.in_progress_at, done.finalizing_at, done.completed_at)
    found = await rows(sdk, done.output_file_id)
    assert [row["custom_id"] for row in found] == [f"c{number}" for number in range(40)]
    first = found[0]
    assert (first["error"], first["response"]["status_code"]) == (None, 200)
    assert first["response"]["body"]["choices"][0]["message"]["content"] == "w0 w1 w2 w3 w4"
    assert len(house.fake.calls) == 40
    output = await sdk.files.retrieve(done.output_file_id)
    assert (output.purpose, output.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    more = await sdk.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    assert [one.id async for one in sdk.batches.list(limit=1)] == [more.id, batch.id]
    await ended(sdk, more.id)


async def test_a_batch_of_completions_and_one_of_responses(sdk: openai.AsyncOpenAI) -> None:
    for url, asked, text in (
        ("/v1/completions", {"model": "m", "prompt": "hello"}, lambda body: body["choices"][0]["text"]),
        ("/v1/responses", {"model": "m", "input": "hello"}, lambda body: body["output"][0]["content"][0]["text"]),
    ):
        row = json.dumps({"custom_id": "one", "method": "POST", "url": url, "body": asked})
        file = await sdk.files.create(file=("in.jsonl", row.encode()), purpose="batch")
        batch = await sdk.batches.create(input_file_id=file.id, endpoint=url, completion_window="24h")  # type: ignore[arg-type]
        done = await ended(sdk, batch.id)
        assert done.status == "completed", done
        (found,) = await rows(sdk, done.output_file_id)
        assert text(found["response"]["body"]) == "w0 w1 w2 w3 w4"


async def test_a_batch_that_makes_no_sense_is_refused_or_fails(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await sdk.batches.create(input_file_id="file-1", endpoint=CHAT, completion_window="24h")
    other = await sdk.files.create(file=("a.txt", b"x"), purpose="user_data")
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.batches.create(input_file_id=other.id, endpoint=CHAT, completion_window="24h")
    assert refused.value.param == "input_file_id"
    file = await sdk.files.create(file=("in.jsonl", b"not json\n\n{}\n"), purpose="batch")
    with pytest.raises(openai.BadRequestError):
        await sdk.batches.create(input_file_id=file.id, endpoint="/v1/moderations", completion_window="24h")
    done = await ended(
        sdk, (await sdk.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")).id
    )
    assert (done.status, [error.line for error in done.errors.data]) == ("failed", [1, 3])
    assert done.errors.data[0].code == "invalid_json_line"


async def test_a_cancelled_batch_keeps_what_is_done(house: House, sdk: openai.AsyncOpenAI) -> None:
    text = "\n".join([*(line(number) for number in range(5)), *(line(number, model="slow") for number in range(5, 90))])
    file = await sdk.files.create(file=("in.jsonl", text.encode()), purpose="batch")
    batch = await sdk.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    await until(lambda: house.fake.in_flight >= 10)
    cancelling = await sdk.batches.cancel(batch.id)
    assert cancelling.status == "cancelling"
    done = await ended(sdk, batch.id)
    assert (done.status, done.request_counts.total) == ("cancelled", 90)
    assert [row["custom_id"] for row in await rows(sdk, done.output_file_id)] == [f"c{n}" for n in range(5)]
    unrun = await rows(sdk, done.error_file_id)
    assert {row["error"]["code"] for row in unrun if row["error"]} == {"batch_cancelled"}
    assert len(unrun) == 85
    await until(lambda: house.fake.in_flight == 0)
    with pytest.raises(openai.ConflictError):
        await sdk.batches.cancel(batch.id)


async def test_another_keys_batch_is_not_found(house: House, sdk: openai.AsyncOpenAI) -> None:
    file = await sdk.files.create(file=("in.jsonl", line(1).encode()), purpose="batch")
    batch = await sdk.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.other, max_retries=0) as stranger:
        for ask in (stranger.batches.retrieve, stranger.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                await ask(batch.id)
        with pytest.raises(openai.NotFoundError):
            await stranger.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        assert [one async for one in stranger.batches.list()] == []
    done = await ended(sdk, batch.id)
    with pytest.raises(openai.NotFoundError):
        async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.other, max_retries=0) as stranger:
            await stranger.files.content(done.output_file_id)
