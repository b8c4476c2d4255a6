"""A provider in OpenAI's dialect over real sockets, with a script for every way to fail. What OpenAI refuses, it refuses.

In tests: `async with FakeProvider() as fake: fake.url, fake.calls`. As a program it prints its URL and serves until killed:
`python tests/fake_provider.py --port 0 --delay 0.05 --tokens 20 --slots 8 --ledger FILE`. The model's name chooses the script
(`fake_scripts.SCRIPTS`), any other name gets the default; `fake.queue(script, ...)` goes before both. The ledger gets one
JSON line a call when it ends, also when the caller hung up.
"""

import argparse
import asyncio
import json
import re
import time
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fake_scripts import SCRIPTS, Performance, Recorded, Script, error_body
from fake_wire import JSON, HungUpError, Wire

ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
OURS = {"replyTo", "refId", "tag"}


class FakeProvider:
    def __init__(
        self, default: Script | None = None, *, key: str = "", slots: int = 0, ledger: Path | None = None, port: int = 0
    ) -> None:
        self.default = default or Script()
        self.key = key
        self.slots = slots
        """More calls at a time are answered 429 and counted in `over`; 0: no limit."""
        self.calls: list[Recorded] = []
        self.models = ["m", "text-embedding-3-small"]
        self.in_flight = self.peak = self.over = self.connections = 0
        self._queued: deque[Script] = deque()
        self._ledger = ledger.open("a", buffering=1) if ledger else None
        self._keep_calls = ledger is None
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, limit=32 * 1024 * 1024)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def queue(self, *scripts: Script | str) -> None:
        """What the next calls get, whatever their model."""
        self._queued.extend(SCRIPTS[one] if isinstance(one, str) else one for one in scripts)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while await self._exchange(Wire(reader, writer)):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, HungUpError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, wire: Wire) -> bool:
        """One request and its answer. False: the connection is over."""
        method, path, headers, raw = await wire.request()
        if method == "GET" and path == "/v1/models":
            rows = [{"id": name, "object": "model", "created": 1, "owned_by": "fake"} for name in self.models]
            return wire.answer(200, {"object": "list", "data": rows})
        body, refusal = check(method, path, headers, raw, self.key)
        call = Recorded(body, raw, headers, path, ref=ref_of(body))
        if self._keep_calls:
            self.calls.append(call)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        call.outcome = "aborted"
        try:
            if refusal:
                call.outcome = "rejected"
                return wire.answer(refusal[0], error_body(*refusal[1:]))
            if self.slots and self.in_flight > self.slots:
                self.over += 1
                call.outcome = "rejected"
                return wire.answer(429, error_body("Too many requests at a time", None), {"Retry-After": "1"})
            script = self._queued.popleft() if self._queued else SCRIPTS.get(str(body["model"]), self.default)
            call.script = script.kind
            goes_on = await Performance(wire, body, script, call).play()
            call.outcome = "ok" if goes_on else "fault"
            return goes_on
        finally:
            self.in_flight -= 1
            call.end = time.time()
            if self._ledger:
                line = {name: value for name, value in asdict(call).items() if name not in ("body", "raw", "headers")}
                self._ledger.write(json.dumps({**line, "model": body.get("model")}) + "\n")


def check(
    method: str, path: str, headers: dict[str, str], raw: bytes, key: str
) -> tuple[dict[str, Any], tuple[int, str, str | None] | None]:
    """The parsed body, and status, message and parameter of what OpenAI would refuse."""
    if method != "POST" or path != "/v1/chat/completions":
        return {}, (404, f"Invalid URL ({method} {path})", None)
    if key and headers.get("authorization") != f"Bearer {key}":
        return {}, (401, f"Incorrect API key provided: {headers.get('authorization', '')}", None)
    if headers.get("content-type", "").partition(";")[0] != JSON or "content-length" not in headers:
        return {}, (400, "Content-Type must be application/json, with a Content-Length", None)
    try:
        body = json.loads(raw)
    except ValueError:
        return {}, (400, "We could not parse the JSON body of your request", None)
    if not isinstance(body, dict):
        return {}, (400, "The body must be an object", None)
    fault = _shape(body)
    return body, (400, *fault) if fault else None


def _shape(body: dict[str, Any]) -> tuple[str, str | None] | None:
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "you must provide a model parameter", "model"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': empty array", "messages"
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return f"Invalid value: 'messages[{place}].role'", f"messages[{place}].role"
        if not isinstance(message.get("content"), str | list | None):
            return f"Invalid type for 'messages[{place}].content'", f"messages[{place}].content"
    if not isinstance(body.get("stream"), bool | None):
        return "Invalid type for 'stream'", "stream"
    if body.get("stream_options") is not None and not body.get("stream"):
        return "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
    if ours := sorted(OURS & body.keys()):
        return f"Unrecognized request argument supplied: {ours[0]}", ours[0]
    return None


def ref_of(body: dict[str, Any]) -> str:
    """What names the job that made this call: the field `user`, else `ref:NAME` in the text of a message."""
    if body.get("user"):
        return str(body["user"])
    found = re.search(r"ref:([\w.-]+)", json.dumps(body.get("messages", "")))
    return found.group(1) if found else ""


async def serve(options: argparse.Namespace) -> None:
    default = replace(Script(), delay=options.delay, tokens=options.tokens)
    fake = FakeProvider(default, key=options.key, slots=options.slots, ledger=options.ledger, port=options.port)
    fake._keep_calls = False
    fake.models = options.models.split(",")
    async with fake:
        print(fake.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds a call (JSON), seconds a token (stream)")
    parser.add_argument("--tokens", type=int, default=5)
    parser.add_argument("--slots", type=int, default=0, help="calls at a time; more are answered 429")
    parser.add_argument("--key", default="")
    parser.add_argument("--models", default="m", help="names for GET /models, separated by commas")
    parser.add_argument("--ledger", type=Path, help="append one JSON line a call")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
