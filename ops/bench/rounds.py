"""The rounds: upstream alone, direct relay, and the house, one after the other, several times over.

Machines breathe: what is compared is pressed within the same seconds, and what is told is the middle of the rounds with
its range. Whoever trusts one round measures the neighbours.
"""

from collections import defaultdict
from pathlib import Path
from statistics import median

import msgspec

from ops.bench.load import Load, Task
from ops.bench.meter import Meter
from ops.bench.press import ours, press
from ops.prove.figures import Figures
from ops.prove.house import House

CONNECTIONS = (1, 32, 128)
STREAMS, TOKENS, RATE = 200, 100, 50.0
BODY = msgspec.json.encode(
    {
        "model": "bench",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. " * 20},
            {"role": "user", "content": "In one short sentence: what is the sea? " * 8},
        ],
    }
).decode()
STREAM_BODY = BODY[:-1] + ',"stream":true,"stream_options":{"include_usage":true}}'


class Site:
    """The three addresses, and what has been sent to the third."""

    def __init__(self, house: House, upstream: int, relay: int, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.ports = {"upstream": upstream, "relay": relay, "house": house.port}
        self.headers = {"Authorization": f"Bearer {house.key}"}
        self.answered = 0
        """Answers that were read from the house."""
        self.cut = 0
        """Requests that the load tool may have sent besides, and left."""
        self.errors = 0

    def task(self, name: str, connections: int, seconds: float, body: str = BODY, streams: bool = False) -> Task:
        headers = self.headers if name == "house" else {}
        return Task(
            port=self.ports[name],
            headers=headers,
            body=body,
            connections=connections,
            seconds=seconds,
            streams=streams,
        )

    def count(self, load: Load, cut: int = 0) -> None:
        self.answered += load.requests
        self.cut += cut
        self.errors += load.errors


async def plain(site: Site, figures: Figures, rounds: int, seconds: float) -> None:
    """Chat completions of about 1 kB at 1, 32 and 128 connections."""
    loads: dict[tuple[str, int], list[Load]] = defaultdict(list)
    cpu: dict[str, float] = defaultdict(float)
    site.count(await ours(site.task("house", 8, min(1.0, seconds))))  # warm: the first requests load code
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for name in site.ports:
                with Meter(site.house) as meter:
                    load = await press(site.task(name, connections, seconds), site.folder)
                loads[name, connections].append(load)
                if name == "house":
                    site.count(load, connections)
                    if connections == 32:
                        for role, spent in meter.cpu.items():
                            cpu[role] += spent
    _tell_plain(figures, loads)
    requests = sum(load.requests for load in loads["house", 32])
    for role, spent in cpu.items():
        figures.tell(f"CPU a request at 32: {role}", spent / max(1, requests) * 1e6, "µs")
    figures.tell("CPU a request at 32: all", sum(cpu.values()) / max(1, requests) * 1e6, "µs")


def _tell_plain(figures: Figures, loads: dict[tuple[str, int], list[Load]]) -> None:
    for connections in CONNECTIONS:
        mine, relay = loads["house", connections], loads["relay", connections]
        rate = median(load.rate for load in mine)
        if connections == 32:
            figures.at_least("requests/s at 32", rate, 3000, "1/s")
        else:
            figures.tell(f"requests/s at {connections}", rate, "1/s")
        figures.tell(f"p50 at {connections}", median(load.p50 for load in mine), "ms")
        figures.tell(f"p99 at {connections}", median(load.p99 for load in mine), "ms")
        ratios = [ours.rate / direct.rate for ours, direct in zip(mine, relay, strict=True) if direct.rate]
        figures.tell(f"ratio to the relay at {connections}", median(ratios or [0]))
        if len(ratios) > 1:
            figures.tell(f"ratio to the relay at {connections}, lowest", min(ratios))
            figures.tell(f"ratio to the relay at {connections}, highest", max(ratios))
        figures.tell(f"relay requests/s at {connections}", median(load.rate for load in relay), "1/s")
        alone = [load.rate for load in loads["upstream", connections]]
        figures.tell(f"upstream requests/s at {connections}", median(alone), "1/s")
    pairs = zip(loads["house", 1], loads["upstream", 1], strict=True)
    figures.at_most("added p50 at 1 connection", median(ours.p50 - alone.p50 for ours, alone in pairs), 1.2, "ms")


async def streams(site: Site, figures: Figures, rounds: int) -> None:
    """200 streams at once, 100 tokens each at 50 a second: time to the first token, and what a token costs."""
    mine: list[Load] = []
    direct: list[Load] = []
    cpu: dict[str, float] = defaultdict(float)
    for _ in range(rounds):
        direct.append(await ours(site.task("relay", STREAMS, 10, STREAM_BODY, streams=True)))
        with Meter(site.house) as meter:
            load = await ours(site.task("house", STREAMS, 10, STREAM_BODY, streams=True))
        mine.append(load)
        site.count(load)
        for role, spent in meter.cpu.items():
            cpu[role] += spent
    tokens = sum(load.tokens for load in mine)
    figures.tell("first token p50, 200 streams", median(load.p50 for load in mine), "ms")
    figures.tell("first token p99, 200 streams", median(load.p99 for load in mine), "ms")
    figures.tell("first token p50, 200 streams, relay", median(load.p50 for load in direct), "ms")
    figures.tell("seconds for 200 streams", median(load.seconds for load in mine), "s")
    figures.tell("seconds for 200 streams, relay", median(load.seconds for load in direct), "s")
    figures.equals("tokens out of tokens in", tokens, STREAMS * TOKENS * rounds, "tokens")
    figures.at_most("streams with a hole or no end", sum(load.garbled for load in mine), 0, "streams")
    for role, spent in cpu.items():
        figures.tell(f"CPU a token: {role}", spent / max(1, tokens) * 1e6, "µs")
    figures.tell("CPU a token: all", sum(cpu.values()) / max(1, tokens) * 1e6, "µs")


async def queued(site: Site, figures: Figures, seconds: float, durability: str) -> None:
    """Accept of durable jobs at 8 in flight, while the agents work them off as fast as they can."""
    site.headers = {**site.headers, "Prefer": "respond-async"}
    load = await ours(site.task("house", 8, seconds))
    site.headers.pop("Prefer")
    site.count(load)
    name = "accept" if durability == "power" else f"accept, durability {durability}"
    if durability == "power":
        figures.at_most(f"{name} p50", load.p50, 10, "ms")
        figures.at_least(f"{name} a second", load.rate, 250, "1/s")
    else:
        figures.tell(f"{name} p50", load.p50, "ms")
        figures.at_least(f"{name} a second", load.rate, 1500, "1/s")
    figures.tell(f"{name} p99", load.p99, "ms")
