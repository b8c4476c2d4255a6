"""A slow fake provider in OpenAI's dialect that writes down every call it gets, as a process of its own.

It is the outside witness: what it was asked to do is in its ledger, whatever the house believes. One line a call, written
when the call is over: marker, name of the provider, call number, start, end, how it ended. `gone` means the caller left.

The model's name says how to behave: `slow` takes a random while, `cut` ends a stream after three tokens, `refuse` repeats
the caller's key in its refusal. Run: `python -m ops.prove.provider LEDGER SHORTEST LONGEST`; it prints its port.
"""

import asyncio
import itertools
import json
import random
import re
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

MARKER = re.compile(rb"mark-[a-z0-9-]+")
MODELS = ("slow", "quick", "cut", "reset", "stall", "html", "refuse", "limited", "broken", "stream")


class Ledger:
    """Append-only. The line is flushed before the caller sees the answer, so the ledger is never behind."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, *fields: object) -> None:
        self.out.write("\t".join(map(str, fields)) + "\n")
        self.out.flush()


class Provider:
    def __init__(self, ledger: Ledger, shortest: float, longest: float) -> None:
        self.ledger = ledger
        self.span = (shortest, longest)
        self.numbers = itertools.count(1)
        self.busy: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def chat(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        body = await request.read()
        asked: dict[str, Any] = json.loads(body)
        found = MARKER.search(body)
        marker, number, start = found[0].decode() if found else "-", next(self.numbers), time.time()
        self.busy[name] = self.busy.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.busy[name])
        ended = "gone"
        try:
            answer = await self.answer(request, asked, marker, number)
            ended = "done" if answer.status == 200 else "refused"
            return answer
        finally:
            self.busy[name] -= 1
            self.ledger.write(marker, name, number, f"{start:.6f}", f"{time.time():.6f}", ended)

    async def answer(self, request: web.Request, asked: dict[str, Any], marker: str, number: int) -> web.StreamResponse:
        kind = str(asked.get("model", ""))
        if kind == "html":
            return web.Response(text="<html><body>Welcome to nginx</body></html>", content_type="text/html")
        if kind in ("refuse", "limited", "broken"):
            return _refusal(kind, request.headers.get("Authorization", ""))
        if kind in ("cut", "reset", "stall") or asked.get("stream"):
            return await _stream(request, kind, number)
        await asyncio.sleep(0.001 if kind == "quick" else random.uniform(*self.span))
        return web.json_response(_completion(kind, marker, number))

    async def peaks(self, _: web.Request) -> web.Response:
        return web.json_response(self.most)


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})


def _completion(model: str, marker: str, number: int) -> dict[str, Any]:
    return {
        "id": f"call-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": f"call={number} for={marker}"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def _refusal(kind: str, authorization: str) -> web.Response:
    """As careless as real ones: the refusal repeats the key it was given."""
    status = {"refuse": 401, "limited": 429, "broken": 500}[kind]
    fault = {"message": f"Incorrect API key provided: {authorization}", "type": "error", "code": kind}
    return web.json_response({"error": fault}, status=status, headers={"Retry-After": "1"} if status == 429 else {})


async def _stream(request: web.Request, kind: str, number: int) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for n in range(3 if kind in ("cut", "reset", "stall") else 20):
        await answer.write(b"data: " + json.dumps(_chunk(kind, number, {"content": f"t{n} "}, None)).encode() + b"\n\n")
        await asyncio.sleep(0.01)
    if kind == "stall":
        await asyncio.sleep(3600)
    if kind in ("cut", "reset") and request.transport:
        request.transport.abort() if kind == "reset" else request.transport.close()
        return answer
    await answer.write(b"data: " + json.dumps(_chunk(kind, number, {}, "stop")).encode() + b"\n\ndata: [DONE]\n\n")
    await answer.write_eof()
    return answer


def _chunk(model: str, number: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {
        "id": f"call-{number}",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [choice],
    }


async def serve(ledger: Path, shortest: float, longest: float) -> None:
    """Serves until killed. Prints its port."""
    with ledger.open("a") as out:
        provider = Provider(Ledger(out), shortest, longest)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{name}/v1/chat/completions", provider.chat)
        app.router.add_get("/{name}/v1/models", _models)
        app.router.add_get("/peaks", provider.peaks)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
