"""What is particular to Ollama: its options, its thinking, its lines. And who takes sounds, who notices a caller leave."""

import asyncio
from typing import Any

import pytest
from chat_kit import KEY, chunks, job, play, provider
from conform_kit import tools
from fake_anthropic import FakeAnthropic
from fake_gemini import FakeGemini
from fake_ollama import FakeOllama

from agents import anthropic, gemini, ollama
from agents._http import Http
from agents._lines import Lines
from agents._sse import TooLargeError
from agents.agent import Tools


def test_options_of_ollama_come_from_everywhere() -> None:
    asked = job(
        "m", options={"num_ctx": 8192, "seed": 1}, seed=2, top_k=3, max_tokens=9, stop="x", keep_alive="5m", num_gpu=1
    )
    body = ollama.to_call(asked, tools("ollama")).body
    assert isinstance(body, dict)
    assert body["options"] == {"num_ctx": 8192, "seed": 2, "top_k": 3, "num_predict": 9, "stop": ["x"], "num_gpu": 1}
    assert body["keep_alive"] == "5m"


@pytest.mark.parametrize(
    ("asked", "think"),
    [
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "none"}, False),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, True),
        ({"think": "high", "reasoning_effort": "none"}, "high"),
        ({}, None),
    ],
)
def test_a_wish_for_thinking_is_think_at_ollama(asked: dict[str, Any], think: Any) -> None:
    body = ollama.to_call(job("m", **asked), tools("ollama")).body
    assert isinstance(body, dict)
    assert body.get("think") == think


async def test_an_ollama_model_that_does_not_think_is_asked_without() -> None:
    async with Http() as http, FakeOllama(key=KEY) as fake:
        known = Tools(http, provider(fake.url, kind="ollama"), key=KEY)
        for _ in range(2):
            _, problem = await play(job("thoughtless", reasoning_effort="low"), known.fresh())
            assert problem is None
        assert ["think" in call.body for call in fake.calls] == [True, False, False]


def test_lines_are_found_wherever_the_network_cuts() -> None:
    raw = b'{"a":1}\r\n\n{"b":2}\n{"c":3}'
    for size in range(1, len(raw) + 1):
        lines = Lines()
        found = [line for start in range(0, len(raw), size) for _, line in lines.feed(raw[start : start + size])]
        assert found + [line for _, line in lines.end()] == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    with pytest.raises(TooLargeError):
        [Lines(10).feed(b"x" * 6) for _ in range(1)] + [Lines(10).feed(b"x" * 11)]


async def test_a_sound_is_refused_by_who_cannot_hear() -> None:
    sound = [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]}
    ]
    for kind in (anthropic, ollama):
        with pytest.raises(Exception, match="acme takes no input_audio"):
            kind.to_call(job("m", messages=sound), tools("x"))
    body = gemini.to_call(job("m", messages=sound), tools("gemini")).body
    assert isinstance(body, dict)
    assert body["contents"][0]["parts"] == [{"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}]


async def test_a_caller_who_leaves_hangs_up_on_every_kind() -> None:
    for kind, fake_kind in (("anthropic", FakeAnthropic), ("gemini", FakeGemini), ("ollama", FakeOllama)):
        async with Http() as http, fake_kind(key=KEY) as fake:
            known = Tools(http, provider(fake.url, kind=kind), key=KEY).fresh()
            module = {"anthropic": anthropic, "gemini": gemini, "ollama": ollama}[kind]
            story = module.agent.handles["chat"](job("stall", True), known)
            first = await anext(story)
            await story.aclose()
            assert chunks([first])
            if kind != "ollama":
                assert known.meter.usage().tokens_in == 20, "what the provider said of the prompt is known by then"
            for _ in range(200):
                if fake.calls[0].end:
                    break
                await asyncio.sleep(0.005)
            assert fake.calls[0].end
