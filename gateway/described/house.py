"""Answers and bodies of our own routes as structs, for the document alone: the routes themselves speak in dictionaries."""

from typing import Any

from gateway.described.answers import Answered
from schemas.files import BatchView, FileView

# ---- files -----------------------------------------------------------------------------------------------------------


class FilePage(Answered, kw_only=True):
    """A page. `has_more`: ask again with `after=<last_id>`."""

    object: str = "list"
    data: list[FileView]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class BatchPage(Answered, kw_only=True):
    """A page. `has_more`: ask again with `after=<last_id>`."""

    object: str = "list"
    data: list[BatchView]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class StoredFile(Answered, kw_only=True):
    """A file of a key's area. Times are Unix seconds."""

    id: str
    object: str = "file"
    url: str
    """Its address, `/artifacts/…`."""
    file_name: str
    content_type: str
    size: int
    """Bytes."""
    sha256: str
    area: str
    """public or private."""
    purpose: str
    created: float
    expires: float | None = None
    job: int = 0
    """The job that made it, or brought it."""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    """Of sound and video."""


class StoredFiles(Answered, kw_only=True):
    object: str = "list"
    data: list[StoredFile]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class FileUsage(Answered, kw_only=True):
    used: int
    """Bytes."""
    quota: int | None = None
    """null: no limit."""
    files: int


class FileLink(Answered, kw_only=True):
    url: str
    expires: int
    """Unix seconds."""


class PathDeleted(Answered, kw_only=True):
    path: str
    object: str = "file"
    deleted: bool = True


class ManyDeleted(Answered, kw_only=True):
    deleted: list[str]
    missing: list[str]
    failed: list[Any]


class Gone(Answered, kw_only=True):
    id: str
    object: str
    deleted: bool = True


# ---- workflows -------------------------------------------------------------------------------------------------------


class WorkflowEntry(Answered, kw_only=True):
    name: str
    source: str
    """own or built-in."""
    size: int
    id: str = ""
    created: float = 0.0


class WorkflowList(Answered, kw_only=True):
    data: list[WorkflowEntry]


class WorkflowInputs(Answered, kw_only=True):
    name: str
    type: str = ""
    """The operation it is nearest to."""
    outputs: tuple[str, ...] = ()
    inputs: list[dict[str, Any]]
    """Names, types, defaults, ranges and choices."""


class NameDeleted(Answered, kw_only=True):
    name: str
    deleted: bool = True


# ---- house -----------------------------------------------------------------------------------------------------------


class Home(Answered, kw_only=True):
    name: str
    version: str
    about: str
    chat: str
    models: str
    openapi: str
    explorer: str
    health: str


class Up(Answered, kw_only=True):
    status: str
    version: str
    bus: bool
    """Is NATS connected?"""
