"""How a failure looks from outside: OpenAI's error body, the status, and the headers that tell a client what to do next.

`code` and `type` are read by programs: where OpenAI has a string for a case we use it, so that its SDKs raise the class
their users catch. The status table is `schemas/status.py`, for records need it too.
"""

import math
from typing import Any

import msgspec

from schemas.problem import Code, Fault
from schemas.status import status_of

Header = tuple[bytes, bytes]

KINDS: dict[Code, tuple[str, str]] = {
    Code.INVALID_REQUEST: ("invalid_request_error", "invalid_request"),
    Code.UNAUTHENTICATED: ("authentication_error", "invalid_api_key"),
    Code.FORBIDDEN: ("permission_error", "forbidden"),
    Code.NOT_FOUND: ("invalid_request_error", "not_found"),
    Code.METHOD_NOT_ALLOWED: ("invalid_request_error", "method_not_allowed"),
    Code.MODEL_NOT_FOUND: ("invalid_request_error", "model_not_found"),
    Code.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    Code.CONFLICT: ("invalid_request_error", "conflict"),
    Code.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    Code.QUOTA: ("insufficient_quota", "insufficient_quota"),
    Code.PROVIDER_RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    Code.PROVIDER_REFUSED: ("invalid_request_error", "provider_refused"),
}
"""OpenAI's `type` and `code`. A code that is not here is a `server_error` and keeps our own word."""

_TOO_LONG = ("context length", "context_length", "context window", "maximum context", "prompt is too long")
JSON: Header = (b"content-type", b"application/json")
_CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="ai-server"')
_NO_RETRY: Header = (b"x-should-retry", b"false")
_encode = msgspec.json.Encoder().encode


def error_of(fault: Fault) -> dict[str, Any]:
    """The object under `error`: message, type, param, code."""
    kind, code = KINDS.get(fault.code, ("server_error", str(fault.code)))
    if fault.code is Code.PROVIDER_REFUSED:
        code = _refusal(fault)
    return {"message": fault.message, "type": kind, "param": fault.param, "code": code}


def error_body(fault: Fault) -> bytes:
    """The whole JSON body of an error answer, and the data of an error in a stream."""
    return _encode({"error": error_of(fault)})


def error_headers(fault: Fault) -> list[Header]:
    """Headers that belong to the fault itself, beside content type and length."""
    headers: list[Header] = []
    if fault.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(fault.retry_after))))
    if fault.code is Code.UNAUTHENTICATED:
        headers.append(_CHALLENGE)
    elif fault.code is Code.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    elif fault.code in (Code.CONFLICT, Code.QUOTA):
        headers.append(_NO_RETRY)  # OpenAI's SDKs try a 409 again, and this one would answer the same for ever
    return headers


def answer_of(fault: Fault, body: bytes | None = None) -> tuple[int, list[Header], bytes]:
    """Status, headers and body of the error answer. `body`: in another dialect than OpenAI's."""
    body = error_body(fault) if body is None else body
    return status_of(fault), [JSON, (b"content-length", b"%d" % len(body)), *error_headers(fault)], body


def internal() -> Fault:
    """What a caller is told of a fault of ours; the log has the trace."""
    return Fault(
        Code.INTERNAL, "Something went wrong on our side. The server's log has the details under this request id."
    )


def _refusal(fault: Fault) -> str:
    """A provider's refusal by the code that SDK users know; agents hand on the provider's words, not its code."""
    text = fault.message.lower()
    if any(sign in text for sign in _TOO_LONG):
        return "context_length_exceeded"
    if fault.provider_status == 404:
        return "model_not_found"
    return "provider_refused"
