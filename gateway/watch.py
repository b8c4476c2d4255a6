"""The live view for HTTP: one snapshot, and one feed of changes that is encoded once for all its viewers.

What a viewer reads is made once a second per tenant, whoever looks; a viewer is a queue of those bytes. What a newcomer would
get wrong: a viewer that does not read must cost nothing, so it is cut when it is behind; it comes back and begins anew.
"""

import asyncio
import base64
import binascii
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import msgspec
import structlog

from bus import subjects
from bus.fleet import Fleet
from bus.tenants import HOUSE
from bus.watch_house import Watched
from gateway.live import QUIET_SECONDS
from gateway.past import Past
from gateway.problems import error_of
from gateway.watch_past import refill
from gateway.watch_scope import Scope
from schemas.problem import Code, Fault, Problem
from schemas.provider import ApiKey
from schemas.watch import MOST_RUNS

log = structlog.get_logger()

MOST_VIEWERS = 100
BEHIND, BEHIND_BYTES = 30, 1_000_000
"""Changes, and their bytes, that wait for a viewer before it is cut."""
LONGEST = 1_000_000
"""Bytes of a change: beyond it a snapshot is shorter."""
RETRY = b"retry: 2000\n"
PREVIEW_SECONDS = 1.5
CHECK_EVERY = 5
"""Turns between two looks whether a viewer's key may still look."""
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_STOPPING = Fault(Code.UNAVAILABLE, "The server is stopping; please try again.", retry_after=2)
_NO_MORE = Fault(Code.UNAUTHENTICATED, "You are signed in no more, or may no more look.")
_encode = msgspec.json.Encoder().encode


class Viewer:
    """One open feed."""

    __slots__ = ("_size", "_waiting", "_woken", "cut", "ended", "may", "ready")

    def __init__(self, may: Callable[[], bool]) -> None:
        self.may = may
        """Whether its key may still look."""
        self.ended: Fault | None = None
        self.cut: Callable[[], object] | None = None
        self.ready = False
        """It has the state, so changes mean something to it."""
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._woken = asyncio.Event()

    def tell(self, event: bytes) -> bool:
        """False: it is too far behind."""
        self._waiting.append(event)
        self._size += len(event)
        self._woken.set()
        return len(self._waiting) <= BEHIND and self._size <= BEHIND_BYTES + len(event)

    def end(self, fault: Fault) -> None:
        self.ended = fault
        self._woken.set()

    async def next(self) -> bytes:
        """All that waits, in one piece; empty when nothing has come for `QUIET_SECONDS`."""
        if not self._waiting and self.ended is None:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._woken.wait()
        told = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return told


class Feed:
    """One gateway's."""

    def __init__(self, fleet: Fleet, past: Past | None = None) -> None:
        self.watched = Watched(fleet)
        self.bus, self.past, self.name = fleet.bus, past, fleet.teller.process
        self._scopes: dict[str, Scope] = {}
        self._viewers: dict[str, set[Viewer]] = {}
        """By tenant, as the scopes."""
        self._n = 0
        self._refill: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self, stopping: asyncio.Event | None = None) -> None:
        await self.watched.start()
        self.watched.on_turn.append(self._turn)
        if stopping is not None:
            self.bus.spawn(self._until(stopping))

    async def _until(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.stop()

    def stop(self) -> None:
        """The server stops: viewers are told to come back."""
        self._stopped = True
        for viewer in self._everybody():
            viewer.end(_STOPPING)

    async def snapshot(self, key: ApiKey) -> bytes:
        """The house as it is now, as JSON."""
        await self._look()
        return self._state(self._scope(key))

    async def preview(self, key: ApiKey, job: int) -> tuple[bytes, str]:
        """The picture of a running job as it stands, and its content type. Raises `Problem(NOT_FOUND)`."""
        await self._look()
        rows = self.watched.tables["jobs"].rows
        row = rows.get(job)
        missing = Problem(Code.NOT_FOUND, f"Job {job} has no picture now.", param="job")
        tenant = tenant_of(key)
        if tenant and (row is None or row["tenant"] != tenant):
            raise missing
        if not row["preview"] if row is not None else len(rows) < MOST_RUNS:
            raise missing
        try:
            found = await self.bus.ask(subjects.WATCH_PREVIEW, b"%d" % job, PREVIEW_SECONDS)
        except Problem:
            raise missing from None
        picture = picture_of(found.data)
        if picture is None:
            raise missing
        return picture

    async def follow(self, key: ApiKey, may: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """Server-sent events: the state, then what changes. Raises `Problem` when there are too many viewers."""
        if self._stopped:
            raise Problem.of(_STOPPING)
        if len(self._everybody()) >= MOST_VIEWERS:
            raise Problem(Code.OVERLOADED, f"{MOST_VIEWERS} viewers look already; close one of them.", retry_after=30)
        return self._told(Viewer(may), self._scope(key))

    async def _told(self, viewer: Viewer, scope: Scope) -> AsyncGenerator[bytes, None]:
        self._viewers[scope.tenant].add(viewer)  # not before: what is never begun never ends
        try:
            task = asyncio.current_task()
            viewer.cut = task.cancel if task is not None else None
            await self._look()
            viewer.ready = True
            yield RETRY + _event(b"state", self._n, self._state(scope))
            while True:
                told = await viewer.next()
                if viewer.ended is not None:
                    yield told + _event(b"error", self._n, _encode({"error": error_of(viewer.ended)}))
                    return
                yield told or b": keep-alive\n\n"
        finally:
            self._viewers[scope.tenant].discard(viewer)

    def _state(self, scope: Scope) -> bytes:
        if scope.turn != self._n:  # nobody looked at it until now
            scope.refresh(self._n, time.time(), whole=True)
            scope.minutes.told()
        return scope.state(self.name)

    def _scope(self, key: ApiKey) -> Scope:
        tenant = tenant_of(key)
        if tenant not in self._scopes:
            self._scopes[tenant], self._viewers[tenant] = Scope(tenant, self.watched), set()
        return self._scopes[tenant]

    def _everybody(self) -> list[Viewer]:
        return [viewer for viewers in self._viewers.values() for viewer in viewers]

    async def _look(self) -> None:
        await self.watched.look()
        if self._refill is None and self.past is not None:
            self._refill = self.bus.spawn(refill(self.watched.hearing, self.past))

    # ---- once a second --------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Tell everybody what has changed."""
        self._n += 1
        now = time.time()
        for scope in self._scopes.values():
            if self._viewers[scope.tenant]:
                self.watched.keep()
                news = scope.refresh(self._n, now, whole=scope.turn != self._n - 1)
                self._tell(scope, scope.change(news))
                scope.minutes.told()
        self.watched.hour.changed.clear()
        for table in self.watched.tables.values():
            table.told()

    def _tell(self, scope: Scope, change: bytes) -> None:
        event = b""
        if change:
            event = _event(b"change", self._n, change)
            if len(change) > LONGEST:
                event = _event(b"state", self._n, scope.state(self.name))
        viewers = self._viewers[scope.tenant]
        for viewer in list(viewers):
            if self._n % CHECK_EVERY == 0 and not viewer.may():
                viewer.end(_NO_MORE)
            elif event and viewer.ready and not viewer.tell(event):
                viewers.discard(viewer)
                log.info("viewer.cut", viewers=len(viewers))
                if viewer.cut is not None:
                    viewer.cut()


def tenant_of(key: ApiKey) -> str:
    """Whose rows an administrator sees; empty: all."""
    return "" if key.tenant == HOUSE else key.tenant


def picture_of(url: bytes) -> tuple[bytes, str] | None:
    """The bytes and the content type of a `data:` URL; None for what is no picture that a browser may show."""
    head, comma, body = url.partition(b",")
    kind = head.removeprefix(b"data:").removesuffix(b";base64").decode("ascii", "replace")
    if not comma or kind not in PICTURES:
        return None
    try:
        return base64.b64decode(body, validate=True), kind
    except binascii.Error:
        return None


def _event(name: bytes, number: int, data: bytes) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name, number, data)
