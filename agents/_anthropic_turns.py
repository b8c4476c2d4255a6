"""A conversation as Anthropic's Messages API takes it: turns of user and assistant, each a list of blocks. Pure.

Source: platform.claude.com/docs/en/api/messages. Consecutive turns of a user are one; what tools answered comes first in it.
"""

from typing import Any

from agents import _asked
from agents.agent import Tools


def turns(asked: dict[str, Any], tools: Tools) -> list[dict[str, Any]]:
    """Turns of user and assistant. What tools answered belongs to the user, all of one turn together and first."""
    found: list[dict[str, Any]] = []
    for message in asked["messages"]:
        match message["role"]:
            case "system" | "developer":
                continue
            case "assistant":
                role, blocks = "assistant", _assistant(message, tools)
            case "tool" | "function":
                role, blocks = "user", [_tool_result(message, tools)]
            case _:
                role, blocks = "user", [_block(part, tools) for part in _asked.parts(message.get("content"))]
        if found and found[-1]["role"] == role and role == "user":
            found[-1]["content"] += blocks
        elif blocks:
            found.append({"role": role, "content": blocks})
    if found and found[-1]["role"] == "assistant" and found[-1]["content"][-1]["type"] == "text":
        last = found[-1]["content"][-1]
        last["text"] = last["text"].rstrip() or "."  # a last turn must not end in white space
    return found


def _assistant(message: dict[str, Any], tools: Tools) -> list[dict[str, Any]]:
    """Thoughts go back as they came, signature and all; a thought without one would be refused."""
    blocks = [
        {name: value for name, value in block.items() if name != "index"}
        for block in message.get("thinking_blocks") or ()
        if block.get("signature") or block.get("type") == "redacted_thinking"
    ]
    blocks += [_block(part, tools) for part in _asked.parts(message.get("content"))]
    for call in _asked.calls(message):
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    return blocks


def _tool_result(message: dict[str, Any], tools: Tools) -> dict[str, Any]:
    content = message.get("content")
    told = content if isinstance(content, str) else [_block(part, tools) for part in _asked.parts(content)]
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": str(message.get("tool_call_id") or "")}
    if told:
        result["content"] = told
    return result | {name: message[name] for name in ("is_error", "cache_control") if message.get(name)}


def _block(part: dict[str, Any], tools: Tools) -> dict[str, Any]:
    kind, found = str(part.get("type")), _asked.media(part)
    block: dict[str, Any]
    if kind == "text":
        block = {"type": "text", "text": str(part["text"])}
    elif kind == "refusal":
        block = {"type": "text", "text": str(part.get("refusal") or "")}
    elif found is None or kind == "input_audio":
        raise _asked.refusal(tools, f"takes no {kind} in a message", "messages")
    else:
        block = {"type": "image" if kind == "image_url" else "document", "source": _source(found, kind)}
        if kind == "file" and found.name:
            block["title"] = found.name
    if part.get("cache_control"):
        block["cache_control"] = part["cache_control"]
    return block


def _source(found: _asked.Media, kind: str) -> dict[str, str]:
    if found.data:
        return {"type": "base64", "media_type": found.mime or "image/png", "data": found.data}
    if kind == "file" and not found.url.startswith("http"):
        return {"type": "file", "file_id": found.url}
    return {"type": "url", "url": found.url}
