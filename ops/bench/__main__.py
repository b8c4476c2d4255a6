"""`python -m ops.bench`: one house, pressed through its front door, and the figures in build/bench.json.

Exit code 1 when an answer was wrong or a record is missing: that is broken. A figure below its goal is told, and is an
error with `--strict` alone, for a shared machine may be slow today.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ops.bench import archive, blobs, crowd, edges, live, meter, rounds, ui, variants
from ops.prove.child import server
from ops.prove.figures import Figures
from ops.prove.house import Broken, House, until_signal

REST = 12.0
"""Seconds until a house is at rest: the archiver gives its connection to DuckDB back after 10 (`ops/archiver.py`)."""

CONFIG = """
detect = false
durability = "{durability}"
[providers.bench]
base_url = "http://127.0.0.1:{port}/v1"
models = ["bench"]
discover = false
slots = 512
[providers.crowd]
base_url = "http://127.0.0.1:{crowd}/v1"
models = ["crowd"]
discover = false
slots = 1200
"""


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m ops.bench", description=__doc__)
    words.add_argument("--short", action="store_true", help="one round of short runs: a minute instead of five")
    words.add_argument("--rounds", type=int, default=0, help="rounds of the interleaved part (3, short 1)")
    words.add_argument("--seconds", type=float, default=0, help="seconds of one run (3, short 1)")
    words.add_argument("--strict", action="store_true", help="a missed goal is an error")
    words.add_argument("--out", type=Path, default=Path("build/bench.json"))
    words.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    asked = words.parse_args()
    figures = Figures()
    folder = Path(tempfile.mkdtemp(prefix="ai-server-bench-"))
    count, seconds = asked.rounds or (1 if asked.short else 3), asked.seconds or (1.0 if asked.short else 3.0)
    broken: list[str] = []
    try:
        broken = asyncio.run(until_signal(bench(folder, figures, count, seconds)))
    except Broken as error:
        broken = [str(error)]
    except (KeyboardInterrupt, asyncio.CancelledError):
        broken = ["interrupted"]
    figures.show("bench")
    figures.write(asked.out)
    for line in broken:
        print(f"broken: {line}", file=sys.stderr)
    if asked.keep or broken:
        print(f"data and logs: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if broken or (asked.strict and figures.missed) else 0


async def bench(folder: Path, figures: Figures, count: int, seconds: float) -> list[str]:
    """The whole run. Returns what is broken, in words."""
    power = await _power(folder / "power", figures, count, seconds)
    await live.pages(folder / "live", figures, 1, 20.0 if seconds > 1 else 5.0)
    process = await _process(folder / "process", figures, seconds)
    await archive.archive(folder / "archive", figures, short=seconds <= 1)
    if seconds > 1:  # over few rows it says nothing, and takes 40 s
        await ui.pages(folder / "ui", figures, short=False)
    return [*power, *process]


@asynccontextmanager
async def _site(folder: Path, durability: str) -> AsyncIterator[rounds.Site]:
    async with (
        server("ops.bench.upstream", str(rounds.TOKENS), str(rounds.RATE)) as upstream,
        server("ops.bench.upstream", str(crowd.CROWD_TOKENS), str(crowd.CROWD_RATE)) as many,
        server("ops.bench.relay", str(upstream)) as relay,
        House(folder, CONFIG.format(port=upstream, crowd=many, durability=durability)) as house,
    ):
        await house.until(lambda: house.serves("bench"), 20, "a first answer")
        yield rounds.Site(house, upstream, relay, folder)


async def _power(folder: Path, figures: Figures, count: int, seconds: float) -> list[str]:
    async with _site(folder, "power") as site:
        house = site.house
        await house.stop()
        begun = time.monotonic()
        await house.start()
        await house.until(lambda: house.serves("bench"), 20, "a first answer")
        figures.at_most("start to first answer", time.monotonic() - begun, 2.0, "s")
        figures.tell("machine busy with others while we rest", await meter.others(REST))
        for role, size in meter.memory(house).items():
            figures.at_most(f"memory at rest: {role}", size, 100, "MB")
        await rounds.plain(site, figures, count, seconds)
        await edges.translation(site, figures, count, seconds * 3)
        await edges.neighbours(site, figures, count + 1, seconds * 2)
        await rounds.streams(site, figures, count)
        await crowd.first_tokens(site, figures, count + 1, seconds + 3)
        await crowd.thousand(site, figures)
        await rounds.queued(site, figures, seconds + 2, "power")
        await blobs.files(site, figures, count, 1000 if seconds > 1 else 200)
        await variants.pictures(site, figures, count, seconds)
        for role, size in meter.memory(house).items():
            figures.tell(f"memory under load: {role}", size, "MB")
        return await _records(site, figures)


async def _process(folder: Path, figures: Figures, seconds: float) -> list[str]:
    """The same accept without the fsync, in a house of its own: a stream keeps the durability it was made with."""
    async with _site(folder, "process") as site:
        await rounds.queued(site, figures, seconds + 2, "process")
        return await _records(site, figures, ", durability process")


async def _records(site: rounds.Site, figures: Figures, name: str = "") -> list[str]:
    """Every answered request has its one row. wrk leaves without reading its last answers: those rows may be there too."""
    query = "select count(*) as rows, count(distinct job) as jobs from requests where outcome = 'done'"
    wanted = site.answered + site.house.served
    deadline = time.monotonic() + 60
    while True:
        found = (await site.house.sql(query))[0]
        if found["jobs"] >= wanted or time.monotonic() > deadline:
            break
        await asyncio.sleep(1)
    figures.tell(f"requests answered{name}", wanted, "requests")
    figures.at_least(f"records{name}", found["jobs"], wanted, "rows")
    figures.at_most(f"records beyond requests{name}", max(0, found["jobs"] - wanted - site.cut), 0, "rows")
    figures.at_most(f"records doubled{name}", found["rows"] - found["jobs"], 0, "rows")
    figures.at_most(f"errors{name}", site.errors, 0, "answers")
    wrong = {
        "answers were wrong": site.errors,
        "records are missing": max(0, wanted - found["jobs"]),
        "records are of nobody": max(0, found["jobs"] - wanted - site.cut),
        "records are double": found["rows"] - found["jobs"],
    }
    return [f"{n} {what}{name}" for what, n in wrong.items() if n]


if __name__ == "__main__":
    sys.exit(main())
