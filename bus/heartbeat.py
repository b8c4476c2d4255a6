"""A worker's heartbeat: what everybody is told of it each second, and at once when something changes."""

import os
import socket
import time
from typing import TYPE_CHECKING

from schemas.provider import Heartbeat

if TYPE_CHECKING:
    from bus.worker import Worker


def heartbeat_of(worker: "Worker", slots: int, full: bool) -> Heartbeat:
    """`slots`: as they are to be known, -1 for the last word; `full`: with its models."""
    provider, room, now = worker.provider, worker.room, time.monotonic()
    return Heartbeat(
        agent=worker.agent,
        provider=provider.name,
        queue=worker.queue,
        kind=provider.kind,
        slots=slots,
        in_flight=room.holding,
        waiting=worker.deliveries.waiting + worker.backlog(),
        seconds=worker.seconds,
        priority=provider.priority,
        cost=provider.cost,
        cooling_until=room.breaker.until,
        reason=room.breaker.reason,
        draining=worker.draining,
        models=worker.models if full else None,
        started=worker.started,
        done=worker.done,
        failed=worker.failures,
        host=socket.gethostname(),
        pid=os.getpid(),
        offline=worker.offline,
        first=worker.timing.first(now),
        latency=worker.timing.whole(now),
        paced=round(room.pace.wait(now), 3) if room.pace.limited else 0.0,
        probing=room.breaker.probing(time.time()),
        offline_since=worker.offline_since(),
        retried=worker.retried,
        front=worker.peers.in_front(),
    )
