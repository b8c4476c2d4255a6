"""The lines of a batch: requests in, results out, as OpenAI writes them. Pure.

What a newcomer would get wrong: a line that can't be read does not end the batch; it goes to the error file with its
number. A request that was answered with an error goes there too, with the answer it would have had over HTTP.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.dialects._dialect import Door, Place, respelt
from gateway.dialects.doors import result_of
from gateway.problems import error_of
from gateway.reading import decode
from schemas.files import BatchLine, LineError
from schemas.job import Record
from schemas.problem import Code, Fault, Problem
from schemas.status import status_of

MOST_LINES = 50_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(BatchLine).decode


class Line(NamedTuple):
    """A line of the input. `number` counts from 1, blank lines too. `data` None: longer than a request may be."""

    number: int
    data: bytes | None


class Request(NamedTuple):
    """What a line asks for, ready to become a job. `fault`: it asks for what can't be done."""

    number: int
    custom_id: str
    model: str = ""
    body: bytes = b""
    echo: bytes = b""
    fault: Fault | None = None


class Bad(NamedTuple):
    """A line that is no request."""

    error: LineError
    custom_id: str | None = None


async def lines(data: AsyncIterable[bytes], limit: int) -> AsyncIterator[Line]:
    """The lines of a file that have something in them. One longer than `limit` bytes is passed over, not collected."""
    number, waiting, over = 1, bytearray(), False
    async for piece in data:
        first, *more = piece.split(b"\n")
        for part in (first, *more[:-1]) if more else ():
            line = bytes(waiting) + part if not over else None
            if line is None or len(line) > limit:
                yield Line(number, None)
            elif line.strip():
                yield Line(number, line)
            number, over = number + 1, False
            waiting.clear()
        if not over:
            waiting += more[-1] if more else first
            if len(waiting) > limit:
                over = True
                waiting.clear()
    if over or bytes(waiting).strip():
        yield Line(number, None if over else bytes(waiting))


def read_line(line: Line, endpoint: str, door: Door) -> Request | Bad:
    """What a line asks for."""
    if line.data is None:
        return _bad(line, "line_too_long", "is longer than a request may be")
    try:
        said = _decode(line.data.strip())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _bad(line, *_unreadable(error), custom_id=_custom_id(line.data))
    if said.method != "POST":
        return _bad(line, "invalid_method", "has a method other than POST", "method", said.custom_id)
    if said.url != endpoint:
        text = f"asks for '{said.url[:60]}', but this batch is for '{endpoint}'"
        return _bad(line, "mismatched_url", text, "url", said.custom_id)
    try:
        return _request(line.number, said, door)
    except Problem as problem:
        return Request(line.number, said.custom_id, fault=respelt(problem.fault, door.dialect.spelling))


def _request(number: int, said: BatchLine, door: Door) -> Request:
    body, echo = bytes(said.body), b""
    if door.read is not None:
        read = door.read(body, Place())
        if read.background or read.previous or read.answer is not None:
            raise Problem(Code.INVALID_REQUEST, "A line of a batch is one request that stands for itself.")
        body, echo = read.body, read.echo
    asked = decode(door.operation, body)
    if getattr(asked, "stream", None):
        raise Problem(Code.INVALID_REQUEST, "A batch has no streams: leave 'stream' out.", param="stream")
    if asked.reply_to is not None:
        raise Problem(Code.INVALID_REQUEST, "A line of a batch has no callback.", param="replyTo")
    return Request(number, said.custom_id, asked.model, body, echo)


def twice(request: Request) -> Bad:
    """For the second request with the same custom_id: its result could not be told from the first's."""
    line = Line(request.number, b"")
    text = f"repeats the custom_id '{request.custom_id[:60]}'"
    return _bad(line, "duplicate_custom_id", text, "custom_id", request.custom_id)


def result_row(batch: int, request: Request, record: Record) -> bytes:
    """A line of the output file."""
    body = msgspec.Raw(result_of(record) or b"null")
    response = {"status_code": 200, "request_id": str(record.job.id), "body": body}
    return _row(batch, request.number, request.custom_id, response, None)


def fault_row(batch: int, request: Request, fault: Fault, job: int = 0) -> bytes:
    """A line of the error file: the answer that the request would have had."""
    response = {
        "status_code": status_of(fault),
        "request_id": str(job) if job else "",
        "body": {"error": error_of(fault)},
    }
    return _row(batch, request.number, request.custom_id, response, None)


def unrun_row(batch: int, request: Request, code: str, message: str) -> bytes:
    """A line of the error file for a request that was never answered."""
    return _row(batch, request.number, request.custom_id, None, {"code": code, "message": message})


def bad_row(batch: int, bad: Bad) -> bytes:
    """A line of the error file for a line that is no request."""
    error = {"code": bad.error.code, "message": bad.error.message, "line": bad.error.line, "param": bad.error.param}
    return _row(batch, bad.error.line or 0, bad.custom_id, None, error)


def _row(
    batch: int, number: int, custom_id: str | None, response: Mapping[str, Any] | None, error: Mapping[str, Any] | None
) -> bytes:
    name = f"batch_req_{batch}_{number}"
    return _encode({"id": name, "custom_id": custom_id, "response": response, "error": error}) + b"\n"


def _bad(line: Line, code: str, what: str, param: str | None = None, custom_id: str | None = None) -> Bad:
    message = f"Line {line.number} {what}."
    return Bad(LineError(code=code, message=message, line=line.number, param=param), custom_id)


def _unreadable(error: Exception) -> tuple[str, str]:
    if isinstance(error, msgspec.ValidationError):
        return "invalid_request", f"is no request: {error}"
    return "invalid_json_line", "is not valid JSON: " + str(error).removeprefix("JSON is malformed: ")


def _custom_id(data: bytes) -> str | None:
    """The line's own name, if it got as far as that."""
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    name = said.get("custom_id") if isinstance(said, dict) else None
    return name[:512] if isinstance(name, str) else None
