"""Sessions: a cookie instead of a key, for people who sign in with a browser, and the administrator's one secret.

The cookie says which key signed in, under which name and until when, signed with the secret that all gateways share. What a
newcomer would get wrong: a session is never more than its key: a key that is revoked, expired or changed is so at once
in all its sessions, for each request looks the key up anew.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

import msgspec

from gateway.access import Access
from gateway.links import Links
from schemas.problem import Code, Problem
from schemas.provider import SCOPES, ApiKey

COOKIE = "ai-session"
HOURS, REMEMBERED_DAYS = 12, 14
OURS = (b"same-origin", b"none")
"""`Sec-Fetch-Site` of requests that a page of our own makes, or a person by hand."""
LONGEST_NAME = 100


class Session(msgspec.Struct, frozen=True):
    """What a cookie holds."""

    key: str
    """Empty: the administrator's secret."""
    tenant: str
    name: str
    """As the person wants to be called."""
    id: str
    expires: int
    secret: str = ""
    """Which secret it was, where it was one: a changed one ends its sessions."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Session).decode


class Sessions:
    """Signs, reads and ends sessions. `secret`: the administrator's; empty: there is none."""

    def __init__(self, links: Links, access: Access, secret: str = "") -> None:
        self._links, self._access = links, access
        self._secret = _digest(secret) if secret else b""
        access.session, access.secret = self.key_of, self.secret_key

    def secret_key(self, said: str) -> ApiKey | None:
        """The administrator, if this is the secret."""
        if self._secret and hmac.compare_digest(self._secret, _digest(said)):
            return ADMIN
        return None

    def begin(self, key: ApiKey, name: str, number: int, remember: bool) -> tuple[Session, str]:
        """A session of this key and its cookie's value."""
        life = REMEMBERED_DAYS * 86_400 if remember else HOURS * 3600
        session = Session(
            key="" if key is ADMIN else key.id,
            tenant=key.tenant,
            name=name[:LONGEST_NAME],
            id=hashlib.sha256(b"%d" % number + self._links.mac(f"session-id {number}")).hexdigest()[:20],
            expires=int(time.time()) + life,
            secret=self._secret.hex()[:16] if key is ADMIN else "",
        )
        told = base64.urlsafe_b64encode(_encode(session)).rstrip(b"=").decode()
        return session, f"{told}.{self._seal(told)}"

    def read(self, heads: Mapping[bytes, bytes]) -> Session | None:
        """The session that the request's cookie holds, if it holds one that counts."""
        said = heads.get(b"cookie")
        if said is None or COOKIE.encode() not in said or heads.get(b"sec-fetch-site", b"none") not in OURS:
            return None
        try:
            told, _, seal = SimpleCookie(said.decode("latin-1"))[COOKIE].value.partition(".")
            if not hmac.compare_digest(seal.encode(), self._seal(told).encode()):
                return None
            session = _decode(base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)))
        except (KeyError, ValueError, CookieError, msgspec.DecodeError, Problem):
            return None
        return session if session.expires > time.time() else None

    def key_of(self, heads: Mapping[bytes, bytes]) -> ApiKey | None:
        """The key behind the request's session. Raises `Problem(UNAUTHENTICATED)` for one that counts no more."""
        session = self.read(heads)
        if session is None:
            return None
        if not session.key:
            return ADMIN if self._secret and session.secret == self._secret.hex()[:16] else None
        return self._access.named(session.key, session.tenant)

    def _seal(self, told: str) -> str:
        return base64.urlsafe_b64encode(self._links.mac(f"session {told}")).rstrip(b"=").decode()


def cookie(value: str, heads: Mapping[bytes, bytes], remember: bool) -> tuple[bytes, bytes]:
    """The header that sets the cookie; an empty value takes it away."""
    parts = [f"{COOKIE}={value}", "Path=/", "HttpOnly", "SameSite=Strict"]
    if heads.get(b"x-forwarded-proto", b"").split(b",")[0].strip() == b"https":
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    elif remember:
        parts.append(f"Max-Age={REMEMBERED_DAYS * 86_400}")
    return b"set-cookie", "; ".join(parts).encode("latin-1")


def refused() -> Problem:
    return Problem(Code.UNAUTHENTICATED, "Sign in with any name as userName and an API key as password.")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


ADMIN = ApiKey(
    id="adminsecret", hash="", prefix="the admin secret", name="admin", created=0.0, scopes=SCOPES, user="admin"
)
"""Who signs in with the administrator's secret. It is in no list of keys and has no limits."""
