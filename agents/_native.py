"""What callers of a provider's own dialect said that OpenAI's shape has no place for: `native.<kind>` of a request. Pure.

It comes from whoever calls, so it only ever adds: what the call holds already and what the canonical request speaks for
stays, however a name is written. Go reads names without regard to case and protobuf takes camelCase and snake_case, so
names are compared without case and underscores, and none but ASCII names pass (Go takes a Kelvin sign for a k).
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schemas.chat import OURS
from schemas.job import Job

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_BETA = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
BETAS = 40
"""Names of betas in one request, at most: a header has an end."""


class _Holder(msgspec.Struct):
    native: Any = None


_holder = msgspec.json.Decoder(_Holder).decode


def plain(name: str) -> str:
    return name.lower().replace("_", "")


_NEVER = frozenset(map(plain, (*OURS, "provider", "model", "messages", "stream")))


def part(native: Any, kind: str) -> dict[str, Any]:
    """What `native` holds for this kind of provider; nothing if it is no object."""
    found = native.get(kind) if isinstance(native, dict) else None
    return found if isinstance(found, dict) else {}


def part_of(job: Job, kind: str) -> dict[str, Any]:
    """The same, for a request that is not read whole."""
    try:
        return part(_holder(job.body).native, kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def added(body: dict[str, Any], own: Any, spoken: Collection[str] = ()) -> dict[str, Any]:
    """The body and what `own` adds to it. `spoken`: names, as `plain` has them, that `own` has no say in."""
    if not isinstance(own, dict):
        return body
    taken = {*_NEVER, *spoken, *map(plain, body)}
    return body | {name: own[name] for name in own if _NAME.fullmatch(name) and plain(name) not in taken}


def betas(own: dict[str, Any], settings: Mapping[str, str]) -> dict[str, str]:
    """Anthropic's header of betas: the ones in the provider's settings, and the caller's `betas` or `anthropic_beta`
    (a list, or the header's own text). Empty if the caller names none."""
    found: list[str] = []
    for given in (own.get("betas"), own.get("anthropic_beta")):
        names = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
        found += [name.strip() for name in names if isinstance(name, str)]
    wanted = [name for name in dict.fromkeys(found) if _BETA.fullmatch(name)][:BETAS]
    if not wanted:
        return {}
    header = next((name for name in settings if name.lower() == "anthropic-beta"), "anthropic-beta")
    always = [name.strip() for name in settings.get(header, "").split(",") if name.strip()]
    return {header: ",".join(dict.fromkeys([*always, *wanted]))}
