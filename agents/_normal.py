"""Where servers of OpenAI's dialect say the same thing otherwise, and how we say it: thinking is `reasoning_content`.

Most chunks need no change and are not even decoded here: a look at the bytes tells.
"""

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_SIGNS = (b'"reasoning":', b'"reasoning" :', b'"content":[', b'"content": [')
"""`reasoning`: OpenRouter, Groq and newer vLLM. Content as a list: Mistral's thinking models."""


def normal(text: bytes) -> bytes:
    """A chunk or a completion in our words. Raises `DecodeError` for what is no JSON."""
    if not any(sign in text for sign in _SIGNS):
        return text
    parsed = _decode(text)
    choices = parsed.get("choices") if isinstance(parsed, dict) else None
    spoken = [choice.get(part) for choice in _dicts(choices) for part in ("delta", "message")]
    changed = [_rewrite(message) for message in spoken if isinstance(message, dict)]
    return _encode(parsed) if any(changed) else text


def _rewrite(message: dict[str, Any]) -> bool:
    """Change it in place; whether there was anything to change."""
    thought = message.get("reasoning")
    changed = isinstance(thought, str) and message.get("reasoning_content") is None
    if changed:
        message["reasoning_content"] = thought
    if isinstance(message.get("content"), list):
        # docs.mistral.ai, "Reasoning": content is [{type: thinking, thinking: [{type: text, text}]}, {type: text, text}]
        parts = _dicts(message["content"])
        inner = [piece for part in parts if part.get("type") == "thinking" for piece in _dicts(part.get("thinking"))]
        thoughts = [str(piece.get("text") or "") for piece in inner]
        message["content"] = "".join(str(part.get("text") or "") for part in parts if part.get("type") == "text")
        if thoughts:
            message["reasoning_content"] = "".join(thoughts)
        changed = True
    return changed


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
