"""`/files`: a key's own files. Upload as a form or as it is, list, look, read, link, delete.

A file belongs to the key that stored it; for any other key it does not exist. Several files of one form come in together or
not at all.
"""

from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post, put, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath, FromQuery, Parameter, QueryParameter

from gateway.area import AT_ONCE, LONGEST_LINK, Area, Draft, wish_of
from gateway.files import number_of
from gateway.parsing import parse
from gateway.partials import Partials
from gateway.parts import Parts
from gateway.reading import Gone, read_body
from gateway.routes.uploads_ranged import put_range
from gateway.sending import PRIVATE_CACHE, BlobAnswer, attachment, type_headers
from gateway.uploads import FIELD_BYTES, FIELDS, parts_of, pieces, text_of
from schemas.files import FILE, FileRecord, page_of
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]
MOST = 1000
"""Files of one page."""


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /files/{id}/link`."""

    expires_in: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_LINK)] = 3600
    """Seconds."""
    download: bool = False
    """Save it instead of showing it."""


class DeleteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /files/delete`: by id, by path, or both."""

    ids: Annotated[list[str], msgspec.Meta(max_length=AT_ONCE)] = []
    paths: Annotated[list[str], msgspec.Meta(max_length=AT_ONCE)] = []


_decode_link = msgspec.json.Decoder(LinkRequest).decode
_decode_delete = msgspec.json.Decoder(DeleteRequest).decode


# ---- in -------------------------------------------------------------------------------------------------------------


@post("/files", status_code=201, summary="Store files", tags=["files"])
async def store_files(
    request: Asked, area: NamedDependency[Area], caller: NamedDependency[ApiKey], name: FromQuery[str | None] = None
) -> Response[Any]:
    """multipart/form-data with any number of files, and before them `area` (`public`, `private`) and `expires_after` (seconds,
    `12h`, `7d`). Or one file as it is, with `?name=`. One file is answered as it is, several as `{"data": […]}`."""
    if "multipart/form-data" not in request.headers.get("content-type", ""):
        if not name:
            text = "Send multipart/form-data, or the file as it is with its name: POST /files?name=photo.jpg."
            raise Problem(Code.INVALID_REQUEST, text, param="name")
        return await _raw(request, area, caller, name)
    drafts: list[Draft] = []
    entered = 0
    try:
        await _form(request, area, caller, drafts)
        records = []
        for draft in drafts:
            records.append(await area.enter(caller, draft))
            entered += 1
    except Gone:
        raise _hung_up() from None
    finally:
        for draft in drafts[entered:]:
            await area.discard(caller, draft)
    views = [area.view(record) for record in records]
    return Response(views[0] if len(views) == 1 else {"object": "list", "data": views}, status_code=201)


async def _form(request: Asked, area: Area, caller: ApiKey, drafts: list[Draft]) -> None:
    fields: dict[str, str] = {}
    heads = dict(request.scope["headers"])
    async with aclosing(parts_of(request.receive, heads, FIELDS * area.limit)) as parts:
        async for part in parts:
            if part.filename is not None:
                kind = part.content_type
                drafts.append(await area.draft(caller, wish_of(part.filename or "file", kind, fields), part.content))
            elif part.name not in ("area", "expires_after"):
                raise _unknown(part.name)
            elif drafts:
                text = f"The field '{part.name}' must stand before the files: it says how they are stored."
                raise Problem(Code.INVALID_REQUEST, text, param=part.name)
            else:
                fields[part.name] = await text_of(part, FIELD_BYTES)
    if not drafts:
        raise Problem(Code.INVALID_REQUEST, "The form holds no file: a part with a file name.", param="file")


@put("/files/{name:str}", status_code=201, summary="Store a file as it is", tags=["files"])
async def store_raw(
    name: FromPath[str],
    request: Asked,
    area: NamedDependency[Area],
    partials: NamedDependency[Partials],
    caller: NamedDependency[ApiKey],
) -> Response[Any]:
    """The body is the file. `?area=`, `?expires_after=`. With `Content-Range: bytes a-b/total` it comes in pieces: 308 and
    `Range` tell what has come; `bytes */total` asks for that alone."""
    span = request.headers.get("content-range")
    if span is None:
        return await _raw(request, area, caller, name)
    try:
        return await put_range(request, (area, partials, caller), name, span)
    except Gone:
        raise _hung_up() from None


async def _raw(request: Asked, area: Area, caller: ApiKey, name: str) -> Response[Any]:
    wish = wish_of(name, request.headers.get("content-type", ""), dict(request.query_params))
    length = request.headers.get("content-length", "")
    draft = None
    try:
        draft = await area.draft(caller, wish, pieces(request.receive), int(length) if length.isdigit() else 0)
        record = await area.enter(caller, draft)
        draft = None
    except Gone:
        raise _hung_up() from None
    finally:
        if draft is not None:
            await area.discard(caller, draft)
    return Response(area.view(record), status_code=201)


# ---- out ------------------------------------------------------------------------------------------------------------


@get("/files", summary="The key's files", tags=["files"])
async def list_files(
    area: NamedDependency[Area],
    caller: NamedDependency[ApiKey],
    purpose: FromQuery[str | None] = None,
    within: Annotated[str | None, QueryParameter(name="area")] = None,
    prefix: FromQuery[str | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 100,
    after: FromQuery[str | None] = None,
    key: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Newest first. `prefix`: of the name or of the path. `after`: the id of the last file of the page before. `key`: another
    key's files, for an admin."""
    number = number_of(after, FILE) if after else 0
    if after and not number:
        raise Problem(Code.INVALID_REQUEST, "after must be the id of a file.", param="after")

    def wanted(record: FileRecord) -> bool:
        named = not prefix or record.filename.startswith(prefix) or area.url(record).startswith(prefix)
        return named and purpose in (None, record.purpose) and within in (None, record.area)

    found = [record for record in await area.of(caller, key or "") if wanted(record)]
    page, more = page_of(found, limit, number, True)
    views = [area.view(record) for record in page]
    ends = {"first_id": views[0]["id"] if views else None, "last_id": views[-1]["id"] if views else None}
    return {"object": "list", "data": views, **ends, "has_more": more}


@get("/files/usage", summary="How much the key has stored", tags=["files"])
async def read_usage(area: NamedDependency[Area], caller: NamedDependency[ApiKey]) -> dict[str, Any]:
    """Bytes, and the number of files. `quota` null: no limit."""
    usage = await area.quota.usage(caller)
    return {"used": usage.used, "quota": area.quota.limit(caller) or None, "files": usage.files}


@get("/files/{file:str}", summary="A file", tags=["files"])
async def read_file(
    file: FromPath[str], area: NamedDependency[Area], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """What is known of it; its bytes are at `/content` and at its `url`."""
    return area.view(await area.get(caller, file))


@post("/files/{file:str}/link", status_code=200, summary="A signed link to a file", tags=["files"])
async def link_file(
    file: FromPath[str],
    request: Asked,
    area: NamedDependency[Area],
    parts: NamedDependency[Parts],
    caller: NamedDependency[ApiKey],
) -> dict[str, Any]:
    """An address that anyone may read until `expires` (Unix seconds)."""
    asked = parse(_decode_link, await _body(request, parts) or b"{}")
    return await area.link(caller, file, asked.expires_in, asked.download)


# ---- away -----------------------------------------------------------------------------------------------------------


@delete("/files", status_code=200, summary="Delete a file by its path", tags=["files"])
async def delete_path(
    path: FromQuery[str], area: NamedDependency[Area], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """What a job or a batch still reads is gone when that has ended."""
    await area.delete(caller, path)
    return {"path": path, "object": "file", "deleted": True}


@delete("/files/{file:str}", status_code=200, summary="Delete a file", tags=["files"])
async def delete_file(
    file: FromPath[str], area: NamedDependency[Area], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """At once; what a job or a batch still reads is gone when that has ended."""
    await area.delete(caller, file)
    return {"id": file, "object": "file", "deleted": True}


@post("/files/delete", status_code=200, summary="Delete many files", tags=["files"])
async def delete_files(
    request: Asked, area: NamedDependency[Area], parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """`{"ids": […], "paths": […]}`, at most 1,000. One that fails does not keep the others."""
    asked = parse(_decode_delete, await _body(request, parts))
    names = [*asked.ids, *asked.paths]
    if not names:
        raise Problem(Code.INVALID_REQUEST, 'Name the files: {"ids": ["file-1"]} or {"paths": […]}.', param="ids")
    return await area.delete_many(caller, names)


# ---- bytes ----------------------------------------------------------------------------------------------------------


@route("/files/{file:str}/content", http_method=[HttpMethod.GET, HttpMethod.HEAD], summary="Its bytes", tags=["files"])
async def read_content(
    file: FromPath[str],
    area: NamedDependency[Area],
    caller: NamedDependency[ApiKey],
    download: FromQuery[bool] = False,
) -> BlobAnswer:
    """All of it, or one `Range`. The `ETag` is the content's SHA-256. `?download=1`: to be saved under its name."""
    record = await area.get(caller, file)
    blob = await area.files.blob(record)
    headers = {"cache-control": PRIVATE_CACHE, **type_headers(record.content_type)}
    if download:
        headers["content-disposition"] = attachment(record.filename)
    return BlobAnswer((area.files.blobs, blob), headers)


async def _body(request: Asked, parts: Parts) -> bytes:
    try:
        return await read_body(request.receive, dict(request.scope["headers"]), parts.limits.body_bytes)
    except Gone:
        raise _hung_up() from None


def _hung_up() -> Problem:
    return Problem(Code.CANCELLED, "The caller hung up.")


def _unknown(name: str) -> Problem:
    text = f"There is no field '{name[:40]}'. There are: area, expires_after, and files."
    return Problem(Code.INVALID_REQUEST, text, param=name[:40])


ROUTES = (
    store_files, store_raw, list_files, read_usage, read_file, read_content, link_file, delete_path, delete_file, delete_files
)  # fmt: skip
