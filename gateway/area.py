"""The file area `/files`: whose files are these, what is told of them, how they come in and go.

What a newcomer would get wrong: a file is somebody's or it is not there. Whatever belongs to another key is answered in the
very words for what never was; only a key with the scope `admin` sees everybody's.
"""

import mimetypes
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import structlog

from gateway.files import About, Files, file_name, media_type, no_file, number_of
from gateway.links import Links
from gateway.parts import FileRules
from gateway.quota import Quota
from gateway.sniff import HEAD, UNKNOWN, kind_of
from schemas.files import FILE, PRIVATE, PUBLIC, UPLOAD, FileRecord
from schemas.partial import PartialRecord
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import Blob, address_of, blob_at, place_of

log = structlog.get_logger()

SHORTEST, LONGEST = 60, 10 * 366 * 86400
LONGEST_LINK = 365 * 86400
AT_ONCE = 1000
"""Files that one request may delete."""
_LIFE = re.compile(r"([0-9]{1,10})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Wish(NamedTuple):
    """What an uploader says of a file."""

    name: str = "file"
    content_type: str = ""
    """Empty: to be told from the bytes."""
    area: str = PRIVATE
    life: float = 0.0


class Draft(NamedTuple):
    """Stored bytes that are no file yet."""

    about: About
    blob: Blob


class Area:
    """The files of all keys, as `/files` shows them. `limit`: bytes of one file."""

    def __init__(self, files: Files, quota: Quota, links: Links, rules: FileRules, limit: int) -> None:
        self.files, self.quota, self.links, self.rules, self.limit = files, quota, links, rules, limit

    # ---- in -------------------------------------------------------------------------------------------------------

    async def draft(self, key: ApiKey, wish: Wish, data: AsyncIterator[bytes], declared: int = 0) -> Draft:
        """Store the bytes; `enter` or `discard` must follow. `declared`: how many there will be, if known.

        Raises `Problem`: TOO_LARGE (the file, or the key's quota), INVALID_REQUEST (empty); then nothing stays.
        """
        if declared > self.limit:
            raise Problem(Code.TOO_LARGE, f"The file is too large: at most {self.limit / 1e6:g} MB.", param="file")
        number, kept = self.files.new_id(), False
        try:
            async with aclosing(self.quota.guard(key, number, data, declared)) as guarded:
                head, whole = await peeked(guarded)
                if not head:
                    raise Problem(Code.INVALID_REQUEST, "The file is empty.", param="file")
                about = About(
                    id=number,
                    filename=file_name(wish.name),
                    purpose=UPLOAD,
                    content_type=wish.content_type or kind_of(head, _named(wish.name)),
                    area=wish.area,
                    life=wish.life,
                )
                draft = Draft(about, await self.files.store((key.tenant, key.id), whole, about, self.limit))
            kept = True
            return draft
        finally:
            if not kept:
                await self.quota.release(key, number)

    async def enter(self, key: ApiKey, draft: Draft) -> FileRecord:
        record = await self.files.enter((key.tenant, key.id), draft.about, draft.blob)
        await self.quota.release(key, record.id)
        return record

    async def discard(self, key: ApiKey, draft: Draft) -> None:
        await self.files.discard(draft.about, draft.blob)
        await self.quota.release(key, draft.about.id)

    # ---- out ------------------------------------------------------------------------------------------------------

    async def get(self, key: ApiKey, name: str) -> FileRecord:
        """The file of this id. Raises `Problem(NOT_FOUND)`."""
        return (await self._find(key, name))[0]

    async def of(self, key: ApiKey, whose: str = "") -> list[FileRecord]:
        """Oldest first. `whose`: another key's, for an admin alone."""
        if not whose or whose == key.id:
            return await self.files.of(key)
        if not _admin(key):
            raise Problem(Code.FORBIDDEN, "Only a key with the scope `admin` may see other keys' files.", param="key")
        now = time.time()
        found = [record for _, record in await self.files.records.all() if record.key == whose]
        return [record for record in found if not record.expires or record.expires > now]

    def view(self, record: FileRecord) -> dict[str, Any]:
        """What is told of a file. Times are Unix seconds."""
        shown = {
            "id": f"{FILE}{record.id}",
            "object": "file",
            "url": self.url(record),
            "file_name": record.filename,
            "content_type": record.content_type,
            "size": record.size,
            "sha256": record.digest,
            "area": record.area,
            "purpose": record.purpose,
            "created": round(record.created, 3),
            "expires": round(record.expires, 3) or None,
        }
        more = {"job": record.job, "width": record.width, "height": record.height, "seconds": record.seconds}
        return {**shown, **{name: value for name, value in more.items() if value}}

    def url(self, record: FileRecord) -> str:
        """Empty for a file of an earlier version, which has no address."""
        address = address_of(record.blob)
        return f"{self.rules.base_url.rstrip('/')}{address}" if address else ""

    async def link(self, key: ApiKey, name: str, seconds: int, download: bool) -> dict[str, Any]:
        """An address that may be read without a key for so many seconds."""
        record = await self.get(key, name)
        address = address_of(record.blob)
        if not address:
            text = "This file was stored by an earlier version and has no address; upload it again."
            raise Problem(Code.CONFLICT, text, param="id")
        expires = int(time.time()) + seconds
        if record.expires:
            expires = min(expires, int(record.expires))
        url = f"{self.rules.base_url.rstrip('/')}{self.links.sign(address, expires, download)}"
        return {"url": url, "expires": expires}

    # ---- away -----------------------------------------------------------------------------------------------------

    async def delete(self, key: ApiKey, name: str) -> None:
        """By id or by path. Raises `Problem(NOT_FOUND)`."""
        for record in await self._find(key, name):
            actor = key.id if key.id != record.key else ""
            await self.files.withdraw((record.tenant, record.key), record.id, actor=actor)

    async def delete_many(self, key: ApiKey, names: Sequence[str]) -> dict[str, Any]:
        """Each of them as `delete` would; what fails does not stop the others."""
        told: dict[str, list[Any]] = {"deleted": [], "missing": [], "failed": []}
        for name in dict.fromkeys(names):
            try:
                await self.delete(key, name)
                told["deleted"].append(name)
            except Problem as problem:
                if problem.code is Code.NOT_FOUND:
                    told["missing"].append(name)
                else:
                    log.warning("file.delete_failed", error=str(problem))
                    told["failed"].append({"name": name, "message": str(problem)})
        return told

    async def _find(self, key: ApiKey, name: str) -> list[FileRecord]:
        """The file of an id; all files of this key behind a path. Raises `Problem(NOT_FOUND)`."""
        found = await self._at(key, name) if "/" in name else await self._numbered(key, name)
        now = time.time()
        living = [record for record in found if not record.expires or record.expires > now]
        if not living:
            raise no_file(name, "path" if "/" in name else "id")
        return living

    async def _numbered(self, key: ApiKey, name: str) -> list[FileRecord]:
        number = number_of(name, FILE)
        if not number:
            return []
        records = self.files.records
        found = await (records.numbered(number) if _admin(key) else records.get(key.tenant, key.id, number))
        return [found[1]] if found else []

    async def _at(self, key: ApiKey, path: str) -> list[FileRecord]:
        name = blob_at(urlsplit(path).path)
        place = place_of(name) if name else None
        if name is None or place is None or (not _admin(key) and (place.tenant, place.key) != (key.tenant, key.id)):
            return []
        blob = await self.files.blobs.find(name)
        numbers = [number_of(one, FILE) for one in blob.holders] if blob else []
        found = [await self.files.records.get(place.tenant, place.key, number) for number in numbers if number]
        return [one[1] for one in found if one is not None and one[1].blob == name]


# ---- what uploaders say --------------------------------------------------------------------------------------------


def wish_of(name: str, content_type: str, fields: dict[str, str]) -> Wish:
    """Raises `Problem(INVALID_REQUEST)` that names the field."""
    kind = media_type(content_type.partition(";")[0].strip()) if content_type else ""
    return Wish(
        name, "" if kind == UNKNOWN else kind, area_of(fields.get("area")), life_of(fields.get("expires_after"))
    )


def area_of(said: str | None) -> str:
    if said not in (None, "", PUBLIC, PRIVATE):
        raise Problem(Code.INVALID_REQUEST, "area must be 'public' or 'private'.", param="area")
    return said or PRIVATE


def life_of(said: str | None) -> float:
    """Seconds until it lapses, from `3600`, `12h` or `7d`; 0: never."""
    if not said:
        return 0.0
    found = _LIFE.fullmatch(said)
    seconds = int(found[1]) * _UNITS[found[2]] if found else -1
    if not SHORTEST <= seconds <= LONGEST:
        text = "expires_after must be seconds, or a number with m, h or d behind it: from a minute to ten years."
        raise Problem(Code.INVALID_REQUEST, text, param="expires_after")
    return float(seconds)


def partial_of(wish: Wish, length: int, *, ranged: bool) -> PartialRecord:
    """An upload to begin, its owner and number still open."""
    kind = wish.content_type
    if not kind and (named := _named(wish.name)) != UNKNOWN and named.startswith("text/"):
        kind = named
    return PartialRecord(
        id=0, tenant="", key="", nuid="", created=0.0, expires=0.0, length=length, filename=file_name(wish.name),
        content_type=kind, area=wish.area, life=wish.life, ranged=ranged,
    )  # fmt: skip


def _named(name: str) -> str:
    return mimetypes.guess_type(name)[0] or UNKNOWN


def _admin(key: ApiKey) -> bool:
    return "admin" in key.scopes


async def peeked(data: AsyncGenerator[bytes, None]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, and all of them."""
    first: list[bytes] = []
    size = 0
    async for piece in data:
        first.append(piece)
        size += len(piece)
        if size >= HEAD:
            break

    async def whole() -> AsyncIterator[bytes]:
        for piece in first:
            yield piece
        async for piece in data:
            yield piece

    return b"".join(first)[:HEAD], whole()
