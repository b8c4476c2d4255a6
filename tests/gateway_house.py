"""A whole way in one loop for the gateway's tests: nats-server, gateway behind uvicorn, an agent, a fake provider."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import uvicorn
from fake_provider import FakeProvider
from fake_scripts import SCRIPTS

from bus.config import Config, new_key
from bus.connection import Bus, Link, open_bus
from bus.dispatch import Dispatcher
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from bus.streams import declare
from bus.wire import Message
from gateway.app import Limits, Parts, build
from gateway.dialects.doors import posted_of, result_of
from ops.provide import Served
from ops.serving import listen
from schemas.log import RequestLog, decode_logs, kind_of
from schemas.provider import ApiKey, Model, Provider

CHAT = "/v1/chat/completions"
MODELS = tuple(Model(name=name) for name in ("m", "lonely", *SCRIPTS))


def chat(model: str = "m", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}


async def until(check: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    """Poll until `check` gives something true, and return it."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


class House:
    """The parts, as the tests want to see them."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.key: ApiKey
        self.other = ""
        self.bus: Bus
        self.config: Config
        self.fake: FakeProvider
        self.http: aiohttp.ClientSession
        self.app: Any = None
        self.rows: list[RequestLog] = []

    async def post(self, body: Any = None, *, path: str = CHAT, **more: Any) -> tuple[int, dict[str, str], Any]:
        """Status, headers (lower case) and JSON of a chat request with the app's key."""
        headers = {"Authorization": f"Bearer {self.secret}", **more.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        content = {"data": body} if isinstance(body, bytes) else {"json": body if body is not None else chat()}
        async with self.http.post(self.url + path, headers=headers, **content, **more) as reply:
            return reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.json(content_type=None)

    async def get(
        self, path: str, key: str | None = None, method: str = "GET", **more: Any
    ) -> tuple[int, dict[str, str], Any]:
        headers = {"X-Api-Key": key or self.secret, **more.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **more) as reply:
            return reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.json(content_type=None)

    async def row(self, job: str | int) -> RequestLog:
        """The record of a job, once it has come."""
        return await until(lambda: next((row for row in self.rows if row.job == int(job)), None))


@asynccontextmanager
async def agent_of(link: Link, provider: Provider) -> AsyncIterator[Served]:
    """A provider's agent on a connection of its own, as in a process of its own."""
    async with open_bus(link, "agent") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        served = Served(fleet, Finish(bus, jobs, ids, show=result_of, post=posted_of), provider, private=True)
        served.start()
        try:
            yield served
        finally:
            await served.drain(1)


@asynccontextmanager
async def gateway_of(link: Link, house: House, **parts: Any) -> AsyncIterator[str]:
    """A gateway behind uvicorn on a free port. Yields its URL."""
    async with open_bus(link, "gateway") as bus:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        dispatcher = Dispatcher(fleet, jobs, ids, Finish(bus, jobs, ids, show=result_of, post=posted_of), 5.0)
        for part in (config, ids, fleet, dispatcher):
            await part.start()
        house.bus, house.config = bus, config
        given = {"limits": Limits(body_bytes=1_000_000), "private_callbacks": False, "version": "1.2.3", **parts}
        for name in ("registry", "tuning"):
            if make := given.get(name):
                given[name] = make(config)
        app = house.app = build(Parts(bus=bus, config=config, fleet=fleet, dispatcher=dispatcher, **given))
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                loop="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=1,
            )
        )
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until(lambda: server.started or task.done())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def _serving(house: House, count: int) -> bool:
    status, _, listed = await house.get("/v1/models")
    return status == 200 and len(listed["data"]) >= count


@asynccontextmanager
async def open_house(link: Link, *, agent: bool = True, **parts: Any) -> AsyncIterator[House]:
    """Everything, ready to be asked."""
    house = House()
    async with AsyncExitStack() as things:
        house.fake = await things.enter_async_context(FakeProvider())
        watch = await things.enter_async_context(open_bus(link, "watch"))
        await declare(watch)

        def heard(message: Message) -> None:
            if kind_of(message.subject) is RequestLog:
                house.rows.extend(decode_logs(message.data))

        await watch.listen("log.>", heard)
        provider = Provider(
            name="fake", kind="openai", base_url=house.fake.url, models=MODELS, discover=False, slots=16,
            first_timeout=2.0, stall_timeout=2.0,
        )  # fmt: skip
        if agent:
            await things.enter_async_context(agent_of(link, provider))
        house.url = await things.enter_async_context(gateway_of(link, house, **parts))
        house.secret, house.key = new_key("app")
        house.other, other = new_key("other")
        await house.config.put_key(house.key)
        await house.config.put_key(other)
        house.http = await things.enter_async_context(aiohttp.ClientSession())
        if agent:
            await until(lambda: _serving(house, len(MODELS)))
        yield house
