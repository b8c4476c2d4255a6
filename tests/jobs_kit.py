"""What the tests of jobs share: how to wait for what a caller is promised, and agents' parts that count who called."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from bus_house import House, echo
from bus_worker import short_lease

from bus.connection import Link
from bus.live_call import LiveCall
from schemas.events import Done, Event, Failed
from schemas.job import Job, Record, State
from schemas.log import RequestLog, decode_logs, kind_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

KEY = ApiKey(id="k1", hash="", prefix="", name="test", created=0)
HERE = Path(__file__).parent


async def answer(call: LiveCall, seconds: float = 10.0) -> list[Event]:
    """All events of a call, the last of them `Done` or `Failed`."""
    events: list[Event] = []
    async with asyncio.timeout(seconds):
        while not events or not isinstance(events[-1], Done | Failed):
            events.append(await call.next())
    call.close()
    return events


async def outcome(made: House, job: Job, seconds: float = 10.0) -> Record:
    """The record of a durable job once it has ended."""
    view = await made.desk.wait(KEY, job.id, seconds)
    assert view.status.terminal, f"still {view.status} after {seconds} s"
    return await made.desk.result(KEY, job.id)


async def messages(made: House, stream: str) -> int:
    return int((await made.bus.api(f"STREAM.INFO.{stream}"))["state"]["messages"])


async def settled(look: Callable[[], Awaitable[object]], seconds: float = 5.0) -> None:
    """Poll until what `look` finds is true."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - what is looked at is on the server
            await asyncio.sleep(0.02)


async def empty(made: House, stream: str, seconds: float = 5.0) -> None:
    async def nothing() -> bool:
        return await messages(made, stream) == 0

    await settled(nothing, seconds)


async def filled(made: House, stream: str) -> None:
    await settled(lambda: messages(made, stream))


async def running(made: House, job: Job) -> None:
    async def look() -> bool:
        return (await made.desk.view(KEY, job.id)).status is State.RUNNING

    await settled(look)


async def rows(made: House) -> list[RequestLog]:
    found = await made.bus.read("LOG", {"seq": 1, "batch": 1000, "next_by_subj": "log.>"})
    mine = [message for message in found if kind_of((message.headers or {})["Nats-Subject"]) is RequestLog]
    return [row for message in mine for row in decode_logs(message.data)]


async def stored(made: House, job: Job) -> Job:
    """As accepted, but in no queue yet."""
    return (await made.jobs.create(durable(job)))[0]


def durable(job: Job) -> Job:
    return msgspec.structs.replace(job, durable=True)


def fails(code: Code, **more: float) -> "Script":
    async def script(job: Job) -> AsyncIterator[Event]:
        raise Problem(code, "as planned", **more)  # type: ignore[arg-type]
        yield Done()

    return Script(script)


class Script:
    """An agent's part that counts who called and who was cancelled."""

    def __init__(self, play: object = echo) -> None:
        self.play, self.jobs, self.cancelled = play, list[Job](), 0

    async def __call__(self, job: Job) -> AsyncIterator[Event]:
        self.jobs.append(job)
        try:
            async for event in self.play(job):  # type: ignore[operator]
                yield event
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def forever(job: Job) -> AsyncIterator[Event]:
    await asyncio.sleep(3600)
    yield Done()


def gate(opened: asyncio.Event, body: bytes = b'{"ok":1}') -> Script:
    async def script(job: Job) -> AsyncIterator[Event]:
        await opened.wait()
        yield Done(body)

    return Script(script)


@asynccontextmanager
async def process(link: Link, script: str, lease: float = 2.0) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "bus_worker.py"), link.url, link.user, link.password, script, str(lease)),
        env={**os.environ, "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def serving(made: House, besides: tuple[str, ...] = ()) -> list[str]:
    return [name for name, seen in made.fleet.agents.items() if seen.beat.slots > 0 and name not in besides]


def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2 seconds, here and in worker processes. Undone after the test."""
    for name in ("streams.ACK_WAIT", "worker.LEASE", "leases.WIP_EVERY"):
        module, _, field = name.partition(".")
        monkeypatch.setattr(f"bus.{module}.{field}", getattr(__import__(f"bus.{module}", fromlist=[field]), field))
    short_lease(2.0)
    for module in ("fleet", "peers"):  # or a dead agent's slots stay its own for 3.5 s
        monkeypatch.setattr(f"bus.{module}.STALE", 1.8)
