"""OpenAI's own wire: chat and embeddings. The canonical form is the caller's, and the bytes go through as they are."""

from gateway.dialects._dialect import COMMENT, Dialect, Teller
from gateway.problems import error_body
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Fault

END = b"data: [DONE]\n\n"


class Relay:
    """Chunks as events, unread. It has no state, so one serves all streams."""

    def tell(self, chunks: list[bytes]) -> bytes:
        return b"data: " + b"\n\ndata: ".join(chunks) + b"\n\n"

    def done(self, end: Done) -> bytes:
        return END

    def broken(self, fault: Fault) -> bytes:
        return b"data: " + error_body(fault) + b"\n\n"

    def quiet(self) -> bytes:
        return COMMENT


_RELAY = Relay()


def relay(job: Job) -> Teller:
    return _RELAY


def error(fault: Fault, request: str) -> bytes:
    return error_body(fault)


OPENAI = Dialect(name="openai", error=error, teller=relay)
