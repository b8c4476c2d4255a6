"""The dialect's door: every DTO at `/api/{Dto}`, `/json/reply/{Dto}`, `/json/oneway/{Dto}` and its own routes.

Bare ASGI, before Litestar's routing. What a newcomer would get wrong: a row (an operation) answers through the one way that
all doors share (`Front.run`), which records it; only handlers are answered here.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, get_args
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar.types import Receive, Scope, Send

from gateway.aiserver import rows, table
from gateway.aiserver.batch import Batch, Silent
from gateway.aiserver.binding import Values, dto_of, read
from gateway.aiserver.call import Call, Handler, Rooms
from gateway.aiserver.formats import TYPES, UnspokenError, encoded, format_of
from gateway.aiserver.paths import Found, Paths
from gateway.aiserver.query import query
from gateway.aiserver.rows import Row
from gateway.dialects.aiserver import AISERVER
from gateway.live import Reply, send_whole
from gateway.problems import JSON, internal
from gateway.reading import Gone
from gateway.turn import Turn
from schemas.dtos import APIS
from schemas.dtos._model import Api, Dto
from schemas.dtos.base import QueryBase
from schemas.events import Failed
from schemas.problem import Code, Fault, Problem

log = structlog.get_logger()
_STRICT = ("GET", "POST", "PUT", "PATCH", "DELETE")


class AiServer:
    """Answers the dialect's requests for one gateway."""

    def __init__(
        self, rooms: Rooms, answered: Mapping[str, Row] = table.ROWS, handled: Mapping[str, Handler] = table.HANDLERS
    ) -> None:
        self.rooms, self._rows, self._handlers = rooms, answered, handled
        self._paths = Paths(api for name, api in APIS.items() if name in answered or name in handled)

    def find(self, scope: Scope) -> Found | None:
        """The request of this dialect that comes, if it is one."""
        return self._paths.find(scope["path"], str(scope.get("method", "")))

    async def answer(self, found: Found, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it. Raises nothing but a cancellation."""
        call = self._call(found, scope, receive)
        if call.method == "HEAD":
            send = _headless(send)
        if call.method == "OPTIONS":
            await send_whole(204, [(b"allow", _verbs(found.api).encode())], b"", send)
            return
        try:
            if found.api is None:
                raise _nothing(found.name[:60])
            _check_verb(found, call)
            self._admit(call)
            if found.batch:
                batch = Batch(self, call, found.oneway)
                await batch.answer(receive, Silent(send) if found.oneway else send)
            elif found.oneway:
                await self.serve(call, receive, Silent(send), oneway=True)
            else:
                await self.serve(call, receive, send, said=found.said)
        except Problem as problem:
            await self.refuse(call, problem.fault, send)
        except Gone:
            return
        except Exception:
            log.exception("request.failed", request=call.turn.id)
            await self.refuse(call, internal(), send)

    async def serve(
        self,
        call: Call,
        receive: Receive,
        send: Send,
        values: Values | None = None,
        said: str = "",
        oneway: bool = False,
    ) -> None:
        """Answer one request, or one of a batch (`values`). Raises `Problem`, `Gone`."""
        name = call.api.request.__name__
        if (row := self._rows.get(name)) is not None:
            await (rows.queue if oneway else rows.operate)(row, call, receive, send, values)
            return
        try:
            await self._handle(self._handlers[name], call, receive, send, (values, said))
        finally:
            await call.turn.drop()

    async def _handle(
        self, handler: Handler, call: Call, receive: Receive, send: Send, given: tuple[Values | None, str]
    ) -> None:
        values, said = given
        try:
            wanted = format_of(said or call.asked("format"), call.turn.heads.get(b"accept", b""))
        except UnspokenError as error:
            status = {"errorCode": "NotAcceptable", "message": str(error), "errors": []}
            body = msgspec.json.encode({"responseStatus": status})
            await self._send(406, body, JSON, call, send)
            return
        if values is None:
            values = _known(call) if handler.raw else await read(call, receive)
        asked = dto_of(call.api.request, values)
        answer = await handler.handle(asked, call)
        if isinstance(asked, QueryBase) and isinstance(answer, list):
            answer = query(_row_type(call.api), answer, asked, [*call.query, *_more(values, call)])
        if callable(answer):
            await answer(call.scope, receive, send)
        elif answer is None:
            await send_whole(204, [*call.turn.told(), *call.headers], b"", send)
        elif isinstance(answer, str) and wanted == "json":
            await self._send(200, answer.encode(), (b"content-type", b"text/plain; charset=utf-8"), call, send)
        else:
            await self._send(200, encoded(answer, wanted), (b"content-type", TYPES[wanted]), call, send)

    async def refuse(self, call: Call, fault: Fault, send: Send) -> None:
        """Answer with an error, unless the answer is spent."""
        reply = Reply(send, [*call.turn.told(), *call.headers], call.turn.id, call.turn.dialect)
        with suppress(RuntimeError):
            await reply.end(Failed(fault))

    async def _send(self, status: int, body: bytes, kind: tuple[bytes, bytes], call: Call, send: Send) -> None:
        headers = [*call.turn.told(), *call.headers, kind, (b"content-length", b"%d" % len(body))]
        await send_whole(status, headers, body, send)

    def operates(self, api: Api) -> bool:
        """Whether the request is an operation."""
        return api.request.__name__ in self._rows

    def again(self, call: Call) -> Call:
        """A call beside this one, for one request of a batch."""
        turn = Turn(call.turn.op, self.rooms.parts.dispatcher.new_id(), time.time(), call.turn.heads, call.turn.client)
        turn.key, turn.dialect = call.turn.key, AISERVER
        return Call(
            api=call.api, rooms=self.rooms, turn=turn, scope=call.scope, receive=call.receive, method=call.method,
            query=call.query, path=call.path,
        )  # fmt: skip

    def _call(self, found: Found, scope: Scope, receive: Receive) -> Call:
        heads, client = dict(scope["headers"]), scope["client"]
        method = heads.get(b"x-http-method-override", b"").decode("latin-1").upper() or str(scope.get("method"))
        turn = Turn(found.name, self.rooms.parts.dispatcher.new_id(), time.time(), heads, client[0] if client else "")
        turn.dialect = AISERVER
        query = scope["query_string"]
        said = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=1000) if query else []
        return Call(
            api=found.api or _NONE, rooms=self.rooms, turn=turn, scope=scope, receive=receive, method=method,
            query=said, path=found.fields,
        )  # fmt: skip

    def _admit(self, call: Call) -> None:
        """Who asks, and whether that is enough. Raises `Problem`: UNAUTHENTICATED, FORBIDDEN."""
        access, heads, wanted = self.rooms.front.access, call.turn.heads, call.api.auth
        if b"x-api-key" in heads and b"authorization" in heads:  # there the key's own header wins
            heads = {name: value for name, value in heads.items() if name != b"authorization"}
        if wanted == "none":
            with suppress(Problem):
                call.turn.key = access.who(heads)
            return
        if (secret := heads.get(b"authsecret")) is not None and b"x-api-key" not in heads:
            heads = {b"authorization": b"Bearer " + secret}
        call.turn.key = access.who(heads)
        if wanted == "admin":
            access.require(call.turn.key, "admin")
        access.allow_dto(call.turn.key, call.api.request.__name__)


_NONE = Api(request=type(None), verb="GET", returns=None, tag="", auth="none")


def _nothing(name: str) -> Problem:
    if name in APIS:
        return Problem(Code.NOT_FOUND, f"'{name}' is a request of this dialect that is not answered here.")
    return Problem(Code.NOT_FOUND, f"There is no request '{name}'. /metadata and /types list those that there are.")


def _row_type(api: Api) -> type[Dto]:
    """Of what the rows of a query's answer are."""
    kind: type[Dto] = get_args(api.returns)[0]
    return kind


def _more(values: Values, call: Call) -> list[tuple[str, str]]:
    """Filters that came in a body."""
    known = dict(call.query)
    return [(name, str(value)) for name, value in values.items() if name not in known and value is not None]


def _known(call: Call) -> Values:
    return {**dict(call.query), **call.path}


def _verbs(api: Api | None) -> str:
    if api is None or api.any_verb:
        return ", ".join(_STRICT)
    return "GET, HEAD, POST" if api.verb == "GET" else api.verb


def _check_verb(found: Found, call: Call) -> None:
    """Raises `Problem(METHOD_NOT_ALLOWED)`. A question may be asked with POST too: batches are."""
    assert found.api is not None
    method = "GET" if call.method == "HEAD" else call.method
    if found.batch:
        fits = method in ("POST", "PUT")
    elif method == "POST" and found.api.verb == "GET":
        fits = True
    else:
        fits = method in _STRICT if found.api.any_verb else method == found.api.verb or _on_own_route(found, method)
    if not fits:
        name = found.api.request.__name__
        raise Problem(Code.METHOD_NOT_ALLOWED, f"{name} does not take {method[:20]}; it takes {_verbs(found.api)}.")


def _on_own_route(found: Found, method: str) -> bool:
    """`GET /auth` asks who is signed in, though `Authenticate` is a POST."""
    return method == "GET" and found.api is not None and found.api.request.__name__ == "Authenticate"


def _headless(send: Send) -> Send:
    async def heads_only(message: Any) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return heads_only
