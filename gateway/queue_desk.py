"""The queues as an operator sees and holds them.

What waits is counted by the server (`num_pending` of both lanes and of LIVE), what is in hand by the agents' heartbeats. What a
newcomer would get wrong: a queue is a provider or a pool, and one that nobody serves has no consumer: its messages are counted.
"""

import asyncio
import time
from typing import Any

import msgspec

from bus.acks import ApiError
from bus.connection import Bus
from bus.fleet import STALE
from bus.hold import NOTE_LENGTH, Hold, Mode
from bus.router import QueueView, expected_wait
from gateway.admin import state_of
from gateway.parts import Parts
from schemas.job import decode_job
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Heartbeat

Told = dict[str, Any]


class QueueDesk:
    """One gateway's."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def all(self) -> list[Told]:
        """Every queue that is configured, served or held."""
        views = {view.name: view for view in self.parts.fleet.queues()}
        names = sorted({*views, *(one.queue for one in self.parts.config.providers.values()), *self.parts.config.holds})
        return list(await asyncio.gather(*(self._told(name, views.get(name)) for name in names)))

    async def one(self, name: str) -> Told:
        """Raises `Problem(NOT_FOUND)`."""
        self._known(name)
        view = next((view for view in self.parts.fleet.queues() if view.name == name), None)
        return await self._told(name, view)

    async def hold(self, name: str, mode: Mode, note: Any, by: ApiKey) -> Told:
        """Nothing new starts there. Raises `Problem`: NOT_FOUND, FORBIDDEN, INVALID_REQUEST."""
        self._may(by)
        self._known(name)
        if not isinstance(note, str) or len(note) > NOTE_LENGTH or not note.isprintable():
            raise Problem(
                Code.INVALID_REQUEST, f"note must be a line of at most {NOTE_LENGTH} characters.", param="note"
            )
        await self.parts.config.put_hold(Hold(queue=name, mode=mode, at=time.time(), by=by.id, note=note.strip()))
        return await self.one(name)

    async def resume(self, name: str, by: ApiKey) -> Told:
        """Harmless where nobody holds it."""
        self._may(by)
        self._known(name)
        if name in self.parts.config.holds:
            await self.parts.config.drop_hold(name, by.id)
        return await self.one(name)

    def _may(self, by: ApiKey) -> None:
        """Queues are everybody's: an administrator of one tenant must not hold those of all."""
        if by.tenant != "default":
            raise Problem(Code.FORBIDDEN, "Queues serve all tenants; only an administrator of `default` may hold one.")

    def _known(self, name: str) -> None:
        config = self.parts.config
        known = {one.queue for one in config.providers.values()} | set(config.holds)
        known |= {view.name for view in self.parts.fleet.queues()}
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise Problem(Code.NOT_FOUND, f"There is no queue '{name[:80]}'. There are: {names}.", param="name")

    async def _told(self, name: str, view: QueueView | None) -> Told:
        hold = self.parts.config.holds.get(name)
        lanes = (("WORK", "first"), ("WORK", "work"), ("LIVE", "live"))
        counted = (waiting(self.parts.bus, stream, lane, name) for stream, lane in lanes)
        first, normal, live = await asyncio.gather(*counted)
        in_hand = sum(beat.in_flight for beat in self._beats(name))
        oldest = min((one for one in (first["since"], normal["since"]) if one), default=None)
        # What was given back waits too, though the server counts it among what is not acked.
        back = max(0, first["unacked"] + normal["unacked"] - in_hand)
        count = first["count"] + normal["count"] + live["count"] + back
        now = msgspec.structs.replace(view, waiting=count) if view is not None else None
        return {
            "queue": name,
            "providers": self._providers(name),
            "state": self._state(name, hold),
            "slots": view.slots if view else 0,
            "in_flight": in_hand,
            "waiting": count,
            "waiting_first": first["count"],
            "waiting_live": live["count"],
            "waiting_since": oldest,
            "expected_wait": round(expected_wait(now), 3) if now is not None and now.slots and hold is None else None,
            "cooling_until": view.cooling_until if view and view.cooling_until > time.time() else None,
            "reason": view.reason if view else "",
            "paused": {"by": hold.by, "at": hold.at, "note": hold.note, "mode": str(hold.mode)} if hold else None,
        }

    def _providers(self, name: str) -> list[str]:
        fleet = {seen.beat.provider for seen in self.parts.fleet.agents.values() if seen.beat.queue == name}
        return sorted(fleet | {one.name for one in self.parts.config.providers.values() if one.queue == name})

    def _beats(self, name: str) -> list[Heartbeat]:
        """The last word of its living agents; what a gateway has sent since is not in it."""
        now, agents = time.monotonic(), self.parts.fleet.agents.values()
        return [seen.beat for seen in agents if seen.beat.queue == name and now - seen.at < STALE]

    def _state(self, name: str, hold: Hold | None) -> str:
        """paused, draining, or as good as the best of its providers: ready, cooling, offline, away, off."""
        if hold is not None:
            return "draining" if hold.mode is Mode.DRAIN else "paused"
        beats = self._beats(name)
        found = [
            state_of(one, [beat for beat in beats if beat.provider == one.name])
            for one in self.parts.config.providers.values()
            if one.queue == name
        ]
        if not found and beats:
            return "ready"
        return next((word for word in ("ready", "cooling", "offline", "away", "off") if word in found), "away")


async def waiting(bus: Bus, stream: str, lane: str, queue: str) -> Told:
    """How many messages wait in a lane, since when the oldest does (Unix seconds; None: not known, or none), and how many were
    delivered and not acked."""
    pattern, start, unacked = f"{lane}.{queue}.>", 1, 0
    try:
        info = await bus.api(f"CONSUMER.INFO.{stream}.{lane}-{queue}")
        unacked = info["num_ack_pending"]
        if not info["num_pending"]:
            return {"count": 0, "since": None, "unacked": unacked}
        start = info["delivered"]["stream_seq"] + 1
    except ApiError:  # nobody has ever served it: all there is waits
        info = None
    page = await bus.read(stream, {"seq": start, "batch": 1, "next_by_subj": pattern})
    if not page:
        return {"count": 0, "since": None, "unacked": unacked}
    count = info["num_pending"] if info else int((page[0].headers or {}).get("Nats-Num-Pending", "0")) + 1
    return {"count": count, "since": decode_job(page[0].data).created, "unacked": unacked}
