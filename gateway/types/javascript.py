"""JavaScript: ES6 classes with JSDoc (`mjs`, to be imported by a browser as it is), or CommonJS in ES3's words (`js`).

What a newcomer would get wrong: a class field declared again in a subclass is undefined after `super(init)`, so each
constructor assigns for itself.
"""

from gateway.types._script import literal, new_answer, type_name
from gateway.types.options import OFF, ON, Language
from gateway.types.shapes import Field, Shape
from gateway.types.view import View
from gateway.types.words import COMMON, indented, one_line, starts_filled

_JS = "application/javascript"
_OPTIONS = {
    "AddServiceStackTypes": ON,
    "AddDocAnnotations": ON,
    **{name: COMMON[name] for name in ("AddDescriptionAsComments", "IncludeTypes", "ExcludeTypes", "DefaultImports")},
}

_HELPERS = """"use strict";
var exports = typeof exports === "undefined" ? {} : exports;
function __assign(to, from) {
    for (var name in from) if (Object.prototype.hasOwnProperty.call(from, name)) to[name] = from[name];
}
function __inherits(type, base) {
    function Prototype() { this.constructor = type; }
    Prototype.prototype = base.prototype;
    type.prototype = new Prototype();
}"""


def emit_module(view: View) -> str:
    """`dtos.mjs`."""
    lines = ['"use strict";', *(f"import {each};" for each in view.options.names("DefaultImports"))]
    for shape in view.shapes:
        if shape.what == "enum":
            lines += _enum(shape, "export var")
        elif shape.what == "class":
            lines += _class(view, shape)
    return "\n".join([*lines, ""])


def emit_common(view: View) -> str:
    """`dtos.js`."""
    lines = [_HELPERS]
    for shape in view.shapes:
        if shape.what == "interface":
            continue
        lines += _enum(shape, "var") if shape.what == "enum" else _function(shape)
        lines.append(f"exports.{shape.name} = {shape.name};")
    return "\n".join([*lines, ""])


def _enum(shape: Shape, keyword: str) -> list[str]:
    name = shape.name
    if shape.numbered:
        told = "/** @typedef {number} */"
        members = [f'{name}[{name}["{each.name}"] = {each.value}] = "{each.name}";' for each in shape.members]
    else:
        told = f"/** @typedef {{{'|'.join(literal(each.value) for each in shape.members)}}} */"
        members = [f'{name}["{each.name}"] = "{each.value}";' for each in shape.members]
    return [
        told,
        f"{keyword} {name};",
        f"(function ({name}) {{",
        *indented(members),
        f"}})({name} || ({name} = {{}}));",
    ]


def _class(view: View, shape: Shape) -> list[str]:
    typedefs = [f"/** @typedef {name} {{any}} */" for name in shape.params]
    told = [f"/** @description {one_line(shape.doc)} */"] if shape.doc else []
    fields = [*shape.fields, *view.inherited(shape)]
    named = ",".join(f"{field.wire}?:{type_name(field.kind)}" for field in fields)
    base = _base(view, shape)
    above = "super(init); " if base else ""
    annotated = view.options.flag("AddDocAnnotations")
    body = [f"/** @param {{{{{named}}}}} [init] */"] if annotated else []
    body.append(f"constructor(init) {{ {above}Object.assign(this, init) }}")
    for field in shape.fields:
        body += [*(_annotation(field) if annotated else []), f"{field.wire}{_start(field)};"]
    body += [f"{name}() {{ {code} }}".replace("{  }", "{ }") for name, code in _methods(shape)]
    extends = f" extends {base}" if base else ""
    return [*typedefs, *told, f"export class {shape.name}{extends} {{", *indented(body), "}"]


def _base(view: View, shape: Shape) -> str:
    """A base that is not in the file cannot be extended."""
    return shape.base.name if shape.base and shape.base.name in view.names else ""


def _annotation(field: Field) -> list[str]:
    told = f"@type {{{'?' if field.nullable else ''}{type_name(field.kind)}}}"
    if not field.doc:
        return [f"/** {told} */"]
    return ["/**", f" * {told}", f" * @description {one_line(field.doc)} */"]


def _start(field: Field) -> str:
    if not starts_filled(field):
        return ""
    return " = []" if field.kind.name == "List" else " = {}"


def _methods(shape: Shape) -> list[tuple[str, str]]:
    if not shape.request:
        return []
    return [
        ("getTypeName", f"return '{shape.name}';"),
        ("getMethod", f"return '{shape.verb}';"),
        ("createResponse", new_answer(shape, typed=False)),
    ]


def _function(shape: Shape) -> list[str]:
    base = shape.base.name if shape.base else ""
    body = [f"{base}.call(this, init);"] if base else []
    body += [f"this.{field.wire}{_start(field)};" for field in shape.fields if starts_filled(field)]
    told = [f"/** {one_line(shape.doc)} */"] if shape.doc else []
    lines = [*told, f"function {shape.name}(init) {{ {' '.join([*body, '__assign(this, init);'])} }}"]
    lines += [f"__inherits({shape.name}, {base});"] if base else []
    return lines + [
        f"{shape.name}.prototype.{name} = function () {{ {code} }};".replace("{  }", "{ }")
        for name, code in _methods(shape)
    ]


_START = """<script type="importmap">
{ "imports": { "@servicestack/client": "https://unpkg.com/@servicestack/client@2/dist/servicestack-client.mjs" } }
</script>
<script type="module">
import { JsonServiceClient } from '@servicestack/client'
import { ActiveAiModels } from '{url}/types/mjs'

const client = new JsonServiceClient('{url}')
console.log(await client.get(new ActiveAiModels()))
</script>
"""
_START_COMMON = """npm install @servicestack/client
curl -o dtos.js {url}/types/js

const { JsonServiceClient } = require('@servicestack/client')
const { ActiveAiModels } = require('./dtos.js')

new JsonServiceClient('{url}').get(new ActiveAiModels()).then(answer => console.log(answer.results))
"""

MJS = Language(
    name="mjs",
    aliases=("javascript", "es6"),
    title="JavaScript (modules)",
    file="dtos.mjs",
    options=_OPTIONS,
    emit=emit_module,
    start=_START,
    media_type=_JS,
)
JS = Language(
    name="js",
    aliases=("commonjs", "cjs"),
    title="JavaScript (CommonJS)",
    file="dtos.js",
    options={
        "AddDocAnnotations": OFF,
        **{name: value for name, value in _OPTIONS.items() if name != "AddDocAnnotations"},
    },
    emit=emit_common,
    start=_START_COMMON,
    media_type=_JS,
)
