"""`/v1/files`: OpenAI's files. A file belongs to the key that uploaded it; to another key it does not exist.

The bytes go through in pieces in both directions. `Range`, `If-None-Match` and `ETag` are understood where content is read.
"""

from typing import Annotated, Any

from litestar import Request, delete, get, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter

from gateway.area import Area
from gateway.files import About, Files, file_name, life_of, media_type, number_of, purpose_of
from gateway.parts import Parts
from gateway.reading import Gone
from gateway.sending import PRIVATE_CACHE, BlobAnswer, attachment, type_headers
from gateway.uploads import Form, read_form
from schemas.files import FILE, FileDeleted, FileView, Listed, file_view, page_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import Blob

Asked = Request[Any, Any, Any]
MOST = 10_000
"""Files of one page."""


@post("/v1/files", status_code=200, summary="Upload a file", tags=["files"])
async def upload(
    request: Asked,
    files: NamedDependency[Files],
    area: NamedDependency[Area],
    parts: NamedDependency[Parts],
    caller: NamedDependency[ApiKey],
) -> FileView:
    """multipart/form-data with `file`, `purpose` and, if it shall lapse, `expires_after[anchor]`, `expires_after[seconds]`."""
    owner, number, limit = (caller.tenant, caller.id), files.new_id(), parts.limits.file_bytes
    form: Form[tuple[About, Blob]] = Form()

    async def take(name: str, kind: str, data: Any) -> tuple[About, Blob]:
        about = About(id=number, filename=file_name(name), content_type=media_type(kind))
        return about, await files.store(owner, area.quota.guard(caller, number, data), about, limit)

    entered = False
    try:
        await read_form(request.receive, dict(request.scope["headers"]), limit, form, take)
        purpose = purpose_of(form.fields)
        life = life_of(form.fields, purpose)
        if form.file is None:
            raise Problem(Code.INVALID_REQUEST, "Missing required parameter: 'file'.", param="file")
        about, blob = form.file
        if not blob.size:
            raise Problem(Code.INVALID_REQUEST, "The file is empty.", param="file")
        about = About(id=number, filename=about.filename, content_type=about.content_type, purpose=purpose, life=life)
        record = await files.enter(owner, about, blob)
        entered = True
        return file_view(record)
    except Gone:
        raise Problem(Code.CANCELLED, "The caller hung up.") from None
    finally:
        if form.file is not None and not entered:
            await files.discard(*form.file)
        await area.quota.release(caller, number)


@get("/v1/files", summary="The key's files", tags=["files"])
async def list_files(
    files: NamedDependency[Files],
    caller: NamedDependency[ApiKey],
    purpose: FromQuery[str | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = MOST,
    after: FromQuery[str | None] = None,
    order: FromQuery[str] = "desc",
) -> Listed:
    """Newest first, or `order=asc`. `after` is the id of the last file of the page before."""
    if order not in ("asc", "desc"):
        raise Problem(Code.INVALID_REQUEST, "order must be 'asc' or 'desc'.", param="order")
    found = [record for record in await files.of(caller) if purpose is None or record.purpose == purpose]
    page, more = page_of(found, limit, _after(after), order == "desc")
    views = [file_view(record) for record in page]
    return Listed(
        data=views, first_id=views[0].id if views else None, last_id=views[-1].id if views else None, has_more=more
    )


@get("/v1/files/{file:str}", summary="A file", tags=["files"])
async def read_file(file: FromPath[str], files: NamedDependency[Files], caller: NamedDependency[ApiKey]) -> FileView:
    """What is known of it; its bytes are at `/content`."""
    return file_view(await files.get(caller, file))


@route(
    "/v1/files/{file:str}/content",
    http_method=["GET", "HEAD"],
    status_code=200,
    summary="A file's bytes",
    tags=["files"],
)
async def read_content(
    file: FromPath[str], files: NamedDependency[Files], caller: NamedDependency[ApiKey]
) -> BlobAnswer:
    """All of it, or one `Range`. The `ETag` is the content's SHA-256."""
    record = await files.get(caller, file)
    headers = {
        **type_headers(record.content_type),
        "cache-control": PRIVATE_CACHE,
        "content-disposition": attachment(record.filename),
    }
    return BlobAnswer((files.blobs, await files.blob(record)), headers)


@delete("/v1/files/{file:str}", status_code=200, summary="Delete a file", tags=["files"])
async def delete_file(
    file: FromPath[str], files: NamedDependency[Files], caller: NamedDependency[ApiKey]
) -> FileDeleted:
    """At once. A batch that reads it keeps the bytes until it has ended."""
    await files.delete(caller, file)
    return FileDeleted(id=file)


def _after(text: str | None) -> int:
    """Raises `Problem(INVALID_REQUEST)`."""
    if text is None:
        return 0
    number = number_of(text, FILE)
    if not number:
        raise Problem(Code.INVALID_REQUEST, "after must be the id of a file.", param="after")
    return number


ROUTES = (upload, list_files, read_file, read_content, delete_file)
