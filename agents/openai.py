"""OpenAI's dialect. Who else speaks it (vLLM, llama.cpp, Groq …) is this kind at another base_url. Here are chat and
embeddings; pictures and speech have files of their own (`_openai_media`, `_openai_audio`).

The caller's bytes go through as they are, and so do the provider's chunks: what we do not know survives. Usage is always
asked for, because every request is counted; the chunk that brings it is withheld from a caller who did not ask.
"""

import contextlib
from typing import Any

import msgspec

from agents import _openai_audio, _openai_media, _quirks
from agents._asked import tokens_in, wants_usage
from agents._chat import ChatReader, checked, counted
from agents._chunks import usage_of
from agents._meter import tokens
from agents._normal import normal
from agents._openai_models import Listed, classified
from agents._problems import from_error_object
from agents._quirks import NO_STREAM_OPTIONS
from agents._vision import seeing
from agents.agent import Agent, Call, Tools, http
from schemas.chat import OURS
from schemas.embeddings import EmbeddingsReply
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_rows = msgspec.json.Decoder(EmbeddingsReply).decode


class _Models(msgspec.Struct):
    data: list[Listed]


def headers(tools: Tools) -> dict[str, str]:
    return {"Authorization": f"Bearer {tools.key}"} if tools.key else {}


def to_call(job: Job, tools: Tools) -> Call:
    """The caller's body, touched only where it must be: our own fields out, the native model name and the usage wish in."""
    fields = _parsed(job.body)
    tools.meter.start(lambda: tokens_in(job.body))
    return Call("/chat/completions", _body(job, fields, _changes(job, tools, fields)), headers(tools))


def otherwise(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call for a server that does not know one of its fields; remembered for the calls to come."""
    if not isinstance(call.body, bytes):
        return None
    fields = _parsed(call.body)
    model = str(_any(fields["model"]))
    learnt = _quirks.learn(refused, fields, model)
    changes = _quirks.apply(learnt, fields, model)
    if NO_STREAM_OPTIONS in learnt:
        changes["stream_options"] = None
    if not changes:
        return None
    tools.quirks |= learnt
    return msgspec.structs.replace(call, body=_merged(fields, changes))


def to_result(job: Job, tools: Tools, body: bytes) -> Done:
    """The provider's own bytes, once they are known to be a completion."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        body = normal(body)
    return Done(body=body, usage=counted(tools, checked(tools, body)))


def to_reader(job: Job, tools: Tools) -> ChatReader:
    return ChatReader(tools, keep=job.keep, wants_usage=_shows_usage(_parsed(job.body)))


def to_embed(job: Job, tools: Tools) -> Call:
    """As for chat, the caller's body goes through."""
    fields = _parsed(job.body)
    tools.meter.start(lambda: tokens(len(job.body)))
    native = tools.native(job.model)
    changes: dict[str, msgspec.Raw | None] = {}
    if "model" not in fields or _any(fields["model"]) != native:
        changes["model"] = msgspec.Raw(_encode(native))
    return Call("/embeddings", _body(job, fields, changes), headers(tools))


def embedded(job: Job, tools: Tools, body: bytes) -> Done:
    """The provider's own bytes, once they are known to be embeddings."""
    try:
        reply = _rows(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_embeddings(tools, body) from error
    if reply.usage is not None and reply.usage.prompt_tokens:
        return Done(body=body, usage=usage_of(reply.usage))
    return Done(body=body, usage=tools.meter.usage())


async def models(tools: Tools) -> list[Model]:
    """What the provider lists, and what each of them is for as far as is told."""
    reply = await tools.send(Call("/models", None, headers(tools), "GET"))
    try:
        body = await reply.read()
    finally:
        reply.close()
    try:  # Together answers a bare list
        bare = body.lstrip()[:1] == b"["
        listed = msgspec.json.decode(body, type=list[Listed]) if bare else msgspec.json.decode(body, type=_Models).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than a list of models") from error
    return classified(listed)


async def check(tools: Tools) -> None:
    """The list of models costs no tokens."""
    await models(tools)


def _parsed(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, "The body is not a JSON object") from error


def _body(job: Job, fields: dict[str, msgspec.Raw], changes: dict[str, msgspec.Raw | None]) -> bytes:
    return _merged(fields, changes) if changes or any(name in fields for name in OURS) else job.body


def _merged(fields: dict[str, msgspec.Raw], changes: dict[str, msgspec.Raw | None]) -> bytes:
    merged: dict[str, Any] = {**fields, **changes}
    return _encode({name: value for name, value in merged.items() if value is not None and name not in OURS})


def _changes(job: Job, tools: Tools, fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw | None]:
    """Fields to set, or to take out where None."""
    native = tools.native(job.model)
    changes = _quirks.apply(tools.quirks, fields, native)
    if "model" not in fields or _any(fields["model"]) != native:
        changes["model"] = msgspec.Raw(_encode(native))
    streams = "stream" in fields and _any(fields["stream"]) is True
    if streams != job.stream:
        changes["stream"] = msgspec.Raw(b"true" if job.stream else b"false")
    if not job.stream or NO_STREAM_OPTIONS in tools.quirks:
        if "stream_options" in fields:
            changes["stream_options"] = None
    elif not _shows_usage(fields):
        options = _any(fields["stream_options"]) if "stream_options" in fields else None
        changes["stream_options"] = msgspec.Raw(
            _encode({**(options if isinstance(options, dict) else {}), "include_usage": True})
        )
    return changes


def _shows_usage(fields: dict[str, msgspec.Raw]) -> bool:
    return "stream_options" in fields and wants_usage({"stream_options": _any(fields["stream_options"])})


def _no_embeddings(tools: Tools, body: bytes) -> Problem:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        parsed = _any(body)
        if isinstance(parsed, dict) and parsed.get("error"):
            return from_error_object(tools.provider.name, parsed["error"], tools.scrub)
    return tools.problem(Code.PROVIDER_GARBLED, "answered something else than embeddings")


_chat = http(to_call, to_result, to_reader, otherwise)
agent = Agent(
    handles={
        "chat": _chat,
        "embeddings": http(to_embed, embedded),
        "image_to_text": seeing(_chat),
        **_openai_media.HANDLES,
        **_openai_audio.HANDLES,
    },
    models=models,
    check=check,
)
