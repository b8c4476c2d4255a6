"""`{Dto}[]`: several requests of one kind in one HTTP request, answered as an array in their order.

As in the reference the first failure is the whole answer; `X-AutoBatch-Completed` tells how many went well before it.
What a newcomer would get wrong: operations run side by side, so those behind a failure may have run all the same;
handlers run one after the other.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.types import Receive, Send

from gateway.aiserver.binding import Values, read_many
from gateway.aiserver.call import Call
from gateway.live import send_whole
from gateway.problems import JSON, internal
from gateway.reading import Gone
from schemas.problem import Code, Problem

if TYPE_CHECKING:
    from gateway.aiserver.door import AiServer

MOST = 500
"""Requests in a batch."""
AT_ONCE = 8
_decode = msgspec.json.Decoder(dict[str, Any]).decode
Header = tuple[bytes, bytes]


class Caught:
    """An answer that is held back."""

    def __init__(self) -> None:
        self.status, self.body = 0, b""
        self.headers: list[Header] = []

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def good(self) -> bool:
        return self.status < 400


class Silent:
    """Sends a good answer as 202 without a body, and a bad one as it is."""

    def __init__(self, send: Send) -> None:
        self._send, self._quiet = send, False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] < 400:
            self._quiet = True
            kept = [one for one in message["headers"] if one[0] in (b"x-request-id", b"x-job-id", b"set-cookie")]
            start: Any = {**message, "status": 202, "headers": [*kept, (b"content-length", b"0")]}
            await self._send(start)
        elif self._quiet:
            if not message.get("more_body"):
                last: Any = {"type": "http.response.body", "body": b""}
                await self._send(last)
        else:
            await self._send(message)


class Batch:
    """One batch under way."""

    def __init__(self, server: "AiServer", call: Call, oneway: bool) -> None:
        self._server, self._call, self._oneway = server, call, oneway
        self._gone = asyncio.Event()

    async def answer(self, receive: Receive, send: Send) -> None:
        """Raises `Problem` for a body that is no batch; `Gone`."""
        many = await read_many(self._call, receive)
        if len(many) > MOST:
            raise Problem(Code.TOO_LARGE, f"A batch has at most {MOST} requests; this one has {len(many)}.")
        watch = asyncio.create_task(self._watch(receive))
        try:
            answers = await self._all(many)
        finally:
            watch.cancel()
            self._gone.set()  # ends the tasks that still wait for a hang-up, one for each operation
        bad = next((place for place, one in enumerate(answers) if not one.good), None)
        if bad is not None:
            await self._failed(answers[bad], bad, send)
            return
        body = b"[" + b",".join(one.body or b"null" for one in answers) + b"]"
        headers = [*self._call.turn.told(), JSON, (b"content-length", b"%d" % len(body))]
        await send_whole(200, [*headers, (b"x-autobatch-completed", b"%d" % len(answers))], body, send)

    async def _all(self, many: list[Values]) -> list[Caught]:
        """The answers up to the first bad one at least."""
        width = AT_ONCE if self._server.operates(self._call.api) else 1
        answers: list[Caught] = []
        for start in range(0, len(many), width):
            part = await asyncio.gather(*(self._one(one) for one in many[start : start + width]))
            answers += part
            if not all(one.good for one in part):
                break
        return answers

    async def _one(self, values: Values) -> Caught:
        call, caught = self._server.again(self._call), Caught()
        call.receive = self._receive
        try:
            await self._server.serve(call, self._receive, caught, values, "json", self._oneway)
        except Problem as problem:
            await self._server.refuse(call, problem.fault, caught)
        if not caught.status:
            if self._gone.is_set():
                raise Gone
            await self._server.refuse(call, internal(), caught)
        return caught

    async def _failed(self, answer: Caught, place: int, send: Send) -> None:
        """The first failure, and which one it was."""
        told = _decode(answer.body)
        told.setdefault("responseStatus", {}).setdefault("meta", {})["AutoBatchIndex"] = str(place)
        body = msgspec.json.encode(told)
        kept = [one for one in answer.headers if one[0] != b"content-length"]
        headers = [*kept, (b"content-length", b"%d" % len(body)), (b"x-autobatch-completed", b"%d" % place)]
        await send_whole(answer.status, headers, body, send)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    async def _receive(self) -> Any:
        """What each of the requests hears: the caller's hang-up and nothing else."""
        await self._gone.wait()
        return {"type": "http.disconnect"}
