"""The response cache: the same request of the same key gets the same answer again, byte for byte, without a provider.

Off unless the key (`cache_seconds`) or the request (`x-ai-cache: 60`, `Cache-Control: max-age=60`) turns it on; `no-cache`
asks anew and keeps the answer, `no-store` does neither. Only whole, good answers are kept; a stream is kept as its chunks and
told again as a stream. Equal requests that are under way in one gateway wait for the first one (single flight); two gateways
may each ask once. What a newcomer would get wrong: a hit is a call like any other to whoever tells it, so every dialect has
the cache for nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping

import msgspec
import structlog

from bus import subjects
from bus.acks import ApiError, Full
from bus.dispatch import Dispatcher
from bus.live_call import LiveCall
from bus.router import Route
from schemas.chat import OURS
from schemas.events import Delta, Done, Event, Failed, Usage
from schemas.job import Job
from schemas.problem import Problem
from schemas.provider import ApiKey

log = structlog.get_logger()

LONGEST = 7 * 86_400
LARGEST = 1_000_000
"""Bytes of an answer that is kept."""
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Use(msgspec.Struct, frozen=True):
    """How one request uses the cache. `read`: an old answer will do."""

    seconds: int
    read: bool = True


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What is kept."""

    chunks: list[bytes]
    body: bytes
    usage: Usage
    content_type: str
    provider: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode
Flight = asyncio.Future[Answer | None]


def use_of(heads: Mapping[bytes, bytes], key: ApiKey) -> Use | None:
    """None: the cache is off for this request."""
    said, control = heads.get(b"x-ai-cache"), heads.get(b"cache-control")
    if said is None and control is None and not key.cache_seconds:
        return None
    seconds, read = key.cache_seconds, True
    for word in (control or b"").decode("latin-1").lower().split(","):
        name, _, value = word.strip().partition("=")
        if name == "no-store":
            return None
        if name == "no-cache":
            read = False
        elif name == "max-age" and value.isdigit():
            seconds = int(value)
    if said is not None:
        text = said.strip()
        seconds = int(text) if text.isdigit() else 0
    return Use(min(seconds, LONGEST), read) if seconds > 0 else None


class Answers:
    """One gateway's way to the cache."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher, self._bus = dispatcher, dispatcher.bus
        self._flights: dict[str, Flight] = {}

    async def live(self, job: Job, use: Use) -> tuple[LiveCall, bool]:
        """The call, and whether its answer comes from the cache. Raises as `Dispatcher.live` does."""
        name = digest(job)
        while use.read and (flight := self._flights.get(name)) is not None:
            await asyncio.wait([flight], timeout=max(0.0, job.deadline - time.time()))
            if not flight.done():  # our time is over; the call will say so
                break
            if (kept := flight.result()) is not None:
                return self._replay(job, kept), True
        return await self._fly(name, job, use)

    async def _fly(self, name: str, job: Job, use: Use) -> tuple[LiveCall, bool]:
        flight: Flight = asyncio.get_running_loop().create_future()
        self._flights[name] = flight
        try:
            kept = await self._read(name) if use.read else None
            if kept is not None:
                self._land(name, flight, kept)
                return self._replay(job, kept), True
            call = await self._dispatcher.live(job)
        except BaseException:
            self._land(name, flight, None)
            raise
        call.tap = _Tap(self, name, flight, use.seconds).hear
        return call, False

    def _land(self, name: str, flight: Flight, answer: Answer | None) -> None:
        if not flight.done():
            flight.set_result(answer)
        if self._flights.get(name) is flight:
            del self._flights[name]

    def _replay(self, job: Job, kept: Answer) -> LiveCall:
        """A call that has its whole answer already."""
        call = LiveCall(self._dispatcher.lines, job, Route("cache", ()))
        if kept.chunks:
            call.push(Delta(kept.chunks, 0, kept.provider, 1))
        call.push(Done(kept.body, kept.usage, kept.content_type, kept.provider))
        return call

    async def _read(self, name: str) -> Answer | None:
        try:
            message = await self._bus.ask(f"$JS.API.DIRECT.GET.KV_CACHE.{subjects.cache_key(name)}", b"", 1.0)
            return None if message.status or not message.data else _decode(message.data)
        except (Problem, msgspec.MsgspecError) as error:
            log.warning("cache.unread", error=str(error))
            return None

    async def keep(self, name: str, answer: Answer, seconds: int) -> None:
        try:
            headers = {"Nats-TTL": f"{seconds}s"}
            await self._bus.keep(subjects.cache_key(name), _encode(answer), headers=headers, timeout=2.0)
        except (Problem, Full, ApiError) as error:
            log.warning("cache.unwritten", error=str(error))

    def landed(self, name: str, flight: Flight, answer: Answer | None, seconds: int) -> None:
        """The first of equal requests has its answer (or has none): the others go on."""
        self._land(name, flight, answer)
        if answer is not None:
            self._bus.spawn(self.keep(name, answer, seconds))


class _Tap:
    """Listens to a call and keeps what it says, as long as that is worth keeping."""

    def __init__(self, answers: Answers, name: str, flight: Flight, seconds: int) -> None:
        self._answers, self._name, self._flight, self._seconds = answers, name, flight, seconds
        self._chunks: list[bytes] = []
        self._size = 0

    def hear(self, event: Event | None) -> None:
        """None: the call was given up."""
        if self._flight.done():
            return
        if isinstance(event, Delta):
            self._size += sum(map(len, event.chunks))
            self._chunks += event.chunks if self._size <= LARGEST else []
        elif isinstance(event, Done) and self._size + len(event.body) <= LARGEST:
            answer = Answer(self._chunks, event.body, event.usage, event.content_type, event.provider)
            self._answers.landed(self._name, self._flight, answer, self._seconds)
        elif event is None or isinstance(event, Done | Failed):
            self._answers.landed(self._name, self._flight, None, 0)


def digest(job: Job) -> str:
    """Names what was asked, by whom: equal for requests that may share an answer."""
    told = hashlib.sha256()
    for word in (job.tenant, job.key, job.op, job.model, ",".join(job.providers), str(job.stream), str(job.keep)):
        told.update(word.encode() + b"\0")
    for name, value in sorted(_fields(job.body).items()):
        if name not in OURS:
            told.update(name.encode() + b"\0" + bytes(value) + b"\0")
    return told.hexdigest()
