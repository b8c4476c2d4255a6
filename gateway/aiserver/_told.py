"""Providers as the dialect shows them: never with a secret.

What a newcomer would get wrong: when a provider went away is told by its agents; one that no agent speaks for has been away
since it was last heard of, or since it was last changed.
"""

import time
from datetime import UTC, datetime

from bus.fleet import Fleet
from bus.history import versions
from bus.registry import Registry
from gateway.admin import agents_of, state_of
from gateway.aiserver._numbers import number_of
from gateway.aiserver._sorts import (
    ai_sort_of,
    ai_type,
    is_ai,
    is_media,
    media_sort_of,
    media_type,
    their_priority,
    their_url,
)
from gateway.parts import Parts
from gateway.routes.admin import NoSeal
from schemas.catalogue import Catalogue
from schemas.dtos._model import NEVER
from schemas.dtos.media_providers import MediaProvider
from schemas.dtos.providers import AiProvider, AiProviderModel
from schemas.operations import DEFAULT
from schemas.provider import Model, Provider
from schemas.secrets import ENV, secret_header

MASK = "***"
"""In place of a secret. Sent back to us it means: keep the one there is."""
Dates = dict[str, tuple[datetime, datetime]]
"""Provider -> when it was made (the oldest version that is kept) and last changed."""


def registry_of(parts: Parts) -> Registry:
    return parts.registry or Registry(parts.config, NoSeal())


async def dates_of(parts: Parts) -> Dates:
    found: Dates = {}
    for one in await versions(parts.bus, "providers"):
        at = _time(one.at)
        found[one.name] = (found[one.name][0] if one.name in found else at, at)
    return found


def models_of(provider: Provider, parts: Parts, catalogue: Catalogue) -> tuple[Model, ...]:
    """Each model once, under its common name."""
    found: dict[tuple[str, str], Model] = {}
    for model in (*provider.models, *parts.config.models.get(provider.name, ())):
        key = (model.op, model.native or model.name)
        if model.name == DEFAULT:
            continue
        if key not in found or (model.name in catalogue.models and found[key].name not in catalogue.models):
            found[key] = model
    return tuple(found.values())


def ai_providers(parts: Parts, dates: Dates) -> list[AiProvider]:
    catalogue = registry_of(parts).catalogue
    found = []
    for _, one in sorted(parts.config.providers.items()):
        models = models_of(one, parts, catalogue)
        if is_ai(one, models):
            found.append(_ai_provider(one, models, (parts.fleet, catalogue), dates))
    return sorted(found, key=lambda one: (-one.priority, one.name))


def media_providers(parts: Parts, dates: Dates) -> list[MediaProvider]:
    catalogue = registry_of(parts).catalogue
    found = []
    for _, one in sorted(parts.config.providers.items()):
        models = models_of(one, parts, catalogue)
        if is_media(one, models):
            found.append(_media_provider(one, models, (parts.fleet, catalogue), dates))
    return sorted(found, key=lambda one: (-one.priority, one.name))


def _ai_provider(
    provider: Provider, models: tuple[Model, ...], known: tuple[Fleet, Catalogue], dates: Dates
) -> AiProvider:
    fleet, catalogue = known
    sort = ai_sort_of(provider, catalogue)
    chats = [model for model in models if model.op == "chat"]
    made, changed = dates.get(provider.name, (NEVER, NEVER))
    return AiProvider(
        id=number_of(provider.name),
        name=provider.name,
        api_base_url=their_url(sort, provider.base_url) or None,
        api_key_var=_variable(provider),
        api_key=_masked(provider),
        api_key_header=key_header(provider),
        concurrency=provider.slots,
        priority=their_priority(provider.priority),
        enabled=provider.enabled,
        offline_date=offline_since(provider, fleet, changed),
        created_date=made,
        models=[AiProviderModel(model=one.name, api_model=one.native or None) for one in chats],
        ai_type_id=sort.id,
        ai_type=ai_type(sort, catalogue),
        selected_models=[one.name for one in chats],
    )


def _media_provider(
    provider: Provider, models: tuple[Model, ...], known: tuple[Fleet, Catalogue], dates: Dates
) -> MediaProvider:
    fleet, catalogue = known
    sort = media_sort_of(provider)
    made, changed = dates.get(provider.name, (NEVER, NEVER))
    makes = [model for model in models if model.op not in ("chat", "embeddings")]
    return MediaProvider(
        id=number_of(provider.name),
        name=provider.name,
        api_key_var=_variable(provider),
        api_key=_masked(provider),
        api_key_header=key_header(provider),
        api_base_url=their_url(sort, provider.base_url) or None,
        concurrency=provider.slots,
        priority=their_priority(provider.priority),
        enabled=provider.enabled,
        offline_date=offline_since(provider, fleet, changed),
        created_date=made,
        media_type_id=sort.id,
        media_type=media_type(sort, catalogue),
        models=list(dict.fromkeys(model.native or model.name for model in makes)),
    )


def offline_since(provider: Provider, fleet: Fleet, changed: datetime) -> datetime | None:
    """None: it can be asked. A provider that is switched off is not offline: nobody looks."""
    agents = agents_of(provider.name, fleet)
    state = state_of(provider, [seen.beat for seen in agents])
    if state == "offline":
        return _time(max(seen.beat.offline_since for seen in agents) or time.time())
    if state != "away":
        return None
    heard = [seen.at for seen in fleet.agents.values() if seen.beat.provider == provider.name]
    return _time(time.time() - (time.monotonic() - max(heard))) if heard else changed


def key_header(provider: Provider) -> str | None:
    """The header that carries its key instead of the usual one."""
    return next((name for name in provider.headers if secret_header(name)), None)


def _secret(provider: Provider) -> str:
    header = key_header(provider)
    return provider.key or (provider.headers[header] if header else "")


def _variable(provider: Provider) -> str | None:
    secret = _secret(provider)
    return secret.removeprefix(ENV) if secret.startswith(ENV) else None


def _masked(provider: Provider) -> str | None:
    secret = _secret(provider)
    return MASK if secret and not secret.startswith(ENV) else None


def _time(at: str | float) -> datetime:
    return (
        datetime.fromisoformat(at[:26].rstrip("Z") + "+00:00")
        if isinstance(at, str)
        else datetime.fromtimestamp(at, UTC)
    )
