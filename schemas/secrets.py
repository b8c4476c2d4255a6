"""How a provider's secrets are written, and how they are shown: never.

A secret is `env:NAME` (where the agent's process finds it) or `sealed:…` (`ops/seal.py`). A newcomer would forget the
headers: one that is called like a secret (`x-api-key`, `authorization` …) is treated like the key.
"""

import re
from typing import Any

import msgspec

from schemas.provider import ApiKey, Provider

ENV = "env:"
SEALED = "sealed:"
SHOWN = "sealed"
"""What is shown in place of a sealed secret. Sent back to us it means: keep the one there is."""
_SECRET = re.compile(r"auth|key|token|secret|cookie|passw|credential", re.IGNORECASE)


def secret_header(name: str) -> bool:
    """Is a header of this name a secret?"""
    return bool(_SECRET.search(name))


def shown(secret: str) -> str:
    """`env:NAME` as it is, anything else as the word `sealed`; empty when there is none."""
    return secret if not secret or secret.startswith(ENV) else SHOWN


def shown_provider(provider: Provider) -> dict[str, Any]:
    """Every field of a provider for people's eyes."""
    fields = {name: getattr(provider, name) for name in provider.__struct_fields__}
    fields["key"] = shown(provider.key)
    fields["headers"] = {
        name: shown(value) if secret_header(name) or value.startswith(SEALED) else value
        for name, value in provider.headers.items()
    }
    told: dict[str, Any] = msgspec.to_builtins(fields)
    return told


def shown_key(key: ApiKey) -> dict[str, Any]:
    """Every field of an API key but its hash and its signing secret."""
    fields = {name: getattr(key, name) for name in key.__struct_fields__ if name not in ("hash", "webhook_secret")}
    told: dict[str, Any] = msgspec.to_builtins(fields)
    return told
