"""A worker and the others of its provider and queue: what they leave it of the slots, and the consumers they share.

Known from heartbeats alone. What a newcomer would get wrong: the consumers' wall (`max_ack_pending`) is the slots of all the
queue's providers, and jobs of the lane in front are taken off the other lane's, so that both together stay behind it.
"""

import time
from typing import TYPE_CHECKING

from bus import streams
from bus.acks import ApiError
from bus.fleet import STALE
from bus.slots import share
from schemas.provider import Heartbeat

if TYPE_CHECKING:
    from bus.worker import Worker


class Peers:
    """One worker's view of the others."""

    def __init__(self, worker: "Worker") -> None:
        self.worker = worker
        self._walled = 0
        """Jobs of the lane in front which the other lane's wall counts; -1: unknown."""

    def _heard(self) -> list[Heartbeat]:
        """The last word of all other agents that are heard."""
        now, me = time.monotonic(), self.worker.agent
        agents = self.worker.fleet.agents.values()
        return [seen.beat for seen in agents if seen.beat.agent != me and now - seen.at < STALE]

    def _of_queue(self) -> list[Heartbeat]:
        return [beat for beat in self._heard() if beat.queue == self.worker.queue]

    # ---- slots ----------------------------------------------------------------------------------------------------

    def divide(self) -> None:
        """Take our share of the provider's slots."""
        worker, room = self.worker, self.worker.room
        peers = [beat for beat in self._heard() if beat.provider == worker.provider.name]
        leaving = sum(beat.slots for beat in peers if beat.draining)
        others = {beat.agent: beat.slots for beat in peers if not beat.draining and (beat.slots or not beat.offline)}
        new = 0 if worker.draining else share(worker.provider.slots - leaving, worker.agent, others)
        if new != room.share:
            room.share = new
            room.pace.share(new / worker.provider.slots)
            worker.beat()

    # ---- consumers ------------------------------------------------------------------------------------------------

    async def declare(self) -> None:
        """The queue's consumers; `max_ack_pending` is the slots of all its providers, for both lanes of WORK together."""
        worker, bus = self.worker, self.worker.bus
        known = {p.name: p for p in worker.config.providers.values() if p.queue == worker.queue and p.enabled}
        known[worker.provider.name] = worker.provider
        slots = sum(provider.slots for provider in known.values())
        self._walled = self._counted_in_front()
        live, work = streams.live_consumer(worker.queue), streams.work_consumer(worker.queue, slots - self._walled)
        try:
            await streams.declare_consumer(bus, "LIVE", live)
        except ApiError:  # the server was restarted, and LIVE was in its memory
            await streams.declare(bus)
            await streams.declare_consumer(bus, "LIVE", live)
        await streams.declare_consumer(bus, "WORK", work)
        await streams.declare_consumer(bus, "WORK", streams.work_consumer(worker.queue, slots, "first"))

    def in_front(self) -> int:
        """Jobs of the lane in front that we have in hand."""
        return sum(1 for run in self.worker.runs.values() if run.holds and run.job.first)

    def _counted_in_front(self) -> int:
        """The same of all agents of the queue, by their last word."""
        return self.in_front() + sum(beat.front for beat in self._of_queue())

    def wall_is_off(self) -> bool:
        """What the lane in front has in hand is taken off the other lane's wall; one agent of the queue minds it."""
        if any(beat.agent < self.worker.agent for beat in self._of_queue()):
            self._walled = -1  # should it be for us to mind one day
            return False
        return self._walled != self._counted_in_front()
