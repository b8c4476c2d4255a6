"""The documents as a running server serves them, asked for once a process; and how they are walked."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from gateway_house import House, open_house
from litestar import Litestar
from litestar.routes import ASGIRoute, HTTPRoute

from bus.connection import Link

Document = dict[str, Any]
NOBODY = {"X-Api-Key": ""}
_KEPT: dict[str, Any] = {}


@asynccontextmanager
async def served(link: Link) -> AsyncIterator[House]:
    async with open_house(link, agent=False) as house:
        yield house


async def papers(link: Link) -> dict[str, Any]:
    """`openapi`, `yaml`, `asyncapi` and the app that served them."""
    if not _KEPT:
        async with served(link) as house:
            _, _, _KEPT["openapi"] = await house.get("/openapi.json", headers=NOBODY)
            _, _, _KEPT["asyncapi"] = await house.get("/asyncapi.json", headers=NOBODY)
            async with house.http.get(house.url + "/openapi.yaml") as reply:
                _KEPT["yaml"] = await reply.text()
            _KEPT["app"] = house.app
    return _KEPT


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """(method, path, operation)."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def follow(document: Document, thing: Any) -> Any:
    """What a `$ref` stands for."""
    while isinstance(thing, dict) and "$ref" in thing:
        found: Any = document
        for step in thing["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/")]
        thing = found
    return thing


def references(thing: Any) -> Iterator[str]:
    """Every `$ref` in it."""
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for value in thing.values():
            yield from references(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from references(value)


def routed(app: Litestar) -> Iterator[tuple[str, str]]:
    """(method, path) of every ordinary route that its handler does not hide."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema() and (method != "OPTIONS" or "OPTIONS" in handler.http_methods):
                    yield method.lower(), route.path_format


def mounted(app: Litestar) -> list[str]:
    """The paths of bare handlers."""
    return [route.path for route in app.routes if isinstance(route, ASGIRoute)]
