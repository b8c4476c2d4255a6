"""What JetStream answers to a publish: stored, refused, full, or not ready yet.

The server tells these apart by numbers and, for some limits, by words alone; both are read here and nowhere else.
"""

import msgspec


class Conflict(Exception):
    """The write was refused because the record has moved on (compare-and-set), or the subject is taken."""


class Full(Exception):
    """The stream is at its limit: nothing was stored, and the caller should be told to come back."""


class ApiError(Exception):
    """JetStream refused an API call. `err_code` is the server's own number (10059: stream not found …)."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{description} ({err_code})")
        self.code = code
        self.err_code = err_code


class Ack(msgspec.Struct, frozen=True):
    """A stored message: its stream sequence. `duplicate` says that an earlier try had stored it."""

    seq: int
    duplicate: bool = False


class ApiFault(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class PubAck(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: ApiFault | None = None


decode_ack = msgspec.json.Decoder(PubAck).decode


_TAKEN = {10071, 10164}
_BUSY = {10008, 10009, 10074, 10118}


def stored(ack: PubAck) -> Ack | None:
    """The stored message; None when JetStream is not ready and the same publish should be tried again."""
    fault = ack.error
    if fault is None:
        return Ack(ack.seq, ack.duplicate)
    if fault.err_code in _TAKEN or "per subject exceeded" in fault.description:
        raise Conflict(fault.description)
    if fault.err_code in _BUSY or (fault.code == 503 and "exceeded" not in fault.description and fault.err_code == 0):
        return None
    if fault.code == 503 or "exceeded" in fault.description or "insufficient" in fault.description:
        raise Full(fault.description)
    raise ApiError(fault.code, fault.err_code, fault.description)
