"""Ollama's wire, the way in: `/api/chat`, `/api/generate`, `/api/embed` and `/api/embeddings` as canonical requests.

A stream is the default there. Tool calls have no ids, or ids that nobody sends back: a result belongs to the earliest call
of its name that has none yet. Options that only a model server of one's own knows (`num_ctx`, `mirostat`, `keep_alive`)
travel under `native.ollama`, which only an agent that speaks to Ollama reads.
"""

import time
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from gateway.dialects._dialect import Place, Read, ours, refuse
from gateway.dialects._words import NOTHING, encode, fields_of, given
from gateway.parsing import parse

Raw = msgspec.Raw


class Function(msgspec.Struct):
    name: str
    arguments: Raw = Raw(b"{}")


class Call(msgspec.Struct):
    function: Function
    id: str = ""


class Turn(msgspec.Struct):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[str] | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    name: str | None = None
    tool_call_id: str | None = None


class Common(msgspec.Struct):
    model: str
    stream: bool | None = None
    format: Raw = NOTHING
    options: dict[str, Raw] | None = None
    think: bool | str | None = None
    keep_alive: Raw = NOTHING
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Chat(Common):
    messages: list[Turn] = []
    tools: Raw = NOTHING


class Generate(Common):
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None


class Embed(msgspec.Struct):
    model: str
    input: str | list[str] = ""
    dimensions: int | None = None


class Embeddings(msgspec.Struct):
    model: str
    prompt: str = ""


CHAT_KNOWN = frozenset(Chat.__struct_fields__) - {"keep_alive"}
GENERATE_KNOWN = frozenset(Generate.__struct_fields__) - {"keep_alive"}
SPELLING = {
    "max_tokens": "options.num_predict", "stop": "options.stop", "response_format": "format",
    "temperature": "options.temperature", "top_p": "options.top_p", "seed": "options.seed", "reasoning_effort": "think",
}  # fmt: skip
_OPTIONS = {
    "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "seed": "seed", "stop": "stop",
    "num_predict": "max_tokens", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
}  # fmt: skip
"""Ollama's option -> the canonical field."""
_chat = msgspec.json.Decoder(Chat).decode
_generate = msgspec.json.Decoder(Generate).decode
_embed = msgspec.json.Decoder(Embed).decode
_embeddings = msgspec.json.Decoder(Embeddings).decode
_number = msgspec.json.Decoder(float).decode
_PICTURES = (("iVBOR", "png"), ("/9j/", "jpeg"), ("R0lG", "gif"), ("UklG", "webp"))


def chat(body: bytes, place: Place) -> Read:
    """`POST /api/chat`. No messages: the caller only wants the model loaded, which it is."""
    asked = parse(_chat, body)
    if not asked.messages:
        return _loaded(asked, b'"message":{"role":"assistant","content":""}')
    request = _request(asked, _messages(asked.messages), fields_of(body), CHAT_KNOWN)
    if given(asked.tools):
        request["tools"] = asked.tools
    return Read(body=encode(request))


def generate(body: bytes, place: Place) -> Read:
    """`POST /api/generate`. Raises `Problem(INVALID_REQUEST)` for what a chat cannot say."""
    asked = parse(_generate, body)
    for name in ("suffix", "template", "context", "raw"):
        if getattr(asked, name):
            raise refuse(f"'{name}' can't be served here: the prompt is asked as a chat.", name)
    if not asked.prompt:
        return _loaded(asked, b'"response":""')
    messages: list[dict[str, Any]] = [{"role": "system", "content": asked.system}] if asked.system else []
    messages.append({"role": "user", "content": content(asked.prompt, asked.images)})
    return Read(body=encode(_request(asked, messages, fields_of(body), GENERATE_KNOWN)))


def embed(body: bytes, place: Place) -> Read:
    asked = parse(_embed, body)
    return Read(body=_embedding(asked.model, asked.input, asked.dimensions, body))


def embeddings(body: bytes, place: Place) -> Read:
    """The older wire: one prompt, one vector."""
    asked = parse(_embeddings, body)
    return Read(body=_embedding(asked.model, asked.prompt, None, body))


def _embedding(model: str, text: str | list[str], dimensions: int | None, body: bytes) -> bytes:
    fields = fields_of(body)
    mine, foreign = ours(fields, frozenset({"model", "input", "prompt", "dimensions"}))
    request: dict[str, Any] = {"model": model, "input": text, "encoding_format": "float", **mine}
    if dimensions is not None:
        request["dimensions"] = dimensions
    if foreign:
        request["native"] = {"ollama": foreign}
    return encode(request)


def _loaded(asked: Common, told: bytes) -> Read:
    gone = bytes(asked.keep_alive) in (b"0", b'"0"', b'"0s"')
    reason = b"unload" if gone else b"load"
    head = b'{"model":%b,"created_at":"%b",%b,"done":true,"done_reason":"%b"}\n'
    return Read(answer=head % (encode(asked.model), stamp(time.time()).encode(), told, reason))


def stamp(at: float) -> str:
    """Unix seconds as Ollama writes a time."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _request(
    asked: Common, messages: list[dict[str, Any]], fields: dict[str, Raw], known: frozenset[str]
) -> dict[str, Any]:
    mine, foreign = ours(fields, known)
    request: dict[str, Any] = {"model": asked.model, "messages": messages, **mine}
    if asked.stream is not False:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    for name, value in (asked.options or {}).items():
        if name not in _OPTIONS:
            foreign.setdefault("options", {})[name] = value
        elif name != "num_predict" or _positive(value):
            request[_OPTIONS[name]] = value
    if form := _format(asked.format):
        request["response_format"] = form
    if asked.think is not None:
        foreign["think"] = encode_raw(asked.think)
        if asked.think:
            request["reasoning_effort"] = asked.think if isinstance(asked.think, str) else "medium"
    for name in ("logprobs", "top_logprobs"):
        if (value := getattr(asked, name)) is not None:
            request[name] = value
    if foreign:
        request["native"] = {"ollama": foreign}
    return request


def encode_raw(value: Any) -> Raw:
    return Raw(encode(value))


def _positive(value: Raw) -> bool:
    """`num_predict` of -1 and -2 mean: as long as it likes."""
    try:
        return _number(value) > 0
    except msgspec.DecodeError:
        raise refuse("Invalid value for 'options.num_predict': expected a number.", "options.num_predict") from None


def _format(form: Raw) -> dict[str, Any] | None:
    said = bytes(form).strip()
    if said in (b'""', b"null"):
        return None
    if said == b'"json"':
        return {"type": "json_object"}
    if not said.startswith(b"{"):
        raise refuse("'format' must be \"json\" or a JSON schema.", "format")
    return {"type": "json_schema", "json_schema": {"name": "format", "schema": form}}


def _messages(turns: list[Turn]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    waiting: list[tuple[str, str]] = []
    """Calls without a result yet: (id, name)."""
    number = 0
    for turn in turns:
        message: dict[str, Any] = {"role": turn.role, "content": content(turn.content or "", turn.images)}
        if turn.role == "tool":
            message["tool_call_id"] = _answered(turn, waiting)
        if turn.thinking:
            message["reasoning_content"] = turn.thinking
        if turn.tool_calls:
            message["tool_calls"] = []
            for call in turn.tool_calls:
                name = call.id or f"call_{number}"
                number += 1
                waiting.append((name, call.function.name))
                message["tool_calls"].append(
                    {
                        "id": name,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": bytes(call.function.arguments).decode()},
                    }
                )
        made.append(message)
    return made


def _answered(turn: Turn, waiting: list[tuple[str, str]]) -> str:
    """The id of the call this result belongs to."""
    name = turn.tool_name or turn.name
    for place, (call, called) in enumerate(waiting):
        if turn.tool_call_id == call or (not turn.tool_call_id and name in (None, called)):
            del waiting[place]
            return call
    return turn.tool_call_id or waiting.pop(0)[0] if waiting else turn.tool_call_id or "call_0"


def content(text: str, images: list[str] | None) -> str | list[dict[str, Any]]:
    if not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _picture(image)}} for image in images]


def _picture(data: str) -> str:
    kind = next((kind for start, kind in _PICTURES if data.startswith(start)), "png")
    return data if data.startswith(("data:", "http://", "https://")) else f"data:image/{kind};base64,{data}"
