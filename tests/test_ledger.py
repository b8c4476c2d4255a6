"""The archive against the provider double's own ledger: after a mixed run they tell the same, row by row.

The double writes down every call it gets. What a newcomer would get wrong: the two sides are matched by a marker in the prompt
and by the caller's own tag of that name, never by what the house believes happened. With
kills in between: `ops/prove/storm.py`.
"""

import asyncio
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import nats as nats_py
from aiohttp import web
from up_house import Up, cli, fake_provider, house, until

from ops.nats_home import Home

SETTINGS = """
[archive]
flush_seconds = 0.2
[providers.first]
base_url = "{first}"
models = ["m", "slow"]
discover = false
slots = 8
[providers.broken]
base_url = "{broken}"
models = ["500"]
discover = false
[providers.cutting]
base_url = "{cutting}"
models = ["cut"]
discover = false
[providers.second]
base_url = "{second}"
models = [{{ name = "500", native = "m" }}]
discover = false
priority = 5
[providers.limited]
base_url = "{limited}"
models = ["429"]
discover = false
"""
TRIES, EACH = 6, 4
"""How often each kind of call is made; all kinds at once."""


class Mix:
    """The callers: each call has a tag, which is in its prompt too, and what its caller was told."""

    def __init__(self, up: Up, hook: str) -> None:
        self.up, self.hook = up, hook
        self.key = up.keys["app"] if "app" in up.keys else next(iter(up.keys.values()))
        self.told: dict[str, tuple[str, int | None]] = {}
        """Tag -> how it must stand in the archive: outcome, and tokens out where the caller knows them."""
        self.http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.key}"})

    def body(self, tag: str, model: str, **more: Any) -> dict[str, Any]:
        return {"model": model, "messages": [{"role": "user", "content": f"ref:{tag}"}], "tag": tag, **more}

    def post(self, tag: str, model: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self.http.post(f"{self.up.url}/v1/chat/completions", json=self.body(tag, model, **more), headers=headers)

    async def whole(self, tag: str, model: str, outcome: str) -> None:
        async with self.post(tag, model) as reply:
            told = await reply.json()
        assert (reply.status == 200) == (outcome == "done"), told
        self.told[tag] = (outcome, told["usage"]["completion_tokens"] if outcome == "done" else None)

    async def piece_by_piece(self, tag: str, model: str, outcome: str) -> None:
        async with self.post(tag, model, stream=True, stream_options={"include_usage": True}) as reply:
            text = await reply.text()
        assert ("[DONE]" in text and '"error"' not in text) == (outcome == "done"), text[-300:]
        self.told[tag] = (
            outcome,
            json.loads(text.split("data: ")[-2])["usage"]["completion_tokens"] if outcome == "done" else None,
        )

    async def hangs_up(self, tag: str) -> None:
        async with self.post(tag, "m", stream=True) as reply:
            await reply.content.readline()
        self.told[tag] = ("cancelled", None)

    async def queued(self, tag: str, model: str, outcome: str, **more: Any) -> None:
        async with self.post(tag, model, {"Prefer": "respond-async"}, **more) as reply:
            job = (await reply.json())["id"]
        view = await self.ended(job)
        assert view["status"] == outcome, view
        self.told[tag] = (outcome, view["result"]["usage"]["completion_tokens"] if outcome == "done" else None)

    async def taken_back(self, tag: str) -> None:
        async with self.post(tag, "slow", {"Prefer": "respond-async"}) as reply:
            job = (await reply.json())["id"]
        while (await self.view(job))["status"] != "running":  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.02)
        async with self.http.delete(f"{self.up.url}/jobs/{job}") as reply:
            assert reply.status < 300
        assert (await self.ended(job))["status"] == "cancelled"
        self.told[tag] = ("cancelled", None)

    async def over_the_bus(self, tag: str) -> None:
        link = Home(self.up.data).read_link()
        assert link is not None
        who = hashlib.sha256(self.key.encode()).hexdigest()[:16]
        nc = await nats_py.connect(link.url, token=self.key, inbox_prefix=f"_INBOX.{who}")
        try:
            reply = await nc.request(f"rpc.default.{who}.chat", json.dumps(self.body(tag, "m")).encode(), timeout=20)
        finally:
            await nc.close()
        assert (reply.headers or {}).get("Ai-Status") == "200", reply.data
        self.told[tag] = ("done", json.loads(reply.data)["usage"]["completion_tokens"])

    async def view(self, job: str) -> dict[str, Any]:
        async with self.http.get(f"{self.up.url}/jobs/{job}?wait=5") as reply:
            return await reply.json()  # type: ignore[no-any-return]

    async def ended(self, job: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (view := await self.view(job))["status"] not in ("done", "failed", "cancelled"):
                pass
        return view

    async def play(self) -> None:
        """All kinds, each `EACH` times, `TRIES` kinds of a turn side by side."""
        turns = asyncio.Semaphore(TRIES)

        async def turn(work: Any) -> None:
            async with turns:
                await work

        async with asyncio.TaskGroup() as tasks:
            for n in range(EACH):
                for work in (
                    self.whole(f"whole-{n}", "m", "done"),
                    self.piece_by_piece(f"stream-{n}", "m", "done"),
                    self.piece_by_piece(f"cut-{n}", "cut", "failed"),
                    self.whole(f"retried-{n}", "500", "done"),
                    self.whole(f"limited-{n}", "429", "failed"),
                    self.hangs_up(f"gone-{n}"),
                    self.queued(f"queued-{n}", "m", "done"),
                    self.queued(f"again-{n}", "500", "done"),
                    self.queued(f"called-{n}", "m", "done", replyTo=f"{self.hook}/called-{n}"),
                    self.taken_back(f"back-{n}"),
                    self.over_the_bus(f"direct-{n}"),
                ):
                    tasks.create_task(turn(work))


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, Counter[str]]]:
    """Takes callbacks and counts them by the last word of their path."""
    heard = Counter[str]()

    async def take(request: web.Request) -> web.Response:
        heard[request.path.rpartition("/")[2]] += 1
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tag}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", heard
    finally:
        await runner.cleanup()


def sql(up: Up, query: str) -> list[dict[str, Any]]:
    said = cli("sql", "--format", "json", "--limit", "100000", query, data=up.data)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout or "[]")  # type: ignore[no-any-return]


def calls_of(ledgers: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """What the doubles saw, by marker: each call with the provider's name, in order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for provider, path in ledgers.items():
        for line in path.read_text().splitlines():
            found[(call := json.loads(line))["ref"]].append({**call, "provider": provider})
    return {ref: sorted(calls, key=lambda call: call["start"]) for ref, calls in found.items()}


async def test_the_archive_tells_what_the_providers_own_ledger_tells(tmp_path: Path) -> None:
    ledgers = {name: tmp_path / f"{name}.jsonl" for name in ("first", "second", "broken", "cutting", "limited")}
    with ExitStack() as things:
        urls = {
            name: things.enter_context(fake_provider("--ledger", str(path), "--delay", "0.02", "--tokens", "12"))
            for name, path in ledgers.items()
        }
        up = things.enter_context(house(tmp_path / "house", settings=SETTINGS.format(**urls)))
        async with receiver() as (hook, heard):
            mix = Mix(up, hook)
            try:
                await asyncio.to_thread(until, lambda: len(sql(up, "SELECT 1")) == 1, 20, "the archive")
                await mix.play()
            finally:
                await mix.http.close()
            await asyncio.to_thread(until, lambda: sum(heard.values()) >= EACH, 15, "the callbacks")
        wanted = len(mix.told)
        count = f"SELECT count(*) AS n FROM requests WHERE op = 'chat' HAVING count(*) >= {wanted}"
        await asyncio.to_thread(until, lambda: sql(up, count), 15, "the rows")
        requests = sql(up, "SELECT * FROM requests")
        attempts = sql(
            up, "SELECT a.*, r.tag FROM attempts a JOIN requests r USING (job, run) WHERE a.op = 'chat' ORDER BY n"
        )
        callbacks = sql(up, "SELECT * FROM callbacks")
    compare(mix, calls_of(ledgers), requests, attempts)
    assert heard == Counter(f"called-{n}" for n in range(EACH)), "each callback once"
    assert [row["outcome"] for row in callbacks] == ["done"] * EACH


def compare(
    mix: Mix, calls: dict[str, list[dict[str, Any]]], requests: list[dict[str, Any]], attempts: list[dict[str, Any]]
) -> None:
    rows = {row["tag"]: row for row in requests if row["op"] == "chat"}
    assert Counter(row["tag"] for row in requests if row["op"] == "chat") == Counter(mix.told.keys()), (
        "a row for each request"
    )
    tried: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in attempts:
        tried[row["tag"]].append(row)
    for tag, (outcome, tokens) in mix.told.items():
        row, seen = rows[tag], calls.get(tag, [])
        assert row["outcome"] == outcome, row
        assert [one["provider"] for one in tried[tag]] == [call["provider"] for call in seen], (tag, tried[tag], seen)
        assert [outcome_of(call) for call in seen] == [one["outcome"] for one in tried[tag]], (tag, tried[tag], seen)
        assert row["provider"] == (seen[-1]["provider"] if seen else row["provider"])
        if tokens is not None:
            assert tokens == row["tokens_out"] == seen[-1]["sent"], row
    assert calls.keys() <= mix.told.keys(), "no call that nobody asked for"
    kinds = {(call["provider"], outcome_of(call)) for seen in calls.values() for call in seen}
    assert kinds == {
        ("first", "done"), ("first", "cancelled"), ("second", "done"), ("broken", "failed"), ("cutting", "failed"),
        ("limited", "failed"),
    }, "all that was meant to happen did"  # fmt: skip


def outcome_of(call: dict[str, Any]) -> str:
    """How an attempt must stand in the archive, from how the double's call ended."""
    if call["outcome"] == "aborted":
        return "cancelled"
    return "done" if call["outcome"] == "ok" and call["script"] == "ok" else "failed"
