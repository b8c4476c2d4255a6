"""Notes of the routes that keep files: `/v1/files`, `/v1/batches`, `/files` with tus."""

from typing import Any

from gateway.described import house
from gateway.described.notes import Note
from gateway.described.parts import ANYBODY, answer, binary, header
from gateway.described.shapes import Schema
from gateway.routes.uploads import DeleteRequest, LinkRequest
from schemas.files import PURPOSES, BatchRequest, BatchView, FileDeleted, FileView

_BINARY = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_FILE = {
    "id": "file-7", "bytes": 120, "created_at": 1763900000, "filename": "a.jsonl", "purpose": "batch", "object": "file",
    "status": "processed",
}  # fmt: skip
_BATCH = {
    "id": "batch_8", "endpoint": "/v1/chat/completions", "input_file_id": "file-7", "completion_window": "24h",
    "status": "in_progress", "created_at": 1763900000, "request_counts": {"total": 2, "completed": 1, "failed": 0},
    "object": "batch",
}  # fmt: skip
_STORED = {
    "id": "file-9", "object": "file", "url": "/artifacts/private/2026/11/23/4f/9a.png", "file_name": "photo.png",
    "content_type": "image/png", "size": 134, "sha256": "9a", "area": "private", "purpose": "upload",
    "created": 1763900000.0, "expires": None,
}  # fmt: skip


def _form(properties: Schema, *required: str) -> Schema:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"multipart/form-data": {"schema": schema}}


_UPLOAD = _form(
    {
        "purpose": {"enum": list(PURPOSES)},
        "expires_after[anchor]": {"const": "created_at"},
        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2_592_000},
        "file": _BINARY,
    },
    "purpose", "file",
)  # fmt: skip
_STORE = _form(
    {
        "area": {"enum": ["public", "private"]}, "file": _BINARY,
        "expires_after": {**_TEXT, "description": "seconds, `12h`, `7d`"},
    },
    "file",
) | binary("application/octet-stream")  # fmt: skip
HEARD: Schema = {
    "206": answer("One range", binary()), "304": answer("It has not changed"), "416": answer("There is no such range"),
}  # fmt: skip
READ = (
    header("Range", "`bytes=0-99`: one range."),
    header("If-None-Match", "The `ETag` you have."),
)
_BYTES: dict[str, Any] = {"given": binary(), "more": HEARD, "parameters": READ, "heads": ("ETag",)}
_AREA: tuple[Schema, ...] = (
    {"name": "area", "in": "query", "schema": {"enum": ["public", "private"]}},
    {"name": "expires_after", "in": "query", "schema": _TEXT, "description": "Seconds, `12h`, `7d`."},
)
_SPAN = header("Content-Range", "`bytes a-b/total`: a piece. `bytes */total`: how much has come?")

FILES: dict[tuple[str, str], Note] = {
    ("post", "/v1/files"): Note(
        content=_UPLOAD, given=FileView, shown=_FILE, asked={"purpose": "user_data", "file": "hello"}
    ),
    ("get", "/v1/files"): Note(
        given=house.FilePage, shown={"object": "list", "data": [_FILE], "has_more": False}, values={"limit": 20}
    ),
    ("get", "/v1/files/{file}"): Note(given=FileView, shown=_FILE, values={"file": "file-7"}),
    ("delete", "/v1/files/{file}"): Note(
        given=FileDeleted, shown={"id": "file-7", "object": "file", "deleted": True}, values={"file": "file-7"}
    ),
    ("get", "/v1/files/{file}/content"): Note(**_BYTES, values={"file": "file-7"}),
    ("head", "/v1/files/{file}/content"): Note(heads=("ETag",), values={"file": "file-7"}),
    ("post", "/v1/batches"): Note(
        body=BatchRequest, given=BatchView, shown=_BATCH,
        asked={"input_file_id": "file-7", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
    ),
    ("get", "/v1/batches"): Note(given=house.BatchPage, shown={"object": "list", "data": [_BATCH], "has_more": False}),
    ("get", "/v1/batches/{batch}"): Note(given=BatchView, shown=_BATCH, values={"batch": "batch_8"}),
    ("post", "/v1/batches/{batch}/cancel"): Note(
        given=BatchView, shown={**_BATCH, "status": "cancelling"}, values={"batch": "batch_8"}
    ),
    ("get", "/files"): Note(
        given=house.StoredFiles, shown={"object": "list", "data": [_STORED], "has_more": False}, values={"limit": 20}
    ),
    ("post", "/files"): Note(
        content=_STORE, given=house.StoredFile, shown=_STORED, asked={"area": "private", "file": "hello"},
        parameters=_AREA, values={"name": "hello.txt"},
    ),
    ("put", "/files/{name}"): Note(
        content=binary("application/octet-stream"), asked="hello", given=house.StoredFile, shown=_STORED,
        parameters=(*_AREA, _SPAN), values={"name": "hello.txt"},
        more={
            "200": answer("The file, of which all had come before"),
            "308": answer("More is to come: `Range` tells from where"),
        },
    ),
    ("delete", "/files"): Note(
        given=house.PathDeleted, shown={"path": _STORED["url"], "object": "file", "deleted": True},
        values={"path": _STORED["url"]},
    ),
    ("get", "/files/usage"): Note(given=house.FileUsage, shown={"used": 134, "quota": None, "files": 1}),
    ("get", "/files/{file}"): Note(given=house.StoredFile, shown=_STORED, values={"file": "file-9"}),
    ("delete", "/files/{file}"): Note(
        given=house.Gone, shown={"id": "file-9", "object": "file", "deleted": True}, values={"file": "file-9"}
    ),
    ("get", "/files/{file}/content"): Note(**_BYTES, values={"file": "file-9"}),
    ("head", "/files/{file}/content"): Note(heads=("ETag",), values={"file": "file-9"}),
    ("post", "/files/{file}/link"): Note(
        body=LinkRequest, asked={"expires_in": 3600}, optional=True, given=house.FileLink,
        shown={"url": f"{_STORED['url']}?expires=1763903600&signature=00", "expires": 1763903600}, values={"file": "file-9"},
    ),
    ("post", "/files/delete"): Note(
        body=DeleteRequest, asked={"ids": ["file-9"]}, given=house.ManyDeleted,
        shown={"deleted": ["file-9"], "missing": [], "failed": []},
    ),
}  # fmt: skip

# ---- tus -------------------------------------------------------------------------------------------------------------

_VERSION = {**header("Tus-Resumable", "The version that is spoken.", "1.0.0", {"const": "1.0.0"}), "required": True}
_LENGTH = {
    **header("Upload-Length", "Bytes of the whole file.", 5, {"type": "integer", "minimum": 1}),
    "required": True,
}
_OFFSET = {
    **header("Upload-Offset", "Where this piece goes.", 0, {"type": "integer", "minimum": 0}),
    "required": True,
}
_ABOUT = header(
    "Upload-Metadata", "Pairs `name base64(value)`: filename, filetype, area, expires_after.", "filename YS50eHQ="
)
_CHECK = header("Upload-Checksum", "`sha256` or `sha1`, a space, and the piece's digest in base64.")
_METHOD = {
    **header("X-HTTP-Method-Override", "What is meant.", "DELETE", {"enum": ["PATCH", "DELETE"]}), "required": True,
}  # fmt: skip
_PIECE: dict[str, Any] = {"content": binary("application/offset+octet-stream"), "asked": "hello"}
_BAD: Schema = {"460": answer("The piece does not have its checksum")}
_ID = {"upload": "file-9"}

TUS: dict[tuple[str, str], Note] = {
    ("options", "/files/tus"): Note(security=ANYBODY),
    ("post", "/files/tus"): Note(
        **_PIECE, optional=True, parameters=(_VERSION, _LENGTH, _ABOUT, _CHECK), heads=("Location",)
    ),
    ("head", "/files/tus/{upload}"): Note(parameters=(_VERSION,), values=_ID),
    ("patch", "/files/tus/{upload}"): Note(**_PIECE, parameters=(_VERSION, _OFFSET, _CHECK), values=_ID, more=_BAD),
    ("delete", "/files/tus/{upload}"): Note(parameters=(_VERSION,), values=_ID),
    ("post", "/files/tus/{upload}"): Note(
        **_PIECE, optional=True, parameters=(_VERSION, {**_OFFSET, "required": False}, _METHOD), values=_ID, more=_BAD
    ),
}
