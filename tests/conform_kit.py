"""What the conformance suite shares: every kind with its double, and what must be the same whoever answers."""

import json
from typing import Any

from chat_kit import KEY, done, play, provider
from fake_anthropic import FakeAnthropic
from fake_gemini import FakeGemini
from fake_ollama import FakeOllama
from fake_openai import FakeOpenAI
from fake_scenes import FakeForeign, Scene

from agents._http import Http
from agents.agent import Tools
from schemas.job import Job

FAKES: dict[str, type[FakeForeign]] = {
    "openai": FakeOpenAI,
    "anthropic": FakeAnthropic,
    "gemini": FakeGemini,
    "ollama": FakeOllama,
}
KINDS = list(FAKES)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 9}, "at": {"type": "object", "properties": {}}},
    "required": ["city"],
}


class House:
    """One kind of provider and tools that call it."""

    def __init__(self, kind: str, fake: FakeForeign, http: Http) -> None:
        self.kind, self.fake = kind, fake
        self.tools = Tools(http, provider(fake.url, kind=kind), key=KEY)

    async def ask(self, asked: Job) -> dict[str, Any]:
        """The completion; a problem is a failure of the test."""
        events, problem = await play(asked, self.tools.fresh())
        assert problem is None, problem.fault
        found: dict[str, Any] = json.loads(done(events).body)
        return found

    @property
    def sent(self) -> dict[str, Any]:
        return self.fake.calls[-1].body


def told(completion: dict[str, Any]) -> dict[str, Any]:
    """What must be the same whoever answers: all but ids and names."""
    [choice] = completion["choices"]
    message, usage = choice["message"], completion["usage"]
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return {
        "content": message["content"],
        "reasoning": message.get("reasoning_content"),
        "calls": [(call["name"], json.loads(call["arguments"])) for call in calls],
        "finish": choice["finish_reason"],
        "usage": (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]),
    }


def expected(scene: Scene) -> dict[str, Any]:
    asked, answered, *_ = scene.tokens
    return {
        "content": "".join(scene.words) or (None if scene.calls else ""),
        "reasoning": "".join(scene.thoughts) or None,
        "calls": [(name, json.loads("".join(pieces) or "{}")) for name, pieces in scene.calls],
        "finish": scene.finish,
        "usage": (asked, answered, asked + answered),
    }


def plays(house: House, scene: str) -> bool:
    return not (house.kind == "ollama" and scene == "filtered")  # it filters nothing


def same(completion: dict[str, Any]) -> dict[str, Any]:
    """Without what may differ between two calls: made-up ids, the clock, white space inside arguments."""
    message = completion["choices"][0]["message"]
    for call in message.get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return {name: value for name, value in completion.items() if name not in ("id", "created")}


def tools(kind: str, base: str = "https://x.example") -> Tools:
    return Tools(Http(), provider(base, kind=kind), key=KEY)
