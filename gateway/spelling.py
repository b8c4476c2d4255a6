"""How callers spell the fields of a media request: `positive_prompt`, `positivePrompt`, `prompt`. Pure.

A `Words` is the spelling table of a door, and where a table is not enough a function. What a newcomer would get wrong: an
error must name the field as its caller wrote it, so what was written is kept beside the value (`Fields.said`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from gateway.parsing import parse
from schemas.operations import Operation
from schemas.problem import Code, Problem

_ENTRY = re.compile(r"([A-Za-z_]{1,40})\[([^\[\]]{1,200})\]")
"""`arguments[seed]`, `files[photo]`: one entry of a map."""
SYNONYMS = {"positive_prompt": ("prompt",), "input": ("text",), "batch_size": ("n",), "cfg_scale": ("cfg",)}
"""Canonical field -> what else it is called, where the operation has no field of that name."""
MAPS = ("arguments", "files")


class Fields:
    """The fields of one request by canonical name, or by the caller's own where there is none."""

    def __init__(self, words: "Words", form: bool) -> None:
        self.words, self.form = words, form
        self.values: dict[str, Any] = {}
        self.said: dict[str, str] = {}
        """Canonical name -> as the caller wrote it."""

    def add(self, written: str, value: Any) -> None:
        """One more field. Raises `Problem(INVALID_REQUEST)` for one that was there before and can't be there twice."""
        if entry := _ENTRY.fullmatch(written):
            self._enter(entry[1], entry[2], value)
            return
        name, written = self.words.name_of(written), written.removesuffix("[]")
        if value is None or (self.form and value == ""):
            return
        several = name in self.words.several
        if name not in self.values:
            self.values[name], self.said[name] = (
                ([value] if several and not isinstance(value, list) else value),
                written,
            )
        elif several:
            self.values[name] += value if isinstance(value, list) else [value]
        else:
            raise Problem(Code.INVALID_REQUEST, f"Send '{written[:60]}' only once.", param=written[:60])

    def map_of(self, name: str) -> dict[str, Any]:
        """The map in a field. Raises `Problem(INVALID_REQUEST)` where something else stands there."""
        found = self.values.setdefault(name, {})
        if self.form and isinstance(found, str):
            found = self.values[name] = json_of(found, self.said.get(name, name))
        if not isinstance(found, dict):
            raise Problem(Code.INVALID_REQUEST, f"'{name}' must be an object.", param=self.said.get(name, name))
        return found

    def _enter(self, written: str, entry: str, value: Any) -> None:
        name = self.words.name_of(written)
        if name not in MAPS:
            raise Problem(Code.INVALID_REQUEST, f"'{written}' has no entries.", param=written)
        self.map_of(name)[entry] = value
        self.said.setdefault(name, written)


class Meant(NamedTuple):
    """A request in canonical fields. `echo`: what its answer must know of it."""

    operation: Operation
    values: dict[str, Any]
    echo: dict[str, Any] = {}  # noqa: RUF012  # a NamedTuple's default; nobody changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How one door is spelt to. `operations`: all it may lead to, the first one if nothing says otherwise."""

    operations: tuple[Operation, ...]
    names: Mapping[str, str]
    """Folded spelling (`fold`) -> canonical field; see `table`."""
    several: frozenset[str] = frozenset()
    """Fields that may be there more than once."""
    read: Callable[[Fields], Meant] | None = None
    """What the table can't say. None: the fields are the operation's own."""
    own: tuple[str, ...] = ()
    """Fields that the dialect has beside the canonical ones."""
    absolute: bool = False
    """Addresses in the answer are whole URLs, for this dialect's clients fetch them as they are."""
    files: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", frozenset(name for one in self.operations for name in one.files))

    def name_of(self, written: str) -> str:
        """The canonical name of a field; one that is not known keeps its own."""
        return self.names.get(fold(written), written)


def fold(name: str) -> str:
    """What all spellings of a name have in common."""
    return name.removesuffix("[]").replace("_", "").replace("-", "").lower()


def table(operations: Iterable[Operation], **more: str) -> dict[str, str]:
    """The spellings of the operations' fields. `more`: a dialect's own names -> canonical ones."""
    found: dict[str, str] = {}
    for operation in operations:
        own = {one.name: one.encode_name for one in msgspec.structs.fields(operation.request)}
        found |= {fold(name): encoded for name, encoded in own.items()}
        for name, others in SYNONYMS.items():
            if name in own:
                found |= {fold(other): name for other in others if other not in own}
        for name in operation.files:
            found.setdefault(fold(f"{name}_url"), name)
        if len(operation.files) == 1 and operation.files != ("files",):
            found.setdefault("file", operation.files[0])
    return found | {fold(name): canonical for name, canonical in more.items()}


def spelt(operation: Operation) -> Words:
    """The words of the operation's own door."""
    lists = {name for name in operation.files if name == "images"}
    return Words(operations=(operation,), names=table([operation]), several=frozenset(lists))


def struct_of(meant: Meant, form: bool) -> Any:
    """The typed request. `form`: its values are text. Raises `Problem(INVALID_REQUEST)`, param by canonical name."""
    kind, values = meant.operation.request, meant.values
    if form:
        values = {name: _unpacked(kind, name, value) for name, value in values.items()}

    def convert(_: bytes) -> Any:
        return msgspec.convert(values, type=kind, strict=not form)

    return parse(convert, b"", kind=kind)


def json_of(text: str, name: str) -> Any:
    """JSON that stands in the field of a form."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise Problem(Code.INVALID_REQUEST, f"'{name}' holds JSON that is not valid.", param=name) from None


def flag(value: Any, name: str) -> bool:
    """A yes or no, of JSON or of a form."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "1", "false", "0", ""):
        return value.lower() in ("true", "1")
    raise Problem(Code.INVALID_REQUEST, f"'{name}' must be true or false.", param=name)


def _unpacked(kind: type, name: str, value: Any) -> Any:
    """Maps, and a workflow that is not a name, stand in a form as JSON."""
    if isinstance(value, str) and (name in MAPS or (name == "workflow" and value.lstrip()[:1] == "{")):
        return json_of(value, name)
    return value
