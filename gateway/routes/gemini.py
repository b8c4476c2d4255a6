"""Gemini's requests: the model and the verb stand in the path, `/v1beta/models/{model}:{verb}`, also under `/v1`.

Model names hold slashes and colons, so the verb is what follows the last colon. The key comes in a header of Google's, or in
the URL as `?key=`; it is read here and told to nobody else.
"""

from typing import Any
from urllib.parse import parse_qs

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send

from gateway.answer import Front
from gateway.dialects._dialect import Door, Place
from gateway.dialects.doors import VERBS
from schemas.problem import Code, Problem


class Handed(Response[None]):
    """Hands the request over to the front door, which answers for itself."""

    def __init__(self, front: Front, door: Door, place: Place) -> None:
        super().__init__(None)
        self._front, self._door, self._place = front, door, place

    def to_asgi_response(self, *args: Any, **more: Any) -> Any:
        async def app(scope: Any, receive: Receive, send: Send) -> None:
            await self._front.answer(self._door, keyed(scope), receive, send, self._place)

        return app


@post(
    ["/v1beta/models/{rest:path}", "/v1/models/{rest:path}"],
    status_code=200,
    summary="Gemini: generateContent, streamGenerateContent, embedContent, batchEmbedContents, countTokens",
    tags=["gemini"],
)
async def ask(rest: FromPath[str], request: Request[Any, Any, Any], front: NamedDependency[Front]) -> Response[None]:
    """`{model}:{verb}`; `alt=sse` streams server-sent events, without it a stream is one JSON array."""
    model, _, verb = rest.lstrip("/").rpartition(":")
    door = VERBS.get(verb)
    if door is None or not model:
        known = ", ".join(VERBS)
        raise Problem(Code.NOT_FOUND, f"There is no '{verb[:40]}' of a model here. There are: {known}.")
    streams = verb == "streamGenerateContent"
    sse = parse_qs(request.scope["query_string"].decode("latin-1")).get("alt") == ["sse"]
    return Handed(front, door, Place(model=model, stream=streams, array=streams and not sse))


def keyed(scope: Any) -> Scope:
    """The scope with Google's key where our doorkeeper looks for one."""
    heads = dict(scope["headers"])
    key = heads.get(b"x-goog-api-key") or _in_url(scope["query_string"])
    if key and b"authorization" not in heads and b"x-api-key" not in heads:
        scope = {**scope, "headers": [*scope["headers"], (b"x-api-key", key)]}
    found: Scope = scope
    return found


def _in_url(query: bytes) -> bytes:
    if b"key=" not in query:
        return b""
    return parse_qs(query.decode("latin-1")).get("key", [""])[-1].encode("latin-1", "replace")
