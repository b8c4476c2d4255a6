"""The small proofs: each starts from a calm house, does one nasty thing many times, and returns counts.

A scene returns the figures it found; what must be 0 says so. Everything goes through the front door, as a stranger would.
"""

import asyncio
import contextlib
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from ops.prove.figures import Figures
from ops.prove.house import House
from ops.prove.verdict import TERMINAL, Line

CONFIG = """
detect = false
[archive]
flush_seconds = 0.3
[limits]
queue_seconds = 2
[providers.main]
base_url = "http://127.0.0.1:{port}/main/v1"
key = "env:PROVE_KEY"
models = ["slow", "quick", "cut", "reset", "stall", "html", "refuse", "limited", "broken", "stream"]
discover = false
slots = 16
first_timeout = 5
stall_timeout = 2
[providers.narrow]
base_url = "http://127.0.0.1:{port}/narrow/v1"
models = [{{ name = "narrow", native = "slow" }}]
discover = false
slots = 4
"""


Ledger = Callable[[str], Coroutine[Any, Any, list[Line]]]
"""The provider's calls whose marker begins so."""


class Caller:
    """A client with a key; tells status, headers and text of each answer."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.web = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=60),
        )

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.web.close()

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
        head = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.web.request(method, self.url + path, json=body, headers=head) as answer:
            return answer.status, {name.lower(): text for name, text in answer.headers.items()}, await answer.text()

    async def chat(self, model: str, text: str, **more: Any) -> tuple[int, dict[str, str], str]:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more.pop("body", {})}
        return await self.ask("POST", "/v1/chat/completions", body, **more)

    async def submit(self, model: str, text: str, key: str = "") -> int:
        """The id of the accepted job; 0 when it was refused."""
        head = {"Prefer": "respond-async"} | ({"Idempotency_Key": key} if key else {})
        status, _, answer = await self.chat(model, text, **head)
        return int(json.loads(answer)["id"]) if status in (200, 202) else 0

    async def end_of(self, job: int, seconds: float = 30) -> dict[str, Any]:
        """The job at its end, or as it last was."""
        deadline = time.monotonic() + seconds
        view: dict[str, Any] = {}
        while time.monotonic() < deadline:
            status, _, text = await self.ask("GET", f"/jobs/{job}?wait=5")
            view = json.loads(text) if status == 200 else {}
            if view.get("status") in TERMINAL:
                break
            await asyncio.sleep(0.05)
        return view


async def idempotency(house: House, figures: Figures) -> None:
    """50 submits of one key at once, 5 times over: one job each."""
    extra = 0
    async with Caller(house.url, house.key) as caller:
        for n in range(5):
            jobs = await asyncio.gather(*(caller.submit("quick", f"mark-idem-{n}", f"idem-{n}") for _ in range(50)))
            extra += len({job for job in jobs if job}) - 1
            extra += sum(job == 0 for job in jobs)
    figures.at_most("idempotency: 250 submits of 5 keys, jobs beyond 5", extra, 0, "jobs")


async def cancel(house: House, figures: Figures, ledger: Ledger) -> None:
    """Queued, running, and racing with completion: one end, it stays, and nothing is begun after the answer."""
    seen = Counter[str]()
    answered: dict[str, float] = {}
    async with Caller(house.url, house.key) as caller:

        async def one(n: int) -> None:
            marker = f"mark-cancel-{n}-"
            job = await caller.submit("quick" if n % 2 else "narrow", marker)
            await asyncio.sleep(random.uniform(0, 0.03) if n % 2 else random.uniform(0, 1.0))
            status, _, text = await caller.ask("DELETE", f"/jobs/{job}")
            answered[marker], told = time.time(), json.loads(text).get("status")
            seen["odd answers to DELETE"] += status not in (200, 202, 204)
            first = await caller.end_of(job)
            seen[f"first {first.get('status')}"] += 1
            seen["cancels without effect"] += told not in TERMINAL and first.get("status") == "done"
            await asyncio.sleep(1.0)
            last = await caller.end_of(job)
            seen["jobs that changed after their end"] += _end(first) != _end(last)

        await asyncio.gather(*(one(n) for n in range(40)))
    late = sum(line.start > answered.get(line.marker, line.start) for line in await ledger("mark-cancel-"))
    figures.equals("cancel: jobs at one end", sum(seen[f"first {state}"] for state in TERMINAL), 40, "jobs")
    for state in TERMINAL:
        figures.tell(f"cancel: {state}", seen[f"first {state}"], "jobs")
    for what in ("odd answers to DELETE", "cancels without effect", "jobs that changed after their end"):
        figures.at_most(f"cancel: {what}", seen[what], 0)
    figures.at_most("cancel: provider calls begun after the answer to DELETE", late, 0, "calls")


def _end(view: dict[str, Any]) -> tuple[object, ...]:
    return view.get("status"), view.get("finished"), view.get("result")


async def hang_up(house: House, figures: Figures, ledger: Ledger) -> None:
    """A sync caller who leaves takes the provider's call with him."""
    async with Caller(house.url, house.key) as caller:
        tasks = [asyncio.create_task(caller.chat("stall", f"mark-left-{n}", body={"stream": True})) for n in range(8)]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.7)
    gone = sum(line.ended == "gone" for line in await ledger("mark-left-"))
    figures.equals("hang-up: provider calls ended within 0.7 s, of 8", gone, 8, "calls")


async def overload(house: House, figures: Figures) -> None:
    """Ten times what the provider can take, by sync calls, while 40 accepted jobs wait in the same queue."""
    told = Counter[int]()
    hintless = 0
    async with Caller(house.url, house.key) as caller:
        jobs = await asyncio.gather(*(caller.submit("narrow", f"mark-over-{n}") for n in range(40)))
        answers = await asyncio.gather(*(caller.chat("narrow", f"mark-rush-{n}") for n in range(40)))
        for status, headers, _ in answers:
            told[status] += 1
            hintless += status in (429, 503) and "retry-after" not in headers
        ends = await asyncio.gather(*(caller.end_of(job, 60) for job in jobs if job))
    figures.tell("overload: sync answered", told[200], "calls")
    figures.at_least("overload: sync told to come back (429, 503)", told[429] + told[503], 1, "calls")
    other = sum(n for status, n in told.items() if status not in (200, 429, 503))
    figures.at_most("overload: other answers", other, 0, "calls")
    figures.at_most("overload: told so without Retry-After", hintless, 0, "calls")
    undone = sum(end.get("status") != "done" for end in ends)
    figures.at_most("overload: accepted jobs not done", undone, 0, "jobs")


async def truncated(house: House, figures: Figures) -> None:
    """A stream that breaks after three tokens: cut, reset, stalled. Never a clean end."""
    async with Caller(house.url, house.key) as caller:

        async def clean(model: str) -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                status, _, text = await caller.chat(model, f"mark-trunc-{model}", body={"stream": True})
                return status == 200 and '"error"' not in text
            return False

        ends = await asyncio.gather(*(clean(model) for model in ("cut", "reset", "stall") * 3))
    figures.at_most("truncated: streams of 9 that ended as if all were well", sum(ends), 0, "streams")


async def isolation(house: House, figures: Figures) -> None:
    """A key sees its own jobs alone: another key gets 404 for view, events and cancel."""
    other = await house.new_key("stranger")
    seen = 0
    async with Caller(house.url, house.key) as owner, Caller(house.url, other) as stranger:
        await asyncio.sleep(1)
        jobs = [await owner.submit("quick", f"mark-own-{n}", f"same-{n}") for n in range(10)]
        for job in jobs:
            for method, path in (("GET", ""), ("GET", "?wait=1"), ("GET", "/events"), ("DELETE", "")):
                status, _, _ = await stranger.ask(method, f"/jobs/{job}{path}")
                seen += status != 404
        twins = [await stranger.submit("quick", f"mark-own-{n}", f"same-{n}") for n in range(10)]
        seen += len(set(jobs) & set(twins))
    figures.at_most("isolation: another key's job seen, of 50 tries", seen, 0, "answers")


async def canary(house: House, figures: Figures, secret: str) -> None:
    """The provider's key, through every way to fail, and then looked for wherever somebody could read it."""
    kinds = ("refuse", "limited", "broken", "html", "cut", "reset", "stall", "quick", "nobody")
    answers: list[str] = []
    async with Caller(house.url, house.key) as caller:

        async def sync(kind: str, stream: bool) -> None:
            with contextlib.suppress(aiohttp.ClientError):
                status, headers, text = await caller.chat(kind, f"mark-canary-{kind}", body={"stream": stream})
                answers.append(f"{status} {headers} {text}")

        async def queued(kind: str) -> None:
            if job := await caller.submit(kind, f"mark-canary-later-{kind}"):
                answers.append(json.dumps(await caller.end_of(job, 4)))
                answers.append((await caller.ask("DELETE", f"/jobs/{job}"))[2])

        calls = [*(sync(kind, False) for kind in kinds), *(sync(kind, True) for kind in kinds)]
        await asyncio.gather(*calls, *(queued(kind) for kind in kinds))
        answers.append((await caller.ask("GET", "/metrics"))[2])
    await asyncio.sleep(1)
    answers.append(json.dumps(await house.sql("select * from requests"), default=str))
    shown = sum(secret in answer for answer in answers)
    logged = sum(secret in log.read_text("utf-8", "replace") for log in house.logs())
    stored = await asyncio.to_thread(_files_with, house, secret)
    figures.at_most("secrets: provider key shown, in answers, job views and archive", shown, 0, "places")
    figures.at_most("secrets: provider key in logs", logged, 0, "files")
    figures.at_most("secrets: provider or API key in stored files", stored, 0, "files")


def _files_with(house: House, secret: str) -> int:
    """Files of the data folder that hold the provider's key or the caller's, as plain bytes."""
    wanted = (secret.encode(), house.key.encode())
    files = [path for path in house.data.rglob("*") if path.is_file()]
    return sum(any(word in path.read_bytes() for word in wanted) for path in files)


async def recovery(house: House, figures: Figures) -> None:
    """Each process killed once in a calm house: how long until a sync call and a queued one are served again."""
    for role in ("nats", "gateway", "agent", "archiver"):  # NATS first: one that starts would mend what it lost
        await asyncio.sleep(1.5)
        for victim in house.processes().get(role, []):
            victim.signal(signal.SIGKILL)
        begun = time.monotonic()
        sync = queued = 0.0
        async with Caller(house.url, house.key) as caller:
            while time.monotonic() < begun + 20 and not (sync and queued):
                await asyncio.sleep(0.05)
                if not sync and await house.serves("quick"):
                    sync = time.monotonic() - begun
                if not queued and await _queued_works(caller):
                    queued = time.monotonic() - begun
        figures.at_most(f"recovery: sync served again after a kill of {role}", sync or 99, 5, "s")
        figures.at_most(f"recovery: queued served again after a kill of {role}", queued or 99, 5, "s")


async def _queued_works(caller: Caller) -> bool:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        job = await caller.submit("quick", "mark-recovery-")
        return bool(job) and (await caller.end_of(job, 3)).get("status") == "done"
    return False
