"""How the AI Server dialect says no: a `responseStatus`, the names of errors that its clients know, and the HTTP status.

What a newcomer would get wrong: its clients look at the status first and at `errorCode` second, and both follow .NET's
exceptions and not ours: nobody who serves a model is 405 there, and a job that failed is 500.
"""

from typing import Any

import msgspec

from schemas.problem import Code, Fault, FieldFault, Problem

_encode = msgspec.json.Encoder().encode

_CODES: dict[Code, tuple[int, str]] = {
    Code.INVALID_REQUEST: (400, "ArgumentException"),
    Code.UNAUTHENTICATED: (401, "Unauthorized"),
    Code.FORBIDDEN: (403, "Forbidden"),
    Code.NOT_FOUND: (404, "NotFound"),
    Code.MODEL_NOT_FOUND: (404, "NotFound"),
    Code.METHOD_NOT_ALLOWED: (405, "NotImplementedException"),
    Code.NO_PROVIDER: (405, "NotSupportedException"),
    Code.CONFLICT: (409, "Conflict"),
    Code.TOO_LARGE: (413, "RequestEntityTooLarge"),
    Code.RATE_LIMITED: (429, "TooManyRequests"),
    Code.PROVIDER_RATE_LIMITED: (429, "TooManyRequests"),
    Code.QUOTA: (429, "QuotaExceeded"),
    Code.OVERLOADED: (503, "ServiceUnavailable"),
    Code.UNAVAILABLE: (503, "ServiceUnavailable"),
    Code.PROVIDER_REFUSED: (400, "ArgumentException"),
    Code.DEADLINE: (500, "TimeoutException"),
    Code.PROVIDER_TIMEOUT: (500, "TimeoutException"),
    Code.CANCELLED: (500, "TaskCanceledException"),
}
"""Code -> (HTTP status, errorCode). What is not here is 500, and keeps our own word in .NET's spelling."""

MISSING = "Missing required parameter"
"""How our own checks begin where something is not there."""


def error_code(fault: Fault) -> str:
    """The name of what went wrong."""
    if fault.errors:
        return fault.errors[0].rule
    if fault.code is Code.INVALID_REQUEST and fault.message.startswith(MISSING):
        return "ArgumentNullException"
    known = _CODES.get(fault.code)
    return known[1] if known else "".join(word.title() for word in fault.code.split("_")) + "Exception"


def status_code(fault: Fault) -> int:
    if fault.code is Code.PROVIDER_REFUSED and fault.provider_status in (404, 409, 413):
        return fault.provider_status
    return _CODES.get(fault.code, (500, ""))[0]


def status_dict(fault: Fault) -> dict[str, Any]:
    """The `ResponseStatus` of a fault. There is never a trace in it."""
    code = error_code(fault)
    status: dict[str, Any] = {"errorCode": code, "message": fault.message}
    found = fault.errors
    if not found and fault.param and _CODES.get(fault.code, (500, ""))[0] < 500:
        found = (FieldFault(code, fault.param, fault.message),)
    status["errors"] = [{"errorCode": one.rule, "fieldName": one.field, "message": one.message} for one in found]
    return status


def error(fault: Fault, request: str) -> bytes:
    """The body of an error answer."""
    return _encode({"responseStatus": status_dict(fault)})


def invalid(found: "list[FieldFault]") -> Problem:
    """A request with these things wrong, all told in one answer; the first one gives the message."""
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    fault = Fault(Code.INVALID_REQUEST, first.message + more, first.field or None, errors=tuple(found))
    return Problem.of(fault)


def null(field: str, what: str = "") -> Problem:
    """Something must be there and is not."""
    return invalid([FieldFault("ArgumentNullException", field, what or f"'{field}' must be given.")])
