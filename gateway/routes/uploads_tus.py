"""`/files/tus`: resumable uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload): core, creation,
creation-with-upload, termination, expiration, checksum.

What a newcomer would get wrong: here every answer, errors too, carries `Tus-Resumable`, so these routes have error handlers of
their own; and the upload's id is that of the file it becomes.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

from litestar import Request, Response, Router, delete, head, patch, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath

from gateway.area import Area, partial_of, wish_of
from gateway.files import number_of
from gateway.partials import Bad, Check, Partials
from gateway.problems import answer_of
from gateway.reading import Gone
from gateway.uploads import pieces
from schemas.files import FILE
from schemas.partial import PartialRecord
from schemas.problem import Code, Fault, Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
ALGORITHMS = ("sha256", "sha1")
OFFSET_STREAM = "application/offset+octet-stream"
_METADATA = 16 * 1024
_STATUS = {"Tus-Resumable": 412, "Content-Type": 415}
"""Where tus has a status of its own for a bad header. For a checksum that does not match it is 460."""


@route("/", http_method=[HttpMethod.OPTIONS], status_code=204, summary="What of tus is spoken", tags=["files"])
async def options(area: NamedDependency[Area]) -> Response[None]:
    """No key wanted."""
    told = {
        "tus-version": VERSION,
        "tus-extension": EXTENSIONS,
        "tus-max-size": str(area.limit),
        "tus-checksum-algorithm": ",".join(ALGORITHMS),
    }
    return _answer(204, told)


@post("/", status_code=201, summary="Begin an upload", tags=["files"])
async def create(
    request: Asked, area: NamedDependency[Area], partials: NamedDependency[Partials], caller: NamedDependency[ApiKey]
) -> Response[None]:
    """`Upload-Length`; in `Upload-Metadata` `filename`, `filetype`, `area`, `expires_after`. A body is the first piece."""
    _spoken(request)
    length = _number(request, "Upload-Length")
    if length > area.limit:
        text = f"The file is too large: at most {area.limit / 1e6:g} MB."
        raise Problem(Code.TOO_LARGE, text, param="Upload-Length")
    if not length:
        raise Problem(Code.INVALID_REQUEST, "The file is empty.", param="Upload-Length")
    told = _metadata(request.headers.get("upload-metadata", ""))
    wish = wish_of(told.get("filename") or told.get("name") or "file", told.get("filetype", told.get("type", "")), told)
    check = _check(request)
    first = request.headers.get("content-type", "") == OFFSET_STREAM
    if first:
        _fits(request, 0, length)
    record = await partials.create(caller, partial_of(wish, length, ranged=False))
    offset = 0
    if first:
        try:
            offset, _ = await partials.write(caller, record, 0, pieces(request.receive), check)
        except (Gone, Bad):
            offset = 0  # the upload is begun all the same, and its address must be told
    where = {"location": f"/files/tus/{FILE}{record.id}", "upload-offset": str(offset)}
    return _answer(201, {**where, **_expires(record)})


@head("/{upload:str}", summary="How much has come", tags=["files"])
async def look(
    upload: FromPath[str], request: Asked, partials: NamedDependency[Partials], caller: NamedDependency[ApiKey]
) -> Response[None]:
    """`Upload-Offset`, `Upload-Length`, `Upload-Expires`."""
    _spoken(request)
    record = await partials.get(caller, number_of(upload, FILE))
    offset = await partials.offset(record)
    if offset == record.length and not record.done:  # all has come, and who received it died before it was a file
        offset, _ = await partials.write(caller, record, offset, _nothing())
    told = {"upload-offset": str(offset), "upload-length": str(record.length), "cache-control": "no-store"}
    return _answer(200, {**told, **_expires(record)})


@patch("/{upload:str}", status_code=204, summary="Send a piece", tags=["files"])
async def send(
    upload: FromPath[str], request: Asked, partials: NamedDependency[Partials], caller: NamedDependency[ApiKey]
) -> Response[None]:
    """`Upload-Offset` must be where it goes on. After the last piece the file of the same id is there."""
    return await _send(upload, request, partials, caller)


@delete("/{upload:str}", status_code=204, summary="Throw an upload away", tags=["files"])
async def terminate(
    upload: FromPath[str], request: Asked, partials: NamedDependency[Partials], caller: NamedDependency[ApiKey]
) -> Response[None]:
    """Of one that is whole, the file stays."""
    _spoken(request)
    await partials.remove(caller, await partials.get(caller, number_of(upload, FILE)))
    return _answer(204)


@post("/{upload:str}", status_code=204, summary="PATCH or DELETE for clients that can't", tags=["files"])
async def override(
    upload: FromPath[str], request: Asked, partials: NamedDependency[Partials], caller: NamedDependency[ApiKey]
) -> Response[None]:
    """By `X-HTTP-Method-Override`."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await _send(upload, request, partials, caller)
    if method != "DELETE":
        raise Problem(Code.METHOD_NOT_ALLOWED, "An upload is gone on with by PATCH.")
    _spoken(request)
    await partials.remove(caller, await partials.get(caller, number_of(upload, FILE)))
    return _answer(204)


async def _send(upload: str, request: Asked, partials: Partials, caller: ApiKey) -> Response[None]:
    _spoken(request)
    if request.headers.get("content-type", "") != OFFSET_STREAM:
        raise Problem(Code.INVALID_REQUEST, f"A piece is sent as {OFFSET_STREAM}.", param="Content-Type")
    at, check = _number(request, "Upload-Offset"), _check(request)
    record = await partials.get(caller, number_of(upload, FILE))
    _fits(request, at, record.length)
    try:
        offset, _ = await partials.write(caller, record, at, pieces(request.receive), check)
    except Gone:
        raise Problem(Code.CANCELLED, "The caller hung up.") from None
    return _answer(204, {"upload-offset": str(offset), **_expires(record)})


# ---- headers --------------------------------------------------------------------------------------------------------


def _spoken(request: Asked) -> None:
    """Raises `Problem` when the caller speaks another tus."""
    if request.headers.get("tus-resumable") != VERSION:
        text = f"Send `Tus-Resumable: {VERSION}`; another version is not spoken here."
        raise Problem(Code.INVALID_REQUEST, text, param="Tus-Resumable")


def _number(request: Asked, name: str) -> int:
    said = request.headers.get(name.lower(), "")
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        raise Problem(Code.INVALID_REQUEST, f"{name} must be a number of bytes.", param=name)
    return int(said)


def _fits(request: Asked, at: int, length: int) -> None:
    """A piece that says it is too long is refused before it comes."""
    size = request.headers.get("content-length", "")
    if size.isdigit() and at + int(size) > length:
        text = f"{at:,} + {int(size):,} bytes are more than the upload's length of {length:,}."
        raise Problem(Code.TOO_LARGE, text, param="Upload-Length")


def _metadata(text: str) -> dict[str, str]:
    """`Upload-Metadata`: names and base64 values, with commas between. Raises `Problem(INVALID_REQUEST)`."""
    told: dict[str, str] = {}
    if len(text) > _METADATA:
        raise _bad_metadata()
    for pair in filter(None, (one.strip() for one in text.split(","))):
        name, _, value = pair.partition(" ")
        try:
            told[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _bad_metadata() from None
    return told


def _bad_metadata() -> Problem:
    text = "Upload-Metadata must be pairs `name base64(value)` with commas between."
    return Problem(Code.INVALID_REQUEST, text, param="Upload-Metadata")


def _check(request: Asked) -> Check | None:
    said = request.headers.get("upload-checksum")
    if said is None:
        return None
    algorithm, _, digest = said.partition(" ")
    try:
        known = {"sha1": 20, "sha256": 32}.get(algorithm)
        raw = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        known, raw = None, b""
    if known is None or len(raw) != known:
        text = f"Upload-Checksum must be an algorithm ({', '.join(ALGORITHMS)}), a space, and the digest in base64."
        raise Problem(Code.INVALID_REQUEST, text, param="Upload-Checksum")
    return Check(algorithm, raw)


def _expires(record: PartialRecord) -> dict[str, str]:
    return {"upload-expires": formatdate(record.expires, usegmt=True)}


def _answer(status: int, headers: dict[str, str] | None = None) -> Response[None]:
    return Response(None, status_code=status, headers={"tus-resumable": VERSION, **(headers or {})})


def _refused(request: Asked, problem: Problem) -> Response[bytes]:
    fault: Fault = problem.fault
    status, headers, body = answer_of(fault)
    status = 460 if isinstance(problem, Bad) else _STATUS.get(fault.param or "", status)
    told = {name.decode(): value.decode("latin-1") for name, value in headers if name not in _OURS}
    told |= {"tus-resumable": VERSION, "x-request-id": str(request.app.state.new_id())}
    if status == 412:
        told["tus-version"] = VERSION
    return Response(body, status_code=status, headers=told, media_type="application/json")


_OURS = (b"content-length", b"content-type")


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


ROUTES = (
    Router(
        "/files/tus",
        route_handlers=[options, create, look, send, terminate, override],
        exception_handlers={Problem: _refused},
    ),
)
