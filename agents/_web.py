"""Files at URLs that callers chose, as a stream: guarded, limited, and never followed into our own network.

What a newcomer would get wrong: a redirect is a new URL of a stranger's choice, so each is judged like the first one; and
the length that a server announces is not believed, only what comes is counted.
"""

import time
from collections.abc import AsyncGenerator

from yarl import URL

from agents._http import Http, Reply, Timeouts
from agents._problems import Scrub
from schemas.problem import Code, Problem

SECONDS = 1800.0
"""For one file, all in all."""
REDIRECTS = 5
_LIMITS = Timeouts(connect=5.0, first=30.0, stall=20.0)


async def download(url: str, http: Http, limit: int, accept: str = "*/*") -> AsyncGenerator[bytes, None]:
    """The bytes at `url`, in pieces. `http` is made its guarded twin.

    Raises `Problem`: INVALID_REQUEST for what can't be fetched, TOO_LARGE behind `limit` bytes. The caller's URL may hold a
    secret, so no sentence tells more than its host.
    """
    host, until = host_of(url), time.monotonic() + SECONDS
    try:
        reply = await opened(url, http.guard, accept)
    except Problem as problem:
        raise _problem(host, f"could not be fetched: {problem.fault.message}") from problem
    try:
        size = 0
        length = reply.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > limit:
            raise too_large(host, limit)
        while data := await _piece(reply, host):
            size += len(data)
            if size > limit:
                raise too_large(host, limit)
            if time.monotonic() > until:
                raise _problem(host, f"did not arrive within {SECONDS:.0f} s")
            yield data
    finally:
        reply.close()


async def _piece(reply: Reply, host: str) -> bytes:
    try:
        return await reply.piece()
    except Problem as problem:
        raise _problem(host, f"broke off: {problem.fault.message}") from problem


async def opened(url: str, http: Http, accept: str) -> Reply:
    """The answer of whoever has it, behind at most `REDIRECTS` others. Raises `Problem`."""
    for _ in range(REDIRECTS + 1):
        target = parsed(url)
        caller = (target.host or "", Scrub([]))
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        reply = await http.send("GET", target, headers, None, _LIMITS, caller)
        if reply.status == 200:
            return reply
        there = reply.headers.get("Location")
        reply.close()
        if not 300 <= reply.status < 400 or not there:
            raise Problem(Code.INVALID_REQUEST, f"its server answered {reply.status}")
        url = _joined(target, there)
    raise Problem(Code.INVALID_REQUEST, f"it was redirected more than {REDIRECTS} times")


def parsed(url: str) -> URL:
    """Raises `Problem(INVALID_REQUEST)`."""
    try:
        target = URL(url)
    except ValueError as error:
        raise Problem(Code.INVALID_REQUEST, "the URL is not valid") from error
    if target.scheme not in ("http", "https") or not target.raw_host or target.user is not None:
        raise Problem(Code.INVALID_REQUEST, "only http and https URLs are fetched")
    return target


def host_of(url: str) -> str:
    """A URL's query may hold a secret, so only the host is told."""
    try:
        return URL(url).host or "the URL"
    except ValueError:
        return "the URL"


def too_large(what: str, limit: int) -> Problem:
    return Problem(Code.TOO_LARGE, f"The file at {what} is too large: at most {limit / 1e6:g} MB.")


def _joined(target: URL, there: str) -> str:
    try:
        return str(target.join(URL(there)))
    except ValueError as error:
        raise Problem(Code.INVALID_REQUEST, "it was redirected to what is no URL") from error


def _problem(host: str, sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, f"The file at {host} {sentence}")
