"""The archive's tables: every column's name, DuckDB type and meaning, in one place.

They are public: a column never changes its name, type or meaning, and a new one goes last, because a file from last year
must still open. What a newcomer would get wrong: the columns of a table with a `row` are that struct's fields (but `again`,
a note from recovery to the archiver) and `seq`; those of the others are what its `derive` selects, in this order.
"""

from collections.abc import Callable

from schemas.log import AuditLog, FileLog, RequestLog, Row
from storage.hourly import DAILY, HOURLY
from storage.table import Column, Table, fitting, json_lines, moment, month_of, when

__all__ = [
    "AUDIT", "DAILY", "DERIVED", "FILES", "HOURLY", "MONTH", "REQUESTS", "TABLES", "Column", "Table", "fits", "json_lines",
    "month_of", "table_of", "when",
]  # fmt: skip

MONTH = Column(
    "month", "VARCHAR", "Month of the row's time in UTC, as 2026-11; a filter on it reads that month's files only."
)
"""Not in the files: it is their folder's name (Hive partitioning)."""

REQUESTS = Table(
    "requests",
    "One row for each request, whichever way it came and however it ended.",
    (
        Column("job", "BIGINT", "Id of the job; with `run`, unique. It grows with time."),
        moment("created", "When the request was accepted (UTC, microseconds)."),
        Column("tenant", "VARCHAR", "Whose API key it was."),
        Column("key", "VARCHAR", "Id of the API key: the first 16 digits of its hash, never the key."),
        Column("op", "VARCHAR", "Operation: chat …"),
        Column("style", "VARCHAR", "How the caller asked: sync, queued, callback or direct."),
        Column("stream", "BOOLEAN", "The caller wanted the answer piece by piece."),
        Column("model", "VARCHAR", "Model, as the caller wrote it."),
        Column("outcome", "VARCHAR", "done, failed or cancelled."),
        Column("status", "INTEGER", "HTTP status the caller got, or would have got."),
        Column("queue", "VARCHAR", "Queue that took it last: a provider or a pool; empty: none."),
        Column("provider", "VARCHAR", "Provider that served it or failed last; empty: none was reached."),
        Column("agent", "VARCHAR", "Agent process that served it or failed last."),
        Column("attempts", "INTEGER", "How many times it was tried."),
        Column("error", "VARCHAR", "Code of the failure; null: none."),
        Column("message", "VARCHAR", "What the caller was told of the failure."),
        Column("tokens_in", "BIGINT", "Tokens of the prompt."),
        Column("tokens_out", "BIGINT", "Tokens of the answer, reasoning included."),
        Column("tokens_cached", "BIGINT", "Tokens of the prompt that the provider had in its cache."),
        Column("tokens_reasoning", "BIGINT", "Tokens of the answer spent on reasoning."),
        Column("estimated", "BOOLEAN", "The provider did not count the tokens, so we did: 4 characters a token."),
        Column("first_ms", "DOUBLE", "Milliseconds from accept to the first piece of the answer; null: none came."),
        Column("wait_ms", "DOUBLE", "Milliseconds from accept to the start of the first attempt; null: never started."),
        Column("total_ms", "DOUBLE", "Milliseconds from accept to the end."),
        Column("ref", "VARCHAR", "The caller's own id of the request (refId, Idempotency-Key)."),
        Column("tag", "VARCHAR", "The caller's own label."),
        Column("client", "VARCHAR", "Address of the HTTP client."),
        Column("user_agent", "VARCHAR", "What the HTTP client calls itself."),
        Column("request", "VARCHAR", "Body of the request; null unless the setting archive.bodies was on."),
        Column("response", "VARCHAR", "Body of the answer; null unless the setting archive.bodies was on."),
        Column("trail", "VARCHAR", "The attempts as JSON, oldest first; null: none.", cast="nullif(trail, '')"),
        Column("parent", "BIGINT", "For a callback: the job it reports; else 0."),
        Column("seq", "BIGINT", "Place of the record in the stream LOG; with it, a row is written exactly once."),
        Column("cost", "DOUBLE", "US dollars, by list prices or the operator's own; null: no price is known."),
        Column("cost_estimated", "BOOLEAN", "The tokens were estimated, or the price is the maker's own list price."),
        Column("cached", "BOOLEAN", "Answered from the response cache: no provider was asked."),
        Column("served", "VARCHAR", "Model that answered or failed last, where that is not `model`; else empty."),
        Column("tokens_written", "BIGINT", "Tokens of the prompt that were written into the provider's cache."),
        Column("run", "INTEGER", "0; a failed job that an administrator put back has a further row, with 1, 2 …"),
        Column("target", "VARCHAR", "For a callback: the host it goes to; else empty."),
    ),
    row=RequestLog,
    sort="created DESC, job DESC",
)


def _told(name: str, about: str, row: type[FileLog] | type[AuditLog], *columns: Column) -> Table:
    """A table of what was told once, each row under an id of its own."""
    first, last = (
        Column("id", "VARCHAR", "Unique."),
        Column("seq", "BIGINT", "Place of the record in the stream LOG."),
    )
    return Table(name, about, (first, *columns, last), row=row, time="time")


FILES = _told(
    "files",
    "One row for each thing that happened to a stored file.",
    FileLog,
    moment("time", "When it happened (UTC, microseconds)."),
    Column("tenant", "VARCHAR", "Whose file it is."),
    Column("key", "VARCHAR", "Id of the API key whose file it is."),
    Column("event", "VARCHAR", "stored, deleted, lapsed (its time was over) or evicted (room was needed)."),
    Column("file", "BIGINT", "Number of the file: `file-<number>`."),
    Column("purpose", "VARCHAR", "What it is for: artifact, input, batch, user_data …"),
    Column("name", "VARCHAR", "Its name, as the uploader or the job gave it."),
    Column("content_type", "VARCHAR", "Its media type."),
    Column("size", "BIGINT", "Bytes."),
    Column("sha256", "VARCHAR", "SHA-256 of its bytes, hexadecimal."),
    Column("area", "VARCHAR", "public (anyone with the address reads it) or private."),
    Column("job", "BIGINT", "The job that made it; 0: it was uploaded."),
    Column("actor", "VARCHAR", "Who did it: a key's id or janitor; empty: its owner."),
)

AUDIT = _told(
    "audit",
    "One row for each act of a person or a tool that changed the house: providers, keys, settings, queues, others' jobs.",
    AuditLog,
    moment("time", "When it was done (UTC, microseconds)."),
    Column("tenant", "VARCHAR", "Tenant of what was changed."),
    Column("actor", "VARCHAR", "Who did it: a key's id, cli, settings …"),
    Column("action", "VARCHAR", "created, changed, removed, revoked, rotated, rolled_back, paused, cancelled …"),
    Column("kind", "VARCHAR", "Of what: provider, key, rule, setting, queue, job, archive …"),
    Column("name", "VARCHAR", "Which one."),
    Column(
        "detail", "VARCHAR", "JSON: the fields that changed with their new values, never a secret; a filter; a note."
    ),
    Column("client", "VARCHAR", "Address of the HTTP client; empty: it was no HTTP call, or is not known."),
    Column("revision", "BIGINT", "Its revision in the history of the configuration; 0: it has none."),
)

_TRIES = """
    SELECT *, unnest(CASE WHEN json_valid(trail) AND json_type(trail) = 'ARRAY' THEN from_json(trail, '[{
        "number": "INTEGER", "queue": "VARCHAR", "provider": "VARCHAR", "agent": "VARCHAR", "started": "DOUBLE",
        "seconds": "DOUBLE", "code": "VARCHAR", "message": "VARCHAR", "status": "INTEGER", "model": "VARCHAR"
    }]') END) AS try FROM batch"""
"""A row for each attempt of each request, with the attempt as the struct `try`. A trail that can't be read has none."""
_OUTCOME = "CASE WHEN try.code IS NULL THEN 'done' WHEN try.code = 'cancelled' THEN 'cancelled' ELSE 'failed' END"


def _at(seconds: str) -> str:
    """SQL: a TIMESTAMP of Unix seconds; null of what is no time between 1970 and 9999."""
    return (
        f"CASE WHEN {seconds} BETWEEN 0 AND 253402300799 "
        f"THEN make_timestamp(CAST(round({seconds} * 1000000) AS BIGINT)) END"
    )


def _after(milliseconds: str) -> str:
    """SQL: the TIMESTAMP so long after `created`; null of what is no time a person waits (up to 31 years)."""
    return (
        f"CASE WHEN {milliseconds} BETWEEN -1e12 AND 1e12 "
        f"THEN created + to_microseconds(CAST(round({milliseconds} * 1000) AS BIGINT)) END"
    )


ATTEMPTS = Table(
    "attempts",
    "One row for each attempt of each request at a provider.",
    (
        Column("job", "BIGINT", "Id of the job."),
        Column("run", "INTEGER", "As in `requests`; with `job` and `n`, unique."),
        Column("n", "INTEGER", "Number of the attempt, from 1; it may skip some that left no trace."),
        Column("created", "TIMESTAMP", "When the request was accepted (UTC)."),
        Column("started", "TIMESTAMP", "When the attempt began (UTC)."),
        Column("ended", "TIMESTAMP", "When it ended (UTC)."),
        Column("ms", "DOUBLE", "Milliseconds it took."),
        Column("tenant", "VARCHAR", "Whose API key it was."),
        Column("key", "VARCHAR", "Id of the API key."),
        Column("op", "VARCHAR", "Operation."),
        Column("style", "VARCHAR", "How the caller asked: sync, queued, callback or direct."),
        Column("model", "VARCHAR", "Model, as the caller wrote it."),
        Column("queue", "VARCHAR", "Queue it was taken from."),
        Column("provider", "VARCHAR", "Provider that was asked."),
        Column("agent", "VARCHAR", "Agent process that asked."),
        Column("outcome", "VARCHAR", "done, failed or cancelled: of this attempt."),
        Column("error", "VARCHAR", "Code of its failure; null: none."),
        Column("message", "VARCHAR", "What was said of its failure; null: none."),
        Column("status", "INTEGER", "HTTP status of the provider, where it failed with one; else null."),
        Column(
            "served", "VARCHAR", "Model that was asked for, where that is not `model`; else empty; null: not known."
        ),
        Column("last", "BOOLEAN", "No attempt of this run came after it."),
    ),
    derive=f"""
        SELECT job, coalesce(run, 0) AS run, try.number AS n, created, {_at("try.started")} AS started,
            {_at("(try.started + try.seconds)")} AS ended, round(try.seconds * 1000, 3) AS ms, tenant, key, op, style, model,
            try.queue AS queue, try.provider AS provider, try.agent AS agent, {_OUTCOME} AS outcome, try.code AS error,
            try.message AS message, try.status AS status, try.model AS served,
            try.number = try_cast(json_extract_string(trail, '$[#-1].number') AS INTEGER) AS last
        FROM ({_TRIES})""",
    sort="created, job, run, n",
)

JOBS = Table(
    "jobs",
    "One row for each job that somebody could ask for later: of the styles queued, callback and direct.",
    (
        Column("job", "BIGINT", "Id of the job."),
        Column("run", "INTEGER", "As in `requests`; with `job`, unique."),
        Column("created", "TIMESTAMP", "When the job was accepted (UTC)."),
        Column("started", "TIMESTAMP", "When its first attempt began (UTC); null: never."),
        Column("ended", "TIMESTAMP", "When it ended (UTC)."),
        Column("wait_ms", "DOUBLE", "Milliseconds from accept to the first attempt; null: none began."),
        Column("run_ms", "DOUBLE", "Milliseconds from the first attempt's start to the end; null: none began."),
        Column("state", "VARCHAR", "done, failed or cancelled."),
        Column("attempts", "INTEGER", "How many times it was tried."),
        Column("tenant", "VARCHAR", "Whose API key it was."),
        Column("key", "VARCHAR", "Id of the API key."),
        Column("op", "VARCHAR", "Operation; callback: the delivery of another job's end."),
        Column("style", "VARCHAR", "queued, callback or direct."),
        Column("model", "VARCHAR", "Model, as the caller wrote it."),
        Column("queue", "VARCHAR", "Queue that took it last; empty: none."),
        Column("provider", "VARCHAR", "Provider that served it or failed last; empty: none was reached."),
        Column("agent", "VARCHAR", "Agent process that served it or failed last."),
        Column("error", "VARCHAR", "Code of the failure; null: none."),
        Column("message", "VARCHAR", "What the caller was told of the failure."),
        Column("ref", "VARCHAR", "The caller's own id of the job."),
        Column("tag", "VARCHAR", "The caller's own label."),
        Column("parent", "BIGINT", "For a callback: the job it reports; else 0."),
        Column("cost", "DOUBLE", "US dollars; null: no price is known."),
    ),
    derive=f"""
        SELECT job, coalesce(run, 0) AS run, created, {_after("wait_ms")} AS started, {_after("total_ms")} AS ended, wait_ms,
            greatest(0, total_ms - wait_ms) AS run_ms, outcome AS state, attempts, tenant, key, op, style, model, queue,
            provider, agent, error, message, ref, tag, parent, cost
        FROM batch WHERE style <> 'sync'""",
    sort="created DESC, job DESC, run DESC",
)

CALLBACKS = Table(
    "callbacks",
    "One row for each try to deliver a web callback.",
    (
        Column("job", "BIGINT", "Id of the delivery, a job of its own."),
        Column("run", "INTEGER", "0; a delivery that was put back has 1, 2 …"),
        Column("parent", "BIGINT", "The job whose end it reports."),
        Column("n", "INTEGER", "Number of the try, from 1."),
        Column("created", "TIMESTAMP", "When the delivery was due (UTC)."),
        Column("started", "TIMESTAMP", "When this try began (UTC)."),
        Column("ms", "DOUBLE", "Milliseconds it took."),
        Column("tenant", "VARCHAR", "Whose job it was."),
        Column("key", "VARCHAR", "Id of the API key whose job it was."),
        Column("host", "VARCHAR", "Host it was sent to; null: the record is older than this column."),
        Column("outcome", "VARCHAR", "done, failed or cancelled: of this try."),
        Column("status", "INTEGER", "HTTP status of the receiver; null: it gave none, or the record is older."),
        Column("error", "VARCHAR", "Code of the failure; null: none."),
        Column("message", "VARCHAR", "What was said of the failure; null: none."),
        Column("webhook_id", "VARCHAR", "Header webhook-id, the same on every try."),
        Column("last", "BOOLEAN", "No try of this run came after it."),
    ),
    derive=f"""
        SELECT job, coalesce(run, 0) AS run, parent, try.number AS n, created, {_at("try.started")} AS started,
            round(try.seconds * 1000, 3) AS ms, tenant, key, nullif(target, '') AS host, {_OUTCOME} AS outcome,
            try.status AS status, try.code AS error, try.message AS message,
            CASE WHEN starts_with(ref, 'callback.') THEN 'msg_' || substr(ref, 10) END AS webhook_id,
            try.number = try_cast(json_extract_string(trail, '$[#-1].number') AS INTEGER) AS last
        FROM ({_TRIES} WHERE op = 'callback')""",
    sort="created, job, run, n",
)

TABLES = {table.name: table for table in (REQUESTS, ATTEMPTS, JOBS, CALLBACKS, HOURLY, DAILY, FILES, AUDIT)}
DERIVED = tuple(table for table in TABLES.values() if table.derive)
_OF = {table.row: table for table in TABLES.values() if table.row}
_FITS: dict[str, Callable[[Row], bool]] = {table.name: fitting(table) for table in _OF.values()}


def table_of(row: Row) -> Table:
    """Where rows of this struct go."""
    return _OF[type(row)]


def fits(row: Row) -> bool:
    """Whether the columns of its table can hold the row: one that can't would stop the archive for ever."""
    return _FITS[table_of(row).name](row)
