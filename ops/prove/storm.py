"""The great proof: thousands of jobs through a house that is being shot at, then the count.

What a newcomer would get wrong: a job counts as accepted when its caller read a 202, not when we sent it; and the archive
is asked last, for records trail their jobs by design.
"""

import asyncio
import re
import secrets
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import aiofiles
import aiohttp
import msgspec

from ops.prove import tables
from ops.prove.chaos import Storm, plan
from ops.prove.child import server
from ops.prove.crowd import Crowd
from ops.prove.figures import Figures, percentile
from ops.prove.house import Broken, House
from ops.prove.receiver import Receiver
from ops.prove.tables import Told
from ops.prove.verdict import TERMINAL, Evidence, Verdict, judge, read_ledger
from ops.prove.witness import Witness


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line. Seconds are those of the storm; settling comes on top."""

    jobs: int
    seconds: float
    seed: int
    settle: float
    """Seconds after the storm within which every job must have come to its end."""
    callbacks: float = 0.1
    """Share of the jobs that want a callback."""


SYNC_CALLERS = 4

CONFIG = """
detect = false
[archive]
flush_seconds = 0.5
[providers.first]
base_url = "http://127.0.0.1:{port}/first/v1"
key = "env:PROVE_KEY"
models = ["slow"]
discover = false
slots = {slots}
[providers.second]
base_url = "http://127.0.0.1:{port}/second/v1"
key = "env:PROVE_KEY"
models = ["slow"]
discover = false
slots = {slots}
priority = 1
"""


def provider(ledger: Path, shortest: float, longest: float) -> AbstractAsyncContextManager[int]:
    """The fake provider's process; yields its port."""
    return server("ops.prove.provider", str(ledger), str(shortest), str(longest))


class Scene(NamedTuple):
    """Everybody who takes part."""

    house: House
    crowd: Crowd
    receiver: Receiver
    witness: Witness
    chaos: Storm


async def storm(folder: Path, wish: Wish, figures: Figures) -> list[str]:
    """Runs the proof in `folder` and tells its figures. Returns what is wrong in words. Raises `Broken`."""
    ledger = folder / "ledger.tsv"
    slots = max(8, round(wish.jobs / wish.seconds))
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(provider(ledger, 0.05, 1.5))
        env = {"PROVE_KEY": "sk-" + secrets.token_hex(16)}
        house = await stack.enter_async_context(House(folder, CONFIG.format(port=port, slots=slots), env))
        await house.until(lambda: house.serves("slow"), 20, "a first answer")
        house.revive()
        house.more("more", ["agent", "first"])
        receiver = await stack.enter_async_context(Receiver(await house.callback_secrets(), wish.seed))
        witness = await stack.enter_async_context(Witness(house))
        crowd = Crowd(house.url, house.key, receiver.url, f"{wish.seed}-{secrets.token_hex(3)}")
        stack.push_async_callback(crowd.close)
        scene = Scene(house, crowd, receiver, witness, Storm(house, plan(wish.seed, wish.seconds), wish.seed))
        async with asyncio.TaskGroup() as tasks:
            calm = asyncio.Event()
            for _ in range(SYNC_CALLERS):
                tasks.create_task(crowd.call_until(calm))
            handing_in = tasks.create_task(crowd.submit_all(wish.jobs, wish.seconds * 0.9, wish.callbacks))
            await scene.chaos.rage()
            await handing_in
            calm.set()
        return await _count(scene, wish, figures, ledger)


async def _count(scene: Scene, wish: Wish, figures: Figures, ledger: Path) -> list[str]:
    quiet = time.monotonic()
    first = await settle(scene.crowd, quiet + wish.settle)
    settled = time.monotonic() - quiet
    await _called_back(scene, quiet + wish.settle)
    promised = set(scene.crowd.promises)
    rows = await rows_of(scene.house, promised, 30)
    told = await told_of(scene, rows, 30)
    async with aiofiles.open(ledger) as lines:
        calls = read_ledger(await lines.read())
    verdict = judge(
        Evidence(
            promises=scene.crowd.promises,
            first=first,
            last=await views(scene.crowd, list(promised)),
            rows=rows,
            ledger=calls,
            rewritten=set(scene.witness.doubled(promised)),
        )
    )
    _tell_jobs(figures, scene.crowd, verdict)
    _tell_records(figures, verdict, len(promised))
    await _tell_sync(figures, scene)
    wrong = _tell_callbacks(figures, scene)
    for what, where in tables.faults(told, scene.crowd.promises, calls, scene.receiver.taken).items():
        figures.at_most(what, len(where), 0, "rows")
        wrong += [f"{what}: {', '.join(where[:20])}"] if where else []
    figures.tell("attempts told", len(told.attempts), "rows")
    _tell_storm(figures, scene, settled)
    return [*wrong, *_words(scene.crowd, verdict)]


# ---- asking


async def views(crowd: Crowd, jobs: list[int]) -> dict[int, dict[str, Any] | None]:
    """Each job as its caller sees it now; a question that fails is asked again up to ten times."""
    gate = asyncio.Semaphore(16)

    async def ask(job: int) -> tuple[int, dict[str, Any] | None]:
        for _ in range(10):
            try:
                async with gate:
                    return job, await crowd.view(job)
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(0.3)
        return job, None

    return dict(await asyncio.gather(*(ask(job) for job in jobs)))


async def settle(crowd: Crowd, deadline: float) -> dict[int, dict[str, Any] | None]:
    """Waits until every promised job is at an end, or until `deadline`. What each looked like when it was first seen so."""
    seen: dict[int, dict[str, Any] | None] = {}
    while True:
        waiting = [job for job in crowd.promises if (seen.get(job) or {}).get("status") not in TERMINAL]
        if not waiting or time.monotonic() > deadline:
            return seen
        seen |= await views(crowd, waiting)
        await asyncio.sleep(0.5)


async def rows_of(house: House, promised: set[int], seconds: float) -> list[dict[str, Any]]:
    """The archive's rows of queued jobs; waits for records that are still on their way."""
    query = (
        "select job, run, outcome, style, parent, provider, attempts from requests "
        "where style in ('queued', 'callback') and parent = 0"
    )
    deadline = time.monotonic() + seconds
    while True:
        try:
            rows = await house.sql(query)
        except Broken:
            rows = []
        if promised <= {int(row["job"]) for row in rows} or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(1)


async def told_of(scene: Scene, rows: list[dict[str, Any]], seconds: float) -> Told:
    """The tables that are made of requests; waits for the records of callbacks that are still on their way."""
    deadline = time.monotonic() + seconds
    while True:
        attempts, jobs, callbacks = await asyncio.gather(
            *map(scene.house.sql, (tables.ATTEMPTS, tables.JOBS, tables.CALLBACKS))
        )
        if not tables.uncalled(callbacks, scene.crowd.promises) or time.monotonic() > deadline:
            return Told(requests=rows, attempts=attempts, jobs=jobs, callbacks=callbacks)
        await asyncio.sleep(1)


async def _called_back(scene: Scene, deadline: float) -> None:
    """Waits for the last callback, or until `deadline`."""
    while _uncalled(scene) and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.5)


def _uncalled(scene: Scene) -> list[str]:
    taken = scene.receiver.taken
    wanted = (promise.marker for promise in scene.crowd.promises.values() if promise.callback)
    return [marker for marker in wanted if not any(taken[name] for name in scene.receiver.ids.get(marker, ()))]


# ---- telling


def _tell_jobs(figures: Figures, crowd: Crowd, verdict: Verdict) -> None:
    figures.at_least("accepted", len(crowd.promises), 1, "jobs")
    figures.equals("finished", sum(verdict.states[state] for state in TERMINAL), len(crowd.promises), "jobs")
    for state in ("done", "failed", "cancelled"):
        figures.tell(f"finished: {state}", verdict.states[state], "jobs")
    figures.at_most("lost", len(verdict.lost), 0, "jobs")
    figures.at_most("doubled", len(verdict.doubled), 0, "jobs")
    figures.at_most("results of another job", len(verdict.mixed_up), 0, "jobs")
    figures.at_most("one key, two jobs", len(crowd.twice), 0, "jobs")
    figures.tell("re-executed at the provider", verdict.reexecuted, "calls")
    figures.tell("submits refused", len(crowd.refused), "submits")
    figures.tell("submits given up", len(crowd.given_up), "submits")
    figures.tell("submits tried again", sum(crowd.troubles.values()), "tries")
    figures.tell("accept p50", percentile(crowd.seconds, 0.5) * 1000, "ms")
    figures.tell("accept p99", percentile(crowd.seconds, 0.99) * 1000, "ms")


def _tell_records(figures: Figures, verdict: Verdict, accepted: int) -> None:
    figures.equals("records", verdict.recorded, accepted, "rows")
    figures.at_most("records doubled", len(verdict.recorded_twice), 0, "rows")
    figures.at_most("records of nobody's job", len(verdict.strangers), 0, "rows")


async def _tell_sync(figures: Figures, scene: Scene) -> None:
    """A gateway that is killed takes up to 200 ms of live records with it: told, not judged. Two for one call would be."""
    crowd = scene.crowd
    rows = await scene.house.sql("select tag, count(*) as n from requests where style = 'sync' group by tag")
    counted = {str(row["tag"]): int(row["n"]) for row in rows}
    for how in ("answered", "refused in words", "line broken"):
        figures.tell(f"sync calls meanwhile: {how}", crowd.sync[how], "calls")
    for how in ("hung", "wrong"):
        figures.at_most(f"sync calls meanwhile: {how}", crowd.sync[how], 0, "calls")
    figures.tell("sync calls meanwhile: longest wait", max(crowd.waits, default=0.0), "s")
    figures.tell("sync answers without a record", len(crowd.answered - counted.keys()), "calls")
    figures.at_most("sync calls with two records", sum(n > 1 for tag, n in counted.items() if tag), 0, "calls")


def _tell_callbacks(figures: Figures, scene: Scene) -> list[str]:
    receiver = scene.receiver
    wanted = {promise.marker for promise in scene.crowd.promises.values() if promise.callback}
    missing = _uncalled(scene)
    unstable = [marker for marker in wanted if len(receiver.ids.get(marker, ())) > 1]
    varied = [marker for marker in wanted if len(receiver.bodies.get(marker, ())) > 1]
    figures.tell("callbacks wanted", len(wanted), "jobs")
    figures.tell("callbacks tried", sum(receiver.tries.values()), "deliveries")
    figures.at_most("callbacks never taken", len(missing), 0, "jobs")
    figures.at_most("callbacks with more than one id", len(unstable), 0, "jobs")
    figures.at_most("callbacks whose content changed", len(varied), 0, "jobs")
    figures.at_most("callbacks badly signed", len(receiver.unsigned), 0, "deliveries")
    figures.tell("callbacks taken more than once", sum(n > 1 for n in receiver.taken.values()), "jobs")
    found = {
        "never called back": missing,
        "two ids": unstable,
        "content changed": varied,
        "signature": receiver.unsigned,
    }
    return [f"{what}: {', '.join(sorted(markers)[:20])}" for what, markers in found.items() if markers]


def _tell_storm(figures: Figures, scene: Scene, settled: float) -> None:
    for name, n in sorted(scene.chaos.done.items()):
        figures.tell(f"blows: {name}", n)
    figures.at_most("blows that found nobody", sum(scene.chaos.missed.values()), 0)
    figures.at_least("fenced", events(scene.house)["job.fenced"], 1, "jobs")
    figures.tell("settled after the storm", settled, "s")


def events(house: House) -> Counter[str]:
    """How often each log event stands in the logs of the house and of the agents beside it."""
    found: Counter[str] = Counter()
    for log in house.logs():
        found.update(re.findall(r'"event": ?"([a-z_.]+)"', log.read_text("utf-8", "replace")))
    return found


def _words(crowd: Crowd, verdict: Verdict) -> list[str]:
    found: dict[str, list[Any]] = {
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "result of another job": verdict.mixed_up,
        "no record": verdict.unrecorded,
        "two records": verdict.recorded_twice,
        "record of nobody's job": verdict.strangers,
        "refused": crowd.refused,
        "one key, two jobs": crowd.twice,
    }
    return [f"{what}: {', '.join(map(str, cases[:20]))}" for what, cases in found.items() if cases]
