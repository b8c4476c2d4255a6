"""Requests that are handed on nearly as they came: their known names in the wire's spelling, all else untouched. Pure.

Chats go this way: what a provider knows and the DTO does not (functions of tools, parts of a message) must reach it. What
a newcomer would get wrong: values are left alone but for text that came in a query or a form.
"""

from typing import Annotated, Any, Union, get_args, get_origin

from gateway.aiserver import jsv
from gateway.aiserver.convert import BAD, WRONG, fitting, fold, member_of
from gateway.dialects._status import invalid
from schemas.dtos._model import SYNONYMS, Dto
from schemas.problem import FieldFault


def named(
    kind: type[Dto], values: dict[str, Any], found: list[FieldFault] | None = None, at: str = ""
) -> dict[str, Any]:
    """The values by their names on the wire, those inside too; nulls are left out. Raises `Problem(INVALID_REQUEST)`."""
    top = found is None
    noted: list[FieldFault] = [] if found is None else found
    out: dict[str, Any] = {}
    for written, value in values.items():
        if value is None:
            continue
        member = member_of(kind, written) or member_of(kind, _synonym(kind, written))
        if member is None:
            out[written] = value
        elif member.wire not in out or member.wire == written:
            path = f"{at}.{member.wire}" if at else member.wire
            made = _inside(member.type, value, noted, path)
            if made is not WRONG and made is not None:
                out[member.wire] = made
    if top and noted:
        raise invalid(noted)
    return out


def _synonym(kind: type[Dto], written: str) -> str:
    for theirs, ours in SYNONYMS.get(kind.__name__, {}).items():
        if fold(theirs) == fold(written):
            return ours
    return written


def _inside(hint: Any, value: Any, found: list[FieldFault], at: str) -> Any:
    if type(value) in (int, float, bool):
        return value
    if isinstance(value, dict):
        kind = _dto(hint)
        return named(kind, value, found, at) if kind else value
    if isinstance(value, list):
        kind = _dto((get_args(hint) or (None,))[0]) if get_origin(hint) is list else None
        if kind is None:
            return value
        return [named(kind, one, found, f"{at}[]") if isinstance(one, dict) else one for one in value]
    return _of_text(hint, value, found, at)


def _of_text(hint: Any, text: Any, found: list[FieldFault], at: str) -> Any:
    """A text where something else may be meant."""
    if hint is str or not isinstance(text, str):
        return text
    listed = get_origin(hint) is list
    if not listed and get_origin(hint) is not dict and _dto(hint) is None:
        return fitting(hint)(text, at, found)
    try:
        read = jsv.read_list(text) if listed else jsv.read(text)
    except ValueError:
        found.append(FieldFault(BAD, at, f"'{at}' must be {'a list' if listed else 'an object'}, as JSON."))
        return WRONG
    if isinstance(read, str):
        return fitting(hint)(read, at, found)
    return _inside(hint, read, found, at)


def _dto(hint: Any) -> type[Dto] | None:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) is Union:
        return None
    return hint if isinstance(hint, type) and issubclass(hint, Dto) else None
