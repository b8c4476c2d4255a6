"""A conversation as Gemini takes it: contents of user and model, each a list of parts. Pure.

What the functions of one turn answered must come back together, in one content, by the function's name.
Sources: ai.google.dev/api/caching#Content, /gemini-api/docs/function-calling, /gemini-api/docs/thought-signatures.
"""

from typing import Any

import msgspec

from agents import _asked
from agents._images import sniff
from agents.agent import Tools

UNSIGNED = "skip_thought_signature_validator"
"""For a call that another provider made, or whose signature a client dropped (docs/thought-signatures, FAQ)."""

_decode = msgspec.json.Decoder().decode


def turns(asked: dict[str, Any], tools: Tools, *, signed: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The parts of the system instruction, and the contents. `signed`: the model refuses calls without a signature."""
    system: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    answering = False
    for message in asked["messages"]:
        role, was, answering = message["role"], answering, False
        if role in ("system", "developer"):
            system += [_part(part, tools) for part in _asked.parts(message.get("content"))]
        elif role == "assistant":
            calls = _asked.calls(message)
            names |= {call.id: call.name for call in calls}
            if parts := _model(message, calls, tools, signed):
                found.append({"role": "model", "parts": parts})
        elif role in ("tool", "function"):
            answering = True
            answer = _answer(message, names, tools)
            if was:
                found[-1]["parts"].append(answer)
            else:
                found.append({"role": "user", "parts": [answer]})
        elif parts := [_part(part, tools) for part in _asked.parts(message.get("content"))]:
            found.append({"role": "user", "parts": parts})
    return system, found


def _model(message: dict[str, Any], calls: list[_asked.Asked], tools: Tools, signed: bool) -> list[dict[str, Any]]:
    parts = [_part(part, tools) for part in _asked.parts(message.get("content"))]
    google = (message.get("extra_content") or {}).get("google") or {}
    if parts and google.get("thought_signature"):
        parts[-1]["thoughtSignature"] = google["thought_signature"]
    for place, call in enumerate(calls):
        wanted = {"name": call.name, "args": call.arguments}
        part: dict[str, Any] = {"functionCall": {"id": call.id, **wanted} if call.id else wanted}
        if call.signature or (signed and place == 0):
            part["thoughtSignature"] = call.signature or UNSIGNED
        parts.append(part)
    return parts


def _answer(message: dict[str, Any], names: dict[str, str], tools: Tools) -> dict[str, Any]:
    call = str(message.get("tool_call_id") or "")
    answer: dict[str, Any] = {"name": names.get(call) or message.get("name") or call or "tool"}
    answer["response"] = _response(_asked.text(message.get("content")))
    if call:
        answer["id"] = call
    seen = [_part(part, tools) for part in _asked.parts(message.get("content")) if part.get("type") != "text"]
    if seen:
        answer["parts"] = seen
    return {"functionResponse": answer}


def _response(text: str) -> Any:
    """An object as it is; anything else becomes the `output` of one."""
    try:
        parsed = _decode(text)
    except msgspec.DecodeError:
        parsed = None
    return msgspec.Raw(text.encode()) if isinstance(parsed, dict) else {"output": text}


def _part(part: dict[str, Any], tools: Tools) -> dict[str, Any]:
    kind, found = str(part.get("type")), _asked.media(part)
    if kind in ("text", "refusal"):
        return {"text": str(part.get(kind) or "")}
    if found is None:
        raise _asked.refusal(tools, f"takes no {kind} in a message", "messages")
    if found.data:
        return {"inlineData": {"mimeType": found.mime or _guess(found.data), "data": found.data}}
    return {"fileData": {"fileUri": found.url, **({"mimeType": found.mime} if found.mime else {})}}


def _guess(data: str) -> str:
    from base64 import b64decode
    from binascii import Error

    try:
        return sniff(b64decode(data[:64])) or "application/octet-stream"
    except (Error, ValueError):
        return "application/octet-stream"
