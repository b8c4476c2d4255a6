"""Live configuration: providers and API keys, held in every process and changed for all of them within milliseconds.

CONFIG is read whole at the start and at each reconnect, and followed by its republished changes; nobody reads it during a
request. Never subscribe to `$KV.CONFIG.>` itself: it also shows writes that compare-and-set refused. Each change says
who made it; the last ten of each entry are its history (`bus/history.py`).
"""

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import structlog

from bus import audit, subjects
from bus.acks import Conflict
from bus.changes import KINDS, Change, Entry, audit_row
from bus.connection import Bus
from bus.hold import Hold, decode_hold
from bus.wire import Message
from schemas.checks import check_key, check_provider, check_rule
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Model, Provider
from schemas.rules import ModelRule, rule_key

log = structlog.get_logger()

KEY_PREFIX = "ais-"
PAGE = 500
BY, NOTE = "Ai-By", "Ai-Note"
"""Headers of a change: who made it (a key's id, `cli`, `settings`), and what it was if it was no plain change."""
GONE = {"KV-Operation": "DEL"}
KEY_ID = re.compile(r"[0-9a-f]{16}\Z")
T = TypeVar("T")
_decode_provider = msgspec.json.Decoder(Provider).decode
_decode_models = msgspec.json.Decoder(tuple[Model, ...]).decode
_decode_key = msgspec.json.Decoder(ApiKey).decode
_decode_rule = msgspec.json.Decoder(ModelRule).decode
_decode_settings = msgspec.json.Decoder(dict[str, Any]).decode


def hash_key(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()


def signing_secret() -> str:
    """A fresh secret that signs a key's callbacks (Standard Webhooks)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_key(name: str, scopes: tuple[str, ...] = (), tenant: str = "default", chosen: str = "") -> tuple[str, ApiKey]:
    """A fresh key: the text to show once, and what is stored of it. `chosen`: a text to take instead of random bits."""
    raw = chosen or KEY_PREFIX + secrets.token_urlsafe(32)
    digest = hash_key(raw)
    stored = ApiKey(
        id=digest[:16], hash=digest, prefix=raw[:9], name=name, created=time.time(), tenant=tenant, scopes=scopes,
        webhook_secret=signing_secret(),
    )  # fmt: skip
    return raw, stored


class Config:
    """`providers` by name and `keys` by id, always current. `changed` callbacks run after each change."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.providers: dict[str, Provider] = {}
        self.keys: dict[str, ApiKey] = {}
        self.models: dict[str, tuple[Model, ...]] = {}
        """Provider -> the models its agents last found, so that a model is known before its agent beats."""
        self.rules: dict[str, ModelRule] = {}
        """By model: how its requests are spread, and what takes its place."""
        self._rules: dict[str, ModelRule] = {}
        self.holds: dict[str, Hold] = {}
        """By queue: where nothing new may start."""
        self.settings: dict[str, Any] = {}
        """Settings changed live: path -> value (`ops/tuning.py`)."""
        self.changed: list[Callable[[], None]] = []
        self._known: dict[str, str] = {}
        self._sequences: dict[str, int] = {}
        """Path -> stream sequence of what we hold: our own write may be heard of after a later one of somebody else."""
        self._meanwhile: list[Message] | None = None
        self._loading = asyncio.Lock()

    async def start(self) -> None:
        await self.bus.listen("cfgev.>", self._heard)
        self.bus.on_reconnect.append(self._reload)
        await self.load()

    async def load(self) -> None:
        """Read everything; what is gone from the bucket is forgotten. A change heard meanwhile is not undone."""
        async with self._loading:  # of two at a time the one would take from the other what it heard
            await self._load()

    async def _load(self) -> None:
        self._meanwhile, found, after, query = [], list[Message](), 0, {"batch": PAGE, "next_by_subj": "$KV.CONFIG.>"}
        while page := await self.bus.read("KV_CONFIG", {**query, "seq": after + 1}):
            found += page
            after = int((page[-1].headers or {})["Nats-Sequence"])
        before = self._held()
        self.providers, self.keys, self.models, self._known, self._sequences = {}, {}, {}, {}, {}
        self.rules, self._rules, self.holds, self.settings = {}, {}, {}, {}
        for message in found:
            headers = message.headers or {}
            self._apply(headers.get("Nats-Subject", "").removeprefix("$KV.CONFIG."), message.data, headers)
        for message in self._meanwhile:
            self._apply(message.subject.removeprefix("cfgev."), message.data, message.headers or {})
        self._meanwhile = None
        if before != self._held():
            self._tell_changed()

    def _held(self) -> tuple[dict[str, Any], ...]:
        return (self.providers, self.keys, self.models, self.rules, self.holds, self.settings)

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

    def bodies_wish(self, key_id: str) -> str:
        """`on`, `off` or empty (no wish): may the text of this key's requests be kept? A key that is gone said no."""
        key = self.keys.get(key_id)
        if key is not None:
            return key.bodies
        return "off" if KEY_ID.match(key_id) else ""

    def revision(self, kind: str, name: str) -> int:
        """Of what this process holds; 0: nothing. As `expect` of a change it keeps those of others from being lost."""
        return self._sequences.get(f"{kind}.{name}", 0)

    async def put_provider(self, provider: Provider, by: str = "", note: str = "", expect: int | None = None) -> int:
        """Store it and return its revision. Raises `Problem`: INVALID_REQUEST, CONFLICT (`expect` is not its revision)."""
        check_provider(provider)
        return await self._put("providers", provider.name, msgspec.json.encode(provider), _told(by, note), expect)

    async def put_key(self, key: ApiKey, by: str = "", note: str = "", expect: int | None = None) -> int:
        check_key(key)
        return await self._put("keys", key.id, msgspec.json.encode(key), _told(by, note), expect)

    async def put_rule(self, rule: ModelRule, by: str = "", note: str = "", expect: int | None = None) -> int:
        """How one model's requests are spread. Raises `Problem(INVALID_REQUEST)` for a rule that means nothing."""
        check_rule(rule)
        return await self._put("rules", rule_key(rule.model), msgspec.json.encode(rule), _told(by, note), expect)

    async def put_settings(self, values: dict[str, Any], by: str = "", note: str = "") -> int:
        """All that is changed live; what is not named is as the settings file says. Raises `Problem(CONFLICT)` when
        somebody else has changed them since this process heard of them."""
        expect = self.revision("settings", "house")
        return await self._put("settings", "house", msgspec.json.encode(values), _told(by, note), expect)

    async def drop_rule(self, model: str, by: str = "") -> None:
        await self._put("rules", rule_key(model), b"", _told(by) | GONE)

    async def put_hold(self, hold: Hold) -> None:
        """Nothing new starts in that queue until `drop_hold`."""
        note = f"{hold.mode}: {hold.note}" if hold.note else str(hold.mode)
        await self._put("queues", hold.queue, msgspec.json.encode(hold), _told(hold.by, note))

    async def drop_hold(self, queue: str, by: str = "") -> None:
        await self._put("queues", queue, b"", _told(by, "resumed") | GONE)

    async def put_models(self, provider: str, models: tuple[Model, ...]) -> None:
        if self.models.get(provider) != models:
            await self._put("models", provider, msgspec.json.encode(models))

    async def drop_provider(self, name: str, by: str = "") -> None:
        """Its history stays, so it can be rolled back. What its agents had found is forgotten."""
        await self._put("providers", name, b"", _told(by) | GONE)
        if name in self.models:
            await self._put("models", name, b"", GONE)

    async def revoke_key(self, key_id: str, by: str = "") -> ApiKey:
        """Effective on every process within milliseconds. Raises `Problem(NOT_FOUND)`."""
        key = self.keys.get(key_id)
        if key is None:
            raise Problem(Code.NOT_FOUND, f"There is no key {key_id}; `ai-server keys list` names them.")
        revoked = msgspec.structs.replace(key, revoked=key.revoked or time.time())
        await self.put_key(revoked, by, "revoked")
        return revoked

    async def drop_key(self, key_id: str, by: str = "") -> None:
        """Its history stays; the key is unknown from now on."""
        await self._put("keys", key_id, b"", _told(by) | GONE)

    async def key_use(self) -> dict[str, float]:
        """Key id -> when it was last used (Unix seconds, exact to a minute)."""
        used: dict[str, float] = {}
        after = 0
        query = {"batch": PAGE, "next_by_subj": "$KV.KEYUSE.>"}
        while page := await self.bus.read("KV_KEYUSE", {**query, "seq": after + 1}):
            for message in page:
                headers = message.headers or {}
                used[headers["Nats-Subject"].rpartition(".")[2]] = float(message.data or 0)
                after = int(headers["Nats-Sequence"])
        return used

    async def _put(
        self, kind: str, name: str, value: bytes, headers: dict[str, str] | None = None, expect: int | None = None
    ) -> int:
        subject = subjects.config_key(kind, subjects.token(name))
        old = self._entry(kind, name)
        try:
            ack = await self.bus.keep(subject, value, headers=headers, expect=expect)
        except Conflict:
            text = f"{kind}.{name} was changed by somebody else meanwhile; read it again, and repeat your change."
            raise Problem(Code.CONFLICT, text) from None
        self._apply(f"{kind}.{name}", value, {**(headers or {}), "Nats-Sequence": str(ack.seq)})
        self._tell_changed()
        if kind in KINDS:
            told = headers or {}
            new = None if "KV-Operation" in told else self._entry(kind, name)
            change = Change(
                kind=kind, name=name, revision=ack.seq, old=old, new=new, by=told.get(BY, ""), note=told.get(NOTE, "")
            )
            await audit.write(self.bus, audit_row(change, time.time()))
        return ack.seq

    def _entry(self, kind: str, name: str) -> Entry | None:
        """What this process holds of it."""
        if kind == "settings":
            return self.settings
        held: dict[str, dict[str, Any]] = {
            "providers": self.providers, "keys": self.keys, "rules": self._rules, "queues": self.holds
        }  # fmt: skip
        return held.get(kind, {}).get(name)

    def _heard(self, message: Message) -> None:
        if self._meanwhile is not None:
            self._meanwhile.append(message)
        self._apply(message.subject.removeprefix("cfgev."), message.data, message.headers or {})
        self._tell_changed()

    def _apply(self, path: str, value: bytes, headers: dict[str, str]) -> None:
        kind, _, name = path.partition(".")
        sequence = int(headers.get("Nats-Sequence") or 0)
        if sequence and sequence < self._sequences.get(path, 0):
            return
        self._sequences[path] = sequence
        gone = headers.get("KV-Operation") in ("DEL", "PURGE") or not value
        try:
            if kind == "providers":
                self.providers = _changed(self.providers, name, None if gone else _decode_provider(value))
            elif kind == "keys":
                self.keys = _changed(self.keys, name, None if gone else _decode_key(value))
                self._known = {}
            elif kind == "queues":
                self.holds = _changed(self.holds, name, None if gone else decode_hold(value))
            elif kind == "models":
                self.models = _changed(self.models, name, None if gone else _decode_models(value))
            elif kind == "settings":
                self.settings = {} if gone else _decode_settings(value)
            elif kind == "rules":
                self._rules = _changed(self._rules, name, None if gone else _decode_rule(value))
                self.rules = {rule.model: rule for rule in self._rules.values()}
        except msgspec.MsgspecError as error:  # written by a newer version: what we can't read we don't serve
            log.warning("config.unreadable", path=path, error=str(error))

    def _tell_changed(self) -> None:
        for callback in self.changed:
            callback()


def _told(by: str, note: str = "") -> dict[str, str]:
    """The headers of a change. Names come from people: what a header can't hold is left out."""
    clean = {BY: by, NOTE: note}
    return {name: " ".join(text.split())[:200] for name, text in clean.items() if text}


def _changed(table: dict[str, T], name: str, value: T | None) -> dict[str, T]:
    """A new table: readers hold the old one undisturbed."""
    table = {**table}
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
    return table
