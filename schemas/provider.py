"""A provider, its models, and what its agents say of themselves each second."""

from enum import StrEnum

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model as callers name it and as the provider does."""

    name: str
    native: str = ""
    """The provider's own name; empty: the same."""
    op: str = "chat"
    aliases: tuple[str, ...] = ()
    """More names callers may use."""
    vision: bool | None = None
    """Takes pictures; None: as the catalogue says."""
    context: int = 0
    """Tokens that prompt and answer may take together; 0: as the catalogue says."""


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One source of capacity. Lives in CONFIG under `providers.<name>`; its secret only sealed (see `key`)."""

    name: str
    kind: str
    """File in `agents/`: openai, local, callbacks …"""
    base_url: str = ""
    key: str = ""
    """`env:NAME`: where the agent's process finds the secret; `sealed:…`: the secret, sealed (`ops/seal.py`).

    Empty: the provider wants none."""
    headers: dict[str, str] = {}
    models: tuple[Model, ...] = ()
    """Empty: ask the provider (`discover`)."""
    discover: bool = True
    """Also list the models the provider itself names."""
    priority: int = 0
    """0 is served first, 9 last."""
    slots: int = 64
    """Calls at a time, over all agent processes of this provider."""
    reserve: int = -1
    """Of these, slots kept for live (sync) calls, so that queued work can't keep people waiting; -1: an eighth, at
    least one where there are two."""
    pool: str = ""
    """Providers of one pool share one queue."""
    cost: float = 0.0
    """Last tie-break of the router: any unit, lower first."""
    enabled: bool = True
    connect_timeout: float = 5.0
    first_timeout: float = 120.0
    """Seconds until the response's headers."""
    stall_timeout: float = 60.0
    """Seconds between two pieces of a stream or body."""
    type: str = ""
    """Id in the catalogue (`groq`, `vllm` …): names its native model names. Empty: told from name and address."""
    host: str = ""
    """Empty: every `up` on this bus serves it. Else only the `ai-server agent NAME` on the machine of that name."""
    requests_per_minute: int = 0
    """What the provider allows us; 0: no limit known."""
    tokens_per_minute: int = 0
    check_seconds: float = 30.0
    """Between two health checks that spend no tokens; 0: none."""
    check_timeout: float = 10.0
    """Seconds a health check may take."""
    notes: str = ""

    @property
    def queue(self) -> str:
        return self.pool or self.name


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What an agent says of one provider, once a second and at each change that matters."""

    agent: str
    """Unique per process and provider."""
    provider: str
    queue: str
    kind: str
    slots: int
    """This agent's share of the provider's slots."""
    in_flight: int = 0
    waiting: int = 0
    """Messages of the queue that wait in LIVE and WORK, as last seen by this agent."""
    seconds: float = 1.0
    """Moving average of the service time."""
    priority: int = 0
    cost: float = 0.0
    cooling_until: float = 0.0
    """Unix seconds; 0 or past: fit."""
    reason: str = ""
    """Why it cools."""
    draining: bool = False
    models: tuple[Model, ...] | None = None
    """None: unchanged since the last list (a list goes out at start, on change, on `hb.ask`, and every 15 s)."""
    started: float = 0.0
    done: int = 0
    failed: int = 0
    host: str = ""
    pid: int = 0
    offline: str = ""
    """Why the provider can't be reached; empty: online."""
    first: float = 0.0
    """Moving average of the seconds to a stream's first token; fades while idle, 0: not measured lately."""
    latency: float = 0.0
    """The same of whole calls."""
    paced: float = 0.0
    """Seconds until the provider's rate limit lets the next call through."""
    probing: bool = False
    """Half open: one job is let through to see whether the provider is back."""
    offline_since: float = 0.0
    """Unix seconds since which it can't be reached."""
    retried: int = 0
    """Failures after which the job went on elsewhere, or here a second time."""
    front: int = 0
    """Of `in_flight`, jobs of the lane that goes first."""


class Priority(StrEnum):
    """Whose calls go first when slots are short."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API key as stored: CONFIG `keys.<id>`. The key itself is shown once and never stored."""

    id: str
    """First 16 hex digits of the hash: names the key on the bus, in logs and records."""
    hash: str
    """SHA-256 of the key, hex. A key has 256 random bits, so a slow hash would buy nothing."""
    prefix: str
    """First characters of the key, for a person to recognise it."""
    name: str
    created: float
    tenant: str = "default"
    scopes: tuple[str, ...] = ()
    """Of `SCOPES`; empty: an app."""
    expires: float = 0.0
    revoked: float = 0.0
    webhook_secret: str = ""
    """`whsec_…`: signs this key's callbacks (Standard Webhooks). Symmetric, so it is stored as it is."""
    apis: tuple[str, ...] = ()
    """Operations it may use (`chat`, `embeddings` …); empty: all."""
    models: tuple[str, ...] = ()
    """Models it may ask for, as patterns (`gpt-4*`); empty: all."""
    requests_per_minute: int = 0
    """0: no limit."""
    tokens_per_minute: int = 0
    budget_day: float = 0.0
    """USD that a calendar day (UTC) may cost; 0: no limit."""
    budget_month: float = 0.0
    priority: Priority = Priority.NORMAL
    user: str = ""
    """Whose key it is, in the operator's words."""
    notes: str = ""
    replaces: str = ""
    """Id of the key before it (rotation) …"""
    replaced_by: str = ""
    """… and after it: this one works until `expires`."""
    cache_seconds: int = 0
    """Answers of its requests are kept so long for equal requests of its own; 0: only where a request asks for it."""
    storage_bytes: int = 0
    """How much its files may take together; 0: as the settings say for all keys."""
    disabled: float = 0.0
    """Switched off since then (Unix seconds), until it is switched on again; 0: on."""
    dtos: tuple[str, ...] = ()
    """Requests of the AI Server dialect it may send, by name; empty: all. `apis` then holds what they do."""
    features: tuple[str, ...] = ()
    """Words that the operator's own programs look for."""
    user_id: str = ""
    ref_id: int | None = None
    ref: str = ""
    meta: dict[str, str] = {}
    """What the operator notes beside it: ids of other systems, and whatever else."""
    bodies: str = ""
    """Whether the archive keeps the text of its requests and answers: `on`, `off`; empty: as the setting says."""


KEY_FIELDS = (
    "name", "scopes", "apis", "models", "expires", "requests_per_minute", "tokens_per_minute", "budget_day",
    "budget_month", "priority", "user", "notes", "cache_seconds", "storage_bytes", "disabled", "dtos", "features", "user_id",
    "ref_id", "ref", "meta", "bodies",
)  # fmt: skip
"""What of a key can be set. `days` is another way to say `expires`."""

NOTHING = "nothing"
"""In `apis` of a key that may do no operation at all (and yet look at lists)."""

SCOPES = ("admin", "analytics", "metrics")
"""`admin`: the admin API. `analytics`: questions about its own rows of the archive. `metrics`: `/metrics` and nothing else."""

encode_heartbeat = msgspec.msgpack.Encoder().encode
decode_heartbeat = msgspec.msgpack.Decoder(Heartbeat).decode
