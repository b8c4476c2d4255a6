"""What a request says of where it wants to go, besides its model: `provider` in the body, `x-ai-provider`, `x-ai-explain`.

What a newcomer would get wrong: OpenRouter has a field `provider` too, an object. Ours is a name or a list of names, and
only ours is taken out of the body; the object travels on untouched.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.job import Job
from schemas.problem import Code, Problem

MOST = 20
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def steered(job: Job, heads: Mapping[bytes, bytes], asked: Any) -> Job:
    """The job with its caller's wishes in it. Raises `Problem(INVALID_REQUEST)`."""
    said, explain = heads.get(b"x-ai-provider"), heads.get(b"x-ai-explain")
    field = getattr(asked, "provider", None)
    if said is None and explain is None and field is None:
        return job
    changes: dict[str, Any] = {"explain": explain is not None and explain.strip() not in (b"", b"0", b"false")}
    if isinstance(field, str | list):
        fields = _fields(job.body)
        fields.pop("provider", None)
        changes["body"] = _encode(fields)
        changes["providers"] = _names(field)
    elif said is not None:
        changes["providers"] = _names(said.decode("latin-1"))
    return msgspec.structs.replace(job, **changes)


def _names(said: str | list[str]) -> tuple[str, ...]:
    listed = said.split(",") if isinstance(said, str) else said
    names = tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))
    if len(names) > MOST or any(len(name) > 64 for name in names):
        raise Problem(Code.INVALID_REQUEST, f"provider takes at most {MOST} names of providers.", param="provider")
    return names
