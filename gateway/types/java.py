"""Java: static classes inside one class, with fields, getters and fluent setters, for net.servicestack's client.

What a newcomer would get wrong: a setter returns its own class, so a request that inherits fields sets them again under its
own name; otherwise `new OpenAiChatCompletion().setModel("m")` would be no request any more.
"""

import msgspec

from gateway.types import _jvm as jvm
from gateway.types.options import ON, Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import indented, starts_filled

_NAMES = {
    "string": "String",
    "bool": "Boolean",
    "int": "Integer",
    "long": "Long",
    "short": "Short",
    "float": "Float",
    "double": "Double",
    "decimal": "BigDecimal",
    "DateTime": "Date",
    "Stream": "InputStream",
    "object": "Object",
    "List": "ArrayList",
    "Dictionary": "HashMap",
}


def emit(view: View) -> str:
    """`dtos.java`."""
    package = view.options.text("Package").strip(".")
    lines = [f"package {package};", ""] if package else []
    lines += [f"import {each};" for each in jvm.imports(view)]
    lines += ["", f"public class {view.options.text('GlobalNamespace').rpartition('.')[2] or 'dtos'}", "{"]
    for shape in jvm.declared(view):
        lines += ["", *indented(_shape(view, shape))]
    return "\n".join([*lines, "}", ""])


def _shape(view: View, shape: Shape) -> list[str]:
    told = jvm.shape_notes(shape)
    if shape.what == "enum":
        return [*told, f"public static enum {shape.name}", "{", *indented(_members(shape)), "}"]
    if shape.what == "interface":
        body = [line for field in shape.fields for line in _accessors(view, shape, field)]
        return [*told, f"public static interface {shape.name}", "{", *indented(body), "}"]
    params = f"<{', '.join(shape.params)}>" if shape.params else ""
    base = f" extends {type_name(view, shape.base)}" if shape.base else ""
    names = ", ".join(type_name(view, kind) for kind in jvm.interfaces(view, shape))
    implements = f" implements {names}" if names else ""
    body = [line for field in view.own(shape) for line in [*_field(view, shape, field), ""]]
    for field in view.own(shape):
        body += _accessors(view, shape, field)
    body += [*_setters_above(view, shape), *_answer(view, shape)]
    while body and not body[-1]:
        body.pop()
    return [*told, f"public static class {shape.name}{params}{base}{implements}", "{", *indented(body), "}"]


def _members(shape: Shape) -> list[str]:
    lines = jvm.words(shape)
    if jvm.valued(shape):
        kind, text = ("int", "String.valueOf(value)") if shape.numbered else ("String", "value")
        lines += [
            "",
            f"private final {kind} value;",
            f"{shape.name}(final {kind} value) {{ this.value = value; }}",
            f"public {kind} getValue() {{ return value; }}",
            f"@Override public String toString() {{ return {text}; }}",
        ]
    return lines


def _field(view: View, shape: Shape, field: Field) -> list[str]:
    name = type_name(view, field.kind)
    start = jvm.version(view, shape, field) or (f"new {name}()" if starts_filled(field) else "null")
    called = jvm.called(field, jvm.JAVA_WORDS)
    return [*jvm.member_notes(shape, field, jvm.JAVA_WORDS), f"public {name} {called} = {start};"]


def _accessors(view: View, shape: Shape, field: Field) -> list[str]:
    if not view.options.flag("AddPropertyAccessors"):
        return []
    name, called = type_name(view, field.kind), jvm.called(field, jvm.JAVA_WORDS)
    getter = f"public {name} {'is' if name == 'Boolean' else 'get'}{field.pascal}()"
    if shape.what == "interface":
        result = shape.name if view.options.flag("SettersReturnThis") else "void"
        return [f"{getter};", f"public {result} set{field.pascal}({name} value);"]
    return [f"{getter} {{ return {called}; }}", _setter(view, shape, name, field.pascal, f"this.{called} = value;")]


def _setter(view: View, shape: Shape, name: str, pascal: str, body: str) -> str:
    own = f"{shape.name}<{', '.join(shape.params)}>" if shape.params else shape.name
    fluent = view.options.flag("SettersReturnThis")
    result, end = (own, " return this;") if fluent else ("void", "")
    return f"public {result} set{pascal}({name} value) {{ {body}{end} }}"


def _setters_above(view: View, shape: Shape) -> list[str]:
    """The setters of the bases under this class's name."""
    if not (view.options.flag("AddPropertyAccessors") and view.options.flag("SettersReturnThis")):
        return []
    above = (
        view.inherited(msgspec.structs.replace(shape, fields=()))
        if shape.base and shape.base.name in view.names
        else []
    )
    return [
        _setter(view, shape, type_name(view, field.kind), field.pascal, f"super.set{field.pascal}(value);")
        for field in above
    ]


def _answer(view: View, shape: Shape) -> list[str]:
    if not shape.returns:
        return []
    name = type_name(view, shape.returns)
    token = f"new TypeToken<{name}>(){{}}.getType()" if shape.returns.args else f"{name}.class"
    return [
        f"private static Object responseType = {token};",
        "public Object getResponseType() { return responseType; }",
    ]


def type_name(view: View, kind: Kind) -> str:
    """`HashMap<String,ArrayList<Integer>>`; always the boxed kind, so that it can be null."""
    if jvm.as_string(view, kind):
        return "String"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{','.join(type_name(view, arg) for arg in kind.args)}>" if kind.args else name


_START = """implementation 'net.servicestack:client:1.1.5'
curl -o dtos.java {url}/types/java

JsonServiceClient client = new JsonServiceClient("{url}");
client.setBearerToken(System.getenv("AI_SERVER_KEY"));
ArrayList<OpenAiMessage> messages = new ArrayList<>();
messages.add(new OpenAiMessage().setRole("user").setContent("Hello"));
OpenAiChatResponse answer = client.post(new OpenAiChatCompletion().setModel("llama3.2").setMessages(messages));
System.out.println(answer.getChoices().get(0).getMessage().getContent());
"""

JAVA = Language(
    name="java",
    title="Java",
    file="dtos.java",
    options={
        "Package": "",
        "GlobalNamespace": "dtos",
        "AddPropertyAccessors": ON,
        "SettersReturnThis": ON,
        **jvm.TAIL,
    },
    emit=emit,
    start=_START,
)
