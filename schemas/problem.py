"""The one way to fail: a code for machines and a sentence that tells a person what to do.

`Fault` is what travels; `Problem` is the exception that carries it. Two tables elsewhere give a code its meaning:
`gateway/problems.py` (HTTP status and dialect) and `bus/retry.py` (try again or not). A message never holds a key,
a prompt or a trace: it is shown to the caller as it is.
"""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why a request failed. The value is stable: it is a column of the archive and a field of the API."""

    INVALID_REQUEST = "invalid_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MODEL_NOT_FOUND = "model_not_found"
    TOO_LARGE = "too_large"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate_limited"
    QUOTA = "insufficient_quota"
    OVERLOADED = "overloaded"
    NO_PROVIDER = "no_provider_online"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_AUTH = "provider_auth"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_GARBLED = "provider_garbled"
    STREAM_BROKEN = "stream_broken"
    AGENT_LOST = "agent_lost"
    CANCELLED = "cancelled"
    DEADLINE = "deadline_exceeded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class FieldFault(msgspec.Struct, frozen=True, array_like=True):
    """One of several things that are wrong with a request."""

    rule: str
    """Which rule was broken: `NotEmpty`, `InclusiveBetween` …"""
    field: str
    message: str


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """A failure as it travels: on the bus, in the job record, in the archive."""

    code: Code
    message: str
    param: str | None = None
    """The request's field that is at fault, as the caller spelt it."""
    retry_after: float | None = None
    """Seconds after which a second try makes sense."""
    provider: str | None = None
    provider_status: int | None = None
    """The HTTP status the provider answered, if it answered."""
    errors: tuple[FieldFault, ...] = ()
    """All that is wrong with a request, where that is more than one thing, or a rule that has a name."""


class Problem(Exception):
    """A failure on its way up. `raise Problem(Code.RATE_LIMITED, "Anthropic asks us to wait 20 s", retry_after=20)`."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        provider: str | None = None,
        provider_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.fault = Fault(code, message, param, retry_after, provider, provider_status)

    @classmethod
    def of(cls, fault: Fault) -> "Problem":
        """The exception for a fault that came over the bus."""
        problem = cls(fault.code, fault.message)
        problem.fault = fault
        return problem

    @property
    def code(self) -> Code:
        return self.fault.code
