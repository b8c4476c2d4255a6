"""The connection to NATS: kept up, watched, and built anew when nats-py gives up.

What a newcomer would get wrong: `is_connected` may say True over a dead read loop, so the watchdog measures the round trip.
And nats-py closes for ever on some server errors; an `Ear` remembers what it hears, so that a new client hears it too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog
from nats.aio.subscription import Subscription

from bus.asking import Asking
from bus.wire import Handler, LeanClient, Message
from schemas.problem import Code, Problem

log = structlog.get_logger()

WATCH_EVERY, ECHO_SECONDS = 5.0, 2.0
"""Seconds between two looks of the watchdog, and how long its message to ourselves may take."""


class Link(msgspec.Struct, frozen=True):
    """Where a server is and who we are there. `url` may list several servers, comma-separated."""

    url: str
    user: str = ""
    password: str = ""
    token: str = ""


class Ear:
    """One `listen`: it survives a rebuilt client because it remembers what it wants to hear."""

    def __init__(self, bus: "Bus", subject: str, queue: str, handler: Handler) -> None:
        self.bus, self.subject, self.queue, self.handler = bus, subject, queue, handler
        self.subscription: Subscription | None = None

    async def open(self) -> None:
        async def slowly(message: Any) -> None:
            """For what arrives between SUB and the entry in the lane."""
            self.handler(Message(message.subject, message.reply, message.data, message.headers))

        nc = self.bus.nc
        if nc.is_closed:  # a new client is on its way and opens every ear
            return
        self.subscription = await nc.subscribe(self.subject, self.queue, cb=slowly)
        nc.lane[self.subscription._id] = self.handler

    async def leave(self) -> None:
        """Close, but still hear what the server had sent before it knew."""
        self.bus.ears.discard(self)
        nc, subscription = self.bus.nc, self.subscription
        if subscription is not None and subscription._id in nc.lane:
            nc._remove_sub(subscription._id)
            nc.send(b"UNSUB %d\r\n" % subscription._id)
            with suppress(Problem, TimeoutError):
                await self.bus._echo()
        await self.close()

    async def close(self) -> None:
        self.bus.ears.discard(self)
        if self.subscription is not None:
            self.bus.nc.lane.pop(self.subscription._id, None)
            with suppress(Exception):
                await self.subscription.unsubscribe()


class Bus(Asking):
    """A process's one connection. Open it with `async with open_bus(link, name) as bus`."""

    def __init__(self, link: Link, name: str) -> None:
        super().__init__()
        self.link, self.name = link, name
        self.ears: set[Ear] = set()
        self.on_reconnect: list[Callable[[], None]] = []
        self.losses = 0
        """How often the connection was lost: what was delivered before may mean something else now (`bus/receipts.py`)."""
        self._closing = False
        self._tasks: set[asyncio.Task[Any]] = set()

    # ---- listening ------------------------------------------------------------------------------------------------

    async def listen(self, subject: str, handler: Handler, queue: str = "") -> Ear:
        """Hear `subject`. `handler` runs in the read loop: it must neither block nor take long; start a task for work."""
        ear = Ear(self, subject, queue, handler)
        self.ears.add(ear)
        await ear.open()
        return ear

    # ---- life -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        await self._connect(self.nc)
        self._inbox = self.nc.new_inbox()
        await self.listen(f"{self._inbox}.*", self._answered)
        self.spawn(self._watch())

    async def close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        with suppress(Exception):
            async with asyncio.timeout(2):
                await self.nc.flush(1)
        with suppress(Exception):
            await self.nc.close()

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """A background task of this connection: referenced till it ends, cancelled at close."""
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("bus.task_failed", exc_info=error)

    async def _connect(self, nc: LeanClient) -> None:
        link = self.link
        await nc.connect(
            [url.strip() for url in link.url.split(",")],
            name=self.name,
            user=link.user or None,
            password=link.password or None,
            token=link.token or None,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,  # type: ignore[arg-type]  # declared int, used in asyncio.sleep
            connect_timeout=2,
            ping_interval=5,
            max_outstanding_pings=2,
            pending_size=self.PENDING_LIMIT,
            drain_timeout=5,
            skip_subject_validation=True,
            error_cb=_on_error,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._closed,
        )
        if not nc.is_connected:  # with a dead auth callout nats-py returns a dead client without raising
            raise Problem(Code.UNAVAILABLE, "The message bus refused the connection.")

    async def _disconnected(self) -> None:
        self.losses += 1
        self._give_up_asking()
        if not self._closing:
            log.warning("bus.disconnected")

    async def _reconnected(self) -> None:
        log.info("bus.reconnected")
        for callback in self.on_reconnect:
            try:
                callback()
            except Exception:
                log.exception("bus.reconnect_hook_failed")

    async def _closed(self) -> None:
        """nats-py closes for ever on some server errors: build a new client and hear everything again."""
        self.losses += 1
        if not self._closing:
            self.spawn(self._rebuild())

    async def _rebuild(self) -> None:
        while not self._closing:
            await asyncio.sleep(0.5)
            nc = LeanClient()
            try:
                async with asyncio.timeout(5):
                    await self._connect(nc)
            except Exception as error:
                log.warning("bus.rebuild_failed", error=str(error))
                continue
            self.nc = nc
            for ear in list(self.ears):
                if ear in self.ears:  # it may have been closed meanwhile
                    await ear.open()
            await self._reconnected()
            return

    async def _echo(self) -> None:
        """One message to ourselves, by way of the server."""
        subject, token = self.inbox()
        heard = asyncio.Event()
        self.expect(token, lambda _: heard.set())
        try:
            self.tell(subject)
            async with asyncio.timeout(ECHO_SECONDS):
                await heard.wait()
        finally:
            self.expect(token, None)

    async def _watch(self) -> None:
        """The read loop may be dead while `is_connected` says True: only a round trip tells."""
        misses = 0
        while True:
            await asyncio.sleep(WATCH_EVERY)
            nc = self.nc
            if not nc.is_connected:
                continue
            try:
                await self._echo()
                misses = 0
            except (Problem, TimeoutError):
                misses += 1
                log.warning("bus.watchdog_missed", misses=misses)
                if misses == 2:
                    await nc.force_reconnect()
                elif misses > 2:
                    misses = 0
                    with suppress(Exception):
                        await nc.close()


async def _on_error(error: Exception) -> None:
    log.warning("bus.error", error=str(error) or type(error).__name__)


@asynccontextmanager
async def open_bus(link: Link, name: str, timeout: float = 15.0) -> AsyncIterator[Bus]:
    """Connect, retrying for `timeout` seconds; raises `Problem(UNAVAILABLE)` that names the address (never the password)."""
    bus = Bus(link, name)
    until = time.monotonic() + timeout
    while True:
        try:
            async with asyncio.timeout(min(5.0, max(0.5, timeout))):
                await bus.open()
            break
        except Exception as error:
            with suppress(Exception):
                bus._closing = True
                await bus.nc.close()
            if time.monotonic() >= until:
                where = link.url.rpartition("@")[2]
                raise Problem(
                    Code.UNAVAILABLE, f"No NATS server at {where}: {error or type(error).__name__}"
                ) from error
            await asyncio.sleep(0.1)
            bus = Bus(link, name)
    try:
        yield bus
    finally:
        await bus.close()
