"""Who asks, and what they may: the API key of an HTTP request, by `Authorization: Bearer …` or `X-Api-Key: …`.

A newcomer would hash the key at each request; here the header's bytes are looked up first, and the entry counts only
while CONFIG still holds the very same record: a revoked or changed key is a new record, so it never passes on memory.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

from bus import subjects
from bus.config import Config
from schemas.catalogue import Catalogue
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

ROOM = 4096
"""Keys remembered. A full memory is emptied: the next request of each key costs one hash."""
USE_SECONDS = 60.0
"""How exact `last used` is. Not in CONFIG: that is fsynced, followed by everybody, and the history of what people do."""

METRICS = ("metrics",)
"""The scopes of a scraper's key: it lies in the settings of another program."""


class Access:
    """The doorkeeper of one process."""

    def __init__(self, config: Config, catalogue: Catalogue | None = None) -> None:
        self._config = config
        self._catalogue = catalogue or Catalogue()
        self._seen: dict[bytes, ApiKey] = {}
        self._used: dict[str, float] = {}
        self.session: Callable[[Mapping[bytes, bytes]], ApiKey | None] | None = None
        """The key of a signed-in person's cookie, for a request that brings no key itself."""
        self.secret: Callable[[str], ApiKey | None] | None = None
        """The administrator's key, for what is his secret."""

    def who(self, heads: Mapping[bytes, bytes], scraping: bool = False) -> ApiKey:
        """The caller's key. Raises `Problem(UNAUTHENTICATED)` for none, an unknown, a revoked or an expired one.

        `scraping`: he wants `/metrics`; a key for nothing else is `FORBIDDEN` everywhere else.
        """
        said = heads.get(b"authorization") or heads.get(b"x-api-key")
        if said is None:
            if self.session is not None and b"cookie" in heads and (key := self.session(heads)) is not None:
                return key
            raise _stranger(
                "You didn't provide an API key. Send it as `Authorization: Bearer KEY` or `X-Api-Key: KEY`."
            )
        key = self._seen.get(said)
        if key is None or self._config.keys.get(key.id) is not key:
            if not _raw(said):  # a proxy's `Basic …`: the key may stand in the other header
                said = heads.get(b"x-api-key", b"")
            key = self._look_up(said)
            if not key.hash:  # the administrator's secret: no key of CONFIG
                return key
        if key.revoked or key.expires or key.disabled:
            self.check(key)
        if key.scopes == METRICS and not scraping:
            raise _scraper(key)
        self._use(key)
        return key

    def named(self, key_id: str, tenant: str) -> ApiKey:
        """The key with this id, for a message whose subject the NATS server has proven. Raises as `who` does."""
        key = self._config.keys.get(key_id)
        if key is None or key.tenant != tenant:
            raise _stranger("This API key is unknown.")
        self.check(key)
        if key.scopes == METRICS:
            raise _scraper(key)
        self._use(key)
        return key

    def require(self, key: ApiKey, scope: str) -> None:
        """Raises `Problem(FORBIDDEN)` unless the key has the scope."""
        if scope not in key.scopes:
            raise Problem(
                Code.FORBIDDEN,
                f"This needs a key with the scope `{scope}`; {key.prefix}… has not got it. "
                f"An administrator can make one: ai-server keys create NAME --scope {scope}",
            )

    def allow(self, key: ApiKey, op: str, model: str) -> None:
        """Raises `Problem(FORBIDDEN)` if the key may not do `op` with `model` (or one of `a,b,c`)."""
        self.allow_op(key, op)
        if key.models:
            for name in model.split(","):
                if not may_ask(key, name.strip(), self._catalogue):
                    raise Problem(
                        Code.FORBIDDEN,
                        f"The API key {key.prefix}… may not use the model '{name.strip()}'; "
                        f"it may use: {', '.join(key.models)}. "
                        f"An administrator can allow it: ai-server keys change {key.id} --model {name.strip()}",
                        param="model",
                    )

    def allow_op(self, key: ApiKey, op: str) -> None:
        """The same where the model is no choice of the caller's."""
        if key.apis and op not in key.apis:
            raise Problem(
                Code.FORBIDDEN,
                f"The API key {key.prefix}… may not use '{op}'; it may use: {', '.join(key.apis)}. "
                f"An administrator can allow it: ai-server keys change {key.id} --api {op}",
            )

    def allow_dto(self, key: ApiKey, name: str) -> None:
        """Raises `Problem(FORBIDDEN)` if the key may not send requests of that name (the AI Server dialect)."""
        if key.dtos and name not in key.dtos:
            raise Problem(
                Code.FORBIDDEN,
                f"The API key {key.prefix}… may not send '{name}'; it is restricted to: {', '.join(key.dtos)}.",
            )

    def _use(self, key: ApiKey) -> None:
        """Note that the key was used: at most once a minute, and lost rather than waited for."""
        now = time.monotonic()
        if now - self._used.get(key.id, -USE_SECONDS) >= USE_SECONDS:
            self._used[key.id] = now
            with suppress(Problem):
                self._config.bus.tell(subjects.use_key(key.id), b"%d" % time.time())

    def check(self, key: ApiKey) -> None:
        """Raises `Problem(UNAUTHENTICATED)` if the key may not be used any more."""
        if key.revoked:
            raise _stranger(f"The API key {key.prefix}… was revoked. Ask your administrator for a new one.")
        if key.disabled:
            raise _stranger(f"The API key {key.prefix}… is switched off. Ask your administrator to switch it on.")
        if key.expires and key.expires <= time.time():
            raise _stranger(f"The API key {key.prefix}… has expired. Ask your administrator for a new one.")

    def _look_up(self, said: bytes) -> ApiKey:
        raw = _raw(said)
        if not raw:
            raise _stranger("The Authorization header holds no `Bearer KEY`.")
        key = self._config.find_key(raw)
        if key is None and self.secret is not None and (admin := self.secret(raw)) is not None:
            return admin
        if key is None:
            raise _stranger("Incorrect API key provided. `ai-server keys list` shows the keys that exist.")
        if len(self._seen) >= ROOM:
            self._seen.clear()
        self._seen[said] = key
        return key


def may_ask(key: ApiKey, model: str, catalogue: Catalogue) -> bool:
    """By any name of the model: a key for `llama3.3:70b` may say `llama3.3`."""
    if not key.models:
        return True
    names = {model, catalogue.resolve(model)}
    return any(fnmatchcase(name, pattern) for name in names for pattern in key.models)


def _raw(said: bytes) -> str:
    """`Bearer KEY` or a bare key; another scheme (Basic …) is no key."""
    scheme, space, rest = said.decode("latin-1").strip().partition(" ")
    if not space:
        return "" if scheme.lower() == "bearer" else scheme
    return rest.strip() if scheme.lower() == "bearer" else ""


def _stranger(message: str) -> Problem:
    return Problem(Code.UNAUTHENTICATED, message)


def _scraper(key: ApiKey) -> Problem:
    return Problem(Code.FORBIDDEN, f"The API key {key.prefix}… may read /metrics and nothing else.")
