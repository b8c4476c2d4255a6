"""`python -m ops.prove`: the great storm, the table of faults, the small scenes, and their counts in build/prove.json.

Exit code 1 when anything that was promised was not kept; the folder with data and logs is kept then, and its place and
the ids are told.
"""

import argparse
import asyncio
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiofiles

from ops.prove import scenes
from ops.prove.chaos import SHORTEST
from ops.prove.faults import faults
from ops.prove.figures import Figures
from ops.prove.house import Broken, House, until_signal
from ops.prove.storm import Wish, provider, storm
from ops.prove.verdict import Line, read_ledger


def main() -> int:
    asked = _asked()
    folder = Path(tempfile.mkdtemp(prefix="ai-server-prove-"))
    for part in ("storm", "faults", "scenes"):
        (folder / part).mkdir()
    figures = Figures()
    print(f"seed {asked.seed}; data and logs in {folder}", flush=True)
    begun = time.monotonic()
    try:
        wrong = asyncio.run(until_signal(prove(folder, asked, figures)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        wrong = ["interrupted"]
    figures.tell("the proof took", time.monotonic() - begun, "s")
    figures.show(f"prove (seed {asked.seed})")
    figures.write(asked.out)
    wrong += [f"missed: {figure.name} is {figure.value:g}, not {figure.goal}" for figure in figures.missed]
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong or asked.keep:
        print(f"data and logs: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


def _asked() -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="python -m ops.prove", description=__doc__)
    words.add_argument("--short", action="store_true", help=f"the round for CI: 600 jobs, {SHORTEST:g} s of blows")
    words.add_argument("--jobs", type=int, help="queued jobs (5000, short 600)")
    words.add_argument("--seconds", type=float, help=f"seconds of blows (120, short {SHORTEST:g})")
    words.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="tells the same storm again")
    words.add_argument("--only", help="storm, faults, scenes, or one scene by its name")
    words.add_argument("--out", type=Path, default=Path("build/prove.json"))
    words.add_argument("--keep", action="store_true", help="keep the folder with data and logs")
    asked = words.parse_args()
    if asked.seconds is not None and asked.seconds < SHORTEST:
        words.error(f"--seconds: a storm takes at least {SHORTEST:g}")
    return asked


async def prove(folder: Path, asked: argparse.Namespace, figures: Figures) -> list[str]:
    """Returns what is wrong, in words; missed goals stand in `figures`."""
    wrong: list[str] = []
    if asked.only in (None, "storm"):
        wish = Wish(
            jobs=asked.jobs or (600 if asked.short else 5000),
            seconds=asked.seconds or (SHORTEST if asked.short else 120),
            seed=asked.seed,
            settle=60 if asked.short else 240,
        )
        wrong += await _guarded("storm", storm(folder / "storm", wish, figures))
    if asked.only in (None, "faults"):
        wrong += await _guarded("faults", faults(folder / "faults", figures))
    if asked.only not in ("storm", "faults"):
        wrong += await _guarded("scenes", small(folder / "scenes", asked, figures))
    return wrong


async def small(folder: Path, asked: argparse.Namespace, figures: Figures) -> list[str]:
    """The scenes, one after the other, in one house; a scene that breaks does not keep the others from being played."""
    secret = "sk-canary-" + secrets.token_hex(16)
    ledger = folder / "ledger.tsv"

    async def calls(marker: str) -> list[Line]:
        async with aiofiles.open(ledger) as lines:
            written = await lines.read()
        return [line for line in read_ledger(written) if line.marker.startswith(marker)]

    wrong: list[str] = []
    async with (
        provider(ledger, 0.2, 0.4) as port,
        House(folder, scenes.CONFIG.format(port=port), {"PROVE_KEY": secret}) as house,
    ):
        await house.until(lambda: house.serves("quick"), 20, "a first answer")
        played: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "idempotency": lambda: scenes.idempotency(house, figures),
            "cancel": lambda: scenes.cancel(house, figures, calls),
            "hang-up": lambda: scenes.hang_up(house, figures, calls),
            "overload": lambda: scenes.overload(house, figures),
            "truncated": lambda: scenes.truncated(house, figures),
            "isolation": lambda: scenes.isolation(house, figures),
            "recovery": lambda: scenes.recovery(house, figures),
            "secrets": lambda: scenes.canary(house, figures, secret),
        }
        for name, play in played.items():
            if asked.only not in (None, "scenes", name):
                continue
            wrong += await _guarded(name, _silent(play()))
    return wrong


async def _silent(work: Coroutine[Any, Any, None]) -> list[str]:
    await work
    return []


async def _guarded(name: str, work: Coroutine[Any, Any, list[str]]) -> list[str]:
    """What a part found, or the sentence that it broke."""
    begun = time.monotonic()
    try:
        return await work
    except (Broken, Exception) as error:
        return [f"{name} broke: {type(error).__name__}: {error}"]
    finally:
        print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
