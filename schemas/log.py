"""What the house writes down for the archive: a row for each request, for what happens to a file, for each act of a person.

Field names are the columns of the tables in `ai-server sql`: they are public and stay. A new column goes last, with a
default, and its name is no reserved word of SQL. `seq` and `month` are not here: the archiver adds what it knows and nobody
else does. What a newcomer would get wrong: a message on `log.<tenant>.<word>` carries a list of rows of one kind, and the
word says which: `file`, `audit`, else the operation of requests (`kind_of`).
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
    target: str = ""
    """For a callback: the host it goes to (the rest of its address may hold a secret)."""


class FileLog(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Something that happened to a stored file. Table `files`."""

    id: str
    """Unique: told again, it is the same row."""
    time: float
    """Unix seconds."""
    tenant: str
    key: str
    """Whose file it is: an API key's id."""
    event: str
    """stored, deleted, lapsed (its time was over) or evicted (room was needed)."""
    file: int
    purpose: str
    name: str
    content_type: str
    size: int
    """Bytes."""
    sha256: str = ""
    area: str = ""
    """public or private."""
    job: int = 0
    """The job that made it; 0: a person uploaded it."""
    actor: str = ""
    """Who did it: a key's id, `janitor`, or empty for its owner."""


class AuditLog(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One act that changed the house: a setting, a provider, a key, a job of somebody else. Table `audit`."""

    id: str
    """Unique: told again, it is the same row."""
    time: float
    """Unix seconds."""
    tenant: str
    actor: str
    """A key's id, `cli`, `settings` …"""
    action: str
    """created, changed, removed, revoked, rotated, rolled_back, paused, resumed, drained, cancelled, requeued, replayed …"""
    kind: str
    """Of what: provider, key, rule, setting, queue, job, archive …"""
    name: str
    """Which one."""
    detail: str = ""
    """JSON: the fields that changed (never a secret), the filter of a bulk action, the note."""
    client: str = ""
    """Address of the HTTP client."""
    revision: int = 0
    """In CONFIG's history, where it has one."""


Row = RequestLog | FileLog | AuditLog
KINDS: dict[str, type[RequestLog] | type[FileLog] | type[AuditLog]] = {"file": FileLog, "audit": AuditLog}
"""Words of subjects that are no operation."""


def decode_rows(subject: str, data: bytes) -> "list[RequestLog] | list[FileLog] | list[AuditLog]":
    """The rows in a message of LOG. Raises `msgspec.MsgspecError`."""
    kind = kind_of(subject)
    if kind is FileLog:
        return decode_file_logs(data)
    return decode_audit_logs(data) if kind is AuditLog else decode_logs(data)


def kind_of(subject: str) -> type[RequestLog] | type[FileLog] | type[AuditLog]:
    """The struct of the rows in a message on `log.<tenant>.<word>`."""
    return KINDS.get(subject.rpartition(".")[2], RequestLog)


encode_logs = msgspec.msgpack.Encoder().encode
decode_logs = msgspec.msgpack.Decoder(list[RequestLog]).decode
"""One message on `log.<tenant>.<op>` carries a list of rows."""
decode_file_logs = msgspec.msgpack.Decoder(list[FileLog]).decode
decode_audit_logs = msgspec.msgpack.Decoder(list[AuditLog]).decode
