"""Files of this dialect: results to read, shrink and delete, uploads under their own names.

The bytes, the rights and the addresses are those of `/artifacts`, `/variants` and `/files`. What a newcomer would get wrong:
a path names its owner, so to say "not yours" tells nobody anything, and clients of this dialect expect 403 for it.
"""

import time
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from litestar.types import Receive, Scope, Send

from gateway.aiserver._handlers import answers
from gateway.aiserver.call import Call
from gateway.aiserver.kept import AREAS, Kept, Spot, mine, spot_of
from gateway.artifacts import SHARED, nothing_at
from gateway.dialects._status import null
from gateway.files import About, holder
from gateway.reading import Gone
from gateway.routes.variants import answer as variant_of
from gateway.sending import NAMED_CACHE, PRIVATE_CACHE, BlobAnswer, attachment, type_headers
from schemas.dtos.base import EmptyResponse
from schemas.dtos.comfy import DownloadComfyFile
from schemas.dtos.files import (
    DeleteFile,
    DeleteFiles,
    DeleteFilesResponse,
    DeleteFileUpload,
    DeleteFileUploadResponse,
    GetArtifact,
    GetFileUpload,
    GetVariant,
    MigrateArtifact,
    MigrateArtifactResponse,
    ReplaceFileUpload,
    ReplaceFileUploadResponse,
    StoreFileUpload,
    StoreFileUploadResponse,
)
from schemas.files import ARTIFACT, PUBLIC
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import address_of, blob_at, blob_name, place_of

AT_ONCE = 1000
"""Files that one request may delete."""


# ---- results ----------------------------------------------------------------------------------------------------------


@answers(GetArtifact)
async def get_artifact(asked: GetArtifact, call: Call) -> Any:
    query = b"download=1" if asked.download else call.scope["query_string"]
    scope: Any = {**call.scope, "method": "GET", "raw_path": _address(asked.path).encode(), "query_string": query}

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await call.rooms.artifacts.answer(scope, receive, send)

    return app


@answers(DownloadComfyFile)
async def download_comfy_file(asked: DownloadComfyFile, call: Call) -> Any:
    """A result of the key's own, by its day and either of its names: the newest of them. Raises `Problem(NOT_FOUND)`."""
    name, today = asked.file_name or "", datetime.now(UTC)
    day = f"/{asked.year or today.year:04d}/{asked.month or today.month:02d}/{asked.day or today.day:02d}/"
    for record in reversed(await call.rooms.files.of(call.key)):
        names = (record.filename, record.blob.rpartition("/")[2])
        if record.purpose == ARTIFACT and day in record.blob and name in names:
            return await get_artifact(GetArtifact(path=address_of(record.blob)), call)
    raise Problem(Code.NOT_FOUND, "There is no such file.", param="fileName")


@answers(GetVariant)
async def get_variant(asked: GetVariant, call: Call) -> Any:
    """As WebP, unless the options name another format."""
    options = asked.variant if "format=" in asked.variant else f"{asked.variant},format=webp"
    path = asked.path.removeprefix("/artifacts/").removeprefix("/uploads/").lstrip("/")
    raw = f"/variants/{quote(options, safe='=,')}/{path}"
    scope: Any = {**call.scope, "method": "GET", "raw_path": raw.encode("utf-8", "replace")}
    rooms = call.rooms
    status, headers, body = await variant_of(rooms.variants, scope, kept(call).variant)

    async def app(_: Scope, __: Receive, send: Send) -> None:
        start: Any = {"type": "http.response.start", "status": status, "headers": headers}
        await send(start)
        last: Any = {"type": "http.response.body", "body": body}
        await send(last)

    return app


@answers(DeleteFile)
async def delete_file(asked: DeleteFile, call: Call) -> EmptyResponse:
    """Raises `Problem`: FORBIDDEN for what is not the key's or can't be a file, NOT_FOUND."""
    outcome = await _deleted(asked.path, call)
    if outcome == "failed":
        raise Problem(Code.FORBIDDEN, "This is no file of your key.", param="path")
    if outcome == "missing":
        raise Problem(Code.NOT_FOUND, "There is no such file.", param="path")
    return EmptyResponse()


@answers(DeleteFiles)
async def delete_files(asked: DeleteFiles, call: Call) -> DeleteFilesResponse:
    """Each by itself: one that fails does not keep the others."""
    if not asked.paths:
        raise null("paths", "Name the files: 'paths'.")
    if len(asked.paths) > AT_ONCE:
        raise Problem(Code.INVALID_REQUEST, f"At most {AT_ONCE} files at a time.", param="paths")
    told = DeleteFilesResponse(deleted=[], missing=[], failed=[])
    for path in dict.fromkeys(asked.paths):
        getattr(told, await _deleted(path, call)).append(path)
    return told


@answers(MigrateArtifact)
async def migrate_artifact(asked: MigrateArtifact, call: Call) -> MigrateArtifactResponse:
    """A copy under the caller's own key and the given day, or today. What is there already is not copied again."""
    source = blob_at(_address(asked.path))
    place = place_of(source) if source else None
    if source is None or place is None or (place.area != PUBLIC and not _owns(call.key, place.tenant, place.key)):
        raise nothing_at(asked.path)
    rooms, key = call.rooms, call.key
    blob = await rooms.artifacts.find(source, asked.path)
    when = asked.date.astimezone(UTC).timestamp() if asked.date else time.time()
    owner = (key.tenant, key.id)
    name = blob_name(owner, PUBLIC, when, blob.digest, source.rpartition(".")[2])
    if name != source:
        days = rooms.area.rules.artifact_days
        number = rooms.files.new_id()
        about = About(
            id=number,
            filename=name.rpartition("/")[2],
            purpose=ARTIFACT,
            content_type=blob.content_type,
            life=days * 86400.0,
            area=PUBLIC,
        )
        try:
            async with aclosing(rooms.quota.guard(key, number, rooms.files.blobs.read(blob), blob.size)) as data:
                copy = await rooms.files.blobs.put(
                    data, lambda _: name, holder=holder(number), content_type=blob.content_type
                )
            await rooms.files.enter(owner, about, copy)
        finally:
            await rooms.quota.release(key, number)
    return MigrateArtifactResponse(file_path=address_of(name))


async def _deleted(path: str, call: Call) -> str:
    """`deleted`, `missing` or `failed`."""
    if spot := spot_of(_path(path)):
        if not mine(call.key, spot):
            return "failed"
        return "deleted" if await kept(call).delete(spot) else "missing"
    address = _address(path)
    name = blob_at(address)
    place = place_of(name) if name else None
    if place is None or not _owns(call.key, place.tenant, place.key):
        return "failed"
    try:
        await call.rooms.area.delete(call.key, address)
    except Problem as problem:
        return "missing" if problem.code is Code.NOT_FOUND else "failed"
    return "deleted"


def _path(said: str) -> str:
    """The path in a path or in a whole URL."""
    try:
        return urlsplit(said).path if said.startswith(("http://", "https://")) else said.partition("?")[0]
    except ValueError:
        return said


def _address(said: str) -> str:
    """`/artifacts/…` of whatever names it: with or without that in front, or a whole URL."""
    path = _path(said).lstrip("/").removeprefix("artifacts/")
    return f"/artifacts/{path}"


def _owns(key: ApiKey, tenant: str, owner: str) -> bool:
    return (key.tenant, key.id) == (tenant, owner) or "admin" in key.scopes


# ---- uploads ----------------------------------------------------------------------------------------------------------


def kept(call: Call) -> Kept:
    return Kept(call.rooms.files, call.rooms.quota)


@answers(StoreFileUpload, raw=True)
async def store_upload(asked: StoreFileUpload, call: Call) -> StoreFileUploadResponse:
    place = asked.name or ""
    if place not in AREAS:
        raise Problem(
            Code.NOT_FOUND, "There are two places for uploads: /uploads/pub and /uploads/secure.", param="name"
        )
    try:
        spots = await kept(call).form(call.key, place, call.receive, dict(call.turn.heads))
    except Gone:
        raise _hung_up() from None
    return StoreFileUploadResponse(results=[spot.path for spot in spots])


@answers(GetFileUpload)
async def get_upload(asked: GetFileUpload, call: Call) -> BlobAnswer:
    """Anybody reads `pub`; `secure` is its owner's."""
    spot = _spot(asked)
    if spot.place != "pub":
        heads = dict(call.turn.heads)
        if asked.bearer_token:
            heads[b"authorization"] = f"Bearer {asked.bearer_token}".encode("latin-1", "replace")
        key = call.turn.key or call.rooms.front.access.who(heads)
        if not mine(key, spot):
            raise nothing_at(f"/uploads{spot.path}")
    record = await kept(call).find(spot)
    blob = await kept(call).blob(record)
    headers = {"cache-control": PRIVATE_CACHE, **type_headers(record.content_type)}
    if spot.place == "pub":
        headers |= {**SHARED, "cache-control": NAMED_CACHE}
    if asked.attachment:
        headers["content-disposition"] = attachment(record.filename)
    return BlobAnswer((call.rooms.files.blobs, blob), headers)


@answers(ReplaceFileUpload, raw=True)
async def replace_upload(asked: ReplaceFileUpload, call: Call) -> ReplaceFileUploadResponse:
    """Another file under a name that is there."""
    spot = _own(_spot(asked), call)
    await kept(call).find(spot)
    try:
        await kept(call).form(call.key, spot.place, call.receive, dict(call.turn.heads), spot.name)
    except Gone:
        raise _hung_up() from None
    return ReplaceFileUploadResponse()


@answers(DeleteFileUpload)
async def delete_upload(asked: DeleteFileUpload, call: Call) -> DeleteFileUploadResponse:
    spot = _spot(asked)
    if not mine(call.key, spot):
        raise Problem(Code.FORBIDDEN, "This is no file of your key.", param="path")
    return DeleteFileUploadResponse(result=await kept(call).delete(spot))


def _spot(asked: GetFileUpload | ReplaceFileUpload | DeleteFileUpload) -> Spot:
    path = (asked.path or "").lstrip("/")
    spot = spot_of(f"{asked.name}/{quote(path, safe='/%')}" if asked.name else path)
    if spot is None:
        raise nothing_at(f"/uploads/{asked.name or ''}/{path}")
    return spot


def _own(spot: Spot, call: Call) -> Spot:
    if spot.key != call.key.id:
        raise Problem(Code.FORBIDDEN, "This is no file of your key.", param="path")
    return spot


def _hung_up() -> Problem:
    return Problem(Code.CANCELLED, "The caller hung up.")
