"""Answers and bodies of `/admin` as structs, for the document alone."""

from typing import Any

import msgspec

from gateway.described.answers import Answered
from schemas.provider import Model, Priority
from schemas.rules import ModelRule


class AgentView(Answered, kw_only=True):
    agent: str
    host: str
    slots: int
    in_flight: int
    draining: bool
    reason: str
    """Why it is not taking calls now."""
    models: int


class ProviderFields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A provider's settings. Give a `type` of the catalogue, or `kind` and `base_url`."""

    name: str = ""
    type: str = ""
    """Id in the catalogue (`groq`, `vllm` …)."""
    kind: str = ""
    """openai, ollama, anthropic, gemini, comfyui …"""
    base_url: str = ""
    key: str = ""
    """`env:NAME`, or the secret, which is sealed and never shown again."""
    headers: dict[str, str] = {}
    models: list[Model] = []
    """Empty: ask the provider."""
    discover: bool = True
    priority: int = 0
    """0 is served first, 9 last."""
    slots: int = 64
    """Calls at a time."""
    reserve: int = -1
    """Of these, slots kept for sync calls; -1: an eighth."""
    pool: str = ""
    """Providers of one pool share one queue."""
    cost: float = 0.0
    enabled: bool = True
    connect_timeout: float = 5.0
    first_timeout: float = 120.0
    stall_timeout: float = 60.0
    host: str = ""
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    check_seconds: float = 30.0
    check_timeout: float = 10.0
    notes: str = ""


class ProviderShown(ProviderFields, kw_only=True):
    """A provider's settings without its secrets, and how its agents are."""

    state: str
    """ready, cooling, offline, away or off."""
    agents: list[AgentView]


class ProviderList(Answered, kw_only=True):
    object: str = "list"
    data: list[ProviderShown]


class SwitchFields(Answered, kw_only=True):
    """Of `rollback`: `revision`. Of `test`: `chat` and `model`."""

    revision: int = 0
    chat: bool = False
    model: str = ""


class Change(Answered, kw_only=True):
    kind: str
    name: str
    revision: int
    at: str
    by: str
    note: str
    changes: dict[str, Any]
    """Field -> [before, after]."""


class History(Answered, kw_only=True):
    object: str = "list"
    data: list[Change]


class KeyFields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What may be said of a key."""

    name: str = ""
    scopes: list[str] = []
    """admin, analytics, metrics; empty: an app."""
    apis: list[str] = []
    """Operations it may use; empty: all."""
    models: list[str] = []
    """Models it may ask for, as patterns; empty: all."""
    expires: float = 0.0
    """Unix seconds; 0: never."""
    days: float | None = None
    """Days until it expires, in place of `expires`."""
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    budget_day: float = 0.0
    """USD."""
    budget_month: float = 0.0
    priority: Priority = Priority.NORMAL
    cache_seconds: int = 0
    storage_bytes: int = 0
    bodies: str = ""
    """on, off: keep the text of its requests and answers; empty: as the setting archive.bodies says."""
    user: str = ""
    user_id: str = ""
    ref: str = ""
    ref_id: int | None = None
    meta: dict[str, str] = {}
    """Ids of other systems, and whatever else."""
    features: list[str] = []
    dtos: list[str] = []
    """Requests of the AI Server dialect it may send, by name; empty: all."""
    notes: str = ""
    disabled: float = 0.0
    """Unix seconds since when it is switched off; 0: it is on."""


class KeyShown(KeyFields, kw_only=True):
    """A key without its secrets."""

    id: str
    tenant: str = "default"
    prefix: str
    """First characters of the key."""
    created: float
    state: str
    """active, ending, disabled, expired or revoked."""
    last_used: float | None = None
    """Unix seconds, exact to a minute."""
    revoked: float = 0.0
    replaces: str = ""
    replaced_by: str = ""
    spent: dict[str, float] = {}
    """One key alone: USD by `day` and `month`, where it has a budget."""
    storage: dict[str, Any] = {}
    """One key alone: `used_bytes`, `files` and `limit_bytes`."""


class KeyMade(KeyShown, kw_only=True):
    key: str
    """The key itself, in this answer alone."""
    webhook_secret: str
    """Signs its callbacks."""


class KeyList(Answered, kw_only=True):
    object: str = "list"
    data: list[KeyShown]


class Rotation(Answered, kw_only=True):
    overlap: float = 86400.0
    """Seconds that the old key works on."""
    signing: bool = False
    """A new signing secret too."""


class RuleFields(msgspec.Struct, kw_only=True, omit_defaults=True):
    model: str
    strategy: str = "balanced"
    """balanced, priority, cheapest, fastest or weighted."""
    fallbacks: list[str] = []
    weights: dict[str, float] = {}


class RuleList(Answered, kw_only=True):
    object: str = "list"
    data: list[ModelRule]


class RuleDeleted(Answered, kw_only=True):
    model: str
    deleted: bool = True


class ModelShown(Answered, kw_only=True):
    id: str
    op: str
    aliases: list[str]
    vision: bool | None = None
    context: int | None = None
    providers: list[dict[str, Any]]


class ModelList(Answered, kw_only=True):
    object: str = "list"
    data: list[ModelShown]


class CatalogueShown(Answered, kw_only=True):
    types: Any
    models: Any
    kinds: list[str]
    """Of provider: the words that `kind` may be."""
    operations: list[str]
    """What a key may be allowed: the words that `apis` may be."""


class Foreseen(Answered, kw_only=True):
    """Where a request would go."""

    model: str
    op: str
    strategy: str
    models: list[str]
    queue: str
    """Empty: nobody can take it."""
    trail: list[dict[str, Any]]
    fallbacks: tuple[str, ...] = ()
    wait_seconds: float = 0.0
    refused: dict[str, Any] | None = None
