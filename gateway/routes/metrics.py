"""`GET /metrics`: what Prometheus and its kin scrape. With a key of scope `metrics`, or with none where a setting says so."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from bus.tenants import HOUSE
from gateway.answer import Front
from gateway.metrics import Metrics
from gateway.parts import Parts
from schemas.problem import Code, Problem


@get("/metrics", summary="Metrics for Prometheus", tags=["health"])
async def read_metrics(
    request: Request[Any, Any, Any],
    parts: NamedDependency[Parts],
    front: NamedDependency[Front],
    metrics: NamedDependency[Metrics],
) -> Response[bytes]:
    """Prometheus text, or OpenMetrics where `Accept` asks for it. Wants a key of the tenant `default` with the scope `metrics`
    or `admin`, unless the setting `telemetry.public_metrics` is on."""
    if not parts.public_metrics:
        key = front.access.who(dict(request.scope["headers"]), scraping=True)
        if "admin" not in key.scopes:
            front.access.require(key, "metrics")
        if key.tenant != HOUSE:
            raise Problem(Code.FORBIDDEN, f"/metrics tells of the whole house: it wants a key of the tenant `{HOUSE}`.")
    packed = "gzip" in request.headers.get("accept-encoding", "")
    body, kind, packed = await metrics.text(request.headers.get("accept", ""), packed)
    headers = {"content-type": kind, "cache-control": "no-store", "vary": "accept, accept-encoding"}
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(body, headers=headers)


ROUTES = [read_metrics]
