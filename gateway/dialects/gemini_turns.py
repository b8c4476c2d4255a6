"""Gemini's contents as canonical messages. Pure.

Function calls often have no ids there: a response belongs to the earliest call of its name that has none yet. A thought's
signature travels where Google's own OpenAI wire has it, in `extra_content.google.thought_signature`.
"""

from typing import Any

import msgspec

from gateway.dialects._dialect import refuse

Raw = msgspec.Raw


class Blob(msgspec.Struct, rename="camel"):
    mime_type: str = ""
    data: str = ""
    file_uri: str = ""
    display_name: str = ""


class FunctionCall(msgspec.Struct, rename="camel"):
    name: str
    id: str = ""
    args: Raw = Raw(b"{}")


class FunctionResponse(msgspec.Struct, rename="camel"):
    name: str = ""
    id: str = ""
    response: Raw = Raw(b"{}")


class Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: Blob | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None


class Content(msgspec.Struct):
    parts: list[Part] = []
    role: str = "user"


def system(said: Content | str | None) -> list[dict[str, Any]]:
    if said is None:
        return []
    text = said if isinstance(said, str) else "\n".join(part.text or "" for part in said.parts)
    return [{"role": "system", "content": text}] if text else []


def messages(contents: list[Content]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    waiting: list[tuple[str, str]] = []
    """Calls without a response yet: (id, name)."""
    number = 0
    for place, content in enumerate(contents):
        if content.role == "model":
            message, called = _model(content.parts, number, f"contents[{place}].parts")
            number += len(called)
            waiting += called
            made.append(message)
            continue
        made += [_response(part.function_response, waiting) for part in content.parts if part.function_response]
        at = f"contents[{place}].parts"
        parts = [_part(part, f"{at}[{i}]") for i, part in enumerate(content.parts) if not part.function_response]
        if parts:
            plain = len(parts) == 1 and parts[0]["type"] == "text"
            made.append({"role": "user", "content": parts[0]["text"] if plain else parts})
    return made


def _model(parts: list[Part], number: int, at: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    called: list[tuple[str, str]] = []
    text: list[str] = []
    thought: list[str] = []
    calls: list[dict[str, Any]] = []
    for place, part in enumerate(parts):
        if part.function_call:
            call = part.function_call
            name = call.id or f"call_{number + len(calls)}"
            called.append((name, call.name))
            function = {"name": call.name, "arguments": bytes(call.args).decode()}
            made: dict[str, Any] = {"id": name, "type": "function", "function": function}
            if part.thought_signature:
                made["extra_content"] = {"google": {"thought_signature": part.thought_signature}}
            calls.append(made)
        elif part.text is None and part.thought_signature is None:
            raise refuse("A model's turn holds text and function calls here.", f"{at}[{place}]")
        else:
            (thought if part.thought else text).append(part.text or "")
            if part.thought_signature:
                message["extra_content"] = {"google": {"thought_signature": part.thought_signature}}
    if text or not calls:
        message["content"] = "".join(text)
    if thought:
        message["reasoning_content"] = "".join(thought)
    if calls:
        message["tool_calls"] = calls
    return message, called


def _response(said: FunctionResponse, waiting: list[tuple[str, str]]) -> dict[str, Any]:
    """A tool's answer. Google wraps plain text as `{"result": …}`; it travels as it is."""
    call = said.id
    for place, (name, called) in enumerate(waiting):
        if said.id == name or (not said.id and said.name == called):
            call = name
            del waiting[place]
            break
    return {"role": "tool", "tool_call_id": call or said.name, "content": bytes(said.response).decode()}


def _part(part: Part, at: str) -> dict[str, Any]:
    if part.text is not None:
        return {"type": "text", "text": part.text}
    blob = part.inline_data or part.file_data
    if blob is None:
        raise refuse("This part holds nothing that can be served here: text, inlineData or fileData.", at)
    data = plain_base64(blob.data)
    url = blob.file_uri or f"data:{blob.mime_type};base64,{data}"
    if blob.mime_type.startswith("image/") or (blob.file_uri and not blob.mime_type):
        return {"type": "image_url", "image_url": {"url": url}}
    if blob.mime_type.startswith("audio/") and blob.data:
        form = {"mpeg": "mp3", "x-wav": "wav"}.get(kind := blob.mime_type[6:], kind)
        return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
    file = {"filename": blob.display_name or "file", "file_data": url}
    return {"type": "file", "file": file}


def plain_base64(data: str) -> str:
    """Google's clients write base64 for URLs (`-` and `_`), which nobody else reads."""
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)
