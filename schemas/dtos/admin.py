# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""The rest of an administrator's desk: reading the catalogues anew, counts, tables, traces."""

from typing import Annotated, Any

from schemas.dtos._model import NEVER, DateTime, Dto, Long, Ref, TimeSpan, api, doc
from schemas.dtos.admin_jobs import PageStats
from schemas.dtos.base import EmptyResponse, KeyValuePair, ResponseStatus


@api("POST", EmptyResponse, tag="Admin", auth="admin", markers=("IPost",))
class Reload(Dto):
    """Read catalogues, overrides and providers anew."""


class AdminDataResponse(Dto):
    """Counts by name."""

    page_stats: list[PageStats] = []


@api("GET", AdminDataResponse, tag="Admin", auth="admin", markers=("IGet",))
class AdminData(Dto):
    """How much there is of what."""


class MetadataDataMember(Dto):
    """How a column is serialised."""

    name: Ref[str] = None
    order: int | None = None
    is_required: bool | None = None
    emit_default_value: bool | None = None


class FieldCss(Dto):
    """How a form's field is laid out."""

    field: Ref[str] = None
    input: Ref[str] = None
    label: Ref[str] = None


class InputInfo(Dto):
    """How a form asks for a value."""

    id: Ref[str] = None
    name: Ref[str] = None
    type: Ref[str] = None
    value: Ref[str] = None
    placeholder: Ref[str] = None
    help: Ref[str] = None
    label: Ref[str] = None
    title: Ref[str] = None
    size: Ref[str] = None
    pattern: Ref[str] = None
    read_only: bool | None = None
    required: bool | None = None
    disabled: bool | None = None
    autocomplete: Ref[str] = None
    autofocus: Ref[str] = None
    min: Ref[str] = None
    max: Ref[str] = None
    step: Ref[str] = None
    min_length: int | None = None
    max_length: int | None = None
    accept: Ref[str] = None
    capture: Ref[str] = None
    multiple: bool | None = None
    allowable_values: Ref[list[str]] = None
    allowable_entries: Ref[list[KeyValuePair[str, str]]] = None
    options: Ref[str] = None
    ignore: bool | None = None
    css: Ref[FieldCss] = None
    meta: Ref[dict[str, str]] = None


class FormatInfo(Dto):
    """How a value is shown."""

    method: Ref[str] = None
    options: Ref[str] = None
    locale: Ref[str] = None


class RefInfo(Dto):
    """What a column points to."""

    model: Ref[str] = None
    self_id: Ref[str] = None
    ref_id: Ref[str] = None
    ref_label: Ref[str] = None
    query_api: Ref[str] = None


class MetadataAttribute(Dto):
    """A note on a column, with its arguments."""

    name: Ref[str] = None
    constructor_args: Ref[list["MetadataPropertyType"]] = None
    args: Ref[list["MetadataPropertyType"]] = None


class MetadataPropertyType(Dto):
    """A column of a table."""

    name: Ref[str] = None
    type: Ref[str] = None
    namespace: Ref[str] = None
    is_value_type: bool | None = None
    is_enum: bool | None = None
    is_primary_key: bool | None = None
    generic_args: Ref[list[str]] = None
    value: Ref[str] = None
    description: Ref[str] = None
    data_member: Ref[MetadataDataMember] = None
    read_only: bool | None = None
    param_type: Ref[str] = None
    display_type: Ref[str] = None
    is_required: bool | None = None
    allowable_values: Ref[list[str]] = None
    allowable_min: int | None = None
    allowable_max: int | None = None
    attributes: Ref[list[MetadataAttribute]] = None
    upload_to: Ref[str] = None
    input: Ref[InputInfo] = None
    format: Ref[FormatInfo] = None
    ref: Ref[RefInfo] = None


class AdminDatabaseResponse(Dto):
    """Rows, and the columns if asked for."""

    results: list[dict[str, Any]] = []
    total: Long | None = None
    columns: list[MetadataPropertyType] | None = None
    response_status: ResponseStatus | None = None


@api("GET", AdminDatabaseResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminDatabase(Dto):
    """Rows of a table, to read."""

    db: str | None = None
    schema: str | None = None
    table: str | None = None
    fields: list[str] | None = None
    take: int | None = None
    skip: int | None = None
    order_by: str | None = None
    include: Annotated[str | None, doc("`total` counts the rows, `columns` describes them.")] = None


class DiagnosticEntry(Dto):
    """One step that was traced."""

    id: Long = 0
    trace_id: str | None = None
    source: Ref[str] = None
    event_type: Ref[str] = None
    message: Ref[str] = None
    operation: Ref[str] = None
    thread_id: int = 0
    error: ResponseStatus | None = None
    command_type: Ref[str] = None
    command: Ref[str] = None
    user_auth_id: str | None = None
    session_id: str | None = None
    arg: str | None = None
    args: list[str] | None = None
    arg_lengths: list[Long] | None = None
    named_args: dict[str, Any] | None = None
    duration: Annotated[TimeSpan | None, doc("How long the work took.")] = None
    timestamp: Long = 0
    date: DateTime = NEVER
    tag: str | None = None
    stack_trace: str | None = None
    meta: Ref[dict[str, str]] = None


class AdminProfilingResponse(Dto):
    """Traced steps."""

    results: Ref[list[DiagnosticEntry]] = None
    total: int = 0
    response_status: Ref[ResponseStatus] = None


@api("POST", AdminProfilingResponse, tag="Admin", auth="admin", any_verb=True, hidden=True)
class AdminProfiling(Dto):
    """Find traced steps."""

    source: str | None = None
    event_type: str | None = None
    thread_id: int | None = None
    trace_id: str | None = None
    user_auth_id: str | None = None
    session_id: str | None = None
    tag: str | None = None
    skip: int = 0
    take: int | None = None
    order_by: str | None = None
    with_errors: bool | None = None
    pending: bool | None = None
