"""`PUT /files/{name}` with `Content-Range`: a file in pieces, without a protocol of its own, as Google's storage takes it.

What a newcomer would get wrong: there is no address of the upload, its name and its length are it. A piece from byte 0 begins
anew, for it may be of another file by now.
"""

import re
from typing import Any

from litestar import Request, Response

from gateway.area import Area, partial_of, wish_of
from gateway.partials import Partials
from gateway.uploads import pieces
from schemas.files import FILE
from schemas.partial import PartialRecord
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]
_SPAN = re.compile(r"bytes (?:([0-9]{1,16})-([0-9]{1,16})|\*)/([0-9]{1,16})")


async def put_range(request: Asked, ours: tuple[Area, Partials, ApiKey], name: str, span: str) -> Response[Any]:
    """One piece, or the question how much has come. Raises `Problem`, and `Gone`."""
    area, partials, caller = ours
    first, last, total = _span(span, area.limit)
    upload = await _upload(request, partials, caller, (name, first, total))
    return await _piece(request, area, partials, caller, (upload, first, last))


async def _upload(request: Asked, partials: Partials, caller: ApiKey, what: tuple[str, int, int]) -> PartialRecord:
    """The upload of that name and length under way, or a new one where the piece is the first."""
    name, first, total = what
    wish = wish_of(name, request.headers.get("content-type", ""), dict(request.query_params))
    wanted = partial_of(wish, total, ranged=True)
    for found in reversed(await partials.of(caller)):
        if found.ranged and (found.filename, found.length) == (wanted.filename, total):
            if first or not await partials.offset(found):
                return found
            await partials.remove(caller, found)  # it begins anew: the file may be another by now
            break
    if first > 0:
        text = f"No upload of '{wanted.filename}' with {total:,} bytes is under way; begin at byte 0."
        raise Problem(Code.INVALID_REQUEST, text, param="Content-Range")
    return await partials.create(caller, wanted) if first == 0 else wanted


async def _piece(
    request: Asked, area: Area, partials: Partials, caller: ApiKey, what: tuple[PartialRecord, int, int]
) -> Response[Any]:
    upload, first, last = what
    if first < 0:  # only a question
        if not upload.id and (done := await partials.whole(caller, upload.filename, upload.length)):
            return Response(area.view(await area.get(caller, f"{FILE}{done.id}")), status_code=200)
        return _incomplete(await partials.offset(upload) if upload.id else 0)
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) != last - first + 1:
        text = f"Content-Range names {last - first + 1:,} bytes, so Content-Length must be that."
        raise Problem(Code.INVALID_REQUEST, text, param="Content-Range")
    offset, record = await partials.write(caller, upload, first, pieces(request.receive))
    return _incomplete(offset) if record is None else Response(area.view(record), status_code=201)


def _span(text: str, limit: int) -> tuple[int, int, int]:
    """(first, last, total) of a Content-Range; first -1: a question."""
    found = _SPAN.fullmatch(text.strip())
    total = int(found[3]) if found else 0
    first, last = (int(found[1]), int(found[2])) if found and found[1] else (-1, -1)
    if found is None or not total or not first <= last < total:
        text = "Content-Range must be 'bytes FIRST-LAST/TOTAL', or 'bytes */TOTAL' to ask how much has come."
        raise Problem(Code.INVALID_REQUEST, text, param="Content-Range")
    if total > limit:
        text = f"The file is too large: at most {limit / 1e6:g} MB."
        raise Problem(Code.TOO_LARGE, text, param="Content-Range")
    return first, last, total


def _incomplete(offset: int) -> Response[Any]:
    headers = {"range": f"bytes=0-{offset - 1}"} if offset else {}
    return Response(b"", status_code=308, headers=headers)
