"""Who asks: the API key of an HTTP request, by `Authorization: Bearer …` or `X-Api-Key: …`.

A newcomer would hash the key at each request; here the header's bytes are looked up first, and the entry counts only
while CONFIG still holds the very same record: a revoked or changed key is a new record, so it never passes on memory.
"""

import time
from collections.abc import Mapping

from bus.config import Config
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

ROOM = 4096
"""Keys remembered. A full memory is emptied: the next request of each key costs one hash."""


class Access:
    """The doorkeeper of one process."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._seen: dict[bytes, ApiKey] = {}

    def who(self, heads: Mapping[bytes, bytes]) -> ApiKey:
        """The caller's key. Raises `Problem(UNAUTHENTICATED)` for none, an unknown, a revoked or an expired one."""
        said = heads.get(b"authorization") or heads.get(b"x-api-key")
        if said is None:
            raise _stranger(
                "You didn't provide an API key. Send it as `Authorization: Bearer KEY` or `X-Api-Key: KEY`."
            )
        key = self._seen.get(said)
        if key is None or self._config.keys.get(key.id) is not key:
            if not _raw(said):  # a proxy's `Basic …`: the key may stand in the other header
                said = heads.get(b"x-api-key", b"")
            key = self._look_up(said)
        if key.revoked or key.expires:
            self.check(key)
        return key

    def named(self, key_id: str, tenant: str) -> ApiKey:
        """The key with this id, for a message whose subject the NATS server has proven. Raises as `who` does."""
        key = self._config.keys.get(key_id)
        if key is None or key.tenant != tenant:
            raise _stranger("This API key is unknown.")
        self.check(key)
        return key

    def check(self, key: ApiKey) -> None:
        """Raises `Problem(UNAUTHENTICATED)` if the key may not be used any more."""
        if key.revoked:
            raise _stranger(f"The API key {key.prefix}… was revoked. Ask your administrator for a new one.")
        if key.expires and key.expires <= time.time():
            raise _stranger(f"The API key {key.prefix}… has expired. Ask your administrator for a new one.")

    def _look_up(self, said: bytes) -> ApiKey:
        raw = _raw(said)
        if not raw:
            raise _stranger("The Authorization header holds no `Bearer KEY`.")
        key = self._config.find_key(raw)
        if key is None:
            raise _stranger("Incorrect API key provided. `ai-server keys list` shows the keys that exist.")
        if len(self._seen) >= ROOM:
            self._seen.clear()
        self._seen[said] = key
        return key


def _raw(said: bytes) -> str:
    """`Bearer KEY` or a bare key; another scheme (Basic …) is no key."""
    scheme, space, rest = said.decode("latin-1").strip().partition(" ")
    if not space:
        return "" if scheme.lower() == "bearer" else scheme
    return rest.strip() if scheme.lower() == "bearer" else ""


def _stranger(message: str) -> Problem:
    return Problem(Code.UNAUTHENTICATED, message)
