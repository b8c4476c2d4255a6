"""Threads, prompts, queries and pins that people keep in the web UI, on the server and per API key.

What a newcomer would get wrong: head and body are two messages. The body goes first, each by compare-and-set against what
is really there, so of two tabs that change one thread the later is told so (409), and a crash between the two leaves a
thread whose head is a moment older than its text, and nothing else.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec

from bus import subjects
from bus.acks import Conflict, Full
from bus.connection import Bus
from bus.filing import MARK, saved_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from schemas.saved import Kind, Saved
from storage.wall import Wall

MOST = 5000
"""Things of one kind that a key may keep."""
LONGEST = 2_000_000
"""Bytes of a body."""
ROOM = 200_000_000
"""Bytes of all that a key keeps."""
TITLE, ABOUT = 200, 300
TOGETHER = 16


class SavedChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends. What is left out stays as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    group: str | msgspec.UnsetType = msgspec.UNSET
    about: str | msgspec.UnsetType = msgspec.UNSET
    shared: bool | msgspec.UnsetType = msgspec.UNSET
    body: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """Any JSON."""
    seen: float | msgspec.UnsetType = msgspec.UNSET
    """`changed` of what the caller changes: another value means that somebody else was faster (409)."""


class Whole(msgspec.Struct, frozen=True):
    """A saved thing with what it holds."""

    head: Saved
    body: bytes
    own: bool = True


class Savings:
    """Everybody's. Each method takes the caller's key and shows nothing of another's but what is shared. `wall` keeps the
    room free that jobs need."""

    def __init__(self, bus: Bus, new_id: Callable[[], int], wall: Wall) -> None:
        self.bus, self._new_id, self._wall = bus, new_id, wall
        self._heads = saved_of(bus)

    async def of(self, key: ApiKey, kind: Kind, group: str = "") -> list[tuple[Saved, bool]]:
        """The newest first, each with whether it is the caller's own. Shared ones of the tenant are among them."""
        own = [one for one in await self._heads.of(key.tenant, key.id) if one.kind is kind]
        shared = [one for one in await self._shared(key, kind) if one.key != key.id]
        found = [(one, True) for one in own] + [(one, False) for one in shared]
        wanted = [item for item in found if not group or item[0].group == group]
        return sorted(wanted, key=lambda item: (-item[0].changed, -item[0].id))

    async def read(self, key: ApiKey, kind: Kind, number: int) -> Whole:
        """Raises `Problem(NOT_FOUND)`."""
        _, head = await self._head(key, kind, number)
        return Whole(head, (await self._body(head))[1], head.key == key.id)

    async def add(self, key: ApiKey, kind: Kind, change: SavedChange) -> Whole:
        """Raises `Problem`: INVALID_REQUEST, TOO_LARGE, CONFLICT (there are too many), OVERLOADED (the store is full)."""
        held = await self._heads.of(key.tenant, key.id)
        if len([one for one in held if one.kind is kind]) >= MOST:
            raise Problem(Code.CONFLICT, f"You keep {MOST} {kind} already; delete some first.")
        now = time.time()
        empty = Saved(id=self._new_id(), tenant=key.tenant, key=key.id, kind=kind, title="Untitled", created=now)
        head, body = _changed(key, empty, b"null", change, now)
        await self._check(held, head, empty)
        await self._keep(head, body, 0, 0)
        return Whole(head, body)

    async def change(self, key: ApiKey, kind: Kind, number: int, change: SavedChange) -> Whole:
        """Raises `Problem`: NOT_FOUND, FORBIDDEN (another's, though shared), CONFLICT, INVALID_REQUEST, TOO_LARGE."""
        revision, head = await self._own(key, kind, number)
        if change.seen is not msgspec.UNSET and change.seen != head.changed:
            raise _faster()
        held, old = await self._body(head)
        made, body = _changed(key, head, old, change, time.time())
        if made.size > head.size:
            await self._check(await self._heads.of(key.tenant, key.id), made, head)
        await self._keep(made, body, revision, held if body != old or not held else -1)
        return Whole(made, body)

    async def remove(self, key: ApiKey, kind: Kind, number: int) -> None:
        """Raises `Problem`: NOT_FOUND, FORBIDDEN, CONFLICT."""
        revision, head = await self._own(key, kind, number)
        try:
            await self._heads.remove(head, revision)
        except Conflict:
            raise _faster() from None
        await self.bus.keep(subjects.saved_body(head.tenant, head.key, head.id), b"", headers=MARK)

    async def clear(self, key: ApiKey, kind: Kind, group: str = "") -> int:
        """All of the caller's own of a kind (and group). Returns how many are gone."""
        own = [one.id for one, mine in await self.of(key, kind, group) if mine]
        for start in range(0, len(own), TOGETHER):
            await asyncio.gather(*(self.remove(key, kind, one) for one in own[start : start + TOGETHER]))
        return len(own)

    async def _check(self, held: list[Saved], made: Saved, before: Saved) -> None:
        more = made.size - before.size
        if sum(one.size for one in held) + more > ROOM:
            raise Problem(Code.CONFLICT, f"You keep {ROOM // 1_000_000} MB already; delete some things first.")
        await self._wall.check(more)

    async def _shared(self, key: ApiKey, kind: Kind) -> list[Saved]:
        if kind not in (Kind.PROMPTS, Kind.QUERIES):
            return []
        return [one for one in await self._heads.of(key.tenant, "*") if one.shared and one.kind is kind]

    async def _head(self, key: ApiKey, kind: Kind, number: int) -> tuple[int, Saved]:
        found = await self._heads.get(key.tenant, key.id, number)
        if found is None and kind in (Kind.PROMPTS, Kind.QUERIES):
            found = await self._heads.numbered(number)
            if found is not None and not (found[1].shared and found[1].tenant == key.tenant):
                found = None
        if found is None or found[1].kind is not kind:
            raise Problem(Code.NOT_FOUND, f"There is no such thing among your {kind}: {number}.")
        return found

    async def _own(self, key: ApiKey, kind: Kind, number: int) -> tuple[int, Saved]:
        revision, head = await self._head(key, kind, number)
        if head.key != key.id:
            raise Problem(Code.FORBIDDEN, "It is shared by somebody else; make a copy of your own to change it.")
        return revision, head

    async def _body(self, head: Saved) -> tuple[int, bytes]:
        found = await self.bus.last("KV_SAVED", subjects.saved_body(head.tenant, head.key, head.id))
        return (found[0], found[1] or b"null") if found else (0, b"null")

    async def _keep(self, head: Saved, body: bytes, revision: int, held: int) -> None:
        """The body at the revision `held` (-1: it stays as it is), then the head."""
        try:
            if held >= 0:
                await self.bus.keep(subjects.saved_body(head.tenant, head.key, head.id), body, expect=held)
            await self._heads.put(head, revision)
        except Conflict:
            raise _faster() from None
        except Full as error:
            raise Problem(Code.OVERLOADED, "The store is full; try again later.", retry_after=30) from error


def _changed(key: ApiKey, head: Saved, body: bytes, change: SavedChange, now: float) -> tuple[Saved, bytes]:
    given = {
        name: value
        for name in ("title", "group", "about", "shared")
        if (value := getattr(change, name)) is not msgspec.UNSET
    }
    if given.get("shared") and "admin" not in key.scopes:
        raise Problem(Code.FORBIDDEN, "Only a key with the scope `admin` may share with all keys.", param="shared")
    for name, longest in (("title", TITLE), ("about", ABOUT), ("group", 64)):
        if len(given.get(name, "")) > longest:
            raise Problem(Code.INVALID_REQUEST, f"{name} takes at most {longest} characters.", param=name)
    if "title" in given and not given["title"].strip():
        raise Problem(Code.INVALID_REQUEST, "title must not be empty.", param="title")
    if change.body is not msgspec.UNSET:
        body = bytes(change.body)
    if len(body) > LONGEST:
        raise Problem(Code.TOO_LARGE, f"It is too large: at most {LONGEST // 1_000_000} MB.", param="body")
    return msgspec.structs.replace(head, changed=now, size=len(body), **given), body


def _faster() -> Problem:
    return Problem(Code.CONFLICT, "It was changed elsewhere meanwhile; load it again, and repeat your change.")
