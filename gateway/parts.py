"""What the front door is made of: plain values and the objects of the bus, handed in once by whoever starts it.

Nothing here reads settings or environment, so a test builds a whole gateway from five objects.
"""

from dataclasses import dataclass, field

import msgspec

from bus.config import Config
from bus.connection import Bus
from bus.dispatch import Dispatcher
from bus.fleet import Fleet


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one request may ask for."""

    body_bytes: int = 7_000_000
    """An HTTP body's size. NATS's largest message is 8 MiB, and the envelope needs some of it."""
    sync_seconds: float = 600.0
    """How long a sync call may take in all."""
    job_seconds: float = 86_400.0
    """Deadline of a queued job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One gateway's parts. They must be started (config, fleet, dispatcher) and outlive the app."""

    bus: Bus
    config: Config
    fleet: Fleet
    dispatcher: Dispatcher
    limits: Limits = field(default_factory=Limits)
    private_callbacks: bool = False
    """May callbacks go to private and loopback addresses?"""
    bodies: bool = False
    """Archive requests and answers too."""
    version: str = "0"
