"""The registry of DTOs as emitters want it: plain facts, no Python types, in the order in which a file can declare them.

What a newcomer would get wrong: a `Kind` is named in the words of C#, for these are what the reference's clients know
(`long`, `DateTime`, `List`); each emitter has its own table from there. And `nullable` is what a client is told, which is not
whether Python may hold None: a `Ref` field is promised as never null and may still be missing.
"""

import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

import schemas.dtos
from schemas.dtos._model import APIS, INT_ENUMS, TYPES, Api


class Kind(msgspec.Struct, frozen=True):
    """A type where it is used: `List<ResponseError>`, `long`, `T`."""

    name: str
    """string bool int long short float double decimal DateTime TimeSpan byte[] Stream object List Dictionary, or a shape's
    name, or a type parameter."""
    args: tuple["Kind", ...] = ()

    def names(self) -> Iterator[str]:
        """Every name in it, outermost first."""
        yield self.name
        for arg in self.args:
            yield from arg.names()

    def __str__(self) -> str:
        return f"{self.name}<{','.join(map(str, self.args))}>" if self.args else self.name


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a shape."""

    attr: str
    """As Python calls it: `max_tokens`, `from_`."""
    pascal: str
    """As C# calls it: `MaxTokens`, `From`."""
    wire: str
    """As JSON calls it: `max_tokens`, `from`, `refId`."""
    kind: Kind
    nullable: bool
    """Clients see `kind?`."""
    ref: bool
    """Never null by promise, and nothing until it is set: no default of its own."""
    required: bool = False
    file: bool = False
    doc: str = ""
    rule: str = ""
    """`NotEmpty` or `GreaterThan`."""
    low: float | None = None
    high: float | None = None

    @property
    def named(self) -> bool:
        """Whether its name in JSON must be said (`[DataMember(Name=…)]`), for it is not C#'s name in camel case."""
        return self.wire != self.pascal[:1].lower() + self.pascal[1:]


class Member(msgspec.Struct, frozen=True):
    """One word of an enum."""

    name: str
    value: str | int
    """On the wire."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A type to declare."""

    name: str
    what: Literal["class", "enum", "interface"]
    doc: str = ""
    params: tuple[str, ...] = ()
    """`T`; of generics."""
    base: Kind | None = None
    fields: tuple[Field, ...] = ()
    """Its own, not its base's."""
    members: tuple[Member, ...] = ()
    numbered: bool = False
    """An enum that travels as its numbers."""
    verb: str = ""
    """Of a request; empty: no request."""
    returns: Kind | None = None
    """Of a request; None there: an empty answer (`IReturnVoid`)."""
    markers: tuple[Kind, ...] = ()
    """Interfaces of a request beside `IReturn`: `IGet`, `ICreateDb<AiProvider>`, `IGeneration`."""
    tag: str = ""
    auth: str = "none"
    routes: tuple[str, ...] = ()
    framework: bool = False
    """One that every ServiceStack server has, AI or not (`AddServiceStackTypes`)."""

    @property
    def request(self) -> bool:
        """Whether it can be sent."""
        return bool(self.verb)

    def mentions(self) -> Iterator[str]:
        """Names of the shapes that must be known before this one; builtins and type parameters are among them."""
        for kind in (self.base, *self.markers, *(field.kind for field in self.fields)):
            if kind is not None:
                yield from kind.names()

    def answers(self) -> Iterator[str]:
        """Names that its answer brings."""
        if self.returns is not None:
            yield from self.returns.names()


_SCALARS: dict[Any, str] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "double",
    bytes: "byte[]",
    datetime: "DateTime",
    timedelta: "TimeSpan",
    Any: "object",
}
_WIRES = {"bytes": "byte[]"}
_FRAMEWORK = {"base", "auth", "jobs", "admin", "admin_jobs", "analytics", "users"}
_OWN = ("Hello", "HelloResponse", "DummyReplyTo", "DummyReplyToResponse", "HasDummyReplyTo")
"""Ours, though they are written down among the framework's."""


def _common(name: str, doc: str, *attrs: tuple[str, str]) -> Shape:
    fields = tuple(
        Field(attr=attr, pascal=_pascal(attr), wire=wire, kind=Kind("string"), nullable=True, ref=False)
        for attr, wire in attrs
    )
    return Shape(name=name, what="interface", doc=doc, fields=fields)


def _pascal(attr: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in attr.strip("_").split("_"))


_REF_ID, _TAG, _REPLY_TO, _STATE = ("ref_id", "refId"), ("tag", "tag"), ("reply_to", "replyTo"), ("state", "state")
INTERFACES = {
    shape.name: shape
    for shape in (
        _common("IMediaTransform", "What every transform that waits has.", _REF_ID, _TAG),
        _common("IQueueMediaTransform", "What every queued transform has.", _REF_ID, _TAG, _REPLY_TO),
        _common("IGeneration", "What every generation that waits has.", _REF_ID, _TAG),
        _common("IQueueGeneration", "What every queued generation has.", _REF_ID, _REPLY_TO, _TAG, _STATE),
    )
}
"""Interfaces of requests that no client library brings."""


@cache
def shapes() -> dict[str, Shape]:
    """Every shape by name: interfaces, then the registry's, in order of definition."""
    assert schemas.dtos.APIS is APIS  # its import fills the registry
    return dict(INTERFACES) | {name: _shape(name, kind) for name, kind in TYPES.items()}


def _shape(name: str, kind: type) -> Shape:
    doc = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    module = kind.__module__.rpartition(".")[2]
    framework = name not in _OWN and (module in _FRAMEWORK or name.startswith("Admin"))
    if issubclass(kind, Enum):
        members = tuple(Member(member.name.strip("_"), member.value) for member in kind)
        numbered = kind in INT_ENUMS
        return Shape(name=name, what="enum", doc=doc, members=members, numbered=numbered, framework=framework)
    api = APIS.get(name)
    return Shape(
        name=name,
        what="class",
        doc=doc,
        params=tuple(each.__name__ for each in getattr(kind, "__parameters__", ())),
        base=_base(kind),
        fields=tuple(_fields(kind)),
        verb=api.verb if api else "",
        returns=_kind(api.returns) if api and api.returns is not None else None,
        markers=tuple(map(_marker, _marked(api))) if api else (),
        tag=api.tag if api else "",
        auth=api.auth if api else "none",
        routes=api.routes if api else (),
        framework=framework,
    )


def _marked(api: Api) -> tuple[str, ...]:
    """The interfaces of a request, with the verb's for one that says nothing but is not sent by POST: clients would POST."""
    verbs = {"GET": "IGet", "PUT": "IPut", "PATCH": "IPatch", "DELETE": "IDelete"}
    silent = not any(marker.startswith(("IGet", "IPost", "IPut", "IPatch", "IDelete")) for marker in api.markers)
    if silent and api.verb in verbs and not _query(api.request):
        return (*api.markers, verbs[api.verb])
    return api.markers


def _query(request: type) -> bool:
    return any(base.__name__ == "QueryBase" for base in request.__mro__)


def _marker(text: str) -> Kind:
    name, _, inner = text.partition("<")
    return Kind(name, (Kind(inner.rstrip(">")),) if inner else ())


def _base(kind: type) -> Kind | None:
    """What it inherits from, with arguments; None for `Dto` itself."""
    for base in getattr(kind, "__orig_bases__", kind.__bases__):
        plain = get_origin(base) or base
        if isinstance(plain, type) and plain.__name__ in TYPES:
            return _kind(base)
    return None


def _fields(kind: type) -> Iterator[Field]:
    hints = get_type_hints(kind, include_extras=True)
    wires = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    for attr in inspect.get_annotations(kind):
        if attr in wires:
            yield _field(attr, wires[attr], hints[attr])


def _field(attr: str, wire: str, hint: Any) -> Field:
    """A field out of its annotation: `Annotated[Ref[list[str]], doc("…")]`."""
    facts: dict[str, Any] = {}
    told = ""
    for meta in _metas(hint):
        facts |= meta.extra or {}
        told = meta.description or told
    kind, nullable = _opened(hint)
    ref = bool(facts.get("ref"))
    low, high = facts.get("range", (None, None))
    return Field(
        attr=attr,
        pascal=_pascal(attr),
        wire=wire,
        kind=Kind("Stream") if facts.get("file") else kind,
        nullable=nullable and not ref and not facts.get("required"),
        ref=ref,
        required=bool(facts.get("required") or facts.get("rule")),
        file=bool(facts.get("file")),
        doc=told,
        rule=facts.get("rule", ""),
        low=low,
        high=high,
    )


def _metas(hint: Any) -> Iterator[msgspec.Meta]:
    if get_origin(hint) is Annotated:
        yield from _metas(get_args(hint)[0])
        yield from (meta for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta))


def _opened(hint: Any) -> tuple[Kind, bool]:
    """The kind inside, and whether None is allowed."""
    if get_origin(hint) is Annotated:
        wires = [meta.extra["wire"] for meta in hint.__metadata__ if meta.extra and "wire" in meta.extra]
        kind, nullable = _opened(get_args(hint)[0])
        return (Kind(_WIRES.get(wires[0], wires[0])) if wires else kind), nullable
    if get_origin(hint) in (Union, UnionType):
        inner = [arg for arg in get_args(hint) if arg is not NoneType]
        return (_kind(inner[0]) if len(inner) == 1 else Kind("object")), len(inner) < len(get_args(hint))
    return _kind(hint), False


def _kind(hint: Any) -> Kind:
    if get_origin(hint) in (Annotated, Union, UnionType):
        return _opened(hint)[0]
    args = tuple(_kind(arg) for arg in get_args(hint))
    plain = get_origin(hint) or hint
    if plain is list:
        return Kind("List", args or (Kind("object"),))
    if plain is dict:
        return Kind("Dictionary", args or (Kind("string"), Kind("object")))
    if isinstance(hint, TypeVar):
        return Kind(hint.__name__)
    return Kind(_SCALARS.get(plain) or plain.__name__, args)
