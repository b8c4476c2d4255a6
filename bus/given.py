"""What a person sent for a provider, a key or a rule, as the struct it is meant to be; what is wrong is a `Problem` that
names its field.

What a newcomer would get wrong: the sentence of a refusal never holds the value, for that may be a secret.
"""

import re
import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from schemas.problem import Code, Problem
from schemas.provider import KEY_FIELDS, ApiKey, Provider
from schemas.rules import ModelRule
from schemas.secrets import SEALED, SHOWN

Fields = Mapping[str, Any]
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
T = TypeVar("T", Provider, ApiKey, ModelRule)


def with_fields(key: ApiKey, fields: Fields) -> ApiKey:
    """The key with these fields; null puts the default back."""
    given = dict(fields)
    days = given.pop("days", None)
    for name in given:
        if name not in KEY_FIELDS:
            raise Problem(
                Code.INVALID_REQUEST, f"'{name}' can't be set. A key has: {', '.join(KEY_FIELDS)}, days.", param=name
            )
    if days is not None:
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= 36_500:
            raise Problem(Code.INVALID_REQUEST, "days must be a number from 0 (no end) to 36500.", param="days")
        given["expires"] = time.time() + days * 86_400 if days else 0.0
    merged = {**msgspec.to_builtins(key), **given}
    return converted({name: value for name, value in merged.items() if value is not None}, ApiKey)


def converted(fields: Fields, kind: type[T]) -> T:
    """The struct. Raises `Problem(INVALID_REQUEST)` with the field, and never with its value."""
    for name in fields:
        if name not in kind.__struct_fields__:
            raise Problem(
                Code.INVALID_REQUEST,
                f"There is no field '{name}'. There are: {', '.join(kind.__struct_fields__)}.",
                param=str(name),
            )
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        text, _, at = str(error).partition(" - at `$")
        param = at.rstrip("`").lstrip(".")
        if missing := _MISSING.match(text):
            param = f"{param}.{missing[1]}".lstrip(".")
        where = f"Invalid value for '{param}': " if param else "Invalid request: "
        raise Problem(Code.INVALID_REQUEST, f"{where}{text[:1].lower()}{text[1:]}.", param=param or None) from None


def kept_secrets(new: Provider, old: Provider | None) -> Provider:
    """The word `sealed` stands for the secret there is; a seal of the caller's own is no secret of ours."""

    def kept(field: str, value: str, before: str) -> str:
        if value == before:
            return value
        if value == SHOWN and before.startswith(SEALED):
            return before
        if value == SHOWN or value.startswith(SEALED):
            raise Problem(
                Code.INVALID_REQUEST,
                f"{field}: there is no sealed secret to keep; give the secret itself.",
                param=field,
            )
        return value

    was = old.headers if old else {}
    headers = {name: kept(f"headers.{name}", value, was.get(name, "")) for name, value in new.headers.items()}
    return msgspec.structs.replace(new, key=kept("key", new.key, old.key if old else ""), headers=headers)


def same_address_or_new_secret(new: Provider, old: Provider) -> None:
    if _origin(new.base_url) == _origin(old.base_url):
        return
    for field, value, before in (
        ("key", new.key, old.key),
        *((f"headers.{name}", value, old.headers.get(name, "")) for name, value in new.headers.items()),
    ):
        if value.startswith(SEALED) and value == before:
            raise Problem(
                Code.INVALID_REQUEST,
                f"base_url names another server: give {field} again, so that no secret goes where it was not meant to.",
                param=field,
            )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
