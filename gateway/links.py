"""Signed links: an address that may be read without a key until a moment that stands in it.

`?expires=<Unix seconds>[&download=1]&signature=<base64url>`, an HMAC-SHA256 over all of it. The secret lies in CONFIG, made by
the first gateway that starts, so all of them agree. It is not sealed: whoever can read CONFIG can read the files beside
it. What a newcomer would get wrong: nothing may be left to taste; a parameter more, twice or in another order is a forgery.
"""

import base64
import hashlib
import hmac
import re
import secrets

from bus import subjects
from bus.acks import Conflict
from bus.connection import Bus
from schemas.problem import Code, Problem

_QUERY = re.compile(rb"expires=([1-9][0-9]{0,11})(&download=1)?&signature=([A-Za-z0-9_-]{43})")
SECRET = subjects.config_key("secrets", "links")


class Links:
    """Signs and checks. Before `start` (or a secret) it can do neither."""

    def __init__(self, secret: bytes = b"") -> None:
        self._secret = secret

    async def start(self, bus: Bus) -> None:
        """Fetch the secret that all gateways share, or make it."""
        while not self._secret:
            found = await bus.last("KV_CONFIG", SECRET)
            if found is not None and found[1]:
                self._secret = bytes.fromhex(found[1].decode())
                return
            try:
                await bus.keep(SECRET, secrets.token_hex(32).encode(), expect=found[0] if found else 0)
            except Conflict:
                continue

    def sign(self, path: str, expires: int, download: bool = False) -> str:
        """`path` with a query that lets anyone read it until `expires` (Unix seconds)."""
        return f"{path}?{_told(expires, download)}&signature={self._signature(path, expires, download)}"

    def check(self, path: str, query: bytes, now: float) -> bool:
        """Is `query` one that we gave for `path`, and not yet over?"""
        found = _QUERY.fullmatch(query)
        if found is None:
            return False
        expires, download = int(found[1]), found[2] is not None
        wanted = self._signature(path, expires, download)
        return hmac.compare_digest(wanted.encode(), found[3]) and now < expires

    def mac(self, text: str) -> bytes:
        """A seal on a text of another kind than links, which begin with `/`. Raises `Problem(UNAVAILABLE)`."""
        if not self._secret:
            raise Problem(Code.UNAVAILABLE, "Sessions can't be signed or checked yet; try again in a moment.")
        return hmac.new(self._secret, text.encode(), hashlib.sha256).digest()

    def _signature(self, path: str, expires: int, download: bool) -> str:
        if not self._secret:
            raise Problem(Code.UNAVAILABLE, "Links can't be signed or checked yet; try again in a moment.")
        text = f"{path}?{_told(expires, download)}".encode()
        digest = hmac.new(self._secret, text, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def signed(query: bytes) -> bool:
    """Does a query want to be a link's? Then it must be one, whatever key comes along."""
    return b"signature=" in query


def forged() -> Problem:
    """What a reader is told of a link that does not hold."""
    return Problem(
        Code.FORBIDDEN,
        "This link has expired, or was changed. Ask whoever gave it to you for a new one.",
        param="signature",
    )


def _told(expires: int, download: bool) -> str:
    return f"expires={expires}{'&download=1' if download else ''}"
