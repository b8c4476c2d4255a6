"""Every language that types come in. To add one: an emitter like `php.py`, and its name here."""

from gateway.types.csharp import CSHARP
from gateway.types.dart import DART
from gateway.types.fsharp import FSHARP
from gateway.types.java import JAVA
from gateway.types.javascript import JS, MJS
from gateway.types.kotlin import KOTLIN
from gateway.types.options import Language
from gateway.types.php import PHP
from gateway.types.python import PYTHON
from gateway.types.swift import SWIFT
from gateway.types.typescript import DECLARATIONS, TYPESCRIPT
from gateway.types.vbnet import VBNET
from schemas.problem import Code, Problem

_LIST = (
    *(TYPESCRIPT, DECLARATIONS, MJS, JS, PYTHON, DART, PHP),
    *(CSHARP, JAVA, KOTLIN, SWIFT, FSHARP, VBNET),
)
LANGUAGES = {each.name: each for each in _LIST}
_ALIASES = {alias: each for each in LANGUAGES.values() for alias in (each.name, *each.aliases)}


def language_of(name: str) -> Language:
    """The language of that name or alias, in any case. Raises `Problem` (404) that lists them."""
    found = _ALIASES.get(name.lower())
    if found is None:
        known = ", ".join(LANGUAGES)
        raise Problem(Code.NOT_FOUND, f"There are no types in '{name[:40]}'. There are: {known}.", param="language")
    return found
