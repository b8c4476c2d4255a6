"""From a media request to its canonical form: the fields of a body or a form, each file in it a `FileRef`.

Bytes that come with a request go into the object store while they arrive and become private `input` files of the key just
before the job is made (`Brought.keep`). What a newcomer would get wrong: until then the request may still be refused, by a
field that comes last, by the key's rights, by a limit; whoever refuses it throws them away (`Brought.drop`).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.types import Receive

from gateway.access import Access
from gateway.brought import Brought
from gateway.dialects._dialect import Read, respelt
from gateway.files import Files
from gateway.parsing import parse
from gateway.parts import Parts
from gateway.places import Places
from gateway.quota import Quota
from gateway.reading import read_body
from gateway.spelling import Fields, Meant, Words, json_of, struct_of
from gateway.turn import Turn
from gateway.uploads import HEADERS, Part, parts_of, text_of
from schemas.operations import DEFAULT
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

FORM, URLENCODED = "multipart/form-data", "application/x-www-form-urlencoded"
REQUEST = "request"
"""The part of a form that may hold fields as JSON."""
_TEXT = ("text/", "application/json", "application/octet-stream")

Expand = Callable[[ApiKey, dict[str, Any]], Awaitable[dict[str, Any]]]
"""The fields of an operation that names something stored, with the thing itself in them."""

_OURS = re.compile(r"file-[1-9][0-9]{0,15}$|/artifacts/\S+$|data:[\w.+-]*/?[\w.+-]*(;[\w=.-]+)*,")

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Inputs:
    """What all media requests of one gateway go through."""

    def __init__(self, parts: Parts, files: Files, quota: Quota, access: Access) -> None:
        self.parts, self.files, self.quota, self.access = parts, files, quota, access
        self.expand: dict[str, Expand] = {}
        """By operation; filled by whoever knows the things."""

    async def read(self, words: Words, turn: Turn, receive: Receive) -> None:
        """Read an HTTP request into `turn`: `op`, `asked`, `body`, `read`, and the files in `brought`.

        Raises `Problem` that names the field as the caller spelt it; `Gone`.
        """
        self._may_any(words, turn)
        brought = self._brought(turn)
        kind = turn.heads.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        fields = Fields(words, form=kind in (FORM, URLENCODED))
        if kind == FORM:
            await self._form(fields, receive, turn.heads, brought)
        else:
            body = await read_body(receive, turn.heads, self.parts.limits.body_bytes)
            self._body(fields, body, kind, turn.heads.get(b"content-encoding", b""))
        await self._mean(fields, turn, brought)

    async def read_message(self, words: Words, turn: Turn) -> None:
        """The same for a request of the bus: JSON in `turn.body`."""
        self._may_any(words, turn)
        fields = Fields(words, form=False)
        self._body(fields, turn.body, "", b"")
        await self._mean(fields, turn, self._brought(turn))

    def _may_any(self, words: Words, turn: Turn) -> None:
        """Nobody fills the store with files for what he may not do."""
        key = turn.key
        assert key is not None
        if key.apis and not any(one.name in key.apis for one in words.operations):
            self.access.allow_op(key, words.operations[0].name)

    def _brought(self, turn: Turn) -> Brought:
        assert turn.key is not None
        life = self.parts.files.input_hours * 3600
        turn.brought = Brought(self.files, self.quota, turn.key, turn.id, life)
        return turn.brought

    # ---- the fields -------------------------------------------------------------------------------------------------

    def _body(self, fields: Fields, body: bytes, kind: str, packed: bytes) -> None:
        if kind == URLENCODED and body.lstrip()[:1] != b"{":  # what curl calls JSON if nobody tells it better
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
            for name, value in pairs:
                fields.add(name, value)
            return
        fields.form = False
        for name, value in parse(_decode, body, packed).items():
            fields.add(name, value)

    async def _form(self, fields: Fields, receive: Receive, heads: Mapping[bytes, bytes], brought: Brought) -> None:
        limits = self.parts.limits
        length = heads.get(b"content-length", b"")
        if length.isdigit() and int(length) > limits.file_bytes + limits.body_bytes + HEADERS:
            said = f"The request is too large: its files may have at most {limits.file_bytes / 1e6:g} MB together."
            raise Problem(Code.TOO_LARGE, said)
        room = limits.body_bytes
        async with aclosing(parts_of(receive, heads, 1 << 62)) as parts:
            async for part in parts:
                text = await self._part(fields, part, brought, room)
                room -= len(text)

    async def _part(self, fields: Fields, part: Part, brought: Brought, room: int) -> str:
        """One part into the fields. Returns its text, if it is text."""
        words = fields.words
        name = words.name_of(part.name)
        if _is_file(part, name, words):
            place = _place_of(part, name, words)
            ref = await brought.take(part, self.parts.limits.file_bytes)
            if ref is not None:
                fields.add(place, ref)
            return ""
        text = await text_of(part, room)
        if part.name == REQUEST:
            found = json_of(text, REQUEST)
            if not isinstance(found, dict):
                raise Problem(Code.INVALID_REQUEST, "The part 'request' must hold a JSON object.", param=REQUEST)
            for written, value in found.items():
                fields.add(written, value)
        else:
            fields.add(part.name, text)
        return text

    # ---- what they mean ---------------------------------------------------------------------------------------------

    async def asked(self, words: Words, meant: Meant, turn: Turn) -> None:
        """The same for fields that another dialect has read: `values` by canonical name, files as `FileRef` or text."""
        fields = Fields(words, form=False)
        fields.values = meant.values
        turn.op = meant.operation.name
        if turn.brought is None:
            self._brought(turn)
        assert turn.brought is not None
        await self._ask(meant, fields, turn, turn.brought)

    def bring(self, turn: Turn) -> Brought:
        """What takes the files that come with a request."""
        return self._brought(turn)

    async def _mean(self, fields: Fields, turn: Turn, brought: Brought) -> None:
        try:
            meant = _meant(fields)
            turn.op = meant.operation.name
            await self._ask(meant, fields, turn, brought)
        except Problem as problem:
            raise Problem.of(respelt(problem.fault, fields.said)) from None

    async def _ask(self, meant: Meant, fields: Fields, turn: Turn, brought: Brought) -> None:
        key, operation = turn.key, meant.operation
        assert key is not None
        if "files" in operation.files:
            _sort_out(fields)
        _no_objects(meant)
        if expand := self.expand.get(operation.name):
            meant = meant._replace(values=await expand(key, meant.values))
        asked = struct_of(meant, fields.form)
        if not asked.model and operation.model:
            asked = msgspec.structs.replace(asked, model=operation.model)
        turn.asked = asked
        if asked.model == operation.model != DEFAULT:  # the agent of a transform is no model that anybody chose
            self.access.allow_op(key, operation.name)
        else:
            self.access.allow(key, operation.name, asked.model)
        places = Places(self.files, key, brought, self.parts.files.base_url, turn.heads.get(b"host", b""))
        found = {name: await places.resolved(name, getattr(asked, name)) for name in operation.files}
        asked = msgspec.structs.replace(asked, **{name: value for name, value in found.items() if value})
        echo = self._echo(meant.echo, fields.words, turn)
        turn.asked, turn.body = asked, _encode(asked)
        turn.read = Read(body=turn.body, echo=_encode(echo) if echo else b"")
        if written := {name: said for name, said in fields.said.items() if said != name}:
            # What the agent finds wrong is told as the caller spelt it too.
            turn.dialect = replace(turn.dialect, spelling={**turn.dialect.spelling, **written})

    def _echo(self, echo: dict[str, Any], words: Words, turn: Turn) -> dict[str, Any]:
        if words.absolute and (origin := origin_of(turn.heads)):
            echo = {**echo, "base": origin}
        return {**echo, "raw": True} if turn.raw else echo


def origin_of(heads: Mapping[bytes, bytes]) -> str:
    """`https://host`, as the caller addressed us; empty where it can't be told."""
    host = heads.get(b"host", b"").decode("latin-1").strip()
    scheme = heads.get(b"x-forwarded-proto", b"http").decode("latin-1").split(",")[0].strip().lower()
    fit = host and len(host) <= 255 and all(char.isalnum() or char in ".-:[]_" for char in host)
    return f"{scheme}://{host}" if fit and scheme in ("http", "https") else ""


def _meant(fields: Fields) -> Meant:
    words = fields.words
    if words.read is not None:
        return words.read(fields)
    return Meant(words.operations[0], fields.values)


def _is_file(part: Part, name: str, words: Words) -> bool:
    if part.name == REQUEST or name == "workflow":
        return False
    if part.filename is None:
        return name in words.files and not part.content_type.startswith(_TEXT)
    return name in words.files or name not in words.names.values() or not part.content_type.startswith(_TEXT)


def _place_of(part: Part, name: str, words: Words) -> str:
    """Under which name a file goes. Raises `Problem(INVALID_REQUEST)` where there is no place for it."""
    written = part.name[:60]
    if "files" in words.files:  # a workflow's inputs are named by itself
        return written if written.endswith("]") else f"files[{written}]"
    if name in words.files:
        return part.name
    known = ", ".join(sorted(words.files)) or "none"
    if name in words.names.values():
        raise Problem(Code.INVALID_REQUEST, f"'{written}' is no file; files go into: {known}.", param=written)
    raise Problem(Code.INVALID_REQUEST, f"There is no file field '{written}' here; there is: {known}.", param=written)


def _sort_out(fields: Fields) -> None:
    """Arguments that name a file of ours, or hold one, go where files go. A URL of the web may be meant as text."""
    if "arguments" not in fields.values:
        return
    arguments, files = fields.map_of("arguments"), fields.map_of("files")
    for name in [name for name, value in arguments.items() if isinstance(value, str) and _OURS.match(value)]:
        files.setdefault(name, arguments.pop(name))


def _no_objects(meant: Meant) -> None:
    """A `FileRef` is made by us alone: whoever could write one would read other people's files."""
    for name in meant.operation.files:
        value = meant.values.get(name)
        inside = value if isinstance(value, list) else [value]
        if name == "files" and isinstance(value, dict):
            inside = list(value.values())
        if any(isinstance(one, dict) for one in inside):
            said = f"'{name}' must be text: a file's id, an address, a data: URL; or a part of a form."
            raise Problem(Code.INVALID_REQUEST, said, param=name)
