"""What servers of OpenAI's dialect refuse, and how to ask them otherwise. Pure.

A refused request is written anew only where its meaning survives: a field is renamed, or one that is a hint to another
provider is left out. What was learnt is kept in `Tools.quirks`, so it costs one call more, once.
"""

import re
from typing import Any

import msgspec

from schemas.problem import Code, Problem

Fields = dict[str, msgspec.Raw]

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder().decode

NO_STREAM_OPTIONS = "stream_options"
"""Refuses `stream_options` (older vLLM, Mistral at times). True of a server; the others are true of a model at it."""
OLD_LIMIT = "max_tokens"
"""Knows `max_tokens` only: Mistral answers 422 `extra_forbidden`."""
NEW_LIMIT = "max_completion_tokens"
"""Wants `max_completion_tokens`: OpenAI's reasoning models."""
PLAIN = "plain"
"""Refuses what we add to messages for other providers: Groq, Mistral, OpenAI."""

HINTS = (
    "thinking",
    "reasoning_effort",
    "top_k",
    "metadata",
    "store",
    "parallel_tool_calls",
    "provider",
    "safety_settings",
)
"""Fields that say how another provider should go about it: left out where they are not known."""
EXTRAS = ("thinking_blocks", "reasoning_content", "reasoning", "extra_content", "cache_control")
"""Fields of messages, parts, tool calls and tools."""

_USE_NEW = re.compile(r"max_tokens.{0,80}max_completion_tokens", re.DOTALL)


def learn(refused: Problem, fields: Fields, model: str) -> set[str]:
    """The quirks that a refusal shows, as they are kept. Empty: it is about something else."""
    text, param = refused.fault.message, refused.fault.param or ""
    if refused.code is not Code.PROVIDER_REFUSED or refused.fault.provider_status not in (400, 422):
        return set()
    told = f"{text} {param}"
    found: set[str] = set()
    if "stream_options" in fields and ("stream_options" in told or "include_usage" in told):
        found.add(NO_STREAM_OPTIONS)
    if "max_tokens" in fields and _USE_NEW.search(told):
        found.add(f"{NEW_LIMIT} {model}")
    elif "max_completion_tokens" in fields and "max_completion_tokens" in told:
        found.add(f"{OLD_LIMIT} {model}")
    found |= {f"{name} {model}" for name in HINTS if name in fields and _names(told, name)}
    if "messages" in fields and any(
        extra in told and f'"{extra}"'.encode() in bytes(fields["messages"]) for extra in EXTRAS
    ):
        found.add(f"{PLAIN} {model}")
    return found


def apply(quirks: set[str], fields: Fields, model: str) -> dict[str, msgspec.Raw | None]:
    """The changes that a server's quirks ask for: fields to set, or to take out where None."""
    if not quirks:
        return {}
    changes: dict[str, msgspec.Raw | None] = {}
    for name in HINTS:
        if name in fields and f"{name} {model}" in quirks:
            changes[name] = None
    for wanted, other in ((OLD_LIMIT, NEW_LIMIT), (NEW_LIMIT, OLD_LIMIT)):
        if f"{wanted} {model}" in quirks and other in fields:
            changes[wanted] = fields["max_completion_tokens"] if NEW_LIMIT in fields else fields[other]
            changes[other] = None
    if f"{PLAIN} {model}" in quirks:
        changes |= {
            name: msgspec.Raw(_encode(_plain(_any(fields[name])))) for name in ("messages", "tools") if name in fields
        }
    return changes


def _names(told: str, field: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(field)}(?![\w-])", told) is not None


def _plain(value: Any) -> Any:
    """The same without what we added. Only in messages and tools, whose own schemas (`parameters`) stay untouched."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if name not in EXTRAS}
        return {name: item if name in ("parameters", "function") else _plain(item) for name, item in kept.items()}
    return value
