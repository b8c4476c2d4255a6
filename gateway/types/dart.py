"""Dart: classes for the package servicestack on pub.dev.

What a newcomer would get wrong: the client finds types by name at run time in a `TypeContext`, generic ones too, so every
`List<X>`, `Map<K,V?>` and `QueryResponse<X>` that occurs has an entry there. Fields are named as they travel.
"""

from gateway.types.options import Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import COMMON, indented, one_line, route_lines

_LIBRARY = {
    "KeyValuePair",
    "ResponseError",
    "ResponseStatus",
    "QueryBase",
    "QueryDb",
    "QueryData",
    "QueryResponse",
    "EmptyResponse",
    "IdResponse",
    "StringResponse",
    "StringsResponse",
    "Authenticate",
    "AuthenticateResponse",
}
_NAMES = {
    "string": "String",
    **dict.fromkeys(("int", "long", "short"), "int"),
    **dict.fromkeys(("float", "double", "decimal"), "double"),
    "TimeSpan": "Duration",
    **dict.fromkeys(("byte[]", "Stream"), "Uint8List"),
    "object": "dynamic",
}
_PLAIN = {"String", "int", "bool", "dynamic"}
_RESERVED = {
    "assert",
    "class",
    "const",
    "default",
    "enum",
    "extends",
    "final",
    "in",
    "is",
    "new",
    "null",
    "super",
    "switch",
}
_RESERVED |= {
    "this",
    "throw",
    "true",
    "false",
    "try",
    "var",
    "void",
    "while",
    "with",
    "for",
    "if",
    "else",
    "return",
    "do",
}
_IMPORTS = "package:servicestack/servicestack.dart,dart:typed_data"


def emit(view: View) -> str:
    """`dtos.dart`."""
    asked = (view.options.text("DefaultImports") or _IMPORTS).split(",")
    lines = [f"import '{each.strip()}';" for each in sorted(asked) if each.strip()] + [""]
    shapes = [shape for shape in view.shapes if shape.name not in _LIBRARY]
    for shape in shapes:
        lines += [*_shape(view, shape), ""]
    return "\n".join([*lines, *_context(view, shapes), ""])


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*_doc(shape.doc), *route_lines(shape)]
    if shape.what == "enum":
        return [*told, *_enum(shape)]
    if shape.what == "interface":
        fields = [f"{_nullable(field.kind)} {_safe(field.wire)};" for field in shape.fields]
        return [*told, f"abstract class {shape.name} {{", *indented(fields), "}"]
    base = f" extends {_type(shape.base)}" if shape.base else ""
    body = [
        line for field in shape.fields for line in [*_doc(field.doc), f"{_nullable(field.kind)} {_safe(field.wire)};"]
    ]
    body += [""] if body else []
    body += [*_constructors(shape), "", *_from_map(shape), "", *_to_json(shape), "", *_request(shape)]
    body += [f'getTypeName() => "{shape.name}";', "TypeContext? context = _ctx;"]
    implements = ", ".join([*_implements(view, shape), "IConvertible"])
    return [*told, f"class {shape.name}{base} implements {implements} {{", *indented(body), "}"]


def _enum(shape: Shape) -> list[str]:
    """Words that travel as they are called are plain; others carry `value`, which is what the client sends."""
    if all(member.value == member.name for member in shape.members):
        return [f"enum {shape.name} {{", *indented([f"{member.name}," for member in shape.members]), "}"]
    kind = "int" if shape.numbered else "String"
    values = [f"{member.name}({member.value if shape.numbered else repr(member.value)})" for member in shape.members]
    body = [f"{each}," for each in values[:-1]] + [f"{values[-1]};", ""]
    return [
        f"enum {shape.name} {{",
        *indented([*body, f"final {kind} value;", f"const {shape.name}(this.value);"]),
        "}",
    ]


def _implements(view: View, shape: Shape) -> list[str]:
    if not shape.request:
        return []
    answer = f"IReturn<{_type(shape.returns)}>" if shape.returns else "IReturnVoid"
    markers = [_type(kind) for kind in view.interfaces(shape)]
    verb = f"I{shape.verb.capitalize()}"
    return [answer, *markers, *([] if verb in markers else [verb])]


def _constructors(shape: Shape) -> list[str]:
    named = ", ".join(f"this.{_safe(field.wire)}" for field in shape.fields)
    return [
        f"{shape.name}({{{named}}});" if named else f"{shape.name}();",
        f"{shape.name}.fromJson(Map<String, dynamic> json) {{ fromMap(json); }}",
    ]


def _from_map(shape: Shape) -> list[str]:
    body = ["super.fromMap(json);"] if shape.base else []
    body += [f"{_safe(field.wire)} = {_read(field)};" for field in shape.fields]
    return ["fromMap(Map<String, dynamic> json) {", *indented([*body, "return this;"]), "}"]


def _to_json(shape: Shape) -> list[str]:
    pairs = [f"'{field.wire}': {_write(field)}," for field in shape.fields]
    if not shape.base:
        return ["Map<String, dynamic> toJson() => {", *indented(pairs), "};"]
    if not pairs:
        return ["Map<String, dynamic> toJson() => super.toJson();"]
    return ["Map<String, dynamic> toJson() => super.toJson()..addAll({", *indented(pairs), "});"]


def _read(field: Field) -> str:
    name, given = _type(field.kind), f"json['{field.wire}']"
    if name == "double":
        return f"JsonConverters.toDouble({given})"
    if name in _PLAIN:
        return given
    if name == "Map<String, String?>":
        return f"JsonConverters.toStringMap({given})"
    return f"JsonConverters.fromJson({given}, {_key(name)}, context!)"


def _write(field: Field) -> str:
    name, given = _type(field.kind), _safe(field.wire)
    if name in (*_PLAIN, "double", "Map<String, String?>"):
        return given
    return f"JsonConverters.toJson({given}, {_key(name)}, context!)"


def _key(name: str) -> str:
    """A type's name as the context knows it: without blanks."""
    return f"'{name.replace(', ', ',')}'"


def _request(shape: Shape) -> list[str]:
    if not shape.request:
        return []
    if shape.returns is None:
        return ["createResponse() {}"]
    name = _type(shape.returns)
    return [f"createResponse() => {_new(shape.returns)};", f'getResponseTypeName() => "{name.replace(", ", ",")}";']


def _new(kind: Kind) -> str:
    name = _type(kind)
    if kind.name == "List":
        return f"<{_type(kind.args[0])}>[]"
    return {"Uint8List": "Uint8List(0)", "String": "''"}.get(name, f"{name}()")


def _type(kind: Kind) -> str:
    """`List<X>`, `Map<String, X?>`."""
    if kind.name == "List":
        return f"List<{_type(kind.args[0])}>"
    if kind.name == "Dictionary":
        return f"Map<{_type(kind.args[0])}, {_nullable(kind.args[1])}>"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{', '.join(map(_type, kind.args))}>" if kind.args else name


def _nullable(kind: Kind) -> str:
    name = _type(kind)
    return name if name == "dynamic" else f"{name}?"


def _safe(name: str) -> str:
    return f"{name}_" if name in _RESERVED else name


def _doc(text: str) -> list[str]:
    return [f"/// {one_line(text)}"] if text else []


def _context(view: View, shapes: list[Shape]) -> list[str]:
    """The table of types by name."""
    entries: dict[str, str] = {}
    for shape in shapes:
        if shape.what == "enum":
            entries[shape.name] = f"TypeOf.Enum, enumValues: {shape.name}.values"
        elif shape.what == "interface":
            entries[shape.name] = "TypeOf.Interface"
        else:
            entries[shape.name] = f"TypeOf.Class, create: () => {shape.name}()"
        inner = [shape.returns.args[0]] if shape.returns and shape.returns.args else []
        rows = [Kind("List", (kind,)) for kind in inner]
        for kind in (*[field.kind for field in shape.fields], *filter(None, [shape.base, shape.returns]), *rows):
            for each in _generic(kind):
                if each.name not in ("QueryDb", "QueryData"):
                    entries[_key(_type(each)).strip("'")] = f"TypeOf.Class, create: () => {_made(each)}"
    host = view.options.base_url.partition("://")[2].partition("/")[0]
    table = [f"'{name}': TypeInfo({told})," for name, told in entries.items()]
    return [f"TypeContext _ctx = TypeContext(library: '{host}', types: <String, TypeInfo>{{", *indented(table), "});"]


def _generic(kind: Kind) -> list[Kind]:
    """The kinds with arguments in it, inner ones first."""
    return [each for arg in kind.args for each in _generic(arg)] + ([kind] if kind.args else [])


def _made(kind: Kind) -> str:
    if kind.name == "Dictionary":
        return f"<{_type(kind.args[0])}, {_nullable(kind.args[1])}>{{}}"
    return _new(kind)


_START = """dart pub add servicestack
curl -o dtos.dart {url}/types/dart

import 'package:servicestack/client.dart';
import 'dtos.dart';

main() async {
  var client = JsonServiceClient('{url}')..bearerToken = 'your key';
  var messages = [OpenAiMessage(role: 'user', content: 'Hello')];
  var answer = await client.post(OpenAiChatCompletion()..model = 'llama3.2'..messages = messages);
  print(answer.choices![0].message!.content);
}
"""

_MIDDLE = {name: COMMON[name] for name in COMMON if name not in ("MakePropertiesOptional", "DefaultImports")}
DART = Language(
    name="dart",
    title="Dart",
    file="dtos.dart",
    options={"GlobalNamespace": "", **_MIDDLE, "DefaultImports": _IMPORTS},
    emit=emit,
    start=_START,
)
