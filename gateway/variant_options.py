"""What `/variants/{options}/{path}` asks for: the words of the address, and the format that the caller can show. Pure.

What a newcomer would get wrong: two spellings of one wish are one variant. `height=9,width=9` and `width=9,height=9` have the
same canonical text, which is the name under which the picture is kept and half of its ETag.
"""

import hashlib
import re
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from gateway.artifacts import nothing_at
from schemas.problem import Code, Problem
from storage.blobs import Place, blob_at, place_of

MAX_SIDE = 4096
QUALITY = 80
Format = Literal["webp", "avif", "jpeg", "png"]
AUTO = "auto"
FORMATS: tuple[Format, ...] = ("webp", "avif", "jpeg", "png")
FITS = ("cover", "contain", "fill", "inside")
_SPELT = {"jpg": "jpeg"}
_KEYS = ("width", "height", "fit", "format", "quality")
_PATH = re.compile(r"/variants/([^/]+)/(.+)")
_NUMBER = re.compile(r"[0-9]{1,6}")
_ITEM = re.compile(r"\s*([a-z]+/[a-z0-9.+*-]+|\*/\*)\s*((?:;[^,]*)?)")
_NEVER = re.compile(r";\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A variant. `format` is `auto` until the caller's Accept has decided."""

    width: int | None = None
    height: int | None = None
    fit: str = "inside"
    format: str = AUTO
    quality: int = QUALITY

    @property
    def text(self) -> str:
        """The same for every spelling of it."""
        return f"{self.width or ''}x{self.height or ''}-{self.fit}-{self.format}-{self.quality}"


class Address(msgspec.Struct, frozen=True):
    """A variant's address, taken apart. `path` is the source's own address."""

    path: str
    name: str
    place: Place
    wish: Wish

    def etag(self, wish: Wish) -> str:
        """Of the source's bytes and of what is made of them: known before anything is made."""
        return f'"{hashlib.sha256(f"{self.name}|{wish.text}".encode()).hexdigest()[:32]}"'


@lru_cache(4096)
def address_in(path: str) -> Address:
    """Raises `Problem`: INVALID_REQUEST that names the option, NOT_FOUND for a source that can't be."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise nothing_at(path)
    wish = wish_of(unquote(found[1]))
    source = f"/artifacts/{found[2]}"
    name = blob_at(source)
    place = place_of(name) if name else None
    if name is None or place is None:
        raise nothing_at(source)
    return Address(source, name, place, wish)


def wish_of(options: str) -> Wish:
    """`width=512,height=512,fit=cover`. Both sides without a fit: exactly that size, cut and not distorted (`cover`).

    One side keeps the aspect, and no fit changes that. Raises `Problem` that names the option.
    """
    found: dict[str, Any] = {}
    for item in options.split(","):
        key, mark, value = (part.strip() for part in item.partition("="))
        if key not in _KEYS or not mark:
            shown = key[:40] or item[:40]
            raise _wrong(shown, f"There is no option '{shown}'. There are: {', '.join(_KEYS)}.")
        if key in found:
            raise _wrong(key, f"The option '{key}' stands there twice.")
        found[key] = _value(key, value)
    if "width" not in found and "height" not in found:
        raise _wrong("width", "Say width or height, or both: /variants/width=512/…")
    if "width" not in found or "height" not in found:
        found["fit"] = "inside"
    return Wish(**{"fit": "cover", **found})


@lru_cache(512)
def negotiated(accept: str) -> Format:
    """The best format of those that an Accept header names: avif, else webp, else jpeg, which every reader knows."""
    named = {kind for kind, more in _ITEM.findall(accept.lower()) if not _NEVER.search(more)}
    if "image/avif" in named:
        return "avif"
    return "webp" if "image/webp" in named else "jpeg"


def _value(key: str, value: str) -> int | str:
    if key == "fit":
        return _one_of(key, value, FITS)
    if key == "format":
        return _one_of(key, _SPELT.get(value, value), (*FORMATS, AUTO))
    most = 100 if key == "quality" else MAX_SIDE
    if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= most:
        raise _wrong(key, f"{key} must be a whole number from 1 to {most}.")
    return int(value)


def _one_of(key: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _wrong(key, f"{key} must be one of: {', '.join(known)}.")
    return value


def _wrong(param: str, sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence, param=param)
