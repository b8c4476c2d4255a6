"""Generated files, kept by what was asked, so a file is made once.

What a newcomer would get wrong: the address of the server stands in the header alone, which is put on top of the kept text;
so callers who come by many names share one text. The date is when the text was made and is no part of the tag.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from gateway.types.languages import language_of
from gateway.types.metadata import metadata
from gateway.types.options import ON, Language, header, options_of
from gateway.types.view import View

MOST = 32
"""Texts kept; the largest has about 0.5 MB."""
_METADATA = Language(
    name="metadata",
    title="Metadata",
    file="metadata.json",
    options={"AddServiceStackTypes": ON, "AddDescriptionAsComments": ON, "IncludeTypes": "", "ExcludeTypes": ""},
    emit=lambda view: "",
    start="",
    media_type="application/json",
)


class Made(msgspec.Struct, frozen=True):
    """A file to send."""

    body: bytes
    media_type: str
    tag: str
    """Weak: the date in the header may differ."""


class Shelf:
    """Makes files and keeps the last used. `version` is the server's own."""

    def __init__(self, version: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.version, self.now = version, now
        self._kept: OrderedDict[object, tuple[str, str, str]] = OrderedDict()

    def file(self, name: str, query: Mapping[str, str], base_url: str) -> Made:
        """The types in a language. Raises `Problem`: 404 for a language there is not, 400 for an option that cannot be."""
        language = language_of(name)
        options = options_of(language, query, base_url)
        view = View(language, options)
        text, digest, date = self._text((language.name, options.values), lambda: language.emit(view))
        above = language.before(view) if language.before else ""
        top = above + header(language, options, self.version, "{date}")
        tag = hashlib.sha256((digest + top).encode()).hexdigest()[:32]
        body = f"{top.replace('{date}', date, 1)}\n\n{text}".encode()
        return Made(body, language.media_type, f'W/"{tag}"')

    def metadata(self, query: Mapping[str, str], base_url: str) -> Made:
        """All operations and types as JSON."""
        options = options_of(_METADATA, query, base_url)
        view = View(_METADATA, options)
        text, digest, _ = self._text(
            ("metadata", options), lambda: msgspec.json.encode(metadata(view, self.version)).decode()
        )
        return Made(text.encode(), _METADATA.media_type, f'W/"{digest[:32]}"')

    def _text(self, asked: object, make: Callable[[], str]) -> tuple[str, str, str]:
        """Text, digest and date."""
        kept = self._kept.get(asked)
        if kept is None:
            text = make()
            kept = text, hashlib.sha256(text.encode()).hexdigest(), f"{self.now():%Y-%m-%d %H:%M:%S}"
            self._kept[asked] = kept
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(asked)
        return kept
