"""C#: partial classes for NuGet's ServiceStack.Client.

What a newcomer would get wrong: `int?` is another type than `int`, but `string?` is only an annotation, which compilers
before C# 8 do not know; it is written when `AddNullableAnnotations` asks for it.
"""

from gateway.types import _dotnet as net
from gateway.types.options import OFF, Language
from gateway.types.shapes import Field, Kind, Member, Shape
from gateway.types.view import View
from gateway.types.words import indented, starts_filled

_NAMES = {"object": "Object"}


def emit(view: View) -> str:
    """`dtos.cs`."""
    lines = [f"using {each};" for each in net.imports(view)]
    if view.options.flag("AddNullableAnnotations"):
        lines += ["", "#nullable enable annotations"]
    body: list[str] = []
    for shape in net.declared(view):
        body += [*_shape(view, shape), ""]
    return "\n".join([*lines, "", f"namespace {net.namespace(view)}", "{", *indented(body[:-1]), "}", ""])


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*net.summary(shape.doc), *(f"[{mark.written()}]" for mark in net.shape_marks(view, shape))]
    access = "internal" if view.options.flag("MakeInternal") else "public"
    if shape.what == "enum":
        told += ["[DataContract]"] if any(map(_renamed, shape.members)) else []
        return [*told, f"{access} enum {shape.name}", "{", *indented(_members(shape)), "}"]
    partial = "partial " if view.options.flag("MakePartial") else ""
    params = f"<{', '.join(shape.params)}>" if shape.params else ""
    bases = ([type_name(shape.base)] if shape.base else []) + list(map(type_name, net.interfaces(view, shape)))
    lines = [*told, f"{access} {partial}{shape.what} {shape.name}{params}"]
    lines += [f"    : {', '.join(bases)}"] if bases else []
    body: list[str] = []
    for field in view.own(shape):
        body += [*_property(view, shape, field), *([""] if shape.what == "class" else [])]
    if body and not body[-1]:
        body.pop()
    return [*lines, "{", *indented(body), "}"]


def _renamed(member: Member) -> bool:
    return isinstance(member.value, str) and member.value != member.name


def _members(shape: Shape) -> list[str]:
    lines: list[str] = []
    for member in shape.members:
        if _renamed(member):
            lines.append(f'[EnumMember(Value="{member.value}")]')
        lines.append(f"{member.name} = {member.value}," if shape.numbered else f"{member.name},")
    return lines


def _property(view: View, shape: Shape, field: Field) -> list[str]:
    name = type_name(field.kind)
    if field.nullable and (net.is_value(view, field.kind) or view.options.flag("AddNullableAnnotations")):
        name += "?"
    told = [*net.summary(field.doc), *(f"[{mark.written()}]" for mark in net.member_marks(view, shape, field))]
    if shape.what == "interface":
        return [*told, f"{name} {field.pascal} {{ get; set; }}"]
    virtual = "virtual " if view.options.flag("MakeVirtual") else ""
    # A member may not be called like its class.
    called = f"{field.pascal}_" if field.pascal == shape.name else field.pascal
    return [*told, f"public {virtual}{name} {called} {{ get; set; }}{_start(view, shape, field)}"]


def _start(view: View, shape: Shape, field: Field) -> str:
    if version := net.start(view, shape, field):
        return f" = {version};"
    filled = view.options.flag("InitializeCollections") and starts_filled(field)
    return f" = new {type_name(field.kind)}();" if filled else ""


def type_name(kind: Kind) -> str:
    """`Dictionary<string, List<int>>`."""
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{', '.join(map(type_name, kind.args))}>" if kind.args else name


_START = """dotnet add package ServiceStack.Client
curl -o dtos.cs {url}/types/csharp

using ServiceStack;
using AiServer.ServiceModel;

var client = new JsonApiClient("{url}") { BearerToken = Environment.GetEnvironmentVariable("AI_SERVER_KEY") };
var answer = await client.PostAsync(new OpenAiChatCompletion {
    Model = "llama3.2",
    Messages = [new() { Role = "user", Content = "Hello" }],
});
Console.WriteLine(answer.Choices[0].Message.Content);
"""

CSHARP = Language(
    name="csharp",
    aliases=("cs", "c#"),
    title="C#",
    file="dtos.cs",
    options={**net.START, **net.CLASSES, "MakeInternal": OFF, "AddNullableAnnotations": OFF, **net.MIDDLE},
    emit=emit,
    start=_START,
)
