"""Files that a provider names by a URL instead of sending them: fetched as a stream, straight into the shelf.

A provider may name any address, so the guarded client fetches it, but for the provider's own (a LocalAI in our network
names itself). What a newcomer would get wrong: the key goes to the provider's own address only, never to where it points.
"""

import asyncio
from base64 import b64decode
from binascii import Error
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager

import msgspec
from yarl import URL

from agents._asked import media
from agents._http import Reply, Timeouts
from agents._media import TITLE, sniff
from agents._pictures import sides, whole
from agents._web import host_of, parsed
from agents.agent import Tools
from schemas.media import Artifact
from schemas.problem import Code, Problem

REDIRECTS = 5
LARGEST = 2_147_483_648
"""Bytes of one file."""
PICTURE = 64 * 1024 * 1024
"""Bytes of one picture: it is held in memory, to be measured."""
HEAD = 64 * 1024
"""Bytes that are enough to know a file's kind."""


async def keep(url: str, tools: Tools, about: Artifact | None = None, trusted: Collection[str] = ()) -> Artifact:
    """The file at `url` (http, https or data) on the job's shelf, whatever it is: its first bytes tell.

    `trusted`: hosts besides the provider's own that are shown its key. Raises `Problem`.
    """
    if url.startswith("data:"):
        found = media({"type": "image_url", "image_url": url})
        return await keep_bytes(decoded(found.data if found else "", tools), tools, about)
    async with opened(url, tools, trusted) as reply, aclosing(_pieces(reply, tools, url)) as pieces:
        return await keep_pieces(pieces, tools, about, reply.content_type)


async def keep_pieces(
    pieces: AsyncGenerator[bytes, None], tools: Tools, about: Artifact | None = None, said: str = ""
) -> Artifact:
    """A file that is still coming, on the shelf. `said`: its type in the provider's words, used where the bytes tell none.

    A picture is gathered first, for its sides and its end are looked at; anything else flows through.
    """
    head = b""
    while len(head) < HEAD and (piece := await anext(pieces, b"")):
        head += piece
    kind = sniff(head) or ("text/plain" if head.lstrip()[:1] in (b"<", b"{") else said)
    if not head or kind in ("text/html", "application/json", "text/plain"):
        raise tools.problem(Code.PROVIDER_GARBLED, "sent no file where a file was to be")
    if not kind.startswith("image/"):
        return await tools.shelf.put(_joined(head, pieces), kind or "application/octet-stream", about)
    parts, size = [head], len(head)
    async for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > PICTURE:
            raise tools.problem(Code.PROVIDER_GARBLED, f"sent a picture of more than {PICTURE} bytes")
    return await keep_bytes(b"".join(parts), tools, about, said)


async def keep_bytes(data: bytes, tools: Tools, about: Artifact | None = None, said: str = "") -> Artifact:
    """A whole file on the shelf; a picture is looked at first."""
    kind = sniff(data[:HEAD]) or said or "application/octet-stream"
    told = about or Artifact()
    if kind.startswith("image/"):
        if not data or not whole(data, kind):
            raise tools.problem(Code.PROVIDER_GARBLED, "sent a picture that is cut short")
        width, height = await asyncio.to_thread(sides, data)
        told = msgspec.structs.replace(told, width=width, height=height)
    return await tools.shelf.put(data, kind, told)


async def keep_picture(encoded: str, tools: Tools, title: str = "") -> Artifact:
    """A picture in base64 on the shelf. What is no picture is a `Problem(PROVIDER_GARBLED)`."""
    data = decoded(encoded, tools)
    if not sniff(data[:HEAD]).startswith("image/"):
        raise tools.problem(Code.PROVIDER_GARBLED, "sent something else than a picture")
    return await keep_bytes(data, tools, Artifact(title=title[:TITLE]))


def decoded(encoded: str, tools: Tools) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (Error, ValueError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "sent a file that is no base64") from error


@asynccontextmanager
async def opened(url: str, tools: Tools, trusted: Collection[str] = ()) -> AsyncIterator[Reply]:
    """The answer at `url`, whose status is 200."""
    reply = None
    try:
        for _ in range(REDIRECTS + 1):
            reply = await _sent(url, tools, trusted)
            there = reply.headers.get("Location")
            if reply.status == 200 or not (300 <= reply.status < 400 and there):
                break
            reply.close()
            url = _there(url, there, tools)
        if reply is None or reply.status != 200:
            status = reply.status if reply else 0
            raise tools.problem(Code.PROVIDER_ERROR, f"named a file that its server does not give ({status})")
        yield reply
    finally:
        if reply is not None:
            reply.close()


async def _sent(url: str, tools: Tools, trusted: Collection[str]) -> Reply:
    own = tools.url("")
    try:
        target = parsed(url)
        home = (target.scheme, target.host, target.port) == (own.scheme, own.host, own.port)
        shown = home or (target.scheme == "https" and any(_within(target.host or "", host) for host in trusted))
        headers = {"Accept-Encoding": "identity", **(_key(tools) if shown else {})}
        provider = tools.provider
        limits = Timeouts(provider.connect_timeout, provider.first_timeout, provider.stall_timeout)
        http = tools.http if home else tools.http.guard
        return await http.send("GET", target, headers, None, limits, (provider.name, tools.scrub))
    except Problem as problem:
        if problem.code not in (Code.FORBIDDEN, Code.INVALID_REQUEST):
            raise
        sentence = f"named a file at {host_of(url)}, which may not be called from here"
        raise tools.problem(Code.PROVIDER_GARBLED, sentence) from problem


def _key(tools: Tools) -> dict[str, str]:
    return {**({"Authorization": f"Bearer {tools.key}"} if tools.key else {}), **tools.headers}


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _there(url: str, there: str, tools: Tools) -> str:
    try:
        return str(URL(url).join(URL(there)))
    except ValueError as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "named a file that moved to no URL") from error


async def _pieces(reply: Reply, tools: Tools, url: str) -> AsyncGenerator[bytes, None]:
    size = 0
    while piece := await reply.piece():
        size += len(piece)
        if size > LARGEST:
            raise tools.problem(Code.PROVIDER_GARBLED, f"named a file of more than {LARGEST} bytes at {host_of(url)}")
        yield piece


async def _joined(head: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield head
    async for piece in rest:
        yield piece
