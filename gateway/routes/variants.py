"""`GET /variants/{options}/{path}`: a picture of another size, out of the file at `/artifacts/{path}`.

A bare ASGI handler, for most of its answers come from memory. Who may read a file may read its variants: the key is the same,
and so is a signed link's query, which is checked against the file's own address.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from gateway.artifacts import METHODS, PREFLIGHT, SHARED, raw_path
from gateway.problems import Header, answer_of
from gateway.ranges import part_of
from gateway.sending import NAMED_CACHE, PRIVATE_CACHE, PUBLIC_CACHE, type_headers
from gateway.variant_options import AUTO, FORMATS, Address, address_in, negotiated
from gateway.variants import Variants
from schemas.files import PUBLIC
from schemas.problem import Problem

Named = Callable[[str], Awaitable[Address | None]]
"""What a path stands for that has a name of somebody's choice in it; None: none of those."""
_VARY = (b"vary", b"accept")


def _headers(public: bool, kind: str, lasting: bool = True) -> tuple[Header, ...]:
    cache = (PUBLIC_CACHE if lasting else NAMED_CACHE) if public else PRIVATE_CACHE
    told = {"cache-control": cache, **type_headers(f"image/{kind}")}
    return tuple((name.encode(), value.encode()) for name, value in (told | (SHARED if public else {})).items())


_HEADERS: dict[tuple[bool, str], tuple[Header, ...]] = {
    (public, kind): _headers(public, kind) for public in (True, False) for kind in FORMATS
}


def variant_routes(variants: Variants, new_id: Callable[[], int], named: Named | None = None) -> list[ASGIRouteHandler]:
    """The handler of all variants."""

    @asgi("/variants", name="variants", is_mount=True, copy_scope=False)
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        asked: Any = scope
        try:
            status, headers, body = await answer(variants, asked, named)
        except Problem as problem:
            status, headers, body = answer_of(problem.fault)
            headers += [(b"x-request-id", b"%d" % new_id()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        shown = b"" if asked["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown, "more_body": False})

    return [handler]


async def answer(variants: Variants, scope: Any, named: Named | None = None) -> tuple[int, list[Header], bytes]:
    """Status, headers and body. Raises `Problem`."""
    path = raw_path(scope)
    found = await named(path) if named is not None else None
    address = address_in(path) if found is None else found
    if scope["method"] not in ("GET", "HEAD"):
        return _bare(scope["method"], address)
    heads: Mapping[bytes, bytes] = dict(scope["headers"])
    variants.artifacts.allow(address.place, {**scope, "raw_path": address.path.encode()})
    blob = await variants.source(address)
    wish, told = address.wish, list[Header]()
    if wish.format == AUTO:
        accept = heads.get(b"accept", b"").decode("latin-1")
        wish = msgspec.structs.replace(wish, format=negotiated(accept))
        told.append(_VARY)
    etag = address.etag(wish)
    public = address.place.area == PUBLIC
    told += [(b"etag", etag.encode())]
    told += _HEADERS[public, wish.format] if found is None else _headers(public, wish.format, lasting=False)
    asked = {"if-none-match": heads.get(b"if-none-match", b"").decode("latin-1")}
    if asked["if-none-match"] and part_of(asked, 0, etag).status == 304:
        return 304, told, b""
    data = await variants.get(address, wish, blob)
    told.append((b"content-length", b"%d" % len(data)))
    return 200, told, data


def _bare(method: str, address: Address) -> tuple[int, list[Header], bytes]:
    told = {"allow": METHODS, "content-length": "0"}
    if method == "OPTIONS" and address.place.area == PUBLIC:
        told |= SHARED | PREFLIGHT
    return 204 if method == "OPTIONS" else 405, [(name.encode(), value.encode()) for name, value in told.items()], b""
