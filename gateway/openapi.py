"""`/openapi`: what the routes are, made from the routes, and for the hot ones from the operation registry.

Litestar describes only its ordinary handlers; a bare ASGI handler is added here, or the most used route would be the one
that is missing.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from gateway.dialects._dialect import Door
from gateway.dialects.doors import DOORS
from gateway.openapi_media import media_route, media_schemas
from schemas.operations import OPERATIONS, Operation

_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}


class Described(JsonRenderPlugin):
    """OpenAPI as JSON, with the operations in it."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"])

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document's bytes."""
        return super().render(request, described(openapi_schema))


def described(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every operation of the registry and the ways to show a key."""
    operations = [operation for operation in OPERATIONS.values() if not operation.media]
    _, structs = msgspec.json.schema_components(
        [operation.request for operation in operations], ref_template="#/components/schemas/{name}"
    )
    paths = {path: {"post": _operation(operation)} for operation in operations for path in operation.routes}
    paths |= {path: {"post": _dialect(path, door)} for path, door in DOORS.items() if door.read is not None}
    paths |= {path: {"post": media_route(path, door)} for path, door in DOORS.items() if door.media is not None}
    structs |= media_schemas()
    components = document.get("components", {})
    return {
        **document,
        "paths": {**document.get("paths", {}), **paths},
        "components": {
            **components,
            "schemas": {**components.get("schemas", {}), **structs},
            "securitySchemes": _KEYS,
        },
        "security": [{name: []} for name in _KEYS],
    }


def _dialect(path: str, door: Door) -> dict[str, Any]:
    """Another dialect's route. Its own documentation describes its wire better than we could."""
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "summary": f"{door.operation.name.capitalize()} on the wire of {door.dialect.name}, in all call styles",
        "tags": [door.dialect.name.partition(".")[0]],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {
            "200": {"description": "The result, or a stream of it"},
            "202": {"description": "Accepted: ask for the job at `Location`"},
            "default": {"description": "An error in this dialect's shape"},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    struct = operation.request.__name__
    return {
        "operationId": operation.name,
        "summary": f"{operation.name.capitalize()}: sync, streamed, queued or with a callback",
        "description": (
            "Sync by default. `Prefer: respond-async` (or `?queue=1`) answers 202 with a job; `Prefer: wait=N` waits up to "
            "N seconds for it; `replyTo` names a web callback; `Idempotency-Key` or `refId` names the job."
        ),
        "tags": [operation.name],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{struct}"}}},
        },
        "responses": {
            "200": {"description": "The result, or a stream of server-sent events"},
            "202": {"description": "Accepted: ask for the job at `Location`"},
            "default": {"description": "An error in OpenAI's shape"},
        },
    }
