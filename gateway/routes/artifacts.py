"""`GET /artifacts/…`: what jobs made, and whatever else has an address. The rules are in `gateway/artifacts.py`.

A bare ASGI handler, for the bytes pass through in pieces; a failure is told in OpenAI's words.
"""

from collections.abc import Callable

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from gateway.artifacts import Artifacts
from gateway.problems import answer_of
from schemas.problem import Problem


def artifact_routes(artifacts: Artifacts, new_id: Callable[[], int]) -> list[ASGIRouteHandler]:
    """The handler of all addresses."""

    @asgi("/artifacts", name="artifacts", is_mount=True, copy_scope=False)
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await artifacts.answer(scope, receive, send)
        except Problem as problem:
            status, headers, body = answer_of(problem.fault)
            headers = [*headers, (b"x-request-id", b"%d" % new_id()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            shown = b"" if scope["method"] == "HEAD" else body  # type: ignore[typeddict-item]
            await send({"type": "http.response.body", "body": shown, "more_body": False})

    return [handler]
