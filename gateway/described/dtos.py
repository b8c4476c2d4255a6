"""The AI Server dialect: every DTO at `/api/{Dto}`, made from the registry.

What a newcomer would get wrong: a DTO that is asked with GET has its fields in the query, and every other one in the body, as
JSON or as a form; only the form can bring files, as parts of the fields' names.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from gateway.aiserver.table import HANDLERS, ROWS
from gateway.described.dto_examples import DTO_ASKED
from gateway.described.parts import ANYBODY, answer, binary, errors, json
from gateway.described.shapes import PLACE, Schema, Shapes, never_null
from gateway.described.values import example_of, value_of
from schemas.dtos import APIS, FILE_PARTS, Api
from schemas.dtos.base import QueryBase

GROUP = "AiServer."
_FIELD = re.compile(r"\{(\w+)\}")
_PART = {"type": "string", "format": "binary"}


def dto_paths(shapes: Shapes) -> Schema:
    """All that are answered and are to be seen."""
    return {f"/api/{name}": {api.verb.lower(): _operation(shapes, name, api)} for name, api in shown_apis()}


def own_paths(shapes: Shapes, taken: Collection[str]) -> Schema:
    """The paths that some DTOs have beside `/api/`. `taken`: paths that are described already; there another door answers."""
    found: Schema = {}
    before = {outline(path) for path in taken}
    for name, api in shown_apis():
        for number, route in enumerate(api.routes, 1):
            verb, _, path = route.rpartition(" ")
            path = path.replace("{**", "{")
            if outline(path) not in before:
                operation = _operation(shapes, name, api, _FIELD.findall(path))
                verb = (verb or api.verb).lower()
                found.setdefault(path, {})[verb] = {**operation, "operationId": f"{name}_{number}"}
    return found


def shown_apis() -> Iterator[tuple[str, Api]]:
    """Requests that this server answers, by name, without those that are for its own pages."""
    return ((name, api) for name, api in APIS.items() if not api.hidden and (name in ROWS or name in HANDLERS))


def outline(path: str) -> str:
    """The path without its fields' names: two paths of one outline are one."""
    return _FIELD.sub("{}", path)


def _operation(shapes: Shapes, name: str, api: Api, fields: Sequence[str] = ()) -> Schema:
    reference = shapes.of(api.request, GROUP)
    schema = shapes.components[GROUP + name]
    for part in FILE_PARTS.get(name, ()):
        schema["properties"].setdefault(part, {"type": "string", "description": "A part of the form with this name."})
    operation: Schema = {
        "operationId": name,
        "summary": str(schema.get("description") or name).partition("\n")[0],
        "tags": [api.tag or "AI Server"],
        **_asked(shapes, name, api, reference, fields),
        "responses": {**_answered(shapes, api), **errors("AiServer")},
    }
    if api.auth == "none":
        operation["security"] = ANYBODY
    elif api.auth == "admin":
        operation["description"] = "For keys with the scope `admin`."
    return operation


def _asked(shapes: Shapes, name: str, api: Api, reference: Schema, fields: Sequence[str]) -> Schema:
    """`fields`: those that stand in the path, in any case."""
    schema = shapes.components[GROUP + name]
    shown = _shown(name, schema, shapes)
    inside = {field.lower(): field for field in fields}
    queried = api.verb in ("GET", "DELETE")
    found = []
    for field, one in schema["properties"].items():
        if field.lower() in inside:
            value = value_of(field, one, shapes.components)
            place = {"name": inside.pop(field.lower()), "in": "path", "required": True, "schema": never_null(one)}
            found.append({**place, "example": "x" if value is None else value})
        elif queried:
            found.append(_parameter(field, one, schema, shown))
    more = {"parameters": found} if found else {}
    if queried:
        return more
    content = {"application/json": {"schema": reference, "example": shown}}
    if files := _files(name, api):
        content["multipart/form-data"] = {"schema": _form(schema, files)}
    if FILE_PARTS.get(name) == ("watermark",):  # which is a file and no field: JSON has no place for it
        content = {"multipart/form-data": {**content["multipart/form-data"], "example": shown}}
    return {**more, "requestBody": {"required": bool(schema.get("required")), "content": content}}


def _shown(name: str, schema: Schema, shapes: Shapes) -> dict[str, Any]:
    """Its example. A model is named where words are asked for: of what makes pictures and sound there is a first one."""
    found: dict[str, Any] = example_of(schema, shapes.components)
    worded = {"messages", "prompt"} & schema["properties"].keys() and "image" not in schema["properties"]
    if not worded and "model" not in schema["required"]:
        found.pop("model", None)
    return found | DTO_ASKED.get(name, {})


def _parameter(name: str, schema: Schema, whole: Schema, shown: Any) -> Schema:
    """A field in the query: lists with commas, objects as JSON."""
    told: Schema = {
        "name": name,
        "in": "query",
        "schema": {key: one for key, one in schema.items() if key != "description"},
    }
    if text := schema.get("description"):
        told["description"] = text
    if name in whole.get("required", ()):
        told["required"] = True
    if "array" in _kinds(schema):
        told |= {"style": "form", "explode": False}
    elif "object" in _kinds(schema):
        told["content"] = {"application/json": {"schema": told.pop("schema")}}
    return {**told, "example": shown[name]} if name in shown else told


def _kinds(schema: Schema) -> set[str]:
    found = {one.get("type", "object" if "$ref" in one else "") for one in schema.get("anyOf", [schema])}
    return found - {"null"}


def _files(name: str, api: Api) -> tuple[str, ...]:
    """Parts of the form that are files."""
    found = []
    for one in msgspec.inspect.type_info(api.request).fields:  # type: ignore[attr-defined]
        extra = one.type.extra if isinstance(one.type, msgspec.inspect.Metadata) else None
        if extra and extra.get("file"):
            found.append(one.encode_name)
    return (*found, *FILE_PARTS.get(name, ()))


def _form(schema: Schema, files: tuple[str, ...]) -> Schema:
    properties = {**schema["properties"], **dict.fromkeys(files, _PART)}
    return {"type": "object", "properties": properties, "required": list(schema.get("required", ()))}


def _answered(shapes: Shapes, api: Api) -> Schema:
    if api.returns is None:
        return {"204": answer("Done", None, "RequestId")}
    if api.returns is bytes:
        return {"200": answer("The file", binary())}
    if api.returns is str:
        return {"200": answer("The answer", {"text/plain": {"schema": {"type": "string"}}}, "RequestId")}
    schema = shapes.of(api.returns, GROUP)
    name = schema.get("$ref", "").removeprefix(PLACE)
    content = json(schema, example_of(shapes.components[name], shapes.components) if name else None)
    if issubclass(api.request, QueryBase):
        content |= {kind: {"schema": {"type": "string"}} for kind in ("text/csv", "text/jsonl")}
    return {"200": answer("The answer", content, "RequestId")}
