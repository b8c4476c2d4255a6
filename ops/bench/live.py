"""What an open page of the live view costs: the gateway's processor time with no viewer, one and ten, at rest and while 200
streams run.

The house of its own has slow streams (two tokens a second), or their own cost would drown what is measured. What a newcomer
would get wrong: the states are measured in turns, for the machine has neighbours; what is judged is the middle of the rounds.
Run alone: `python -m ops.bench.live [SECONDS]`.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import aiohttp

from ops.prove.child import server
from ops.prove.figures import Figures
from ops.prove.house import House, until_signal

RUNNING = 200
VIEWERS = (0, 1, 10)
TOKENS, RATE = 1200, 2.0
SETTLE = 2.5
"""Seconds after a change of viewers: a first look costs more than going on."""
CONFIG = """
detect = false
durability = "process"
[providers.slow]
base_url = "http://127.0.0.1:{port}/v1"
models = ["slow"]
discover = false
slots = 256
"""
BODY = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "What is the sea? " * 20}]}


class Feed:
    """What one viewer has read."""

    def __init__(self) -> None:
        self.events = self.size = 0


async def pages(folder: Path, figures: Figures, rounds: int, seconds: float) -> None:
    """`seconds`: of each measurement; in 5 or less there is time for one viewer alone."""
    async with (
        server("ops.bench.upstream", str(TOKENS), str(RATE)) as upstream,
        House(folder, CONFIG.format(port=upstream)) as house,
    ):
        await house.until(lambda: house.serves("slow"), 20, "a first answer")
        found = (await house.command("keys", "create", "viewer", "--admin")).split()
        admin = next(word for word in found if word.startswith("ais-"))
        await _measured(house, admin, figures, "at rest", rounds, seconds)
        async with _streams(house):
            await _measured(house, admin, figures, f"{RUNNING} streams", rounds, seconds)


async def _measured(house: House, admin: str, figures: Figures, name: str, rounds: int, seconds: float) -> None:
    shares: dict[int, list[float]] = defaultdict(list)
    others: dict[int, list[float]] = defaultdict(list)
    sizes: list[float] = []
    for _ in range(rounds):
        for viewers in VIEWERS if seconds > 5 else VIEWERS[:2]:
            async with _viewers(house, admin, viewers) as feeds:
                await asyncio.sleep(SETTLE)
                before, size = _cpu(house), sum(feed.size for feed in feeds)
                await asyncio.sleep(seconds)
                after = _cpu(house)
                shares[viewers].append((after["gateway"] - before["gateway"]) / seconds * 100)
                others[viewers].append((after["agent"] - before["agent"]) / seconds * 100)
                sizes += [(sum(feed.size for feed in feeds) - size) / viewers / seconds] if viewers else []
    figures.tell(f"live view, {name}: gateway with no viewer", median(shares[0]), "% of a core")
    for viewers in sorted(set(shares) - {0}):
        pairs = zip(shares[viewers], shares[0], strict=True)
        cost = max(0.0, median(mine - none for mine, none in pairs))
        what = f"live view, {name}: {viewers} viewer{'s' if viewers > 1 else ''}, added to the gateway"
        figures.at_most(what, cost, 1.0, "% of a core")
    added = median(mine - none for mine, none in zip(others[1], others[0], strict=True))
    figures.tell(f"live view, {name}: 1 viewer, added to the agent", max(0.0, added), "% of a core")
    figures.tell(f"live view, {name}: what a viewer reads", median(sizes), "bytes/s")


@asynccontextmanager
async def _viewers(house: House, admin: str, many: int) -> AsyncIterator[list[Feed]]:
    feeds = [Feed() for _ in range(many)]
    async with aiohttp.ClientSession(headers={"X-Api-Key": admin}, timeout=aiohttp.ClientTimeout(total=None)) as web:
        tasks = [asyncio.create_task(_view(house, web, feed)) for feed in feeds]
        try:
            yield feeds
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _view(house: House, web: aiohttp.ClientSession, feed: Feed) -> None:
    async with web.get(house.url + "/admin/live/events") as reply:
        reply.raise_for_status()
        async for piece in reply.content.iter_any():
            feed.events += piece.count(b"\nevent: ")
            feed.size += len(piece)


@asynccontextmanager
async def _streams(house: House) -> AsyncIterator[None]:
    """`RUNNING` chats under way."""
    begun = 0

    async def stream(web: aiohttp.ClientSession) -> None:
        nonlocal begun
        async with web.post(house.url + "/v1/chat/completions", json=BODY) as reply:
            reply.raise_for_status()
            begun += 1
            async for _ in reply.content.iter_any():
                pass

    connector = aiohttp.TCPConnector(limit=0)
    headers, forever = {"X-Api-Key": house.key}, aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=forever) as web:
        tasks = [asyncio.create_task(stream(web)) for _ in range(RUNNING)]

        async def all_run() -> bool:
            return begun == RUNNING

        try:
            await house.until(all_run, 30, f"{RUNNING} streams")
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _cpu(house: House) -> dict[str, float]:
    """Seconds of processor time of the gateways and of the agents, to the nanosecond: a clock tick is too coarse here."""
    found = house.processes()
    return {role: sum(_spent(process.pid) for process in found.get(role, [])) for role in ("gateway", "agent")}


def _spent(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def main() -> int:
    figures = Figures()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0

    async def run() -> list[str]:
        with tempfile.TemporaryDirectory(prefix="ai-server-live-") as folder:
            await pages(Path(folder), figures, 1, seconds)
        return []

    asyncio.run(until_signal(run()))
    figures.show("live view")
    return 1 if figures.missed else 0


if __name__ == "__main__":
    sys.exit(main())
