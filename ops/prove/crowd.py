"""The callers: they submit durable jobs, try again with the same key when the line breaks, and remember what was promised.

Accepted means that a 202 was read to its end. A caller that never got one owes nothing and is owed nothing, but its job may
exist all the same; trying again until a 202 comes closes that gap, for the same Idempotency-Key names the same job.
"""

import asyncio
import time
from collections import Counter
from typing import Any

import aiohttp
import msgspec

PATIENCE = 60.0
"""Seconds a caller keeps trying to hand in one job."""

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


HANGS = 40.0
"""Seconds after which a sync caller who has heard nothing counts as forgotten."""


class Promise(msgspec.Struct, frozen=True):
    """A job that was accepted."""

    id: int
    marker: str
    callback: bool
    tries: int


class Crowd:
    def __init__(self, url: str, key: str, hook: str, prefix: str) -> None:
        self.url = url
        self.hook = hook
        self.prefix = prefix
        self.promises: dict[int, Promise] = {}
        self.refused: list[str] = []
        """Answers that were neither a promise nor a reason to try again."""
        self.given_up: list[str] = []
        self.twice: list[str] = []
        """Two submits of one Idempotency-Key that were told different ids."""
        self.troubles: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.sync: Counter[str] = Counter()
        """How sync calls ended: answered, refused, line broken, hung."""
        self.waits: list[float] = []
        """Seconds that sync calls took, when they ended in words."""
        self.answered: set[str] = set()
        """Markers of the sync calls that were answered with 200."""
        self._web = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=15),
        )

    async def close(self) -> None:
        await self._web.close()

    async def submit_all(self, jobs: int, seconds: float, share: float) -> None:
        """Hands in `jobs` jobs spread over `seconds`, a `share` of them with a callback. Returns when all have an answer."""
        begun = time.monotonic()
        every = round(1 / share) if share else 0
        async with asyncio.TaskGroup() as tasks:
            for n in range(jobs):
                await asyncio.sleep(max(0.0, begun + n * seconds / jobs - time.monotonic()))
                tasks.create_task(self.submit(f"mark-{self.prefix}-{n}", bool(every) and n % every == 0))

    async def submit(self, marker: str, callback: bool) -> None:
        """One job, until it is accepted or patience ends."""
        deadline = time.monotonic() + PATIENCE
        for tries in range(1, 1000):
            try:
                if await self._try(marker, callback, tries):
                    return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.troubles[type(error).__name__] += 1
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(min(1.0, 0.1 * tries))
        self.given_up.append(marker)

    async def _try(self, marker: str, callback: bool, tries: int) -> bool:
        """True: the matter is settled. False: worth another try."""
        body: dict[str, Any] = {"model": "slow", "messages": [{"role": "user", "content": f"work on {marker}"}]}
        if callback:
            body["replyTo"] = f"{self.hook}/{marker}"
        headers = {"Prefer": "respond-async", "Idempotency-Key": marker}
        begun = time.monotonic()
        async with self._web.post(self.url + "/v1/chat/completions", json=body, headers=headers) as answer:
            text = await answer.read()
            if answer.status in AGAIN:
                self.troubles[str(answer.status)] += 1
                return False
            if answer.status not in (200, 202):
                self.refused.append(f"{marker}: {answer.status} {text[:200]!r}")
                return True
        self.seconds.append(time.monotonic() - begun)
        promise = Promise(int(msgspec.json.decode(text)["id"]), marker, callback, tries)
        known = self.promises.setdefault(promise.id, promise)
        if known.marker != marker:
            self.twice.append(f"{marker} and {known.marker} share job {promise.id}")
        return True

    async def call_until(self, ended: asyncio.Event) -> None:
        """Sync calls one after the other. They may fail in a storm, but in words and in time."""
        n = 0
        while not ended.is_set():
            n += 1
            marker = f"mark-{self.prefix}-sync-{id(asyncio.current_task())}-{n}"
            begun = time.monotonic()
            try:
                await self._call(marker)
                self.waits.append(time.monotonic() - begun)
            except TimeoutError:
                self.sync["hung"] += 1
            except (aiohttp.ClientError, OSError):
                self.sync["line broken"] += 1
                await asyncio.sleep(0.2)

    async def _call(self, marker: str) -> None:
        body = {"model": "slow", "messages": [{"role": "user", "content": marker}], "tag": marker}
        limit = aiohttp.ClientTimeout(total=HANGS)
        async with self._web.post(self.url + "/v1/chat/completions", json=body, timeout=limit) as answer:
            text = await answer.read()
            if answer.status == 200 and marker.encode() in text:
                self.sync["answered"] += 1
                self.answered.add(marker)
            elif answer.status >= 429 and b'"error"' in text:
                self.sync["refused in words"] += 1
            else:
                self.sync["wrong"] += 1
                self.refused.append(f"{marker}: {answer.status} {text[:200]!r}")

    async def view(self, job: int) -> dict[str, Any] | None:
        """The job as its caller sees it; None when the house does not know it. Raises when the line breaks."""
        async with self._web.get(f"{self.url}/jobs/{job}") as answer:
            text = await answer.read()
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise aiohttp.ClientError(f"{answer.status} for job {job}")
            view: dict[str, Any] = msgspec.json.decode(text)
            return view
