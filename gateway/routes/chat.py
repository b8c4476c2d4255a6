"""`POST /v1/chat/completions`: the hot route, OpenAI's chat in all four styles.

A bare ASGI handler: Litestar's ordinary handlers cost twice the time of everything else done here for a request.
"""

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from gateway.answer import Front
from schemas.operations import CHAT


def chat_route(front: Front) -> ASGIRouteHandler:
    """The handler for every path of the operation `chat`."""

    @asgi(list(CHAT.routes), name="chat", copy_scope=False)
    async def chat(scope: Scope, receive: Receive, send: Send) -> None:
        await front.answer(CHAT, scope, receive, send)

    return chat
