"""Swift: Codable classes for the package ServiceStack of ServiceStack.Swift.

What a newcomer would get wrong: the compiler writes the coding of a class that stands alone; a class with a base must say its
own, keys and all, or its fields do not travel. And a dictionary travels as an object only if its keys are Int or String, so
enums as keys are written as what they travel as.
"""

from gateway.types.options import OFF, ON, Language
from gateway.types.shapes import Field, Kind, Member, Shape
from gateway.types.view import View
from gateway.types.words import indented, one_line, route_lines, starts_filled

_BROUGHT = {
    "EmptyResponse",
    "QueryBase",
    "QueryData",
    "QueryDb",
    "QueryResponse",
    "ResponseError",
    "ResponseStatus",
}
_VERBS = {"IGet", "IPost", "IPut", "IPatch", "IDelete"}
_NAMES = {
    "string": "String",
    "bool": "Bool",
    **dict.fromkeys(("int", "long"), "Int"),
    "short": "Int16",
    "float": "Float",
    **dict.fromkeys(("double", "decimal"), "Double"),
    "DateTime": "Date",
    "TimeSpan": "TimeInterval",
    **dict.fromkeys(("byte[]", "Stream"), "Data"),
    "object": "JsonValue",
}
_RESERVED = """associatedtype class deinit enum extension fileprivate func import init inout internal let open operator private
precedencegroup protocol public rethrows static struct subscript typealias var break case catch continue default defer do else
fallthrough for guard if in repeat return switch throw where while Any as await false is nil self Self super throws true try
Type Protocol"""
_WORDS = set(_RESERVED.split())
_JSON = """/**
* Any value that JSON can hold.
*/
public enum JsonValue : Codable, Equatable
{
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JsonValue])
    case object([String:JsonValue])

    public init(from decoder: Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() { self = .null }
        else if let value = try? container.decode(Bool.self) { self = .bool(value) }
        else if let value = try? container.decode(Double.self) { self = .number(value) }
        else if let value = try? container.decode(String.self) { self = .string(value) }
        else if let value = try? container.decode([JsonValue].self) { self = .array(value) }
        else { self = .object(try container.decode([String:JsonValue].self)) }
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JsonValue : ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(Double(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JsonValue : ExpressibleByFloatLiteral
{
    public init(floatLiteral value: Double) { self = .number(value) }
}"""


def emit(view: View) -> str:
    """`dtos.swift`."""
    lines = [f"import {each}" for each in view.options.names("DefaultImports")]
    shapes = [shape for shape in view.shapes if shape.name not in _BROUGHT]
    for shape in shapes:
        lines += ["", *_shape(view, shape)]
    if any("object" in shape.mentions() for shape in shapes):
        lines += ["", _JSON]
    return "\n".join([*lines, ""])


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*_comment(shape.doc), *route_lines(shape)]
    if shape.what == "enum":
        raw = "Int" if shape.numbered else "String"
        return [
            *told,
            f"public enum {shape.name} : {raw}, Codable",
            "{",
            *indented(list(map(_case, shape.members))),
            "}",
        ]
    if shape.what == "interface":
        body = [f"var {safe(field.wire)}:{type_name(view, field.kind)}? {{ get set }}" for field in shape.fields]
        return [*told, f"public protocol {shape.name}", "{", *indented(body), "}"]
    params = f"<{', '.join(f'{name} : Codable' for name in shape.params)}>" if shape.params else ""
    above = [type_name(view, shape.base)] if shape.base else []
    above += [*_markers(view, shape), *([] if shape.base else ["Codable"])]
    body = [f"public typealias Return = {type_name(view, shape.returns)}", ""] if shape.returns else []
    fields = view.own(shape)
    for field in fields:
        body += [*_comment(field.doc), _property(view, shape, field)]
    body += [""] if fields else []
    body += (
        ["required public init(){ super.init() }", "", *_coding(view, fields)]
        if shape.base
        else ["required public init(){}"]
    )
    return [*told, f"public class {shape.name}{params} : {', '.join(above)}", "{", *indented(body), "}"]


def _case(member: Member) -> str:
    if isinstance(member.value, int):
        return f"case {safe(member.name)} = {member.value}"
    return f"case {safe(member.name)}" + (f' = "{member.value}"' if member.value != member.name else "")


def _markers(view: View, shape: Shape) -> list[str]:
    """The protocols of a request. The package has none for tables, and sends by POST what has no verb."""
    if not shape.request:
        return []
    found = [kind.name for kind in view.interfaces(shape) if kind.name in _VERBS or kind.name in view.names]
    verb = f"I{shape.verb.capitalize()}"
    return [
        "IReturn" if shape.returns else "IReturnVoid",
        *found,
        *([verb] if shape.verb != "POST" and verb not in found else []),
    ]


def _property(view: View, shape: Shape, field: Field) -> str:
    wrapper = "@TimeSpan " if field.kind.name == "TimeSpan" else ""
    told = f"{wrapper}public var {safe(field.wire)}:{type_name(view, field.kind)}"
    version = view.options.text("AddImplicitVersion")
    if version and shape.request and field.wire == "version":
        return f"{told}? = {version}"
    return f"{told}{_filled(view, field) or '?'}"


def _filled(view: View, field: Field) -> str:
    """What a list or dictionary starts with that is never nil."""
    if not (view.options.flag("InitializeCollections") and starts_filled(field)):
        return ""
    return " = []" if field.kind.name == "List" else " = [:]"


def _coding(view: View, fields: list[Field]) -> list[str]:
    """Keys, reading and writing of the fields that a class adds to its base's."""
    keys = [f"case {safe(field.wire)}" for field in fields]
    reading = [line for field in fields for line in _read(view, field)]
    writing = [line for field in fields for line in _write(view, field)]
    if fields:
        keys = ["private enum CodingKeys : String, CodingKey {", *indented(keys), "}", ""]
        reading.insert(0, "let container = try decoder.container(keyedBy: CodingKeys.self)")
        writing.insert(0, "var container = encoder.container(keyedBy: CodingKeys.self)")
    return [
        *keys,
        "required public init(from decoder: Decoder) throws {",
        *indented(["try super.init(from: decoder)", *reading]),
        "}",
        "",
        "public override func encode(to encoder: Encoder) throws {",
        *indented(["try super.encode(to: encoder)", *writing]),
        "}",
    ]


def _read(view: View, field: Field) -> list[str]:
    name = "TimeSpan" if field.kind.name == "TimeSpan" else type_name(view, field.kind)
    inner = "?.wrappedValue" if name == "TimeSpan" else ""
    empty = _filled(view, field).replace(" = ", " ?? ")
    key = safe(field.wire)
    return [f"{key} = try container.decodeIfPresent({name}.self, forKey: .{key}){inner}{empty}"]


def _write(view: View, field: Field) -> list[str]:
    key = safe(field.wire)
    if field.kind.name == "TimeSpan":
        return [f"if {key} != nil {{ try container.encode(TimeSpan(wrappedValue: {key}), forKey: .{key}) }}"]
    method = "encode" if _filled(view, field) else "encodeIfPresent"
    return [f"try container.{method}({key}, forKey: .{key})"]


def type_name(view: View, kind: Kind) -> str:
    """`[String:[Int]]`."""
    if kind.name in view.options.names("TreatTypesAsStrings"):
        return "String"
    if kind.name == "List":
        return f"[{type_name(view, kind.args[0])}]"
    if kind.name == "Dictionary":
        return f"[{_key_name(view, kind.args[0])}:{type_name(view, kind.args[1])}]"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{', '.join(type_name(view, arg) for arg in kind.args)}>" if kind.args else name


def _key_name(view: View, kind: Kind) -> str:
    shape = view.shape(kind.name)
    if shape and shape.what == "enum":
        return "Int" if shape.numbered else "String"
    return type_name(view, kind)


def safe(name: str) -> str:
    """A name that is a word of the language, in backticks."""
    return f"`{name}`" if name in _WORDS else name


def _comment(text: str) -> list[str]:
    return ["/**", f"* {one_line(text)}", "*/"] if text else []


_START = """.package(url: "https://github.com/ServiceStack/ServiceStack.Swift", from: "6.0.0")
curl -o dtos.swift {url}/types/swift

import ServiceStack

let client = JsonServiceClient(baseUrl: "{url}")
client.bearerToken = ProcessInfo.processInfo.environment["AI_SERVER_KEY"]
let message = OpenAiMessage()
message.role = "user"
message.content = "Hello"
let request = OpenAiChatCompletion()
request.model = "llama3.2"
request.messages = [message]
let answer = try await client.postAsync(request)
print(answer.choices[0].message?.content ?? "")
"""

SWIFT = Language(
    name="swift",
    title="Swift",
    file="dtos.swift",
    options={
        "AddServiceStackTypes": ON,
        "IncludeTypes": "",
        "ExcludeTypes": "",
        "AddResponseStatus": OFF,
        "AddImplicitVersion": "",
        "AddDescriptionAsComments": ON,
        "InitializeCollections": ON,
        "TreatTypesAsStrings": "",
        "DefaultImports": "Foundation,ServiceStack",
    },
    emit=emit,
    start=_START,
)
