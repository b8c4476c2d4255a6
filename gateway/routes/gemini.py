"""Gemini's requests: the model and the verb stand in the path, `/v1beta/models/{model}:{verb}`, also under `/v1`.

Model names hold slashes and colons, so the verb is what follows the last colon. The key comes in a header of Google's, or in
the URL as `?key=`; it is read here and told to nobody else.
"""

from typing import Any
from urllib.parse import parse_qs

from litestar import post
from litestar.params import FromPath
from litestar.types import Scope

from gateway.dialects._dialect import Door, Place
from gateway.dialects.doors import VERBS
from schemas.problem import Code, Problem


def asked(scope: Any) -> tuple[Door, Place] | None:
    """The door and the place of a request for a known verb of a model; None: Litestar may say what it thinks of it."""
    path: str = scope["path"]
    if not path.startswith(("/v1beta/models/", "/v1/models/")):
        return None
    model, _, verb = path.partition("/models/")[2].rpartition(":")
    door = VERBS.get(verb)
    if door is None or not model:
        return None
    streams = verb == "streamGenerateContent"
    sse = parse_qs(scope["query_string"].decode("latin-1")).get("alt") == ["sse"]
    return door, Place(model=model, stream=streams, array=streams and not sse)


@post(
    ["/v1beta/models/{rest:path}", "/v1/models/{rest:path}"],
    status_code=200,
    summary="Gemini: generateContent, streamGenerateContent, embedContent, batchEmbedContents, countTokens",
    tags=["gemini"],
)
async def ask(rest: FromPath[str]) -> None:
    """`{model}:{verb}`; `alt=sse` streams server-sent events, without it a stream is one JSON array.

    What comes here has no verb that we know: the others never reach Litestar (`gateway.app.House`).
    """
    verb = rest.rpartition(":")[2]
    known = ", ".join(VERBS)
    raise Problem(Code.NOT_FOUND, f"There is no '{verb[:40]}' of a model here. There are: {known}.")


def keyed(scope: Any) -> Scope:
    """The scope with Google's key where our doorkeeper looks for one. Under `/admin`, `key` in the address is a filter."""
    heads = dict(scope["headers"])
    in_url = b"" if scope["path"].startswith("/admin/") else _in_url(scope["query_string"])
    key = heads.get(b"x-goog-api-key") or in_url
    if key and b"authorization" not in heads and b"x-api-key" not in heads:
        scope = {**scope, "headers": [*scope["headers"], (b"x-api-key", key)]}
    found: Scope = scope
    return found


def _in_url(query: bytes) -> bytes:
    if b"key=" not in query:
        return b""
    return parse_qs(query.decode("latin-1")).get("key", [""])[-1].encode("latin-1", "replace")
