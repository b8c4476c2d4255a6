"""Google's Gemini wire, the way in: `generateContent`, `embedContent`, `batchEmbedContents` and `countTokens`.

Every field may be spelt in camelCase or snake_case, as protobuf's JSON has it; the model stands in the path. What the
canonical form has no place for (safety settings, cached content, Google's own tools) travels under `native.gemini`.
"""

import re
from typing import Any, Literal

import msgspec

from gateway.dialects._dialect import Place, Read, ours, refuse
from gateway.dialects._estimate import tokens_in
from gateway.dialects._gemini_schema import camel, to_json_schema
from gateway.dialects._words import NOTHING, decode_any, encode, fields_of, given
from gateway.dialects.gemini_turns import Content, messages, system
from gateway.parsing import parse

Raw = msgspec.Raw


class Declaration(msgspec.Struct, rename="camel"):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Raw = NOTHING


class CallingConfig(msgspec.Struct, rename="camel", frozen=True):
    mode: str = "AUTO"
    allowed_function_names: list[str] = []


class ToolConfig(msgspec.Struct, rename="camel"):
    function_calling_config: CallingConfig = CallingConfig()


class Thinking(msgspec.Struct, rename="camel"):
    thinking_budget: int | None = None
    include_thoughts: bool | None = None
    thinking_level: str | None = None


class Config(msgspec.Struct, rename="camel"):
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Raw = NOTHING
    response_logprobs: bool | None = None
    logprobs: int | None = None
    thinking_config: Thinking | None = None


class Generate(msgspec.Struct, rename="camel"):
    contents: list[Content]
    system_instruction: Content | str | None = None
    tools: list[dict[str, Raw]] | None = None
    tool_config: ToolConfig | None = None
    generation_config: Raw = NOTHING


class Counting(msgspec.Struct, rename="camel"):
    contents: list[Content] = []
    generate_content_request: Raw = NOTHING


KNOWN = frozenset({"contents", "systemInstruction", "tools", "generationConfig", "model"})
"""Without toolConfig: it is translated, and travels on whole as well, for Google's says more than a tool_choice can."""
_CONFIG = frozenset(field.encode_name for field in msgspec.structs.fields(Config))
SPELLING = {
    "messages": "contents", "max_tokens": "generationConfig.maxOutputTokens", "stop": "generationConfig.stopSequences",
    "temperature": "generationConfig.temperature", "top_p": "generationConfig.topP", "seed": "generationConfig.seed",
    "n": "generationConfig.candidateCount", "response_format": "generationConfig.responseSchema",
    "tool_choice": "toolConfig.functionCallingConfig",
}  # fmt: skip
_MODES: dict[str, Literal["auto", "required", "none"]] = {
    "AUTO": "auto", "MODE_UNSPECIFIED": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none",
}  # fmt: skip
_SNAKE = re.compile(rb'"[a-z]+_[a-z_]+"\s*:')
_generate = msgspec.json.Decoder(Generate).decode
_counting = msgspec.json.Decoder(Counting).decode
_config = msgspec.json.Decoder(Config).decode
_declarations = msgspec.json.Decoder(list[Declaration]).decode


def to_chat(body: bytes, place: Place) -> Read:
    """`generateContent` and `streamGenerateContent`. Raises `Problem(INVALID_REQUEST)` in the caller's spelling."""
    return Read(body=encode(_chat(in_camel(body), place)), echo=b"array" if place.array else b"")


def count(body: bytes, place: Place) -> Read:
    """`countTokens`: a guess, and the answer's header says so."""
    body = in_camel(body)
    asked = parse(_counting, body)
    inner = bytes(asked.generate_content_request) if given(asked.generate_content_request) else body
    guess = tokens_in(_chat(inner, place))
    return Read(answer=b'{"totalTokens":%d}' % guess, flags=((b"x-ai-estimated", b"1"),))


def in_camel(body: bytes) -> bytes:
    """The body in camelCase. Most are already, and are not touched."""
    if _SNAKE.search(body) is None:
        return body
    return encode(camel(parse(decode_any, body)))


def _chat(body: bytes, place: Place) -> dict[str, Any]:
    asked = parse(_generate, body)
    mine, foreign = ours(fields_of(body), KNOWN)
    turns = system(asked.system_instruction) + messages(asked.contents)
    if not turns:
        raise refuse("'contents' must not be empty.", "contents")
    chat: dict[str, Any] = {"model": place.model, "messages": turns, **mine}
    if place.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    if given(asked.generation_config):
        chat |= _settings(bytes(asked.generation_config), foreign)
    tools, native = _tools(asked.tools or [])
    if tools:
        chat["tools"] = tools
    if native:
        foreign["tools"] = Raw(encode(native))
    if asked.tool_config is not None and tools:
        chat["tool_choice"] = _choice(asked.tool_config.function_calling_config)
    if foreign:
        chat["native"] = {"gemini": foreign}
    return chat


def _settings(body: bytes, foreign: dict[str, Any]) -> dict[str, Any]:
    config = parse(_config, body, within="generationConfig")
    thinking, budget = config.thinking_config or Thinking(), None
    if thinking.thinking_budget is not None:
        spent = thinking.thinking_budget
        budget = (
            {"type": "enabled", "budget_tokens": spent} if spent > 0 else {"type": "disabled"} if not spent else None
        )
    if rest := {name: value for name, value in fields_of(body).items() if name not in _CONFIG}:
        foreign["generationConfig"] = Raw(encode(rest))
    if config.thinking_config is not None:
        told = fields_of(body)["thinkingConfig"]
        foreign["generationConfig"] = Raw(encode({**rest, "thinkingConfig": told}))
    found = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": int(config.top_k) if config.top_k is not None else None,
        "n": config.candidate_count,
        "max_tokens": config.max_output_tokens,
        "stop": config.stop_sequences,
        "seed": config.seed,
        "presence_penalty": config.presence_penalty,
        "frequency_penalty": config.frequency_penalty,
        "response_format": _format(config),
        "logprobs": True if config.response_logprobs else None,
        "top_logprobs": config.logprobs,
        "thinking": budget,
        "reasoning_effort": thinking.thinking_level.lower() if thinking.thinking_level else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _format(config: Config) -> dict[str, Any] | None:
    if config.response_mime_type not in ("application/json", "text/x.enum"):
        return None
    schema: Any = config.response_json_schema if given(config.response_json_schema) else None
    if config.response_schema is not None:
        schema = to_json_schema(config.response_schema)
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def _tools(tools: list[dict[str, Raw]]) -> tuple[list[dict[str, Any]], list[dict[str, Raw]]]:
    """Function tools, and Google's own (search, code execution), which only Google can run."""
    made: list[dict[str, Any]] = []
    for tool in tools:
        for one in parse(_declarations, bytes(tool["functionDeclarations"])) if "functionDeclarations" in tool else ():
            function: dict[str, Any] = {"name": one.name}
            if one.description is not None:
                function["description"] = one.description
            schema: Any = one.parameters_json_schema if given(one.parameters_json_schema) else None
            if one.parameters is not None:
                schema = to_json_schema(one.parameters)
            function["parameters"] = schema or {"type": "object", "properties": {}}
            made.append({"type": "function", "function": function})
    native = [{name: value for name, value in tool.items() if name != "functionDeclarations"} for tool in tools]
    return made, [tool for tool in native if tool]


def _choice(config: CallingConfig) -> Any:
    if len(config.allowed_function_names) == 1 and config.mode.upper() == "ANY":
        return {"type": "function", "function": {"name": config.allowed_function_names[0]}}
    mode = _MODES.get(config.mode.upper())
    if mode is None:
        raise refuse(f"'{config.mode}' is no mode of calling functions.", "toolConfig.functionCallingConfig.mode")
    return mode
