"""The catalogue as this machine has it: the built-in `catalogue.toml`, then the user's overrides, by id.

What a newcomer would get wrong: an override replaces a whole entry, not single fields of it, so that a file says all there
is to know about what it names.
"""

import pkgutil
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from schemas.catalogue import Catalogue, KnownModel, ProviderType, SystemPrompt
from schemas.provider import Provider

FOLDER = "overrides"
_BUILT_IN = Path(__file__).with_name("catalogue.toml")


class BadCatalogueError(Exception):
    """An override can't be used. The message names file and field."""


class _Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    types: dict[str, ProviderType] = {}
    models: dict[str, KnownModel] = {}
    prompts: dict[str, SystemPrompt] = {}


def load(overrides: Path | None = None) -> Catalogue:
    """The catalogue; `overrides` is the folder with the user's `*.toml`, read in the order of their names."""
    types, models, prompts = dict(_built_in().types), dict(_built_in().models), dict(_prompts().prompts)
    for path in sorted(overrides.glob("*.toml")) if overrides is not None and overrides.is_dir() else ():
        tables = _read(path)
        types |= tables.types
        models |= tables.models
        prompts |= tables.prompts
    return Catalogue(types, models, prompts)


def kinds() -> frozenset[str]:
    """The kinds of provider there are: the files of `agents/`, without loading them (that would load an HTTP client)."""
    here = str(_BUILT_IN.parent.parent / "agents")
    return frozenset(
        found.name for found in pkgutil.iter_modules([here]) if not found.name.startswith("_") and found.name != "agent"
    )


@cache
def _built_in() -> _Tables:
    return _read(_BUILT_IN)


@cache
def _prompts() -> _Tables:
    return _read(_BUILT_IN.with_name("prompts.toml"))


def _read(path: Path) -> _Tables:
    try:
        read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(read, _Tables)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadCatalogueError(f"{path} can't be read: {error}") from error
    except msgspec.ValidationError as error:
        raise BadCatalogueError(f"{path}: {error}") from error


def of_type(catalogue: Catalogue, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A provider's fields with the type's defaults under them. Raises `BadCatalogueError` for a type that is not there."""
    known = catalogue.types.get(kind)
    if known is None:
        raise BadCatalogueError(f"there is no provider type `{kind}`; there are: {', '.join(sorted(catalogue.types))}")
    given = {"kind": known.kind, "base_url": known.base_url, "priority": known.priority, "slots": known.slots}
    headers = {"headers": dict(known.headers)} if known.headers else {}
    return {**given, **headers, **fields, "type": kind}


def provider_of(catalogue: Catalogue, kind: str, **fields: Any) -> Provider:
    """A provider of that type, named after it unless `fields` name it."""
    return msgspec.convert(of_type(catalogue, kind, {"name": kind, **fields}), Provider)
