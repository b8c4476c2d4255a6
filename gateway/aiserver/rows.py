"""DTOs that are operations: one row each, and the one way on which all of them become jobs.

A row says which operation, how its fields are found in the DTO and in which words the result is told; nothing of
routing, waiting, storing or calling back is here. What a newcomer would get wrong: `Queue…` and its sister without it
differ in `status` alone, the DTO that tells of the job: with one the job is stored and its name is the answer.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from litestar.types import Receive, Send

from gateway.aiserver.binding import Values, dto_of, read
from gateway.aiserver.call import Call
from gateway.aiserver.convert import fold, names_of
from gateway.aiserver.loose import named
from gateway.dialects._dialect import Dialect, Read
from gateway.dialects.aiserver import Asked
from gateway.reading import decode
from gateway.spelling import Meant, Words, spelt
from gateway.wishes import LONGEST_REF, Wish
from schemas.dtos._model import Dto
from schemas.job import Style
from schemas.operations import Operation
from schemas.problem import Code, Problem

Fields = Callable[[Any, Call], dict[str, Any] | Meant]
"""From the DTO (of a loose row: a dictionary by wire names) to the operation's own fields. Raises `Problem`.

A field that holds a file is the `FileRef` that came in a form, or the caller's text: an id, an address, a data: URL. A
`Meant` says which operation it is, where the DTO can be several."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One DTO."""

    request: type[Dto]
    operation: Operation
    dialect: Dialect
    fields: Fields
    status: str = ""
    """The DTO that tells how a queued job stands; empty: the caller waits for the result."""
    words: Words | None = None
    """Of all operations that the DTO can be, where `operation` is not the only one."""
    loose: bool = False
    """`fields` gets what the caller wrote and not the DTO."""


class Named(msgspec.Struct, frozen=True):
    """How the caller names its job and wants to hear of it: fields of the DTO, or headers."""

    ref: str = ""
    reply_to: str = ""
    tag: str = ""


async def operate(row: Row, call: Call, receive: Receive, send: Send, values: Values | None = None) -> None:
    """Answer one request. `values`: of a batch, where the body has been read. Raises nothing but a cancellation."""
    call.turn.dialect = row.dialect
    await call.rooms.front.run(call.turn, partial(_ready, row, call, receive, values), receive, send)


async def queue(row: Row, call: Call, receive: Receive, send: Send, values: Values | None = None) -> None:
    """The same for a caller who wants no answer: the job is stored, and that is all it hears."""
    call.turn.dialect = row.dialect
    await call.rooms.front.run(call.turn, partial(_ready, row, call, receive, values, True), receive, send)


async def _ready(row: Row, call: Call, receive: Receive, values: Values | None, oneway: bool = False) -> Wish:
    turn = call.turn
    turn.op = row.operation.name
    _may_any(row, call)
    if values is None:
        values = await read(call, receive)
    asked = named(row.request, values) if row.loose else dto_of(row.request, values)
    names = _names(asked, call)
    try:
        found = row.fields(asked, call)
        meant = found if isinstance(found, Meant) else Meant(row.operation, found)
        if names.tag:
            meant.values["tag"] = names.tag
        await _asked(row, meant, call)
    except Problem as problem:
        raise respelt(problem, row.request) from None
    if row.status or oneway:
        assert turn.read is not None
        turn.read = msgspec.structs.replace(turn.read, background=True)
        style = Style.CALLBACK if names.reply_to else Style.QUEUED
        return Wish(style=style, durable=True, ref=names.ref or secrets.token_hex(16), reply_to=names.reply_to)
    # Who names a sync call wants to find it again, so it is stored.
    return Wish(ref=names.ref, durable=bool(names.ref))


def _may_any(row: Row, call: Call) -> None:
    """Nobody fills the store with files for what he may not do."""
    key, found = call.key, row.words.operations if row.words else (row.operation,)
    if key.apis and not any(one.name in key.apis for one in found):
        call.rooms.front.access.allow_op(key, found[0].name)


async def _asked(row: Row, meant: Meant, call: Call) -> None:
    """Fill the turn with the canonical request."""
    turn, front, operation = call.turn, call.rooms.front, meant.operation
    told = Asked(call.api.request.__name__, call.base, row.status)
    if operation.media:
        meant = meant._replace(echo={**msgspec.to_builtins(told), **meant.echo})
        await front.inputs.asked(row.words or spelt(operation), meant, turn)
        return
    turn.op, turn.body = operation.name, _encode(meant.values)
    turn.asked = decode(operation, turn.body)
    front.access.allow(call.key, operation.name, turn.asked.model)
    turn.read = Read(body=turn.body, echo=_encode(told))


def _names(asked: Any, call: Call) -> Named:
    said = asked.get if isinstance(asked, dict) else partial(_attribute, asked)
    heads = call.turn.heads
    ref = _text(said("refId"), "refId") or _head(heads, b"refid", b"ref-id", b"idempotency-key")
    if len(ref) > LONGEST_REF:
        raise Problem(Code.INVALID_REQUEST, f"A refId has at most {LONGEST_REF} characters.", param="refId")
    reply_to = _text(said("replyTo"), "replyTo") or _head(heads, b"replyto", b"reply-to")
    return Named(ref, reply_to, _text(said("tag"), "tag") or _head(heads, b"tag"))


def _text(value: Any, name: str) -> str:
    """What a loose row's caller wrote; a number counts by its text. Raises `Problem(INVALID_REQUEST)`."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Problem(Code.INVALID_REQUEST, f"'{name}' must be a text.", param=name)


_ATTRIBUTES = {"refId": "ref_id", "replyTo": "reply_to", "tag": "tag"}


def _attribute(asked: Any, wire: str) -> str:
    return getattr(asked, _ATTRIBUTES[wire], None) or ""


def _head(heads: Any, *names: bytes) -> str:
    found: bytes = next((heads[name] for name in names if name in heads), b"")
    return found.decode("latin-1").strip()


def respelt(problem: Problem, kind: type[Dto]) -> Problem:
    """The problem with its field as the DTO spells it."""
    fault = problem.fault
    if not fault.param:
        return problem
    first = fault.param.split(".")[0].split("[")[0]
    member = names_of(kind).get(fold(first))
    if member is None or member.wire == first:
        return problem
    param = member.wire + fault.param[len(first) :]
    return Problem.of(
        msgspec.structs.replace(fault, param=param, message=fault.message.replace(f"'{fault.param}'", f"'{param}'"))
    )
