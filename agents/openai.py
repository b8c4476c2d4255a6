"""OpenAI's dialect: chat. Every server that speaks it (vLLM, llama.cpp, OpenRouter, Groq) is this kind at another base_url.

The caller's bytes go through as they are, and so do the provider's chunks: what we do not know survives. Usage is always
asked for, because every request is counted; the chunk that brings it is withheld from a caller who did not ask.
"""

import re

import msgspec

from agents._chat import ChatReader, checked
from agents._chunks import usage_of
from agents.agent import Agent, Call, Tools, http, tokens
from schemas.chat import OURS, ChatRequest
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_request = msgspec.json.Decoder(ChatRequest).decode

NO_STREAM_OPTIONS = "stream_options"
"""Quirk of a server that refuses a request with this field."""

_NOT_CHAT = re.compile(
    r"embed|whisper|(^|-)tts(-|$)|dall-e|moderation|gpt-image|realtime|transcribe|^sora|^(davinci|babbage)-002"
)


class _Listed(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Listed]


def headers(tools: Tools) -> dict[str, str]:
    return {"Authorization": f"Bearer {tools.key}"} if tools.key else {}


def to_call(job: Job, tools: Tools) -> Call:
    """The caller's body, touched only where it must be: our own fields out, the native model name and the usage wish in."""
    fields = _parsed(job.body)
    changes = _changes(job, tools, fields)
    tools.meter.start(lambda: _tokens_in(job.body))
    body = job.body
    if changes or any(name in fields for name in OURS):
        merged = {**fields, **changes}
        body = _encode({name: value for name, value in merged.items() if value is not None and name not in OURS})
    return Call("/chat/completions", body, headers(tools))


def without_stream_options(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call for a server that does not know `stream_options`; remembered for the calls to come."""
    text = refused.fault.message
    if refused.code is not Code.PROVIDER_REFUSED or not ("stream_options" in text or "include_usage" in text):
        return None
    if not isinstance(call.body, bytes) or (fields := _parsed(call.body)).pop("stream_options", None) is None:
        return None
    tools.quirks.add(NO_STREAM_OPTIONS)
    return Call(call.path, _encode(fields), call.headers, call.method)


def to_result(job: Job, tools: Tools, body: bytes) -> Done:
    """The provider's own bytes, once they are known to be a completion."""
    reply = checked(tools, body)
    if reply.usage is not None:
        return Done(body=body, usage=usage_of(reply.usage))
    for choice in reply.choices:
        calls = choice.message.tool_calls
        tools.meter.chars_out += len(choice.message.content or "") + (len(_encode(calls)) if calls else 0)
    return Done(body=body, usage=tools.meter.usage())


def to_reader(job: Job, tools: Tools) -> ChatReader:
    return ChatReader(tools, keep=job.keep, wants_usage=_wants_usage(_parsed(job.body)))


async def models(tools: Tools) -> list[Model]:
    """What the provider lists, without the models that cannot chat as far as their names tell."""
    reply = await tools.send(Call("/models", None, headers(tools), "GET"))
    try:
        body = await reply.read()
    finally:
        reply.close()
    try:
        listed = msgspec.json.decode(body, type=_Models).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than a list of models") from error
    names = dict.fromkeys(model.id for model in listed if model.id)
    return [Model(name=name) for name in names if not _NOT_CHAT.search(name.lower())]


async def check(tools: Tools) -> None:
    """The list of models costs no tokens."""
    await models(tools)


def _parsed(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, "The body is not a JSON object") from error


def _changes(job: Job, tools: Tools, fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw | None]:
    """Fields to set, or to take out where None."""
    changes: dict[str, msgspec.Raw | None] = {}
    native = tools.native(job.model)
    if "model" not in fields or _any(fields["model"]) != native:
        changes["model"] = msgspec.Raw(_encode(native))
    streams = "stream" in fields and _any(fields["stream"]) is True
    if streams != job.stream:
        changes["stream"] = msgspec.Raw(b"true" if job.stream else b"false")
    if not job.stream or NO_STREAM_OPTIONS in tools.quirks:
        if "stream_options" in fields:
            changes["stream_options"] = None
    elif not _wants_usage(fields):
        options = _any(fields["stream_options"]) if "stream_options" in fields else None
        changes["stream_options"] = msgspec.Raw(
            _encode({**(options if isinstance(options, dict) else {}), "include_usage": True})
        )
    return changes


def _wants_usage(fields: dict[str, msgspec.Raw]) -> bool:
    options = _any(fields["stream_options"]) if "stream_options" in fields else None
    return isinstance(options, dict) and options.get("include_usage") is True


def _tokens_in(body: bytes) -> int:
    """A rough count of the prompt: its text at 4 characters a token; pictures and sounds count nothing."""
    try:
        messages = _request(body).messages
    except (msgspec.DecodeError, UnicodeDecodeError):
        return tokens(len(body))
    chars = 0
    for message in messages:
        if isinstance(message.content, str):
            chars += len(message.content)
        for part in message.content if isinstance(message.content, list) else ():
            chars += len(str(part.get("text") or ""))
        chars += len(_encode(message.tool_calls)) if message.tool_calls else 0
    return tokens(chars)


agent = Agent(handles={"chat": http(to_call, to_result, to_reader, without_stream_options)}, models=models, check=check)
