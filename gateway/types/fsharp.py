"""F#: classes with mutable members for NuGet's ServiceStack.Client.

What a newcomer would get wrong: a type must be declared above the place that names it; only a `namespace rec` lets two name
each other. An interface with members cannot be implemented by `member val`, so only those without are named.
"""

from gateway.types import _dotnet as net
from gateway.types.options import Comment, Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import indented, starts_filled

_NAMES = {
    "string": "String",
    "bool": "Boolean",
    "int": "Int32",
    "long": "Int64",
    "short": "Int16",
    "float": "Single",
    "double": "Double",
    "decimal": "Decimal",
    "byte[]": "Byte[]",
    "object": "Object",
    "List": "ResizeArray",
}


def emit(view: View) -> str:
    """`dtos.fs`."""
    shapes = [shape for shape in net.declared(view) if shape.what != "interface"]
    keyword = "namespace rec" if _ringed(shapes) else "namespace"
    lines = [f"{keyword} {net.namespace(view)}", "", *(f"open {each}" for each in net.imports(view)), ""]
    for shape in shapes:
        lines += [*indented(_shape(view, shape)), ""]
    return "\n".join(lines)


def _ringed(shapes: list[Shape]) -> bool:
    """Whether a type is named above its declaration, which no order can help if two need each other."""
    declared: set[str] = set()
    names = {shape.name for shape in shapes}
    for shape in shapes:
        declared.add(shape.name)
        if (set(shape.mentions()) & names) - declared:
            return True
    return False


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*net.summary(shape.doc), *(f"[<{mark.written()}>]" for mark in net.shape_marks(view, shape))]
    if shape.what == "enum":
        return [*told, f"type {shape.name} =", *indented(_members(shape))]
    params = f"<{', '.join(chr(39) + name for name in shape.params)}>" if shape.params else ""
    body = [f"inherit {type_name(shape.base, shape)}()"] if shape.base else []
    known = [kind for kind in net.interfaces(view, shape) if not view.shape(kind.name)]
    body += [f"interface {type_name(kind, shape)}" for kind in known]
    for field in view.own(shape):
        body += [*_member(view, shape, field), ""]
    while body and not body[-1]:
        body.pop()
    if not body:
        return [*told, "[<AllowNullLiteral>]", f"type {shape.name}{params}() = class end"]
    return [*told, "[<AllowNullLiteral>]", f"type {shape.name}{params}() =", *indented(body)]


def _members(shape: Shape) -> list[str]:
    """Its words; they travel by their names, which the server takes as well."""
    numbered = enumerate(shape.members)
    return [f"| {member.name} = {member.value if shape.numbered else place}" for place, member in numbered]


def _member(view: View, shape: Shape, field: Field) -> list[str]:
    told = [*net.summary(field.doc), *(f"[<{mark.written()}>]" for mark in net.member_marks(view, shape, field))]
    name = type_name(field.kind, shape)
    value = net.is_value(view, field.kind)
    if field.nullable and value:
        name = f"Nullable<{name}>"
    if version := net.start(view, shape, field):
        start = version
    elif field.kind.name in shape.params:
        start = f"Unchecked.defaultof<{name}>"
    else:
        filled = view.options.flag("InitializeCollections") and starts_filled(field)
        start = f"new {name}()" if value or filled else "null"
    return [*told, f"member val {field.pascal}:{name} = {start} with get,set"]


def type_name(kind: Kind, shape: Shape | None = None) -> str:
    """`Dictionary<String, ResizeArray<Int32>>`; a type parameter of the shape has its tick."""
    if shape and kind.name in shape.params:
        return f"'{kind.name}"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{', '.join(type_name(arg, shape) for arg in kind.args)}>" if kind.args else name


_START = """dotnet add package ServiceStack.Client
curl -o dtos.fs {url}/types/fsharp

open System
open ServiceStack
open AiServer.ServiceModel

let client = new JsonApiClient("{url}", BearerToken = Environment.GetEnvironmentVariable "AI_SERVER_KEY")
let request = OpenAiChatCompletion(Model = "llama3.2")
request.Messages.Add(OpenAiMessage(Role = "user", Content = "Hello"))
printfn "%s" (client.Post(request).Choices[0].Message.Content)
"""

FSHARP = Language(
    name="fsharp",
    aliases=("fs", "f#"),
    title="F#",
    file="dtos.fs",
    options={**net.START, **net.MIDDLE},
    emit=emit,
    start=_START,
    comment=Comment(first="(* Options:", last="*)"),
)
