"""The hot routes: every dialect's requests at a fixed path, in all four styles. The table is `gateway/dialects/doors.py`.

Bare ASGI handlers: Litestar's ordinary handlers cost twice the time of everything else done here for a request.
"""

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from gateway.answer import Front
from gateway.dialects._dialect import Door
from gateway.dialects.doors import DOORS


def door_routes(front: Front) -> list[ASGIRouteHandler]:
    """A handler for each path."""
    return [_route(front, path, door) for path, door in DOORS.items()]


def _route(front: Front, path: str, door: Door) -> ASGIRouteHandler:
    @asgi(path, name=path, copy_scope=False)
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await front.answer(door, scope, receive, send)

    return handler
