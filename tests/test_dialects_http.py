"""Every dialect through the front door: all call styles, errors in the caller's words, lists of models in three shapes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_house import House, agent_of, open_house, until

from bus.connection import Link
from bus.jobs import Jobs
from schemas.provider import Model, Provider

FIVE = "w0 w1 w2 w3 w4"
ASYNC = {"Prefer": "respond-async"}
HI = [{"role": "user", "content": "hi"}]
GEMINI = "/v1beta/models/{model}:generateContent"


def asked(path: str, model: str = "m", **more: Any) -> tuple[str, dict[str, Any]]:
    """Path and body of a small request."""
    bodies: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"model": model, "messages": HI},
        "/v1/completions": {"model": model, "prompt": "hi"},
        "/v1/responses": {"model": model, "input": "hi"},
        "/v1/messages": {"model": model, "max_tokens": 9, "messages": HI},
        "/api/chat": {"model": model, "messages": HI, "stream": False},
        "/api/generate": {"model": model, "prompt": "hi", "stream": False},
        GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    }
    return path.format(model=model), {**bodies[path], **more}


def text_of(path: str, answer: Any) -> str:
    match path:
        case "/v1/chat/completions":
            found = answer["choices"][0]["message"]["content"]
        case "/v1/completions":
            found = answer["choices"][0]["text"]
        case "/v1/responses":
            found = answer["output"][0]["content"][0]["text"]
        case "/v1/messages":
            found = answer["content"][0]["text"]
        case "/api/chat":
            found = answer["message"]["content"]
        case "/api/generate":
            found = answer["response"]
        case _:
            found = answer["candidates"][0]["content"]["parts"][0]["text"]
    return str(found)


PATHS = ["/v1/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate", GEMINI]
NAMES = ["completions", "responses", "anthropic", "ollama.chat", "ollama.generate", "gemini"]


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


async def test_a_queued_result_is_shown_in_the_dialect_it_was_asked_in(house: House) -> None:
    for path, name in zip(PATHS, NAMES, strict=True):
        url, body = asked(path, refId=f"mine-{name}")
        status, _, accepted = await house.post(body, path=url, headers=ASYNC)
        assert (202, f"mine-{name}") == (status, accepted["refId"])
        view = (await house.get(f"/jobs/{accepted['id']}?wait=10"))[2]
        assert ("done", name, FIVE) == (view["status"], view["dialect"], text_of(path, view["result"]))
        assert view["result"] == (await house.get(f"/jobs/{accepted['id']}/result"))[2]
        status, headers, waited = await house.post(body, path=url, headers={"Prefer": "wait=10"})
        assert (200, "true", view["result"]) == (status, headers["idempotent-replayed"], waited)
        assert "refId" not in house.fake.calls[-1].body


async def test_a_queued_stream_has_a_whole_result(house: House) -> None:
    url, body = asked("/v1/messages", stream=True)
    accepted = (await house.post(body, path=url, headers=ASYNC))[2]
    view = (await house.get(f"/jobs/{accepted['id']}?wait=10"))[2]
    assert (text_of("/v1/messages", view["result"]), view["result"]["stop_reason"]) == (FIVE, "end_turn")


async def test_a_sync_call_that_names_itself_is_answered_in_its_dialect(house: House) -> None:
    url, body = asked(GEMINI)
    for _ in range(2):
        answer = (await house.post(body, path=url, headers={"Idempotency-Key": "k1"}))[2]
        assert text_of(GEMINI, answer) == FIVE
    assert len(house.fake.calls) == 1


async def test_a_callback_tells_the_result_in_the_dialect_of_the_request(nats: Link) -> None:
    heard: list[dict[str, Any]] = []
    callbacks = Provider(name="callbacks", kind="callbacks", models=(Model(name="callbacks", op="callback"),))
    async with open_house(nats, private_callbacks=True) as house, agent_of(nats, callbacks), _receiver(heard) as target:
        url, body = asked("/v1/messages", replyTo=target)
        status, _, accepted = await house.post(body, path=url)
        assert status == 202
        await until(lambda: heard)
    data = heard[0]["data"]
    assert (accepted["id"], "anthropic", FIVE) == (data["id"], data["dialect"], text_of("/v1/messages", data["result"]))


SHAPES = {
    "/v1/completions": lambda body: body["error"]["message"],
    "/v1/responses": lambda body: body["error"]["message"],
    "/v1/messages": lambda body: body["type"] == "error" and body["error"]["message"],
    "/api/chat": lambda body: isinstance(body["error"], str) and body["error"],
    "/api/generate": lambda body: isinstance(body["error"], str) and body["error"],
    GEMINI: lambda body: body["error"]["status"].isupper() and body["error"]["message"],
}


@pytest.mark.parametrize("path", PATHS)
async def test_every_refusal_is_in_the_callers_words(house: House, path: str) -> None:
    url, body = asked(path)
    for status, answer in (
        (400, await house.post(b"{", path=url)),
        (401, await house.post(body, path=url, headers={"Authorization": "Bearer nobody"})),
        (401, await house.post(body, path=url, headers={"Authorization": None})),
        (404, await house.post(asked(path, "none")[1], path=asked(path, "none")[0])),
        (405, await house.get(url, method="PUT")),
        (413, await house.post(b"x" * 1_100_000, path=url)),
        (502, await house.post(asked(path, "cut")[1], path=asked(path, "cut")[0])),
        (429, await house.post(asked(path, "429-date")[1], path=asked(path, "429-date")[0])),
    ):
        assert status == answer[0], (status, answer)
        assert SHAPES[path](answer[2]), answer[2]
        assert answer[1]["x-request-id"]


@pytest.mark.parametrize(
    ("path", "more", "field"),
    [
        ("/v1/messages", {"temperature": 3.5}, "temperature"),
        ("/v1/messages", {"max_tokens": 0}, "max_tokens"),
        ("/v1/responses", {"max_output_tokens": 0}, "max_output_tokens"),
        ("/api/chat", {"options": {"temperature": 9}}, "options.temperature"),
        ("/api/chat", {"options": {"seed": "x"}}, "options.seed"),
        (GEMINI, {"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        (GEMINI, {"generation_config": {"max_output_tokens": 0}}, "generationConfig.maxOutputTokens"),
    ],
)
async def test_a_wrong_value_is_named_as_the_caller_spelt_it(
    house: House, path: str, more: dict[str, Any], field: str
) -> None:
    url, body = asked(path, **more)
    status, _, answer = await house.post(body, path=url)
    assert (status, f"'{field}" in json.dumps(answer)) == (400, True), answer


@pytest.mark.parametrize(
    ("path", "shape"), [("/api/nothing", "/api/chat"), ("/v1beta/nothing", GEMINI), ("/v1/messages/x", "/v1/messages")]
)
async def test_what_does_not_exist_is_said_in_the_dialect_of_its_neighbours(
    house: House, path: str, shape: str
) -> None:
    status, _, answer = await house.get(path)
    assert (status, bool(SHAPES[shape](answer))) == (404, True)


async def test_each_dialect_lists_models_in_its_shape(house: House) -> None:
    async def listed(path: str, **headers: str) -> Any:
        status, _, body = await house.get(path, headers=headers)
        assert status == 200
        return body

    assert "m" in [model["id"] for model in (await listed("/v1/models"))["data"]]
    claude = await listed("/v1/models", **{"anthropic-version": "2023-06-01"})
    assert (claude["data"][0]["type"], claude["has_more"]) == ("model", False)
    for path, headers in (("/v1beta/models", {}), ("/v1/models", {"x-goog-api-key": house.secret})):
        assert "models/m" in [model["name"] for model in (await listed(path, **headers))["models"]]
    assert "m" in [model["name"] for model in (await listed("/api/tags"))["models"]]
    assert (await listed("/api/version"))["version"]
    assert (await house.get("/v1beta/models/none"))[0] == 404
    assert (await house.post({"model": "none"}, path="/api/show"))[0] == 404


async def test_a_guess_says_that_it_is_one(house: House) -> None:
    status, headers, body = await house.post(asked("/v1/messages")[1], path="/v1/messages/count_tokens")
    assert (status, headers["x-ai-estimated"], body["input_tokens"] > 0) == (200, "1", True)
    status, headers, body = await house.post(asked(GEMINI)[1], path="/v1/models/m:countTokens")
    assert (status, headers["x-ai-estimated"], body["totalTokens"] > 0) == (200, "1", True)
    assert not house.fake.calls


@pytest.mark.parametrize("path", PATHS)
async def test_a_provider_asked_for_by_name_serves_in_every_dialect(house: House, path: str) -> None:
    for wish in ("fake", ["other", "fake"]):
        url, body = asked(path, provider=wish)
        status, headers, _ = await house.post(body, path=url)
        assert (status, headers["x-ai-provider"]) == (200, "fake")
        assert "provider" not in house.fake.calls[-1].body
    url, body = asked(path, provider=["elsewhere"])
    assert (await house.post(body, path=url))[0] == 503
    url, body = asked(path)
    assert (await house.post(body, path=url, headers={"x-ai-provider": "elsewhere"}))[0] == 503
    assert (await house.post(body, path=url, headers={"x-ai-provider": "other, fake"}))[0] == 200
    assert len(house.fake.calls) == 3


async def test_the_header_of_betas_is_part_of_the_job(house: House) -> None:
    url, body = asked("/v1/messages")
    said = {"anthropic-beta": "a-1,b-2", **ASYNC}
    accepted = (await house.post(body, path=url, headers=said))[2]
    found = await Jobs(house.bus).read(house.key.tenant, int(accepted["id"]))
    assert found is not None
    assert json.loads(found[1].job.body)["native"] == {"anthropic": {"betas": ["a-1", "b-2"]}}


async def test_one_request_is_one_record(house: House) -> None:
    for path in PATHS:
        url, body = asked(path)
        status, headers, _ = await house.post(body, path=url)
        row = await house.row(headers["x-job-id"])
        assert (status, row.outcome, row.op, row.model, row.tokens_out) == (200, "done", "chat", "m", 5)


def _receiver(heard: list[dict[str, Any]]) -> Any:
    from contextlib import asynccontextmanager

    from aiohttp import web

    @asynccontextmanager
    async def serve() -> AsyncIterator[str]:
        async def take(request: web.Request) -> web.Response:
            heard.append(await request.json())
            return web.Response()

        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        finally:
            await runner.cleanup()

    return serve()
