"""Where the text in a file field points to: `file-123`, `/artifacts/…`, a URL of ours or of the web, a `data:` URL.

What a newcomer would get wrong: the answer for a file of another key is the answer for one that does not exist, and a public
file's address is right enough to read it, whoever made it.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from gateway.brought import Brought
from gateway.files import Files
from gateway.sniff import HEAD, UNKNOWN, kind_of
from schemas.files import FILE, PUBLIC
from schemas.media import FileRef
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import blob_at, place_of

LONGEST_URL = 8000
_DATA = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_FORMS = "a file's id (`file-…`), an address (`/artifacts/…`, `https://…`), a data: URL, or a part of a form"


class Places:
    """Resolves the files of one request. `base`: the setting `files.base_url`; `host`: as the caller addressed us."""

    def __init__(self, files: Files, key: ApiKey, brought: Brought, base: str, host: bytes) -> None:
        self.files, self.key, self.brought = files, key, brought
        self._base, self._host = base.rstrip("/"), host.decode("latin-1").strip().lower()

    async def resolved(self, field: str, value: Any) -> Any:
        """A field's file, or its list or map of files, as `FileRef`s. Raises `Problem` that names the field."""
        if isinstance(value, list):
            return [await self.resolve(field, one) for one in value]
        if isinstance(value, dict):
            return {name: await self.resolve(f"{field}.{name}", one) for name, one in value.items()}
        return None if value is None else await self.resolve(field, value)

    async def resolve(self, field: str, value: str | FileRef) -> FileRef:
        if isinstance(value, FileRef):  # a part of the form, stored by us a moment ago
            return value
        text = value.strip()
        if text[:5].lower() == "data:":
            return await self._data(field, text)
        if text.startswith(FILE):
            return await self._file(field, text)
        path = self._path(text)
        if path is not None:
            return await self._artifact(field, path)
        if _WEB.fullmatch(text) and len(text) <= LONGEST_URL:
            return _web(field, text)
        raise Problem(Code.INVALID_REQUEST, f"'{field}' must be {_FORMS}.", param=field)

    async def _file(self, field: str, name: str) -> FileRef:
        record = await self.files.get(self.key, name, field)
        kind = record.content_type
        if kind == UNKNOWN:  # OpenAI's SDK does not say what it uploads
            blob = await self.files.blob(record)
            head = b"".join([piece async for piece in self.files.blobs.read(blob, 0, min(HEAD, blob.size))])
            kind = kind_of(head)
        return FileRef(blob=record.blob, content_type=kind, size=record.size, name=record.filename)

    def _path(self, text: str) -> str | None:
        """The path of an artifact of ours, if that is what is meant."""
        if text.startswith("/artifacts/"):
            return text.partition("?")[0]
        if self._base and text.startswith(f"{self._base}/artifacts/"):
            return text.removeprefix(self._base).partition("?")[0]
        if self._host and _WEB.fullmatch(text):
            try:
                split = urlsplit(text)
            except ValueError:
                return None
            if split.netloc.lower() == self._host and split.path.startswith("/artifacts/"):
                return split.path
        return None

    async def _artifact(self, field: str, path: str) -> FileRef:
        name = blob_at(path)
        place = place_of(name) if name else None
        mine = place is not None and (place.tenant, place.key) == (self.key.tenant, self.key.id)
        if name and place is not None and (mine or place.area == PUBLIC):
            blob = await self.files.blobs.find(name)
            if blob is not None:
                last = name.rpartition("/")[2]
                return FileRef(blob=name, content_type=blob.content_type, size=blob.size, name=last)
        raise Problem(Code.NOT_FOUND, f"'{field}': there is no file at {path[:200]}.", param=field)

    async def _data(self, field: str, text: str) -> FileRef:
        head = _DATA.match(text)
        if head is None:
            raise Problem(Code.INVALID_REQUEST, f"'{field}' is a data: URL without a comma.", param=field)
        kind, packed = head[1].lower() or "text/plain", head[2].lower().endswith(";base64")
        try:
            data = _unbase64(text[head.end() :]) if packed else unquote_to_bytes(text[head.end() :])
        except (binascii.Error, ValueError):
            raise Problem(Code.INVALID_REQUEST, f"'{field}' holds base64 that is not valid.", param=field) from None
        return await self.brought.store(field, "", kind, _once(data), len(data) + self.brought.bytes)


def _unbase64(text: str) -> bytes:
    """Both alphabets, with or without its padding: what is broken otherwise is refused."""
    plain = unquote(text) if "%" in text else text
    plain = "".join(plain.split()).replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


def _web(field: str, text: str) -> FileRef:
    try:
        split = urlsplit(text)
        fit = bool(split.hostname) and (split.port is None or split.port > 0)
    except ValueError:
        fit = False
    if not fit:
        raise Problem(Code.INVALID_REQUEST, f"'{field}' is not a valid URL.", param=field)
    return FileRef(url=text, name=unquote(split.path.rpartition("/")[2])[:255])
