"""A guess at how many tokens a prompt has, for callers who ask before they send. Nobody here holds the models' vocabularies.

Four characters a token, which English prose in most vocabularies comes close to; code and other scripts have more tokens.
"""

from typing import Any

from gateway.dialects._words import encode

CHARS = 4
EACH_MESSAGE = 4
"""Tokens around a message, for its role."""
EACH_PICTURE = 1_000


def tokens_in(chat: dict[str, Any]) -> int:
    """The guess for a canonical request."""
    chars, more = 0, 0
    for message in chat["messages"]:
        more += EACH_MESSAGE
        content = message.get("content")
        if isinstance(content, str):
            chars += len(content)
        for part in content if isinstance(content, list) else ():
            if part.get("type") == "text":
                chars += len(part["text"])
            else:
                more += EACH_PICTURE
        if calls := message.get("tool_calls"):
            chars += len(encode(calls))
    if tools := chat.get("tools"):
        chars += len(encode(tools))
    return more + -(-chars // CHARS)
