"""What a caller may ask of generated types, and the comment that says so at the top of each file.

`x` and `get-dtos` update a file by sending its own header back: each line `Key: value` without the "off" sign becomes a query
parameter. What a newcomer would get wrong: these values end up in source code that other people run, so each is checked
against the narrow set of characters that it can need, and whatever else comes is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from schemas.problem import Code, Problem

if TYPE_CHECKING:
    from gateway.types.view import View

ON, OFF = "True", "False"

_NAMES = r"[\w.,*{} +-]*"
_PATTERNS = {
    "BaseUrl": r"https?://[\w.:\[\]-]+(/[\w./~%-]*)?",
    "GlobalNamespace": r"[\w.\\]*",
    "Package": r"[\w.]*",
    "IncludeTypes": _NAMES,
    "ExcludeTypes": _NAMES,
    "DefaultImports": r"[\w.,:/*@ {}-]*",
    "AddNamespaces": r"[\w., ]*",
    "TreatTypesAsStrings": r"[\w., ]*",
    "AddImplicitVersion": r"\d{0,6}",
}
_ELSE = r"[\w.:/,@ -]*"
_LONGEST = 4000


class Comment(msgspec.Struct, frozen=True):
    """How a language writes the header."""

    first: str = "/* Options:"
    last: str = "*/"
    each: str = ""
    """Before every line in between: VB's `'`."""
    off: str = "//"
    """Before an option that stands at its default."""


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """One language: how it is found, what may be asked, and who writes it."""

    name: str
    """In the address: `/types/{name}`."""
    title: str
    file: str
    """What the file is called by custom: `dtos.ts`."""
    options: Mapping[str, str]
    """What may be asked, with its default, in the order of the header. Flags are True or False."""
    emit: "Callable[[View], str]"
    """The source below the header."""
    start: str
    """A copy-paste start; `{url}` stands for this server."""
    comment: Comment = Comment()
    aliases: tuple[str, ...] = ()
    before: "Callable[[View], str] | None" = None
    """What must stand above the header: PHP's opening tag."""
    media_type: str = "text/plain"


class Options(msgspec.Struct, frozen=True):
    """The options of one file: defaults, and what the caller gave."""

    base_url: str
    values: tuple[tuple[str, str], ...]
    given: frozenset[str] = frozenset()

    def text(self, name: str) -> str:
        """An option's value; empty if the language has none of that name."""
        return dict(self.values).get(name, "")

    def flag(self, name: str) -> bool:
        """An option that is on or off."""
        return self.text(name).lower() == "true"

    def names(self, name: str) -> list[str]:
        """A list: `TextToImage.*, {AI}`. Commas inside braces belong to the braces."""
        found: list[str] = re.findall(r"\{[^}]*\}(?:\.\*)?|[^,{}]+", self.text(name))
        return [each.strip() for each in found if each.strip()]


def options_of(language: Language, query: Mapping[str, str], base_url: str) -> Options:
    """The options in a query string; names in any case, unknown ones ignored. Raises `Problem` (400) for a value that has no
    business in source code."""
    asked = {name.lower(): value.strip() for name, value in query.items()}
    values: dict[str, str] = {}
    given: set[str] = set()
    for name, default in language.options.items():
        values[name] = default
        if name.lower() in asked:
            values[name] = _checked(name, asked[name.lower()], default)
            given.add(name)
    url = _checked("BaseUrl", asked["baseurl"], "") if asked.get("baseurl") else base_url
    return Options(base_url=url.rstrip("/"), values=tuple(values.items()), given=frozenset(given))


def _checked(name: str, value: str, default: str) -> str:
    if default in (ON, OFF):
        if value.lower() not in ("true", "false"):
            raise Problem(Code.INVALID_REQUEST, f"{name} is True or False.", param=name)
        return value.capitalize()
    fits = len(value) <= _LONGEST and re.fullmatch(_PATTERNS.get(name, _ELSE), value, re.ASCII) is not None
    if not fits or "*/" in value or "/*" in value:  # Kotlin and Swift count openings too
        raise Problem(Code.INVALID_REQUEST, f"{name} holds characters that it cannot need.", param=name)
    return value


def header(language: Language, options: Options, version: str, date: str) -> str:
    """The comment, in the form that `x` and `get-dtos` read back."""
    told = language.comment
    lines = [
        f"Date: {date}",
        f"Version: {version}",
        f'Tip: To override a DTO option, remove "{told.off}" prefix before updating',
        f"BaseUrl: {options.base_url}",
        "",
        *(f"{'' if name in options.given else told.off}{name}: {value}" for name, value in options.values),
    ]
    return "\n".join([told.first, *(told.each + line for line in lines), *([told.last] if told.last else [])])
