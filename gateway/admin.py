"""What the admin API shows: providers as they are set and as they do, models under one name, keys without their secrets.

Pure but for the heartbeats it reads. What a newcomer would get wrong: nothing here may show a secret, so every provider and
key goes through `schemas/secrets.py` first.
"""

import time
from typing import Any

from bus.fleet import STALE, Fleet, Seen
from schemas.catalogue import Catalogue
from schemas.provider import ApiKey, Heartbeat, Model, Provider
from schemas.secrets import shown_key, shown_provider


def provider_view(provider: Provider, fleet: Fleet) -> dict[str, Any]:
    """The provider's settings, and how its agents are. `state`: off, away, offline, cooling, ready."""
    agents = agents_of(provider.name, fleet)
    return {
        **shown_provider(provider),
        "state": state_of(provider, [seen.beat for seen in agents]),
        "agents": [_agent(seen) for seen in agents],
    }


def agents_of(name: str, fleet: Fleet) -> list[Seen]:
    """The agents that were heard of lately."""
    now = time.monotonic()
    return [seen for seen in fleet.agents.values() if seen.beat.provider == name and now - seen.at < STALE]


def state_of(provider: Provider, beats: list[Heartbeat]) -> str:
    """One word for all agents of it: as good as the best of them."""
    if not provider.enabled:
        return "off"
    staying = [beat for beat in beats if not beat.draining]
    if not staying:
        return "away"
    online = [beat for beat in staying if not beat.offline]
    if not online:
        return "offline"
    return "ready" if any(beat.cooling_until <= time.time() for beat in online) else "cooling"


def _agent(seen: Seen) -> dict[str, Any]:
    beat = seen.beat
    return {
        "agent": beat.agent,
        "host": beat.host,
        "slots": beat.slots,
        "in_flight": beat.in_flight,
        "draining": beat.draining,
        "reason": beat.offline or (beat.reason if beat.cooling_until > time.time() else ""),
        "models": len({model.native or model.name for model in seen.models}),
    }


def models_view(fleet: Fleet, providers: dict[str, Provider], catalogue: Catalogue) -> list[dict[str, Any]]:
    """Every model by its full name: who serves it and what they call it, its short names, what is known of it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    now = time.monotonic()
    for seen in fleet.agents.values():
        provider = providers.get(seen.beat.provider)
        if provider is None or now - seen.at >= STALE:
            continue
        for model in seen.models:
            name = catalogue.resolve(model.name)
            entry = found.setdefault((name, model.op), _model(name, model, catalogue.type_of(provider), catalogue))
            if model.name != name and model.name not in entry["aliases"]:
                entry["aliases"].append(model.name)
            by = {"provider": provider.name, "native": model.native or model.name, "online": not seen.beat.offline}
            if by not in entry["providers"]:
                entry["providers"].append(by)
    return [found[key] for key in sorted(found)]


def _model(name: str, model: Model, kind: str, catalogue: Catalogue) -> dict[str, Any]:
    facts = {"vision": catalogue.vision(model, kind), "context": catalogue.context(model, kind) or None}
    return {"id": name, "op": model.op, "aliases": [], **facts, "providers": []}


def key_view(key: ApiKey, used: float | None) -> dict[str, Any]:
    """A key as stored, its state, and when it was last used (Unix seconds, exact to a minute)."""
    return {**shown_key(key), "state": key_state(key), "last_used": used}


def key_state(key: ApiKey) -> str:
    """active, ending (it has a successor), expired, disabled or revoked."""
    if key.revoked:
        return "revoked"
    if key.disabled:
        return "disabled"
    if key.expires and key.expires <= time.time():
        return "expired"
    return "ending" if key.replaced_by else "active"
