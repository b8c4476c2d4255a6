"""`/admin`: the door to the admin API. Every route below it wants a key with the scope `admin`.

The shared parts: who may, what was sent, and who is noted as having changed something. What a newcomer would get wrong: the
right is asked for by a dependency of the router, so a new route is guarded without a word; one outside it would not be.
"""

from typing import Any

import msgspec
from litestar import Request, Router
from litestar.di import NamedDependency, Provide

from bus.registry import Registry
from gateway.answer import Front
from gateway.job_acts import Acts
from gateway.job_list import JobList
from gateway.parsing import parse
from gateway.parts import Parts
from gateway.queue_desk import QueueDesk
from gateway.reading import body_of
from gateway.routes import (
    admin_audit,
    admin_jobs,
    admin_keys,
    admin_models,
    admin_providers,
    admin_queues,
    admin_routing,
    admin_settings,
    watch,
)
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Provider
from schemas.secrets import ENV, SEALED, secret_header

Asked = Request[Any, Any, Any]
LONGEST = 1_000_000
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NoSeal:
    """Stands in where a gateway was built without a master key."""

    def sealed(self, provider: Provider, old: Provider | None = None) -> Provider:
        secrets = [provider.key, *(value for name, value in provider.headers.items() if secret_header(name))]
        if any(one and not one.startswith((ENV, SEALED)) for one in secrets):
            raise Problem(
                Code.INVALID_REQUEST, "This server can't seal secrets; name a variable: `env:NAME`.", param="key"
            )
        return provider


def router(parts: Parts) -> Router:
    """Everything under `/admin`."""
    registry = parts.registry or Registry(parts.config, NoSeal())
    job_list, queue_desk = JobList(parts), QueueDesk(parts)
    return Router(
        path="/admin",
        route_handlers=[
            *admin_providers.ROUTES,
            *admin_models.ROUTES,
            *admin_keys.ROUTES,
            *admin_routing.ROUTES,
            *admin_settings.ROUTES,
            *admin_audit.ROUTES,
            *admin_jobs.ROUTES,
            *admin_queues.ROUTES,
            *watch.ROUTES,
        ],
        dependencies={
            "admin": Provide(administrator, sync_to_thread=False),
            "registry": Provide(lambda: registry, sync_to_thread=False),
            "fields": Provide(fields_of),
            "job_list": Provide(lambda: job_list, sync_to_thread=False),
            "queue_desk": Provide(lambda: queue_desk, sync_to_thread=False),
            "acts": Provide(acts_of, sync_to_thread=False),
        },
        tags=["admin"],
    )


def administrator(caller: NamedDependency[ApiKey], front: NamedDependency[Front]) -> ApiKey:
    """The caller, who may administer. Raises `Problem(FORBIDDEN)`."""
    front.access.require(caller, "admin")
    return caller


def acts_of(front: NamedDependency[Front], job_list: NamedDependency[JobList]) -> Acts:
    """What may be done to jobs."""
    return Acts(front, job_list)


async def fields_of(request: Asked, admin: NamedDependency[ApiKey]) -> dict[str, Any]:
    """What was sent, as a JSON object; an empty body is an empty one. Read only once the caller is known."""
    body = await body_of(request, LONGEST)
    return parse(_decode, body) if body.strip() else {}
