"""The one place that talks HTTP to providers. Small on purpose, so that a leaner client can take its place.

A newcomer would look for retries here: there are none, failing over is the worker's. The one exception is a kept-alive
connection that the provider closed just as we wrote to it: no byte of an answer had come, so the call goes out once more.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from aiohappyeyeballs import AddrInfoType
from yarl import URL

from agents import _targets
from agents._problems import Scrub, from_exception
from schemas.problem import Code, Problem

MAX_BODY = 64 * 1024 * 1024
"""Bytes of one whole answer; more is a provider gone wrong."""
MAX_ERROR = 64 * 1024
KEEP_ALIVE = 30.0
"""Seconds an idle connection is kept."""
STALE = 1.0
"""Seconds within which a kept-alive connection that was dead already shows it."""
DRAIN = 0.5
"""Seconds we wait for the end of a body whose content is complete, so that the connection can be used again."""
HEARTBEAT = 20.0
"""Seconds between two pings of a WebSocket: behind a NAT a dead one says nothing by itself."""
MAX_FRAME = 32 * 1024 * 1024

_dialled: ContextVar[list[bool]] = ContextVar("dialled")
"""Set to [True] by the connector when a call had to open a connection of its own."""


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds: to connect (with DNS and TLS), until the headers, between two pieces of a body."""

    connect: float = 5.0
    first: float = 120.0
    stall: float = 60.0


class Reply:
    """An answer whose headers have come. Read it to its end, or close it: closing hangs up at once."""

    __slots__ = ("_response", "_scrub", "_who", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, who: str, scrub: Scrub) -> None:
        self._response = response
        self._who = who
        self._scrub = scrub
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def content_type(self) -> str:
        """In lower case and without parameters: `application/json`; empty if the provider names none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def piece(self) -> bytes:
        """What has arrived since the last time; empty at the end. Raises `Problem` when the connection breaks."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise from_exception(self._who, error, self._scrub) from error

    async def read(self, limit: int = MAX_BODY) -> bytes:
        """The whole body. More than `limit` bytes is a `Problem`."""
        body, more = await self._read(limit)
        if more:
            raise Problem(Code.PROVIDER_GARBLED, f"{self._who} answered more than {limit} bytes", provider=self._who)
        return body

    async def read_some(self, limit: int = MAX_ERROR) -> bytes:
        """The body's first `limit` bytes, or what came before it broke: for error texts, which must not fail twice."""
        try:
            return (await self._read(limit))[0][:limit]
        except Problem:
            return b""

    async def drain(self) -> None:
        """Wait shortly for the end of a body that we need no more of; else hang up."""
        try:
            async with asyncio.timeout(DRAIN):
                while await self._response.content.readany():
                    pass
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.close()

    def close(self) -> None:
        """Hang up, unless the body was read to its end and the connection has gone back already."""
        self._response.close()

    async def _read(self, limit: int) -> tuple[bytes, bool]:
        first = await self.piece()
        if not first or self._response.content.at_eof():
            return first, len(first) > limit
        pieces, size = [first], len(first)
        while size <= limit and (data := await self.piece()):
            pieces.append(data)
            size += len(data)
        return b"".join(pieces), size > limit


class Http:
    """One session a process (a second, guarded one for URLs that callers chose). Use with `async with`."""

    def __init__(self, *, guarded: bool = False, private: bool = False, trust_env: bool = False) -> None:
        """`guarded`: only addresses that `_targets` allows; `private`: among them loopback and private networks.

        `trust_env`: honour HTTP_PROXY and its kin. A guarded client never does: a proxy would resolve names for us.
        """
        self.guarded = guarded
        self.private = private
        self._trust_env = trust_env and not guarded
        self._session: aiohttp.ClientSession | None = None
        self._guard: Http | None = None
        self._timeouts: dict[Timeouts, aiohttp.ClientTimeout] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def guard(self) -> "Http":
        """The client for URLs that a caller chose: this one if it is guarded, else a twin that is."""
        if self.guarded:
            return self
        if self._guard is None:
            self._guard = Http(guarded=True, private=self.private)
        return self._guard

    async def close(self) -> None:
        if self._guard is not None:
            await self._guard.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        timeouts: Timeouts,
        caller: tuple[str, Scrub],
    ) -> Reply:
        """Send a request and wait for the headers. `caller`: the provider's name, and what takes its secrets out of texts.

        Any status is a reply; only a call without an answer raises `Problem`. A body that is an iterator can be sent once
        only, so such a call is never repeated here.
        """
        who, scrub = caller
        if self.guarded:
            _targets.check_host(url.raw_host or "", self.private)
        try:
            response = await self._request(method, url, headers, body, timeouts)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if isinstance(refusal := _refusal(error), Problem):
                raise refusal from error
            raise from_exception(who, error, scrub) from error
        return Reply(response, who, scrub)

    async def socket(
        self, url: URL, headers: Mapping[str, str], timeouts: Timeouts, caller: tuple[str, Scrub]
    ) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to a provider. Raises `Problem` when there is none to be had."""
        who, scrub = caller
        session = self._session or self._open()
        try:
            async with asyncio.timeout(timeouts.connect + timeouts.first):
                return await session.ws_connect(
                    url, headers=headers, heartbeat=HEARTBEAT, max_msg_size=MAX_FRAME, autoping=True
                )
        except aiohttp.WSServerHandshakeError as error:
            sentence = f"{who} took no WebSocket ({error.status})"
            raise Problem(Code.PROVIDER_REFUSED, sentence, provider=who, provider_status=error.status) from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise from_exception(who, error, scrub) from error

    async def _request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        timeouts: Timeouts,
    ) -> aiohttp.ClientResponse:
        session = self._session or self._open()
        limits = self._timeouts.get(timeouts) or self._limits(timeouts)
        dialled, began = [False], time.monotonic()
        _dialled.set(dialled)
        while True:
            try:
                response = await session.request(
                    method, url, data=body, headers=headers, allow_redirects=False, timeout=limits
                )
            except aiohttp.ClientConnectorError:
                raise
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
                once = isinstance(body, AsyncIterator)  # any other iterable begins anew each time
                if dialled[0] or once or time.monotonic() - began > STALE:
                    raise
                dialled[0] = True  # once more, and if that fails too it is the provider's failure
                continue
            break
        if (connection := response.connection) is not None and (protocol := connection.protocol) is not None:
            protocol.read_timeout = timeouts.stall
            protocol.start_timeout()
        return response

    def _limits(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_read=timeouts.first)
        self._timeouts[timeouts] = limits
        return limits

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEP_ALIVE,
                socket_factory=_dial,
                resolver=_targets.Resolver(self.private) if self.guarded else None,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            raise_for_status=False,
            trust_env=self._trust_env,
            requote_redirect_url=False,
        )
        return self._session


def _dial(address: AddrInfoType) -> socket.socket:
    """Open a connection's socket, and tell the call that waits for it that it did not get a kept-alive one."""
    if (dialled := _dialled.get(None)) is not None:
        dialled[0] = True
    return socket.socket(*address[:3])


def _refusal(error: BaseException) -> BaseException | None:
    """The resolver's refusal, which aiohttp hands up as a failure of DNS."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _targets.RefusedError):
        return error.os_error.problem
    return None
