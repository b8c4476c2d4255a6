"""`/types`: this server's requests and answers as source code in the caller's language. Without a key, for it says nothing
that the documentation does not.

A page of another origin may import them (`/types/mjs`), so every answer says so to browsers.
"""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.inputs import origin_of
from gateway.types.page import as_data, as_page
from gateway.types.shelf import Made, Shelf

Asked = Request[Any, Any, Any]

_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "etag",
    "cache-control": "public, no-cache",
    "cross-origin-resource-policy": "cross-origin",
    "vary": "accept, host, x-forwarded-proto",
    "x-content-type-options": "nosniff",
}


@get("/types", summary="Typed clients", tags=["types"])
async def index(request: Asked) -> Response[Any]:
    """Each language with its address and a start to copy: a page for browsers, JSON for the rest."""
    url = _base(request)
    accepts = request.headers.get("accept", "")
    page = "text/html" in accepts and request.query_params.get("format") != "json"
    if page:
        return Response(as_page(url), media_type="text/html", headers=dict(_HEADERS))
    return Response(as_data(url), media_type="application/json", headers=dict(_HEADERS))


@get("/types/metadata", summary="All operations and types as data", tags=["types"])
async def read_metadata(request: Asked, shelf: NamedDependency[Shelf]) -> Response[bytes]:
    """Close to ServiceStack's MetadataTypes. Takes `IncludeTypes` and `ExcludeTypes`."""
    return _sent(request, shelf.metadata(_query(request), _base(request)))


@get("/types/{language:str}", summary="Types in a language", tags=["types"])
async def read_types(language: FromPath[str], request: Asked, shelf: NamedDependency[Shelf]) -> Response[bytes]:
    """The source of all types, or of those that `IncludeTypes` names. `/types` lists languages and options."""
    return _sent(request, shelf.file(language, _query(request), _base(request)))


def _sent(request: Asked, made: Made) -> Response[bytes]:
    headers = {**_HEADERS, "etag": made.tag}
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    if made.tag in known or "*" in known:
        return Response(b"", status_code=304, headers=headers, media_type=made.media_type)
    return Response(made.body, headers=headers, media_type=made.media_type)


def _query(request: Asked) -> dict[str, str]:
    """The query's values; of several of one name the last."""
    return {name: values[-1] for name, values in request.query_params.dict().items() if values}


def _base(request: Asked) -> str:
    """This server as the caller addressed it."""
    return origin_of(dict(request.scope["headers"])) or "http://localhost:8080"


ROUTES = (index, read_metadata, read_types)
