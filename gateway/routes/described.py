"""What the server says of itself: `/openapi.json`, `/openapi.yaml`, `/asyncapi.json`, and the page that tries it, `/explorer`.

Without a key, for none of it says what only a key may know. The page reads nothing from another host, and its policy lets a
browser read nothing either; the key that a visitor pastes stays in the tab.
"""

import asyncio
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.openapi import Described
from gateway.paper import Paper
from schemas.problem import Code, Problem

Asked = Request[Any, Any, Any]
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_ASK = {"cache-control": "public, no-cache"}
_OPEN = {**_ASK, "access-control-allow-origin": "*"}
"""Tools in a browser may read the documents from anywhere."""


@get("/openapi.json", summary="This description", tags=["house"])
async def read_openapi(request: Asked, described: NamedDependency[Described]) -> Response[bytes]:
    """OpenAPI 3.1. `/openapi` is the same."""
    paper = await asyncio.to_thread(described.paper, request.app)
    return paper.answer(request, "application/json", _OPEN)


@get("/openapi.yaml", summary="This description as YAML", tags=["house"])
async def read_openapi_yaml(request: Asked, described: NamedDependency[Described]) -> Response[bytes]:
    """OpenAPI 3.1."""
    paper = await asyncio.to_thread(described.paper, request.app, "yaml")
    return paper.answer(request, "application/yaml", _OPEN)


@get("/asyncapi.json", summary="The bus, described", tags=["house"])
async def read_asyncapi(request: Asked, described: NamedDependency[Described]) -> Response[bytes]:
    """AsyncAPI 3.0: the subjects for direct publishers on NATS, and those inside the house."""
    paper = await asyncio.to_thread(described.paper, request.app, "bus")
    return paper.answer(request, "application/json", _OPEN)


@get("/explorer", summary="A page to try the API", tags=["house"])
async def explorer(request: Asked) -> Response[bytes]:
    """For a browser. It needs no other host."""
    return _page(request, "index.html")


@get("/explorer/{name:str}", summary="The page's script and style", tags=["house"])
async def explorer_file(name: FromPath[str], request: Asked) -> Response[bytes]:
    return _page(request, name)


def _assets() -> dict[str, Paper]:
    """Read once, at import: three small files of the package."""
    folder = Path(__file__).parent.parent / "explorer"
    return {one.name: Paper.of(one.read_bytes()) for one in sorted(folder.iterdir()) if one.suffix in _TYPES}


_ASSETS = _assets()


def _page(request: Asked, name: str) -> Response[bytes]:
    if (paper := _ASSETS.get(name)) is None:
        raise Problem(Code.NOT_FOUND, "There is no such file of the explorer.")
    return paper.answer(request, _TYPES[Path(name).suffix], {**_ASK, **_PAGE_HEADERS})


ROUTES = (read_openapi, read_openapi_yaml, read_asyncapi, explorer, explorer_file)
