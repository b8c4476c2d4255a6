"""`/ui/`: the web UI, served from the package just as it stands in the repository: no build, no other host.

Every file is at `/ui/@PRINT/…`, where PRINT is of all files together, so a browser keeps them for good and asks anew as soon
as one has changed; relative imports inside stay under the same print. What a newcomer would get wrong: nothing is read before
somebody asks. A gateway that never shows its UI pays neither time nor memory for it.
"""

import asyncio
import hashlib
import re
import time
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Request, Response, get, route
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.aiserver.sessions import Sessions
from gateway.paper import Paper
from schemas.problem import Code, Problem

Asked = Request[Any, Any, Any]
FOLDER = Path(__file__).parent.parent / "ui"
TYPES = {  # the framework adds `charset=utf-8` to text
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-dns-prefetch-control": "off",  # what a model writes may hold links: their hosts hear nothing before a click
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}
_NAME = re.compile(r"(?:[a-z0-9][a-z0-9_-]*/)*[a-z0-9][a-z0-9_.-]*")
"""Lower case, no dot first, no empty piece: what does not look so is no file of ours, and so there is no way out."""
_PRINTED = re.compile(r"@([0-9a-f]{12})/(.+)")
_READ = (HttpMethod.GET, HttpMethod.HEAD)
LOOK_SECONDS = 1.0
"""How long a print counts for files: one page asks for forty, and looking at the whole folder costs 3 ms."""
FOREVER, ASK = "public, max-age=31536000, immutable", "no-cache"


class Shelf:
    """The files, each read when it is first asked for and again when it has changed on disk."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._papers: dict[str, tuple[int, Paper]] = {}
        self._print: tuple[int, str] = (0, "")
        self._looked = -LOOK_SECONDS

    def paper(self, name: str) -> Paper | None:
        """The file of that name as it is sent, or None. Reads and packs: call it in a thread."""
        if not _NAME.fullmatch(name) or Path(name).suffix not in TYPES:
            return None
        try:
            changed = (self._folder / name).stat().st_mtime_ns
            if (kept := self._papers.get(name)) is None or kept[0] != changed:
                kept = (changed, Paper.of((self._folder / name).read_bytes()))
                self._papers[name] = kept
        except OSError:
            return None
        return kept[1]

    def print(self) -> str:
        """Twelve hexadecimal digits of all that is served; another one as soon as a file changes."""
        files = sorted(one for one in self._folder.rglob("*") if one.suffix in TYPES)
        self._looked = time.monotonic()
        state = hash(tuple((one.name, one.stat().st_mtime_ns) for one in files))
        if self._print[0] != state:
            self._papers.clear()
            whole = hashlib.sha256()
            for one in files:
                whole.update(one.relative_to(self._folder).as_posix().encode() + b"\0" + one.read_bytes() + b"\0")
            self._print = (state, whole.hexdigest()[:12])
        return self._print[1]

    def at_hand(self, said: str, name: str) -> Paper | None:
        """The file where it is in memory and this was the print a second ago: then nobody looks at the disk."""
        kept = self._papers.get(name)  # once: a thread may empty them meanwhile
        if kept is None or said != self._print[1] or time.monotonic() - self._looked > LOOK_SECONDS:
            return None
        return kept[1]

    def is_now(self, said: str) -> bool:
        """Whether this is the print of what is there, or was a second ago."""
        if said != self._print[1] or time.monotonic() - self._looked > LOOK_SECONDS:
            return said == self.print()
        return True

    def page(self) -> Paper:
        """The one page, its links under the print of now."""
        page = (self._folder / "index.html").read_text()
        return Paper.of(page.replace('"/ui/', f'"/ui/@{self.print()}/').encode())


_SHELF = Shelf()


@route("/ui", http_method=_READ, include_in_schema=False)
async def ui(request: Asked) -> Response[bytes]:
    """For a browser."""
    return _sent(request, await asyncio.to_thread(_SHELF.page), TYPES[".html"], ASK)


@get("/ui/session", include_in_schema=False, cache_control=CacheControlHeader(no_store=True))
async def session(request: Asked, sessions: NamedDependency[Sessions]) -> dict[str, Any]:
    """Whose cookie it is. `Authenticate` says that it is nobody's with a 401, which browsers write down as an error."""
    heads = dict(request.scope["headers"])
    try:
        key = sessions.key_of(heads)
    except Problem:
        key = None
    if key is None or (told := sessions.read(heads)) is None:
        return {"signed_in": False}
    return {"signed_in": True, "id": key.id, "name": told.name, "scopes": sorted(key.scopes)}


@route("/ui/{path:path}", http_method=_READ, include_in_schema=False)
async def ui_file(path: FromPath[str], request: Asked) -> Response[bytes]:
    """A file, or the page for an address inside it (`/ui/jobs/123`)."""
    name, lasting = path.lstrip("/"), ASK
    if printed := _PRINTED.fullmatch(name):
        name = printed[2]
        if paper := _SHELF.at_hand(printed[1], name):
            return _sent(request, paper, TYPES[Path(name).suffix], FOREVER)
        lasting = FOREVER if await asyncio.to_thread(_SHELF.is_now, printed[1]) else ASK
    elif Path(name).suffix not in TYPES:
        return await ui.fn(request)  # type: ignore[no-any-return]
    if (paper := await asyncio.to_thread(_SHELF.paper, name)) is None:
        raise Problem(Code.NOT_FOUND, "There is no such file of the web UI.")
    return _sent(request, paper, TYPES[Path(name).suffix], lasting)


def _sent(request: Asked, paper: Paper, kind: str, lasting: str) -> Response[bytes]:
    return paper.answer(request, kind, {**_HEADERS, "cache-control": lasting})


ROUTES = (ui, session, ui_file)
