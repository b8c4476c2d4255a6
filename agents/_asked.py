"""What a caller asked, read for providers that speak a dialect of their own. Pure.

The request is OpenAI's `chat/completions` with a few more fields. A field that a provider has no word for is left out if
it is a hint (`seed`), and refused if leaving it out would change what comes back (`n`).
"""

import re
from typing import Any

import msgspec

from agents._meter import tokens
from agents.agent import Tools
from schemas.chat import ChatRequest
from schemas.job import Job
from schemas.problem import Code, Problem

_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Any]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_request = msgspec.json.Decoder(ChatRequest).decode
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*?;base64,", re.IGNORECASE)

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class Media(msgspec.Struct, frozen=True):
    """A picture, sound or document in a message: base64 `data` with its type, or a `url`."""

    mime: str = ""
    data: str = ""
    url: str = ""
    name: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A tool call of an earlier turn. `arguments` is a JSON object, byte for byte as the model wrote it."""

    id: str
    name: str
    arguments: msgspec.Raw
    signature: str = ""
    """Google's thought signature, from `extra_content.google.thought_signature`."""


def request(job: Job) -> dict[str, Any]:
    try:
        return _fields(job.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, "The body is not a JSON object") from error


def refusal(tools: Tools, what: str, param: str) -> Problem:
    """What this provider cannot do, as if it had said so itself. `what` goes on after its name."""
    sentence = f"{tools.provider.name} {what}"
    return Problem(Code.PROVIDER_REFUSED, sentence, param=param, provider=tools.provider.name)


def parts(content: Any) -> list[dict[str, Any]]:
    """A message's content as parts, without empty texts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    found = [part for part in content or () if isinstance(part, dict)]
    return [part for part in found if part.get("type") != "text" or part.get("text")]


def text(content: Any) -> str:
    """The words of a message; what else it holds is left out."""
    return "\n".join(str(part.get("text") or "") for part in parts(content) if part.get("type") == "text")


def media(part: dict[str, Any]) -> Media | None:
    """What an `image_url`, `input_audio` or `file` part holds; None for any other part."""
    inner = part.get(str(part.get("type")))
    match part.get("type"):
        case "image_url":
            return _of_url(str(inner.get("url") or "") if isinstance(inner, dict) else str(inner or ""))
        case "input_audio" if isinstance(inner, dict):
            kind = str(inner.get("format") or "wav")
            return Media("audio/mpeg" if kind == "mp3" else f"audio/{kind}", str(inner.get("data") or ""))
        case "file" if isinstance(inner, dict):
            name = str(inner.get("filename") or "")
            if inner.get("file_data"):
                found = _of_url(str(inner["file_data"]))
                return msgspec.structs.replace(found, name=name, mime=found.mime or "application/pdf")
            return Media(url=str(inner.get("file_id") or ""), name=name)
    return None


def functions(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools a model may call: `name`, and perhaps `description` and `parameters`."""
    found = []
    for place, tool in enumerate(asked.get("tools") or ()):
        function = tool.get("function")
        if tool.get("type", "function") != "function" or not isinstance(function, dict) or not function.get("name"):
            raise Problem(Code.INVALID_REQUEST, "Only tools of type function are served here", param=f"tools[{place}]")
        found.append(function)
    return found


def choice(asked: dict[str, Any]) -> tuple[str, str]:
    """How tools are to be chosen: auto, none, required, or function with its name; empty if the caller does not say."""
    wanted = asked.get("tool_choice")
    if isinstance(wanted, dict):
        function = wanted.get("function")
        name = str(function.get("name") or "") if isinstance(function, dict) else ""
        return ("function", name) if name else (str(wanted.get("mode") or "auto"), "")
    return str(wanted or ""), ""


def calls(message: dict[str, Any]) -> list[Asked]:
    """The tool calls of an assistant's turn."""
    found = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        google = (call.get("extra_content") or {}).get("google") or {}
        raw = arguments(str(function.get("arguments") or ""))
        name, signature = str(function.get("name") or ""), str(google.get("thought_signature") or "")
        found.append(Asked(str(call.get("id") or ""), name, raw, signature))
    return found


def arguments(written: str) -> msgspec.Raw:
    """A JSON object as it was written. What is none (a call cut short) travels inside one, so that nothing is lost."""
    if not written.strip():
        return msgspec.Raw(b"{}")
    try:
        _object(written)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.Raw(_encode({"arguments": written}))
    return msgspec.Raw(written.encode())


def shape(asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The answer's form: `("text", {})`, `("json", {})`, or `("schema", the JSON schema)`."""
    form = asked.get("response_format") or {}
    if form.get("type") == "json_schema":
        schema = (form.get("json_schema") or {}).get("schema")
        return ("schema", schema) if isinstance(schema, dict) and schema else ("json", {})
    return ("json", {}) if form.get("type") == "json_object" else ("text", {})


def limit(asked: dict[str, Any]) -> int | None:
    """Tokens of the answer, at most."""
    return asked.get("max_completion_tokens") or asked.get("max_tokens")


def stops(asked: dict[str, Any]) -> list[str]:
    stop = asked.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


def effort(asked: dict[str, Any]) -> str:
    """`reasoning_effort`, one of `EFFORTS`; empty if the caller leaves it to the provider."""
    wanted = str(asked.get("reasoning_effort") or "")
    return wanted if wanted in EFFORTS else ""


def wants_usage(asked: dict[str, Any]) -> bool:
    """Whether the caller of a stream wants the chunk that counts."""
    options = asked.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def tokens_in(body: bytes) -> int:
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


def _of_url(url: str) -> Media:
    if head := _DATA_URL.match(url):
        return Media((head[1] or "").lower(), url[head.end() :])
    return Media(url=url)
