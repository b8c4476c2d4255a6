"""Standing pulls: work is taken only while there is room for it, which is what balances the load.

nats-py 2.16 cannot use priority groups and polls; this asks `$JS.API.CONSUMER.MSG.NEXT` itself and keeps the requests
standing. What a newcomer would get wrong: a delivered message carries the stream's subject, not the inbox of the request
it answers, and the server says nothing when a request is used up. So the account is kept over all requests together:
`open` = asked for - delivered - what the server says it let lapse. A lost note would leave the account wrong for ever,
therefore silence (no heartbeat) or a reconnect starts a new generation with a new inbox.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog

from bus.connection import Bus, Ear
from bus.wire import Message
from schemas.problem import Problem

log = structlog.get_logger()

EXPIRES = 30.0
"""Seconds a request stands."""
BEAT = 2.0
"""Seconds between the server's signs of life for a standing request."""
ACK, NAK, WIP = b"+ACK", b"-NAK", b"+WPI"
"""Answers to a delivery: done, give it to another at once, still at work."""


class Puller:
    """Keeps at most `want()` messages asked for. `handler` runs in the read loop for each and must not block.

    Call `kick()` whenever room has appeared. `want` is the number of messages the caller can take now, not counting
    what is asked for already. A message that finds no room after all must be given back (`bus.tell(reply, NAK)`).
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        consumer: str,
        handler: Callable[[Message], None],
        want: Callable[[], int],
        priority: int | None = None,
    ) -> None:
        self.bus, self.handler, self.want = bus, handler, want
        self.subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self.consumer = consumer
        self.open = 0
        """Messages asked for and not yet delivered."""
        self.stopped = False
        self.missing = False
        """The consumer does not exist: someone must declare it again."""
        self._body: dict[str, object] = {"expires": int(EXPIRES * 1e9), "idle_heartbeat": int(BEAT * 1e9)}
        if priority is not None:
            self._body |= {"group": "g", "priority": priority}
        self._encode = msgspec.json.Encoder().encode
        self._ear: Ear | None = None
        self._generation = 0
        self._inbox = ""
        self._heard = 0.0
        self._pause_until = 0.0

    async def start(self) -> None:
        self.bus.on_reconnect.append(self._lost)
        await self._renew()
        self.bus.spawn(self._mind())

    async def stop(self) -> None:
        """Ask for nothing more and take back what stands; what is under way still reaches the handler."""
        self.stopped = True
        if self._lost in self.bus.on_reconnect:
            self.bus.on_reconnect.remove(self._lost)
        if self._ear is not None:
            await self._ear.leave()

    def kick(self) -> None:
        """Top up: at half, so that a busy worker asks for many at once instead of one by one."""
        room = self.want() - self.open
        if room <= 0 or self.stopped or room < self.open or not self._inbox:
            return
        if time.monotonic() < self._pause_until or not self.bus.nc.is_connected:
            return
        self.open += room
        self.bus.tell(self.subject, self._encode({"batch": room, **self._body}), self._inbox)

    def _heard_one(self, message: Message, generation: int) -> None:
        if generation != self._generation:  # still on its way when the account was closed
            if not message.status:
                self.handler(message)
            return
        self._heard = time.monotonic()
        status = message.status
        if not status:
            self.open = max(0, self.open - 1)
            self.handler(message)
            self.kick()
        elif status != "100":
            self._lapsed(status, message.headers or {})

    def _lapsed(self, status: str, headers: dict[str, str]) -> None:
        """404, 408: nothing came in time. 409, 423, 503, 400: the request was refused, so wait before the next."""
        left = headers.get("Nats-Pending-Messages")
        self.open = max(0, self.open - int(left)) if left is not None else 0
        if status not in ("404", "408"):
            self._pause_until = time.monotonic() + 0.2
            self.missing = status == "503" or "Deleted" in headers.get("Description", "")
            log.info("pull.refused", consumer=self.consumer, status=status, why=headers.get("Description", ""))
        self.kick()

    def _lost(self) -> None:
        self.bus.spawn(self._renew())

    async def _renew(self) -> None:
        """A new inbox and a new account: requests of the old one die with it."""
        self._generation += 1
        mine, inbox = self._generation, self.bus.nc.new_inbox()
        old, self._ear, self._inbox = self._ear, None, ""
        ear = await self.bus.listen(inbox, lambda message: self._heard_one(message, mine))
        if old is not None:
            await old.close()
        if mine != self._generation or self.stopped:  # overtaken by the next
            await ear.close()
            return
        self._ear, self.open, self._heard, self._inbox = ear, 0, time.monotonic(), inbox
        self.kick()

    async def _mind(self) -> None:
        while not self.stopped:
            await asyncio.sleep(0.25)
            try:
                if self.open and time.monotonic() - self._heard > 2.5 * BEAT and self.bus.nc.is_connected:
                    await self._renew()
                self.kick()
            except Problem as problem:
                log.warning("pull.failed", consumer=self.consumer, error=str(problem))
            except Exception:
                log.exception("pull.failed", consumer=self.consumer)
