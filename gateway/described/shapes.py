"""Types as JSON Schema components, each named once. What a struct's field is for is read from the text below it.

What a newcomer would get wrong: two rooms have a `TextToImage`. So each group of types has a prefix (`Ollama.Chat`), and the
canonical ones have none. msgspec's own generator is not used: it stops at `Raw`, and knows no marks of the AI Server dialect.
"""

import ast
import inspect
import sys
from functools import lru_cache
from types import UnionType
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect as shape

PLACE = "#/components/schemas/"
Schema = dict[str, Any]


class Shapes:
    """Collects components while the document is made."""

    def __init__(self, place: str = PLACE) -> None:
        self.place = place
        self.components: dict[str, Schema] = {}
        self._kinds: dict[str, Any] = {}

    def of(self, kind: Any, group: str = "") -> Schema:
        """The schema of a type: a `$ref` for a struct. `group`: the prefix of what it is made of."""
        if isinstance(kind, UnionType):  # of structs, which msgspec could not tell apart
            return _union([self._schema(shape.type_info(one), group) for one in get_args(kind)])
        return self._schema(shape.type_info(kind), group)

    def need(self, name: str, *fields: str) -> None:
        """A component's fields that must be there, though its struct has a default for them (a check is made later)."""
        component = self.components[name]
        component["required"] = list(dict.fromkeys([*component.get("required", ()), *fields]))
        for field in fields:
            component["properties"][field] = never_null(component["properties"][field])

    def put(self, name: str, schema: Schema) -> Schema:
        """A component that is no type of ours."""
        self.components.setdefault(name, schema)
        return {"$ref": self.place + name}

    def _schema(self, info: Any, group: str) -> Schema:
        match info:
            case shape.Metadata():
                return {**self._schema(info.type, group), **(info.extra_json_schema or {})}
            case shape.StructType() | shape.EnumType():
                return self._named(info, group)
            case shape.UnionType():
                return _union([self._schema(one, group) for one in info.types])
            case shape.ListType() | shape.VarTupleType() | shape.SetType() | shape.FrozenSetType():
                told = {"type": "array", "items": self._schema(info.item_type, group)}
                return told | _limits(info, min_length="minItems", max_length="maxItems")
            case shape.TupleType():
                return {"type": "array", "prefixItems": [self._schema(one, group) for one in info.item_types]}
            case shape.DictType():
                told = {"type": "object", "additionalProperties": self._schema(info.value_type, group)}
                return told | _limits(info, min_length="minProperties", max_length="maxProperties")
        return _simple(info)

    def _named(self, info: Any, group: str) -> Schema:
        """A component. It is there before its fields are, for a struct may hold itself."""
        name = group + _name(info.cls)
        if self._kinds.setdefault(name, info.cls) != info.cls:
            raise ValueError(f"two types are called {name}")
        if name not in self.components:
            self.components[name] = {}
            if isinstance(info, shape.EnumType):
                made = _choices(info.cls)
            else:
                made = self._array(info, group) if info.array_like else self._struct(info, group)
            self.components[name].update(made)
        return {"$ref": self.place + name}

    def _struct(self, info: shape.StructType, group: str) -> Schema:
        kind = get_origin(info.cls) or info.cls
        texts = _texts_of(kind)
        told: Schema = {"type": "object", "properties": {}, "required": []}
        if doc := _doc(kind):
            told["description"] = doc
        if info.tag is not None:
            told["properties"][info.tag_field] = {"const": info.tag}
            told["required"].append(info.tag_field)
        for field in info.fields:
            schema = self._schema(field.type, group)
            if field.name in texts and "description" not in schema:
                schema = {**schema, "description": texts[field.name]}
            told["properties"][field.encode_name] = _with_default(schema, field)
            if field.required:
                told["required"].append(field.encode_name)
            if isinstance(field.type, shape.Metadata) and field.type.extra:
                _mark(told, field.encode_name, field.type.extra)
        return told

    def _array(self, info: shape.StructType, group: str) -> Schema:
        """A struct that travels as a list: its fields by place, each with its name as title."""
        texts = _texts_of(info.cls)
        places: list[Schema] = [] if info.tag is None else [{"title": "type", "const": info.tag}]
        for field in info.fields:
            schema = self._schema(field.type, group)
            if "$ref" in schema:
                schema = {"allOf": [schema]}
            told = {**schema, "title": field.name}
            places.append({**told, "description": texts[field.name]} if field.name in texts else told)
        needed = sum(field.required for field in info.fields) + (info.tag is not None)
        return {"type": "array", "description": _doc(info.cls), "prefixItems": places, "minItems": needed}


def never_null(schema: Schema) -> Schema:
    """The schema without null."""
    schema = {name: value for name, value in schema.items() if name != "default" or value is not None}
    if "anyOf" not in schema:
        return schema
    kinds = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
    return {**schema, "anyOf": kinds} if len(kinds) > 1 else {**schema, **kinds[0]}


def _union(kinds: list[Schema]) -> Schema:
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _limits(info: Any, **names: str) -> Schema:
    return {told: value for name, told in names.items() if (value := getattr(info, name, None)) is not None}


_NUMBERS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_PLAIN: dict[type, Schema] = {  # a duration has no `format`: RFC 3339 knows no parts of a second
    shape.BoolType: {"type": "boolean"},
    shape.NoneType: {"type": "null"},
    shape.BytesType: {"type": "string", "contentEncoding": "base64"},
    shape.DateTimeType: {"type": "string", "format": "date-time"},
    shape.DateType: {"type": "string", "format": "date"},
    shape.TimeDeltaType: {"type": "string", "pattern": r"^-?P[0-9DTHMS.]+$"},
    shape.UUIDType: {"type": "string", "format": "uuid"},
}


def _simple(info: Any) -> Schema:
    """A type without a name and without parts. What is not known here may be anything."""
    match info:
        case shape.IntType():
            return {"type": "integer", **_limits(info, **_NUMBERS)}
        case shape.FloatType():
            return {"type": "number", **_limits(info, **_NUMBERS)}
        case shape.StrType():
            return {
                "type": "string",
                **_limits(info, min_length="minLength", max_length="maxLength", pattern="pattern"),
            }
        case shape.LiteralType():
            return {"enum": list(info.values)}
    return dict(_PLAIN.get(type(info), {}))


def _choices(kind: Any) -> Schema:
    values = [one.value for one in kind]
    told: Schema = {"enum": values}
    if len(found := {type(value) for value in values}) == 1:
        told["type"] = "integer" if int in found else "string"
    return {**told, "description": doc} if (doc := _doc(kind)) else told


def _with_default(schema: Schema, field: shape.Field) -> Schema:
    if field.default is msgspec.NODEFAULT or field.default is None or isinstance(field.default, msgspec.Raw):
        return schema
    return {**schema, "default": msgspec.to_builtins(field.default)}


def _doc(kind: type) -> str:
    """Its own text, and not that of the class it is made of."""
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "")


def _name(kind: Any) -> str:
    """`QueryResponse[Row]` is `QueryResponse_Row_`: a component's name takes no brackets."""
    if (origin := get_origin(kind)) is None:
        return str(kind.__name__)
    inner = ", ".join(one.__name__ if isinstance(one, type) else str(one) for one in kind.__args__)
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in f"{origin.__name__}[{inner}]")


# ---- marks of the AI Server dialect ----------------------------------------------------------------------------------


def _mark(component: Schema, name: str, extra: dict[str, Any]) -> None:
    schema = component["properties"][name]
    if extra.get("ref") or extra.get("required") or "rule" in extra:
        schema = never_null(schema)
    if extra.get("required") or "rule" in extra:
        schema.pop("default", None)
        component["required"].append(name)
    if "range" in extra:
        schema = _ranged(schema, *extra["range"])
    if extra.get("rule") == "NotEmpty":
        schema |= {"minItems": 1} if schema.get("type") == "array" else {"minLength": 1}
    elif extra.get("rule") == "GreaterThan":
        schema |= {"exclusiveMinimum": 0}
    component["properties"][name] = schema


def _ranged(schema: Schema, low: float, high: float) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_ranged(one, low, high) for one in schema["anyOf"]]}
    return {**schema, "minimum": low, "maximum": high} if schema.get("type") in ("integer", "number") else schema


# ---- texts -----------------------------------------------------------------------------------------------------------


def _texts_of(kind: type) -> dict[str, str]:
    texts: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        texts |= field_texts(one.__module__).get(one.__name__, {})
    return texts


@lru_cache(maxsize=256)
def field_texts(module: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the text below it in the source, for a module of ours; nothing where there is no source."""
    if not module.startswith(("schemas.", "gateway.")) or module not in sys.modules:
        return {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, SyntaxError):
        return {}
    return {node.name: _texts(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for one, below in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            found[one.target.id] = " ".join(below.value.value.split())
    return found
