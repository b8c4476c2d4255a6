"""Bytes to a typed request, with an error that names the field as the caller spelt it. Pure, and free of the web framework:
workers tell results in the callers' dialects too, and need nothing of HTTP for it.
"""

import re
from collections.abc import Callable
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from schemas.problem import Code, Problem

T = TypeVar("T")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_AT = re.compile(r" - at `\$\.?(.*)`$")


def parse(
    decoder: Callable[[bytes], T], body: bytes, packed: bytes = b"", within: str = "", kind: type | None = None
) -> T:
    """What `decoder` makes of the body. Raises `Problem(INVALID_REQUEST)`.

    `packed`: the body's Content-Encoding. `within`: the field that the body is a part of. `kind`: the struct that is made,
    so that an error can tell which words a field takes.
    """
    try:
        return decoder(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), within, kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, _malformed(body, packed, error)) from None
    except RecursionError:
        raise Problem(Code.INVALID_REQUEST, "The JSON in the body is nested too deeply.") from None


def words_of(kind: type, field: str) -> tuple[str, ...]:
    """The words that a field of the struct may hold; empty: any."""
    hint = get_type_hints(kind).get(field)
    for one in (hint, *get_args(hint)):
        if get_origin(one) is Literal:
            return tuple(str(word) for word in get_args(one) if word is not None)
    return ()


def _invalid(text: str, within: str, kind: type | None = None) -> Problem:
    """msgspec's "Expected `int`, got `str` - at `$.a[0]`" as "a[0]: Expected `int`, got `str`", param `a[0]`."""
    at = _AT.search(text)
    path = ".".join(filter(None, (within, at.group(1) if at else "")))
    said = text[: at.start()] if at else text
    if missing := _MISSING.match(said):
        path = f"{path}.{missing.group(1)}" if path else missing.group(1)
        return Problem(Code.INVALID_REQUEST, f"Missing required parameter: '{path}'.", param=path)
    if said.startswith("Invalid enum value") and kind is not None and at and (words := words_of(kind, at.group(1))):
        said = f"{said.removeprefix('Invalid enum value ')} is none of {', '.join(words)}"
    where = f"Invalid value for '{path}': " if path else "Invalid request: "
    return Problem(Code.INVALID_REQUEST, f"{where}{said[:1].lower()}{said[1:]}.", param=path or None)


def _malformed(body: bytes, packed: bytes, error: Exception) -> str:
    if packed not in (b"", b"identity"):
        return f"The body is compressed ({packed.decode('latin-1')}); send it as plain JSON."
    if not body:
        return "The body is empty; send the request as JSON."
    return f"The body is not valid JSON: {str(error).removeprefix('JSON is malformed: ')}."
