"""The callers of the bench: a process of its own that presses one address, or opens many streams at once.

Raw protocol with one request in flight a connection. When time is up nothing new is sent but what is on its way is read
to its end, so requests sent and answers read are equal, and so must be the records. Run with a list of `Task`s as JSON on
stdin; it prints a list of `Load`s as JSON. One task is pressed; several take turns, one request at a time, so that what
differs between them is not the minute they were asked in.
"""

import asyncio
import re
import sys
import time
from collections import Counter
from functools import partial
from typing import cast

import msgspec
import uvloop

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TOKEN = re.compile(rb'"content":"(t\d+ )"')


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to press, and how. `streams`: each connection asks once and reads a token stream."""

    port: int
    path: str = "/v1/chat/completions"
    method: str = "POST"
    headers: dict[str, str] = {}
    body: str = ""
    connections: int = 1
    seconds: float = 2.0
    streams: bool = False
    again: bool = False
    """Streams begin anew until time is up."""
    pause: float = 0.0
    """Seconds between an answer and the connection's next request."""
    spread: float = 0.0
    """Seconds over which the connections begin."""

    def request(self) -> bytes:
        body = self.body.encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Load(msgspec.Struct, kw_only=True):
    """Latencies are milliseconds; for streams the time to the first token."""

    requests: int = 0
    seconds: float = 0.0
    errors: int = 0
    p50: float = 0.0
    p99: float = 0.0
    statuses: dict[str, int] = {}
    tokens: int = 0
    garbled: int = 0
    """Streams whose tokens were not the ones that were sent, in their order, or that did not end with [DONE]."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


class Tally:
    def __init__(self, task: Task) -> None:
        self.request = task.request()
        self.streams, self.pause = task.streams, task.pause
        self.once = task.streams and not task.again
        self.until = 0.0
        self.waits: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.errors = self.tokens = self.garbled = self.done = 0


class Caller(asyncio.Protocol):
    """One connection. Ends its future when there is nothing more to ask."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.begun = self.first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        assert self.transport is not None
        self.buffer, self.first, self.begun = b"", 0.0, time.perf_counter()
        self.transport.write(self.tally.request)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.tally.streams and not self.first and TOKEN.search(self.buffer):
            self.first = time.perf_counter()
        if self._complete():
            self._count()
            self.answered()

    def answered(self) -> None:
        """What follows an answer."""
        if self.tally.once or time.perf_counter() > self.tally.until:
            self.end()
        elif self.tally.pause:
            asyncio.get_running_loop().call_later(self.tally.pause, self._ask_or_end)
        else:
            self.ask()

    def _ask_or_end(self) -> None:
        if time.perf_counter() > self.tally.until:
            self.end()
        else:
            self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self.tally.errors += 1
            self.end()

    def _complete(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        found = LENGTH.search(self.buffer, 0, end)
        return len(self.buffer) >= end + 4 + int(found[1]) if found else self.buffer.endswith(b"\r\n0\r\n\r\n")

    def _count(self) -> None:
        tally, now = self.tally, time.perf_counter()
        status = int(self.buffer[9:12])
        tally.statuses[status] += 1
        tally.done += 1
        tally.errors += status not in (200, 202)
        tally.waits.append((self.first or now) - self.begun)
        if tally.streams:
            tokens = TOKEN.findall(self.buffer)
            tally.tokens += len(tokens)
            right = tokens == [b"t%d " % n for n in range(len(tokens))] and b"data: [DONE]" in self.buffer
            tally.garbled += not right

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if self.transport:
            self.transport.close()


class Turn(Caller):
    """One connection that waits to be told when to ask."""

    async def take(self) -> None:
        self.one: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ask()
        await asyncio.wait((self.one, self.ended), timeout=60, return_when=asyncio.FIRST_COMPLETED)

    def answered(self) -> None:
        self.one.set_result(None)


async def run(task: Task) -> Load:
    """Presses for `task.seconds`, or until the last stream has ended (at most a minute more)."""
    tally = Tally(task)
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: Caller(tally), "127.0.0.1", task.port) for _ in range(task.connections)
    ]
    begun = time.perf_counter()
    tally.until = begun + task.seconds
    for place, (_, caller) in enumerate(pairs):
        if task.spread:
            loop.call_later(place * task.spread / len(pairs), caller.ask)
        else:
            caller.ask()
    _, late = await asyncio.wait([caller.ended for _, caller in pairs], timeout=task.seconds + 60)
    tally.errors += len(late)
    tally.garbled += len(late) if task.streams else 0
    return _load(tally, time.perf_counter() - begun)


async def take_turns(tasks: list[Task]) -> list[Load]:
    """Each task asks once, then the next, round and round for the first one's `seconds`."""
    loop = asyncio.get_running_loop()
    callers: list[Turn] = []
    for task in tasks:
        _, caller = await loop.create_connection(partial(Turn, Tally(task)), "127.0.0.1", task.port)
        callers.append(caller)
    begun = time.perf_counter()
    while time.perf_counter() < begun + tasks[0].seconds:
        for caller in callers:
            await caller.take()
    for caller in callers:
        caller.end()
    return [_load(caller.tally, time.perf_counter() - begun) for caller in callers]


def _load(tally: Tally, seconds: float) -> Load:
    waits = sorted(tally.waits) or [0.0]
    return Load(
        requests=tally.done,
        seconds=seconds,
        errors=tally.errors,
        p50=waits[len(waits) // 2] * 1000,
        p99=waits[int(len(waits) * 0.99)] * 1000,
        statuses={str(status): n for status, n in tally.statuses.items()},
        tokens=tally.tokens,
        garbled=tally.garbled,
    )


async def _main() -> list[Load]:
    tasks = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Task])
    return [await run(tasks[0])] if len(tasks) == 1 else await take_turns(tasks)


if __name__ == "__main__":
    print(msgspec.json.encode(uvloop.run(_main())).decode())
