"""Files and batches: their records in the buckets FILES and BATCHES, and how OpenAI's `files` and `batches` show them.

A file is a record that names a blob; its bytes are in the object store. What a newcomer would get wrong: ids are numbers
here (`Ids`), and only a view puts `file-` or `batch_` before them.
Source of the views: the OpenAI API reference, "The File object", "The Batch object", "The request output object".
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec

FILE, BATCH = "file-", "batch_"

PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
"""What a caller may upload for. A batch's own files are `batch_output`."""
BATCH_OUTPUT = "batch_output"
ARTIFACT, INPUT, WORKFLOW, UPLOAD = "artifact", "input", "workflow", "upload"
"""Purposes of our own: what a job made, what a request brought along, a ComfyUI workflow, what was put into `/files`."""

PUBLIC, PRIVATE = "public", "private"
"""The two areas: whoever knows a public file's address may read it; a private one is its owner's, or a signed link's."""

SHORTEST_LIFE, LONGEST_LIFE = 3600, 2_592_000
"""Seconds that `expires_after` may say."""
BATCH_FILE_LIFE = 30 * 86400
"""Seconds a file of purpose `batch` is kept when nothing is said, as at OpenAI."""


class FileRecord(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A file of one key. New fields have defaults and go last."""

    id: int
    tenant: str
    key: str
    """Id of the API key that owns it."""
    filename: str
    purpose: str
    size: int
    blob: str
    """Name in the object store."""
    digest: str
    """SHA-256, hex."""
    content_type: str
    created: float
    """Unix seconds."""
    expires: float = 0.0
    """Unix seconds; 0: never."""
    area: str = PRIVATE
    job: int = 0
    """The job that made it (`artifact`) or brought it (`input`)."""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    """Of sound and video."""


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's file object."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    object: str = "file"
    status: str = "processed"
    expires_at: int | None = None
    status_details: str | None = None


class FileDeleted(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "file"
    deleted: bool = True


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list. `has_more`: ask again with `after=<last_id>`."""

    data: list[Any]
    object: str = "list"
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class BatchStatus(StrEnum):
    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in (BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED)


class LineError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a line of the input. `line` counts from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class BatchRecord(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A batch of one key: what must survive. Which line became which job is known from the jobs' refs."""

    id: int
    tenant: str
    key: str
    endpoint: str
    input_file: int
    blob: str
    """The input's bytes, held until the end even if its file is deleted."""
    window: str
    created: float
    expires: float
    status: BatchStatus = BatchStatus.VALIDATING
    metadata: dict[str, str] | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: tuple[LineError, ...] = ()
    output_file: int = 0
    """Numbers of the two files, chosen before they are written, so that whoever writes them again writes the same."""
    error_file: int = 0
    in_progress: float = 0.0
    """Unix seconds of each change of state; 0: it has not come to that."""
    finalizing: float = 0.0
    ended: float = 0.0
    cancelling: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    model: str = ""
    """Of the first line."""
    output_life: int = 0
    """Seconds the two files are kept; 0: `BATCH_FILE_LIFE`."""


class OutputExpires(msgspec.Struct, frozen=True):
    anchor: str
    seconds: Annotated[int, msgspec.Meta(ge=SHORTEST_LIFE, le=LONGEST_LIFE)]


Label = Annotated[str, msgspec.Meta(max_length=64)]


class BatchRequest(msgspec.Struct, frozen=True):
    """`POST /v1/batches`."""

    input_file_id: str
    endpoint: str
    completion_window: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,5}[smh]$")] = "24h"
    """`24h` as at OpenAI; here also any number of seconds, minutes or hours up to 72h."""
    metadata: (
        Annotated[dict[Label, Annotated[str, msgspec.Meta(max_length=512)]], msgspec.Meta(max_length=16)] | None
    ) = None
    output_expires_after: OutputExpires | None = None


class BatchLine(msgspec.Struct, frozen=True):
    """One request of the input file."""

    custom_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    method: str
    url: str
    body: msgspec.Raw


class BatchCounts(msgspec.Struct, frozen=True):
    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchErrors(msgspec.Struct, frozen=True):
    data: tuple[LineError, ...]
    object: str = "list"


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's batch object."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    status: BatchStatus
    created_at: int
    request_counts: BatchCounts
    object: str = "batch"
    model: str | None = None
    errors: BatchErrors | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    metadata: dict[str, str] | None = None
    usage: dict[str, Any] | None = None


def file_view(record: FileRecord) -> FileView:
    return FileView(
        id=f"{FILE}{record.id}",
        bytes=record.size,
        created_at=int(record.created),
        filename=record.filename,
        purpose=record.purpose,
        expires_at=int(record.expires) or None,
    )


def batch_view(record: BatchRecord) -> BatchView:
    """The files are named only when they are whole."""
    status = record.status
    ended = {at: int(record.ended) for at in BatchStatus if at.terminal and at is status}
    return BatchView(
        id=f"{BATCH}{record.id}",
        endpoint=record.endpoint,
        input_file_id=f"{FILE}{record.input_file}",
        completion_window=record.window,
        status=status,
        created_at=int(record.created),
        request_counts=BatchCounts(record.total, record.completed, record.failed),
        model=record.model or None,
        errors=BatchErrors(record.errors) if record.errors else None,
        output_file_id=f"{FILE}{record.output_file}" if status.terminal and record.output_file else None,
        error_file_id=f"{FILE}{record.error_file}" if status.terminal and record.error_file else None,
        in_progress_at=int(record.in_progress) or None,
        expires_at=int(record.expires),
        finalizing_at=int(record.finalizing) or None,
        completed_at=ended.get(BatchStatus.COMPLETED),
        failed_at=ended.get(BatchStatus.FAILED),
        expired_at=ended.get(BatchStatus.EXPIRED),
        cancelling_at=int(record.cancelling) or None,
        cancelled_at=ended.get(BatchStatus.CANCELLED),
        metadata=record.metadata,
        usage=_usage(record) if status.terminal else None,
    )


def page_of(records: list[Any], limit: int, after: int, descending: bool) -> tuple[list[Any], bool]:
    """`limit` records behind the one numbered `after` (0: from the start), and whether there are more. `records` ascend."""
    order = records[::-1] if descending else records
    if after:
        order = [one for one in order if (one.id < after if descending else one.id > after)]
    return order[:limit], len(order) > limit


def _usage(record: BatchRecord) -> dict[str, Any]:
    return {
        "input_tokens": record.tokens_in,
        "input_tokens_details": {"cached_tokens": record.tokens_cached},
        "output_tokens": record.tokens_out,
        "output_tokens_details": {"reasoning_tokens": record.tokens_reasoning},
        "total_tokens": record.tokens_in + record.tokens_out,
    }


encode_file = msgspec.msgpack.Encoder().encode
decode_file = msgspec.msgpack.Decoder(FileRecord).decode
encode_batch = msgspec.msgpack.Encoder().encode
decode_batch = msgspec.msgpack.Decoder(BatchRecord).decode
decode_batch_request = msgspec.json.Decoder(BatchRequest).decode
