"""TypeScript: classes with constructors for npm's @servicestack/client, or, as `typescript.d`, interfaces alone.

What a newcomer would get wrong: `name!: string` where the reference writes `name: string`: it is the same type to whoever
uses it, and it compiles under `--strict`.
"""

from gateway.types._script import answer_name, head, literal, new_answer, type_name
from gateway.types.options import ON, Language
from gateway.types.shapes import Field, Shape
from gateway.types.view import View
from gateway.types.words import COMMON, block, indented, route_lines, starts_filled

_MARKERS = (
    ("IReturn<T>", ["createResponse(): T;"]),
    ("IReturnVoid", ["createResponse(): void;"]),
    *((name, []) for name in ("IGet", "IPost", "IPut", "IPatch", "IDelete")),
    *((f"{name}<T>", []) for name in ("ICreateDb", "IUpdateDb", "IPatchDb", "IDeleteDb", "ISaveDb")),
)


def emit(view: View) -> str:
    """`dtos.ts`."""
    lines = [line for name, body in _MARKERS for line in [*_interface(name, body), ""]]
    for shape in view.shapes:
        lines += [*_shape(view, shape), ""]
    return _within(view, lines, "export namespace")


def emit_declarations(view: View) -> str:
    """`dtos.d.ts`: types alone, so an object literal is a request."""
    lines = [line for name, _ in _MARKERS for line in [*_interface(name, []), ""]]
    for shape in view.shapes:
        lines += [*_declared(view, shape), ""]
    lines = [line.removeprefix("export ") for line in lines] if view.options.text("GlobalNamespace") else lines
    return _within(view, lines, "declare namespace")


def _within(view: View, lines: list[str], keyword: str) -> str:
    namespace = view.options.text("GlobalNamespace").strip(".")
    imports = [f"import {each};" for each in view.options.names("DefaultImports")]
    if namespace:
        lines = [f"{keyword} {namespace}", "{", *indented(lines), "}", ""]
    return "\n".join([*imports, *lines])


def _interface(name: str, body: list[str]) -> list[str]:
    return [f"export interface {name}", "{", *indented(body), "}"]


def _shape(view: View, shape: Shape) -> list[str]:
    told = [*block(shape.doc), *route_lines(shape)]
    if shape.what == "enum":
        return [*told, *_enum(shape)]
    if shape.what == "interface":
        return [*told, *_interface(head(shape), [line for field in shape.fields for line in _member(view, field, "")])]
    base = f" extends {type_name(shape.base)}" if shape.base else ""
    above = "super(init); " if shape.base else ""
    markers = _implements(view, shape)
    body = [line for field in view.own(shape) for line in _member(view, field, "public ")]
    body += [""] if body else []
    body += [
        f"public constructor(init?: Partial<{head(shape)}>) {{ {above}(Object as any).assign(this, init); }}",
        *_request(shape),
    ]
    implements = f" implements {', '.join(markers)}" if markers else ""
    return [*told, f"export class {head(shape)}{base}{implements}", "{", *indented(body), "}"]


def _declared(view: View, shape: Shape) -> list[str]:
    told = [*block(shape.doc), *route_lines(shape)]
    if shape.what == "enum":
        return [*told, *_enum(shape)]
    bases = ([type_name(shape.base)] if shape.base else []) + _implements(view, shape)
    above = f" extends {', '.join(bases)}" if bases else ""
    body = [line for field in shape.fields for line in _member(view, field, "")]
    return [*told, *_interface(f"{head(shape)}{above}", body)]


def _enum(shape: Shape) -> list[str]:
    members = [f"{member.name} = {literal(member.value)}," for member in shape.members]
    return [f"export enum {shape.name}", "{", *indented(members), "}"]


def _implements(view: View, shape: Shape) -> list[str]:
    if not shape.request:
        return []
    answer = f"IReturn<{answer_name(shape)}>" if shape.returns else "IReturnVoid"
    return [answer, *map(type_name, view.interfaces(shape))]


def _member(view: View, field: Field, access: str) -> list[str]:
    optional = field.nullable or view.options.flag("MakePropertiesOptional")
    filled = access and starts_filled(field) and not optional
    mark = "?" if optional else "!" if access and not filled else ""
    start = (" = []" if field.kind.name == "List" else " = {}") if filled else ""
    return [*block(field.doc), f"{access}{field.wire}{mark}: {type_name(field.kind)}{start};"]


def _request(shape: Shape) -> list[str]:
    if not shape.request:
        return []
    body = new_answer(shape, typed=True)
    return [
        f"public getTypeName() {{ return '{shape.name}'; }}",
        f"public getMethod() {{ return '{shape.verb}'; }}",
        f"public createResponse() {{ {body} }}" if body else "public createResponse() {}",
    ]


_START = """npm install @servicestack/client
curl -o dtos.ts {url}/types/typescript

import { JsonServiceClient } from '@servicestack/client'
import { OpenAiChatCompletion, OpenAiMessage } from './dtos'

const client = new JsonServiceClient('{url}')
client.bearerToken = process.env.AI_SERVER_KEY!
const messages = [new OpenAiMessage({ role: 'user', content: 'Hello' })]
const answer = await client.post(new OpenAiChatCompletion({ model: 'llama3.2', messages }))
console.log(answer.choices[0].message.content)
"""

TYPESCRIPT = Language(
    name="typescript",
    aliases=("ts",),
    title="TypeScript",
    file="dtos.ts",
    options={"GlobalNamespace": "", **COMMON},
    emit=emit,
    start=_START,
)
DECLARATIONS = Language(
    name="typescript.d",
    aliases=("tsd", "d.ts"),
    title="TypeScript declarations",
    file="dtos.d.ts",
    options={"GlobalNamespace": "dtos", **COMMON, "MakePropertiesOptional": ON},
    emit=emit_declarations,
    start="curl -o dtos.d.ts {url}/types/typescript.d\n\nconst request: dtos.Hello = { name: 'World' }\n",
)
