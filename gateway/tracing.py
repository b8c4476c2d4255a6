"""The server's span of one request, over HTTP or on the bus. Entered only where somebody traces.

What a newcomer would get wrong: the span knows the route and never the path, for some paths open a file to whoever knows them;
and its context stands in a `ContextVar`, so that every job this request makes finds it, whichever door it came through.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bus.wire import Message
from schemas.operations import OPERATIONS
from schemas.tracing import CURRENT, HEADER, STATE, Kind, Span, Tracer, context_of

_HEADER, _STATE = HEADER.encode(), STATE.encode()
_QUIET = ("/up", "/metrics")
"""Asked every few seconds by machines; a span each would drown the others."""
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
ROUTE = "ai_server.route"
"""In the ASGI scope: the route, where it is no route of Litestar's."""


class _Sent:
    """Watches the answer go out."""

    __slots__ = ("send", "status", "whole")

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self.send, self.status, self.whole = send, 0, False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self.send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.whole = True


async def traced(tracer: Tracer, serve: Any, scope: Any, receive: Any, send: Any) -> None:
    """Serve one HTTP request under a span of its own."""
    if scope["path"] in _QUIET or scope["path"].startswith("/ui/"):
        await serve(scope, receive, send)
        return
    heads = dict(scope["headers"])
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    state = b",".join(value for name, value in scope["headers"] if name == _STATE)  # it may come in several lines
    parent = context_of(heads.get(_HEADER, b"").decode("latin-1"), state.decode("latin-1"))
    span = begin(tracer, _name(method), Kind.SERVER, parent)
    if span.recording:
        span.tell(_asked(method, scope, heads))
    sent = _Sent(send)
    error = ""
    try:
        await serve(scope, receive, sent)
        if not sent.whole:
            error = "cancelled"  # the caller hung up
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        _over(span, method, scope, sent.status, error)


def begin(tracer: Tracer, name: str, kind: Kind, parent: str) -> Span:
    """A span for the rest of this task, which goes on with the trace its caller named."""
    span = tracer.begin(name, kind, parent)
    CURRENT.set(span.context)
    structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
    return span


async def heard(tracer: Tracer, message: Message, work: Awaitable[None]) -> None:
    """Serve one message of a direct publisher under a span of its own."""
    word, *_, op = message.subject.split(".")
    op = op if op in OPERATIONS else "_OTHER"
    heads = {name.lower(): value for name, value in (message.headers or {}).items()}
    parent = context_of(heads.get(HEADER, ""), heads.get(STATE, ""))
    span = begin(tracer, f"process {word}.{op}", Kind.SERVER if word == "rpc" else Kind.CONSUMER, parent)
    span.tell(
        {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.template": word + ".{tenant}.{key}.{op}",
            "messaging.message.body.size": len(message.data),
            "ai_server.op": op,
        }
    )
    try:
        await work
    finally:
        span.end()


def _asked(method: str, scope: Any, heads: dict[bytes, bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = {"http.request.method": method, "url.scheme": scope.get("scheme", "http")}
    if client := scope.get("client"):
        facts["client.address"] = client[0]
    if agent := heads.get(b"user-agent"):
        facts["user_agent.original"] = agent.decode("latin-1")[:200]
    return facts


def _name(method: str) -> str:
    """What a span is called by."""
    return "HTTP" if method == "_OTHER" else method


def _over(span: Span, method: str, scope: Any, status: int, error: str) -> None:
    if not span.recording:
        span.end()
        return
    route = scope.get(ROUTE) or scope.get("path_template") or ""
    if route:
        span.rename(f"{_name(method)} {route}")
        span.tell({"http.route": route})
    if status:
        span.tell({"http.response.status_code": status})
    span.end(error or (str(status) if status >= 500 else ""))
