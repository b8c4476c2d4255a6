"""A request of the dialect as values by name: query, then body (JSON, JSV, a form with files), then path; the later wins.

What a newcomer would get wrong: values are not converted here (`convert.py`), and a file is in the store before the field
that refuses the request is read. Whoever fails throws the files away (`Turn.drop`).
"""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar.types import Receive

from gateway.aiserver import jsv
from gateway.aiserver.call import Call
from gateway.aiserver.convert import BAD, bound, fold, member_of
from gateway.dialects._status import invalid
from gateway.inputs import FORM, URLENCODED
from gateway.parsing import parse
from gateway.reading import read_body
from gateway.uploads import HEADERS, Part, parts_of, text_of
from schemas.dtos import FILE_PARTS
from schemas.dtos._model import Dto
from schemas.dtos.checks import faults
from schemas.dtos.members import members
from schemas.problem import Code, FieldFault, Problem

BODIES = ("POST", "PUT", "PATCH", "DELETE")
ANY_FILE = ("file", "upload")
"""What clients call a file when nobody tells them its name."""
_TEXT = ("text/", "application/json", "application/octet-stream")
_decode = msgspec.json.Decoder().decode
Values = dict[str, Any]


def file_names(kind: type[Dto]) -> dict[str, str]:
    """Folded name -> name of the parts of a form that are files."""
    own = [one.wire for one in members(kind) if one.file]
    return {fold(name): name for name in (*own, *FILE_PARTS.get(kind.__name__, ()))}


async def read(call: Call, receive: Receive) -> Values:
    """All that a request says, by the names it uses. Raises `Problem`, `Gone`."""
    values = _query(call)
    if call.method in BODIES:
        said = await _body(call, receive)
        if not isinstance(said, dict):
            raise invalid([FieldFault(BAD, "", "The body must be a JSON object.")])
        values |= said
    values.update(call.path)
    return values


async def read_many(call: Call, receive: Receive) -> list[Values]:
    """The requests of a batch. Raises as `read` does."""
    said = await _body(call, receive)
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise invalid([FieldFault(BAD, "", "The body of a batch must be a JSON array of requests.")])
    return said


def dto_of(kind: type[Dto], values: Values) -> Any:
    """The checked DTO. Raises `Problem(INVALID_REQUEST)` that tells all that is wrong."""
    found: list[FieldFault] = []
    dto = bound(kind, values, found)
    told = {fault.field for fault in found}
    found += [FieldFault(rule, field, said) for field, rule, said in faults(dto) if field not in told]
    if found:
        raise invalid(found)
    return dto


def _query(call: Call) -> Values:
    values: Values = {}
    for name, value in call.query:
        if name not in values:
            values[name] = value
        elif _several(call, name):
            held = values[name]
            values[name] = [*held, value] if isinstance(held, list) else [held, value]
        else:
            values[name] = value
    return values


def _several(call: Call, name: str) -> bool:
    member = member_of(call.api.request, name)
    return member is not None and get_origin(member.type) is list


async def _body(call: Call, receive: Receive) -> Any:
    heads, limit = call.turn.heads, call.rooms.parts.limits.body_bytes
    kind = heads.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind == FORM:
        return await _form(call, receive)
    body = await read_body(receive, heads, limit)
    if not body.strip():
        return {}
    if kind.endswith("/jsv"):
        return _jsv(body)
    if kind == URLENCODED and body.lstrip()[:1] not in (b"{", b"["):  # what curl calls JSON if nobody tells it better
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
        values: Values = {}
        for name, value in pairs:
            _add(call, values, name, value)
        return values
    return _json(body, heads)


def _json(body: bytes, heads: Mapping[bytes, bytes]) -> Any:
    try:
        return parse(_decode, body, heads.get(b"content-encoding", b""))
    except Problem as problem:
        raise invalid([FieldFault(BAD, "", problem.fault.message)]) from None


def _jsv(body: bytes) -> Any:
    try:
        return jsv.read(body.decode("utf-8", "replace"))
    except ValueError as error:
        raise invalid([FieldFault(BAD, "", f"The body is not valid JSV: {error}.")]) from None


def _add(call: Call, values: Values, written: str, value: str) -> None:
    name = written.removesuffix("[]")
    if name in values and _several(call, name):
        held = values[name]
        values[name] = [*held, value] if isinstance(held, list) else [held, value]
    else:
        values[name] = value


# ---- forms ------------------------------------------------------------------------------------------------------------


async def _form(call: Call, receive: Receive) -> Values:
    limits, heads = call.rooms.parts.limits, call.turn.heads
    length = heads.get(b"content-length", b"")
    if length.isdigit() and int(length) > limits.file_bytes + limits.body_bytes + HEADERS:
        said = f"The request is too large: its files may have at most {limits.file_bytes / 1e6:g} MB together."
        raise Problem(Code.TOO_LARGE, said)
    names, values, room = file_names(call.api.request), Values(), limits.body_bytes
    async with aclosing(parts_of(receive, heads, 1 << 62)) as parts:
        async for part in parts:
            if _is_file(part, names):
                await _take(call, part, names, values)
            else:
                text = await text_of(part, room)
                room -= len(text)
                _add(call, values, part.name, text)
    return values


def _is_file(part: Part, names: Mapping[str, str]) -> bool:
    if part.filename is not None:
        return True
    return fold(part.name) in names and not part.content_type.startswith(_TEXT)


async def _take(call: Call, part: Part, names: Mapping[str, str], values: Values) -> None:
    """Store a file that the DTO has a place for; others are passed over, as the reference does."""
    name = names.get(fold(part.name))
    if name is None and len(names) == 1 and part.name.lower() in ANY_FILE:
        name = next(iter(names.values()))
    if name is None:
        return
    if name in call.files:
        raise invalid([FieldFault("ArgumentException", name, f"Send the file '{name}' only once.")])
    brought = call.turn.brought or call.rooms.front.inputs.bring(call.turn)
    ref = await brought.take(part, call.rooms.parts.limits.file_bytes)
    if ref is not None:
        call.files[name] = values[name] = ref
