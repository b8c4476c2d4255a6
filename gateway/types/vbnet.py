"""VB.NET: partial classes for NuGet's ServiceStack.Client.

What a newcomer would get wrong: a property that an interface asks for says so itself (`Implements IGeneration.RefId`), and
names that are words of the language stand in brackets, whatever their case. An enum's words travel by their names, which the
server takes in any case.
"""

from gateway.types import _dotnet as net
from gateway.types.options import Comment, Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import indented, starts_filled

_NAMES = {
    "string": "String",
    "bool": "Boolean",
    "int": "Integer",
    "long": "Long",
    "short": "Short",
    "float": "Single",
    "double": "Double",
    "decimal": "Decimal",
    "DateTime": "Date",
    "byte[]": "Byte()",
    "object": "Object",
}
_WORDS = """addhandler addressof alias and andalso as boolean byref byte byval call case catch cbool cbyte cchar cdate cdbl cdec
char cint class clng cobj const continue csbyte cshort csng cstr ctype cuint culng cushort date decimal declare default
delegate dim directcast do double each else elseif end endif enum erase error event exit false finally for friend function get
gettype getxmlnamespace global gosub goto handles if implements imports in inherits integer interface is isnot let lib like
long loop me mod module mustinherit mustoverride mybase myclass nameof namespace narrowing new next not nothing notinheritable
notoverridable object of on operator option optional or orelse out overloads overridable overrides paramarray partial private
property protected public raiseevent readonly redim rem removehandler resume return sbyte select set shadows shared short
single static step stop string structure sub synclock then throw to true try trycast typeof uinteger ulong ushort using variant
wend when while widening with withevents writeonly xor"""
_RESERVED = set(_WORDS.split())


def emit(view: View) -> str:
    """`dtos.vb`."""
    lines = [f"Imports {each}" for each in net.imports(view)]
    body: list[str] = []
    for shape in net.declared(view):
        body += [*_shape(view, shape), ""]
    inner = [f"Namespace {net.namespace(view)}", "", *indented(body), "End Namespace"]
    return "\n".join([*lines, "", "Namespace Global", "", *indented(inner), "", "End Namespace", ""])


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*_summary(shape.doc), *(f"<{mark.written(':=')}>" for mark in net.shape_marks(view, shape))]
    name = safe(shape.name) + (f"(Of {', '.join(shape.params)})" if shape.params else "")
    if shape.what == "enum":
        return [*told, f"Public Enum {name}", *indented(_members(shape)), "End Enum"]
    if shape.what == "interface":
        asked = [f"Property {safe(field.pascal)} As {_type(view, field)}" for field in shape.fields]
        return [*told, f"Public Interface {name}", *indented(asked), "End Interface"]
    partial = "Partial " if view.options.flag("MakePartial") else ""
    body = [f"Inherits {type_name(shape.base)}"] if shape.base else []
    promised = ", ".join(map(type_name, net.interfaces(view, shape)))
    body += [f"Implements {promised}"] if promised else []
    for field in view.own(shape):
        body += ["", *_property(view, shape, field)]
    if not shape.base and not promised:
        body = body[1:]
    return [*told, f"Public {partial}Class {name}", *indented(body), "End Class"]


def _members(shape: Shape) -> list[str]:
    numbers = [f" = {member.value}" if shape.numbered else "" for member in shape.members]
    return [safe(member.name) + number for member, number in zip(shape.members, numbers, strict=True)]


def _property(view: View, shape: Shape, field: Field) -> list[str]:
    marks = ", ".join(mark.written(":=") for mark in net.member_marks(view, shape, field))
    told = [*_summary(field.doc), *([f"<{marks}>"] if marks else [])]
    virtual = "Overridable " if view.options.flag("MakeVirtual") else ""
    start = _start(view, shape, field)
    asked = ", ".join(f"{name}.{safe(field.pascal)}" for name in _askers(view, shape, field))
    implements = f" Implements {asked}" if asked else ""
    return [*told, f"Public {virtual}Property {safe(field.pascal)} As {_type(view, field)}{start}{implements}"]


def _askers(view: View, shape: Shape, field: Field) -> list[str]:
    """The interfaces of this request that ask for this property."""
    asking = (view.shape(kind.name) for kind in net.interfaces(view, shape))
    return [each.name for each in asking if each and field.wire in {asked.wire for asked in each.fields}]


def _start(view: View, shape: Shape, field: Field) -> str:
    if version := net.start(view, shape, field):
        return f" = {version}"
    filled = view.options.flag("InitializeCollections") and starts_filled(field)
    return f" = New {type_name(field.kind)}()" if filled else ""


def _type(view: View, field: Field) -> str:
    return type_name(field.kind) + ("?" if field.nullable and net.is_value(view, field.kind) else "")


def _summary(text: str) -> list[str]:
    return net.summary(text, "Summary", "'''")


def type_name(kind: Kind) -> str:
    """`Dictionary(Of String, List(Of Integer))`."""
    name = _NAMES.get(kind.name) or safe(kind.name)
    return f"{name}(Of {', '.join(map(type_name, kind.args))})" if kind.args else name


def safe(name: str) -> str:
    """A name that is a word of the language, in brackets."""
    return f"[{name}]" if name.lower() in _RESERVED else name


_START = """dotnet add package ServiceStack.Client
curl -o dtos.vb {url}/types/vbnet

Imports ServiceStack
Imports AiServer.ServiceModel

Dim client = New JsonApiClient("{url}") With {.BearerToken = Environment.GetEnvironmentVariable("AI_SERVER_KEY")}
Dim request = New OpenAiChatCompletion With {.Model = "llama3.2"}
request.Messages.Add(New OpenAiMessage With {.Role = "user", .Content = "Hello"})
Console.WriteLine(client.Post(request).Choices(0).Message.Content)
"""

VBNET = Language(
    name="vbnet",
    aliases=("vb", "vb.net"),
    title="VB.NET",
    file="dtos.vb",
    options={**net.START, **net.CLASSES, **net.MIDDLE},
    emit=emit,
    start=_START,
    comment=Comment(first="' Options:", last="", each="'", off="''"),
)
