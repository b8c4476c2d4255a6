"""Who had a job cancelled: the body of `job.cancel.<job>`, and what its caller and the archive are told.

Empty means the caller, who has hung up or said so; so it was before there were others.
"""

from schemas.problem import Code, Fault

CALLER, ADMIN = b"", b"admin"
BY_CALLER = Fault(Code.CANCELLED, "Cancelled by the caller.")
BY_ADMIN = Fault(Code.CANCELLED, "Cancelled by an administrator.")


def fault_of(by: bytes) -> Fault:
    """How a job ends that was cancelled by them."""
    return BY_ADMIN if by == ADMIN else BY_CALLER
