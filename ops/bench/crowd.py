"""Many streams at once: what a first token waits for in a busy house, and what a thousand readers cost.

The streams of the first figure begin one after the other and go on all the while, as callers do; two hundred that begin in
the same millisecond measure how fast a queue is worked off, which `rounds.streams` tells.
"""

import asyncio
from statistics import median

import msgspec

from ops.bench import meter
from ops.bench.load import Load
from ops.bench.press import ours
from ops.bench.rounds import STREAM_BODY, STREAMS, TOKENS, Site
from ops.prove.figures import Figures

CROWD, CROWD_TOKENS, CROWD_RATE = 1000, 24, 4.0
"""A thousand streams, of six seconds each."""
CROWD_MODEL = "crowd"
CROWD_BODY = STREAM_BODY.replace('"bench"', f'"{CROWD_MODEL}"', 1)


async def first_tokens(site: Site, figures: Figures, rounds: int, seconds: float) -> None:
    """200 streams of 50 tokens a second, always: the time to the first token against the relay's."""
    loads: dict[str, list[Load]] = {"relay": [], "house": []}
    for _ in range(rounds):
        for name, found in loads.items():
            task = site.task(name, STREAMS, seconds, STREAM_BODY, streams=True)
            found.append(await ours(msgspec.structs.replace(task, again=True, spread=2.0)))
    for load in loads["house"]:
        site.count(load)
    pairs = list(zip(loads["house"], loads["relay"], strict=True))
    for name in loads:
        figures.tell(f"first token p50, 200 streams under way, {name}", median(x.p50 for x in loads[name]), "ms")
        figures.tell(f"first token p99, 200 streams under way, {name}", median(x.p99 for x in loads[name]), "ms")
    added = [mine.p50 - direct.p50 for mine, direct in pairs]
    figures.at_most("first token p50, 200 streams under way, added", median(added), 2.0, "ms")
    figures.tell("first token p50, 200 streams under way, added, lowest round", min(added), "ms")
    told, wanted = sum(load.tokens for load in loads["house"]), sum(load.requests for load in loads["house"]) * TOKENS
    figures.equals("tokens out of tokens in, streams under way", told, wanted, "tokens")
    figures.at_most(
        "streams under way with a hole or no end", sum(load.garbled for load in loads["house"]), 0, "streams"
    )


async def thousand(site: Site, figures: Figures) -> None:
    """1,000 streams in one gateway process: its memory at the highest, and every chunk once, in order."""
    task = site.task("house", CROWD, 20, CROWD_BODY, streams=True)
    most: dict[str, float] = {}

    async def watch() -> None:
        while True:
            for role, size in meter.memory(site.house).items():
                most[role] = max(most.get(role, 0.0), size)
            await asyncio.sleep(0.25)

    watching = asyncio.create_task(watch())
    with meter.Meter(site.house) as cost:
        load = await ours(msgspec.structs.replace(task, spread=2.0))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    site.count(load)
    figures.at_most("memory of the gateway with 1,000 streams", most["gateway"], 300, "MB")
    figures.tell("memory of the agent with 1,000 streams", most["agent"], "MB")
    figures.tell("first token p50, 1,000 streams begun within 2 s", load.p50, "ms")
    figures.tell("CPU a token of 1,000 streams: all", sum(cost.cpu.values()) / max(1, load.tokens) * 1e6, "µs")
    figures.equals("tokens out of tokens in, 1,000 streams", load.tokens, CROWD * CROWD_TOKENS, "tokens")
    figures.at_most("streams of 1,000 with a hole or no end", load.garbled, 0, "streams")
