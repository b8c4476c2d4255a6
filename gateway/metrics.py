"""`/metrics` of one gateway: asks the processes it speaks for, looks at the house, and writes it all down for a scraper.

What a newcomer would get wrong: the library for it costs 70 ms and some megabytes, so it is imported by the first scrape; and
the text is written in a thread, for with many models it takes longer than a chat may wait.
"""

import asyncio
import gzip
import platform
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from bus.acks import ApiError
from bus.census import Census
from bus.counts import Process, decode_process, encode_process
from bus.fleet import STALE
from bus.tracing_facts import provider_name
from gateway.parts import Parts
from schemas.problem import Problem

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from gateway.families import Sight

SMALLEST = 1400
"""Bytes below which nothing is gained by packing."""


class Metrics:
    """One gateway's."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.census = Census(parts.fleet, parts.dispatcher.name)

    async def text(self, accept: str, packed: bool) -> tuple[bytes, str, bool]:
        """The body, its content type, and whether it is packed. `accept`: the header; it may ask for OpenMetrics."""
        others, fleet = await self.census.take(), self.parts.fleet
        own = fleet.counts.process(fleet.teller.process, "gateway")
        own = decode_process(encode_process(own))  # a copy, which nobody changes meanwhile
        await self._behind(others)
        return await asyncio.to_thread(
            _written, await self._sight(), [own, *others], fleet.counts.keyed, accept, packed
        )

    async def _behind(self, processes: list[Process]) -> None:
        """How much the archiver has before it: it knows its own place, and the stream its end."""
        for process in processes:
            if process.role == "archiver":
                with suppress(Problem, ApiError):
                    info = await self.parts.bus.api("STREAM.INFO.LOG")
                    process.facts["lag_messages"] = max(0.0, info["state"]["last_seq"] - process.facts.get("mark", 0.0))

    async def _sight(self) -> "Sight":
        from gateway.families import Sight

        parts, now = self.parts, time.monotonic()
        fleet, calls = parts.fleet, list(parts.dispatcher.calls.values())
        heard = [seen.beat for seen in fleet.agents.values() if now - seen.at < STALE]
        return Sight(
            version=parts.version,
            python=platform.python_version(),
            now=time.time(),
            queues=fleet.queues(),
            agents=dict(Counter((beat.provider, beat.kind) for beat in heard)),
            gateways=len({*fleet.gateways(), parts.dispatcher.name}),
            calls=dict(Counter(call.job.op for call in calls)),
            streams=sum(call.job.stream for call in calls),
            connected=bool(parts.bus.nc.is_connected),
            known_as={name: provider_name(provider) for name, provider in parts.config.providers.items()},
        )


class _Shown:
    """What the library's registry wants."""

    def __init__(self, found: "Iterable[Metric]") -> None:
        self.found = found

    def collect(self) -> "Iterable[Metric]":
        return self.found


def _written(
    sight: "Sight", processes: list[Process], keyed: bool, accept: str, packed: bool
) -> tuple[bytes, str, bool]:
    """In a thread. This process's own `process_…` metrics come from the library."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    from gateway.families import families

    registry = CollectorRegistry()
    registry.register(_Shown(list(families(sight, processes, keyed))))
    ProcessCollector(registry=registry)
    encode, kind = choose_encoder(accept)
    body: bytes = encode(registry)
    if packed and len(body) > SMALLEST:
        return gzip.compress(body, 5), kind, True
    return body, kind, False
