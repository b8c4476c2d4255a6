"""The auth callout: an API key that connects to NATS becomes a user with rights on exactly that key's subjects.

The server asks on `$SYS.REQ.USER.AUTH` (in account AUTH) who a stranger's token is; the answer is a signed JWT. What a
newcomer would get wrong: it is asked only at connect. A key that is revoked later keeps its connection until `LIFETIME`
has passed, so whoever serves `req.`, `rpc.` and `ctl.` still looks the key up at each message.
"""

import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import nkeys
import structlog

from bus.connection import Bus, Link, open_bus
from bus.subjects import TOKEN
from bus.wire import Message
from schemas.provider import ApiKey

log = structlog.get_logger()

LIFETIME = 3600
"""Seconds after which a connection must show its key again: the server closes it (`User Authentication Expired`)."""

SUBJECT = "$SYS.REQ.USER.AUTH"

Claims = dict[str, Any]
Check = Callable[[str], ApiKey | None]


class CalloutLink(msgspec.Struct, frozen=True):
    """What the callout service needs: its own connection (account AUTH) and the seed it signs with."""

    link: Link
    seed: str


def new_seed() -> str:
    """A fresh account key, as its secret seed (`SA…`)."""
    return str(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT).decode())


def issuer(seed: str) -> str:
    """The public half of `seed` (`A…`), for the server's configuration."""
    return str(nkeys.from_seed(seed.encode()).public_key.decode())


def rights(key: ApiKey) -> Claims:
    """What a key may do on the bus. The client connects with `inbox_prefix="_INBOX.<key id>"`."""
    tenant, name = key.tenant, key.id
    return {
        "pub": {"allow": [f"{way}.{tenant}.{name}.>" for way in ("req", "rpc", "ctl")]},
        "sub": {"allow": [f"out.{tenant}.{name}.>", f"_INBOX.{name}.>"]},
    }


@asynccontextmanager
async def serve_callout(link: CalloutLink, check: Check, lifetime: float = LIFETIME) -> AsyncIterator[None]:
    """Answer the server's questions while the block runs, on a connection of its own. Raises `Problem(UNAVAILABLE)`."""
    async with open_bus(link.link, "callout") as bus:
        await Callout(bus, link.seed, check, lifetime).start()
        yield


class Callout:
    """The service. `bus` is connected as `CalloutLink.link`; `check` finds the key of a text, or None."""

    def __init__(self, bus: Bus, seed: str, check: Check, lifetime: float = LIFETIME) -> None:
        self.bus, self.check, self.lifetime = bus, check, lifetime
        self._pair = nkeys.from_seed(seed.encode())
        self._issuer = issuer(seed)

    async def start(self) -> None:
        """Answer from now on. Several gateways share the work, one answers each question."""
        await self.bus.listen(SUBJECT, self._asked, queue="callout")
        await self.bus.nc.flush()

    def _asked(self, message: Message) -> None:
        try:
            self.bus.tell(message.reply, self.answer(message.data, time.time()).encode())
        except Exception as error:  # without its trace and text: they may show the key
            log.error("callout.failed", error=type(error).__name__)

    def answer(self, question: bytes, now: float) -> str:
        """The signed answer to the server's question (a JWT); a denial carries the reason for the server's log."""
        asked = msgspec.json.decode(_unpack(question.split(b".")[1]))["nats"]
        user = asked["user_nkey"]
        reply: Claims = {"type": "authorization_response", "version": 2}
        key = self._key(asked.get("connect_opts") or {}, now)
        if isinstance(key, str):
            log.warning("callout.denied", reason=key)
            reply["error"] = key
        else:
            log.info("callout.granted", tenant=key.tenant, key=key.id)
            reply["jwt"] = self._user(user, key, now)
        return self._sign({"sub": user, "aud": asked["server_id"]["id"], "nats": reply}, now)

    def _key(self, shown: Claims, now: float) -> ApiKey | str:
        """The key that the connection showed, or why it is refused. Clients send it as token or as password."""
        raw = shown.get("auth_token") or shown.get("pass") or ""
        if not raw:
            return "no API key was given"
        try:
            key = self.check(raw)
        except Exception as error:
            log.error("callout.check_failed", error=type(error).__name__)
            return "API keys can't be checked at the moment"
        if key is None:
            return "unknown API key"
        if key.revoked or key.disabled:
            return "this API key was revoked" if key.revoked else "this API key is switched off"
        if key.expires and key.expires <= now:
            return "this API key has expired"
        if not (TOKEN.match(key.tenant) and TOKEN.match(key.id)):
            return "this API key's tenant or id can't be part of a subject"
        return key

    def _user(self, user: str, key: ApiKey, now: float) -> str:
        until = min(now + self.lifetime, key.expires or now + self.lifetime)
        grant = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, **rights(key)}
        return self._sign({"sub": user, "aud": "AI", "name": key.id, "exp": int(until), "nats": grant}, now)

    def _sign(self, claims: Claims, now: float) -> str:
        claims = {**claims, "iss": self._issuer, "iat": int(now)}
        claims["jti"] = hashlib.sha256(msgspec.json.encode(claims)).hexdigest()
        head = _pack(b'{"typ":"JWT","alg":"ed25519-nkey"}')
        body = f"{head}.{_pack(msgspec.json.encode(claims))}"
        return f"{body}.{_pack(self._pair.sign(body.encode()))}"


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpack(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
