"""Chat and Ollama's generate in the AI Server dialect: asked at once, queued, waited for, called back; whose they are."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from fake_scripts import Script
from gateway_house import House, agent_of, chat, open_house, until
from openai import AsyncOpenAI

from bus.connection import Link
from schemas.callback import parse_reply_to
from schemas.provider import Model, Provider

FIVE = "w0 w1 w2 w3 w4"
TALK, QUEUE = "/api/OpenAiChatCompletion", "/api/QueueOpenAiChatCompletion"
GENERATE, QUEUE_GENERATE = "/api/OllamaGeneration", "/api/QueueOllamaGeneration"


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


def prompt(model: str = "m", **more: Any) -> dict[str, Any]:
    return {"model": model, "prompt": "hello", **more}


async def queued(house: House, request: dict[str, Any], path: str = QUEUE, **more: Any) -> dict[str, Any]:
    status, _, told = await house.post({"request": request, **more}, path=path)
    assert status == 200, told
    return dict(told)


async def ended(house: House, ref: str) -> dict[str, Any]:
    status, _, told = await house.get(f"/api/WaitForOpenAiChat?refId={ref}")
    assert status == 200, told
    return dict(told)


# ---- at once ----------------------------------------------------------------------------------------------------------


async def test_a_chat_is_answered_in_the_same_response(house: House) -> None:
    """checklist 1, checklist 132, checklist 138"""
    for path in (TALK, "/json/reply/OpenAiChatCompletion"):
        status, headers, told = await house.post(chat(tag="t", stream=True, max_tokens=5), path=path)
        assert (status, headers["content-type"]) == (200, "application/json")
        assert {"id", "choices", "created", "model", "system_fingerprint", "object", "usage"} == set(told)
        choice = told["choices"][0]
        assert (choice["message"], choice["finish_reason"]) == ({"content": FIVE, "role": "assistant"}, "stop")
        assert told["usage"] == {"completion_tokens": 5, "prompt_tokens": 9, "total_tokens": 14}
    sent = house.fake.calls[0].body
    assert (sent["max_tokens"], sent.get("stream", False), "tag" in sent) == (5, False, False)
    row = await house.row(headers["x-job-id"])
    assert (row.outcome, row.op, row.tag) == ("done", "chat", "t")


async def test_a_stock_openai_client_is_answered_beside_it(house: House) -> None:
    """checklist 24"""
    async with AsyncOpenAI(base_url=house.url + "/v1", api_key=house.secret) as client:
        reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert reply.choices[0].message.content == FIVE


async def test_what_the_dto_does_not_know_reaches_the_provider(house: House) -> None:
    """checklist 138"""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    picture = base64.b64encode(b"\x89PNG...").decode()
    call = {"id": "c", "type": "function", "function": '{"name":"f","arguments":"{}"}'}
    messages = [
        {"role": "user", "content": "look", "images": [picture], "name": None},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "1", "tool_call_id": "c"},
        {"role": "user", "content": "and", "images": []},
    ]
    form = {"response_format": "json_object"}
    status, _, _ = await house.post(chat(messages=messages, tools=tools, response_format=form, seed=7), path=TALK)
    sent = house.fake.calls[-1].body
    assert (status, sent["tools"], sent["seed"], sent["response_format"]) == (200, tools, 7, {"type": "json_object"})
    told = sent["messages"]
    assert told[0]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{picture}"
    assert told[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert "images" not in told[3]


async def test_a_call_of_a_tool_is_told_as_text(house: House) -> None:
    """checklist 138"""
    _, _, told = await house.post(chat("tools"), path=TALK)
    calls = told["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in calls][:2] == ["call_0", "call_1"]
    assert all(isinstance(call["function"], str) and '"name":"f' in call["function"] for call in calls)


async def test_a_prompt_of_ollama_is_answered_with_a_picture_by_bytes_or_by_address(house: House) -> None:
    """checklist 1, checklist 25"""
    images = [base64.b64encode(b"\x89PNG...").decode(), "https://host.example/a.png"]
    asked = prompt(images=images, system="s", stream=None, options={"temperature": 0.5, "num_predict": 9, "seed": None})
    status, _, told = await house.post(asked, path=GENERATE)
    assert (status, told["response"], told["done"], told["eval_count"]) == (200, FIVE, True, 5)
    assert all(isinstance(told[name], int) for name in ("created_at", "total_duration", "prompt_tokens"))
    sent = house.fake.calls[-1].body
    urls = [part["image_url"]["url"] for part in sent["messages"][1]["content"] if part["type"] == "image_url"]
    assert urls == [f"data:image/png;base64,{images[0]}", images[1]]
    assert (sent["temperature"], sent["max_tokens"], "seed" in sent) == (0.5, 9, False)
    status, _, told = await house.post(prompt(images=images[1:], stream=False), path="/api/generate")
    assert (status, told["response"]) == (200, FIVE)


async def test_one_provider_can_be_tried_with_a_prompt_or_a_request(house: House) -> None:
    """checklist 34"""
    path, own = "/api/ChatAiProvider", {"provider": "fake", "model": "m"}
    status, _, told = await house.post({**own, "prompt": "1+1="}, path=path)
    assert (status, told["choices"][0]["message"]["content"]) == (200, FIVE)
    assert house.fake.calls[-1].body["max_tokens"] == 512
    assert (await house.post({**own, "request": chat(), "prompt": ""}, path=path))[0] == 200
    for body, expected in (
        (own, ("ArgumentNullException", "prompt")),
        ({"model": "m", "prompt": "x"}, ("ArgumentNullException", "provider")),
        ({"provider": "fake", "prompt": "x"}, ("ArgumentNullException", "model")),
    ):
        status, _, told = await house.post(body, path=path)
        error = told["responseStatus"]["errors"][0]
        assert (400, expected) == (status, (error["errorCode"], error["fieldName"]))
    status, _, told = await house.post({"provider": "other", "model": "m", "prompt": "x"}, path=path)
    assert (status, told["responseStatus"]["errorCode"]) == (405, "NotSupportedException")


async def test_the_provider_asked_for_is_the_one(house: House) -> None:
    assert (await house.post(chat(provider="fake"), path=TALK))[0] == 200
    assert (await house.post(chat(provider="other"), path=TALK))[0] == 405
    assert "provider" not in house.fake.calls[-1].body


async def test_a_failure_is_an_error_and_never_an_empty_answer(house: House) -> None:
    """checklist 135"""
    for path, body in ((TALK, chat("413")), (GENERATE, prompt("413"))):
        for named in ({}, {"refId": path}):
            status, _, told = await house.post({**body, **named}, path=path)
            assert status >= 400
            assert told["responseStatus"]["message"]


async def test_a_model_goes_by_its_names_and_an_unknown_one_is_404(nats: Link) -> None:
    """checklist 29"""
    model = Model(name="llama3.3:70b", native="llama-3.3-70b-versatile", aliases=("llama3.3", "llama3.3:latest"))
    async with open_house(nats, agent=False) as house:
        provider = Provider(name="groq", kind="openai", base_url=house.fake.url, models=(model,), discover=False)
        async with agent_of(nats, provider):
            await until(lambda: _answers(house, "llama3.3"))
            for name in ("llama3.3", "llama3.3:latest", "llama3.3:70b"):
                assert (await house.post(chat(name), path=TALK))[0] == 200, name
                assert house.fake.calls[-1].body["model"] == "llama-3.3-70b-versatile"
            status, _, told = await house.post(chat("llama3.3:1b"), path=TALK)
            assert (status, told["responseStatus"]["errorCode"]) == (404, "NotFound")


async def _answers(house: House, model: str) -> bool:
    return (await house.post(chat(model), path=TALK))[0] == 200


# ---- queued -----------------------------------------------------------------------------------------------------------


async def test_a_queued_chat_is_accepted_at_once_and_asked_after_by_id_or_ref(house: House) -> None:
    """checklist 2, checklist 7, checklist 8, checklist 10"""
    house.fake.queue(Script("slow", seconds=0.4))
    told = await queued(house, chat(), refId="mine", tag="t")
    assert (told["refId"], told["statusUrl"]) == ("mine", f"{house.url}/api/GetOpenAiChatStatus?refId=mine")
    status, _, first = await house.get(f"/api/GetOpenAiChatStatus?refId={told['refId']}")
    assert (status, first["jobId"], first["jobState"] in ("Queued", "Started"), "result" in first) == (
        200,
        told["id"],
        True,
        False,
    )
    await until(lambda: _state(house, "mine", "Started"))
    await until(lambda: _state(house, "mine", "Completed"))
    for query in (f"JobId={told['id']}", "refId=mine", f"jobId={told['id']}&refId=mine", f"id={told['id']}"):
        _, _, done = await house.get(f"/api/GetOpenAiChatStatus?{query}")
        assert (done["jobId"], done["refId"], done["jobState"], done["status"]) == (
            told["id"],
            "mine",
            "Completed",
            "Completed",
        )
        assert done["result"]["choices"][0]["message"]["content"] == FIVE
    assert (await house.row(told["id"])).tag == "t"
    again = await queued(house, chat(), refId="mine", tag="t")
    assert (again["id"], len(house.fake.calls)) == (told["id"], 1)


async def _state(house: House, ref: str, wanted: str) -> bool:
    return (await house.get(f"/api/GetOpenAiChatStatus?refId={ref}"))[2].get("jobState") == wanted


async def test_a_job_without_a_name_gets_one(house: House) -> None:
    """checklist 7"""
    one, two = await queued(house, chat()), await queued(house, chat())
    assert one["refId"]
    assert one["refId"] != two["refId"]
    assert one["id"] != two["id"]


async def test_a_sync_chat_that_names_itself_is_found_again(house: House) -> None:
    """checklist 7"""
    _, _, first = await house.post(chat(refId="own"), path=TALK)
    _, _, told = await house.get("/api/GetOpenAiChatStatus?refId=own")
    assert (told["jobState"], told["result"]) == ("Completed", first)


async def test_waiting_ends_when_the_job_ends(house: House) -> None:
    """checklist 14"""
    house.fake.queue(Script("slow", seconds=0.3))
    told = await queued(house, chat())
    _, _, job = await house.get(f"/api/WaitForOpenAiChat?id={told['id']}")
    assert (job["result"]["state"], job["result"]["id"]) == ("Completed", told["id"])


async def test_the_whole_job_is_told_to_its_owner(house: House) -> None:
    """checklist 15"""
    told = await queued(house, chat(), refId="r", tag="t")
    job = (await ended(house, "r"))["result"]
    assert (await house.get("/api/GetOpenAiChat?refId=r"))[2]["result"] == job
    assert (job["id"], job["refId"], job["tag"], job["state"], job["worker"]) == (
        told["id"],
        "r",
        "t",
        "Completed",
        "fake",
    )
    assert (job["request"], job["response"], job["attempts"]) == ("QueueOpenAiChatCompletion", "OpenAiChatResponse", 1)
    assert '"hello"' in job["requestBody"]
    assert FIVE in job["responseBody"]
    assert job["createdDate"].endswith("Z")
    assert job["durationMs"] >= 0


async def test_a_failed_job_is_an_error_that_tells_why(house: House) -> None:
    """checklist 10, checklist 15, checklist 135"""
    await queued(house, chat("413"), refId="bad")
    job = await ended(house, "bad")
    assert (job["result"]["state"], job["result"]["errorCode"]) == ("Failed", job["responseStatus"]["errorCode"])
    status, _, told = await house.get("/api/GetOpenAiChatStatus?refId=bad")
    assert (status, told["responseStatus"]["message"][:12]) == (500, "Job failed: ")


async def test_a_cancelled_job_says_so(house: House) -> None:
    """checklist 10"""
    house.fake.queue(Script("slow", seconds=30))
    told = await queued(house, chat(), refId="gone")
    await house.get(f"/jobs/{told['id']}", method="DELETE")
    assert (await ended(house, "gone"))["result"]["state"] == "Cancelled"
    status, _, said = await house.get("/api/GetOpenAiChatStatus?refId=gone")
    assert (status, said["responseStatus"]["errorCode"]) == (500, "TaskCanceledException")


async def test_a_queued_prompt_of_ollama_is_told_as_ollama_tells(house: House) -> None:
    """checklist 2, checklist 13"""
    told = await queued(house, prompt(), QUEUE_GENERATE, refId="o")
    assert told["statusUrl"] == f"{house.url}/api/GetOllamaGenerationStatus?refId=o"
    await ended(house, "o")
    for query in ("refId=o", f"jobId={told['id']}"):
        _, _, done = await house.get(f"/api/GetOllamaGenerationStatus?{query}")
        assert (done["jobState"], done["result"]["response"], done["result"]["model"]) == ("Completed", FIVE, "m")


async def test_a_request_may_come_as_a_form(house: House) -> None:
    """checklist 134"""
    fields = {"request": "{model:m,messages:[{role:user,content:hello}]}", "refId": "form"}
    headers = {"X-Api-Key": house.secret}
    async with house.http.post(house.url + QUEUE, data=fields, headers=headers) as reply:
        assert (reply.status, (await reply.json())["refId"]) == (200, "form")
    assert (await ended(house, "form"))["result"]["state"] == "Completed"


MISSING: tuple[tuple[str, Any, str], ...] = (
    (QUEUE, {}, "request"),
    (QUEUE, {"request": None}, "request"),
    (QUEUE, {"request": {}}, "request"),
    (QUEUE, {"request": {"model": "m", "messages": []}}, "messages"),
    (QUEUE, {"request": {"messages": [{"role": "user", "content": "x"}]}}, "model"),
    (QUEUE_GENERATE, {"request": {"model": "m", "prompt": ""}}, "prompt"),
    (GENERATE, {"model": "m"}, "prompt"),
)


async def test_what_must_be_there_and_is_not_is_named(house: House) -> None:
    """checklist 135"""
    for path, body, field in MISSING:
        status, _, told = await house.post(body, path=path)
        error = told["responseStatus"]["errors"][0]
        assert (400, "ArgumentNullException", field) == (status, error["errorCode"], error["fieldName"]), body


async def test_a_job_is_nobodys_business_but_its_owners(house: House) -> None:
    """checklist 10, checklist 15"""
    told = await queued(house, chat(), refId="mine")
    job = told["id"]
    for name in ("GetOpenAiChatStatus", "GetOpenAiChat", "WaitForOpenAiChat", "GetOllamaGenerationStatus"):
        for query in (
            f"id={job}",
            "refId=mine",
            "refId=nothing",
            "id=1",
            f"id={2**53}",
            f"refId={job + 1}",
            f"refId={job}",
        ):
            status, _, said = await house.get(f"/api/{name}?{query}", key=house.other)
            assert (status, said["responseStatus"]["message"]) == (404, "Job not found"), query
        async with house.http.get(f"{house.url}/api/{name}?refId=mine") as reply:
            assert reply.status == 401
        status, _, said = await house.get(f"/api/{name}")
        assert (status, said["responseStatus"]["errorCode"]) == (400, "ArgumentNullException")


# ---- callbacks --------------------------------------------------------------------------------------------------------


class Sink:
    """Takes callbacks."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, str], Any]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.heard.append((request.method, request.path_qs, dict(request.headers), await request.json()))
        return web.Response()


@asynccontextmanager
async def called_back(nats: Link) -> AsyncIterator[tuple[House, Sink]]:
    """A house that delivers callbacks, and whoever takes them."""
    sink = Sink()
    provider = Provider(name="callbacks", kind="callbacks", models=(Model(name="callbacks", op="callback"),))
    async with AsyncExitStack() as things:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", sink.take)
        runner = web.AppRunner(app)
        await runner.setup()
        things.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        house = await things.enter_async_context(open_house(nats, private_callbacks=True))
        await things.enter_async_context(agent_of(nats, provider))
        yield house, sink


async def test_a_callback_is_the_answer_itself_and_comes_with_its_query_and_credentials(nats: Link) -> None:
    """checklist 3, checklist 4, checklist 5, checklist 6: it is a job of its own, and what is tried again alone."""
    async with called_back(nats) as (house, sink):
        told = await queued(house, chat(), replyTo=f"PUT http.X-Mine:secret@{sink.url}/hook?my=1&id=a%20b")
        await until(lambda: sink.heard)
        method, path, headers, body = sink.heard[0]
        assert (method, path, headers["X-Mine"]) == ("PUT", "/hook?my=1&id=a%20b", "secret")
        assert body["choices"][0]["message"]["content"] == FIVE
        assert {"id", "object", "usage", "model"} <= set(body)
        row = await until(lambda: next((row for row in house.rows if row.op == "callback"), None))
        assert (row.job != told["id"], len(house.fake.calls)) == (True, 1)


async def test_a_callback_of_ollama_is_its_answer_and_not_the_request(nats: Link) -> None:
    """checklist 3"""
    async with called_back(nats) as (house, sink):
        headers = {"ReplyTo": f"user:p%40ss@{sink.url}/o", "Tag": "by-header"}
        status, _, told = await house.post({"request": prompt()}, path=QUEUE_GENERATE, headers=headers)
        await until(lambda: sink.heard)
        body, sent = sink.heard[0][3], sink.heard[0][2]["Authorization"]
        assert (status, body["response"], body["done"], "prompt" in body) == (200, FIVE, True, False)
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"user:p@ss"
        assert (await house.row(told["id"])).tag == "by-header"


async def test_a_failure_is_called_back_too(nats: Link) -> None:
    """checklist 3"""
    async with called_back(nats) as (house, sink):
        for count, (path, asked) in enumerate(((QUEUE, chat("413")), (QUEUE_GENERATE, prompt("413"))), 1):
            await queued(house, asked, path, replyTo=f"token@{sink.url}/bad")
            await until(lambda count=count: len(sink.heard) == count)
            _, _, headers, body = sink.heard[-1]
            assert headers["Authorization"] == "Bearer token"
            assert body["responseStatus"]["errorCode"]
            assert body["responseStatus"]["message"]


async def test_whoever_asks_for_a_job_sees_where_its_callback_went_but_no_credentials(nats: Link) -> None:
    async with called_back(nats) as (house, sink):
        await queued(house, chat(), refId="r", replyTo=f"token@{sink.url}/x")
        job = (await ended(house, "r"))["result"]
        assert job["replyTo"] == f"{sink.url}/x"
        await until(lambda: sink.heard)


async def test_a_callback_that_may_not_be_is_refused_at_once(house: House) -> None:
    """checklist 5"""
    for target in ("ftp://x", "http://169.254.169.254/", "GET http://h.example/", "$NOT ALLOWED@http://h.example/"):
        status, _, told = await house.post({"request": chat(), "replyTo": target}, path=QUEUE)
        assert (status, told["responseStatus"]["errors"][0]["fieldName"]) == (400, "replyTo"), target


def test_the_grammar_of_reply_to_has_all_its_forms() -> None:
    """checklist 5"""
    said = {
        "https://h.example/p?x=y": ("POST", "", {}),
        "PUT https://h.example/": ("PUT", "", {}),
        "user:p%3Aq@https://h.example/": ("POST", "basic", {"Authorization": "Basic dXNlcjpwOnE="}),
        "tok@https://h.example/": ("POST", "bearer", {"Authorization": "Bearer tok"}),
        "http.X-Key:v%20w@https://h.example/": ("POST", "header", {"X-Key": "v w"}),
        "PATCH $HOOK@https://h.example/": ("PATCH", "bearer", {"Authorization": "Bearer from-env"}),
        "http.X-Key:$HOOK@https://h.example/": ("POST", "header", {"X-Key": "from-env"}),
    }
    for text, expected in said.items():
        target = parse_reply_to(text)
        assert expected == (target.method, str(target.auth), target.headers({"HOOK": "from-env"})), text


async def test_a_caller_who_hangs_up_while_waiting_leaves_nothing_behind(house: House) -> None:
    """checklist 14"""
    house.fake.queue(Script("slow", seconds=30))
    told = await queued(house, chat(), refId="r")
    url = f"{house.url}/api/WaitForOpenAiChat?refId=r"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), house.http.get(url, headers={"X-Api-Key": house.secret}):
            pass
    await house.get(f"/jobs/{told['id']}", method="DELETE")
    assert (await ended(house, "r"))["result"]["state"] == "Cancelled"
