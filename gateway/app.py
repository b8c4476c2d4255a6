"""The gateway as an ASGI application: who meets whom, and how every failure looks.

`build` wires; it starts nothing. The app's lifespan starts the records and the bus's own front door (`rpc.`, `req.`) and
ends them after the last HTTP answer. What a newcomer would get wrong: the hot route is outside Litestar's error handling
and dependencies; it speaks for itself (`gateway/answer.py`).
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.openapi import OpenAPIConfig

from bus.desk import Desk
from bus.limits import Limits as KeyLimits
from gateway.aiserver.call import Rooms
from gateway.aiserver.door import AiServer
from gateway.aiserver.kept import Kept
from gateway.aiserver.sessions import Sessions
from gateway.answer import Front
from gateway.area import Area
from gateway.artifacts import Artifacts
from gateway.batches import Batches
from gateway.dialects.doors import dialect_at, result_of
from gateway.direct import Direct
from gateway.files import Files
from gateway.janitor import Janitor
from gateway.links import Links
from gateway.metrics import Metrics
from gateway.openapi import Described
from gateway.partials import Partials
from gateway.parts import Limits, Parts
from gateway.problems import answer_of, internal
from gateway.quota import Quota
from gateway.records import Records
from gateway.routes import admin, batches, files, gemini, health, jobs, models, ollama, responses, uploads, uploads_tus
from gateway.routes import described as described_routes
from gateway.routes import me_cost as me_cost_routes
from gateway.routes import metrics as metrics_routes
from gateway.routes import reports as report_routes
from gateway.routes import saved as saved_routes
from gateway.routes import sql as sql_routes
from gateway.routes import types as type_routes
from gateway.routes import ui as ui_routes
from gateway.routes import workflows as workflow_routes
from gateway.routes.artifacts import artifact_routes
from gateway.routes.chat import door_routes
from gateway.routes.variants import variant_routes
from gateway.saved import Savings
from gateway.till import Till
from gateway.tracing import ROUTE, traced
from gateway.types.shelf import Shelf
from gateway.variants import Variants
from gateway.watch import Feed
from gateway.workflows import Workflows
from schemas.operations import WORKFLOW
from schemas.problem import Code, Fault, Problem
from schemas.provider import ApiKey
from schemas.status import STATUS

__all__ = ["Limits", "Parts", "build"]

log = structlog.get_logger()
Asked = Request[Any, Any, Any]


class House(Litestar):
    """Litestar, but for two dialects. Gemini's verb stands inside the last piece of the path, which no bare route of
    Litestar's can match, and its ordinary way would cost as much as all the rest; AI Server's names have no case."""

    def __init__(self, front: Front, aiserver: AiServer, **settings: Any) -> None:
        super().__init__(**settings)
        self._front, self._aiserver, self._fleet = front, aiserver, front.parts.fleet

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._fleet.tracer is not None and scope["type"] == "http":
            await traced(self._fleet.tracer, self._serve, scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and (asked := gemini.asked(scope)) is not None:
            scope[ROUTE] = "/v1beta/models/{model}:{verb}"
            await self._front.answer(asked[0], gemini.keyed(scope), receive, send, asked[1])
        elif scope["type"] == "http" and (found := self._aiserver.find(scope)) is not None:
            scope[ROUTE] = "/api/{name}"
            await self._aiserver.answer(found, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build(parts: Parts) -> Litestar:
    """The application over started parts. Raises nothing; it is ready once its lifespan has begun."""
    records = Records(parts.bus, discretion=parts.discretion, accounts=parts.accounts)
    limits = KeyLimits(parts.bus)
    till = Till(limits, parts.accounts, records)
    desk = Desk(parts.dispatcher, result_of)
    stored = Files(parts.bus, parts.dispatcher.new_id, parts.bulk)
    quota, links = Quota(parts.bus, parts.files), Links()
    front = Front(parts, records, desk, till, stored, quota)
    direct = Direct(parts, till, front, desk)
    area = Area(stored, quota, links, parts.files, parts.limits.file_bytes)
    partials = Partials(stored, quota)
    janitor = Janitor(stored, partials, parts.dispatcher.jobs, parts.files)
    artifacts = Artifacts(stored, front.access, links)
    variants = Variants(parts, artifacts)
    workflows = Workflows(parts, stored, quota, front.access)
    front.inputs.expand[WORKFLOW.name] = workflows.expanded
    rooms = Rooms(
        parts=parts, front=front, desk=desk, records=records, files=stored, area=area, quota=quota, links=links,
        artifacts=artifacts, variants=variants, workflows=workflows,
        sessions=Sessions(links, front.access, parts.admin_secret),
    )  # fmt: skip
    savings = Savings(parts.bus, parts.dispatcher.new_id, stored.blobs.wall)
    feed = Feed(parts.fleet, parts.past)
    records.counts, metrics = parts.fleet.counts, Metrics(parts)
    records.tally, parts.fleet.teller.version = parts.fleet.teller.tally, parts.version
    batched = Batches(parts, stored, front.access, till)
    shelf, papers = Shelf(parts.version), Described()

    @asynccontextmanager
    async def alive(_: Litestar) -> AsyncGenerator[None, None]:
        records.start()
        limits.start()
        await desk.start()
        await direct.start()
        await links.start(parts.bus)
        await variants.start()
        await batched.start()
        janitor.start()
        await feed.start(parts.stopping)
        try:
            yield
        finally:
            feed.stop()
            await janitor.stop()
            await batched.stop()
            await variants.stop()
            await stored.stop()
            await direct.stop()
            await limits.stop()
            await records.stop()
            parts.fleet.teller.farewell()

    def number(response: Response[Any]) -> Response[Any]:
        response.headers.setdefault("x-request-id", str(parts.dispatcher.new_id()))
        return response

    def caller(request: Asked) -> ApiKey:
        return front.access.who(dict(gemini.keyed(request.scope)["headers"]))

    return House(
        front,
        AiServer(rooms),
        route_handlers=[
            *door_routes(front),
            gemini.ask,
            models.list_models,
            models.read_model,
            jobs.read_job,
            jobs.read_result,
            jobs.follow_job,
            jobs.cancel_job,
            responses.read_response,
            responses.cancel_response,
            responses.delete_response,
            ollama.version,
            ollama.tags,
            ollama.running,
            ollama.show,
            *files.ROUTES,
            *uploads.ROUTES,
            *uploads_tus.ROUTES,
            *workflow_routes.ROUTES,
            *artifact_routes(artifacts, parts.dispatcher.new_id),
            *variant_routes(variants, parts.dispatcher.new_id, Kept(stored, quota).variant),
            *batches.ROUTES,
            *type_routes.ROUTES,
            *described_routes.ROUTES,
            *report_routes.ROUTES,
            *saved_routes.ROUTES,
            *me_cost_routes.ROUTES,
            *ui_routes.ROUTES,
            *sql_routes.ROUTES,
            admin.router(parts),
            *metrics_routes.ROUTES,
            health.home,
            health.up,
            health.up_head,
        ],
        dependencies={
            "parts": Provide(lambda: parts, sync_to_thread=False),
            "front": Provide(lambda: front, sync_to_thread=False),
            "sessions": Provide(lambda: rooms.sessions, sync_to_thread=False),
            "desk": Provide(lambda: desk, sync_to_thread=False),
            "files": Provide(lambda: stored, sync_to_thread=False),
            "area": Provide(lambda: area, sync_to_thread=False),
            "workflows": Provide(lambda: workflows, sync_to_thread=False),
            "partials": Provide(lambda: partials, sync_to_thread=False),
            "batches": Provide(lambda: batched, sync_to_thread=False),
            "feed": Provide(lambda: feed, sync_to_thread=False),
            "caller": Provide(caller, sync_to_thread=False),
            "shelf": Provide(lambda: shelf, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
            "savings": Provide(lambda: savings, sync_to_thread=False),
            "described": Provide(lambda: papers, sync_to_thread=False),
        },
        exception_handlers={Problem: _problem, HTTPException: _refused, Exception: _unforeseen},
        after_request=number,
        lifespan=[alive],
        state=State({"new_id": parts.dispatcher.new_id}),
        openapi_config=OpenAPIConfig(
            title="AI Server", version=parts.version, path="/openapi", render_plugins=[papers]
        ),
        logging_config=None,
        debug=False,
    )


def _problem(request: Asked, problem: Problem) -> Response[bytes]:
    return _answer(request, problem.fault)


def _refused(request: Asked, error: HTTPException) -> Response[bytes]:
    """Litestar's own refusals, in our words."""
    path = request.scope["path"]
    if isinstance(error, NotFoundException):
        return _answer(request, Fault(Code.NOT_FOUND, f"There is nothing at {path}. See /openapi for what there is."))
    if isinstance(error, MethodNotAllowedException):
        return _answer(request, Fault(Code.METHOD_NOT_ALLOWED, f"{path} does not take {request.method}."), error)
    code = next((code for code, status in STATUS.items() if status == error.status_code), Code.INVALID_REQUEST)
    if error.status_code >= 500:
        return _unforeseen(request, error)
    return _answer(request, Fault(code, f"{error.detail}."))


def _unforeseen(request: Asked, error: Exception) -> Response[bytes]:
    answer = _answer(request, internal())
    log.error("request.failed", request=answer.headers["x-request-id"], path=request.scope["path"], exc_info=error)
    return answer


def _answer(request: Asked, fault: Fault, error: HTTPException | None = None) -> Response[bytes]:
    number = request.app.state.new_id()
    dialect = dialect_at(request.scope["path"], dict(request.scope["headers"]))
    status, headers, body = answer_of(fault, dialect.told(fault, number))
    told = {name.decode(): value.decode("latin-1") for name, value in headers if name != b"content-length"}
    if error is not None and error.headers:
        told |= {name.lower(): value for name, value in error.headers.items()}
    told["x-request-id"] = str(number)
    told.pop("content-type", None)
    return Response(body, status_code=status, headers=told, media_type="application/json")
