"""Uploads under their own names: `/uploads/pub/{key}/{file}`, which anybody may read, and `/uploads/secure/{key}/{file}`.

Each is a file of its key, of purpose `upload`, in the public or the private area. What a newcomer would get wrong: the bytes
have an address made of their digest as any file has; the name here stands for whatever was last stored under it, so it may be
kept by nobody for longer than its ETag holds. A name's number is made of the name, and one record is all there is of it.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import NamedTuple
from urllib.parse import quote, unquote

from litestar.types import Receive

from gateway.area import peeked
from gateway.artifacts import nothing_at
from gateway.files import About, Files, file_name, holder, media_type
from gateway.quota import Quota
from gateway.sniff import kind_of
from gateway.uploads import parts_of, pieces
from gateway.variant_options import Address, wish_of
from schemas.files import PRIVATE, PUBLIC, UPLOAD, FileRecord
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import Blob, address_of, place_of

LARGEST = 10 * 1024 * 1024
"""Bytes of one file."""
AT_ONCE = 32
AREAS = {"pub": PUBLIC, "secure": PRIVATE}
NUMBERS = 2**46
"""Numbers below are of the first months of 2025: no other file ever got one of them (`bus/ids.py`)."""
_PATH = re.compile(r"/?(?:uploads/)?(pub|secure)/([A-Za-z0-9_-]{1,64})/([^/]+)")
_VARIANT = re.compile(r"/variants/([^/]+)/((?:pub|secure)/[^/]+/[^/]+)")


class Spot(NamedTuple):
    """`place`: pub or secure. `key`: id of the owner. `name`: of the file."""

    place: str
    key: str
    name: str

    @property
    def path(self) -> str:
        """As clients keep it; it is read at `/uploads` and this."""
        return f"/{self.place}/{self.key}/{quote(self.name)}"

    @property
    def number(self) -> int:
        """Of its record: always the same."""
        digest = hashlib.sha256(f"upload\0{self.place}\0{self.key}\0{self.name}".encode()).digest()
        return 1 + int.from_bytes(digest[:8], "big") % (NUMBERS - 1)


class _Draft(NamedTuple):
    spot: Spot
    about: About
    blob: Blob
    note: int
    """Under which its bytes are held against the quota."""


def clean(said: str) -> str:
    """A name as it is kept: what would mean something else in a path becomes `_`."""
    return file_name(said).replace("%", "_").replace("#", "_")


def spot_of(path: str) -> Spot | None:
    """The file that a path stands for: `/pub/7f3a/logo.png`, with or without `/uploads`."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    name = unquote(found[3])
    return Spot(found[1], found[2], name) if name == clean(name) else None


class Kept:
    """The uploads of all keys."""

    def __init__(self, files: Files, quota: Quota) -> None:
        self.files, self.quota = files, quota

    # ---- in -------------------------------------------------------------------------------------------------------

    async def form(
        self, key: ApiKey, place: str, receive: Receive, heads: dict[bytes, bytes], name: str = ""
    ) -> list[Spot]:
        """Store the files of a form, all or none; one of a name that is there takes its place. `name`: the only file's.

        A body that is no form is the file itself, where its name is known. Raises `Problem`: INVALID_REQUEST, TOO_LARGE;
        `Gone`.
        """
        drafts: list[_Draft] = []
        entered = 0
        try:
            await self._read(key, place, receive, heads, name, drafts)
            for draft in drafts:
                await self.files.replace((key.tenant, key.id), draft.about, draft.blob)
                entered += 1
        finally:
            for at, draft in enumerate(drafts):
                if at >= entered:
                    await self._discard(key, draft)
                await self.quota.release(key, draft.note)
        return [draft.spot for draft in drafts]

    async def _read(
        self, key: ApiKey, place: str, receive: Receive, heads: dict[bytes, bytes], name: str, into: list[_Draft]
    ) -> None:
        kind = heads.get(b"content-type", b"").decode("latin-1")
        if name and not kind.lower().startswith("multipart/form-data"):
            into.append(await self._draft(key, Spot(place, key.id, name), kind, pieces(receive)))
            return
        async with aclosing(parts_of(receive, heads, AT_ONCE * LARGEST)) as parts:
            async for part in parts:
                if part.filename is None:
                    continue
                if name and into:
                    raise Problem(
                        Code.INVALID_REQUEST,
                        "Send one file: it takes the place of the one at this path.",
                        param=part.name[:60],
                    )
                spot = Spot(place, key.id, name or clean(part.filename))
                if any(one.spot == spot for one in into):
                    raise Problem(
                        Code.INVALID_REQUEST, f"Two of the files are called '{spot.name[:60]}'.", param=part.name[:60]
                    )
                into.append(await self._draft(key, spot, part.content_type, part.content))
        if not into:
            raise Problem(Code.INVALID_REQUEST, "The form holds no file: a part with a file name.", param="file")

    async def _draft(self, key: ApiKey, spot: Spot, said: str, data: AsyncIterator[bytes]) -> _Draft:
        note, kept = self.files.new_id(), False
        try:
            async with aclosing(self.quota.guard(key, note, data)) as guarded:
                head, whole = await peeked(guarded)
                if not head:
                    raise Problem(Code.INVALID_REQUEST, f"The file '{spot.name[:60]}' is empty.", param="file")
                about = About(
                    id=spot.number,
                    filename=spot.name,
                    purpose=UPLOAD,
                    content_type=kind_of(head, media_type(said.partition(";")[0].strip())),
                    area=AREAS[spot.place],
                )
                blob = await self.files.store((key.tenant, key.id), whole, about, LARGEST)
            kept = True
            return _Draft(spot, about, blob, note)
        finally:
            if not kept:
                await self.quota.release(key, note)

    async def _discard(self, key: ApiKey, draft: _Draft) -> None:
        """Unless the very same bytes are what the name stands for."""
        found = await self.files.records.get(key.tenant, key.id, draft.about.id)
        if found is None or found[1].blob != draft.blob.name:
            await self.files.discard(draft.about, draft.blob)

    # ---- out ------------------------------------------------------------------------------------------------------

    async def find(self, spot: Spot) -> FileRecord:
        """Whose it is stands in its path; who may read it is the caller's to ask. Raises `Problem(NOT_FOUND)`."""
        found = await self.files.records.numbered(spot.number)
        if found is None or (found[1].key, found[1].filename) != (spot.key, spot.name):
            raise nothing_at(f"/uploads{spot.path}")
        return found[1]

    async def blob(self, record: FileRecord) -> Blob:
        blob = await self.files.blobs.find(record.blob)
        if blob is None or holder(record.id) not in blob.holders:
            raise Problem(Code.NOT_FOUND, "The file is no longer there.")
        return blob

    async def variant(self, path: str) -> Address | None:
        """The address of a variant of a public upload: `/variants/width=256/pub/7f3a/logo.png`. None: it is none of those.

        Raises `Problem`: INVALID_REQUEST that names the option, NOT_FOUND.
        """
        found = _VARIANT.fullmatch(path)
        if found is None:
            return None
        wish, spot = wish_of(unquote(found[1])), spot_of(found[2])
        if spot is None:
            raise nothing_at(path)
        record = await self.find(spot)
        place = place_of(record.blob)
        assert place is not None
        return Address(address_of(record.blob), record.blob, place, wish)

    async def delete(self, spot: Spot) -> bool:
        """Whether there was one."""
        try:
            record = await self.find(spot)
        except Problem as problem:
            if problem.code is not Code.NOT_FOUND:
                raise
            return False
        await self.files.withdraw((record.tenant, record.key), record.id)
        return True


def mine(key: ApiKey, spot: Spot) -> bool:
    return key.id == spot.key or "admin" in key.scopes
