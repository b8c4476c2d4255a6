"""What is known of each field of a DTO, read once from its annotations: for the binder, the checks and the emitters.

What a newcomer would get wrong: `nullable` is what clients are told, not what Python allows. A `Ref` or a REQUIRED field may
hold None here and is still never null in their types.
"""

import functools
import inspect
import types
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from schemas.dtos._model import Dto


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One field."""

    name: str
    """The attribute."""
    wire: str
    """Its name in JSON."""
    type: Any
    """Its type without None and without rules; `Long`, `Float`, `Decimal`, `Bytes` stay as they are."""
    nullable: bool
    """Whether clients see it as `T?`."""
    required: bool = False
    """Must be there."""
    rule: str | None = None
    """`NotEmpty` or `GreaterThan` (0)."""
    range: tuple[float, float] | None = None
    """Both ends are allowed."""
    file: bool = False
    """A part of a multipart form."""
    doc: str | None = None
    default: Any = None
    inherited: bool = False
    """Declared by a class above."""


@functools.cache
def members(kind: type[Dto]) -> tuple[Member, ...]:
    """The fields of a DTO in their order on the wire, those of the classes above first."""
    hints = get_type_hints(kind, include_extras=True)
    own = inspect.get_annotations(kind)
    wires = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    blank = kind()
    return tuple(_member(name, wire, hints[name], getattr(blank, name), name not in own) for name, wire in wires)


def _member(name: str, wire: str, hint: Any, default: Any, inherited: bool) -> Member:
    inner, metas = _unwrap(hint)
    noted: dict[str, Any] = {}
    for meta in metas:
        noted |= meta.extra or {}
    optional = type(None) in get_args(inner) if _is_union(inner) else False
    return Member(
        name=name,
        wire=wire,
        type=_without_none(inner),
        nullable=optional and not noted.get("ref") and not noted.get("required"),
        required=bool(noted.get("required")) or noted.get("rule") == "NotEmpty",
        rule=noted.get("rule"),
        range=noted.get("range"),
        file=bool(noted.get("file")),
        doc=next((meta.description for meta in metas if meta.description), None),
        default=default,
        inherited=inherited,
    )


def _unwrap(hint: Any) -> tuple[Any, list[Meta]]:
    """The type below the rules; a wire type (`Long`) is a type, not a rule."""
    metas: list[Meta] = []
    while get_origin(hint) is Annotated:
        found = [meta for meta in hint.__metadata__ if isinstance(meta, Meta)]
        wires = [meta for meta in found if "wire" in (meta.extra or {})]
        metas += [meta for meta in found if meta not in wires]
        inner = get_args(hint)[0]
        if wires:
            return Annotated[inner, wires[0]], metas
        hint = inner
    return hint, metas


def _without_none(hint: Any) -> Any:
    if not _is_union(hint):
        return hint
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007  # built from a list


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)
