"""What the front door is made of: plain values and the objects of the bus, handed in once by whoever starts it.

Nothing here reads settings or environment, so a test builds a whole gateway from five objects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from bus.config import Config
from bus.connection import Bus
from bus.dispatch import Dispatcher
from bus.fleet import Fleet
from bus.registry import Registry
from gateway.past import Past
from schemas.discretion import Discretion
from schemas.rows import NO_ACCOUNTS, Accounts


class Limits(msgspec.Struct, kw_only=True):
    """How much one request may ask for. One object for all who need it, and changed in place when an operator changes it."""

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


class FileRules(msgspec.Struct, kw_only=True):
    """What is kept of files, how long, and under which address. Changed in place, as `Limits` is."""

    public_artifacts: bool = True
    """May whoever knows the address of what a job made read it?"""
    artifact_days: float = 0.0
    """0: kept for ever."""
    input_hours: float = 72.0
    quota_bytes: int = 0
    """Of a key without a quota of its own; 0: none."""
    total_bytes: int = 0
    """Beyond it the oldest artifacts go; 0: never."""
    base_url: str = ""
    """Stands before the paths of artifacts."""
    variant_bytes: int = 1_073_741_824
    variant_pixels: int = 100_000_000


class Tuning(Protocol):
    """Settings that are changed while everything runs (`ops/tuning.py`)."""

    def view(self) -> list[dict[str, Any]]:
        """Each with its value, where that comes from, its type and its bounds."""

    async def change(self, values: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Set some; null takes one back. Raises `Problem(INVALID_REQUEST)`."""

    async def history(self) -> list[dict[str, Any]]:
        """The kept versions, the newest first."""

    async def roll_back(self, revision: int, by: str) -> dict[str, Any]:
        """Raises `Problem(NOT_FOUND)`."""


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
    discretion: Discretion = field(default_factory=Discretion)
    """What of a request may be written down."""
    public_metrics: bool = False
    """`/metrics` wants no key."""
    version: str = "0"
    accounts: Accounts = NO_ACCOUNTS
    """Who knows what requests cost."""
    files: FileRules = field(default_factory=FileRules)
    bulk: Bus | None = None
    """A connection for the bytes of files alone, so that no call waits behind them. None: they share `bus`."""
    workflows: Mapping[str, bytes] = field(default_factory=dict)
    """The built-in ComfyUI workflows by name, as JSON."""
    admin_secret: str = ""
    """Whoever shows it is an administrator; empty: nobody is by a secret."""
    registry: Registry | None = None
    """Changes of providers and keys. None: one that can't seal secrets."""
    reload: Callable[[], Awaitable[None]] | None = None
    """Has every process read the catalogue anew. None: it stays as it is."""
    past: Past | None = None
    """The archive. None: this gateway has none at hand."""
    tuning: Tuning | None = None
    """Settings that can be changed live. None: none can."""
    stopping: asyncio.Event | None = None
    """Set when the server begins to stop: those who look at the live view are told, or the server would wait for them."""
