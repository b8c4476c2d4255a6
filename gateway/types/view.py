"""The shapes that one caller gets: chosen by the options, in an order in which each is declared before it is used.

What a newcomer would get wrong: the order is nouns first, then answers, then requests, as the reference has it, and within
that by need; Python and PHP really depend on it.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from gateway.types.options import Language, Options, header
from gateway.types.shapes import Field, Kind, Shape, shapes

_REST = ".*"


class View:
    """The world as one emitter sees it."""

    def __init__(self, language: Language, options: Options, all_shapes: Mapping[str, Shape] | None = None) -> None:
        self.language, self.options = language, options
        self._all = shapes() if all_shapes is None else all_shapes

    @cached_property
    def shapes(self) -> list[Shape]:
        """What to declare, in order."""
        order = _ordered(self._all)
        wanted = self._included(order) - self._excluded()
        answers = {name for shape in self._all.values() for name in shape.answers()}
        return [self._adapted(self._all[name], name in answers) for name in order if name in wanted]

    @cached_property
    def names(self) -> set[str]:
        """The names of all that is declared."""
        return {shape.name for shape in self.shapes}

    def shape(self, name: str) -> Shape | None:
        """Any shape of the registry, declared here or not."""
        return self._all.get(name)

    def inherited(self, shape: Shape) -> list[Field]:
        """The fields of its bases, the nearest base's first; those that it declares again are left out."""
        found: list[Field] = []
        seen = {field.wire for field in shape.fields}
        base = shape.base
        while base is not None and (parent := self._all.get(base.name)) is not None:
            bound = dict(zip(parent.params, base.args, strict=False))
            found += [_bound(field, bound) for field in parent.fields if field.wire not in seen]
            seen |= {field.wire for field in parent.fields}
            base = parent.base
        return found

    def own(self, shape: Shape) -> list[Field]:
        """Its fields without those that a base declares too, for languages in which saying it twice is an error."""
        above = {field.wire for field in self.inherited(msgspec.structs.replace(shape, fields=()))}
        return [field for field in shape.fields if field.wire not in above]

    def interfaces(self, shape: Shape, known: Iterable[str] = ()) -> list[Kind]:
        """What a request implements beside its answer: those that are declared here, and those that clients know."""
        return [kind for kind in shape.markers if kind.name in self.names or kind.name in _KNOWN or kind.name in known]

    def source(self, version: str, date: str) -> str:
        """The whole file."""
        above = self.language.before(self) if self.language.before else ""
        return f"{above}{header(self.language, self.options, version, date)}\n\n{self.language.emit(self)}"

    def documented(self) -> bool:
        """Whether descriptions are wanted."""
        flags = ("AddDescriptionAsComments", "AddDocAnnotations")
        return all(self.options.flag(name) for name in flags if self.options.text(name))

    def _adapted(self, shape: Shape, answer: bool) -> Shape:
        """A shape with what the options change about it."""
        fields = shape.fields
        if not self.documented():
            fields = tuple(msgspec.structs.replace(field, doc="") for field in fields)
            shape = msgspec.structs.replace(shape, doc="")
        lacks = "responseStatus" not in {field.wire for field in (*fields, *self.inherited(shape))}
        if self.options.flag("AddResponseStatus") and answer and shape.what == "class" and not shape.request and lacks:
            fields = (*fields, _STATUS)
        if self.options.text("AddImplicitVersion") and shape.request:
            fields = (_VERSION, *fields)
        return msgspec.structs.replace(shape, fields=fields)

    def _included(self, order: list[str]) -> set[str]:
        """The names that IncludeTypes asks for; all of them if it asks for nothing."""
        asked = self.options.names("IncludeTypes")
        found = set(order) if not asked else set()
        for each in asked:
            plain = each.removesuffix(_REST)
            if plain.startswith("{"):
                tagged = self._tagged(plain)
                found |= tagged | _needed(self._all, tagged)
            elif plain in self._all:
                found |= {plain} | (_needed(self._all, {plain}) if each.endswith(_REST) else set())
        if not self.options.flag("AddServiceStackTypes") and self.options.text("AddServiceStackTypes"):
            found = {name for name in found if not self._all[name].framework}
        return found

    def _excluded(self) -> set[str]:
        found: set[str] = set()
        for each in self.options.names("ExcludeTypes"):
            found |= self._tagged(each) if each.startswith("{") else {each.removesuffix(_REST)}
        return found

    def _tagged(self, text: str) -> set[str]:
        """The requests of `{AI}` or `{AI,Media Info}`."""
        tags = {tag.strip().lower() for tag in text.removesuffix(_REST).strip("{}").split(",")}
        return {name for name, shape in self._all.items() if shape.tag and shape.tag.lower() in tags}


_KNOWN = {"IGet", "IPost", "IPut", "IPatch", "IDelete", "ICreateDb", "IUpdateDb", "IPatchDb", "IDeleteDb", "ISaveDb"}
_STATUS = Field(
    attr="response_status",
    pascal="ResponseStatus",
    wire="responseStatus",
    kind=Kind("ResponseStatus"),
    nullable=False,
    ref=True,
)
_VERSION = Field(attr="version", pascal="Version", wire="version", kind=Kind("int"), nullable=False, ref=False)


def _bound(field: Field, bound: Mapping[str, Kind]) -> Field:
    return msgspec.structs.replace(field, kind=_filled(field.kind, bound)) if bound else field


def _filled(kind: Kind, bound: Mapping[str, Kind]) -> Kind:
    return bound.get(kind.name) or Kind(kind.name, tuple(_filled(arg, bound) for arg in kind.args))


def _ordered(known: Mapping[str, Shape]) -> list[str]:
    """All that requests reach, each after what it needs: nouns of requests, nouns of answers, answers, requests."""
    requests = [shape for shape in known.values() if shape.request]
    answers = [known[name] for shape in requests for name in shape.answers() if name in known]
    order: dict[str, None] = {}

    def place(name: str) -> None:
        if name in order or name not in known:
            return
        order[name] = None
        for need in known[name].mentions():
            place(need)
        del order[name]
        order[name] = None

    for shape in (*requests, *answers):
        for need in shape.mentions():
            place(need)
    for shape in (*answers, *requests):
        place(shape.name)
    return list(order)


def _needed(known: Mapping[str, Shape], names: set[str]) -> set[str]:
    """Everything that these lead to, their answers too."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        shape = known.get(waiting.pop())
        if shape is None or shape.name in found:
            continue
        found.add(shape.name)
        waiting += [*shape.mentions(), *shape.answers()]
    return found
