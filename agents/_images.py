"""Fetches pictures that a message names by a URL, for providers that want the bytes.

The URL comes from a caller, so it is fetched by the guarded client: never an address inside our own network, also not by
way of a redirect. What a server says of the type is not believed: the first bytes tell.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from agents._asked import media
from agents._http import Http
from agents._web import host_of, opened
from agents.agent import Tools
from schemas.job import Job
from schemas.problem import Code, Problem

MAX_BYTES = 20 * 1024 * 1024
"""Of one picture."""
MAX_PICTURES = 20
"""Fetched for one request."""
TIMEOUT = 30.0
"""Seconds for one picture, all in all."""

_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypheic", 4, "image/heic"),
    (b"ftypavif", 4, "image/avif"),
    (b"BM", 0, "image/bmp"),
    (b"%PDF-", 0, "application/pdf"),
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


async def inlined(job: Job, tools: Tools, keep: Callable[[str], bool] = lambda url: False) -> Job:
    """The same job with its pictures in it. `keep` says which URLs the provider reads by itself.

    Raises `Problem(INVALID_REQUEST)` for what cannot be had: the caller can mend it, and another provider would fare no better.
    """
    if b'"image_url"' not in job.body:
        return job
    asked = _decode(job.body)
    named = [part for part in _pictures(asked) if (url := _url(part)) and not url.startswith("data:") and not keep(url)]
    urls = list(dict.fromkeys(_url(part) for part in named))
    if not urls:
        return job
    if len(urls) > MAX_PICTURES:
        raise _problem(f"At most {MAX_PICTURES} pictures can be fetched for one request")
    found = dict(zip(urls, await asyncio.gather(*(fetch(url, tools.http.guard) for url in urls)), strict=True))
    for part in named:
        mime, data = found[_url(part)]
        part["image_url"] = {"url": f"data:{mime};base64,{b64encode(data).decode()}"}
    return msgspec.structs.replace(job, body=_encode(asked))


async def fetch(url: str, http: Http) -> tuple[str, bytes]:
    """A picture's type and bytes. Raises `Problem(INVALID_REQUEST)`."""
    try:
        async with asyncio.timeout(TIMEOUT):
            data = await _get(url, http)
    except TimeoutError as error:
        raise _problem(f"The picture at {host_of(url)} did not arrive within {TIMEOUT:g} s") from error
    except Problem as problem:
        raise _problem(f"The picture at {host_of(url)} could not be fetched: {problem.fault.message}") from problem
    mime = sniff(data)
    if mime is None:
        raise _problem(f"What {host_of(url)} answered is no picture that we know")
    return mime, data


def sniff(data: bytes) -> str | None:
    """The type that the first bytes tell."""
    return next((mime for mark, at, mime in _SIGNATURES if data[at : at + len(mark)] == mark), None)


async def _get(url: str, http: Http) -> bytes:
    reply = await opened(url, http, "image/*")
    try:
        return await reply.read(MAX_BYTES)
    finally:
        reply.close()


def _pictures(asked: Any) -> Iterator[dict[str, Any]]:
    for message in asked.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "image_url":
                yield part


def _url(part: dict[str, Any]) -> str:
    found = media(part)
    return "" if found is None or found.data else found.url


def _problem(sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence, param="messages")
