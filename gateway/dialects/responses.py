"""`/v1/responses`, the way in: items and instructions as canonical chat.

An assistant's turn is several items there (reasoning, message, function calls) and one message here. Instructions belong to one
request only; when a later one goes on from its answer, they are left behind (OpenAI's rule).
"""

from typing import Any

import msgspec

from gateway.dialects._dialect import Place, Read, refuse
from gateway.dialects._words import NOTHING, decode_any, encode, fields_of, given
from gateway.dialects.responses_items import Item, messages_of
from gateway.parsing import parse
from schemas.job import Record, State
from schemas.problem import Code, Problem

Raw = msgspec.Raw


class Format(msgspec.Struct):
    type: str = "text"
    name: str = "output"
    schema: Raw = NOTHING
    strict: bool | None = None
    description: str | None = None


class Text(msgspec.Struct):
    format: Format | None = None
    verbosity: str | None = None


class Reasoning(msgspec.Struct):
    effort: str | None = None


class Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: Raw = NOTHING
    strict: bool | None = None


class Asked(msgspec.Struct):
    """The body of `POST /v1/responses`, as far as we read it."""

    model: str
    input: str | list[Item] = ""
    instructions: str | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | None = None
    store: bool | None = None
    stream: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    prompt: Raw = NOTHING
    conversation: Raw = NOTHING


ECHOED = (
    "instructions", "metadata", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "max_output_tokens",
    "text", "reasoning", "truncation", "previous_response_id", "user", "store", "background", "include", "max_tool_calls",
    "service_tier", "prompt_cache_key", "safety_identifier", "top_logprobs",
)  # fmt: skip
_THROUGH = (
    "temperature", "top_p", "parallel_tool_calls", "user", "service_tier", "prompt_cache_key", "safety_identifier", "seed",
    "stop", "top_k", "provider", "replyTo", "refId", "tag",
)  # fmt: skip
"""Fields that have the same name and meaning in chat."""
SPELLING = {"messages": "input", "max_completion_tokens": "max_output_tokens", "response_format": "text.format",
            "reasoning_effort": "reasoning.effort"}  # fmt: skip
_decode = msgspec.json.Decoder(Asked).decode


def to_chat(body: bytes, place: Place) -> Read:
    """`POST /v1/responses`. Raises `Problem(INVALID_REQUEST)` in the caller's spelling."""
    asked = parse(_decode, body)
    for name in ("prompt", "conversation"):
        if given(getattr(asked, name)):
            raise refuse(f"'{name}' can't be served here: send the items themselves as 'input'.", name)
    if asked.background and asked.store is False:
        raise refuse("A background response must be stored: leave 'store' out or set it to true.", "store")
    fields = fields_of(body)
    messages = messages_of(asked.input)
    if not messages and not asked.previous_response_id:
        raise refuse("'input' must not be empty.", "input")
    chat: dict[str, Any] = {"model": asked.model, "messages": _instructed(asked) + messages}
    chat |= {name: fields[name] for name in _THROUGH if name in fields and bytes(fields[name]) != b"null"}
    chat |= _settings(asked)
    if asked.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return Read(
        body=encode(chat),
        echo=encode({name: fields[name] for name in ECHOED if name in fields}),
        previous=response_number(asked.previous_response_id) if asked.previous_response_id else 0,
        background=bool(asked.background),
        store=asked.store is not False,
    )


def response_number(text: str, param: str = "previous_response_id") -> int:
    """The job behind `resp_<number>`. Raises `Problem(NOT_FOUND)`."""
    digits = text.removeprefix("resp_")
    if text.startswith("resp_") and digits.isascii() and digits.isdigit() and len(digits) <= 16 and int(digits) < 2**53:
        return int(digits)
    raise no_response(text, param)


def no_response(text: str, param: str = "previous_response_id") -> Problem:
    return Problem(Code.NOT_FOUND, f"There is no stored response '{text[:60]}' of this API key.", param=param)


def _instructed(asked: Asked) -> list[dict[str, Any]]:
    return [{"role": "system", "content": asked.instructions}] if asked.instructions else []


def _settings(asked: Asked) -> dict[str, Any]:
    text = asked.text or Text()
    found: dict[str, Any] = {}
    if asked.tools:
        found["tools"] = [_tool(tool, place) for place, tool in enumerate(asked.tools)]
    if asked.tool_choice is not None:
        found["tool_choice"] = _choice(asked.tool_choice)
    if form := _format(text.format):
        found["response_format"] = form
    if text.verbosity:
        found["verbosity"] = text.verbosity
    if asked.reasoning and asked.reasoning.effort:
        found["reasoning_effort"] = asked.reasoning.effort
    if asked.max_output_tokens is not None:
        found["max_completion_tokens"] = asked.max_output_tokens
    if asked.top_logprobs or "message.output_text.logprobs" in (asked.include or ()):
        found["logprobs"] = True
        if asked.top_logprobs:
            found["top_logprobs"] = asked.top_logprobs
    return found


def _tool(tool: Tool, place: int) -> dict[str, Any]:
    if tool.type != "function":
        raise refuse(
            f"A tool of type '{tool.type}' runs on OpenAI's own servers; only functions can be served.",
            f"tools[{place}].type",
        )
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if given(tool.parameters):
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(said: str | dict[str, Any]) -> Any:
    if isinstance(said, str):
        return said
    if said.get("type") == "function":
        return {"type": "function", "function": {"name": said.get("name")}}
    if said.get("type") == "allowed_tools":
        named = [
            {"type": "function", "function": {"name": tool.get("name")}} if tool.get("type") == "function" else tool
            for tool in said.get("tools") or ()
        ]
        return {"type": "allowed_tools", "allowed_tools": {"mode": said.get("mode", "auto"), "tools": named}}
    raise refuse(f"A tool choice of type '{said.get('type')}' can't be served here.", "tool_choice.type")


def _format(form: Format | None) -> dict[str, Any] | None:
    if form is None or form.type == "text":
        return None
    if form.type != "json_schema":
        return {"type": form.type}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema}
    if form.strict is not None:
        schema["strict"] = form.strict
    if form.description is not None:
        schema["description"] = form.description
    return {"type": "json_schema", "json_schema": schema}


class _Talk(msgspec.Struct):
    messages: list[Raw] = []


class _Said(msgspec.Struct):
    message: dict[str, Raw]


class _Completion(msgspec.Struct):
    choices: list[_Said] = []


_talk = msgspec.json.Decoder(_Talk).decode
_completion = msgspec.json.Decoder(_Completion).decode
_REMEMBERED = ("role", "content", "reasoning_content", "thinking_blocks", "tool_calls", "extra_content")


def join(read: Read, record: Record) -> Read:
    """The request behind the conversation that the stored response ended. Raises `Problem` when there is none to go on."""
    name = f"resp_{record.job.id}"
    if record.job.dialect != "responses":
        raise no_response(name)
    if record.state is not State.DONE:
        raise refuse(
            f"The response '{name}' is {record.state}; only a finished one can be gone on from.", "previous_response_id"
        )
    before, said = _talk(record.job.body).messages, _completion(record.result).choices
    if not before or not said:
        raise refuse(
            f"The response '{name}' was too large to be kept whole; send its items again.", "previous_response_id"
        )
    if record.job.echo and decode_any(record.job.echo).get("instructions"):
        before = before[1:]
    message = {field: said[0].message[field] for field in _REMEMBERED if field in said[0].message}
    now = _talk(read.body).messages
    instructed = bool(read.echo and decode_any(read.echo).get("instructions"))
    head, rest = (now[:1], now[1:]) if instructed else ([], now)
    fields = fields_of(read.body)
    whole = encode({**fields, "messages": [*head, *before, message, *rest]})
    return msgspec.structs.replace(read, body=whole)
