"""Secrets at rest: sealed with a master key, so that CONFIG (its files, its backups, its readers) holds none in the clear.

`sealed:<base64>` is a PyNaCl SecretBox. The master key is AI_SERVER_MASTER_KEY, else the file `master.key` in the data
directory, made at the first need and readable by its owner alone. What a newcomer would get wrong: each sealing of the
same secret looks different, so what is compared is what was sealed (`same`).
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from schemas.problem import Code, Problem
from schemas.provider import Provider
from schemas.secrets import ENV, SEALED, secret_header

if TYPE_CHECKING:  # a process without sealed secrets starts without the library
    from nacl.secret import SecretBox

VARIABLE = "AI_SERVER_MASTER_KEY"
FILE = "master.key"
_HEX = re.compile(r"[0-9a-fA-F]{64}\Z")


class Seal:
    """Seals and unseals. Without a master key (an agent on another host) it can do neither, and says how to get one."""

    def __init__(self, master: bytes | None) -> None:
        self._master = master

    def seal(self, secret: str) -> str:
        """`sealed:…` for a literal; what is sealed, empty or `env:NAME` stays as it is."""
        if not secret or secret.startswith((SEALED, ENV)):
            return secret
        return SEALED + base64.b64encode(self._need().encrypt(secret.encode())).decode()

    def open(self, text: str) -> str:
        """What was sealed; anything else as it is. Raises `Problem(UNAVAILABLE)` that names the way out."""
        if not text.startswith(SEALED):
            return text
        from nacl.exceptions import CryptoError

        try:
            return self._need().decrypt(base64.b64decode(text.removeprefix(SEALED))).decode()
        except (CryptoError, ValueError) as error:
            raise Problem(
                Code.UNAVAILABLE,
                f"a key was sealed with another master key; set it again, or set {VARIABLE} to the one it was sealed with",
            ) from error

    def sealed(self, provider: Provider, old: Provider | None = None) -> Provider:
        """The provider as it may be stored. A secret that `old` holds already keeps its seal, so nothing seems changed."""
        headers = {
            name: self._kept(value, old.headers.get(name, "") if old else "") if secret_header(name) else value
            for name, value in provider.headers.items()
        }
        return msgspec.structs.replace(provider, key=self._kept(provider.key, old.key if old else ""), headers=headers)

    def opened(self, provider: Provider) -> Provider:
        """The provider with its secrets in the clear: for the process that calls it, never to be stored or sent."""
        headers = {name: self.open(value) for name, value in provider.headers.items()}
        return msgspec.structs.replace(provider, key=self.open(provider.key), headers=headers)

    def mark(self, data: bytes) -> str:
        """A fingerprint that tells nothing to whoever lacks the master key."""
        return hashlib.blake2b(data, key=self._master or b"", digest_size=16).hexdigest()

    def _kept(self, new: str, old: str) -> str:
        if new.startswith((SEALED, ENV)) or not new:
            return new
        try:
            if old.startswith(SEALED) and self.open(old) == new:
                return old
        except Problem:  # sealed with a key that is gone: the new one replaces it
            pass
        return self.seal(new)

    def _need(self) -> "SecretBox":
        if self._master is None:
            raise Problem(
                Code.UNAVAILABLE,
                f"there is no master key here: set {VARIABLE} to the content of {FILE} in the server's data directory",
            )
        from nacl.secret import SecretBox

        return SecretBox(self._master)


def holds_literal(provider: Provider) -> bool:
    """Is there a secret in it that must be sealed before it is stored?"""
    found = [provider.key, *(value for name, value in provider.headers.items() if secret_header(name))]
    return any(secret and not secret.startswith((ENV, SEALED)) for secret in found)


def load(data: Path, env: Mapping[str, str], *, make: bool = False) -> Seal:
    """The seal of this data directory. `make`: with a fresh master key if there is none. Raises `Problem` for a bad one."""
    if given := env.get(VARIABLE, "").strip():
        return Seal(_parsed(given, VARIABLE))
    path = data / FILE
    try:
        return Seal(_parsed(path.read_text().strip(), str(path)))
    except FileNotFoundError:
        if not make:
            return Seal(None)
    from ops.nats_home import write_private

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_bytes(32)
    write_private(path, key.hex().encode() + b"\n")
    return Seal(key)


def _parsed(text: str, where: str) -> bytes:
    if not _HEX.match(text):
        raise Problem(Code.INVALID_REQUEST, f"{where} is no master key: it must be 64 hexadecimal digits")
    return bytes.fromhex(text)
