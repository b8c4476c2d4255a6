"""What is particular to Gemini: levels and budgets of thought, the model in the path, blocked prompts, candidates."""

import json
from typing import Any

import pytest
from chat_kit import KEY, done, job, play, provider
from conform_kit import tools
from fake_gemini import FakeGemini
from fake_scenes import sse

from agents import gemini
from agents._http import Http
from agents.agent import Tools
from schemas.problem import Code


def gemini_config(model: str, **asked: Any) -> dict[str, Any]:
    body = gemini.to_call(job(model, **asked), tools("gemini")).body
    assert isinstance(body, dict)
    found: dict[str, Any] = body.get("generationConfig", {})
    return found


def test_an_effort_is_a_budget_or_a_level_as_the_gemini_wants_it() -> None:
    assert gemini_config("gemini-2.5-flash", reasoning_effort="none") == {"thinkingConfig": {"thinkingBudget": 0}}
    expected = {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"}}
    assert gemini_config("gemini-3-pro", reasoning_effort="high") == expected
    given = gemini_config("gemini-2.5-pro", thinking={"type": "enabled", "budget_tokens": 2000})
    assert given == {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2000}}
    assert gemini_config("gemini-3-pro") == {}


@pytest.mark.parametrize(
    ("base", "model", "path"),
    [
        ("https://x.example", "gemini-3-pro", "/v1beta/models/gemini-3-pro:generateContent"),
        ("https://x.example/v1beta/", "gemini-3-pro", "/models/gemini-3-pro:generateContent"),
        ("https://x.example", "tunedModels/mine", "/v1beta/tunedModels/mine:generateContent"),
        ("https://x.example", "a?key=b#c", "/v1beta/models/a%3Fkey%3Db%23c:generateContent"),
    ],
)
def test_a_model_is_part_of_geminis_path_and_nothing_else(base: str, model: str, path: str) -> None:
    call = gemini.to_call(job(model), tools("gemini", base))
    assert call.path == path
    assert str(tools("gemini", base).url(call.path)).startswith("https://x.example/v1beta/")


async def test_geminis_refusals_are_told_apart() -> None:
    async with Http() as http, FakeGemini(key=KEY) as fake:
        known = Tools(http, provider(fake.url, kind="gemini"), key=KEY)
        _, problem = await play(job("plain"), Tools(http, known.provider, key="wrong-0123456789"))
        assert problem is not None
        assert (problem.code, problem.fault.provider_status) == (Code.PROVIDER_AUTH, 400)
        events, problem = await play(job("filtered"), known)
        assert problem is None
        choice = json.loads(done(events).body)["choices"][0]
        assert (choice["finish_reason"], choice["native_finish_reason"]) == ("content_filter", "SAFETY")
    told = gemini.to_reader(job("m", True), tools("gemini"))
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}}
    assert told.feed(sse(blocked)) == []
    assert told.failed is not None
    assert told.failed.code is Code.PROVIDER_REFUSED
    assert "PROHIBITED_CONTENT" in told.failed.fault.message


async def test_a_gemini_that_does_not_think_is_asked_without() -> None:
    async with Http() as http, FakeGemini(key=KEY) as fake:
        known = Tools(http, provider(fake.url, kind="gemini"), key=KEY)
        for _ in range(2):
            _, problem = await play(job("thoughtless", reasoning_effort="low"), known.fresh())
            assert problem is None
        assert ["thinkingConfig" in call.body.get("generationConfig", {}) for call in fake.calls] == [
            True,
            False,
            False,
        ]


def test_logprobs_and_several_candidates_of_gemini_are_openais() -> None:
    tokens = [{"token": "Hi", "logProbability": -0.5}]
    logprobs = {"chosenCandidates": tokens, "topCandidates": [{"candidates": tokens}]}
    candidates = [
        {"content": {"parts": [{"text": f"Hi {i}"}]}, "finishReason": "STOP", "index": i, "logprobsResult": logprobs}
        for i in range(2)
    ]
    body = json.dumps({"candidates": candidates, "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}})
    found = json.loads(gemini.to_result(job("m"), tools("gemini"), body.encode()).body)["choices"]
    assert [choice["message"]["content"] for choice in found] == ["Hi 0", "Hi 1"]
    one = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    assert found[1]["logprobs"] == {"content": [{**one, "top_logprobs": [one]}]}
