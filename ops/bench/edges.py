"""What another dialect costs, and what a very long prompt costs: the caller and his neighbours.

All that is compared takes turns, one request at a time over the same house and the same upstream. What a newcomer would get
wrong: a response of OpenAI's `responses` is stored unless its caller says no, and storing is no translation.
"""

import asyncio
from collections import defaultdict
from statistics import median
from typing import Any

import msgspec

from ops.bench.load import Load, Task
from ops.bench.press import in_turns, ours
from ops.bench.rounds import Site
from ops.prove.figures import Figures

SYSTEM, USER = "You are a helpful assistant. " * 20, "In one short sentence: what is the sea? " * 8
LONG = 'He said: "The sea, dear Zoë, covers\nmost of it" — and\tleft. ' * 6_700
"""About 400,000 characters: 100,000 tokens."""
MODEL = "bench"
FIRST = "openai"
"""The dialect that needs no translation."""
CLOSE = {"aiserver": 0.2}
"""Dialects that may add less than others: their chat is OpenAI's own, in other words (milliseconds at 1 kB)."""


def bodies(user: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Path and body of the same chat in each dialect."""
    turn, one = [{"role": "user", "content": user}], [{"role": "user", "parts": [{"text": user}]}]
    system = {"role": "system", "content": SYSTEM}
    return {
        FIRST: ("/v1/chat/completions", {"model": MODEL, "messages": [system, *turn]}),
        "anthropic": ("/v1/messages", {"model": MODEL, "max_tokens": 500, "system": SYSTEM, "messages": turn}),
        "ollama": ("/api/chat", {"model": MODEL, "messages": [system, *turn], "stream": False}),
        "gemini": (
            f"/v1beta/models/{MODEL}:generateContent",
            {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": one},
        ),
        "responses": ("/v1/responses", {"model": MODEL, "instructions": SYSTEM, "input": user, "store": False}),
        "aiserver": ("/api/OpenAiChatCompletion", {"model": MODEL, "messages": [system, *turn]}),
    }


def _tasks(site: Site, user: str) -> dict[str, Task]:
    return {
        name: msgspec.structs.replace(site.task("house", 1, 0, msgspec.json.encode(body).decode()), path=path)
        for name, (path, body) in bodies(user).items()
    }


async def translation(site: Site, figures: Figures, rounds: int, seconds: float) -> None:
    """Each dialect against OpenAI's own, at 1 kB and at 100,000 tokens of prompt."""
    for what, user, limit in (("1 kB", USER, 0.3), ("100k tokens", LONG, 5.0)):
        tasks = _tasks(site, user)
        tasks["upstream"] = site.task("upstream", 1, 0, tasks[FIRST].body)
        found: dict[str, list[Load]] = defaultdict(list)
        for _ in range(rounds):
            loads = dict(zip(tasks, await in_turns(list(tasks.values()), seconds), strict=True))
            for name, load in loads.items():
                found[name].append(load)
                if name != "upstream":
                    site.count(load)
        _tell(figures, found, what, limit)


def _tell(figures: Figures, found: dict[str, list[Load]], what: str, limit: float) -> None:
    def added(name: str, to: str) -> float:
        return median(mine.p50 - base.p50 for mine, base in zip(found[name], found[to], strict=True))

    figures.tell(f"p50 of a chat of {what}", median(load.p50 for load in found[FIRST]), "ms")
    if limit > 1:
        figures.at_most(f"added p50 of a chat of {what}", added(FIRST, "upstream"), limit, "ms")
    for name in found:
        if name not in (FIRST, "upstream"):
            most = CLOSE.get(name, limit) if limit < 1 else limit
            figures.at_most(f"translation of {what} adds, {name}, p50", added(name, FIRST), most, "ms")


async def neighbours(site: Site, figures: Figures, rounds: int, seconds: float) -> None:
    """Small requests at a steady pace, alone and beside nearly ten 100k-token prompts a second.

    One in a hundred may have to wait behind a long one, at the gateway and at the agent; the others must not feel it.
    """
    small = msgspec.structs.replace(site.task("house", 8, seconds), pause=0.02, spread=0.02)
    large = msgspec.structs.replace(_tasks(site, LONG)[FIRST], connections=1, seconds=seconds, pause=0.1)
    alone: list[Load] = []
    beside: list[Load] = []
    long: list[Load] = []
    for _ in range(rounds):
        alone.append(await ours(small))
        one, other = await asyncio.gather(ours(small), ours(large))
        beside.append(one)
        long.append(other)
    for load in (*alone, *beside, *long):
        site.count(load)
    figures.tell("100k-token prompts a second meanwhile", median(load.rate for load in long), "1/s")
    figures.tell("100k-token prompts, p99", median(load.p99 for load in long), "ms")
    for name, of, limit in (("p50", lambda load: load.p50, 0.5), ("p99", lambda load: load.p99, 10.0)):
        before, after = median(map(of, alone)), median(map(of, beside))
        figures.tell(f"small requests alone, {name}", before, "ms")
        figures.tell(f"small requests beside 100k-token prompts, {name}", after, "ms")
        figures.at_most(f"100k-token prompts slow small ones, {name}", after - before, limit, "ms")
