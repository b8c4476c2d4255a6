"""Live configuration: providers and API keys, held in every process and changed for all of them within milliseconds.

CONFIG is read whole at the start and at each reconnect, and followed by its republished changes; nobody reads it during a
request. Never subscribe to `$KV.CONFIG.>` itself: it also shows writes that compare-and-set refused.
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
import structlog

from bus import subjects
from bus.connection import Bus, Message
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Model, Provider

log = structlog.get_logger()

KEY_PREFIX = "ais-"
PAGE = 500
T = TypeVar("T")
_decode_provider = msgspec.json.Decoder(Provider).decode
_decode_models = msgspec.json.Decoder(tuple[Model, ...]).decode
_decode_key = msgspec.json.Decoder(ApiKey).decode


def hash_key(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()


def new_key(name: str, scopes: tuple[str, ...] = (), tenant: str = "default") -> tuple[str, ApiKey]:
    """A fresh key: the text to show once, and what is stored of it."""
    raw = KEY_PREFIX + secrets.token_urlsafe(32)
    digest = hash_key(raw)
    stored = ApiKey(
        id=digest[:16],
        hash=digest,
        prefix=raw[:9],
        name=name,
        created=time.time(),
        tenant=tenant,
        scopes=scopes,
        webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
    )
    return raw, stored


class Config:
    """`providers` by name and `keys` by id, always current. `changed` callbacks run after each change."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.providers: dict[str, Provider] = {}
        self.keys: dict[str, ApiKey] = {}
        self.models: dict[str, tuple[Model, ...]] = {}
        """Provider -> the models its agents last found, so that a model is known before its agent beats."""
        self.changed: list[Callable[[], None]] = []
        self._known: dict[str, str] = {}
        self._meanwhile: list[Message] | None = None

    async def start(self) -> None:
        await self.bus.listen("cfgev.>", self._heard)
        self.bus.on_reconnect.append(self._reload)
        await self.load()

    async def load(self) -> None:
        """Read everything; what is gone from the bucket is forgotten. A change heard meanwhile is not undone."""
        self._meanwhile = []
        found: list[Message] = []
        after = 0
        while page := await self.bus.read(
            "KV_CONFIG", {"seq": after + 1, "batch": PAGE, "next_by_subj": "$KV.CONFIG.>"}
        ):
            found += page
            after = int((page[-1].headers or {})["Nats-Sequence"])
        before = (self.providers, self.keys, self.models)
        self.providers, self.keys, self.models, self._known = {}, {}, {}, {}
        for message in found:
            headers = message.headers or {}
            self._apply(headers.get("Nats-Subject", "").removeprefix("$KV.CONFIG."), message.data, headers)
        for message in self._meanwhile:
            self._apply(message.subject.removeprefix("cfgev."), message.data, message.headers or {})
        self._meanwhile = None
        if before != (self.providers, self.keys, self.models):
            self._tell_changed()

    def _reload(self) -> None:
        self.bus.spawn(self._load_until_done())

    async def _load_until_done(self) -> None:
        while True:
            try:
                return await self.load()
            except Problem as problem:
                log.warning("config.load_failed", error=str(problem))
                await asyncio.sleep(0.5)

    def find_key(self, raw: str) -> ApiKey | None:
        """The stored key of this text, or None. Revoked and expired keys are found too: the caller says so."""
        key_id = self._known.get(raw)
        if key_id is None:
            digest = hash_key(raw)
            key = self.keys.get(digest[:16])
            if key is None or not secrets.compare_digest(key.hash, digest):
                return None
            if len(self._known) < 10_000:
                self._known[raw] = key.id
            return key
        return self.keys.get(key_id)

    async def put_provider(self, provider: Provider) -> None:
        check_provider(provider)
        await self._put("providers", provider.name, msgspec.json.encode(provider))

    async def put_key(self, key: ApiKey) -> None:
        await self._put("keys", key.id, msgspec.json.encode(key))

    async def put_models(self, provider: str, models: tuple[Model, ...]) -> None:
        if self.models.get(provider) != models:
            await self._put("models", provider, msgspec.json.encode(models))

    async def drop_provider(self, name: str) -> None:
        await self.bus.keep(subjects.config_key("providers", name), b"", headers={"KV-Operation": "DEL"})

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Effective on every process within milliseconds. Raises `Problem(NOT_FOUND)`."""
        key = self.keys.get(key_id)
        if key is None:
            raise Problem(Code.NOT_FOUND, f"There is no key {key_id}; `ai-server keys list` names them.")
        revoked = msgspec.structs.replace(key, revoked=key.revoked or time.time())
        await self.put_key(revoked)
        return revoked

    async def _put(self, kind: str, name: str, value: bytes) -> None:
        await self.bus.keep(subjects.config_key(kind, subjects.token(name)), value)
        self._apply(f"{kind}.{name}", value, {})
        self._tell_changed()

    def _heard(self, message: Message) -> None:
        if self._meanwhile is not None:
            self._meanwhile.append(message)
        self._apply(message.subject.removeprefix("cfgev."), message.data, message.headers or {})
        self._tell_changed()

    def _apply(self, path: str, value: bytes, headers: dict[str, str]) -> None:
        kind, _, name = path.partition(".")
        gone = headers.get("KV-Operation") in ("DEL", "PURGE") or not value
        try:
            if kind == "providers":
                self.providers = _changed(self.providers, name, None if gone else _decode_provider(value))
            elif kind == "keys":
                self.keys = _changed(self.keys, name, None if gone else _decode_key(value))
                self._known = {}
            elif kind == "models":
                self.models = _changed(self.models, name, None if gone else _decode_models(value))
        except msgspec.MsgspecError as error:  # written by a newer version: what we can't read we don't serve
            log.warning("config.unreadable", path=path, error=str(error))

    def _tell_changed(self) -> None:
        for callback in self.changed:
            callback()


def check_provider(provider: Provider) -> None:
    """Raises `Problem(INVALID_REQUEST)` that names the field."""
    where = f"providers.{provider.name}"
    for field, value in (("name", provider.name), ("pool", provider.pool)):
        if value and not subjects.TOKEN.match(value):
            raise Problem(
                Code.INVALID_REQUEST, f"{where}: {field} {value!r} must be 1 to 64 letters, digits, - or _", param=field
            )
    if not 0 <= provider.priority <= 9:
        raise Problem(Code.INVALID_REQUEST, f"{where}: priority must be 0 (first) to 9 (last)", param="priority")
    if not 1 <= provider.slots <= 5000:
        raise Problem(Code.INVALID_REQUEST, f"{where}: slots must be 1 to 5000", param="slots")
    if not 0 <= provider.reserve < provider.slots:
        raise Problem(Code.INVALID_REQUEST, f"{where}: reserve must be below slots", param="reserve")


def _changed(table: dict[str, T], name: str, value: T | None) -> dict[str, T]:
    """A new table: readers hold the old one undisturbed."""
    table = {**table}
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
    return table
