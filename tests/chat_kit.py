"""What tests of chat agents share: a job, tools that lose patience quickly, and a player that collects the events."""

import json
from typing import Any

from agents.agent import Tools, load
from schemas.events import Delta, Done, Event
from schemas.job import Job
from schemas.problem import Problem
from schemas.provider import Provider

KEY = "sk-canary-0123456789abcdef"
MESSAGES = [{"role": "user", "content": "Hello, provider!"}]


def provider(url: str, **changes: Any) -> Provider:
    quick = {"connect_timeout": 1.0, "first_timeout": 0.3, "stall_timeout": 0.3}
    return Provider(**{"name": "acme", "kind": "openai", "base_url": url, **quick, **changes})


def job(model: str = "m", stream: bool = False, keep: bool = False, **body: Any) -> Job:
    request = {"model": model, "messages": MESSAGES, "stream": stream, **body}
    raw = json.dumps(request).encode()
    return Job(
        id=1, tenant="t", key="k", op="chat", model=model, body=raw, created=0, deadline=9e9, stream=stream, keep=keep
    )


async def play(asked: Job, tools: Tools) -> tuple[list[Event], Problem | None]:
    """Every event of a job, and how it failed."""
    events: list[Event] = []
    try:
        async for event in load(tools.provider.kind).handles[asked.op](asked, tools):
            events.append(event)  # noqa: PERF401  (what came before a problem counts)
    except Problem as problem:
        return events, problem
    return events, None


def chunks(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(chunk) for event in events if isinstance(event, Delta) for chunk in event.chunks]


def text(events: list[Event]) -> str:
    deltas = [choice["delta"] for chunk in chunks(events) for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def done(events: list[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done)
    return last
