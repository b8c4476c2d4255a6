"""The conformance suite's second part: embeddings, lists of models, and the table of faults, for every kind of provider."""

import base64
import json
import struct
import time
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import pytest
from chat_kit import KEY, job, play, text
from conform_kit import FAKES, KINDS, House
from fake_scenes import embed
from test_agents_faults import FAULTS

from agents._http import Http
from agents.agent import Tools, load
from schemas.job import Job
from schemas.problem import Code, Problem


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(private=True) as client:
        yield client


@pytest.fixture(params=KINDS)
async def house(request: pytest.FixtureRequest, http: Http) -> AsyncIterator[House]:
    async with FAKES[request.param](key=KEY) as fake:
        yield House(request.param, fake, http)


# ---- embeddings, models ----


def embeddings(**body: Any) -> Job:
    raw = json.dumps({"model": "e", **body}).encode()
    return Job(id=1, tenant="t", key="k", op="embeddings", model="e", body=raw, created=0, deadline=9e9)


async def test_embeddings_are_openais_list(house: House) -> None:
    if house.kind == "anthropic":
        assert "embeddings" not in load("anthropic").handles
        return
    one = await house.ask(embeddings(input="abcd", dimensions=3))
    assert [row["embedding"] for row in one["data"]] == [embed("abcd")]
    two = await house.ask(embeddings(input=["ab", "abc"], encoding_format="base64", refId="r"))
    packed = [struct.unpack("<3f", base64.b64decode(row["embedding"])) for row in two["data"]]
    assert [list(row) for row in packed] == [embed("ab"), embed("abc")]
    assert [row["index"] for row in two["data"]] == [0, 1]
    assert two["object"] == "list"
    assert two["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    if house.kind != "openai":
        _, problem = await play(embeddings(input=[[1, 2]]), house.tools)
        assert problem is not None
        assert (problem.code, problem.fault.param) == (Code.PROVIDER_REFUSED, "input")


async def test_models_are_listed_with_what_they_do(house: House) -> None:
    agent = load(house.kind)
    assert agent.models
    assert agent.check
    listed = {(model.name, model.op) for model in await agent.models(house.tools)}
    assert (
        listed
        == {
            "openai": {
                ("gpt-5", "chat"),
                ("text-embedding-3-small", "embeddings"),
                ("whisper-1", "speech_to_text"),
            },
            "anthropic": {("claude-haiku-4-5", "chat"), ("claude-opus-5", "chat")},
            "gemini": {
                ("gemini-3-pro", "chat"),
                ("gemini-3-pro", "speech_to_text"),
                ("gemini-embedding-001", "embeddings"),
                ("imagen-4", "text_to_image"),
            },
            "ollama": {("qwen3:0.6b", "chat"), ("nomic", "embeddings"), ("all-minilm:latest", "embeddings")},
        }[house.kind]
    )
    await agent.check(house.tools)


# ---- failures ----


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("script", FAULTS)
async def test_every_fault_is_the_same_problem_whoever_fails(house: House, script: str, stream: bool) -> None:
    began = time.monotonic()
    events, problem = await play(job(script, stream), house.tools.fresh())
    assert problem is not None
    assert problem.code == FAULTS[script][1 if stream else 0]
    assert problem.fault.provider == "acme"
    assert time.monotonic() - began < 2
    assert KEY not in repr(problem.fault) + repr(events)
    if script.isdigit() or script == "429-date":
        assert f"scripted {int(script[:3])}" in problem.fault.message, "the provider's own words are kept"
    if problem.code is Code.STREAM_BROKEN:
        assert text(events) == "Grüße from"
        usage = getattr(problem, "usage", None)
        assert usage is not None
        assert usage.estimated
        assert usage.tokens_out == 3
    wait = problem.fault.retry_after
    assert {"429": wait == 7, "429-date": wait is not None and 3500 < wait <= 3600, "503": wait == 3}.get(
        script, wait is None
    )


async def test_a_wrong_key_is_the_operators_business(house: House) -> None:
    tools = Tools(house.tools.http, house.tools.provider, key="sk-wrong-0123456789")
    _, problem = await play(job("plain"), tools)
    assert problem is not None
    assert problem.code is Code.PROVIDER_AUTH
    assert "sk-wrong" not in problem.fault.message


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"x":1}', b"null", b'"text"', b"7", b"\xff", b""])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_nonsense_with_200_is_garbled(house: House, body: bytes, stream: bool) -> None:
    module, asked, tools = import_module(f"agents.{house.kind}"), job("plain", stream), house.tools.fresh()
    with pytest.raises(Problem, match="acme") as caught:
        module.to_reader(asked, tools).whole(body) if stream else module.to_result(asked, tools, body)
    assert caught.value.code is Code.PROVIDER_GARBLED
