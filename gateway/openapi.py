"""`/openapi.json`: OpenAPI 3.1 of all that is served, made from the routes, the doors' table, the operations and the DTOs.

What a newcomer would get wrong: nothing here is written at start. The first reader waits for the document (some tenths of a
second, in a thread), and from then on it is bytes in memory.
"""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin

from gateway.asyncapi import asyncapi
from gateway.described.bare import bare_paths
from gateway.described.doors import door_paths
from gateway.described.dtos import dto_paths, own_paths
from gateway.described.parts import HEADERS, KEYS, PARAMETERS, responses
from gateway.described.routes import route_paths
from gateway.described.shapes import PLACE, Schema, Shapes
from gateway.described.yaml import yaml_of
from gateway.openapi_media import media_paths
from gateway.paper import Paper

ABOUT = (
    "A gateway for AI work. Speak OpenAI's, Anthropic's, Ollama's or Google's wire, or AI Server's DTOs at `/api/{Dto}`; each "
    "call may be answered at once, queued, or told to a web callback. Errors come in the words of the wire that asked."
)
TAGS = (
    "OpenAI", "Anthropic", "Ollama", "Gemini", "Media operations", "Jobs", "Models", "Files area", "Workflows", "AI", "AI Info",
    "Media", "Media Info", "Comfy", "Files", "Auth", "Admin", "AI Server", "Typed clients", "Saved", "House",
    "House admin",
)  # fmt: skip
"""In the order in which readers see them."""


class Described(JsonRenderPlugin):
    """OpenAPI as JSON at `/openapi`, and the one place where the document is kept."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"])
        self._lock = threading.Lock()
        self._document: Schema | None = None
        self._papers: dict[str, Paper] = {}

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document's bytes, for Litestar's own route."""
        return self.paper(request.app).body

    def document(self, app: Litestar) -> Schema:
        """The document itself; made once."""
        with self._lock:
            if self._document is None:
                self._document = described(app.openapi_schema.to_schema())
            return self._document

    def paper(self, app: Litestar, kind: str = "json") -> Paper:
        """As `json` or `yaml`; of the `bus` as JSON."""
        if (found := self._papers.get(kind)) is None:
            found = self._papers[kind] = Paper.of(self._body(app, kind))
        return found

    def _body(self, app: Litestar, kind: str) -> bytes:
        if kind == "bus":
            return msgspec.json.encode(asyncapi(self.document(app)["info"]["version"]))
        return yaml_of(self.document(app)) if kind == "yaml" else msgspec.json.encode(self.document(app))


def described(document: Schema) -> Schema:
    """The whole document, from what Litestar says of the ordinary routes."""
    shapes = Shapes()
    paths = {
        **door_paths(shapes),
        **media_paths(shapes),
        **bare_paths(),
        **dto_paths(shapes),
    }
    for path, item in route_paths(shapes, document.get("paths", {})).items():
        paths[path] = {**paths.get(path, {}), **item}
    paths |= own_paths(shapes, paths)
    answers = responses(shapes)
    schemas = used_of(shapes.components, [paths, answers])
    used = {tag for item in paths.values() for operation in item.values() for tag in operation["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {**document["info"], "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in TAGS if tag in used],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": answers,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": KEYS,
        },
        "security": [{"bearer": []}, {"header": []}],
    }


def used_of(components: Schema, where: Any) -> Schema:
    """The components that something refers to. A DTO that is asked in the query needs none of its own."""
    found: Schema = {}
    waiting = list(_names(where))
    while waiting:
        if (name := waiting.pop()) not in found:
            found[name] = components[name]
            waiting += _names(components[name])
    return found


def _names(thing: Any) -> Iterator[str]:
    if isinstance(thing, dict):
        if isinstance(name := thing.get("$ref"), str) and name.startswith(PLACE):
            yield name.removeprefix(PLACE)
        for one in thing.values():
            yield from _names(one)
    elif isinstance(thing, list):
        for one in thing:
            yield from _names(one)
