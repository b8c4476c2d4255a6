"""What a provider and an API key must satisfy beyond their types: one table for the settings file, the admin API and the bus.

Pure: each check yields (field, sentence), and whoever asks raises in its own words (`check_…` in those of the house). The
sentence begins with the field.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from schemas.discretion import WISHES
from schemas.problem import Code, Problem
from schemas.provider import NOTHING, SCOPES, ApiKey, Provider
from schemas.rules import ModelRule, rule_faults
from schemas.secrets import ENV, SEALED, secret_header

Faults = Iterator[tuple[str, str]]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
TAKEN = ("callbacks",)
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*\Z")
_OURS = re.compile(r"env:(AI_SERVER_|(NATS_URL|AUTH_SECRET)\Z)")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST = 4096
AMOUNTS = (
    "requests_per_minute", "tokens_per_minute", "budget_day", "budget_month", "expires", "cache_seconds", "storage_bytes",
)  # fmt: skip
"""Of a key: numbers that are 0 or more."""


def provider_faults(p: Provider, kinds: frozenset[str] = frozenset()) -> Faults:
    """Everything wrong with a provider. `kinds`: those that are built; empty: not checked."""
    if p.name in TAKEN and p.kind != p.name:
        yield "name", f"name: `{p.name}` is taken by the web callbacks"
    if not NAME.match(p.name):
        yield "name", f"name {p.name!r} is not a-z, 0-9, - and _ (it names a queue on the bus)"
    if kinds and p.kind not in kinds:
        yield "kind", f"kind: there is no {p.kind!r}; there are: {', '.join(sorted(kinds))}"
    yield from _address_faults(p.base_url)
    yield from _secret_faults(p)
    yield from _size_faults(p)
    if p.pool and not NAME.match(p.pool):
        yield "pool", "pool is a-z, 0-9, - and _ (it names a queue on the bus)"
    for name in ("connect_timeout", "first_timeout", "stall_timeout", "check_timeout"):
        if not 0 < getattr(p, name) <= 86_400:
            yield name, f"{name} must be more than 0 seconds, and at most a day"
    for number, model in enumerate(p.models):
        if not model.name or any(_CONTROL.search(name) for name in (model.name, model.native, *model.aliases)):
            yield f"models[{number}].name", f"models[{number}].name must be a name without control characters"


def _size_faults(p: Provider) -> Faults:
    if not 1 <= p.slots <= 5000:
        yield "slots", f"slots must be at least 1 and at most 5000, not {p.slots} (to switch it off: enabled = false)"
    if not -1 <= p.reserve < max(1, p.slots):
        yield "reserve", f"reserve must be from 0 to slots - 1, or -1 for an eighth, not {p.reserve}"
    if not 0 <= p.priority <= 9:
        yield "priority", f"priority must be from 0 (first) to 9 (last), not {p.priority}"
    for name in ("requests_per_minute", "tokens_per_minute", "cost", "check_seconds"):
        if not 0 <= getattr(p, name) < float("inf"):
            yield name, f"{name} must be 0 or more"


def _address_faults(url: str) -> Faults:
    if not url:
        return
    if not re.match(r"https?://[^/?#\s]", url) or _CONTROL.search(url) or " " in url:
        yield (
            "base_url",
            f"base_url must begin with http:// or https://, not {url.partition('?')[0].rpartition('@')[2]!r}",
        )
        return
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        yield "base_url", "base_url is not a valid URL"
        return
    if parts.username is not None or parts.password is not None:
        yield "base_url", "base_url must hold no user and password: they belong into key or headers"
    if any(secret_header(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        yield "base_url", "base_url must hold no key: it belongs into key or headers"


def _secret_faults(p: Provider) -> Faults:
    yield from _one_secret("key", p.key)
    for name, value in p.headers.items():
        if not _HEADER.match(name):
            yield "headers", f"headers: {name!r} is not the name of an HTTP header"
        elif len(value) > LONGEST or _CONTROL.search(value):
            yield f"headers.{name}", f"headers.{name} must be one line of at most {LONGEST} characters"
        else:
            yield from _one_secret(f"headers.{name}", value)


def _one_secret(field: str, value: str) -> Faults:
    """Never with the value in the sentence: it may be a secret."""
    if value.startswith(ENV) and not _ENV.match(value):
        yield field, f"{field} must name an environment variable, like `env:OPENAI_API_KEY`"
    elif _OURS.match(value):
        yield field, f"{field} may not be one of the server's own secrets"
    elif len(value) > LONGEST * 2 or _CONTROL.search(value) or (not value.isascii() and not value.startswith(SEALED)):
        yield field, f"{field} must be one line of at most {LONGEST} plain characters"


def key_faults(key: ApiKey, apis: frozenset[str] = frozenset()) -> Faults:
    """Everything wrong with an API key's settings. `apis`: the operations there are; empty: not checked."""
    if not key.name.strip() or len(key.name) > 200 or _CONTROL.search(key.name):
        yield "name", "name must be 1 to 200 characters without control characters"
    for scope in key.scopes:
        if scope not in SCOPES:
            yield "scopes", f"scopes: there is no {scope!r}; there are: {', '.join(SCOPES)}"
    for api in key.apis:
        if apis and api not in apis and api != NOTHING:
            yield "apis", f"apis: there is no {api!r}; there are: {', '.join(sorted(apis))}"
    for pattern in key.models:
        if not pattern or len(pattern) > 200 or _CONTROL.search(pattern):
            yield "models", "models: a pattern is 1 to 200 characters, like `gpt-4*`"
    for name in AMOUNTS:
        if not 0 <= getattr(key, name) < 1e15:
            yield name, f"{name} must be 0 or more"
    if key.bodies not in WISHES:
        yield "bodies", "bodies must be `on`, `off`, or empty for what the setting archive.bodies says"
    yield from _note_faults(key)


def _note_faults(key: ApiKey) -> Faults:
    """What is noted beside a key, for people and for the operator's own programs."""
    for name in ("notes", "user", "user_id", "ref"):
        if len(getattr(key, name)) > 2000:
            yield name, f"{name} may have at most 2000 characters"
    if len(key.meta) > 100 or any(len(name) > 200 or len(text) > 2000 for name, text in key.meta.items()):
        yield "meta", "meta may have at most 100 entries of at most 2000 characters"
    if len(key.features) > 100 or any(not word or len(word) > 200 for word in key.features):
        yield "features", "features may be at most 100 words of 1 to 200 characters"


def check_provider(provider: Provider, kinds: frozenset[str] = frozenset()) -> None:
    """Raises `Problem(INVALID_REQUEST)` that names the field."""
    _refuse(f"providers.{provider.name}", provider_faults(provider, kinds))


def check_key(key: ApiKey, apis: frozenset[str] = frozenset()) -> None:
    """Raises `Problem(INVALID_REQUEST)` that names the field."""
    _refuse(f"keys.{key.name[:40]!r}", key_faults(key, apis))


def check_rule(rule: ModelRule) -> None:
    """Raises `Problem(INVALID_REQUEST)` that names the field."""
    _refuse(f"models.{rule.model[:80]!r}", rule_faults(rule))


def _refuse(where: str, faults: Faults) -> None:
    for field, sentence in faults:
        raise Problem(Code.INVALID_REQUEST, f"{where}: {sentence}.", param=field)
