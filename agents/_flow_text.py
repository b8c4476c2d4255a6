"""What the UI does with texts at the last moment, just before a workflow becomes the API's form.

What a newcomer would get wrong: `%date:yyyy-MM-dd%` and `%KSampler.seed%` in a file name and `{day|night}` in a prompt are the
UI's own inventions. A ComfyUI server takes them literally, so whoever converts has to do it.
Source: the frontend's `searchAndReplace.ts`, `formatUtil.ts` (`processDynamicPrompt`, `formatDate`).
"""

import random
import re
from collections.abc import Iterable
from datetime import datetime

from agents._flow_form import Node

_PARTS = {"d": "day", "M": "month", "h": "hour", "m": "minute", "s": "second"}
_DATE = re.compile("|".join(f"{letter}{letter}?" for letter in _PARTS) + "|yyy?y?")
_INNERMOST = re.compile(r"(?<!\\)\{([^{}]*)(?<!\\)\}")
_COMMENT = re.compile(r"/\*[\s\S]*?\*/|//.*")
_UNSAFE = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
CHOICES = 1000  # of one text


def shuffled(text: str) -> str:
    """`{a|b}` becomes one of them, from the inside out, and comments go."""
    text = _COMMENT.sub("", text)
    for _ in range(CHOICES):
        found = _INNERMOST.search(text)
        if found is None:
            break
        text = text[: found.start()] + random.choice(found[1].split("|")) + text[found.end() :]
    return text.replace("\\{", "{").replace("\\}", "}")


def replaced(text: str, nodes: Iterable[tuple[Node, dict[str, object]]], now: datetime | None = None) -> str:
    """`%date:…%` and `%<node>.<widget>%`; what names nothing stays. `nodes`: each with its values by name."""
    known = list(nodes)

    def one(match: re.Match[str]) -> str:
        name, dot, widget = match[1].partition(".")
        if not dot or "." in widget:
            return _date(name[5:], now or datetime.now()) if name.startswith("date:") else match[0]
        called = [values for node, values in known if (node.properties or {}).get("Node name for S&R") == name]
        found = called or [values for node, values in known if node.title == name]
        if not found or widget not in found[0]:
            return match[0]
        return _UNSAFE.sub("_", str(found[0][widget]))

    return re.sub(r"%([^%]+)%", one, text)


def _date(form: str, now: datetime) -> str:
    def one(match: re.Match[str]) -> str:
        token = match[0]
        if token[0] == "y":
            return str(now.year)[2:] if token == "yy" else str(now.year) if token == "yyyy" else token
        return str(getattr(now, _PARTS[token[0]])).zfill(len(token))

    return _DATE.sub(one, form)
