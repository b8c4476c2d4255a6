"""Python: dataclasses for PyPI's servicestack.

What a newcomer would get wrong: `dataclass_json` makes camel case of every name, so `max_tokens` would travel as `maxTokens`;
a field whose name does not come out as it travels says its own. And what the client library brings itself is not declared
again: it tells a query from other requests by being a subclass of its own `QueryBase`.
"""

import keyword
import re

from gateway.types.options import Comment, Language
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import COMMON, indented, one_line, route_lines, starts_filled

_LIBRARY = {
    "KeyValuePair",
    "ResponseError",
    "ResponseStatus",
    "QueryBase",
    "QueryDb",
    "QueryData",
    "QueryResponse",
    "Authenticate",
    "EmptyResponse",
    "IdResponse",
    "StringResponse",
    "StringsResponse",
}
_IMPORTS = (
    "datetime,decimal,marshmallow.fields:*,servicestack:*,typing:*,dataclasses:dataclass/field,"
    "dataclasses_json:dataclass_json/LetterCase/Undefined/config,enum:Enum/IntEnum"
)
_NAMES = {
    "string": "str",
    "bool": "bool",
    **dict.fromkeys(("int", "long", "short"), "int"),
    **dict.fromkeys(("float", "double", "decimal"), "float"),
    "DateTime": "datetime.datetime",
    "TimeSpan": "datetime.timedelta",
    **dict.fromkeys(("byte[]", "Stream"), "bytes"),
    "object": "Any",
}
_ZEROS = {
    "bool": "False",
    **dict.fromkeys(("int", "long", "short"), "0"),
    **dict.fromkeys(("float", "double", "decimal"), "0.0"),
    "DateTime": "datetime.datetime(1, 1, 1)",
    "TimeSpan": "datetime.timedelta()",
}
_TAKEN = {"bytes", "int", "str", "float", "bool", "datetime", "field", "config", "Any", "List", "Dict", "Optional"}
"""What later lines of a class still need."""
_ANYTHING = [
    "# What may be anything stays as it came; the client would try to make an `Any` of it.",
    "TypeConverters.register(Any, deserializer=lambda value: value)",
]


def emit(view: View) -> str:
    """`dtos.py`."""
    imports = view.options.text("DefaultImports") or _IMPORTS
    blocks = [[_import(each) for each in imports.split(",") if each]]
    params = {name for shape in view.shapes for name in shape.params}
    if params:
        blocks.append([f"{name} = TypeVar('{name}')" for name in sorted(params)])
    if any("object" in field.kind.names() for shape in view.shapes for field in view.own(shape)):
        blocks.append(_ANYTHING)
    later = view.names - _LIBRARY
    for shape in view.shapes:
        if shape.name not in _LIBRARY:
            blocks.append(_shape(view, shape, later))
            later.discard(shape.name)
    return "\n\n\n".join("\n".join(block) for block in blocks) + "\n"


def _import(text: str) -> str:
    """`enum:Enum/IntEnum` -> `from enum import Enum, IntEnum`."""
    module, _, names = text.strip().partition(":")
    return f"from {module} import {', '.join(names.split('/'))}" if names else f"import {module}"


def _shape(view: View, shape: Shape, later: set[str]) -> list[str]:
    """`later`: what is not declared yet, this included."""
    told = _doc(shape.doc)
    if shape.what == "enum":
        return [
            f"class {shape.name}({'IntEnum' if shape.numbered else 'str, Enum'}):",
            *indented([*told, *_members(shape)]),
        ]
    body = [line for field in view.own(shape) for line in _member(field, later)]
    body = indented([*told, *([""] if told and body else []), *body] or ["pass"])
    if shape.what == "interface":
        return [f"class {shape.name}:", *body]
    bases = ", ".join(_bases(view, shape))
    return [
        *route_lines(shape, "#"),
        "@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)",
        "@dataclass",
        f"class {shape.name}({bases}):" if bases else f"class {shape.name}:",
        *body,
    ]


def _bases(view: View, shape: Shape) -> list[str]:
    bases = [f"Generic[{', '.join(shape.params)}]"] if shape.params else []
    bases += [_type(shape.base)] if shape.base else []
    if shape.request:
        bases.append(f"IReturn[{_type(shape.returns)}]" if shape.returns else "IReturnVoid")
        bases += [_type(kind) for kind in view.interfaces(shape)]
    return bases


def _type(kind: Kind) -> str:
    """`List[Dict[str, Any]]`."""
    if kind.name == "List":
        return f"List[{_type(kind.args[0])}]"
    if kind.name == "Dictionary":
        return f"Dict[{_type(kind.args[0])}, {_type(kind.args[1])}]"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}[{', '.join(map(_type, kind.args))}]" if kind.args else name


def _member(field: Field, later: set[str]) -> list[str]:
    start, optional = _start(field)
    told = f"Optional[{_type(field.kind)}]" if optional else _type(field.kind)
    if later & set(field.kind.names()):
        told = f"'{told}'"  # as a whole: the client evaluates a string, and cannot resolve one inside Optional
    name = _safe(field.attr)
    if camel(name) != field.wire:
        given = f"default_factory={start}" if start in ("list", "dict") else f"default={start}"
        start = f"field(metadata=config(field_name='{field.wire}'), {given})"
    elif start in ("list", "dict"):
        start = f"field(default_factory={start})"
    lines = [f"{name}: {told} = {start}"]
    return [*lines, *_doc(field.doc), ""] if field.doc else lines


def _start(field: Field) -> tuple[str, bool]:
    """Its default, and whether it is None."""
    if starts_filled(field):
        return ("list" if field.kind.name == "List" else "dict"), False
    zero = "" if field.nullable or field.ref else _ZEROS.get(field.kind.name, "")
    return zero or "None", not zero


def _safe(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN else name


def camel(attr: str) -> str:
    """What `LetterCase.CAMEL` makes of an attribute's name: `sha_256` and `from_` keep their underscores."""
    return attr[:1].lower() + re.sub(r"_([a-z])", lambda found: found[1].upper(), attr[1:])


def _doc(text: str) -> list[str]:
    if not text:
        return []
    said = one_line(text).replace("\\", "\\\\").replace('"""', "'''")
    return [f'"""{said}{" " if said.endswith(chr(34)) else ""}"""']


def _members(shape: Shape) -> list[str]:
    lines = []
    for member in shape.members:
        value = member.value if isinstance(member.value, int) else f"'{member.value}'"
        names = dict.fromkeys(
            (_constant(member.name), member.name if member.name.isupper() else _constant(member.name))
        )
        lines += [f"{_safe(name)} = {value}" for name in names]
    # The client writes a form's parts with str(), which would say `AudioFormat.WAV`.
    return [*lines, "", f"__str__ = {'int.__repr__' if shape.numbered else 'str.__str__'}"]


def _constant(name: str) -> str:
    """`TextToImage` -> `TEXT_TO_IMAGE`, and `MP3` -> `M_P3`: odd, and what clients' code already says; `MP3` comes as well."""
    if name.isupper() and name.isalpha():
        return name
    return re.sub(r"(?<=[a-zA-Z])(?<!_)(?=[A-Z])", "_", name).upper()


_START = """pip install servicestack
curl -o dtos.py {url}/types/python

from servicestack import JsonServiceClient
from dtos import OpenAiChatCompletion, OpenAiMessage

client = JsonServiceClient('{url}')
client.bearer_token = 'your key'
messages = [OpenAiMessage(role='user', content='Hello')]
answer = client.post(OpenAiChatCompletion(model='llama3.2', messages=messages))
print(answer.choices[0].message.content)
"""

_MIDDLE = {name: COMMON[name] for name in COMMON if name not in ("MakePropertiesOptional", "DefaultImports")}
PYTHON = Language(
    name="python",
    aliases=("py",),
    title="Python",
    file="dtos.py",
    options={"GlobalNamespace": "", **_MIDDLE, "DefaultImports": _IMPORTS},
    emit=emit,
    start=_START,
    comment=Comment(first='""" Options:', last='"""', off="#"),
)
