"""One row of the archive for each request, whichever way it came and however it ended.

Its field names are the columns of `requests` in `ai-server sql`: they are public and stay. A new column goes last, with a
default. `seq` and `month` are not here: the archiver adds what it knows and nobody else does.
"""

import msgspec


class RequestLog(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Times are Unix seconds (archived as UTC timestamps), durations milliseconds, tokens counts, cost US dollars."""

    job: int
    created: float
    tenant: str
    key: str
    op: str
    style: str
    stream: bool
    model: str
    """As asked."""
    outcome: str
    """done, failed or cancelled."""
    status: int
    """The HTTP status the caller got or would have got."""
    queue: str = ""
    provider: str = ""
    agent: str = ""
    attempts: int = 0
    error: str | None = None
    """`Code` of the failure."""
    message: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    estimated: bool = False
    first_ms: float | None = None
    """From accept to the first delta."""
    wait_ms: float | None = None
    """From accept to the start of the first attempt."""
    total_ms: float = 0.0
    ref: str = ""
    tag: str = ""
    client: str = ""
    user_agent: str = ""
    request: str | None = None
    """Bodies, only where the setting `archive.bodies` is on."""
    response: str | None = None
    trail: str = ""
    """The attempts as JSON, oldest first."""
    parent: int = 0
    again: bool = False
    """Written by recovery: the archiver checks whether this job is in the archive already. Not a column."""
    cost: float | None = None
    """USD; None: no price is known."""
    cost_estimated: bool = False
    """The tokens were estimated, or the price is the maker's and not this provider's."""
    cached: bool = False
    """Answered from the response cache: no provider was asked, and it cost nothing."""
    served: str = ""
    """The model that answered or failed last, where that is not `model`."""
    tokens_written: int = 0
    """Of `tokens_in`, written into the provider's cache."""
    run: int = 0
    """A failed job that was put back has a row for each run."""


encode_logs = msgspec.msgpack.Encoder().encode
decode_logs = msgspec.msgpack.Decoder(list[RequestLog]).decode
"""One message on `log.<tenant>.<op>` carries a list of rows."""
