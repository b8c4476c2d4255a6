# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Results to fetch, shrink and delete, and a caller's own uploads. Answers of type `bytes` are the file itself."""

from typing import Annotated

from schemas.dtos._model import NOT_EMPTY, DateTime, Dto, Ref, api, doc
from schemas.dtos.base import EmptyResponse, ResponseStatus


@api("GET", bytes, tag="Files", routes=("/artifacts/{**Path}",), markers=("IGet",))
class GetArtifact(Dto):
    """A file that was made."""

    path: Annotated[str, NOT_EMPTY, doc("What comes after `/artifacts/`.")] = ""
    download: Annotated[bool | None, doc("Send it as an attachment.")] = None


@api("GET", bytes, tag="Files", routes=("/variants/{Variant}/{**Path}",), markers=("IGet",))
class GetVariant(Dto):
    """A made picture in another size, as WebP."""

    variant: Annotated[str, NOT_EMPTY, doc("`width=512`, `height=512`, or both with a comma.")] = ""
    path: Annotated[str, NOT_EMPTY, doc("What comes after `/artifacts/`.")] = ""


@api("DELETE", EmptyResponse, tag="Files", auth="key", routes=("/files/{**Path}",), markers=("IDelete",))
class DeleteFile(Dto):
    """Delete a file of one's own."""

    path: Annotated[str, NOT_EMPTY, doc("What comes after `/artifacts/`.")] = ""


class DeleteFilesResponse(Dto):
    """Which are gone, which were not there, and which stayed."""

    deleted: list[str] = []
    missing: list[str] = []
    failed: list[str] = []
    response_status: ResponseStatus | None = None


@api("POST", DeleteFilesResponse, tag="Files", auth="key", markers=("IPost",))
class DeleteFiles(Dto):
    """Delete several files of one's own."""

    paths: Annotated[list[str], doc("What comes after `/artifacts/`.")] = []


class MigrateArtifactResponse(Dto):
    """Where the file is now."""

    file_path: str = ""
    response_status: ResponseStatus | None = None


@api("POST", MigrateArtifactResponse, auth="key", markers=("IPost",), hidden=True)
class MigrateArtifact(Dto):
    """Move an old file to where files of its day and key are."""

    path: str = ""
    date: Annotated[DateTime | None, doc("The day it belongs to.")] = None


class StoreFileUploadResponse(Dto):
    """Where the files are, in the order they came."""

    results: list[str] = []
    response_status: Ref[ResponseStatus] = None


@api(
    "POST",
    StoreFileUploadResponse,
    tag="Files",
    auth="key",
    routes=("POST /uploads/{Name}",),
    markers=("IPost",),
    hidden=True,
)
class StoreFileUpload(Dto):
    """Upload files to one's own folder: `pub`, which all may read, or `secure`."""

    name: Annotated[Ref[str], doc("`pub` or `secure`.")] = None
    bearer_token: Annotated[Ref[str], doc("A key, for clients that put it in the request.")] = None


@api("GET", bytes, tag="Files", routes=("GET /uploads/{Name}/{**Path}",), markers=("IGet",), hidden=True)
class GetFileUpload(Dto):
    """Fetch an upload. What is in `pub` needs no key, what is in `secure` its owner's."""

    name: Annotated[Ref[str], doc("`pub` or `secure`.")] = None
    path: Annotated[Ref[str], doc("What comes after the folder's name.")] = None
    bearer_token: Annotated[Ref[str], doc("A key, for clients that put it in the request.")] = None
    attachment: Annotated[bool | None, doc("Send it as an attachment.")] = None


class ReplaceFileUploadResponse(Dto):
    """That it was replaced."""

    response_status: Ref[ResponseStatus] = None


@api(
    "PUT",
    ReplaceFileUploadResponse,
    tag="Files",
    auth="key",
    routes=("PUT /uploads/{Name}/{**Path}",),
    markers=("IPut",),
    hidden=True,
)
class ReplaceFileUpload(Dto):
    """Put another file in an upload's place."""

    name: Annotated[Ref[str], doc("`pub` or `secure`.")] = None
    path: Annotated[Ref[str], doc("What comes after the folder's name.")] = None
    bearer_token: Annotated[Ref[str], doc("A key, for clients that put it in the request.")] = None


class DeleteFileUploadResponse(Dto):
    """Whether there was a file to delete."""

    result: bool = False
    response_status: Ref[ResponseStatus] = None


@api(
    "DELETE",
    DeleteFileUploadResponse,
    tag="Files",
    auth="key",
    routes=("DELETE /uploads/{Name}/{**Path}",),
    markers=("IDelete",),
    hidden=True,
)
class DeleteFileUpload(Dto):
    """Delete an upload of one's own."""

    name: Annotated[Ref[str], doc("`pub` or `secure`.")] = None
    path: Annotated[Ref[str], doc("What comes after the folder's name.")] = None
    bearer_token: Annotated[Ref[str], doc("A key, for clients that put it in the request.")] = None
