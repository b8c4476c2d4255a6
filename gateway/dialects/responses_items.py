"""The items of `/v1/responses` as messages. Reasoning, message and calls of one turn are one message here."""

import base64
from typing import Any

import msgspec

from gateway.dialects._dialect import refuse
from gateway.dialects._words import decode_any, encode

_KINDS = {"system", "developer", "user", "assistant"}
SEALED = "ai1:"
"""Begins the `encrypted_content` that we make: a provider's thinking blocks, to be given back byte for byte."""


class Item(msgspec.Struct):
    """One item of the input; without a type it is a message."""

    type: str = "message"
    role: str = ""
    content: str | list[dict[str, Any]] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str | list[dict[str, Any]] = ""
    summary: list[dict[str, Any]] = []
    encrypted_content: str | None = None


def messages_of(said: str | list[Item]) -> list[dict[str, Any]]:
    """The input as messages."""
    if isinstance(said, str):
        return [{"role": "user", "content": said}] if said else []
    made: list[dict[str, Any]] = []
    thought: dict[str, Any] = {}
    for place, item in enumerate(said):
        at = f"input[{place}]"
        match item.type:
            case "reasoning":
                thought = _thought(item)
            case "function_call":
                if thought or not made or made[-1]["role"] != "assistant":
                    made.append({"role": "assistant", "content": None, **thought})
                    thought = {}
                function = {"name": item.name, "arguments": item.arguments}
                call = {"id": item.call_id, "type": "function", "function": function}
                made[-1].setdefault("tool_calls", []).append(call)
            case "function_call_output":
                made.append(
                    {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.output, f"{at}.output")}
                )
            case "message" if item.role in _KINDS:
                message = {"role": item.role, "content": _content(item.content or "", f"{at}.content")}
                if item.role == "assistant":
                    message, thought = {**message, **thought}, {}
                made.append(message)
            case _:
                what = f"role '{item.role}'" if item.type == "message" else f"type '{item.type}'"
                raise refuse(f"An item of {what} can't be served here.", f"{at}.{what.split()[0]}")
    return made


def _thought(item: Item) -> dict[str, Any]:
    if (item.encrypted_content or "").startswith(SEALED):
        blocks = decode_any(base64.b64decode((item.encrypted_content or "")[len(SEALED) :]))
        text = "".join(block.get("thinking") or "" for block in blocks)
        return {"reasoning_content": text, "thinking_blocks": blocks}
    told = item.content if isinstance(item.content, list) and item.content else item.summary
    text = "\n".join(str(part.get("text") or "") for part in told)
    return {"reasoning_content": text} if text else {}


def sealed(blocks: list[dict[str, Any]]) -> str:
    """Thinking blocks as opaque text; `_thought` opens it."""
    return SEALED + base64.b64encode(encode(blocks)).decode()


def _content(said: str | list[dict[str, Any]], at: str) -> str | list[dict[str, Any]]:
    if isinstance(said, str):
        return said
    parts = [_part(part, f"{at}[{place}]") for place, part in enumerate(said)]
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts


def _part(part: dict[str, Any], at: str) -> dict[str, Any]:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part.get("text") or ""}
        case "refusal":
            return {"type": "text", "text": part.get("refusal") or ""}
        case "input_image" if part.get("image_url"):
            image = {"url": part["image_url"]}
            if part.get("detail"):
                image["detail"] = part["detail"]
            return {"type": "image_url", "image_url": image}
        case "input_file":
            file = {name: part[name] for name in ("filename", "file_data", "file_id") if part.get(name)}
            if part.get("file_url"):
                file["file_data"] = part["file_url"]
            return {"type": "file", "file": file}
        case "input_audio":
            return {"type": "input_audio", "input_audio": part.get("input_audio")}
    raise refuse(f"A part of type '{part.get('type')}' can't be served here.", f"{at}.type")
