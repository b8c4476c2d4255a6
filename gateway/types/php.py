"""PHP: classes for composer's servicestack/client.

What a newcomer would get wrong: a constructor's parameters are its properties, so a subclass repeats those of its base and
hands them on. Generic types are plain classes there, with the arguments kept in `genericArgs`.
"""

from gateway.types.options import OFF, Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import COMMON, block, indented, route_lines

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
}
_IMPORTS = r"""use DateTime;
use Exception;
use DateInterval;
use JsonSerializable;
use ServiceStack\{IReturn,IReturnVoid,IGet,IPost,IPut,IDelete,IPatch,ICreateDb,IUpdateDb,IPatchDb,IDeleteDb,ISaveDb};
use ServiceStack\{QueryBase,QueryDb,QueryData,QueryResponse,ResponseStatus,ResponseError,EmptyResponse,IdResponse};
use ServiceStack\{KeyValuePair2,StringResponse,StringsResponse,ByteArray,JsonConverters,Returns,TypeContext};"""
_SCALARS = {
    "string": "string",
    "bool": "bool",
    **dict.fromkeys(("int", "long", "short"), "int"),
    **dict.fromkeys(("float", "double", "decimal"), "float"),
}
_CLASSES = {
    "DateTime": "DateTime",
    "TimeSpan": "DateInterval",
    "byte[]": "ByteArray",
    "Stream": "ByteArray",
    "KeyValuePair": "KeyValuePair2",
}
_ZEROS = {"string": "''", "bool": "false", "int": "0", "float": "0.0"}


def emit(view: View) -> str:
    """`dtos.php`."""
    blocks = [_IMPORTS.split("\n")]
    blocks += [[f"use {each.replace('/', chr(92))};"] for each in view.options.names("DefaultImports")]
    blocks += [_shape(view, shape) for shape in view.shapes if shape.name not in _LIBRARY]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _opening(view: View) -> str:
    namespace = view.options.text("GlobalNamespace").strip("\\.").replace(".", "\\")
    return f"<?php namespace {namespace};\n" if namespace else "<?php\n"


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*block(shape.doc), *route_lines(shape)]
    if shape.what == "enum":
        values = [f"case {member.name} = {_literal(member.value)};" for member in shape.members]
        return [*told, f"enum {shape.name} : {'int' if shape.numbered else 'string'}", "{", *indented(values), "}"]
    if shape.what == "interface":
        known = [f" * @property {_doc_type(field.kind)}|null ${field.wire}" for field in shape.fields]
        return [*told, "/**", *known, " */", f"interface {shape.name}", "{", "}"]
    if shape.base and shape.base.args:
        told += ["/**", f" * @template {shape.base.name} of {', '.join(map(_doc_type, shape.base.args))}", " */"]
    if shape.returns:
        told.append(f"#[Returns('{_CLASSES.get(shape.returns.name, shape.returns.name)}')]")
    base = f" extends {shape.base.name}" if shape.base else ""
    implements = ", ".join([*_implements(view, shape), "JsonSerializable"])
    body = [*_constructor(view, shape), *_from_map(shape), "", *_serialize(shape), *_request(shape)]
    return [*told, f"class {shape.name}{base} implements {implements}", "{", *indented(body), "}"]


def _implements(view: View, shape: Shape) -> list[str]:
    if not shape.request:
        return []
    return ["IReturn" if shape.returns else "IReturnVoid", *(kind.name for kind in view.interfaces(shape))]


def _constructor(view: View, shape: Shape) -> list[str]:
    own, above = view.own(shape), view.inherited(shape)
    if not own and not above:
        return []
    mine = [line for field in own for line in _promoted(field)]
    theirs = [f"?{_type(field.kind)} ${field.wire}=null," for field in above]
    theirs = [line.replace("?mixed", "mixed") for line in theirs]
    library = shape.base is not None and shape.base.name in _LIBRARY
    params = indented([*mine, *theirs] if library else [*theirs, *mine])
    params[-1] = params[-1].removesuffix(",")
    # Null keeps what the base starts with: its own parameter may be of a type that null is not.
    calls = [f"if (${field.wire} !== null) $this->{field.wire} = ${field.wire};" for field in above]
    body = ["parent::__construct();", *calls] if above else []
    return ["public function __construct(", *params, ") {", *indented(body), "}", ""]


def _promoted(field: Field) -> list[str]:
    """A parameter that is a property."""
    name = _type(field.kind)
    zero = "" if field.nullable or field.ref else _ZEROS.get(name, "")
    if name == "DateTime" and not field.nullable and not field.ref:
        zero = "new DateTime()"
    told = f"/** @var {_doc_type(field.kind)}{'' if zero else '|null'} */"
    kind = name if zero or name == "mixed" else f"?{name}"
    return [*block(field.doc), told, f"public {kind} ${field.wire}={zero or 'null'},"]


def _from_map(shape: Shape) -> list[str]:
    body = ["parent::fromMap($o);"] if shape.base else []
    body += [f"if (isset($o['{each.wire}'])) $this->{each.wire} = {_read(each)};" for each in shape.fields]
    return ["/** @throws Exception */", "public function fromMap($o): void {", *indented(body), "}"]


def _serialize(shape: Shape) -> list[str]:
    body = ["$o = (array)parent::jsonSerialize();" if shape.base else "$o = [];"]
    body += [f"if (isset($this->{each.wire})) $o['{each.wire}'] = {_write(each)};" for each in shape.fields]
    body.append("return empty($o) ? new class(){} : $o;")
    return ["/** @throws Exception */", "public function jsonSerialize(): mixed", "{", *indented(body), "}"]


def _read(field: Field) -> str:
    given = f"$o['{field.wire}']"
    if field.kind.name in _SCALARS or "object" in field.kind.names():
        return given
    if field.kind.name == "List":
        return f"JsonConverters::fromArray({_context(field.kind.args[0])}, {given})"
    return f"JsonConverters::from({_context(field.kind)}, {given})"


def _write(field: Field) -> str:
    given = f"$this->{field.wire}"
    if field.kind.name in _SCALARS or "object" in field.kind.names():
        return given
    if field.kind.name == "List":
        return f"JsonConverters::toArray({_context(field.kind.args[0])}, {given})"
    return f"JsonConverters::to({_context(field.kind)}, {given})"


def _context(kind: Kind) -> str:
    """How the client's converters are told a type."""
    if not kind.args or kind.name == "List":
        return f"'{_word(kind)}'"
    args = ",".join(f"'{_word(arg)}'" for arg in kind.args)
    return f"JsonConverters::context('{_CLASSES.get(kind.name, kind.name)}',genericArgs:[{args}])"


def _word(kind: Kind) -> str:
    if kind.name in ("List", "Dictionary"):
        return f"{kind.name}<{','.join(map(_word, kind.args))}>"
    return "mixed" if kind.name == "object" else _SCALARS.get(kind.name) or _CLASSES.get(kind.name, kind.name)


def _type(kind: Kind) -> str:
    """As PHP declares it."""
    if kind.name in ("List", "Dictionary"):
        return "array"
    if kind.name == "object":
        return "mixed"
    return _SCALARS.get(kind.name) or _CLASSES.get(kind.name, kind.name)


def _doc_type(kind: Kind) -> str:
    """As PHPDoc says it: `array<string,int>`."""
    if kind.name in ("List", "Dictionary"):
        return f"array<{','.join(map(_doc_type, kind.args))}>"
    args = f"<{','.join(map(_doc_type, kind.args))}>" if kind.args else ""
    return _word(kind) + args


def _request(shape: Shape) -> list[str]:
    if not shape.request:
        return []
    if shape.returns is None:
        answer = "public function createResponse(): void {}"
    elif shape.returns.name == "List":
        answer = "public function createResponse(): mixed { return []; }"
    elif shape.returns.name == "string":
        answer = "public function createResponse(): mixed { return ''; }"
    elif shape.returns.args:
        args = ",".join(f"'{_word(arg)}'" for arg in shape.returns.args)
        answer = (
            f"public function createResponse(): mixed {{ return {shape.returns.name}::create(genericArgs:[{args}]); }}"
        )
    else:
        answer = f"public function createResponse(): mixed {{ return new {_type(shape.returns)}(); }}"
    return [
        f"public function getTypeName(): string {{ return '{shape.name}'; }}",
        f"public function getMethod(): string {{ return '{shape.verb}'; }}",
        answer,
    ]


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


_START = """composer require servicestack/client
curl -o dtos.php {url}/types/php

<?php
require_once 'vendor/autoload.php'; require_once 'dtos.php';
use dtos\\{OpenAiChatCompletion, OpenAiMessage};

$client = ServiceStack\\JsonServiceClient::create('{url}');
$client->bearerToken = getenv('AI_SERVER_KEY');
$messages = [new OpenAiMessage(role: 'user', content: 'Hello')];
$answer = $client->post(new OpenAiChatCompletion(model: 'llama3.2', messages: $messages));
echo $answer->choices[0]->message->content;
"""

PHP = Language(
    name="php",
    title="PHP",
    file="dtos.php",
    options={"GlobalNamespace": "dtos", **COMMON, "MakePropertiesOptional": OFF},
    emit=emit,
    start=_START,
    before=_opening,
)
