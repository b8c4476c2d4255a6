"""Anthropic's Messages API: a request as canonical chat. The answers are in `anthropic_answer.py`.

Tool results are parts of a user's message there and messages of their own here, so one message becomes several. What the
canonical form has no place for (betas, containers, server-side options) travels under `native.anthropic`, which only an
agent that speaks to Anthropic reads; a tool that Anthropic itself runs is refused, for no other provider could.
"""

from typing import Any, Literal

import msgspec

from gateway.dialects._dialect import Place, Read, named, ours, refuse
from gateway.dialects._estimate import tokens_in
from gateway.dialects._words import NOTHING, decode_any, encode, fields_of, given
from gateway.parsing import parse

Raw = msgspec.Raw
EMPTY = Raw(b"{}")


class Source(msgspec.Struct):
    """Where an image or a document comes from: base64, url, file, text or content."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""
    content: str | list[dict[str, Any]] = ""


class Block(msgspec.Struct):
    """Any content block; which fields count is said by `type`."""

    type: str
    text: str = ""
    source: Source | None = None
    title: str | None = None
    id: str = ""
    name: str = ""
    input: Raw = EMPTY
    tool_use_id: str = ""
    content: "str | list[Block] | None" = None
    is_error: bool | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""
    cache_control: dict[str, Any] | None = None


class Turn(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(msgspec.Struct):
    name: str = ""
    description: str | None = None
    input_schema: Raw = NOTHING
    type: str | None = None
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


class ToolChoice(msgspec.Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool = False


class Metadata(msgspec.Struct):
    user_id: str | None = None


class OutputFormat(msgspec.Struct):
    type: str
    schema: Raw = EMPTY


class OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: OutputFormat | None = None


class Messages(msgspec.Struct):
    """The body of `POST /v1/messages`."""

    model: str
    messages: list[Turn]
    max_tokens: int | None = None
    system: str | list[Block] | None = None
    stream: bool = False
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    metadata: Metadata | None = None
    thinking: dict[str, Any] | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None


KNOWN = frozenset(Messages.__struct_fields__) - {"output_config"}
"""An output_config is translated and travels on whole as well: to Anthropic an effort alone is no wish to think."""
SPELLING = {"stop": "stop_sequences", "user": "metadata.user_id", "response_format": "output_config.format"}
_decode = msgspec.json.Decoder(Messages).decode


def to_chat(body: bytes, place: Place) -> Read:
    """`POST /v1/messages`. Raises `Problem(INVALID_REQUEST)` in the caller's spelling."""
    asked = parse(_decode, body)
    if asked.max_tokens is None:
        raise refuse("Missing required parameter: 'max_tokens'.", "max_tokens")
    if asked.max_tokens < 1:
        raise refuse("'max_tokens' must be at least 1 here.", "max_tokens")
    return Read(body=encode(_chat(asked, body, place.betas)))


def count(body: bytes, place: Place) -> Read:
    """`POST /v1/messages/count_tokens`: a guess, and the answer's header says so."""
    guess = tokens_in(_chat(parse(_decode, body), body))
    return Read(answer=b'{"input_tokens":%d}' % guess, flags=((b"x-ai-estimated", b"1"),))


def _chat(asked: Messages, body: bytes, betas: tuple[str, ...] = ()) -> dict[str, Any]:
    mine, foreign = ours(fields_of(body), KNOWN)
    if betas:
        said = named(parse(decode_any, bytes(foreign.get("betas", NOTHING))))  # some callers have them in the body too
        foreign["betas"] = list(dict.fromkeys([*said, *betas]))
    chat: dict[str, Any] = {"model": asked.model, "messages": _messages(asked), **_settings(asked), **mine}
    if asked.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    if asked.tools:
        chat["tools"] = [_tool(tool, place) for place, tool in enumerate(asked.tools)]
    if asked.tool_choice:
        chat["tool_choice"] = _choice(asked.tool_choice)
        if asked.tool_choice.disable_parallel_tool_use:
            chat["parallel_tool_calls"] = False
    if foreign:
        chat["native"] = {"anthropic": foreign}
    return chat


def _settings(asked: Messages) -> dict[str, Any]:
    config = asked.output_config or OutputConfig()
    form = config.format or asked.output_format
    schema = {"type": "json_schema", "json_schema": {"name": "output", "schema": form.schema}} if form else None
    found = {
        "max_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "stop": asked.stop_sequences,
        "thinking": asked.thinking,
        "user": asked.metadata.user_id if asked.metadata else None,
        "reasoning_effort": config.effort,
        "response_format": schema,
    }
    return {name: value for name, value in found.items() if value is not None}


def _messages(asked: Messages) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if asked.system:
        made.append({"role": "system", "content": _content(asked.system, "system")})
    for place, turn in enumerate(asked.messages):
        at = f"messages[{place}].content"
        if isinstance(turn.content, str):
            made.append({"role": turn.role, "content": turn.content})
        elif turn.role == "assistant":
            made.append(_assistant(turn.content, at))
        else:
            results = [_result(block, at) for block in turn.content if block.type == "tool_result"]
            rest = [block for block in turn.content if block.type != "tool_result"]
            made += results
            if rest or not results:
                made.append({"role": turn.role, "content": _content(rest, at)})
    return made


def _assistant(blocks: list[Block], at: str) -> dict[str, Any]:
    thinking = [block for block in blocks if block.type in ("thinking", "redacted_thinking")]
    calls = [block for block in blocks if block.type == "tool_use"]
    rest = [block for block in blocks if block.type not in ("thinking", "redacted_thinking", "tool_use")]
    message: dict[str, Any] = {"role": "assistant", "content": _content(rest, at) if rest else None}
    if thinking:
        message["reasoning_content"] = "".join(block.thinking for block in thinking)
        message["thinking_blocks"] = [_thought(block) for block in thinking]
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": bytes(call.input).decode()},
            }
            for call in calls
        ]
    elif not rest:
        message["content"] = ""
    return message


def _thought(block: Block) -> dict[str, Any]:
    if block.type == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.data}
    return {"type": "thinking", "thinking": block.thinking, "signature": block.signature}


def _result(block: Block, at: str) -> dict[str, Any]:
    content = _content(block.content, at) if block.content else ""
    message: dict[str, Any] = {"role": "tool", "tool_call_id": block.tool_use_id, "content": content}
    if block.is_error:
        message["is_error"] = True
    if block.cache_control:
        message["cache_control"] = block.cache_control
    return message


def _content(content: str | list[Block], at: str) -> str | list[dict[str, Any]]:
    """One plain text stays a string: every server takes that, lists of parts only most."""
    if isinstance(content, str):
        return content
    parts = [part for place, block in enumerate(content) for part in _parts(block, f"{at}[{place}]")]
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def _parts(block: Block, at: str) -> list[dict[str, Any]]:
    match block.type:
        case "text":
            parts: list[dict[str, Any]] = [{"type": "text", "text": block.text}]
        case "image" if block.source:
            parts = [{"type": "image_url", "image_url": _image(block.source, at)}]
        case "document" if block.source:
            parts = _document(block, block.source)
        case "search_result" if isinstance(block.content, list):
            parts = [{"type": "text", "text": "\n".join(inner.text for inner in block.content)}]
        case _:
            raise refuse(f"A content block of type '{block.type}' can't be served here.", f"{at}.type")
    if block.cache_control:
        parts[-1]["cache_control"] = block.cache_control
    return parts


def _image(source: Source, at: str) -> dict[str, Any]:
    if source.type == "base64":
        return {"url": f"data:{source.media_type};base64,{source.data}"}
    if source.type == "url":
        return {"url": source.url}
    raise refuse(f"An image source of type '{source.type}' can't be served here.", f"{at}.source.type")


def _document(block: Block, source: Source) -> list[dict[str, Any]]:
    name = block.title or "document"
    match source.type:
        case "base64":
            file = {"filename": name, "file_data": f"data:{source.media_type};base64,{source.data}"}
        case "url":
            file = {"filename": name, "file_data": source.url}
        case "file":
            file = {"filename": name, "file_id": source.file_id}
        case _:
            inner = source.content
            text = inner if isinstance(inner, str) else "\n".join(str(part.get("text") or "") for part in inner)
            return [{"type": "text", "text": source.data or text}]
    return [{"type": "file", "file": file}]


def _tool(tool: Tool, place: int) -> dict[str, Any]:
    if tool.type not in (None, "custom"):
        raise refuse(
            f"'{tool.type}' is a tool that Anthropic's own servers know; here a tool has a name and an input_schema.",
            f"tools[{place}].type",
        )
    if not tool.name:
        raise refuse(f"Missing required parameter: 'tools[{place}].name'.", f"tools[{place}].name")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.input_schema if given(tool.input_schema) else {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    made: dict[str, Any] = {"type": "function", "function": function}
    if tool.cache_control:
        made["cache_control"] = tool.cache_control
    return made


def _choice(choice: ToolChoice) -> Any:
    if choice.type == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return "required" if choice.type == "any" else choice.type
