"""What is told of jobs, attempts and answers in spans, by OpenTelemetry's names for messaging and GenAI. Pure.

What a newcomer would get wrong: of an address only host and port go out, for the rest of it may hold a secret; and the text
of requests and answers is gathered by `messages_of` alone.
"""

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from schemas.events import Usage
from schemas.job import Job
from schemas.provider import Provider
from schemas.tracing import Facts

LONGEST = 100_000
"""Characters of a request or an answer that an event carries."""
_NAMES = {
    "gemini": "gcp.gemini", "google": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai", "azure": "azure.ai.openai",
}  # fmt: skip
"""Types and kinds of ours that the conventions spell otherwise."""


def job_facts(job: Job) -> dict[str, Any]:
    """Whose job it is stays out: keys and tenants are the archive's business."""
    return {
        "messaging.message.id": str(job.id),
        "messaging.message.body.size": len(job.body),
        "ai_server.op": job.op,
        "ai_server.attempt": job.attempt,
        "gen_ai.request.model": job.model[:200],
    }


def request_facts(job: Job, provider: Provider) -> dict[str, Any]:
    name = provider_name(provider)
    facts: dict[str, Any] = {
        "gen_ai.operation.name": job.op,
        "gen_ai.provider.name": name,
        "gen_ai.system": name,  # what it was called before: many tools still look for it
        "gen_ai.request.model": job.model,
        "gen_ai.request.stream": job.stream,
    }
    if provider.base_url:
        facts |= _server(provider.base_url)
    return facts


def _server(url: str) -> dict[str, Any]:
    """Host and port alone: the rest of an address may hold a secret."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname:
            return {
                "server.address": parts.hostname,
                "server.port": parts.port or (443 if parts.scheme == "https" else 80),
            }
    return {}


def provider_name(provider: Provider) -> str:
    """By the conventions' names where they have one: whose models answer, and not what the operator calls it."""
    if provider.kind == "openai" and not provider.type:
        host = urlsplit(provider.base_url).hostname or ""
        return "azure.ai.openai" if host.endswith(".azure.com") else "openai"
    name = provider.type or provider.kind
    return _NAMES.get(name, name)


class _Target(msgspec.Struct, frozen=True):
    url: str = ""
    method: str = "POST"


class _Callback(msgspec.Struct):
    target: _Target = _Target()


def callback_facts(job: Job) -> dict[str, Any]:
    try:
        target = _callback(job.body).target
    except msgspec.MsgspecError:
        return {}
    return {"http.request.method": target.method, **_server(target.url)}


class _Asked(msgspec.Struct):
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    model: str = ""
    id: str = ""
    choices: list[_Choice] = []


_callback = msgspec.json.Decoder(_Callback).decode
_asked_of = msgspec.json.Decoder(_Asked).decode
_answer_of = msgspec.json.Decoder(_Answer).decode


def asked_facts(job: Job) -> Facts:
    try:
        asked = _asked_of(job.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    found = {
        "gen_ai.request.max_tokens": asked.max_completion_tokens or asked.max_tokens,
        "gen_ai.request.temperature": asked.temperature,
        "gen_ai.request.top_p": asked.top_p,
        "gen_ai.request.choice.count": asked.n if asked.n != 1 else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def answered_facts(body: bytes) -> Facts:
    """What OpenAI's dialect, which is ours, says beside the text. Of a chunk too."""
    try:
        answer = _answer_of(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    told: dict[str, Any] = {"gen_ai.response.model": answer.model[:200], "gen_ai.response.id": answer.id[:200]}
    if reasons := [choice.finish_reason for choice in answer.choices if choice.finish_reason]:
        told["gen_ai.response.finish_reasons"] = reasons
    return {name: value for name, value in told.items() if value}


class _Text(msgspec.Struct):
    role: str = "assistant"
    content: Any = None


class _Choosing(msgspec.Struct):
    message: _Text = msgspec.field(default_factory=_Text)
    finish_reason: str | None = None


class _Talk(msgspec.Struct):
    """A request or an answer."""

    messages: list[_Text] | None = None
    choices: list[_Choosing] | None = None


_talk = msgspec.json.Decoder(_Talk).decode


def messages_of(body: bytes) -> str:
    """The text as the conventions have it: roles and parts. What is no chat stays as it is; too long a text is cut."""
    try:
        talk = _talk(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        talk = _Talk()
    told: list[Mapping[str, Any]] = [_message(one) for one in talk.messages or ()]
    told += [{**_message(one.message), "finish_reason": one.finish_reason} for one in talk.choices or ()]
    text = msgspec.json.encode(told) if told else body
    return text[:LONGEST].decode("utf-8", "replace")


def _message(said: _Text) -> Mapping[str, Any]:
    parts = said.content
    if not isinstance(parts, list):
        parts = [{"type": "text", "content": parts}] if parts is not None else []
    return {"role": said.role, "parts": parts}


def usage_facts(usage: Usage) -> Facts:
    found = {
        "gen_ai.usage.input_tokens": usage.tokens_in,
        "gen_ai.usage.output_tokens": usage.tokens_out,
        "gen_ai.usage.cache_read.input_tokens": usage.tokens_cached,
        "gen_ai.usage.cache_creation.input_tokens": usage.tokens_written,
        "gen_ai.usage.reasoning.output_tokens": usage.tokens_reasoning,
    }
    return {name: value for name, value in found.items() if value}
