"""`/types/metadata`: all operations and types as data, close to ServiceStack's MetadataTypes, which its tools read.

What a newcomer would get wrong: names are .NET's there (``List`1`` of `String`), and a value that may be null is a
``Nullable`1``; only strings, lists and DTOs say `isRequired` instead.
"""

from typing import Any

from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import routes

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
}
_VALUES = {"bool", "int", "long", "short", "float", "double", "decimal", "DateTime", "TimeSpan"}
_OURS, _COMMON = "AiServer.ServiceModel", "ServiceStack"


def metadata(view: View, version: str) -> dict[str, Any]:
    """The whole document."""
    operations = [_operation(view, shape) for shape in view.shapes if shape.request]
    named = {each["request"]["name"] for each in operations} | {
        each.get("response", {}).get("name") for each in operations
    }
    return {
        "config": {
            "baseUrl": view.options.base_url,
            **{_low(name): value for name, value in view.options.values if value},
        },
        "version": version,
        "namespaces": ["System", "System.Collections.Generic", "System.IO", _COMMON, _OURS],
        "types": [_type(shape) for shape in view.shapes if shape.name not in named],
        "operations": operations,
    }


def _operation(view: View, shape: Shape) -> dict[str, Any]:
    answer = view.shape(shape.returns.name) if shape.returns else None
    told = {
        "request": _type(shape),
        "response": _type(answer) if answer and not answer.params else None,
        "returnsVoid": True if shape.returns is None else None,
        "returnType": _name(shape.returns) if shape.returns else None,
        "actions": [shape.verb],
        "routes": [_lean({"path": path, "verbs": verb or None}) for path, verb in routes(shape)],
        "tags": [{"name": shape.tag}] if shape.tag else None,
        "requiresAuth": shape.auth != "none",
        "requiresApiKey": {} if shape.auth == "key" else None,
        "requiredRoles": ["Admin"] if shape.auth == "admin" else None,
    }
    return _lean(told)


def _type(shape: Shape) -> dict[str, Any]:
    enum = shape.what == "enum"
    told = {
        "name": _arity(shape.name, len(shape.params)),
        "namespace": _space(shape),
        "genericArgs": list(shape.params) or None,
        "inherits": _name(shape.base) if shape.base else None,
        "implements": [_name(kind) for kind in shape.markers] or None,
        "description": shape.doc or None,
        "isInterface": True if shape.what == "interface" else None,
        "isEnum": True if enum else None,
        "isEnumInt": True if shape.numbered else None,
        "enumNames": [member.name for member in shape.members] if enum else None,
        "enumValues": [str(member.value) for member in shape.members] if enum else None,
        "properties": [_property(field) for field in shape.fields] or None,
    }
    return _lean(told)


def _property(field: Field) -> dict[str, Any]:
    value = field.kind.name in _VALUES
    optional = value and field.nullable
    told = {
        "name": field.pascal,
        "type": "Nullable`1" if optional else _plain(field.kind),
        "genericArgs": [_plain(field.kind)] if optional else [_full(arg) for arg in field.kind.args] or None,
        "isValueType": value or None,
        "isRequired": True if field.required or not (value or field.nullable or field.ref) else None,
        "description": field.doc or None,
        "dataMember": {"name": field.wire} if field.named else None,
        "allowableMin": field.low,
        "allowableMax": field.high,
        "input": {"type": "file"} if field.file else None,
    }
    return _lean(told)


def _name(kind: Kind) -> dict[str, Any]:
    return _lean({"name": _plain(kind), "genericArgs": [_full(arg) for arg in kind.args] or None})


def _plain(kind: Kind) -> str:
    return _arity(_NAMES.get(kind.name, kind.name), len(kind.args))


def _full(kind: Kind) -> str:
    """A kind inside another, in full: `List<String>`."""
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{','.join(map(_full, kind.args))}>" if kind.args else name


def _arity(name: str, count: int) -> str:
    return f"{name}`{count}" if count else name


def _space(shape: Shape) -> str:
    return _COMMON if shape.framework else _OURS


def _low(name: str) -> str:
    return name[:1].lower() + name[1:]


def _lean(told: dict[str, Any]) -> dict[str, Any]:
    """Without what is nothing, as all of this dialect."""
    return {name: value for name, value in told.items() if value is not None}
