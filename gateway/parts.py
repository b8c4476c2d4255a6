"""What the front door is made of: plain values and the objects of the bus, handed in once by whoever starts it.

Nothing here reads settings or environment, so a test builds a whole gateway from five objects.
"""

from dataclasses import dataclass, field

import msgspec

from bus.config import Config
from bus.connection import Bus
from bus.dispatch import Dispatcher
from bus.fleet import Fleet
from bus.registry import Registry
from schemas.rows import NO_ACCOUNTS, Accounts


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one request may ask for."""

    body_bytes: int = 7_000_000
    """An HTTP body's size. NATS's largest message is 8 MiB, and the envelope needs some of it."""
    sync_seconds: float = 600.0
    """How long a sync call may take in all."""
    job_seconds: float = 86_400.0
    """Deadline of a queued job."""
    file_bytes: int = 2_147_483_648
    """An uploaded file's size."""
    batch_jobs: int = 32
    """Jobs that one batch may have in the queues at a time: what comes between must not wait behind all of a batch."""


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
    accounts: Accounts = NO_ACCOUNTS
    """Who knows what requests cost."""
    registry: Registry | None = None
    """Changes of providers and keys. None: one that can't seal secrets."""
