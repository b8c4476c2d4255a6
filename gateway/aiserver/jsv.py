"""JSV, the text in which ServiceStack's clients put objects and lists into a query or a form: `{name:a,tags:[x,y]}`. Pure.

It is JSON without quotes, where a text that holds a delimiter is quoted as in CSV (`"a,b"`, with `""` for a quote). What a
newcomer would get wrong: clients also send real JSON there, so that is tried first, and nothing in JSV is a number: who
knows the type converts.
"""

from typing import Any

import msgspec

DEEPEST = 64
"""Levels of nesting that are read."""
_decode = msgspec.json.Decoder().decode
_QUOTED = frozenset('",{}[]\n\r')


def read(text: str) -> Any:
    """A value written as JSON or as JSV: dictionaries, lists, and text at the leaves. Raises `ValueError`."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return text
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        reader = _Reader(text)
        value = reader.value("", 0)
        if reader.at != len(text):
            raise ValueError(f"something follows the end at {reader.at}") from None
        return value


def read_list(text: str) -> list[Any]:
    """A list written as JSON, as JSV, or as `a,b`. Raises `ValueError`."""
    text = text.strip()
    if not text:
        return []
    if text[0] == "[":
        found = read(text)
        assert isinstance(found, list)
        return found
    if text[0] == "{":
        return [read(text)]
    reader = _Reader(text)
    items = reader.items("", 0)
    if reader.at != len(text):
        raise ValueError(f"something follows a quote at {reader.at}")
    return items


def write(value: Any) -> str:
    """Plain values (`prune`) as JSV, for a cell of CSV that holds more than one value."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(str(name), ':')}:{write(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(one) for one in value) + "]"
    if isinstance(value, bool):
        return "True" if value else "False"
    return "" if value is None else _quoted(str(value))


def _quoted(text: str, more: str = "") -> str:
    """In quotes where it would be read as something else, or lose its blanks."""
    bare = text and text == text.strip() and _QUOTED.isdisjoint(text) and not (more and more in text)
    return text if bare else '"' + text.replace('"', '""') + '"'


class _Reader:
    """Reads from `at` on."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def value(self, until: str, depth: int) -> Any:
        """The value that begins here and ends before one of `until`."""
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        self._skip()
        char = self.text[self.at : self.at + 1]
        if char == "{":
            return self._object(depth)
        if char == "[":
            self.at += 1
            found = self.items("]", depth)
            self._over("]")
            return found
        return self._quoted_text() if char == '"' else self._plain(until)

    def items(self, end: str, depth: int) -> list[Any]:
        """What stands between commas until `end` (empty: the end of the text)."""
        found: list[Any] = []
        self._skip()
        if end and self.text[self.at : self.at + 1] == end:
            return found
        while True:
            found.append(self.value("," + end, depth + 1))
            self._skip()
            if self.text[self.at : self.at + 1] != ",":
                return found
            self.at += 1

    def _object(self, depth: int) -> dict[str, Any]:
        self.at += 1
        found: dict[str, Any] = {}
        self._skip()
        while self.text[self.at : self.at + 1] != "}":
            name = self._quoted_text() if self.text[self.at : self.at + 1] == '"' else self._plain(":")
            self._skip()
            self._over(":")
            found[name] = self.value(",}", depth + 1)
            self._skip()
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
                self._skip()
            elif self.text[self.at : self.at + 1] != "}":
                raise ValueError(f"an object is not closed at {self.at}")
        self._over("}")
        return found

    def _plain(self, until: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in until:
            self.at += 1
        return self.text[start : self.at].strip()

    def _quoted_text(self) -> str:
        parts: list[str] = []
        self.at += 1
        while (end := self.text.find('"', self.at)) >= 0:
            parts.append(self.text[self.at : end])
            self.at = end + 1
            if self.text[self.at : self.at + 1] != '"':
                return '"'.join(parts)
            self.at += 1
        raise ValueError("a quote is not closed")

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _over(self, char: str) -> None:
        if self.text[self.at : self.at + 1] != char:
            raise ValueError(f"'{char}' is missing at {self.at}")
        self.at += 1
