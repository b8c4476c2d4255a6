"""What a `Code` means in HTTP: one table, read by the front door and by whoever writes a record of a request.

A provider's refusal keeps the provider's own status where that status speaks of the request; a refusal of *our* key
(`PROVIDER_AUTH`) is 502, for the caller's key was fine.
"""

from schemas.problem import Code, Fault

CLIENT_CLOSED = 499
"""Cancelled: by the caller, who mostly reads it no more, or by an administrator (nginx's number). No SDK tries it again."""

STATUS: dict[Code, int] = {
    Code.INVALID_REQUEST: 400,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.MODEL_NOT_FOUND: 404,
    Code.TOO_LARGE: 413,
    Code.CONFLICT: 409,
    Code.RATE_LIMITED: 429,
    Code.QUOTA: 429,
    Code.OVERLOADED: 503,
    Code.NO_PROVIDER: 503,
    Code.PROVIDER_REFUSED: 400,
    Code.PROVIDER_AUTH: 502,
    Code.PROVIDER_RATE_LIMITED: 429,
    Code.PROVIDER_ERROR: 502,
    Code.PROVIDER_UNREACHABLE: 502,
    Code.PROVIDER_TIMEOUT: 504,
    Code.PROVIDER_GARBLED: 502,
    Code.STREAM_BROKEN: 502,
    Code.AGENT_LOST: 502,
    Code.CANCELLED: CLIENT_CLOSED,
    Code.DEADLINE: 504,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}

_ABOUT_THE_REQUEST = frozenset({400, 404, 409, 413, 415, 422})


def status_of(fault: Fault) -> int:
    """The HTTP status for a fault. Total: a code without a row would be a bug, and is 500."""
    if fault.code is Code.PROVIDER_REFUSED and fault.provider_status in _ABOUT_THE_REQUEST:
        return fault.provider_status
    return STATUS.get(fault.code, 500)
