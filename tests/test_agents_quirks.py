"""Servers of OpenAI's dialect that refuse a field: asked again in a form they know, unless that would change the answer."""

from typing import Any

import pytest
from chat_kit import KEY, job, play, provider
from fake_openai import FakeOpenAI

from agents._http import Http
from agents.agent import Tools
from schemas.problem import Code


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("mistral", {"max_completion_tokens": 5, "store": False, "parallel_tool_calls": True}, {"max_tokens": 5}),
        ("o9", {"max_tokens": 5, "thinking": {"type": "enabled", "budget_tokens": 2000}}, {"max_completion_tokens": 5}),
    ],
)
async def test_a_field_that_a_server_does_not_know_is_renamed_or_left_out(
    model: str, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with Http() as http, FakeOpenAI(key=KEY) as fake:
        known = Tools(http, provider(fake.url), key=KEY)
        for _ in range(2):
            _, problem = await play(job(model, **asked), known.fresh())
            assert problem is None, problem.fault
        sent = {
            name: value for name, value in fake.calls[-1].body.items() if name not in ("model", "messages", "stream")
        }
        assert sent == expected
        assert len(fake.calls) <= 4


async def test_a_field_that_changes_the_answer_is_never_left_out() -> None:
    async with Http() as http, FakeOpenAI(key=KEY) as fake:
        _, problem = await play(job("mistral", seed=1), Tools(http, provider(fake.url), key=KEY))
        assert problem is not None
        assert (problem.code, problem.fault.param) == (Code.PROVIDER_REFUSED, "seed")
        assert "seed: Extra inputs are not permitted" in problem.fault.message
