"""Kotlin: open classes for net.servicestack's client.

What a newcomer would get wrong: whatever an answer may leave out is nullable, promised or not, for Gson does not ask the
constructor. And a comment inside a comment counts here, so `/*` must not stand in a description either.
"""

from gateway.types import _jvm as jvm
from gateway.types.options import Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import indented, starts_filled

_NAMES = {
    "string": "String",
    "bool": "Boolean",
    "int": "Int",
    "long": "Long",
    "short": "Short",
    "float": "Float",
    "double": "Double",
    "decimal": "BigDecimal",
    "DateTime": "Date",
    "byte[]": "ByteArray",
    "Stream": "InputStream",
    "object": "Any",
    "List": "ArrayList",
    "Dictionary": "HashMap",
}


def emit(view: View) -> str:
    """`dtos.kt`."""
    package = view.options.text("Package").strip(".")
    lines = [f"package {package}", ""] if package else []
    lines += [f"import {each}" for each in jvm.imports(view)]
    for shape in jvm.declared(view):
        lines += ["", *_shape(view, shape)]
    return "\n".join([*lines, ""])


def _shape(view: View, shape: Shape) -> list[str]:
    told = jvm.shape_notes(shape)
    if shape.what == "enum":
        kind = "Int" if shape.numbered else "String"
        value = f"(val value:{kind})" if jvm.valued(shape) else ""
        return [*told, f"enum class {shape.name}{value}", "{", *indented(_members(shape)), "}"]
    if shape.what == "interface":
        body = [f"var {_called(field)}:{_nullable(view, field.kind)}" for field in shape.fields]
        return [*told, f"interface {shape.name}", "{", *indented(body), "}"]
    params = f"<{', '.join(shape.params)}>" if shape.params else ""
    above = [f"{type_name(view, shape.base)}()"] if shape.base else []
    above += [type_name(view, kind) for kind in jvm.interfaces(view, shape)]
    heirs = f" : {', '.join(above)}" if above else ""
    body = [line for field in view.own(shape) for line in [*_field(view, shape, field), ""]]
    body += _answer(view, shape)
    while body and not body[-1]:
        body.pop()
    return [*told, f"open class {shape.name}{params}{heirs}", "{", *indented(body), "}"]


def _members(shape: Shape) -> list[str]:
    text = "value.toString()" if shape.numbered else "value"
    return [*jvm.words(shape), *(["", f"override fun toString() = {text}"] if jvm.valued(shape) else [])]


def _field(view: View, shape: Shape, field: Field) -> list[str]:
    asking = (view.shape(kind.name) for kind in jvm.interfaces(view, shape))
    asked = any(each and field.wire in {member.wire for member in each.fields} for each in asking)
    name, start = _nullable(view, field.kind), "null"
    if version := jvm.version(view, shape, field):
        name, start = type_name(view, field.kind), version
    elif starts_filled(field) and not asked:
        name = type_name(view, field.kind)
        start = f"{name}()"
    notes = jvm.member_notes(shape, field, jvm.KOTLIN_WORDS)
    return [*notes, f"{'override' if asked else 'open'} var {_called(field)}:{name} = {start}"]


def _called(field: Field) -> str:
    return jvm.called(field, jvm.KOTLIN_WORDS)


def _answer(view: View, shape: Shape) -> list[str]:
    if not shape.returns:
        return []
    name = type_name(view, shape.returns)
    token = f"object : TypeToken<{name}>(){{}}.type" if shape.returns.args else f"{name}::class.java"
    return [
        f"companion object {{ private val responseType = {token} }}",
        f"override fun getResponseType(): Any? = {shape.name}.responseType",
    ]


def _nullable(view: View, kind: Kind) -> str:
    return f"{type_name(view, kind)}?"


def type_name(view: View, kind: Kind) -> str:
    """`HashMap<String,ArrayList<Int>>`."""
    if jvm.as_string(view, kind):
        return "String"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{','.join(type_name(view, arg) for arg in kind.args)}>" if kind.args else name


_START = """implementation("net.servicestack:client:1.1.5")
curl -o dtos.kt {url}/types/kotlin

val client = JsonServiceClient("{url}")
client.bearerToken = System.getenv("AI_SERVER_KEY")
val hello = OpenAiMessage().apply { role = "user"; content = "Hello" }
val answer = client.post(OpenAiChatCompletion().apply { model = "llama3.2"; messages = arrayListOf(hello) })
println(answer.choices[0].message?.content)
"""

KOTLIN = Language(
    name="kotlin",
    aliases=("kt",),
    title="Kotlin",
    file="dtos.kt",
    options={"Package": "", **jvm.TAIL},
    emit=emit,
    start=_START,
)
